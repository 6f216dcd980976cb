"""Profit against tables worked out by hand: three pairs, three account currencies, three days.

The spreads are as wide as no market's, so that a conversion on the wrong side shows at once and
every division comes out even::

    EURUSD 1.25 / 1.28     USDJPY 100 / 102.4     EURJPY 125 / 128

    into   from   a gain is sold       a loss is bought
    EUR    USD    / 1.28  = 0.78125    / 1.25  = 0.8
    JPY    USD    x 100                x 102.4
    USD    JPY    / 102.4              / 100
    EUR    JPY    / 128                / 125

Trade dates are Wednesday 7 to Friday 9 May 2014. Over Wednesday's roll three days are charged, over
Thursday's one. A yearly 3.65 % is 0.0001 a day, 1.825 % is 0.00005. Commission is 1.28 USD on the
first fill, and on Thursday 1,000 of account currency are paid in.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

import pytest

from domain.instruments import INSTRUMENTS
from domain.nanos import to_ns
from domain.orders import Execution, OrderSide
from trading.accounts.account import AccountConfig
from trading.accounts.trades import fill_of, rates_at
from trading.accounts.valuation import account_unrealised
from trading.quotes import Quote
from trading.settlement.financing import FinancingTerms, financing_at_roll, rolls_between
from trading.settlement.items import (
    Item,
    charge_item,
    commission_item,
    financing_item,
    realised_items,
)
from trading.settlement.statements import Funding, Statement, checks, state_day
from trading.settlement.value_dates import NO_HOLIDAYS
from trading.venues import AccountCharge

D = Decimal
QUOTES = {
    "EURUSD": Quote(D("1.25"), D("1.28")),
    "USDJPY": Quote(D("100"), D("102.4")),
    "EURJPY": Quote(D("125"), D("128")),
}
WEDNESDAY, THURSDAY, FRIDAY = date(2014, 5, 7), date(2014, 5, 8), date(2014, 5, 9)


def at(day: int, hour: int) -> int:
    """Return a UTC hour of May 2014."""
    return to_ns(datetime(2014, 5, day, hour, tzinfo=UTC))


Deal = tuple[int, OrderSide, str, str]
"""Day of May at 14:00 or later UTC, side, units, price."""

DEALS: dict[str, list[Deal]] = {
    # Long 10,000; 4,000 closed at a gain; 6,000 held over the triple roll; sold 10,000: 6,000
    # closed at a loss and 4,000 short; held over a roll; bought back at a gain.
    "EURUSD": [
        (7, "buy", "10000", "1.2600"),
        (7, "sell", "4000", "1.2700"),
        (8, "sell", "10000", "1.2500"),
        (9, "buy", "4000", "1.2400"),
    ],
    # The same way; the short is bought back at a loss.
    "USDJPY": [
        (7, "buy", "10000", "101.00"),
        (7, "sell", "4000", "101.50"),
        (8, "sell", "10000", "100.60"),
        (9, "buy", "4000", "100.90"),
    ],
    # Begins short and flips to long.
    "EURJPY": [
        (7, "sell", "10000", "127.00"),
        (7, "buy", "4000", "126.00"),
        (8, "buy", "10000", "127.50"),
        (9, "sell", "4000", "128.00"),
    ],
}
TERMS = {
    "EURUSD": FinancingTerms(long=D("-0.0365"), short=D("0.01825")),
    "USDJPY": FinancingTerms(long=D("0.01825"), short=D("-0.0365")),
    "EURJPY": FinancingTerms(long=D("-0.01825"), short=D("-0.0365")),
}

# In quote currency, by hand:
#
# EURUSD  Wed  realised   4,000 x (1.27 - 1.26)           =   +40 USD
#              swap       6,000 x 1.265 x -0.0001 x 3     =  -2.277 USD   (mid 1.265)
#              open       6,000 x (1.25 - 1.26)           =   -60 USD     (long at the bid)
#         Thu  realised   6,000 x (1.25 - 1.26)           =   -60 USD
#              swap       4,000 x 1.265 x +0.00005        =  +0.253 USD
#              open      -4,000 x (1.28 - 1.25)           =  -120 USD     (short at the ask)
#         Fri  realised  -4,000 x (1.24 - 1.25)           =   +40 USD
# USDJPY  Wed  realised   4,000 x (101.5 - 101)           = +2,000 JPY
#              swap       6,000 x 101.2 x 0.00005 x 3     =  +91.08 JPY   (mid 101.2)
#              open       6,000 x (100 - 101)             = -6,000 JPY
#         Thu  realised   6,000 x (100.6 - 101)           = -2,400 JPY
#              swap       4,000 x 101.2 x -0.0001         =  -40.48 JPY
#              open      -4,000 x (102.4 - 100.6)         = -7,200 JPY
#         Fri  realised  -4,000 x (100.9 - 100.6)         = -1,200 JPY
# EURJPY  Wed  realised  -4,000 x (126 - 127)             = +4,000 JPY
#              swap       6,000 x 126.5 x -0.0001 x 3     = -227.7 JPY    (mid 126.5)
#              open      -6,000 x (128 - 127)             = -6,000 JPY
#         Thu  realised  -6,000 x (127.5 - 127)           = -3,000 JPY
#              swap       4,000 x 126.5 x -0.00005        =  -25.3 JPY
#              open       4,000 x (125 - 127.5)           = -10,000 JPY
#         Fri  realised   4,000 x (128 - 127.5)           = +2,000 JPY


class Row(NamedTuple):
    """One day by hand, account currency: realised, swap, commission, unrealised, balance."""

    realised: str
    swap: str
    commission: str
    unrealised: str
    balance: str


TABLES: dict[tuple[str, str], tuple[Row, Row, Row]] = {
    # As it stands: everything is in dollars.
    ("EURUSD", "USD"): (
        Row("40", "-2.277", "-1.28", "-60", "10036.443"),
        Row("-60", "0.253", "0", "-120", "10976.696"),  # 1,000 paid in
        Row("40", "0", "0", "0", "11016.696"),
    ),
    # 40 x 0.78125; 2.277 x 0.8; 1.28 x 0.8; 60 x 0.8; 0.253 x 0.78125 = 0.19765625; 120 x 0.8
    ("EURUSD", "EUR"): (
        Row("31.25", "-1.8216", "-1.024", "-48", "10028.4044"),
        Row("-48", "0.197656", "0", "-96", "10980.602056"),
        Row("31.25", "0", "0", "0", "11011.852056"),
    ),
    # 40 x 100; 2.277 x 102.4; 1.28 x 102.4; 60 x 102.4; 0.253 x 100; 120 x 102.4
    ("EURUSD", "JPY"): (
        Row("4000", "-233.1648", "-131.072", "-6144", "13635.7632"),
        Row("-6144", "25.3", "0", "-12288", "8517.0632"),
        Row("4000", "0", "0", "0", "12517.0632"),
    ),
    # 2,000 / 102.4; 91.08 / 102.4 = 0.889453125; 6,000 / 100; 2,400 / 100; 40.48 / 100; ...
    ("USDJPY", "USD"): (
        Row("19.53125", "0.889453", "-1.28", "-60", "10019.140703"),
        Row("-24", "-0.4048", "0", "-72", "10994.735903"),
        Row("-12", "0", "0", "0", "10982.735903"),
    ),
    # 2,000 / 128; 91.08 / 128 = 0.7115625, half to even; 6,000 / 125; 2,400 / 125; 40.48 / 125; ...
    ("USDJPY", "EUR"): (
        Row("15.625", "0.711562", "-1.024", "-48", "10015.312562"),
        Row("-19.2", "-0.32384", "0", "-57.6", "10995.788722"),
        Row("-9.6", "0", "0", "0", "10986.188722"),
    ),
    ("USDJPY", "JPY"): (
        Row("2000", "91.08", "-131.072", "-6000", "11960.008"),
        Row("-2400", "-40.48", "0", "-7200", "10519.528"),
        Row("-1200", "0", "0", "0", "9319.528"),
    ),
    # 4,000 / 102.4; 227.7 / 100; 6,000 / 100; 3,000 / 100; 25.3 / 100; 10,000 / 100; 2,000 / 102.4
    ("EURJPY", "USD"): (
        Row("39.0625", "-2.277", "-1.28", "-60", "10035.5055"),
        Row("-30", "-0.253", "0", "-100", "11005.2525"),
        Row("19.53125", "0", "0", "0", "11024.78375"),
    ),
    # 4,000 / 128; 227.7 / 125; 6,000 / 125; 3,000 / 125; 25.3 / 125; 10,000 / 125; 2,000 / 128
    ("EURJPY", "EUR"): (
        Row("31.25", "-1.8216", "-1.024", "-48", "10028.4044"),
        Row("-24", "-0.2024", "0", "-80", "11004.202"),
        Row("15.625", "0", "0", "0", "11019.827"),
    ),
    ("EURJPY", "JPY"): (
        Row("4000", "-227.7", "-131.072", "-6000", "13641.228"),
        Row("-3000", "-25.3", "0", "-10000", "11615.928"),
        Row("2000", "0", "0", "0", "13615.928"),
    ),
}


def statements(symbol: str, currency: str) -> list[Statement]:
    """Run the deals of a symbol through an account and state its three days."""
    book = AccountConfig("A-1", currency).build()
    instrument = INSTRUMENTS[symbol]
    items: dict[date, list[Item]] = {WEDNESDAY: [], THURSDAY: [], FRIDAY: []}
    opens: dict[date, Decimal | None] = {}
    deals = [
        Execution(
            f"x{number}",
            f"o{number}",
            "A-1",
            symbol,
            side,
            D(units),
            D(price),
            at(day, 14 + number),
            0,
            D(0),
            None,
            None,
            D("1.28") if number == 0 else D(0),
            "USD",
        )
        for number, (day, side, units, price) in enumerate(DEALS[symbol])
    ]
    for day in items:
        for deal in [d for d in deals if at(day.day, 0) <= d.ts_event_ns < at(day.day + 1, 0)]:
            rates = rates_at(instrument.quote, currency, QUOTES)
            change = book.apply(fill_of(deal, rates))
            items[day] += realised_items(change, instrument.quote, deal.ts_event_ns)
            commission = commission_item(deal, currency, QUOTES)
            items[day] += [] if commission is None else [commission]
        for roll in rolls_between(at(day.day, 12), at(day.day + 1, 0)):
            for charged in financing_at_roll(
                book, symbol, roll, TERMS[symbol], NO_HOLIDAYS, QUOTES
            ):
                items[day].append(financing_item(charged, instrument.quote))
        opens[day] = account_unrealised(book, QUOTES)
    paid_in = AccountCharge("t1", "transfer", "", D(1000), currency, at(8, 9))
    items[THURSDAY].append(charge_item(paid_in, currency, QUOTES))
    found: list[Statement] = []
    funding = Funding(D(10000), D(0))
    for day, own in items.items():
        found.append(state_day("A-1", currency, day, funding, own, opens[day]))
        funding = found[-1].closing
    return found


@pytest.mark.parametrize(("symbol", "currency"), TABLES)
def test_three_days_are_as_worked_out_by_hand(symbol: str, currency: str) -> None:
    """Partial close, flip, triple Wednesday, swap earned and paid, commission, transfer."""
    days = statements(symbol, currency)
    for row, day, transfer in zip(TABLES[symbol, currency], days, ("0", "1000", "0"), strict=True):
        got = [day.line("realised"), day.line("swap"), day.line("commission")]
        assert got == [D(row.realised), D(row.swap), D(row.commission)], day.trade_date
        assert day.line("transfer") == D(transfer)
        assert (day.closing.unrealised, day.closing.balance) == (D(row.unrealised), D(row.balance))
        assert day.closing.equity == D(row.balance) + D(row.unrealised)


@pytest.mark.parametrize(("symbol", "currency"), TABLES)
def test_every_statement_adds_up_and_opens_where_the_last_one_closed(
    symbol: str, currency: str
) -> None:
    """All sums hold exactly."""
    days = statements(symbol, currency)
    for previous, day in zip([None, *days], days, strict=False):
        assert all(check.holds for check in checks(day, previous)), day.trade_date


def test_three_days_are_charged_on_wednesday_and_one_on_thursday() -> None:
    """The items say how long was charged."""
    wednesday, thursday, friday = statements("EURUSD", "USD")
    swaps = [[i for i in day.items if i.line == "swap"] for day in (wednesday, thursday, friday)]
    assert [[i.amount for i in day] for day in swaps] == [[D("-2.277")], [D("0.253")], []]
    assert [i.ts_event_ns for day in swaps for i in day] == [at(7, 21), at(8, 21)]
