"""From settings to the frozen configs of the rooms below: the one place that knows both."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from config.plan import WHOLE, AnyFeed, Plan, RecordedPlan, Share, SimulatedPlan
from config.settings import Settings, settings_of
from domain.deployments import SLOTS, ModelSwitch, Slot
from domain.nanos import DAY_NS, MINUTE_NS, MS_NS
from features.bars import BarConfig
from features.minute_features import FeatureConfig
from features.quality import QualityConfig
from features.spec import FEATURE_NAMES, SCHEMA
from models.accuracy_gate import AccuracyGate
from models.drifting import DriftWatchConfig
from models.ensemble import ROLES, EnsembleConfig
from models.evaluation.sequential import SequentialTest
from models.labels.delayed import DelayedLabels
from models.online.choice import Member, OnlineChoice
from models.online.drift import DriftConfig
from models.online.forest import OnlineForest
from models.online.logistic import OnlineLogistic
from models.online.tree import OnlineTree
from models.prediction import PredictionConfig, no_models
from models.rules import RulesConfig
from models.served import Load, Loaded
from models.trials import TrialsConfig
from operators.decide import DecisionConfig
from operators.meter import Meter
from sources.feed import TickFeed
from sources.quiesce import Quiesce
from sources.recorded import RecordedFeed
from sources.simulated import SimulatedFeed
from trading.signals import SignalConfig

if TYPE_CHECKING:
    from models.registry.store import ModelStore

WATCHED_FEATURES = ("volatility_60", "spread_mean", "tick_intensity")
"""Features whose drift is told of: how much the market moves, what it costs, how busy it is."""


@dataclass(frozen=True)
class Context:
    """What a dataflow is built from.

    Attributes
    ----------
    plan, settings
        The run and its settings.
    quiesce
        How the process is asked to stop.
    meter
        Where the dataflow counts and times.
    wall_ns
        Reads the wall clock; for stamps and latency figures only.
    share
        Which part of the partitions this process has.
    """

    plan: Plan
    settings: Settings
    quiesce: Quiesce
    meter: Meter
    wall_ns: Callable[[], int]
    share: Share = WHOLE

    @property
    def partitions(self) -> tuple[int, ...]:
        """Partitions of this process, ascending."""
        return self.share.of(self.plan.address.partitions)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the feed, ascending."""
        return self.plan.feed.symbols


def models_dir(data_dir: str, *, simulated: bool) -> Path:
    """Return where the artefacts and the promotion ledger of one kind of feed are.

    What was trained on simulated ticks never serves recorded ones, nor the other way round.
    """
    return Path(data_dir) / "models" / ("simulated" if simulated else "recorded")


def models_address(settings: Settings, data_dir: str, *, simulated: bool) -> str:
    """Return the folder, or the address of the bucket, with the models of one kind of feed."""
    folder = models_dir(data_dir, simulated=simulated)
    store = settings.models.store.rstrip("/")
    return f"{store}/{folder.name}" if store else str(folder)


def open_models(settings: Settings, data_dir: str, *, simulated: bool) -> "ModelStore":
    """Open the store of artefacts, reports and promotions of one kind of feed.

    Raises
    ------
    BadUse
        If ``models.store`` is no address of a store.
    """
    # It loads the runtime of the models, which not every process needs.
    from models.registry.cache import open_store

    address = models_address(settings, data_dir, simulated=simulated)
    return open_store(address, Path(data_dir) / "models" / "cache")


def open_ledger(plan: Plan) -> "ModelStore":
    """Open the store of a run for its ledger alone: without what loads and proves models.

    Raises
    ------
    BadUse
        If ``models.store`` is no address of a store.
    """
    from models.registry.bucket import SCHEME, BucketStore
    from models.registry.store import FolderStore

    simulated = isinstance(plan.feed, SimulatedPlan)
    address = models_address(settings_of(plan.settings), plan.data_dir, simulated=simulated)
    return BucketStore(address) if address.startswith(SCHEME) else FolderStore(Path(address))


def models_of(plan: Plan) -> "ModelStore":
    """Return where the models of a run are."""
    simulated = isinstance(plan.feed, SimulatedPlan)
    return open_models(settings_of(plan.settings), plan.data_dir, simulated=simulated)


def open_feed(plan: AnyFeed) -> TickFeed:
    """Open the feed of a plan.

    Raises
    ------
    BadUse
        If it cannot be played.
    """
    match plan:
        case RecordedPlan():
            return RecordedFeed(Path(plan.path), plan.symbols, plan.from_ns, plan.to_ns)
        case SimulatedPlan():
            origin, first, last = map(date.fromisoformat, (plan.origin, plan.first, plan.last))
            return SimulatedFeed(plan.symbols, origin, first, last, plan.seed)


def quality_config(settings: Settings, symbols: tuple[str, ...]) -> QualityConfig:
    """Return the tick-quality rules."""
    ingest = settings.ingest
    return QualityConfig(
        symbols=symbols,
        future_skew_ns=ingest.future_skew_ms * MS_NS,
        grace_ns=ingest.grace_ms * MS_NS,
        heartbeat_ns=ingest.heartbeat_ms * MS_NS,
        lateness_ns=ingest.lateness_ms * MS_NS,
        gap_ns=ingest.gap_ms * MS_NS,
        learn_ticks=ingest.learn_ticks,
        spread_ratio=ingest.spread_ratio,
        spread_floor_pips=ingest.spread_floor_pips,
        spike_sigmas=ingest.spike_sigmas,
        spike_floor_pips=ingest.spike_floor_pips,
        spike_confirm_ticks=ingest.spike_confirm_ticks,
        spike_hold_ns=ingest.spike_hold_ms * MS_NS,
        stale_min_changes=ingest.stale_min_changes,
        burst_min_duplicates=ingest.burst_min_duplicates,
        burst_z_score=ingest.burst_z_score,
        one_sided_ticks=ingest.one_sided_ticks,
    )


