"""The keyed steps of the trading dataflow: bars, features, panel, join, decisions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from domain.bars import FOR_EVER, BarArray
from domain.predictions import Prediction, Signal
from domain.ticks import TickArray, TickBatch
from features.bars import BarConfig, EdgeArray
from features.minute_features import FeatureConfig
from features.minute_rows import FeatureRows, JoinConfig, JoinedRows, LocalRows, PanelSlice
from features.panel import PanelConfig, PanelInput, PanelRows
from models.prediction import ENSEMBLE, Asked, PredictionConfig, Views, predictions_of
from trading.signals import SignalConfig

PANEL_KEY = "panel"


class Closed(NamedTuple):
    """What a batch of ticks closed.

    Attributes
    ----------
    symbol
        Of everything here.
    bars, edges, late
        See `features.bars.BarOut`.
    wall_ns
        When its newest tick entered the log; for latency figures only.
    last
        True where the symbol's log ends with it.
    """

    symbol: str
    bars: BarArray
    edges: EdgeArray
    late: TickArray
    wall_ns: int
    last: bool = False


class ForSymbol(NamedTuple):
    """News for the join of one symbol: its own rows, or the others' minutes."""

    symbol: str
    item: LocalRows | PanelSlice


class Considered(NamedTuple):
    """Boundaries with the features of the bars that closed with them."""

    symbol: str
    joined: JoinedRows


class Decided(NamedTuple):
    """The decisions at some boundaries, and the views behind them.

    Attributes
    ----------
    symbol
        Of everything here.
    rows
        Features of the 1 m bars that had closed.
    views
        The models' answers to them.
    signals
        One for each boundary.
    wall_ns
        When the newest tick behind it entered the log; for latency figures only.
    """

    symbol: str
    rows: FeatureRows
    views: Views
    signals: list[Signal]
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
            if out.bars.size or out.edges.size or out.late.size or batch.last:
                yield Closed(self._symbol, *out, batch.wall_ns, batch.last)

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state of the bars."""
        return self._logic.snapshot()


class FeatureStep:
    """Closed 1 m bars to the features that a symbol knows by itself."""

    def __init__(
        self,
        config: FeatureConfig,
        decision_frame: int,
        symbol: str,
        state: Mapping[str, Any] | None,
    ) -> None:
        self._symbol = symbol
        self._frame = decision_frame
        self._logic = config.build(symbol, state)

    def on_batch(self, values: list[Closed]) -> Iterable[ForSymbol]:
        """Compute the local features of each closed 1 m bar."""
        for closed in values:
            if not closed.edges.size:
                continue
            at = np.flatnonzero(closed.bars["frame"] == self._frame)
            bars = closed.bars[at]
            edges = closed.edges.copy()
            # From a place among all bars to one among the minutes; -1 is none and stays.
            edges["bar"] = np.where(edges["bar"] < 0, -1, np.searchsorted(at, edges["bar"]))
            rows = LocalRows(bars, *self._logic.on_bars(bars), edges, closed.wall_ns)
            yield ForSymbol(self._symbol, rows)

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state of the features."""
        return self._logic.snapshot()


class PanelStep:
    """Closed 1 m bars of every symbol of the run to the panel."""

    def __init__(self, config: PanelConfig, state: Mapping[str, Any] | None) -> None:
        self._logic = config.build(state)

    def on_batch(self, values: list[PanelInput]) -> Iterable[PanelRows]:
        """Take news of any symbols."""
        rows = self._logic.on_inputs(values)
        if rows is not None:
            yield rows

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state of the panel."""
        return self._logic.snapshot()


def panel_input(closed: Closed, decision_frame: int) -> PanelInput | None:
    """Return what a panel needs of it, or None."""
    if not closed.edges.size and not closed.last:
        return None
    bars = closed.bars[closed.bars["frame"] == decision_frame]
    passed_ns = FOR_EVER if closed.last else int(closed.edges["ts_event_ns"][-1])
    return PanelInput(closed.symbol, bars["ts_event_ns"], bars["mid_close"], passed_ns)


class JoinStep:
    """A symbol's own rows joined with the panel's minute before."""

    def __init__(self, config: JoinConfig, symbol: str, state: Mapping[str, Any] | None) -> None:
        self._symbol = symbol
        self._logic = config.build(state)

    def on_batch(self, values: list[ForSymbol]) -> Iterable[Considered]:
        """Take own rows and panel minutes in any order; emit what is whole."""
        for _, item in values:
            if isinstance(item, LocalRows):
                whole = self._logic.on_local(item)
            else:
                whole = self._logic.on_panel(item)
            for joined in whole:
                yield Considered(self._symbol, joined)

    def snapshot(self) -> Mapping[str, Any]:
        """Return what waits."""
        return self._logic.snapshot()


@dataclass(frozen=True)
class DecisionConfig:
    """Models and the rule that turns their view into a signal."""

    predictions: PredictionConfig
    signals: SignalConfig

    @cached_property
    def model_ids(self) -> dict[str, str]:
        """Identity of every deployed role and of the ensemble."""
        return {**self.predictions.deployed(), ENSEMBLE: self.predictions.model_id}


class DecisionStep:
    """Features to predictions to signals."""

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
            yield self._decide(item.joined)

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state of models and rule."""
        return {
            "v": 1,
            "predictions": self._predictions.snapshot(),
            "signals": self._signals.snapshot(),
        }

    def _decide(self, joined: JoinedRows) -> Decided:
        rows = joined.rows
        bar_ns = rows.bars["ts_event_ns"]
        views = self._predictions.on_rows(
            Asked(bar_ns, rows.bars["mid_close"], rows.values, rows.ready)
        )
        p_ups, closes_ns = views.p_up.tolist(), bar_ns.tolist()
        signals: list[Signal] = []
        for ts_event, ts_recv, bar, bid, ask, verdict in joined.edges.tolist():
            quote = None if bid != bid else (bid, ask)
            p_up: float | None = None
            if bar < 0:
                reason = "no_bar" if quote is not None else "no_quote"
            elif closes_ns[bar] != ts_event:
                # The market was away for whole minutes: a view on an old bar is none.
                reason = "gap"
            else:
                answer = p_ups[bar]
                p_up = answer if answer == answer else None
                reason = "" if p_up is not None else views.why_not(bar)
            signals.append(
                self._signals.decide(ts_event, ts_recv, quote, p_up, reason, max(verdict, 0))
            )
        return Decided(self._symbol, rows, views, signals, joined.wall_ns)


def predictions(decided: Decided, config: DecisionConfig) -> list[Prediction]:
    """Return the views behind some decisions as records for the log."""
    bars = decided.rows.bars
    return predictions_of(
        decided.symbol,
        (bars["ts_event_ns"].tolist(), bars["ts_recv_ns"].tolist()),
        config.predictions.labels.horizon_ns,
        config.model_ids,
        decided.views,
    )
