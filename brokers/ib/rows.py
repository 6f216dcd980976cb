"""What TWS reports, as plain records in our units: decimals, nanoseconds, canonical symbols."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import ib_async
from msgspec.structs import replace

from brokers.ib.contracts import symbol_of
from brokers.ib.terms import from_ib
from brokers.ib.wire_numbers import exact, optional, read_time
from brokers.wire_values import is_name, is_time
from domain.errors import Drop
from domain.ids import life_id
from domain.nanos import to_ns
from domain.orders import OrderSide, OrderTerms

_SIDES: Mapping[str, OrderSide] = {"BOT": "buy", "SLD": "sell"}
_ACTIONS: Mapping[str, OrderSide] = {"BUY": "buy", "SELL": "sell", "SSHORT": "sell"}
_LARGEST_ID = 2**31 - 1
_PERM_ID_END = 2**63
_OWN_PREFIX, _OWN_LENGTH = "ax", 34


class OrderKey(NamedTuple):
    """Who an order is to TWS.

    Attributes
    ----------
    client_id, order_id
        API client and its number; order id 0 or below for an order that no API client placed.
    perm_id
        TWS's own id, for life; 0 until it has one.
    ref
        ``orderRef``: our client order id where the order is ours.
    """

    client_id: int
    order_id: int
    perm_id: int
    ref: str


class OrderRow(NamedTuple):
    """An order as ``openOrder`` or ``completedOrder`` describes it.

    ``filled`` is None where the message does not tell it, ``at_ns`` where it tells no time.
    """

    key: OrderKey
    account: str
    symbol: str
    side: OrderSide
    terms: OrderTerms
    status: str
    filled: Decimal | None = None
    at_ns: int | None = None


class StatusRow(NamedTuple):
    """One ``orderStatus``."""

    key: OrderKey
    status: str
    filled: Decimal
    remaining: Decimal
    average: Decimal | None


class ExecutionRow(NamedTuple):
    """One ``execDetails``: a fill, or the correction of one."""

    key: OrderKey
    account: str
    symbol: str
    side: OrderSide
    execution_id: str
    units: Decimal
    price: Decimal
    cum_units: Decimal
    average: Decimal | None
    at_ns: int


class PositionRow(NamedTuple):
    """One virtual position."""

    account: str
    symbol: str
    units: Decimal
    average: Decimal | None


class MoneyRow(NamedTuple):
    """One value of the account summary."""

    account: str
    tag: str
    amount: str
    currency: str


def own_id(ref: str) -> str:
    """Return the client order id in an ``orderRef``; empty where it is none of ours."""
    if len(ref) < _OWN_LENGTH or not ref.startswith(_OWN_PREFIX):
        return ""
    return life_id(ref)[0]


def revision(execution_id: str) -> tuple[str, int]:
    """Split an execution id into what names the execution, and the number of its revision.

    ``0000e0d5.5fd2a1b3.01.02`` corrects ``0000e0d5.5fd2a1b3.01.01``: the text before the last dot
    is the execution's, the digits after it count from 1.
    """
    base, dot, number = execution_id.rpartition(".")
    return (base, int(number)) if dot and number.isdigit() else (execution_id, 1)


def order_row(found: ib_async.Contract, order: ib_async.Order, status: str) -> OrderRow:
    """Read an ``openOrder``; of what is no currency pair only whose it is.

    Raises
    ------
    Drop
        If it cannot be read, or asks for nothing.
    """
    return _of_something(_row(found, order, status))


def _row(found: ib_async.Contract, order: ib_async.Order, status: str) -> OrderRow:
    symbol = symbol_of(found)
    return OrderRow(
        order_key(order.clientId, order.orderId, order.permId, order.orderRef),
        order.account,
        symbol,
        _side(_ACTIONS, order.action) if symbol else "buy",
        _terms(order) if symbol else OrderTerms(Decimal(0)),
        status,
    )


def completed_row(
    found: ib_async.Contract, order: ib_async.Order, state: ib_async.OrderState
) -> OrderRow:
    """Read a ``completedOrder``, which names neither client nor order id.

    Raises
    ------
    Drop
        If it cannot be read, or asked for nothing.
    """
    filled = optional(order.filledQuantity) or Decimal(0)
    row = _row(found, order, state.status)
    # TWS counts the total of a completed order down to what was never filled.
    total = max(row.terms.quantity_units, filled)
    return _of_something(
        row._replace(
            key=row.key._replace(client_id=-1, order_id=0),
            terms=replace(row.terms, quantity_units=total),
            filled=filled,
            at_ns=read_time(state.completedTime),
        )
    )


def _of_something(row: OrderRow) -> OrderRow:
    if row.symbol and not row.terms.quantity_units:
        msg = f"TWS describes order {row.key.perm_id} of no units"
        raise Drop(msg)
    return row


def execution_row(found: ib_async.Contract, one: ib_async.Execution) -> ExecutionRow:
    """Read an ``execDetails``.

    Raises
    ------
    Drop
        If it cannot be read, or is no execution: units below 0, or a price of a pair that is none.
    """
    row = ExecutionRow(
        order_key(one.clientId, one.orderId, one.permId, one.orderRef),
        one.acctNumber,
        symbol_of(found),
        _side(_SIDES, one.side),
        one.execId,
        exact(one.shares),
        exact(one.price),
        exact(one.cumQty),
        optional(one.avgPrice),
        to_ns(one.time),
    )
    sizes = min(row.units, row.cum_units) >= 0 and (row.price > 0 or not row.units)
    average = row.average is None or row.average > 0
    if row.symbol and not (sizes and average and is_time(row.at_ns) and _is_id(row.execution_id)):
        msg = f"execution {row.execution_id[:40]!r} of {row.units} at {row.price} is none"
        raise Drop(msg)
    return row


def order_key(client_id: int, order_id: int, perm_id: int, ref: str = "") -> OrderKey:
    """Return who an order is.

    Raises
    ------
    Drop
        If a number is beyond what TWS can count: our own would have to go on after it.
    """
    if max(abs(client_id), abs(order_id)) > _LARGEST_ID or not 0 <= perm_id < _PERM_ID_END:
        msg = f"TWS names an order {client_id}, {order_id}, {perm_id}, which it cannot be"
        raise Drop(msg)
    return OrderKey(client_id, order_id, perm_id, ref if is_name(ref) else "")


def _is_id(execution_id: str) -> bool:
    return bool(execution_id) and is_name(execution_id)


def _side(sides: Mapping[str, OrderSide], told: str) -> OrderSide:
    side = sides.get(told)
    if side is None:
        msg = f"TWS names the side {told[:40]!r}, which is none"
        raise Drop(msg)
    return side


def _terms(order: ib_async.Order) -> OrderTerms:
    terms = from_ib(order)
    prices = (terms.limit_price, terms.trigger_price, terms.trailing_distance)
    # The quantity of a completed order is counted down to what was never filled.
    if terms.quantity_units < 0 or any(price is not None and price <= 0 for price in prices):
        msg = f"TWS describes an order of {terms.quantity_units} units at {prices}"
        raise Drop(msg)
    return terms
