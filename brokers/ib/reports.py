"""The broker's record of an account, out of what TWS answers to several requests."""

from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from brokers.ib.executions import executions_of
from brokers.ib.rows import (
    ExecutionRow,
    MoneyRow,
    OrderKey,
    OrderRow,
    PositionRow,
    StatusRow,
    revision,
)
from brokers.ib.tracked import status_of
from trading.venues import OrderReport, VenuePosition, VenueSnapshot

Name = Callable[[OrderKey], str]
"""Returns our client order id of an order at TWS; empty where it is none of ours."""


class Record(NamedTuple):
    """Answers of TWS about one account, as they came."""

    orders: tuple[OrderRow | StatusRow, ...]
    completed: tuple[OrderRow, ...]
    executions: tuple[ExecutionRow, ...]


def record(
    account: str,
    orders: Iterable[OrderRow | StatusRow],
    completed: Iterable[OrderRow],
    executions: Iterable[ExecutionRow],
) -> Record:
    """Return what concerns the account and a currency pair; states come without an account."""
    return Record(
        tuple(
            row
            for row in orders
            if isinstance(row, StatusRow) or (row.account == account and row.symbol)
        ),
        tuple(row for row in completed if row.account == account and row.symbol),
        tuple(row for row in executions if row.account == account and row.symbol),
    )


def order_reports(found: Record, name: Name, now_ns: int) -> list[OrderReport]:
    """Return the open orders, then those that ended today."""
    states = {row.key.perm_id: row for row in found.orders if isinstance(row, StatusRow)}
    rows = [row for row in found.orders if isinstance(row, OrderRow)]
    open_ids = {row.key.perm_id for row in rows}
    rows += [row for row in found.completed if row.key.perm_id not in open_ids]
    return [_report(row, states.get(row.key.perm_id), found, name, now_ns) for row in rows]


def _report(
    row: OrderRow, state: StatusRow | None, found: Record, name: Name, now_ns: int
) -> OrderReport:
    told = row.filled if row.filled is not None else Decimal(0) if state is None else state.filled
    executed, average = _executed(row.key.perm_id, found.executions)
    filled = max(told, executed)
    if average is None and state is not None:
        average = state.average
    status = status_of(row.status if state is None else state.status, row.terms, filled)
    if status == "suspended" and row.filled is not None:
        # Inactive of an order that has ended: TWS never took it, or took it back.
        status = "canceled" if filled else "rejected"
    return OrderReport(
        client_order_id=name(row.key),
        venue_order_id=str(row.key.perm_id),
        symbol=row.symbol,
        side=row.side,
        terms=row.terms,
        status=status,
        filled_units=filled,
        average_price=average if filled else None,
        ts_event_ns=now_ns if row.at_ns is None else row.at_ns,
    )


def _executed(perm_id: int, rows: Iterable[ExecutionRow]) -> tuple[Decimal, Decimal | None]:
    """Return units and average price of an order by its executions, each by its newest revision."""
    newest: dict[str, ExecutionRow] = {}
    for row in sorted(rows, key=lambda each: revision(each.execution_id)):
        if row.key.perm_id == perm_id:
            newest[revision(row.execution_id)[0]] = row
    units = sum((row.units for row in newest.values()), Decimal(0))
    if not units:
        return Decimal(0), None
    return units, sum((row.units * row.price for row in newest.values()), Decimal(0)) / units


def snapshot(
    account: str,
    found: Record,
    positions: Iterable[PositionRow],
    money: Iterable[MoneyRow],
    name: Name,
    now_ns: int,
    *,
    complete: bool,
) -> VenueSnapshot:
    """Return the whole record of an account.

    Positions are IB's *virtual* positions, by pair, with an average price, moved by every fill.
    The cash balances that are there as well cannot be told apart by pair (euro of EURUSD and of
    EURJPY are one balance) and hold deposits and interest; they are in the money only.
    """
    values = {row.tag: row for row in money if row.account == account}
    total = values.get("NetLiquidation")
    return VenueSnapshot(
        account=account,
        currency="" if total is None else total.currency,
        ts_event_ns=now_ns,
        orders=tuple(order_reports(found, name, now_ns)),
        executions=tuple(executions_of(found.executions, name, "ib", now_ns)),
        positions=tuple(
            VenuePosition(row.symbol, row.units, row.average)
            for row in positions
            if row.account == account and row.symbol and row.units
        ),
        balance=_amount(values.get("TotalCashValue")),
        equity=_amount(total),
        margin_used=_amount(values.get("MaintMarginReq")),
        complete=complete and total is not None,
        position_mode="netting",
    )


def _amount(row: MoneyRow | None) -> Decimal | None:
    try:
        return None if row is None else Decimal(row.amount)
    except InvalidOperation:
        return None
