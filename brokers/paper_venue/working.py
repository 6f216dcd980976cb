"""An order as the venue keeps it: what it waits for, when its time is up, what it has filled."""

from decimal import Decimal

import msgspec

from brokers.paper_venue.passage import (
    ANY_TICK,
    UNSET,
    Passage,
    level_of,
    source_of,
)
from domain.instruments import Instrument
from domain.orders import (
    CLOSED_STATUSES,
    TRIGGER_TYPES,
    OrderSide,
    OrderStatus,
    OrderTerms,
    OrderType,
)
from trading.contingency.expiry import gfd_expiry_ns
from trading.venues import OrderReport

_ZERO = Decimal(0)

FAVOURABLE: frozenset[OrderType] = frozenset({"market_if_touched", "take_profit"})
"""Types that wait for a better price than the market's; the other triggers wait for a worse one."""


class Held(msgspec.Struct, frozen=True):
    """A fill that the provider looks at: it decides at ``decide_ns`` on the price seen."""

    units: Decimal
    price: Decimal
    decide_ns: int


class Request(msgspec.Struct, frozen=True):
    """A cancel (``terms`` None) or a replace on its way; ``due_ns`` is when it arrives."""

    due_ns: int
    number: int
    terms: OrderTerms | None


class WorkingOrder(msgspec.Struct):
    """One order of the venue's book.

    Attributes
    ----------
    client_order_id
        Empty for an order that the venue made itself.
    turn
        Place among the orders of its symbol: who came first is served first.
    live_ns
        When it arrived.
    from_ns
        It trades on ticks received from then on; moves past every tick that it has traded on, so
        that records which are seen again change nothing.
    busy_ns
        Nothing else happens to it before: the provider is looking.
    expires_ns
        When its time is up; None: never.
    request
        Number of the request whose terms are in force.
    level
        Of a trailing stop: where it stands; not a number before its first price.
    tries
        How often it has tried to fill; fills and draws of chance are named by it.
    """

    client_order_id: str
    venue_order_id: str
    symbol: str
    side: OrderSide
    terms: OrderTerms
    turn: int
    live_ns: int
    from_ns: int
    status: OrderStatus = "accepted"
    busy_ns: int = 0
    expires_ns: int | None = None
    request: int = 0
    triggered: bool = False
    level: float | None = None
    filled_units: Decimal = _ZERO
    cost: Decimal = _ZERO
    tries: int = 0
    held: Held | None = None
    requests: list[Request] = msgspec.field(default_factory=list)
    reason: str = ""
    ts_event_ns: int = 0
    sequence: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.status not in CLOSED_STATUSES

    @property
    def leaves_units(self) -> Decimal:
        """Base units that may still fill."""
        return self.terms.quantity_units - self.filled_units if self.is_open else _ZERO

    @property
    def average_price(self) -> Decimal | None:
        """Price of what has filled so far, or None."""
        return self.cost / self.filled_units if self.filled_units else None

    @property
    def is_waiting(self) -> bool:
        """Whether it has to be triggered yet."""
        terms = self.terms
        waits = terms.order_type in TRIGGER_TYPES and not self.triggered
        # A target may be given as a limit alone.
        return waits and not (terms.order_type == "take_profit" and terms.trigger_price is None)

    @property
    def is_immediate(self) -> bool:
        """Whether what does not fill at the first tick is gone."""
        return self.terms.time_in_force in ("IOC", "FOK")

    def passage(self, instrument: Instrument) -> Passage:
        """Return the price that it waits for."""
        terms, buys = self.terms, self.side == "buy"
        if self.is_waiting:
            above = buys != (terms.order_type in FAVOURABLE)
            source = source_of(self.side, terms.trigger_side)
            if terms.order_type != "trailing_stop":
                price = terms.trigger_price or _ZERO
                return Passage(source, above, level_of(price, above, instrument))
            # The level carries the allowance for noise, so the distance is shorter by as much.
            distance = level_of(terms.trailing_distance or _ZERO, above=True, instrument=instrument)
            level = UNSET if self.level is None else self.level
            return Passage(source, above, level, distance)
        if terms.limit_price is None or self.is_immediate:
            return ANY_TICK
        return Passage(
            source_of(self.side), not buys, level_of(terms.limit_price, not buys, instrument)
        )

    def enter(self, instrument: Instrument) -> None:
        """Work out what the terms in force mean: when time is up, where a trailing stop begins."""
        terms = self.terms
        self.expires_ns = terms.expire_ns if terms.time_in_force == "GTD" else None
        if terms.time_in_force == "GFD":
            self.expires_ns = gfd_expiry_ns(self.live_ns)
        self.level = None
        if terms.order_type == "trailing_stop" and terms.trigger_price is not None:
            self.level = level_of(terms.trigger_price, self.side == "buy", instrument)

    def next_moment_ns(self) -> int | None:
        """Return the next time at which something happens to it whatever the market does."""
        if self.held is not None:
            # A tick of the very nanosecond is still part of what the provider sees.
            return self.held.decide_ns + 1
        moments = [max(request.due_ns, self.busy_ns) for request in self.requests[:1]]
        if self.is_open and self.expires_ns is not None:
            moments.append(max(self.expires_ns, self.busy_ns))
        return min(moments, default=None)

    def report(self) -> OrderReport:
        """Return the order as the venue tells it."""
        return OrderReport(
            client_order_id=self.client_order_id,
            venue_order_id=self.venue_order_id,
            symbol=self.symbol,
            side=self.side,
            terms=self.terms,
            status=self._reported_status(),
            filled_units=self.filled_units,
            average_price=self.average_price,
            ts_event_ns=self.ts_event_ns,
            sequence=self.sequence,
            reason=self.reason,
        )

    def _reported_status(self) -> OrderStatus:
        if not self.is_open:
            return self.status
        if self.filled_units:
            return "partially_filled"
        return "triggered" if self.triggered else "accepted"
