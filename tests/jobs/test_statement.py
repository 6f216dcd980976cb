"""A statement is held against the account's last mark of the day in the log."""

from datetime import date
from decimal import Decimal

from domain.fx_calendar import roll_ns
from domain.nanos import SECOND_NS
from jobs.statement import Market
from trading.settlement.items import Item, Line
from trading.settlement.statements import Funding, Statement, state_day

D = Decimal
DAY = date(2024, 3, 5)


def item(line: Line, amount: str | None, ts_event_ns: int) -> Item:
    """Return an amount in dollars."""
    known = None if amount is None else D(amount)
    return Item(line, "i", "EURUSD", DAY, ts_event_ns, known or D(0), "USD", known)


def stated(*items: Item) -> Statement:
    """Return the statement of an account that began the day with 1,000."""
    return state_day("a", "USD", DAY, Funding(D(1_000), D(0)), items, D(0))


def difference(logged: str, statement: Statement) -> Decimal | None:
    """Return how far the statement is off a balance at the last mark."""
    (check,) = Market(balance_of=lambda _: D(logged)).checks_of(statement)
    return check.difference


def test_what_the_roll_charges_comes_after_the_last_mark() -> None:
    """A second before 17:00 the swap of the day is not in the account yet."""
    won = item("realised", "5", roll_ns(DAY) - SECOND_NS)
    swap = item("swap", "-2", roll_ns(DAY))
    assert difference("1005", stated(won)) == 0
    assert difference("1005", stated(won, swap)) == 0
    assert difference("1003", stated(won, swap)) == 2


def test_a_charge_without_a_rate_leaves_it_open() -> None:
    """Neither right nor wrong."""
    assert difference("1000", stated(item("swap", None, roll_ns(DAY)))) is None
