"""Swap through a paper run: days, conversion, equity, statement, crashes; amounts by hand."""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from domain.instruments import INSTRUMENTS
from tests.trading.tape import Desk, Event, Sides, account, at, positions, read, with_signals
from trading.desk.entries import fact_of
from trading.quotes import Quote
from trading.settlement.rebuilding import Books, booked_of
from trading.settlement.statements import checks
from trading.venues import AccountCharge

D = Decimal
FINANCED: dict[str, Any] = {
    "terms_by_symbol": {"EURUSD": {"long_rate": "-0.0365", "short_rate": "0.0073"}}
}
CONFIG = account("EURUSD")
TAPE = """
    05T12:00:30.000 EURUSD 1.10000 1.10020
    05T12:01:00.000 EURUSD 1.10000 1.10020
    05T12:01:01.000 EURUSD 1.10000 1.10020
    05T21:59:00.000 EURUSD 1.10000 1.10000
    05T22:00:00.600 EURUSD 1.20000 1.20000
    05T22:01:00.000 EURUSD 1.10000 1.10000
    06T21:59:00.000 EURUSD 1.20000 1.20000
    06T22:01:00.000 EURUSD 1.10000 1.10000
    08T21:59:00.000 EURUSD 1.10000 1.10000
    10T21:05:00.000 EURUSD 1.10000 1.10000
    10T21:06:00.000 EURUSD 1.10000 1.10000
"""
"""Tuesday noon to Sunday night, when New York has changed its clocks: 17:00 is 21:00 UTC."""
SIDES: Sides = {("EURUSD", "05T12:01"): "buy"}
CHARGES = [
    # 18,180 x 1.10 x 3.65 % / 365 = 1.9998 on Tuesday.
    ("05T22:00", "-1.999800"),
    # Wednesday at 1.20, three days: 6.5448.
    ("06T22:00", "-6.544800"),
    # Thursday and Friday at what was quoted last: 1.9998 each. None over the weekend.
    ("07T22:00", "-1.999800"),
    ("08T22:00", "-1.999800"),
]
TOTAL = D("-12.5442")


def tape_of(config: Any = CONFIG, sides: Sides = SIDES, text: str = TAPE) -> list[Event]:
    """Return the log with its signals."""
    return with_signals(read(text, config.symbols), sides, config)


def charges_of(desk: Desk) -> list[AccountCharge]:
    """Return what the journal has of charges, in order."""
    facts = [fact_of(entry) for entry in desk.journal.read()]
    return [fact for fact in facts if isinstance(fact, AccountCharge)]


def test_a_week_is_charged_day_by_day(tmp_path: Path) -> None:
    """Tuesday one day, Wednesday three, and Thursday's and Friday's at the last price known."""
    desk = Desk(CONFIG, tmp_path, **FINANCED)
    desk.feed(tape_of())
    found = charges_of(desk)
    assert [(one.ts_event_ns, one.amount) for one in found] == [
        (at(clock), D(amount)) for clock, amount in CHARGES
    ]
    assert {(one.kind, one.currency, one.symbol) for one in found} == {
        ("financing", "USD", "EURUSD")
    }
    last = positions(desk.out, "*")[-1]
    # Bought at 1.1002: 3.636 below at 1.1000.
    assert last.unrealised_account == D("-3.636")
    assert last.equity_account == 100_000 - D("3.636") + TOTAL
    # What was realised by trading is not what was charged.
    assert last.realised_account == 0
    desk.stop()


def test_without_rates_nothing_is_charged(tmp_path: Path) -> None:
    """The default: no swap, and no trace of one."""
    desk = Desk(CONFIG, tmp_path)
    desk.feed(tape_of())
    assert charges_of(desk) == []
    assert "charged_account" not in desk.logic.snapshot()["lanes"][0]
    assert positions(desk.out, "*")[-1].equity_account == 100_000 - D("3.636")
    desk.stop()


