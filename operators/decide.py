"""The keyed steps of the trading dataflow: bars, features, decisions of one symbol."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from domain.bars import Bar
from domain.predictions import FeatureVector, Prediction, Signal
from domain.ticks import TickBatch
from features.bars import BarConfig, Boundary
from features.minute_features import FeatureConfig
from models.prediction import PredictionConfig
from trading.signals import SignalConfig


class Closed(NamedTuple):
    """What a batch of ticks closed; ``wall_ns`` is when its newest tick entered the log."""

    symbol: str
    bars: list[Bar]
    boundaries: list[Boundary]
    wall_ns: int


class Considered(NamedTuple):
    """A boundary with the features of the bar that closed with it, if one did."""

    symbol: str
    boundary: Boundary
    vector: FeatureVector | None
    wall_ns: int


class Decided(NamedTuple):
    """The decision at a boundary and the predictions behind it."""

    symbol: str
    predictions: list[Prediction]
    signal: Signal
    wall_ns: int


class BarStep:
    """Ticks to bars and boundaries."""

    def __init__(self, config: BarConfig, symbol: str, state: Mapping[str, Any] | None) -> None:
        self._symbol = symbol
        self._logic = config.build(symbol, state)

    def on_batch(self, values: list[TickBatch]) -> Iterable[Closed]:
        """Fold batches; emit only where something closed."""
        for batch in values:
            out = self._logic.on_records(batch.records)
            if out.bars or out.boundaries:
                yield Closed(self._symbol, out.bars, out.boundaries, batch.wall_ns)

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state of the bars."""
        return self._logic.snapshot()


class FeatureStep:
    """Boundaries to features."""

    def __init__(self, config: FeatureConfig, symbol: str, state: Mapping[str, Any] | None) -> None:
        self._symbol = symbol
        self._logic = config.build(symbol, state)

    def on_batch(self, values: list[Closed]) -> Iterable[Considered]:
        """Compute the features of each closed 1 m bar."""
        for closed in values:
            for boundary in closed.boundaries:
                bar = boundary.bar
                vector = None if bar is None else self._logic.on_bar(bar)
                yield Considered(self._symbol, boundary, vector, closed.wall_ns)

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state of the features."""
        return self._logic.snapshot()


@dataclass(frozen=True)
class DecisionConfig:
    """Models and the rule that turns their view into a signal."""

    predictions: PredictionConfig
    signals: SignalConfig


class DecisionStep:
    """Features to predictions to a signal."""

    def __init__(
        self, config: DecisionConfig, symbol: str, state: Mapping[str, Any] | None
    ) -> None:
        parts = state or {"predictions": None, "signals": None}
        self._symbol = symbol
        self._predictions = config.predictions.build(parts["predictions"])
        self._signals = config.signals.build(symbol, parts["signals"])

    def on_batch(self, values: list[Considered]) -> Iterable[Decided]:
        """Decide at each boundary."""
        for item in values:
            yield self._decide(item)

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state of models and rule."""
        return {
            "v": 1,
            "predictions": self._predictions.snapshot(),
            "signals": self._signals.snapshot(),
        }

    def _decide(self, item: Considered) -> Decided:
        boundary, vector = item.boundary, item.vector
        predictions: list[Prediction] = []
        p_up: float | None = None
        if vector is None:
            reason = "no_bar" if boundary.bid is not None else "no_quote"
        else:
            view = self._predictions.on_vector(vector)
            predictions, p_up, reason = view.predictions, view.p_up, view.reason
            if vector.ts_event_ns != boundary.ts_event_ns:
                # The market was away for whole minutes: a view on an old bar is none.
                p_up, reason = None, "gap"
        bid, ask = boundary.bid, boundary.ask
        signal = self._signals.decide(
            boundary.ts_event_ns,
            boundary.ts_recv_ns,
            None if bid is None or ask is None else (bid, ask),
            p_up,
            reason,
        )
        return Decided(self._symbol, predictions, signal, item.wall_ns)
