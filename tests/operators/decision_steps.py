"""The keyed steps from ticks to signals without an engine, and models that need no training."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.bars import records_of
from domain.deployments import ModelSwitch, Stage
from domain.nanos import MINUTE_NS
from domain.ticks import TickBatch
from domain.topics import encode
from features.bars import BarConfig
from features.minute_features import FeatureConfig
from features.minute_rows import JoinConfig, slice_of, vectors_of
from features.panel import PanelConfig, PanelInput
from features.spec import FEATURE_NAMES, SCHEMA
from models.accuracy_gate import AccuracyGate
from models.contract import Role
from models.ensemble import EnsembleConfig
from models.evaluation.sequential import SequentialTest
from models.labels.delayed import DelayedLabels
from models.online.logistic import OnlineLogistic
from models.prediction import PredictionConfig
from models.served import Loaded
from models.trials import TrialsConfig
from operators.decide import (
    BarStep,
    Closed,
    Considered,
    Decided,
    DecisionConfig,
    DecisionStep,
    FeatureStep,
    ForSymbol,
    JoinStep,
    PanelStep,
    panel_input,
    predictions,
)
from trading.signals import SignalConfig

HORIZON_NS = 3 * MINUTE_NS
MIN_LABELS = 20


TRAINED = "ab" * 16
"""Id of the artefact that stands in the first slot."""


@dataclass(frozen=True)
class ByReturn:
    """A trained model that follows the last return: enough to make signals of every kind."""

    role: Role = "xgboost"
    model_id: str = TRAINED
    feature_schema: str = SCHEMA
    horizon_ns: int = HORIZON_NS
    window: int = 1
    golden_sha256: str = "golden"

    def predict_windows(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logistic of the last return of each window."""
        answers: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-x[:, -1, 0] / 2.0))
        return answers


def decision_config() -> DecisionConfig:
    """Return an online and a trained model, rules, a gate that never closes, and the rule."""
    labels = DelayedLabels(HORIZON_NS)
    models = PredictionConfig(
        labels=labels,
        feature_schema=SCHEMA,
        n_features=len(FEATURE_NAMES),
        # Both must answer, so that the online model's warm-up is seen in the signals.
        ensemble=EnsembleConfig(min_members=2, min_weight=0.0),
        trials=TrialsConfig(SequentialTest(), "test"),
        online=OnlineLogistic(SCHEMA, FEATURE_NAMES, labels, min_labels=MIN_LABELS),
        slots=("xgboost",),
        deployments=(ModelSwitch("xgboost", TRAINED, Stage.CHAMPION, 0),),
        load=lambda _: Loaded(ByReturn(), 0, MINUTE_NS),
    )
    gate = AccuracyGate(labels, min_accuracy=0.0)
    return DecisionConfig(models, gate, SignalConfig(SCHEMA, HORIZON_NS))


CONFIG = decision_config()


@dataclass
class Out:
    """Everything that the steps give for one symbol, as it goes to the log."""

    bars: list[bytes] = field(default_factory=list)
    vectors: list[bytes] = field(default_factory=list)
    predictions: list[bytes] = field(default_factory=list)
    signals: list[bytes] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)

    def closed(self, closed: Closed, timeframes: tuple[str, ...]) -> None:
        """Take bars."""
        records = records_of(closed.symbol, timeframes, closed.bars)
        self.bars.extend(encode(bar) for bar in records)

    def decided(self, decided: Decided) -> None:
        """Take features, views and signals."""
        self.vectors.extend(encode(v) for v in vectors_of(decided.symbol, decided.rows))
        self.predictions.extend(encode(p) for p in predictions(decided, CONFIG))
        self.signals.extend(encode(signal) for signal in decided.signals)
        self.events.extend(encode(event) for event in decided.events)

    def extend(self, other: "Out") -> None:
        """Take what another run gave afterwards."""
        for mine, theirs in zip(self.parts(), other.parts(), strict=True):
            mine.extend(theirs)

    def parts(self) -> tuple[list[bytes], ...]:
        """Return all of it."""
        return self.bars, self.vectors, self.predictions, self.signals, self.events


class Way:
    """The steps of some symbols, one after the other, as the dataflow wires them."""

    def __init__(
        self,
        symbols: Sequence[str] = ("EURUSD",),
        state: Mapping[str, Any] | None = None,
        bars: BarConfig | None = None,
    ) -> None:
        config = bars or BarConfig()
        self.symbols = tuple(symbols)
        self.timeframes = config.ordered
        self.frame = frame = config.decision_frame
        features, join = FeatureConfig(), JoinConfig()
        steps: dict[str, Any] = {name: dict.fromkeys(symbols) for name in _KEYED}
        saved = state or {**steps, "panel": None}
        self.panel = PanelStep(PanelConfig(self.symbols), saved["panel"])
        self.bars = {s: BarStep(config, s, saved["bars"][s]) for s in symbols}
        self.features = {s: FeatureStep(features, frame, s, saved["features"][s]) for s in symbols}
        self.joins = {s: JoinStep(join, s, saved["joins"][s]) for s in symbols}
        self.decisions = {s: DecisionStep(CONFIG, s, saved["decisions"][s]) for s in symbols}
        self.out = {s: Out() for s in symbols}
        self.all: list[Decided] = []

    def feed(self, batches: Iterable[TickBatch]) -> list[Decided]:
        """Pass batches through; keep and return what is decided."""
        before = len(self.all)
        for batch in batches:
            for closed in self.bars[batch.symbol].on_batch([batch]):
                self.out[closed.symbol].closed(closed, self.timeframes)
                self._join(self.features[closed.symbol].on_batch([closed]))
                news = panel_input(closed, self.frame)
                if news is not None:
                    self._panel([news])
        return self.all[before:]

    def snapshot(self) -> dict[str, Any]:
        """Return the state of all steps, through text."""
        state = {
            name: {s: step.snapshot() for s, step in getattr(self, name).items()} for name in _KEYED
        }
        plain: dict[str, Any] = json.loads(json.dumps({**state, "panel": self.panel.snapshot()}))
        return plain

    def _panel(self, news: list[PanelInput]) -> None:
        for rows in self.panel.on_batch(news):
            self._join(
                ForSymbol(symbol, slice_of(rows, place))
                for place, symbol in enumerate(self.symbols)
            )

    def _join(self, items: Iterable[ForSymbol]) -> None:
        for item in items:
            self._decide(self.joins[item.symbol].on_batch([item]))

    def _decide(self, items: Iterable[Considered]) -> None:
        for item in items:
            for decided in self.decisions[item.symbol].on_batch([item]):
                self.all.append(decided)
                self.out[item.symbol].decided(decided)


_KEYED = ("bars", "features", "joins", "decisions")
