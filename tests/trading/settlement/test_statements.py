"""Statements: what they refuse, what they leave unknown, and how they are written."""

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from domain.errors import BadUse, Retry
from domain.nanos import to_ns
from domain.orders import Execution, OrderSide
from trading.accounts.account import AccountConfig
from trading.accounts.trades import BookedFill, ConversionRates, fill_of, rates_at
from trading.quotes import Quote
from trading.settlement.financing import (
    FinancingTerms,
    financing_at_roll,
    rolls_between,
    terms_of,
)
from trading.settlement.items import (
    Item,
    Line,
    charge_item,
    commission_item,
    realised_items,
)
from trading.settlement.rendering import to_json, to_text
from trading.settlement.statements import Funding, Statement, checks, state_day
from trading.settlement.value_dates import NO_HOLIDAYS
from trading.venues import AccountCharge, VenueInstrument

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
    """The same day is the same bytes."""
    assert to_json(stated(*ITEMS)) == to_json(stated(*reversed(ITEMS), *ITEMS))


def test_a_statement_survives_its_json() -> None:
    """All digits come back."""
    statement = stated(*ITEMS)
    assert msgspec.json.decode(to_json(statement), type=Statement) == statement


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


def test_a_bust_is_booked_on_the_day_on_which_it_is_told() -> None:
    """The day of the fill stays as it was given out; the profit is taken back later."""
    book = AccountConfig("A-1", "USD").build()
    par = ConversionRates(D(1), D(1))
    book.apply(BookedFill("a", "EURUSD", "buy", D(1000), D("1.1"), NOON, par))
    close = BookedFill("b", "EURUSD", "sell", D(1000), D("1.2"), NOON + 1, par)
    (earned,) = realised_items(book.apply(close), "USD", NOON + 1)
    (back,) = realised_items(book.bust("b"), "USD", ROLL + 1)
    assert (earned.trade_date, earned.amount_account) == (DAY, D(100))
    assert (back.trade_date, back.amount_account) == (date(2014, 5, 8), D(-100))
    assert earned.item_id != back.item_id


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


def test_a_free_fill_has_no_commission_and_a_rebate_is_earned() -> None:
    """The sign says who paid: a cost is bought, a rebate sold."""
    fill = Execution("x", "o", "A-1", "EURUSD", "buy", D(1), D("1.1"), NOON, NOON, D(0), D(0), D(1))
    assert commission_item(fill, "USD", QUOTES) is None
    for commission, amount in (("100", "-1.000000"), ("-102.4", "1.000000")):
        charged = replace(fill, commission=D(commission), commission_currency="JPY")
        booked = commission_item(charged, "USD", QUOTES)
        assert booked is not None
        assert booked.amount_account == D(amount)


def _holding(units: str, ts_ns: int, execution_id: str = "a") -> BookedFill:
    side: OrderSide = "sell" if units.startswith("-") else "buy"
    return fill_of(
        Execution(
            execution_id,
            "o",
            "A-1",
            "EURUSD",
            side,
            abs(D(units)),
            D("1.26"),
            ts_ns,
            ts_ns,
            D(0),
            D(0),
            D(1),
        ),
        rates_at("USD", "USD", {}),
    )


def test_a_position_of_the_roll_itself_is_not_charged_and_one_before_is() -> None:
    """17:00:00 belongs to the next trade date; a later booking does not change what was held."""
    book = AccountConfig("A-1", "USD").build()
    terms = FinancingTerms(D("-0.0365"), D("-0.0365"))
    book.apply(_holding("1000", ROLL))
    assert financing_at_roll(book, "EURUSD", ROLL, terms, NO_HOLIDAYS, QUOTES) == []
    book.apply(_holding("500", ROLL - 1, "b"))
    (charged,) = financing_at_roll(book, "EURUSD", ROLL, terms, NO_HOLIDAYS, QUOTES)
    assert (charged.units, charged.days, charged.trade_date) == (D(500), 3, DAY)
    # 500 x 1.265 x 0.0001 x 3
    assert charged.amount_account == D("-0.18975")


def test_both_sides_of_a_hedged_symbol_are_charged_at_their_own_rates() -> None:
    """In pips a day: 1,000 long pay 0.5 pip, 400 short earn 0.2, three days each."""
    book = AccountConfig("A-1", "USD", "hedging").build()
    book.apply(_holding("1000", NOON))
    book.apply(_holding("-400", NOON, "b"))
    terms = FinancingTerms(D("-0.5"), D("0.2"), unit="pips")
    long, short = financing_at_roll(book, "EURUSD", ROLL, terms, NO_HOLIDAYS, QUOTES)
    # 1000 x 0.0001 x -0.5 x 3; 400 x 0.0001 x 0.2 x 3
    assert (long.side, long.amount_account) == ("buy", D("-0.15"))
    assert (short.side, short.amount_account) == ("sell", D("0.024"))
    assert long.charge_id != short.charge_id


def test_a_roll_of_no_days_charges_nothing_and_one_without_a_quote_waits() -> None:
    """0 days of the venue's table; without a price the amount cannot be said."""
    book = AccountConfig("A-1", "USD").build()
    book.apply(_holding("1000", NOON))
    none = FinancingTerms(D(1), D(1), days_charged=(1, 1, 0, 1, 1, 0, 0))
    assert financing_at_roll(book, "EURUSD", ROLL, none, NO_HOLIDAYS, {}) == []
    with pytest.raises(Retry, match="ask again"):
        financing_at_roll(book, "EURUSD", ROLL, FinancingTerms(D(1), D(1)), NO_HOLIDAYS, {})


def test_terms_come_from_the_venue_or_are_refused() -> None:
    """A venue that names no rates has no terms; a week has seven days."""
    venue = VenueInstrument("EURUSD", "EUR_USD", -4, D("0.00001"), D(1), D(1), D(10**7), D("0.02"))
    assert terms_of(venue) is None
    rated = replace(
        venue, long_rate=D("-0.01"), short_rate=D("0.002"), days_charged=(1, 1, 3, 1, 1, 0, 0)
    )
    assert terms_of(rated) == FinancingTerms(
        D("-0.01"), D("0.002"), days_charged=(1, 1, 3, 1, 1, 0, 0)
    )
    with pytest.raises(BadUse, match="Monday to Sunday are 7"):
        FinancingTerms(D(0), D(0), days_charged=(1, 1, 3, 1, 1))
    with pytest.raises(BadUse, match="year_days"):
        FinancingTerms(D(0), D(0), year_days=0)


def test_the_same_roll_has_the_same_charge_whenever_it_is_asked() -> None:
    """Its id depends on account, symbol, side and day, and on nothing else."""
    book = AccountConfig("A-1", "USD").build()
    book.apply(_holding("1000", NOON))
    terms = FinancingTerms(D("-0.01"), D("0.01"))
    (roll,) = rolls_between(NOON, ROLL)
    first = financing_at_roll(book, "EURUSD", roll, terms, NO_HOLIDAYS, QUOTES)
    book.apply(_holding("-1000", ROLL + 1, "b"))
    assert financing_at_roll(book, "EURUSD", roll, terms, NO_HOLIDAYS, QUOTES) == first
