"""Orders, executions and positions: money in Decimal, states as in FIX.

States follow FIX 4.4, tag 39; `domain.order_events` says what moves an order from one to the next.
"""

from decimal import Decimal
from typing import Literal

import msgspec

OrderSide = Literal["buy", "sell"]
OrderType = Literal[
    "market",
    "limit",
    "stop",
    "stop_limit",
    "market_if_touched",
    "take_profit",
    "stop_loss",
    "trailing_stop",
]
TimeInForce = Literal["GTC", "GTD", "GFD", "IOC", "FOK"]
"""Until canceled; to ``expire_ns``; to 17:00 New York; at once what can be; at once all or none."""
TriggerSide = Literal["default", "bid", "ask", "mid"]
"""Which price triggers: by default the one at which the order would trade (a buy at the ask)."""
PositionEffect = Literal["default", "open_only", "reduce_only"]
OrderStatus = Literal[
    "initialized",
    "denied",
    "pending_new",
    "accepted",
    "triggered",
    "partially_filled",
    "pending_replace",
    "pending_cancel",
    "suspended",
    "filled",
    "canceled",
    "expired",
    "rejected",
]

OPEN_STATUSES: frozenset[OrderStatus] = frozenset(
    {
        "pending_new",
        "accepted",
        "triggered",
        "partially_filled",
        "pending_replace",
        "pending_cancel",
        "suspended",
    }
)
"""Statuses in which an order may still fill: risk counts them as exposure."""

CLOSED_STATUSES: frozenset[OrderStatus] = frozenset(
    {"denied", "filled", "canceled", "expired", "rejected"}
)
"""Nothing more is expected; a late fill, a bust or a correction is still applied."""

TRIGGER_TYPES: frozenset[OrderType] = frozenset(
    {"stop", "stop_limit", "market_if_touched", "take_profit", "stop_loss", "trailing_stop"}
)
"""Types that wait for a price before they trade."""


class OrderTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What is asked of a venue, and what a replace may change.

    Attributes
    ----------
    quantity_units
        Base units in total (> 0), filled ones included.
    limit_price
        Worst price of a ``limit``, ``stop_limit`` or ``take_profit``; quote per base.
    trigger_price
        Price at which a type of `TRIGGER_TYPES` becomes active; of a trailing stop the first one,
        or None for the venue to set it from ``trailing_distance``.
    trailing_distance
        Distance of a trailing stop in price units (> 0).
    price_bound
        Worst price at which a market order, or a stop once triggered, may fill; None: any.
    expire_ns
        End of a GTD order, nanoseconds UTC; None for every other time in force.
    position_effect
        ``reduce_only`` never opens or enlarges a position.
    """

    quantity_units: Decimal
    order_type: OrderType = "market"
    time_in_force: TimeInForce = "FOK"
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    trailing_distance: Decimal | None = None
    price_bound: Decimal | None = None
    expire_ns: int | None = None
    trigger_side: TriggerSide = "default"
    position_effect: PositionEffect = "default"


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An order as it stands after one event; a changed order is a new record on ``orders``.

    Attributes
    ----------
    client_order_id
        Function of strategy, signal, leg and attempt (``domain.ids.client_order_id``).
    ts_event_ns
        Event time of the change (decision, acknowledgement, fill).
    ts_recv_ns
        Receive time of the market data behind the decision.
    quantity_units, filled_units
        Base units (> 0; 0 <= filled).
    status, in_doubt
        State; ``in_doubt`` while the outcome of a request is unknown.
    reason
        Deny, reject, cancel or expiry code; empty otherwise.
    order_type ... position_effect
        The terms in force: see `OrderTerms`.
    venue, venue_order_id
        Where it was sent, and its name there; empty until known.
    parent_id
        Client order id of the order that this one is a slice of, or protects; empty if none.
    group_id
        Name of the contingency (OCO, OTO, bracket) that it belongs to; empty if none.
    user, model_id
        Who answers for the strategy, and the model behind the signal (RTS 6 art. 12(3)).
    overfill_units
        What was filled beyond the quantity: it is in the position, and a reason for an alert.
    """

    client_order_id: str
    account: str
    strategy: str
    signal_id: str
    symbol: str
    side: OrderSide
    quantity_units: Decimal
    status: OrderStatus
    ts_event_ns: int
    ts_recv_ns: int
    filled_units: Decimal = Decimal(0)
    average_price: Decimal | None = None
    in_doubt: bool = False
    reason: str = ""
    order_type: OrderType = "market"
    time_in_force: TimeInForce = "FOK"
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    trailing_distance: Decimal | None = None
    price_bound: Decimal | None = None
    expire_ns: int | None = None
    trigger_side: TriggerSide = "default"
    position_effect: PositionEffect = "default"
    venue: str = ""
    venue_order_id: str = ""
    parent_id: str = ""
    group_id: str = ""
    user: str = ""
    model_id: str = ""
    overfill_units: Decimal = Decimal(0)
    v: int = 2

    @property
    def leaves_units(self) -> Decimal:
        """Base units that may still fill: 0 once closed."""
        if self.status in CLOSED_STATUSES:
            return Decimal(0)
        return max(Decimal(0), self.quantity_units - self.filled_units)


