"""The keyed steps of the trading dataflow: bars, features, panel, join, decisions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.bars import FOR_EVER, BarArray
from domain.deployments import ModelEvent, ModelSwitch
from domain.errors import Corrupt
from domain.predictions import Prediction, Signal
from domain.switch_records import switch_of, switch_rows
from domain.ticks import TickArray, TickBatch
from features.bars import BarConfig, EdgeArray
from features.minute_features import FeatureConfig
from features.minute_rows import FeatureRows, JoinConfig, JoinedRows, LocalRows, PanelSlice
from features.panel import PanelConfig, PanelInput, PanelRows
from models.accuracy_gate import AccuracyGate, GateChange
from models.prediction import PredictionConfig
from models.views import Asked, Views, predictions_of
from trading.signals import SignalConfig, View

PANEL_KEY = "panel"
DECISION_STATE = 2
"""Version of the state of a decision step."""


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
    switches
        Switches of models that stand before all of it in the log, in order.
    """

    symbol: str
    bars: BarArray
    edges: EdgeArray
    late: TickArray
    wall_ns: int
    last: bool = False
    switches: tuple[ModelSwitch, ...] = ()


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
    events
        What became of models and gate with them, in order.
    """

    symbol: str
    rows: FeatureRows
    views: Views
    signals: list[Signal]
    wall_ns: int
    events: list[ModelEvent]


class BarStep:
    """Ticks to bars and boundaries, with the switches of models in their places between."""

    def __init__(self, config: BarConfig, symbol: str, state: Mapping[str, Any] | None) -> None:
        self._symbol = symbol
        self._logic = config.build(symbol, state)

    def on_batch(self, values: list[TickBatch]) -> Iterable[Closed]:
        """Fold batches; emit only where something closed or a model is switched."""
        for batch in values:
            records, begin = batch.records, 0
            switches: tuple[ModelSwitch, ...] = ()
            for row in switch_rows(records).tolist():
                if row > begin:
                    yield from self._fold(records[begin:row], batch.wall_ns, switches)
                    switches = ()
                switches += (self._in_time(switch_of(records[row : row + 1])),)
                begin = row + 1
            yield from self._fold(records[begin:], batch.wall_ns, switches, last=batch.last)

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state of the bars."""
        return self._logic.snapshot()

    def _fold(
        self,
        records: TickArray,
        wall_ns: int,
        switches: tuple[ModelSwitch, ...],
        *,
        last: bool = False,
    ) -> Iterable[Closed]:
        out = self._logic.on_records(records)
        if out.bars.size or out.edges.size or out.late.size or switches or last:
            yield Closed(self._symbol, *out, wall_ns, last, switches)

    def _in_time(self, switch: ModelSwitch) -> ModelSwitch:
        """Return a switch that holds from the next boundary on, if it comes later than it says.

        A boundary that was passed may have been decided already, or not, as batches fall.
        """
        passed_ns = self._logic.boundary_ns
        if switch.effective_ns > passed_ns:
            return switch
        return msgspec.structs.replace(switch, effective_ns=passed_ns + 1)


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
            if not closed.edges.size and not closed.switches:
                continue
            at = np.flatnonzero(closed.bars["frame"] == self._frame)
            bars = closed.bars[at]
            edges = closed.edges.copy()
            # From a place among all bars to one among the minutes; -1 is none and stays.
            edges["bar"] = np.where(edges["bar"] < 0, -1, np.searchsorted(at, edges["bar"]))
            rows = LocalRows(
                bars, *self._logic.on_bars(bars), edges, closed.wall_ns, closed.switches
            )
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
    """Models, the gate on their accuracy, and the rule that turns their view into a signal."""

    predictions: PredictionConfig
    gate: AccuracyGate
    signals: SignalConfig


