"""A lane: one symbol's records and signals in log order, cut into runs that need no second look.

A run ends with the record that passes a minute boundary. While an order is in flight, or a position
is held that the venue charges, a run also ends before a record that passes a mark, since what the
account has at the mark is only known then; otherwise nothing can happen on the way, and what marks
may ask for is noted as the run is taken. While parents or groups are at work a run ends as well
before the record that they are to be looked at.
"""

from collections import deque
from collections.abc import Mapping
from decimal import Decimal

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from domain.errors import Halt
from domain.instruments import instrument
from domain.nanos import floor_ns, iso
from domain.predictions import Signal
from domain.switch_records import without_switches
from domain.ticks import TICK_DTYPE, TickArray, event_clock
from trading.accounts.held import HeldPosition
from trading.accounts.trades import Trades
from trading.conversion import legs
from trading.cuts import Clocking, Cuts, Price, cut
from trading.marks import Contribution
from trading.positions import NetPosition
from trading.quotes import Quote, last_sound_tick, quote_of


class Run(msgspec.Struct, frozen=True, gc=False):
    """Rows ``[start, end)`` of the batch at hand: at least one, only the last passes a boundary.

    ``price`` is the last sound quote of the batch up to its end, or None.
    """

    start: int
    end: int
    clock_ns: int
    price: Price | None


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
        Last sound quote and its receive time.
    trades
        Open trades, oldest first; left out on a netting account.
    charged_account
        What the venue has booked beside fills so far, where it plays the log (below 0 it was taken
        from us), account currency; None once a part could not be converted, left out before the
        first.
    buy_units, sell_units
        Base units (>= 0) that orders at the venue could still fill.
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
    trades: Trades | UnsetType = UNSET
    charged_account: Decimal | UnsetType | None = UNSET
    buy_units: Decimal = Decimal(0)
    sell_units: Decimal = Decimal(0)
    mark_quotes: dict[str, Quote] = msgspec.field(default_factory=dict)
    history: list[Contribution] = msgspec.field(default_factory=list)
    records: bytes = b""
    signals: list[Signal] = msgspec.field(default_factory=list)

    @property
    def held(self) -> HeldPosition:
        """What is held of the symbol."""
        return HeldPosition(self.position, () if self.trades is UNSET else self.trades)

    def hold(self, held: HeldPosition, *, apart: bool) -> None:
        """Put what is held after a fill; ``apart`` where the account keeps trades apart."""
        self.position = held.position
        if apart:
            self.trades = held.trades

    def charge(self, amount_account: Decimal | None) -> None:
        """Book money beside any fill; what cannot be converted makes equity unknown."""
        before = Decimal(0) if self.charged_account is UNSET else self.charged_account
        if before is None or amount_account is None:
            self.charged_account = None
        else:
            self.charged_account = before + amount_account


