"""Orders, executions and positions: money in Decimal, states as in FIX.

States follow FIX tag 39; only those that a market order at the paper broker can reach are here.
"""

from decimal import Decimal
from typing import Literal

import msgspec

OrderSide = Literal["buy", "sell"]
OrderStatus = Literal[
    "initialized", "denied", "pending_new", "accepted", "partially_filled", "filled", "rejected"
]

OPEN_STATUSES: frozenset[OrderStatus] = frozenset({"pending_new", "accepted", "partially_filled"})
"""Statuses in which an order may still fill: risk counts them as exposure."""


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
        Base units (> 0; 0 <= filled <= quantity).
    status, in_doubt
        State; ``in_doubt`` while the outcome of the send is unknown.
    reason
        Deny or reject code; empty otherwise.
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
    v: int = 1


class Execution(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One fill, as the broker reported it.

    Attributes
    ----------
    execution_id
        The broker's id of the fill: applied once, however often it is reported.
    price
        Quote currency per base unit.
    pnl_account
        Profit realised by this fill in account currency; None where no conversion rate was known.
    pnl_quote, conversion_rate
        The same in quote currency, and the quote-to-account rate used (its side follows its sign).
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
    v: int = 1


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A netted position, or the account's total (symbol ``*``), at one mark.

    Attributes
    ----------
    units
        Signed base units: > 0 long, < 0 short.
    average_price
        Entry price of the open units; None when flat.
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
