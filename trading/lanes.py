"""A lane: one symbol's records and signals in log order, cut into runs that need no second look.

Between two cuts nothing happens that depends on another lane, so a run is handled whole: a run ends
before the record that first passes a mark, and with the record that passes a minute boundary.
"""

from collections import deque
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.errors import Halt
from domain.instruments import instrument
from domain.nanos import floor_ns, iso
from domain.orders import Order
from domain.predictions import Signal
from domain.ticks import TICK_DTYPE, TickArray, event_clock
from trading.marks import Contribution
from trading.positions import NetPosition
from trading.quotes import Quote, last_tick, quote_of


class Clocking(NamedTuple):
    """Settings of event time, all in nanoseconds; see ``trading.engine.ExecutionConfig``."""

    grace_ns: int
    interval_ns: int
    mark_lag_ns: int


class Run(NamedTuple):
    """Records that a lane has taken: at least one, none but the last passes a boundary."""

    records: TickArray
    clock_ns: int


class LaneState(msgspec.Struct, forbid_unknown_fields=True):
    """What a snapshot keeps of a lane.

    Attributes
    ----------
    clock_ns
        Event time of the lane; None before its first record.
    boundary_ns
        Last minute boundary passed (0 before the first record).
    waiting
        True while the signal of ``boundary_ns`` has not been acted on.
    bid, ask, quote_recv_ns
        Last usable quote and its receive time.
    order
        The order in flight, if there is one.
    mark_quotes
        Quotes of the last decision's mark that convert this symbol's profit.
    history
        What marks that are not made yet may ask for.
    records, signals
        What has arrived and waits.
    """

    symbol: str
    clock_ns: int | None = None
    boundary_ns: int = 0
    waiting: bool = False
    bid: float | None = None
    ask: float | None = None
    quote_recv_ns: int = 0
    position: NetPosition = NetPosition()
    order: Order | None = None
    mark_quotes: dict[str, Quote] = msgspec.field(default_factory=dict)
    history: list[Contribution] = msgspec.field(default_factory=list)
    records: bytes = b""
    signals: list[Signal] = msgspec.field(default_factory=list)


class Lane:
    """One symbol of the account.

    ``state`` is the lane's own; the engine reads it, and writes ``position``, ``order`` and
    ``mark_quotes``.
    """

    def __init__(self, state: LaneState, clocking: Clocking) -> None:
        self.state = state
        self.instrument = instrument(state.symbol)
        self._clocking = clocking
        self._pending: deque[TickArray] = deque()
        self._signals = deque(state.signals)
        self._chunk: TickArray = np.empty(0, dtype=TICK_DTYPE)
        self._clock: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._row = 0
        self.add_records(np.frombuffer(state.records, dtype=TICK_DTYPE))

    def snapshot(self) -> LaneState:
        """Return the lane's state with everything that waits."""
        chunks = [self._chunk[self._row :], *self._pending]
        return msgspec.structs.replace(
            self.state,
            history=list(self.state.history),
            mark_quotes=dict(self.state.mark_quotes),
            records=b"".join(chunk.tobytes() for chunk in chunks),
            signals=list(self._signals),
        )

    def add_records(self, records: TickArray) -> None:
        """Append records in log order."""
        if len(records):
            self._pending.append(records)

    def add_signal(self, signal: Signal) -> None:
        """Append a signal in log order."""
        self._signals.append(signal)

    def take(self) -> Run | None:
        """Take the next run, or None: no records, or the lane waits for a decision.

        The engine handles the run with the lane as it was before, then calls `finish`.
        """
        if self.state.waiting or not self._load():
            return None
        state, clock, row = self.state, self._clock, self._row
        if state.clock_ns is None:
            state.clock_ns = int(clock[0])
            state.boundary_ns = floor_ns(state.clock_ns, self._clocking.interval_ns)
        first_ns = int(clock[row])
        self._remember(state.clock_ns, first_ns)
        boundary_ns = state.boundary_ns + self._clocking.interval_ns
        mark_ns = boundary_ns - self._clocking.mark_lag_ns
        end = len(clock)
        if first_ns >= boundary_ns:
            end = row + 1
        elif clock[-1] > mark_ns:
            cuts = (clock.searchsorted(mark_ns, "right"), clock.searchsorted(boundary_ns, "left"))
            end = min([end, *(int(cut) for cut in cuts if cut > row)])
        self._row = end
        return Run(self._chunk[row:end], int(clock[end - 1]))

    def finish(self, run: Run) -> int | None:
        """Move on to the end of a run; return the boundary that it passed, or None."""
        state = self.state
        tick = last_tick(run.records)
        if tick is not None:
            record = run.records[tick]
            state.bid, state.ask = float(record["bid"]), float(record["ask"])
            state.quote_recv_ns = int(record["ts_recv_ns"])
        state.clock_ns = run.clock_ns
        boundary_ns = floor_ns(run.clock_ns, self._clocking.interval_ns)
        if boundary_ns == state.boundary_ns:
            return None
        state.boundary_ns = boundary_ns
        state.waiting = True
        return boundary_ns

    def signal_due(self) -> Signal | None:
        """Return the signal that the lane waits for, if it has come; it stays until `decided`.

        Raises
        ------
        Halt
            If another boundary's signal stands first: signals and ticks are not of one log.
        """
        if not self.state.waiting or not self._signals:
            return None
        signal = self._signals[0]
        if signal.ts_event_ns != self.state.boundary_ns:
            msg = (
                f"{signal.symbol}: the ticks call for the signal of {iso(self.state.boundary_ns)}, "
                f"the signals go on with that of {iso(signal.ts_event_ns)}"
            )
            raise Halt(msg)
        return signal

    def decided(self) -> None:
        """Leave the boundary: its signal has been acted on."""
        self._signals.popleft()
        self.state.waiting = False

    def behind_ns(self) -> int:
        """Return the last boundary that this lane will never decide on again."""
        interval_ns = self._clocking.interval_ns
        return self.state.boundary_ns - (interval_ns if self.state.waiting else 0)

    def at(self, mark_ns: int) -> Contribution | None:
        """Return what the lane knew at a mark that its clock has passed, and forget older."""
        history = self.state.history
        while history and history[0].until_ns <= mark_ns:
            history.pop(0)
        return history[0] if history and history[0].since_ns <= mark_ns else None

    def quote(self) -> Quote | None:
        """Return the last usable quote, or None."""
        bid, ask = self.state.bid, self.state.ask
        return None if bid is None or ask is None else quote_of(bid, ask, self.instrument)

    def _load(self) -> bool:
        """Make sure that the next record is at hand; False if there is none."""
        if self._row < len(self._chunk):
            return True
        if not self._pending:
            return False
        self._chunk, self._row = self._pending.popleft(), 0
        clock = event_clock(self._chunk, self._clocking.grace_ns)
        if self.state.clock_ns is not None:
            clock = np.maximum(clock, self.state.clock_ns)
        self._clock = clock
        return True

    def _remember(self, since_ns: int, until_ns: int) -> None:
        """Keep the lane as it is now if a mark lies in ``[since_ns, until_ns)``."""
        _, interval_ns, lag_ns = self._clocking
        mark_ns = -(-(since_ns + lag_ns) // interval_ns) * interval_ns - lag_ns
        if mark_ns < until_ns:
            state = self.state
            state.history.append(
                Contribution(
                    since_ns, until_ns, state.bid, state.ask, state.quote_recv_ns, state.position
                )
            )