_TERMS = tuple(field.name for field in msgspec.structs.fields(OrderTerms))


def terms_of(order: Order) -> OrderTerms:
    """Return the terms in force of an order."""
    return OrderTerms(**{name: getattr(order, name) for name in _TERMS})


def with_terms(order: Order, terms: OrderTerms) -> Order:
    """Return the order under other terms."""
    return msgspec.structs.replace(order, **{name: getattr(terms, name) for name in _TERMS})


class Execution(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One fill, as the broker reported it.

    Attributes
    ----------
    execution_id
        The broker's id of the fill: applied once, however often it is reported.
    quantity_units
        Base units (> 0); the side says which way. A bust is booked as the opposite side.
    price
        Quote currency per base unit.
    pnl_account
        Profit realised by this fill in account currency; None where no conversion rate was known.
    pnl_quote, conversion_rate
        The same in quote currency, and the quote-to-account rate used (its side follows its sign);
        None too where trades are kept apart and none was closed, or a gain and a loss at once.
    commission, commission_currency
        Charged by the venue for this fill (>= 0 is a cost), in its own currency.
    commission_account
        The same in account currency, not part of ``pnl_account``; None: no rate was known.
    execution_ref
        The execution that this one takes back or corrects; empty for an ordinary fill.
    """

    execution_id: str
    client_order_id: str
    account: str
    symbol: str
    side: OrderSide
    quantity_units: Decimal
    price: Decimal
    ts_event_ns: int
    ts_recv_ns: int
    pnl_quote: Decimal
    pnl_account: Decimal | None
    conversion_rate: Decimal | None
    commission: Decimal = Decimal(0)
    commission_currency: str = ""
    commission_account: Decimal | None = Decimal(0)
    execution_ref: str = ""
    venue: str = ""
    v: int = 2


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A netted position, or the account's total (symbol ``*``), at one mark.

    Attributes
    ----------
    units
        Signed base units: > 0 long, < 0 short.
    average_price
        Entry price of the open units; None when flat. Where trades are kept apart, the price at
        which closing all of them would realise nothing.
    realised_account, unrealised_account
        Account currency; unrealised is marked at the closing side (bid for long, ask for short).
        None where no conversion rate is known: never 0 in its place.
    equity_account
        Only on the account's total: start balance + realised + unrealised.
    """

    account: str
    symbol: str
    ts_event_ns: int
    ts_recv_ns: int
    units: Decimal
    average_price: Decimal | None
    realised_account: Decimal | None
    unrealised_account: Decimal | None
    equity_account: Decimal | None = None
    v: int = 1
