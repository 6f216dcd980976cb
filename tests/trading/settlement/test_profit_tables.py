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

from brokers.paper_venue.config import PairTerms
from brokers.paper_venue.costs import financing
from brokers.paper_venue.rolls import next_roll_ns
from domain.fx_calendar import trade_date
from domain.instruments import INSTRUMENTS
from domain.nanos import MINUTE_NS, SECOND_NS, to_ns
from domain.orders import Execution, Order, OrderSide
from trading.cuts import Clocking
from trading.lane_accounts import LaneAccounts
from trading.lanes import Lane, LaneState
from trading.orders.effects import Booked
from trading.quotes import Quote
from trading.settlement.financing import days_charged
from trading.settlement.rebuilding import Booked as Booking
from trading.settlement.rebuilding import Books
from trading.settlement.statements import Statement, checks
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
    "EURUSD": PairTerms(long_rate=D("-0.0365"), short_rate=D("0.01825")),
    "USDJPY": PairTerms(long_rate=D("0.01825"), short_rate=D("-0.0365")),
    "EURJPY": PairTerms(long_rate=D("-0.01825"), short_rate=D("-0.0365")),
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


class Desk:
    """One account that nets: its books as a run keeps them, and the paper venue's charges."""

    def __init__(self, symbol: str, currency: str) -> None:
        self.symbol = symbol
        self.currency = currency
        quote = QUOTES[symbol]
        state = LaneState(
            symbol, bid=float(quote.bid), ask=float(quote.ask), mark_quotes=dict(QUOTES)
        )
        self.lane = Lane(state, Clocking(0, 0, MINUTE_NS, SECOND_NS), currency)
        self.accounts = LaneAccounts(
            {symbol: self.lane},
            "A-1",
            currency,
            "netting",
            lambda alert, _: pytest.fail(str(alert)),
        )

    def deal(self, number: int) -> Execution:
        """Book one of the symbol's deals; the first costs a commission."""
        day, side, units, price = DEALS[self.symbol][number]
        ts_ns = at(day, 14 + number)
        order = Order(
            client_order_id=f"o{number}",
            account="A-1",
            strategy="s",
            signal_id="",
            symbol=self.symbol,
            side=side,
            quantity_units=D(units),
            status="filled",
            ts_event_ns=ts_ns,
            ts_recv_ns=ts_ns,
        )
        booked = Booked(
            f"x{number}",
            order.client_order_id,
            "A-1",
            "s",
            self.symbol,
            side,
            order.quantity_units,
            D(price),
            ts_ns,
            ts_ns,
            D(0) if number else D("1.28"),
            "USD",
        )
        execution, _ = self.accounts.book(booked, order)
        return execution

    def roll(self, roll_ns: int) -> list[AccountCharge]:
        """Charge what is held over a roll."""
        held, terms = self.lane.state.held, TERMS[self.symbol]
        days = days_charged(self.lane.instrument, trade_date(roll_ns - 1), NO_HOLIDAYS)
        amount = financing(held, QUOTES[self.symbol].mid, days, terms)
        quote = self.lane.instrument.quote
        charge = AccountCharge(f"f{roll_ns}", "financing", self.symbol, amount, quote, roll_ns)
        return [self.accounts.in_account_currency(charge, self.lane)] if amount else []


def statements(symbol: str, currency: str) -> list[Statement]:
    """Book the deals of a symbol with all charges, and state the three days."""
    desk = Desk(symbol, currency)
    executions: list[Execution] = []
    charges = [AccountCharge("t1", "transfer", "", D(1000), currency, at(8, 9))]
    roll_ns = next_roll_ns(at(7, 12))
    for number, (day, *_) in enumerate(DEALS[symbol]):
        while roll_ns < at(day, 14):
            charges += desk.roll(roll_ns)
            roll_ns = next_roll_ns(roll_ns)
        executions.append(desk.deal(number))
    charges += desk.roll(roll_ns)
    books = Books(
        "A-1", currency, D(10000), Booking(executions, charges), INSTRUMENTS, lambda _: QUOTES
    )
    return [books.statement(day) for day in (WEDNESDAY, THURSDAY, FRIDAY)]


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
