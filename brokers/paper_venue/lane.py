"""One symbol's orders and records: what happens next, in the order of the log.

Every order looks ahead for the one row at which it acts next, in a kernel; between those rows
nothing costs anything. Where the batches are cut makes no difference.
"""

from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush

import numpy as np
from msgspec.structs import replace

from brokers.paper_venue.config import PaperVenueConfig
from brokers.paper_venue.filling import Filler, Tick
from brokers.paper_venue.outbox import Outbox
from brokers.paper_venue.passage import find_moment, find_passage, is_unset
from brokers.paper_venue.requests import settle
from brokers.paper_venue.working import WorkingOrder
from domain.errors import Halt
from domain.instruments import instrument
from domain.order_events import EventKind
from domain.reasons import Reason
from domain.ticks import REJECTED, TICK_DTYPE, TickArray
from trading.lane_kernel import Rows, for_kernel, last_tick_kernel
from trading.quotes import Quote, quote_of

_MOMENT, _TICK = 0, 1
_Next = tuple[int, int, int, int]
"""Row, whether a moment or a tick (a moment comes first), its time or 0, turn of the order."""

_NO_RECORDS = for_kernel(np.empty(0, dtype=TICK_DTYPE))


class Lane:
    """One symbol of the venue.

    ``orders`` are those that something may still happen to, by turn.
    """

    def __init__(
        self, symbol: str, config: PaperVenueConfig, filler: Filler, outbox: Outbox
    ) -> None:
        self.instrument = instrument(symbol)
        self.orders: dict[int, WorkingOrder] = {}
        self.clock_ns = 0
        self._config = config
        self._filler = filler
        self._outbox = outbox
        self._waiting: deque[TickArray] = deque()
        self._price: tuple[float, float] | None = None
        self._view: Rows = _NO_RECORDS
        self._levels: dict[int, float] = {}
        self._trails = False
        # The row that orders trade on now: they share what its tick holds.
        self._traded: tuple[int, Tick] | None = None

    @property
    def price(self) -> tuple[float, float] | None:
        """Bid and ask of the last market, or None before the first."""
        return self._price

    def quote(self) -> Quote | None:
        """Return the last market, or None before the first."""
        return None if self._price is None else quote_of(*self._price, self.instrument)

    def open(self, order: WorkingOrder) -> None:
        """Take an order in; it comes after all that are here."""
        order.turn = next(reversed(self.orders), -1) + 1
        order.enter(self.instrument)
        self.resume(order)

    def resume_price(self, bid: float, ask: float) -> None:
        """Stand at the market of before a restart until another one is seen."""
        self._price = bid, ask

    def resume(self, order: WorkingOrder) -> None:
        """Take an order in again as it was stored, after those of earlier turns."""
        self.orders[order.turn] = order
        self._outbox.touch(order)

    def add(self, records: TickArray) -> None:
        """Append records in log order; nothing happens yet."""
        self._waiting.append(records)

    def run(self, before_ns: int | None) -> None:
        """Play what was added, up to the first record received at or after ``before_ns``."""
        while self._waiting:
            records = self._waiting.popleft()
            view = for_kernel(records)
            stop = -1 if before_ns is None else find_moment(view, 0, before_ns)
            if stop < 0:
                self._play(view)
                continue
            self._play(view[:stop])
            self._waiting.appendleft(records[stop:])
            return

    def until(self, now_ns: int) -> None:
        """Let everything happen that needs no market, up to a time."""
        while True:
            due = [
                (moment_ns, order.live_ns, turn)
                for turn, order in self.orders.items()
                if (moment_ns := order.next_moment_ns()) is not None and moment_ns <= now_ns
            ]
            if not due:
                break
            moment_ns, _, turn = min(due)
            self._on_moment(self.orders[turn], moment_ns)
        self.clock_ns = max(self.clock_ns, now_ns)

    def find(self, client_order_id: str) -> WorkingOrder | None:
        """Return the order of this name that something may still happen to, or None."""
        named = (o for o in self.orders.values() if o.client_order_id == client_order_id)
        return next(named, None)

    def cancel(self, orders: Iterable[WorkingOrder], reason: Reason, ts_ns: int) -> None:
        """End some open orders by the venue's own will."""
        for order in orders:
            self._outbox.end(order, "canceled", reason, ts_ns)
            self._forget(order)

    def waits_from_ns(self) -> int | None:
        """Return when the first record that is held back was received, or None."""
        return int(self._waiting[0]["ts_recv_ns"][0]) if self._waiting else None

    def trailing(self) -> list[WorkingOrder]:
        """Return the orders whose level moves without an event."""
        if not self._trails:
            return []
        found = [order for order in self.orders.values() if order.level is not None]
        self._trails = bool(found)
        return found

    def stored(self, order: WorkingOrder) -> WorkingOrder:
        """Return an order as it must be stored.

        The level of a trailing stop has seen every record up to now: one that is seen again must
        not be held against it.
        """
        if order.level is None or not order.is_waiting:
            return order
        return replace(order, from_ns=max(order.from_ns, self.clock_ns + 1))

    def _play(self, view: Rows) -> None:
        if not len(view):
            return
        self._view, self._traded = view, None
        ahead: list[_Next] = []
        for order in self.orders.values():
            self._look_ahead(order, 0, ahead)
        while ahead:
            row, what, moment_ns, turn = heappop(ahead)
            order = self.orders[turn]
            if what == _MOMENT:
                self._price = self._price_before(row)
                self._on_moment(order, moment_ns)
            else:
                self._on_tick(order, row)
            if turn in self.orders:
                self._look_ahead(order, row + what, ahead)
        for turn, level in self._levels.items():
            if turn in self.orders:
                self.orders[turn].level = None if is_unset(level) else level
        self._levels.clear()
        self._price = self._price_before(len(view))
        self.clock_ns = max(self.clock_ns, int(view["ts_recv_ns"].max()))
        self._view = _NO_RECORDS

    def _look_ahead(self, order: WorkingOrder, row: int, ahead: list[_Next]) -> None:
        """Find what happens to an order next, from a row on."""
        view = self._view
        stop = len(view)
        moment_ns = order.next_moment_ns()
        moment = -1 if moment_ns is None else find_moment(view, row, moment_ns)
        if moment >= 0:
            stop = moment
        if order.is_open and order.held is None:
            passage = order.passage(self.instrument)
            # A trailing stop follows every tick: it looks from the first one on.
            start = 0 if passage.trail else row
            found, level = find_passage(view, start, stop, order.from_ns, passage)
            if passage.trail:
                self._levels[order.turn] = level
                self._trails = True
            if found >= 0:
                heappush(ahead, (found, _TICK, 0, order.turn))
                return
        if moment >= 0 and moment_ns is not None:
            heappush(ahead, (moment, _MOMENT, moment_ns, order.turn))

    def _on_tick(self, order: WorkingOrder, row: int) -> None:
        """Trigger an order if it waits for that, and let it trade."""
        if self._traded is None or self._traded[0] != row:
            self._traded = row, self._tick_at(row)
        tick = self._traded[1]
        if order.is_waiting:
            order.triggered = True
            self._levels.pop(order.turn, None)
            self._outbox.tell(order, EventKind.TRIGGERED, tick.ts_event_ns, tick.ts_recv_ns)
        self._filler.attempt(order, tick)
        self._forget(order)

    def _on_moment(self, order: WorkingOrder, moment_ns: int) -> None:
        """Let a look end, an order expire, or a request arrive."""
        if order.held is not None:
            self._filler.decide(order, order.held, self.quote())
        else:
            settle(order, moment_ns, self.instrument, self._outbox)
            self._levels.pop(order.turn, None)
        self._forget(order)

    def _forget(self, order: WorkingOrder) -> None:
        if not order.is_open and not order.requests:
            del self.orders[order.turn]

    def _tick_at(self, row: int) -> Tick:
        record = self._view[row]
        quote = quote_of(float(record["bid"]), float(record["ask"]), self.instrument)
        if quote is None:  # pragma: no cover - a usable tick always has a quote
            msg = f"{self.instrument.symbol}: a usable tick has no quote"
            raise Halt(msg)
        liquidity, symbol = self._config.liquidity, self.instrument.symbol
        return Tick(
            quote,
            int(record["ts_event_ns"]),
            int(record["ts_recv_ns"]),
            liquidity.at(symbol, float(record["bid_size"])),
            liquidity.at(symbol, float(record["ask_size"])),
        )

    def _price_before(self, row: int) -> tuple[float, float] | None:
        """Return the last market before a row."""
        last = int(last_tick_kernel(self._view[:row], REJECTED))
        if last < 0:
            return self._price
        return float(self._view["bid"][last]), float(self._view["ask"][last])
