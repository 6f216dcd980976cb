"""A statement as a table for people: the same statement, the same text."""

from decimal import Decimal

from domain.nanos import iso
from trading.conversion import MONEY_STEP
from trading.settlement.statements import Statement

_WIDTH = 18
UNAVAILABLE = "unavailable"
"""Written where an amount is not known."""


def to_text(statement: Statement) -> str:
    """Write a statement as a table, with the digits that money is kept to: what is read adds up."""
    opening, closing = statement.opening, statement.closing
    rows = [
        ("Opening balance", opening.balance),
        *((line.line.capitalize(), line.amount_account) for line in statement.lines),
        ("Closing balance", closing.balance),
        ("Unrealised, opening", opening.unrealised),
        ("Unrealised, change", statement.unrealised_change),
        ("Unrealised, closing", closing.unrealised),
        ("Opening equity", opening.equity),
        ("Closing equity", closing.equity),
    ]
    head = f"Account {statement.account}, trade date {statement.trade_date}, {statement.currency}\n"
    body = "".join(f"{name:<22}{_money(amount):>{_WIDTH}}\n" for name, amount in rows)
    items = "".join(
        f"{iso(item.ts_event_ns)}  {item.line:<11}{item.symbol:<8}"
        f"{_money(item.amount):>{_WIDTH}} {item.currency}{_money(item.amount_account):>{_WIDTH}}\n"
        for item in statement.items
    )
    return f"{head}{body}\n{items}" if items else f"{head}{body}"


def _money(amount: Decimal | None) -> str:
    if amount is None:
        return UNAVAILABLE
    # Adding 0 turns the -0.000000 that a tiny loss rounds to into 0.000000.
    return f"{amount.quantize(MONEY_STEP) + 0:,}"
