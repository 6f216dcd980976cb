"""Statements from a journal alone: two days worked out by hand, and what stays unknown."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.errors import BadUse
from domain.instruments import INSTRUMENTS
from domain.nanos import SECOND_NS, to_ns
from domain.orders import Execution, OrderSide
from trading.conversion import Quotes
from trading.desk.entries import draft_of
from trading.journal.journal import Journal
from trading.quotes import Quote
from trading.settlement.items import LINES
from trading.settlement.rebuilding import Booked, Books, booked_of, previous_trade_date
from trading.settlement.statements import Funding, checks
from trading.venues import AccountCharge

D = Decimal
FIRST, SECOND = date(2014, 5, 7), date(2014, 5, 8)
NOON = to_ns(datetime(2014, 5, 7, 12, tzinfo=UTC))
ROLL = to_ns(datetime(2014, 5, 7, 21, tzinfo=UTC))
QUOTES = {
    FIRST: {"EURUSD": Quote(D("1.3910"), D("1.3912"))},
    SECOND: {"EURUSD": Quote(D("1.3900"), D("1.3902"))},
}


def fill(
    name: str,
    side: OrderSide,
    units: int,
    price: str,
    ts_event_ns: int,
    profit: str = "0",
    profit_account: str | None = "0",
    commission: str = "0",
) -> Execution:
    """Return a fill of EURUSD with what it realised."""
    known = None if profit_account is None else D(profit_account)
    return Execution(
        name,
        f"order of {name}",
        "A-1",
        "EURUSD",
        side,
        D(units),
        D(price),
        ts_event_ns,
        ts_event_ns,
        D(profit),
        known,
        None if known is None else D(1),
        D(commission),
        "USD",
        D(commission),
    )


BUY = fill("x1", "buy", 10_000, "1.3900", NOON, commission="0.25")
SELL = fill("x2", "sell", 4_000, "1.3920", ROLL + SECOND_NS, "8.00", "8.00")
SWAP = AccountCharge("c1", "financing", "EURUSD", D("-0.80"), "USD", ROLL, "fix")
WITHDRAWAL = AccountCharge("c2", "transfer", "", D(-500), "EUR", ROLL + 2 * SECOND_NS, "fix")


@pytest.fixture
def journal() -> Iterator[Journal]:
    """Open an account's journal in memory."""
    journal = Journal.open("sqlite://", "A-1")
    journal.acquire("test", NOON, 60 * SECOND_NS)
    yield journal
    journal.close()


def books(booked: Booked, quotes: dict[date, Quotes] | None = None) -> Books:
    """Return the books of a USD account that began with 100,000."""
    known = QUOTES if quotes is None else quotes
    return Books("A-1", "USD", D(100_000), booked, INSTRUMENTS, lambda day: known.get(day, {}))


def test_two_days_are_as_worked_out_by_hand(journal: Journal) -> None:
    """Commission and swap on the first, profit and a withdrawal in euros on the second.

    10,000 bought at 1.3900 are 10 up at the bid of 1.3910; after 4,000 were sold for a profit of 8
    the rest is level at 1.3900. 500 euros cost 695.10 dollars at the ask of 1.3902.
    """
    for fact in (BUY, SWAP, SELL, WITHDRAWAL, BUY):
        journal.append(draft_of(fact))
    journal.commit()
    booked = booked_of(journal.read())
    assert booked == Booked([BUY, SELL], [SWAP, WITHDRAWAL])
    assert booked.days() == [FIRST, SECOND]
    found = books(booked)
    first, second = found.statement(FIRST), found.statement(SECOND)
    assert first.opening == Funding(D(100_000), D(0))
    assert first.closing == Funding(D("99998.95"), D(10))
    assert [first.line(name) for name in LINES] == [0, D("-0.80"), D("-0.25"), 0, 0, 0]
    assert second.opening == first.closing
    assert second.closing == Funding(D("99311.85"), D(0))
    assert [second.line(name) for name in LINES] == [8, 0, 0, 0, D("-695.10"), 0]
    assert second.unrealised_change == -10
    assert second.closing.equity == D("99311.85")
    for one in (*checks(first), *checks(second, first)):
        assert one.holds, one


def test_fills_settle_on_the_second_business_day() -> None:
    """Of Wednesday on Friday, of Thursday on Monday."""
    found = books(Booked([BUY, SELL], []))
    assert found.settlements(FIRST) == [(BUY, date(2014, 5, 9))]
    assert found.settlements(SECOND) == [(SELL, date(2014, 5, 12))]


def test_without_quotes_what_is_open_is_unknown_and_the_balance_is_not() -> None:
    """Equity is then unknown too, until all is flat."""
    close = fill("x3", "sell", 6_000, "1.3900", ROLL + 3 * SECOND_NS)
    found = books(Booked([BUY, SELL, close], [SWAP]), {})
    first, second = found.statement(FIRST), found.statement(SECOND)
    assert first.closing == Funding(D("99998.95"), None)
    assert first.closing.equity is None
    assert second.closing == Funding(D("100006.95"), D(0))
    assert second.unrealised_change is None
    assert found.positions(SECOND) == {}


def test_a_charge_in_another_currency_without_a_rate_makes_the_balance_unknown() -> None:
    """It is listed with its own amount."""
    stated = books(Booked([], [WITHDRAWAL]), {}).statement(SECOND)
    (item,) = stated.items
    assert (item.amount, item.currency) == (D(-500), "EUR")
    assert item.amount_account is None
    assert stated.closing.balance is None


def test_a_profit_without_a_rate_makes_all_that_follows_unknown() -> None:
    """Never 0 in its place."""
    found = books(Booked([fill("x1", "buy", 1, "1.39", NOON, "-3", None)], []))
    assert found.statement(FIRST).closing.balance is None
    assert found.statement(SECOND).opening.balance is None


def test_a_day_without_an_entry_carries_over() -> None:
    """Over the weekend too: Monday opens where Friday closed."""
    found = books(Booked([BUY, SELL], []), {**QUOTES, date(2014, 5, 9): QUOTES[SECOND]})
    friday, monday = found.statement(date(2014, 5, 9)), found.statement(date(2014, 5, 12))
    assert (friday.items, monday.items) == ((), ())
    assert monday.opening == friday.closing == Funding(D("100007.75"), D(0))
    assert previous_trade_date(date(2014, 5, 12)) == date(2014, 5, 9)


def test_a_symbol_without_an_instrument_is_named() -> None:
    """Its currency is not known, nor what it is worth."""
    with pytest.raises(BadUse, match="fills of XAUUSD"):
        books(Booked([replace(BUY, symbol="XAUUSD")], []))