def test_the_equity_of_a_mark_has_what_was_charged_before_it(tmp_path: Path) -> None:
    """Not yet at the mark a second before the roll; at every later one."""
    desk = Desk(CONFIG, tmp_path, **FINANCED)
    desk.feed(tape_of())
    marks = {one.ts_event_ns: one for one in positions(desk.out, "*")}
    at_roll = marks[at("05T21:59:59")]
    later = marks[at("05T22:00:59")]
    assert at_roll.equity_account == 100_000 - D("3.636")
    assert at_roll.unrealised_account is not None
    assert later.equity_account is not None
    assert later.unrealised_account is not None
    assert later.equity_account - later.unrealised_account == 100_000 - D("1.9998")
    desk.stop()


def test_the_statement_has_a_line_of_its_own(tmp_path: Path) -> None:
    """On the day that the roll ended; sums and balances agree from day to day."""
    desk = Desk(CONFIG, tmp_path, **FINANCED)
    desk.feed(tape_of())
    quotes = {"EURUSD": Quote(D("1.1"), D("1.1"))}
    booked = booked_of(desk.journal.read())
    books = Books("paper-1", "USD", D(100_000), booked, INSTRUMENTS, lambda _: quotes)
    days = [books.statement(date(2024, 3, number)) for number in (5, 6, 7, 8)]
    assert [day.line("swap") for day in days] == [D(amount) for _, amount in CHARGES]
    assert {day.line("realised") for day in days} == {0}
    assert days[-1].closing.balance == 100_000 + TOTAL
    for before, day in pairwise(days):
        assert all(check.holds for check in checks(day, before))
    desk.stop()


@pytest.mark.parametrize("mode", ["fifo", "hedging"])
def test_it_is_the_same_where_trades_are_kept_apart(mode: str, tmp_path: Path) -> None:
    """One trade is one position."""
    config = account("EURUSD", position_mode=mode)
    desk = Desk(config, tmp_path, **FINANCED)
    desk.feed(tape_of(config))
    assert [one.amount for one in charges_of(desk)] == [D(amount) for _, amount in CHARGES]
    desk.stop()


YEN = account("USDJPY")
YEN_TAPE = """
    05T12:00:30.000 USDJPY 150.000 150.020
    05T12:01:00.000 USDJPY 150.000 150.020
    05T12:01:01.000 USDJPY 150.000 150.020
    05T21:59:00.000 USDJPY 151.000 151.020
    05T22:00:00.600 USDJPY 160.000 160.020
    05T22:02:00.000 USDJPY 151.000 151.020
"""


def test_a_charge_is_converted_at_the_quotes_before_the_roll(tmp_path: Path) -> None:
    """20,000 x 151.01 x 3.65 % / 365 = 302.02 yen, bought at 151.000, not at 160: 2.000132."""
    desk = Desk(YEN, tmp_path, terms={"long_rate": "-0.0365"})
    desk.feed(tape_of(YEN, {("USDJPY", "05T12:01"): "buy"}, YEN_TAPE))
    (charge,) = charges_of(desk)
    assert (charge.amount, charge.currency) == (D("-2.000132"), "USD")
    desk.stop()


def _lives(desk: Desk, events: list[Event], snapshot_at: int, dies_at: int) -> None:
    """Play to a place, die, begin again at the snapshot made on the way, and play to the end."""
    desk.feed(events[:snapshot_at])
    snapshot = desk.logic.snapshot()
    kept = list(desk.out)
    desk.feed(events[snapshot_at:dies_at])
    desk.stop()
    desk.out = kept
    desk.start(snapshot)
    desk.feed(events[snapshot_at:])


@pytest.mark.parametrize("snapshot_at", range(0, 20, 3))
@pytest.mark.parametrize("further", range(0, 20, 3))
def test_a_crash_charges_nothing_twice(snapshot_at: int, further: int, tmp_path: Path) -> None:
    """Before or after the roll, before or after the snapshot: one journal, one equity."""
    events = tape_of()
    whole = Desk(CONFIG, tmp_path / "whole", **FINANCED)
    whole.feed(events)
    died = Desk(CONFIG, tmp_path / "died", **FINANCED)
    _lives(died, events, snapshot_at, min(snapshot_at + further, len(events)))
    assert died.out == whole.out
    assert charges_of(died) == charges_of(whole)
    assert died.books() == whole.books()
    whole.stop()
    died.stop()
