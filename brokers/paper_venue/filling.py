"""How an order that has met its price fills: size, bound, margin, last look."""

from decimal import Decimal

import msgspec

from brokers.paper_venue.account import Account
from brokers.paper_venue.chance import declines
from brokers.paper_venue.config import LastLook, PaperVenueConfig
from brokers.paper_venue.outbox import Outbox
from brokers.paper_venue.working import Held, WorkingOrder
from domain.ids import execution_id
from domain.instruments import INSTRUMENTS
from domain.order_events import EventKind
from domain.orders import OrderSide
from domain.reasons import Reason
from trading.quotes import Quote

_ZERO = Decimal(0)


class Tick(msgspec.Struct):
    """One market, and what is left of it: None where there is no end of it."""

    quote: Quote
    ts_event_ns: int
    ts_recv_ns: int
    bid_units: Decimal | None
    ask_units: Decimal | None

    def left(self, side: OrderSide, units: Decimal) -> Decimal:
        """Return how many of some base units a buy or a sell can have."""
        size = self.ask_units if side == "buy" else self.bid_units
        return units if size is None else min(units, size)

    def consume(self, side: OrderSide, units: Decimal) -> None:
        """Take base units off the side that a buy or a sell trades with."""
        if side == "buy" and self.ask_units is not None:
            self.ask_units -= units
        if side == "sell" and self.bid_units is not None:
            self.bid_units -= units


def touch(side: OrderSide, quote: Quote) -> Decimal:
    """Return the price at which a side trades."""
    return quote.ask if side == "buy" else quote.bid


def is_worse(side: OrderSide, price: Decimal, than: Decimal | None) -> bool:
    """Say whether a price is worse for a side than another; nothing is worse than None."""
    return than is not None and (price > than if side == "buy" else price < than)


class Filler:
    """Fills orders of one venue."""

    def __init__(self, config: PaperVenueConfig, account: Account, outbox: Outbox) -> None:
        self._config = config
        self._account = account
        self._outbox = outbox

    def attempt(self, order: WorkingOrder, tick: Tick) -> None:
        """Trade an order on a tick: fill, be looked at, wait or end.

        Parameters
        ----------
        order
            Open, arrived, triggered if it has to be, and not held.
        """
        price = touch(order.side, tick.quote)
        order.from_ns = tick.ts_recv_ns + 1
        self._outbox.touch(order)
        if is_worse(order.side, price, order.terms.limit_price) and not order.is_immediate:
            # A stop-limit that was triggered beyond its limit rests there.
            return
        units, reason = self._size(order, tick)
        if units:
            tick.consume(order.side, units)
            self._trade(order, units, price, tick.ts_event_ns, tick.ts_recv_ns)
        if reason is not None and order.held is None and order.is_open:
            self._outbox.end(order, "canceled", reason, tick.ts_event_ns, tick.ts_recv_ns)

    def decide(self, order: WorkingOrder, held: Held, quote: Quote | None) -> None:
        """End the provider's look at a fill: make it, or decline it.

        Parameters
        ----------
        order, held
            An order, and its fill that is looked at.
        quote
            The market when the look ended; None where it has not been seen since a restart: then
            the price counts as unmoved.
        """
        look = self._config.last_look or LastLook()
        order.held = None
        ts_ns = held.decide_ns
        now = held.price if quote is None else touch(order.side, quote)
        against = now - held.price if order.side == "buy" else held.price - now
        pip = Decimal(1).scaleb(INSTRUMENTS[order.symbol].pip_location)
        name = order.client_order_id or order.venue_order_id
        declined = against > look.tolerance_pips * pip or declines(
            self._config.seed, name, order.tries, look.decline_rate
        )
        order.tries += 1
        self._outbox.touch(order)
        if declined:
            self._after(order, ts_ns, Reason.LAST_LOOK)
            return
        # What it would have reduced may be gone by now.
        units = self._reducible(order, held.units)
        if units:
            self._fill(order, units, held.price, ts_ns, ts_ns)
        reason = Reason.NO_LIQUIDITY if units == held.units else Reason.REDUCE_ONLY
        self._after(order, ts_ns, reason)

    def _after(self, order: WorkingOrder, ts_ns: int, reason: Reason) -> None:
        """End what is left after a look, unless it may wait for another tick."""
        if order.is_open and (order.is_immediate or reason == Reason.REDUCE_ONLY):
            self._outbox.end(order, "canceled", reason, ts_ns)

    def _size(self, order: WorkingOrder, tick: Tick) -> tuple[Decimal, Reason | None]:
        """Return what trades now, and why the rest then ends (None: it waits)."""
        terms, leaves = order.terms, order.leaves_units
        price = touch(order.side, tick.quote)
        if is_worse(order.side, price, terms.limit_price):
            return _ZERO, Reason.NO_LIQUIDITY
        if is_worse(order.side, price, terms.price_bound):
            return _ZERO, Reason.PRICE_BOUND
        wanted = self._reducible(order, leaves)
        step = INSTRUMENTS[order.symbol].step_units
        found = tick.left(order.side, wanted)
        units = found - found % step
        if not wanted:
            return _ZERO, Reason.REDUCE_ONLY
        if terms.time_in_force == "FOK" and units < wanted:
            return _ZERO, Reason.NO_LIQUIDITY
        if units and not self._account.affords(order, units):
            return _ZERO, Reason.INSUFFICIENT_MARGIN
        if units == wanted:
            return units, Reason.REDUCE_ONLY if wanted < leaves else None
        return units, Reason.NO_LIQUIDITY if order.is_immediate else None

    def _reducible(self, order: WorkingOrder, units: Decimal) -> Decimal:
        """Return how many of some base units an order may trade without opening a position."""
        if order.terms.position_effect != "reduce_only":
            return units
        return min(units, self._account.closable(order.symbol, order.side))

    def _trade(
        self, order: WorkingOrder, units: Decimal, price: Decimal, event_ns: int, recv_ns: int
    ) -> None:
        look = self._config.last_look
        if look is None:
            order.tries += 1
            self._fill(order, units, price, event_ns, recv_ns)
            return
        order.held = Held(units, price, recv_ns + look.hold_ns)
        order.busy_ns = order.from_ns = order.held.decide_ns + 1

    def _fill(
        self, order: WorkingOrder, units: Decimal, price: Decimal, event_ns: int, recv_ns: int
    ) -> None:
        name = order.client_order_id or order.venue_order_id
        fill_id = execution_id(name, order.tries - 1)
        cost = self._account.book(order, fill_id, units, price, event_ns)
        order.filled_units += units
        order.cost += units * price
        if order.filled_units == order.terms.quantity_units:
            order.status = "filled"
        self._outbox.tell(
            order,
            EventKind.FILL,
            event_ns,
            recv_ns,
            execution_id=fill_id,
            quantity_units=units,
            price=price,
            commission=cost,
            commission_currency=INSTRUMENTS[order.symbol].quote if cost else "",
            reason=order.reason,
        )
