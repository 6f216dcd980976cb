"""Statements that count from the venue's own balance, and positions that people answer for."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from msgspec.structs import replace

from domain.adjustments import position_adjustment
from domain.balances import OpeningBalance
from domain.instruments import INSTRUMENTS
from domain.nanos import SECOND_NS, parse_ns
from domain.orders import Execution
from trading.desk.entries import Fact, draft_of
from trading.journal.journal import Journal
from trading.settlement.rebuilding import Books, booked_of
from trading.settlement.statements import checks
from trading.venues import AccountCharge

D = Decimal
FIRST, SECOND, THIRD = date(2014, 5, 7), date(2014, 5, 8), date(2014, 5, 9)
NOON = parse_ns("2014-05-07T12:00:00")
DAY_NS = 86_400 * SECOND_NS
OPENING = OpeningBalance("A-1", "oanda", "USD", D("5000.00"), NOON + DAY_NS, 20)
ADJUSTMENT = position_adjustment(
    "EURUSD", D(-4_000), D("1.3900"), account="A-1", by="Ada", reason="lost", ts_event_ns=1
)


def close(name: str, ts_ns: int, profit: str | None) -> Execution:
    """Return a fill that realises something, in USD."""
    known = None if profit is None else D(profit)
    return Execution(
        name, "o", "A-1", "EURUSD", "sell", D(1_000), D("1.39"), ts_ns, ts_ns, D(7), known, None
    )


def charge(name: str, ts_ns: int, amount: str, sequence: int | None) -> AccountCharge:
    """Return a transfer, in USD."""
    return AccountCharge(name, "transfer", "", D(amount), "USD", ts_ns, "oanda", sequence)


@pytest.fixture
def journal() -> Iterator[Journal]:
    """Open an account's journal in memory."""
    journal = Journal.open("sqlite://", "A-1")
    journal.acquire("test", NOON, 60 * SECOND_NS)
    yield journal
    journal.close()


def books(journal: Journal, *facts: Fact) -> Books:
    """Return the books of a journal in which some facts are, in this order."""
    for fact in facts:
        journal.append(draft_of(fact))
    journal.commit()
    booked = booked_of(journal.read())
    return Books("A-1", "USD", D(100_000), booked, INSTRUMENTS, lambda _: {})


def test_balances_count_from_the_venues_word_in_both_directions(journal: Journal) -> None:
    """5,000 at noon of the second day: 30 of them were made before it, 12 that very morning."""
    found = books(
        journal,
        close("x1", NOON, "30"),
        close("x2", NOON + DAY_NS - SECOND_NS, "12"),
        OPENING,
        close("x3", NOON + DAY_NS + SECOND_NS, "-2"),
        close("x4", NOON + 2 * DAY_NS, "1"),
    )
    stated = [found.statement(day) for day in (FIRST, SECOND, THIRD)]
    balances = [(one.opening.balance, one.closing.balance) for one in stated]
    assert balances == [
        (D(4_958), D(4_988)),
        (D(4_988), D(4_998)),
        (D(4_998), D(4_999)),
    ]
    for before, one in pairwise(stated):
        assert all(check.difference in (0, None) for check in checks(one, before))


def test_charges_are_placed_by_the_venues_own_order(journal: Journal) -> None:
    """One that was heard late is in the balance already; one that was heard early is not."""
    found = books(
        journal,
        charge("early", NOON + DAY_NS, "8", 21),
        OPENING,
        charge("late", NOON + DAY_NS, "-3", 19),
    )
    stated = found.statement(SECOND)
    assert (stated.opening.balance, stated.closing.balance) == (D(5_003), D(5_008))


def test_charges_without_an_order_are_placed_by_the_journals(journal: Journal) -> None:
    """As commissions of Interactive Brokers."""
    found = books(
        journal,
        charge("c1", NOON + DAY_NS, "8", None),
        replace(OPENING, sequence=None),
        charge("c2", NOON + DAY_NS, "-3", None),
    )
    stated = found.statement(SECOND)
    assert (stated.opening.balance, stated.closing.balance) == (D(4_992), D(4_997))


def test_what_is_unknown_before_the_balance_is_no_matter_after_it(journal: Journal) -> None:
    """The venue has counted it."""
    found = books(journal, close("x1", NOON, None), OPENING, close("x2", NOON + 2 * DAY_NS, "1"))
    assert found.statement(FIRST).opening.balance is None
    assert found.statement(THIRD).closing.balance == D(5_001)


def test_an_adjustment_is_named_with_who_and_why(journal: Journal) -> None:
    """On the day of its booking; what it realises is in the lines, and it settles nowhere."""
    booked = replace(
        close(ADJUSTMENT.execution_id, NOON + 2 * DAY_NS, "-50"), quantity_units=D(4_000)
    )
    found = books(journal, OPENING, ADJUSTMENT, booked, close("x1", NOON + 2 * DAY_NS, "1"))
    assert found.adjustments(THIRD) == [ADJUSTMENT]
    assert found.adjustments(SECOND) == []
    assert found.statement(THIRD).line("realised") == -49
    assert [one.execution.execution_id for one in found.settlements(THIRD)] == ["x1"]
