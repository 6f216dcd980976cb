"""Execution quality as it happens: quotes, orders and fills in, records out; memory is bounded.

Orders and fills may lag behind the quotes, or the other way round, by up to the retention: until
then the records do not depend on who comes first, nor on how the quotes were cut into batches.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from domain.errors import Drop
from domain.orders import Execution, Order
from domain.quality import ExecutionQuality, OrderQuality, QualityCode, QualityEvent
from domain.ticks import TickArray
from trading.tca.config import TcaConfig
from trading.tca.corrections import is_correction, known_as
from trading.tca.facts import fold, slicer, was_dealt
from trading.tca.outliers import Outliers
from trading.tca.snapshots import STATE_VERSION, MonitorState, dump, load
from trading.tca.tape import BEGINNING_NS, QuoteTape, TapeState
from trading.tca.tracks import FillTrack, OrderTrack, event

Quality = ExecutionQuality | OrderQuality | QualityEvent
"""What execution quality gives out."""


class QualityMonitor:
    """Measures every fill and every order of one account.

    Parameters
    ----------
    resume_state
        A snapshot; None to begin.

    Raises
    ------
    Corrupt
        If the snapshot is of another version or not whole.

    Attributes
    ----------
    stale_benchmarks
        Benchmarks that were left out since they were missing or too old.
    stranger_fills
        Fills reported without their order: none came within the retention.
    """

    def __init__(self, config: TcaConfig, resume_state: Mapping[str, Any] | None = None) -> None:
        state = load(resume_state)
        self.config = config
        self._tapes = {
            symbol: QuoteTape(config, TapeState(symbol)) for symbol in sorted(config.symbols)
        }
        for tape in state.tapes:
            self._tapes[tape.symbol] = QuoteTape(config, tape)
        self._orders = {track.client_order_id: track for track in state.orders}
        self._fills = {track.execution.execution_id: track for track in state.fills}
        self._outliers = Outliers(config, state.outliers)
        self.stale_benchmarks = state.stale_benchmarks
        self.stranger_fills = state.stranger_fills

    def snapshot(self) -> dict[str, Any]:
        """Return all state as a plain, versioned mapping of numbers, text, bytes and lists."""
        return dump(
            MonitorState(
                STATE_VERSION,
                [tape.state() for tape in self._tapes.values()],
                [self._orders[name] for name in sorted(self._orders)],
                [self._fills[name] for name in sorted(self._fills)],
                self._outliers.state(),
                self.stale_benchmarks,
                self.stranger_fills,
            )
        )

    def on_quotes(self, symbol: str, records: TickArray) -> list[Quality]:
        """Take what the market of a symbol did next: ticks and heartbeats in log order."""
        self._append(symbol, records)
        found = self._collect()
        self._forget(symbol)
        return found

    def advance(
        self,
        quotes: Mapping[str, TickArray],
        until_ns: int,
        orders: Iterable[Order] = (),
        executions: Iterable[Execution] = (),
    ) -> list[Quality]:
        """Take the next stretch of the log at once, of every symbol as far as of the others.

        Parameters
        ----------
        until_ns
            The quotes up to there are whole.

        Raises
        ------
        Drop
            If the symbol of an order or a fill has no instrument here.
        """
        found: list[Quality] = []
        for order in orders:
            self._learn(order, "")
        for execution in executions:
            found += self._enter(execution)
        for symbol, records in quotes.items():
            self._append(symbol, records, until_ns)
        found += self._collect()
        for symbol in quotes:
            self._forget(symbol)
        return found

    def keep_up(self, quotes: Mapping[str, TickArray], until_ns: int) -> None:
        """Take quotes up to a moment before `due_ns`, at which there is nothing to give out."""
        for symbol, records in quotes.items():
            self._append(symbol, records, until_ns)
        self._answer(final=False)
        for symbol in quotes:
            self._forget(symbol)

    def due_ns(self) -> int | None:
        """Return a moment before which nothing is given out unless something new comes.

        Returns
        -------
        int or None
            Nanoseconds UTC; None while nothing is being measured.
        """
        fills = [
            fill.last_ns if fill.judged else fill.execution.ts_event_ns
            for fill in self._fills.values()
        ]
        ends = [
            track.asked.last_ns() or track.facts.ended_ns
            for track in self._orders.values()
            if track.facts is not None and track.facts.ended_ns is not None and not track.reported
        ]
        return min([*fills, *(end for end in ends if end is not None)], default=None)

    def on_order(self, order: Order, algorithm: str = "") -> list[Quality]:
        """Take an order as it stands after a change.

        Parameters
        ----------
        algorithm
            Name of the algorithm that works it; empty: that of the settings for a slice, else none,
            or as said before.

        Raises
        ------
        Drop
            If its symbol has no instrument here.
        """
        self._learn(order, algorithm)
        return self._collect()

    def on_execution(self, execution: Execution) -> list[Quality]:
        """Take a fill; a repeated one changes nothing.

        One with ``execution_ref`` takes that one back; where it is of the order's own side, it is
        what stands in its place.

        Raises
        ------
        Drop
            If its symbol has no instrument here.
        """
        return [*self._enter(execution), *self._collect()]

    def flush(self) -> list[Quality]:
        """Give out all that can be said at the end of the log: what it has not reached is unknown.

        Orders that are still open are not reported.
        """
        return self._collect(final=True)

    def _append(self, symbol: str, records: TickArray, until_ns: int = BEGINNING_NS) -> None:
        tape = self._tapes.get(symbol)
        if tape is not None:
            tape.append(records)
            tape.clock_ns = max(tape.clock_ns, until_ns)

    def _forget(self, symbol: str) -> None:
        """Drop quotes beyond the retention; orders that are not done keep the sums over them."""
        tape = self._tapes.get(symbol)
        if tape is None:
            return
        dropped = tape.forget(tape.clock_ns - self.config.retention_ns)
        if dropped is not None:
            for track in self._orders.values():
                track.remember(dropped)

    def _learn(self, order: Order, algorithm: str) -> None:
        if not was_dealt(order):
            return
        self._check(order.symbol, f"order {order.client_order_id}")
        track = self._track(order.client_order_id)
        algorithm = algorithm or slicer(order, self.config)
        track.learn(fold(track.facts, order, algorithm), self._tapes, self.config)
        track.share(self._orders, self._tapes, self.config)

    def _enter(self, execution: Execution) -> list[Quality]:
        if not was_dealt(execution):
            return []
        self._check(execution.symbol, f"execution {execution.execution_id}")
        track = self._track(execution.client_order_id)
        found: list[Quality] = []
        if execution.execution_ref:
            found = self._take_back(track, execution)
            if not is_correction(track.facts, execution):
                return found
        if execution.execution_id not in track.fills:
            track.add(execution, self._tapes, self.config)
            fill = FillTrack.of(execution, self._tapes, self.config)
            self._fills[execution.execution_id] = fill
            track.share(self._orders, self._tapes, self.config)
        return found

    def _track(self, client_order_id: str) -> OrderTrack:
        return self._orders.setdefault(client_order_id, OrderTrack(client_order_id))

    def _check(self, symbol: str, what: str) -> None:
        if symbol not in self.config.instruments:
            msg = f"{what} of {symbol}, which has no instrument: it cannot be measured"
            raise Drop(msg)

    def _take_back(self, track: OrderTrack, execution: Execution) -> list[Quality]:
        busted = known_as(execution.execution_ref, track.fills)
        if busted not in track.fills and is_correction(track.facts, execution):
            # What it stands in the place of has been taken out just before.
            return []
        parent = None if track.facts is None else self._orders.get(track.facts.parent_id)
        for holder in (track, parent):
            if holder is not None:
                holder.fills.pop(busted, None)
        if self._fills.pop(busted, None) is not None:
            return []
        # Its record is out, or may be: there is no harm in leaving out what never came.
        gone = msgspec.structs.replace(execution, execution_id=busted)
        return [event(QualityCode.BUSTED, gone, "", 0.0, 0.0)]

    def _collect(self, *, final: bool = False) -> list[Quality]:
        """Answer what can be answered, and give out what is complete, in order of time and id."""
        self._answer(final=final)
        ready = [fill for fill in self._fills.values() if fill.asked.complete()]
        found: list[Quality] = [
            *self._judge_spreads(),
            *self._report_fills(ready, final=final),
            *self._report_orders(final=final),
        ]
        self._prune()
        return found

    def _answer(self, *, final: bool) -> None:
        for order in self._orders.values():
            order.asked.answer(self._tapes, self.config, final=final or self._has_waited(order))
            order.settle_span(self._tapes)
        for fill in self._fills.values():
            late = self._is_past(fill.execution.symbol, fill.last_ns)
            fill.asked.answer(self._tapes, self.config, final=final or late)

    def _judge_spreads(self) -> list[Quality]:
        found: list[Quality] = []
        for fill in sorted(self._fills.values(), key=FillTrack.place):
            execution = fill.execution
            at_ns = execution.ts_event_ns
            if not fill.judged and fill.asked.is_answered(execution.symbol, at_ns):
                fill.judged = True
                told = fill.beyond_spread(self.config)
                found += [] if told is None else [told]
        return found

    def _report_fills(self, ready: list[FillTrack], *, final: bool) -> list[Quality]:
        found: list[Quality] = []
        for fill in sorted(ready, key=FillTrack.place):
            execution = fill.execution
            order = self._orders[execution.client_order_id]
            if not (
                order.knows_its_start() or final or self._is_past(execution.symbol, fill.last_ns)
            ):
                continue
            self.stranger_fills += order.facts is None
            quality = fill.report(order, self.config)
            self.stale_benchmarks += quality.stale_benchmarks
            found += [quality, *self._outliers.judge(quality)]
            del self._fills[execution.execution_id]
        return found

    def _report_orders(self, *, final: bool) -> list[OrderQuality]:
        found: list[OrderQuality] = []
        for track in self._orders.values():
            quality = None
            if self._is_due(track, final=final):
                quality = track.report(self.config)
            if quality is not None:
                track.reported = True
                self.stale_benchmarks += quality.stale_benchmarks
                found.append(quality)
        return sorted(found, key=lambda quality: (quality.ts_event_ns, quality.client_order_id))

    def _is_due(self, track: OrderTrack, *, final: bool) -> bool:
        """Say whether an order has ended, all its benchmarks are there, and all its fills."""
        facts = track.facts
        if track.reported or facts is None or facts.ended_ns is None:
            return False
        late = final or self._is_past(facts.symbol, facts.ended_ns)
        return track.asked.complete() and (track.has_all_fills() or late)

    def _has_waited(self, track: OrderTrack) -> bool:
        """Say whether an ended order has waited for its last benchmark as long as it may."""
        facts, last_ns = track.facts, track.asked.last_ns()
        if facts is None or facts.ended_ns is None or last_ns is None:
            return False
        return self._is_past(facts.symbol, last_ns)

    def _prune(self) -> None:
        """Forget orders that are reported, or that never came, once nothing late is expected."""
        busy = {fill.execution.client_order_id for fill in self._fills.values()}
        facts = [self._orders[name].facts for name in busy]
        busy |= {fact.parent_id for fact in facts if fact is not None}
        for name, track in list(self._orders.items()):
            if name not in busy and self._is_over(track):
                del self._orders[name]

    def _is_over(self, track: OrderTrack) -> bool:
        facts = track.facts
        if facts is None:
            return True
        ended_ns = facts.ended_ns
        return track.reported and ended_ns is not None and self._is_past(facts.symbol, ended_ns)

    def _is_past(self, symbol: str, ts_ns: int) -> bool:
        """Say whether nothing is waited for any longer that belongs to a moment."""
        tape = self._tapes.get(symbol)
        return tape is None or tape.clock_ns >= ts_ns + self.config.retention_ns