def bar_config(settings: Settings) -> BarConfig:
    """Return the bar step's settings."""
    return BarConfig(
        timeframes=settings.bars.timeframes,
        grace_ns=settings.ingest.grace_ms * MS_NS,
        lateness_ns=settings.ingest.lateness_ms * MS_NS,
    )


def feature_config() -> FeatureConfig:
    """Return the feature step's settings."""
    return FeatureConfig()


def label_rule(settings: Settings) -> DelayedLabels:
    """Return when the answer to a bar is known."""
    return DelayedLabels(
        settings.models.horizon_ms * MS_NS, settings.models.label_tolerance_ms * MS_NS
    )


def online_model(settings: Settings) -> OnlineLogistic | OnlineChoice | None:
    """Return the online model of a run; None where it has no weight."""
    models = settings.models
    if models.online_weight == 0:
        return None
    labels, least = label_rule(settings), models.online_min_labels
    logistic = OnlineLogistic(
        feature_schema=SCHEMA,
        feature_names=FEATURE_NAMES,
        labels=labels,
        learning_rate=models.online_learning_rate,
        l2=models.online_l2,
        min_labels=least,
    )
    if models.online_kind == "logistic":
        return logistic
    members: dict[str, Member] = {
        "logistic": logistic,
        "tree": OnlineTree(SCHEMA, FEATURE_NAMES, labels, min_labels=least),
        "forest": OnlineForest(SCHEMA, FEATURE_NAMES, labels, min_labels=least),
    }
    return OnlineChoice(members, eta=1.0 / _bars_in_horizon(settings))


def rules_model(settings: Settings) -> RulesConfig | None:
    """Return the technical rules of a run; None where they have no weight."""
    return RulesConfig(SCHEMA, FEATURE_NAMES) if settings.models.rules_weight > 0 else None


def slots_of(settings: Settings) -> tuple[Slot, ...]:
    """Return the slots that have a weight: only these are deployed."""
    return tuple(slot for slot in SLOTS if slot in settings.models.weights)


def deployed_models(settings: Settings, deployments: Iterable[ModelSwitch]) -> dict[str, str]:
    """Return the id of every model that a run of these settings begins with, by place."""
    return prediction_config(settings, tuple(deployments), no_models).deployed()


def prediction_config(
    settings: Settings, deployments: tuple[ModelSwitch, ...], load: Load
) -> PredictionConfig:
    """Return the models of a run, and how they become one answer.

    Parameters
    ----------
    deployments
        Who is in which slot when it begins; slots without a weight are left out.
    load
        Loads a trained model by id.
    """
    models = settings.models
    slots = slots_of(settings)
    test = SequentialTest(alpha=models.trial_alpha, every=_bars_in_horizon(settings))
    watched = tuple((FEATURE_NAMES.index(name), name) for name in WATCHED_FEATURES)
    detectors = DriftConfig(features=watched, n_features=len(FEATURE_NAMES))
    return PredictionConfig(
        labels=label_rule(settings),
        feature_schema=SCHEMA,
        n_features=len(FEATURE_NAMES),
        ensemble=EnsembleConfig(
            weights={role: models.weights[role] for role in ROLES if role in models.weights},
            learning_rate=models.ensemble_learning_rate,
            half_life_labels=models.ensemble_half_life_labels,
            weight_floor=models.ensemble_weight_floor,
            min_members=models.min_members,
            min_weight=models.min_weight,
            min_agreement=models.min_agreement,
        ),
        trials=TrialsConfig(test, test.test_id, models.trial_max_labels),
        online=online_model(settings),
        rules=rules_model(settings),
        slots=slots,
        deployments=tuple(one for one in deployments if one.slot in slots),
        load=load,
        max_age_ns=models.max_age_days * DAY_NS,
        drift=DriftWatchConfig(detectors, models.drift_rollback) if models.drift else None,
    )


def decision_config(context: Context) -> DecisionConfig:
    """Return models, gate and rule, every trained model of the start loaded and verified.

    Raises
    ------
    Corrupt
        If an artefact fails its check.
    BadUse
        If there is none of that id, or it reads other features or another horizon.
    """
    settings, models = context.settings, context.settings.models
    predictions = prediction_config(settings, context.plan.deployments, loader(context.plan))
    # A first build loads models and libraries: before the first tick, not at it.
    predictions.build(context.symbols[0], None)
    gate = AccuracyGate(
        labels=predictions.labels,
        min_accuracy=models.min_accuracy,
        min_signals=models.min_signals,
        window_signals=models.window_signals,
        until_measured=not models.gate_until_measured,
        reopen_margin=models.gate_reopen_margin,
    )
    rule = SignalConfig(SCHEMA, predictions.labels.horizon_ns, settings.signals.min_edge)
    return DecisionConfig(predictions, gate, rule)


def loader(plan: Plan) -> Load:
    """Return what loads a trained model of a run, once for all its symbols."""
    store = models_of(plan)

    @cache
    def load(model_id: str) -> Loaded:
        # Only who serves a model loads the runtime for it.
        from models.serving import load_model

        model = load_model(store, model_id)
        return Loaded(model, model.manifest.data_last_ns, model.max_gap_ns)

    return load


def _bars_in_horizon(settings: Settings) -> int:
    """Return how many labels of one-minute bars overlap."""
    return -(-label_rule(settings).horizon_ns // MINUTE_NS)