class DecisionStep:
    """Features to predictions to signals."""

    def __init__(
        self, config: DecisionConfig, symbol: str, state: Mapping[str, Any] | None
    ) -> None:
        parts = state or {"v": DECISION_STATE, "predictions": None, "gate": None, "signals": None}
        if parts["v"] != DECISION_STATE:
            msg = f"decision state v{parts['v']}; this code knows v{DECISION_STATE}"
            raise Corrupt(msg)
        self._symbol = symbol
        self._rule = config.signals
        self._predictions = config.predictions.build(symbol, parts["predictions"])
        self._gate = config.gate.build(parts["gate"])
        self._signals = config.signals.build(symbol, parts["signals"])

    def on_batch(self, values: list[Considered]) -> Iterable[Decided]:
        """Decide at each boundary."""
        for item in values:
            yield self._decide(item.joined)

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state of models, gate and rule."""
        return {
            "v": DECISION_STATE,
            "predictions": self._predictions.snapshot(),
            "gate": self._gate.snapshot(),
            "signals": self._signals.snapshot(),
        }

    def _decide(self, joined: JoinedRows) -> Decided:
        self._predictions.on_switches(joined.switches)
        rows = joined.rows
        bar_ns, mid = rows.bars["ts_event_ns"], rows.bars["mid_close"]
        views = self._predictions.on_rows(Asked(bar_ns, mid, rows.values, rows.ready))
        decided = _decided_rows(joined.edges, bar_ns)
        asks = decided & self._rule.asks(views.p_up, views.agrees())
        gated = self._gate.on_rows(bar_ns, mid, views.p_up, asks)
        events = views.events + [self._gate_event(int(bar_ns[c.row]), c) for c in gated.changes]
        p_ups, closes_ns, is_open = views.p_up.tolist(), bar_ns.tolist(), gated.is_open.tolist()
        # Which ensemble it was where no bar closed: that of the last bar before.
        before = np.searchsorted(bar_ns, joined.edges["ts_event_ns"], side="right").tolist()
        signals: list[Signal] = []
        for (ts_event, ts_recv, bar, bid, ask, verdict), after in zip(
            joined.edges.tolist(), before, strict=True
        ):
            quote = None if bid != bid else (bid, ask)
            model_id = views.rows[after - 1].model_id if after else views.before_id
            if bar < 0:
                view = View(model_id, None, "no_bar" if quote is not None else "no_quote")
            elif closes_ns[bar] != ts_event:
                # The market was away for whole minutes: a view on an old bar is none.
                view = View(model_id, None, "gap")
            else:
                row, p_up = views.rows[bar], p_ups[bar]
                seen = p_up == p_up
                view = View(
                    model_id=row.model_id,
                    p_up=p_up if seen else None,
                    reason="" if seen else views.why_not(bar),
                    votes=row.votes,
                    agreement=row.agreement,
                    agrees=row.agrees,
                    may_risk=is_open[bar],
                )
            signals.append(self._signals.decide(ts_event, ts_recv, quote, view, max(verdict, 0)))
        events.sort(key=lambda event: event.ts_event_ns)
        return Decided(self._symbol, rows, views, signals, joined.wall_ns, events)

    def _gate_event(self, ts_ns: int, change: GateChange) -> ModelEvent:
        return ModelEvent(
            symbol=self._symbol,
            ts_event_ns=ts_ns,
            kind="gate",
            slot="",
            artefact_id="",
            before_id="",
            stage="",
            reason=f"{'opened' if change.is_open else 'closed'}: {change.reason}",
        )


def _decided_rows(edges: EdgeArray, bar_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return on which bars a decision is made: those that closed with their own boundary."""
    decided = np.zeros(bar_ns.size, dtype=np.bool_)
    bars = edges["bar"]
    bars = bars[bars >= 0]
    decided[bars] = bar_ns[bars] == edges["ts_event_ns"][edges["bar"] >= 0]
    return decided


def predictions(decided: Decided, config: DecisionConfig) -> list[Prediction]:
    """Return the views behind some decisions as records for the log."""
    bars = decided.rows.bars
    return predictions_of(
        decided.symbol,
        (bars["ts_event_ns"].tolist(), bars["ts_recv_ns"].tolist()),
        config.predictions.labels.horizon_ns,
        decided.views,
    )
