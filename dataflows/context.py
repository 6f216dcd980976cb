"""From settings to the frozen configs of the rooms below: the one place that knows both."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from brokers.paper import PaperConfig
from config.plan import WHOLE, AnyFeed, Plan, RecordedPlan, Share, SimulatedPlan
from config.settings import Settings
from domain.errors import BadUse
from domain.nanos import MS_NS
from features.bars import BarConfig
from features.minute_features import FeatureConfig
from features.quality import QualityConfig
from features.spec import FEATURE_NAMES, SCHEMA
from models.contract import BatchModel
from models.ensemble import EnsembleConfig
from models.labels.delayed import DelayedLabels
from models.online.logistic import OnlineLogistic
from models.prediction import PredictionConfig
from operators.decide import DecisionConfig
from operators.meter import Meter
from sources.feed import TickFeed
from sources.quiesce import Quiesce
from sources.recorded import RecordedFeed
from sources.simulated import SimulatedFeed
from trading.engine import ExecutionConfig
from trading.risk import RiskLimits
from trading.signals import SignalConfig


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


def models_of(plan: Plan) -> Path:
    """Return where the models of a run are."""
    return models_dir(plan.data_dir, simulated=isinstance(plan.feed, SimulatedPlan))


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


def online_model(settings: Settings) -> OnlineLogistic | None:
    """Return the online model of a run; None where it has no weight."""
    models = settings.models
    if models.online_weight == 0:
        return None
    return OnlineLogistic(
        feature_schema=SCHEMA,
        feature_names=FEATURE_NAMES,
        labels=label_rule(settings),
        learning_rate=models.online_learning_rate,
        l2=models.online_l2,
        min_labels=models.online_min_labels,
    )


def deployed_models(settings: Settings, batch_model: str | None) -> dict[str, str]:
    """Return the id of every model that a run of these settings deploys, by role."""
    online = online_model(settings)
    models = {} if online is None else {"online": online.model_id}
    if batch_model is not None and settings.models.batch_weight > 0:
        models["batch"] = batch_model
    return models


def decision_config(context: Context) -> DecisionConfig:
    """Return models and rule, the promoted artefact loaded and verified.

    Raises
    ------
    Corrupt
        If the artefact fails its check.
    BadUse
        If it reads other features than this version computes.
    """
    settings, plan = context.settings.models, context.plan
    labels = label_rule(context.settings)
    batch = plan.batch_model if settings.batch_weight > 0 else None
    predictions = PredictionConfig(
        labels=labels,
        online=online_model(context.settings),
        batch=None if batch is None else _load(models_of(plan), batch),
        ensemble=EnsembleConfig({"online": settings.online_weight, "batch": settings.batch_weight}),
    )
    # A first build loads the libraries behind the models: before the first tick, not at it.
    predictions.build(None)
    rule = SignalConfig(
        model_id=predictions.model_id,
        horizon_ns=labels.horizon_ns,
        min_edge=context.settings.signals.min_edge,
    )
    return DecisionConfig(predictions, rule)


def _load(folder: Path, artefact: str) -> BatchModel:
    # Only who serves a model loads the runtime for it.
    from models.batch.onnx_model import OnnxModel

    model = OnnxModel.load(folder, artefact)
    if model.feature_schema != SCHEMA:
        msg = (
            f"model {artefact} reads feature schema {model.feature_schema}, this version computes "
            f"{SCHEMA}: train a new one with aifx train"
        )
        raise BadUse(msg)
    return model


def execution_config(settings: Settings, symbols: tuple[str, ...]) -> ExecutionConfig:
    """Return the account, its sizing and its limits."""
    execution = settings.execution
    return ExecutionConfig(
        symbols=symbols,
        account=execution.account,
        account_currency=execution.account_currency,
        start_balance=execution.start_balance,
        fraction=execution.fraction,
        limits=RiskLimits(
            max_position_notional=execution.max_position_notional,
            max_order_notional=execution.max_order_notional,
            max_position_units=Decimal(execution.max_position_units),
            max_price_age_ns=execution.max_price_age_ms * MS_NS,
            max_spread_pips=Decimal(str(execution.max_spread_pips)),
            max_daily_loss_fraction=execution.max_daily_loss_fraction,
        ),
        grace_ns=settings.ingest.grace_ms * MS_NS,
        lateness_ns=settings.ingest.lateness_ms * MS_NS,
    )


def paper_config(settings: Settings) -> PaperConfig:
    """Return the paper venue's settings."""
    return PaperConfig(latency_ns=settings.execution.paper_latency_ms * MS_NS)
