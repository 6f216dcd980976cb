"""The fills in an ``ORDER_FILL``: from the trades it opened, reduced and closed.

The transaction's own ``price`` is deprecated; the parts have the prices that were paid.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from brokers.oanda.known import KnownTrade
from brokers.oanda.wire import (
    Json,
    canonical_name,
    decimal_of,
    integer_of,
    name_of,
    optional_decimal,
    time_ns,
)
from domain.errors import Drop
from domain.order_events import EventKind, OrderEvent

VENUE = "oanda"


class FillPart(NamedTuple):
    """Units (> 0) at one price; ``execution_id`` is unique within the account."""

    execution_id: str
    units: Decimal
    price: Decimal


def _parts(transaction: Json) -> Iterator[Json]:
    for name in ("tradeOpened", "tradeReduced"):
        if transaction.get(name):
            yield transaction[name]
    yield from transaction.get("tradesClosed") or ()


def fill_parts(transaction: Json) -> tuple[FillPart, ...]:
    """Return the fills of an ``ORDER_FILL``, one for each price.

    The execution's id is the transaction's; where several prices were paid, a dash and the number
    of the price follow.

    Raises
    ------
    Drop
        If a number is missing, or the parts do not add up to the units of the transaction.
    """
    by_price: dict[Decimal, Decimal] = {}
    for part in _parts(transaction):
        price, units = decimal_of(part, "price"), abs(decimal_of(part, "units"))
        by_price[price] = by_price.get(price, Decimal(0)) + units
    total = abs(decimal_of(transaction, "units"))
    if not by_price:
        by_price = {decimal_of(transaction, "price"): total}
    number = integer_of(transaction, "id")
    if min(by_price) <= 0 or min(by_price.values()) <= 0 or sum(by_price.values()) != total:
        msg = f"the parts of fill {number} are not the {total} units that it counts"
        raise Drop(msg)
    names = [str(number)] if len(by_price) == 1 else [f"{number}-{n}" for n in range(len(by_price))]
    return tuple(
        FillPart(name, units, price)
        for name, (price, units) in zip(names, by_price.items(), strict=True)
    )


def average_price(parts: tuple[FillPart, ...]) -> Decimal:
    """Return the mean price by units."""
    units = sum((part.units for part in parts), Decimal(0))
    return sum((part.units * part.price for part in parts), Decimal(0)) / units


def fill_events(
    transaction: Json, client_order_id: str, currency: str, ts_recv_ns: int
) -> list[OrderEvent]:
    """Return the FILL events of an ``ORDER_FILL``; the whole fill's cost stands on the first.

    Parameters
    ----------
    client_order_id
        Our id for life; empty for a foreign order.
    currency
        Of the account, and so of the commission.

    Raises
    ------
    Drop
        If it cannot be read.
    """
    parts = fill_parts(transaction)
    cost = commission(transaction)
    is_buy = decimal_of(transaction, "units") > 0
    events, cum = [], Decimal(0)
    for part in parts:
        is_first, is_last = part is parts[0], part is parts[-1]
        cum += part.units
        events.append(
            OrderEvent(
                kind=EventKind.FILL,
                client_order_id=client_order_id,
                ts_event_ns=time_ns(transaction),
                ts_recv_ns=ts_recv_ns,
                venue=VENUE,
                venue_order_id=name_of(transaction, "orderID"),
                sequence=integer_of(transaction, "id"),
                execution_id=part.execution_id,
                quantity_units=part.units,
                price=part.price,
                commission=cost if is_first else Decimal(0),
                commission_currency=currency if is_first and cost else "",
                cum_units=cum,
                average_price=average_price(parts) if is_last else None,
                symbol=canonical_name(name_of(transaction, "instrument")),
                side="buy" if is_buy else "sell",
            )
        )
    return events


def commission(transaction: Json) -> Decimal:
    """Return what the fill cost in account currency (>= 0), guaranteed execution included."""
    fees = ("commission", "guaranteedExecutionFee")
    return sum((optional_decimal(transaction, name) or Decimal(0) for name in fees), Decimal(0))


def apply_to_trades(transaction: Json, trades: dict[str, KnownTrade]) -> None:
    """Keep track of which trade is of what, for the orders that belong to trades."""
    opened = transaction.get("tradeOpened")
    if opened:
        symbol = canonical_name(str(transaction.get("instrument")))
        trades[str(opened["tradeID"])] = KnownTrade(symbol, decimal_of(opened, "units"))
    reduced = transaction.get("tradeReduced")
    if reduced and str(reduced["tradeID"]) in trades:
        trades[str(reduced["tradeID"])].units += decimal_of(reduced, "units")
    for closed in transaction.get("tradesClosed") or ():
        trades.pop(str(closed["tradeID"]), None)
