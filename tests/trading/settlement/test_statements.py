"""Statements: what they refuse, what they leave unknown, and how they are written."""

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from domain.errors import BadUse
from domain.nanos import to_ns
from trading.quotes import Quote
from trading.settlement.items import Item, Line, charge_item
from trading.settlement.rendering import to_text
from trading.settlement.statements import Funding, Statement, checks, state_day
from trading.venues import AccountCharge

D = Decimal
DAY = date(2014, 5, 7)
NOON = to_ns(datetime(2014, 5, 7, 12, tzinfo=UTC))
ROLL = to_ns(datetime(2014, 5, 7, 21, tzinfo=UTC))
QUOTES = {
    "EURUSD": Quote(D("1.25"), D("1.28")),
    "USDJPY": Quote(D("100"), D("102.4")),
}


def item(line: Line, name: str, amount: str | None) -> Item:
    """Return an item in account currency."""
    money = None if amount is None else D(amount)
    return Item(line, name, "EURUSD", DAY, NOON, D(amount or 1), "USD", money)


def stated(*items: Item) -> Statement:
    """Return a day of these items from 100 USD and 5 unrealised to 7 unrealised."""
    return state_day("A-1", "USD", DAY, Funding(D(100), D(5)), items, D(7))


ITEMS = (
    item("swap", "s", "-0.255"),
    item("realised", "b", "1200.125"),
    item("realised", "a", "-0.001"),
    item("commission", "c", "-2"),
)
TEXT = """\
Account A-1, trade date 2014-05-07, USD
Opening balance               100.000000
Realised                    1,200.124000
Swap                           -0.255000
Commission                     -2.000000
Dividend                        0.000000
Transfer                        0.000000
Correction                      0.000000
Closing balance             1,297.869000
Unrealised, opening             5.000000
Unrealised, change              2.000000
Unrealised, closing             7.000000
Opening equity                105.000000
Closing equity              1,304.869000

2014-05-07T12:00:00.000Z  realised   EURUSD           -0.001000 USD         -0.001000
2014-05-07T12:00:00.000Z  realised   EURUSD        1,200.125000 USD      1,200.125000
2014-05-07T12:00:00.000Z  swap       EURUSD           -0.255000 USD         -0.255000
2014-05-07T12:00:00.000Z  commission EURUSD           -2.000000 USD         -2.000000
"""


def test_a_statement_as_text_is_these_very_lines() -> None:
    """With all digits that are kept, so that a reader can add them up."""
    assert to_text(stated(*ITEMS)) == TEXT


def test_order_and_repetition_of_items_change_nothing() -> None:
    """The same day is the same statement."""
    assert stated(*ITEMS) == stated(*reversed(ITEMS), *ITEMS)


def test_a_statement_survives_its_json() -> None:
    """All digits come back."""
    statement = stated(*ITEMS)
    assert msgspec.json.decode(msgspec.json.encode(statement), type=Statement) == statement


def test_one_unknown_amount_makes_the_sums_unknown_and_is_written_so() -> None:
    """Never 0 in its place: neither the line nor the balance can be said."""
    statement = stated(item("realised", "a", "3"), item("swap", "s", None))
    assert (statement.line("realised"), statement.line("swap")) == (D(3), None)
    assert statement.closing == Funding(None, D(7))
    assert statement.closing.equity is None
    assert "Swap                         unavailable" in to_text(statement)
    assert "Closing balance              unavailable" in to_text(statement)
    assert [check.holds for check in checks(statement)] == [False, False, False]


def test_items_of_another_day_and_of_two_minds_are_refused() -> None:
    """Both would make a statement that nobody can explain."""
    with pytest.raises(BadUse, match="is of 2014-05-08, not of 2014-05-07"):
        stated(replace(item("swap", "s", "1"), trade_date=date(2014, 5, 8)))
    with pytest.raises(BadUse, match="two amounts"):
        stated(item("swap", "s", "1"), item("swap", "s", "2"))


def test_checks_find_what_was_changed_afterwards() -> None:
    """A cent more in any place is found by the sum that it breaks."""
    good = stated(*ITEMS)

    def broken(statement: Statement, previous: Statement | None = None) -> list[str]:
        return [c.name for c in checks(statement, previous) if not c.holds]

    assert broken(good) == []
    lines = (replace(good.lines[0], amount_account=D(1)), *good.lines[1:])
    assert broken(replace(good, lines=lines)) == [
        "items add up to the lines",
        "lines move the balance",
        "equity moves by all of it",
    ]
    closing = replace(good.closing, unrealised=D("7.01"))
    assert broken(replace(good, closing=closing)) == ["equity moves by all of it"]
    assert broken(good, good) == ["opens where the last closed", "balance is carried over"]
    ours = checks(good, venue_balance=D("1297.869"), venue_equity=D("1304.87"))
    assert {c.name: c.difference for c in ours[-2:]} == {
        "balance is the venue's": D(0),
        "equity is the venue's": D("-0.001"),
    }


def test_a_charge_of_the_venue_goes_to_its_line_and_day() -> None:
    """Financing booked just after 17:00 is of the day that ended; a transfer is of the new one."""
    soon = ROLL + 5_000_000_000
    swap = charge_item(AccountCharge("1", "financing", "", D(-50), "EUR", soon), "USD", QUOTES)
    cash = charge_item(AccountCharge("2", "transfer", "", D(50), "EUR", soon), "USD", QUOTES)
    # 50 EUR are bought at 1.28 and sold at 1.25.
    assert (swap.line, swap.trade_date, swap.amount_account) == ("swap", DAY, D(-64))
    assert (cash.line, cash.trade_date, cash.amount_account) == (
        "transfer",
        date(2014, 5, 8),
        D("62.5"),
    )
    lost = charge_item(AccountCharge("3", "correction", "", D(1), "GBP", soon), "USD", QUOTES)
    assert (lost.line, lost.amount_account) == ("correction", None)
