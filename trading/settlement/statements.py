"""The daily statement: what moved the account on one trade date, and whether it adds up."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain.errors import BadUse
from trading.settlement.items import LINES, Item, Line

_ZERO = Decimal(0)
STATEMENT_VERSION = 1


class StatementLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Total of one line; ``amount_account`` is None while any item of it is unknown."""

    line: Line
    amount_account: Decimal | None
    items: int


class Funding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Balance and unrealised profit at one end of a day, account currency; None where unknown."""

    balance: Decimal | None
    unrealised: Decimal | None

    @property
    def equity(self) -> Decimal | None:
        """Balance plus unrealised profit."""
        return add(self.balance, self.unrealised)


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One account on one trade date, 17:00 to 17:00 New York.

    Attributes
    ----------
    opening, closing
        At the first and at the last moment of the day.
    lines
        Every line of `LINES`, also those of 0.
    unrealised_change
        Closing less opening unrealised: no part of the balance.
    items
        What the lines are made of, by line, time and id.
    """

    account: str
    currency: str
    trade_date: date
    opening: Funding
    closing: Funding
    lines: tuple[StatementLine, ...]
    unrealised_change: Decimal | None
    items: tuple[Item, ...]
    v: int = STATEMENT_VERSION

    def line(self, name: Line) -> Decimal | None:
        """Return the total of a line; None where unknown."""
        return next(line.amount_account for line in self.lines if line.line == name)


def add(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """Add; unknown stays unknown."""
    return None if one is None or other is None else one + other


def state_day(
    account: str,
    currency: str,
    day: date,
    opening: Funding,
    items: Iterable[Item],
    closing_unrealised: Decimal | None,
) -> Statement:
    """Return the statement of a trade date; the same items give the same one in any order.

    Parameters
    ----------
    opening
        The closing of the day before.
    items
        Items of that day; a repeated one counts once.
    closing_unrealised
        At the last quotes of the day, account currency.

    Raises
    ------
    BadUse
        If an item is of another day, or two of the same name differ.
    """
    booked: dict[tuple[Line, str], Item] = {}
    for item in items:
        if item.trade_date != day:
            msg = f"{item.line} {item.item_id} is of {item.trade_date}, not of {day}"
            raise BadUse(msg)
        if booked.setdefault((item.line, item.item_id), item) != item:
            msg = f"{item.line} {item.item_id} of {day} is reported with two amounts"
            raise BadUse(msg)
    rank = {line: place for place, line in enumerate(LINES)}
    ordered = sorted(booked.values(), key=lambda i: (rank[i.line], i.ts_event_ns, i.item_id))
    lines = tuple(_total(line, ordered) for line in LINES)
    balance = opening.balance
    for line in lines:
        balance = add(balance, line.amount_account)
    before = opening.unrealised
    return Statement(
        account,
        currency,
        day,
        opening,
        Funding(balance, closing_unrealised),
        lines,
        add(closing_unrealised, None if before is None else -before),
        tuple(ordered),
    )


def _total(line: Line, items: list[Item]) -> StatementLine:
    own = [item.amount_account for item in items if item.line == line]
    total: Decimal | None = _ZERO
    for amount in own:
        total = add(total, amount)
    return StatementLine(line, total, len(own))


class Check(NamedTuple):
    """One sum of a statement that should hold; ``difference`` is None where it is unknown."""

    name: str
    difference: Decimal | None

    @property
    def holds(self) -> bool:
        """True where the difference is exactly 0."""
        return self.difference == 0


def checks(
    statement: Statement,
    previous: Statement | None = None,
    venue_balance: Decimal | None = None,
    venue_equity: Decimal | None = None,
) -> tuple[Check, ...]:
    """Return the sums that a statement must fulfil, also one that was read from a store.

    Parameters
    ----------
    previous
        Statement of the day before: it must have closed where this one opens.
    venue_balance, venue_equity
        What the venue says at the same moment.
    """
    opening, closing = statement.opening, statement.closing
    booked: Decimal | None = _ZERO
    for line in statement.lines:
        booked = add(booked, line.amount_account)
    itemised: Decimal | None = _ZERO
    for item in statement.items:
        itemised = add(itemised, item.amount_account)
    moved = add(booked, statement.unrealised_change)
    found = [
        Check("items add up to the lines", _less(itemised, booked)),
        Check("lines move the balance", _less(add(opening.balance, booked), closing.balance)),
        Check("equity moves by all of it", _less(add(opening.equity, moved), closing.equity)),
    ]
    if previous is not None:
        last = previous.closing
        found.append(Check("opens where the last closed", _less(last.equity, opening.equity)))
        found.append(Check("balance is carried over", _less(last.balance, opening.balance)))
    if venue_balance is not None:
        found.append(Check("balance is the venue's", _less(closing.balance, venue_balance)))
    if venue_equity is not None:
        found.append(Check("equity is the venue's", _less(closing.equity, venue_equity)))
    return tuple(found)


def _less(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one - other