class Lane:
    """One symbol of the account.

    ``state`` is the lane's own; the engine reads it, and writes what is held, what was charged and
    what may fill. ``look_due_ns`` is the receive time from which a record waits until parents and
    groups have been looked at; None while none is at work.
    """

    look_due_ns: int | None = None

    def __init__(self, state: LaneState, clocking: Clocking, account_currency: str) -> None:
        self.state = state
        self.instrument = instrument(state.symbol)
        self._clocking = clocking
        self._needed = legs(self.instrument.quote, account_currency)
        self.is_charged = False
        """Whether the venue charges what is held as the log goes by."""
        self._mark_quotes: Mapping[str, Quote] = state.mark_quotes
        self._pending: deque[TickArray] = deque()
        self._signals = deque(state.signals)
        self._chunk: TickArray = np.empty(0, dtype=TICK_DTYPE)
        self._cuts = Cuts(0, 0, [], [])
        # Where the lane stands in its batch: the next record, leg and passage.
        self._row = self._leg = self._passage = 0
        self.add_records(np.frombuffer(state.records, dtype=TICK_DTYPE))

    def snapshot(self) -> LaneState:
        """Return the lane's state with everything that waits."""
        chunks = [self._chunk[self._row :], *self._pending]
        return msgspec.structs.replace(
            self.state,
            history=list(self.state.history),
            mark_quotes=self.mark_quotes(),
            records=b"".join(chunk.tobytes() for chunk in chunks),
            signals=list(self._signals),
        )

    def add_records(self, records: TickArray) -> None:
        """Append records in log order; switches of models are no business of an account."""
        records = without_switches(records)
        if len(records):
            self._pending.append(records)

    def add_signal(self, signal: Signal) -> None:
        """Append a signal in log order."""
        self._signals.append(signal)

    def take(self) -> Run | None:
        """Take the next run, or None where there are no records; not while the lane is waiting.

        The engine handles the run with the lane as it was before, then calls `finish`.
        """
        state = self.state
        if self._leg == len(self._cuts.legs) and not self._load():
            return None
        start, passages = self._row, self._cuts.passages
        end, clock_ns, price = self._cuts.legs[self._leg]
        look = self._look_row(start, end)
        if look < end:
            end, clock_ns, price = look, self._clock_at(start, look), self._price_in(start, look)
        is_working = self.may_move() or self.look_due_ns is not None
        while self._passage < len(passages):
            row, since_ns, until_ns, known = passages[self._passage]
            if row >= end:
                break
            if row > start and is_working:
                self._row = row
                return Run(start, row, since_ns, known)
            bid, ask, recv_ns = known or (state.bid, state.ask, state.quote_recv_ns)
            state.history.append(
                Contribution(
                    since_ns,
                    until_ns,
                    bid,
                    ask,
                    recv_ns,
                    state.position,
                    state.buy_units,
                    state.sell_units,
                    state.trades,
                    state.charged_account,
                )
            )
            self._passage += 1
        self._row = end
        if end == self._cuts.legs[self._leg][0]:
            self._leg += 1
        return Run(start, end, clock_ns, price)

    def records(self, run: Run) -> TickArray:
        """Return the records of the run just taken."""
        return self._chunk[run.start : run.end]

    def finish(self, run: Run) -> int | None:
        """Move on to the end of a run; return the boundary that it passed, or None."""
        state = self.state
        if run.price is not None:
            state.bid, state.ask, state.quote_recv_ns = run.price
        state.clock_ns = run.clock_ns
        boundary_ns = floor_ns(run.clock_ns, self._clocking.interval_ns)
        if boundary_ns == state.boundary_ns:
            return None
        state.boundary_ns = boundary_ns
        state.waiting = True
        return boundary_ns

    def undecided(self) -> list[str]:
        """Return the ids of the signals that wait."""
        return [signal.signal_id for signal in self._signals]

    def signal_due(self) -> Signal | None:
        """Return the signal that a waiting lane needs, if it has come; it stays until `decided`.

        Raises
        ------
        Halt
            If another boundary's signal stands first: signals and ticks are not of one log.
        """
        if not self._signals:
            return None
        signal = self._signals[0]
        if signal.ts_event_ns != self.state.boundary_ns:
            msg = (
                f"{signal.symbol}: the ticks call for the signal of {iso(self.state.boundary_ns)}, "
                f"the signals go on with that of {iso(signal.ts_event_ns)}"
            )
            raise Halt(msg)
        return signal

    def decided(self, mark_quotes: Mapping[str, Quote]) -> None:
        """Leave the boundary: its signal has been acted on, at a mark with these quotes."""
        self._signals.popleft()
        self.state.waiting = False
        self._mark_quotes = mark_quotes

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
        """Return the last sound quote, or None."""
        bid, ask = self.state.bid, self.state.ask
        return None if bid is None or ask is None else quote_of(bid, ask, self.instrument)

    def mark_quotes(self) -> dict[str, Quote]:
        """Return the quotes of the last decision's mark that convert this symbol's profit."""
        quotes = self._mark_quotes
        return {symbol: quotes[symbol] for symbol in self._needed if symbol in quotes}

    def quote_at(self, run: Run, row: int) -> Quote | None:
        """Return the last sound quote up to and with a row of the run just taken, or None."""
        records = self.records(run)[: row + 1]
        sound = last_sound_tick(records)
        if sound is None:
            return self.quote()
        bid, ask = records["bid"][sound], records["ask"][sound]
        return quote_of(float(bid), float(ask), self.instrument)

    def may_move(self) -> bool:
        """Say whether records alone may change what the account has in this symbol."""
        state = self.state
        return bool(state.buy_units or state.sell_units or (self.is_charged and state.held.is_open))

    def look_ns(self) -> int | None:
        """Return when the next record was received, if a look is due before it; else None.

        Before it, and never between records that were received at once: a venue that says again
        what happened on one of those could not tell them apart.
        """
        if self.look_due_ns is None or (self._leg == len(self._cuts.legs) and not self._load()):
            return None
        recv_ns = int(self._chunk["ts_recv_ns"][self._row])
        return recv_ns if recv_ns >= self.look_due_ns else None

    def _look_row(self, start: int, end: int) -> int:
        """Return the first row of some records before which a look is due; ``end`` if none is."""
        if self.look_due_ns is None:
            return end
        due = self._chunk["ts_recv_ns"][start:end] >= self.look_due_ns
        first = int(due.argmax())
        return start + first if due[first] else end

    def _clock_at(self, start: int, end: int) -> int:
        """Return the event time behind some of the records that come next."""
        clocking, clock_ns = self._clocking, self.state.clock_ns
        records = self._chunk[start:end]
        passed_ns = int(event_clock(records, clocking.grace_ns, clocking.lateness_ns)[-1])
        return passed_ns if clock_ns is None else max(clock_ns, passed_ns)

    def _price_in(self, start: int, end: int) -> Price | None:
        """Return the last sound quote among some records, or None."""
        records = self._chunk[start:end]
        row = last_sound_tick(records)
        if row is None:
            return None
        last = records[row]
        return float(last["bid"]), float(last["ask"]), int(last["ts_recv_ns"])

    def _load(self) -> bool:
        """Make sure that the next record is at hand; False if there is none."""
        if not self._pending:
            return False
        state = self.state
        self._chunk = self._pending.popleft()
        self._cuts = cut(self._chunk, self._clocking, state.clock_ns, state.boundary_ns)
        state.clock_ns, state.boundary_ns = self._cuts.clock_ns, self._cuts.boundary_ns
        self._row = self._leg = self._passage = 0
        return True
