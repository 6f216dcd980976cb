"""Value dates and the days that each roll charges, against calendars worked out by hand."""

from datetime import date, timedelta

import pytest

from domain.instruments import Instrument, instrument
from trading.settlement.financing import days_charged
from trading.settlement.value_dates import (
    NO_HOLIDAYS,
    HolidayTable,
    is_trade_date,
    next_trade_date,
    spot_days,
    value_date,
)

HOLIDAYS = HolidayTable(
    {
        "USD": frozenset({date(2014, 5, 26), date(2014, 7, 4)}),  # Memorial Day, Independence Day
        "JPY": frozenset({date(2014, 5, 5), date(2014, 5, 6)}),  # Golden Week
        "CAD": frozenset({date(2014, 5, 19)}),  # Victoria Day
    }
)
USDPHP = Instrument("USDPHP", "USD", "PHP", -2, 3)


def may(day: int) -> date:
    """Return a day of May 2014; the 7th is a Wednesday."""
    return date(2014, 5, day)


@pytest.mark.parametrize(
    ("symbol", "traded", "settles"),
    [
        ("EURUSD", may(7), may(9)),  # Wed to Fri
        ("EURUSD", may(8), may(12)),  # Thu to Mon
        ("EURUSD", may(9), may(13)),  # Fri to Tue
        ("USDCAD", may(7), may(8)),  # one day
        ("USDCAD", may(9), may(12)),
        ("USDTRY", may(8), may(9)),
        # Golden Week: Thu 1 May, then Fri 2, (Mon, Tue closed), Wed 7.
        ("USDJPY", may(1), may(7)),
        ("EURUSD", may(1), may(5)),
        ("EURJPY", may(1), may(7)),
        # A US holiday on the way does not stop the count, and nothing settles on one.
        ("EURUSD", may(22), may(27)),  # second day is Mon 26
        ("EURUSD", may(23), may(27)),  # first day is Mon 26: counted
        ("EURJPY", may(22), may(27)),  # no dollar in the pair: all the same
        ("USDCAD", may(16), may(20)),  # Victoria Day is between
    ],
)
def test_spot_settles_on_the_second_business_day(symbol: str, traded: date, settles: date) -> None:
    """Or on the first for some pairs; holidays of both currencies and of the dollar move it."""
    assert value_date(instrument(symbol), traded, HOLIDAYS) == settles


@pytest.mark.parametrize(
    ("pair", "charged"),
    [
        (instrument("EURUSD"), [1, 1, 3, 1, 1]),
        (instrument("USDCAD"), [1, 1, 1, 3, 1]),
        (instrument("USDTRY"), [1, 1, 1, 3, 1]),
        (USDPHP, [1, 1, 1, 3, 1]),
    ],
    ids=lambda value: value.symbol if isinstance(value, Instrument) else "",
)
def test_the_weekend_is_charged_where_the_value_date_moves_over_it(
    pair: Instrument, charged: list[int]
) -> None:
    """Wednesday for two-day pairs, Thursday for one-day pairs: seven days a week in all."""
    days = [days_charged(pair, may(12 + n), NO_HOLIDAYS) for n in range(5)]
    assert days == charged
    assert spot_days(pair.symbol) == (2 if charged[2] == 3 else 1)


@pytest.mark.parametrize(
    ("symbol", "ended", "days"),
    [
        ("USDJPY", date(2014, 4, 30), 5),  # Fri 2 to Wed 7
        ("USDJPY", may(1), 1),  # Wed 7 to Thu 8
        ("EURUSD", may(21), 4),  # Fri 23 to Tue 27
        ("EURUSD", may(22), 0),  # Tue 27 to Tue 27
        ("EURUSD", may(23), 1),
        ("USDCAD", may(22), 4),  # Fri 23 to Tue 27
    ],
)
def test_holidays_move_the_multiple(symbol: str, ended: date, days: int) -> None:
    """Four or five days at one roll and none at another; the sum is that of the calendar."""
    assert days_charged(instrument(symbol), ended, HOLIDAYS) == days


def test_a_venue_that_publishes_its_days_wins() -> None:
    """Monday to Sunday as the venue has them."""
    table = (1, 1, 4, 0, 1, 0, 0)
    assert [days_charged(instrument("EURUSD"), may(12 + n), HOLIDAYS, table) for n in range(5)] == [
        1,
        1,
        4,
        0,
        1,
    ]


def test_no_market_trades_at_christmas_and_on_weekends() -> None:
    """24 December rolls to 26 December; Friday to Monday."""
    assert not is_trade_date(date(2014, 12, 25))
    assert next_trade_date(date(2014, 12, 24)) == date(2014, 12, 26)
    assert next_trade_date(may(9)) == may(12)


def test_a_calendar_that_is_always_closed_is_found_out() -> None:
    """A wrong table must not search for ever."""
    closed = HolidayTable({"EUR": frozenset(may(1) + timedelta(days=n) for n in range(60))})
    with pytest.raises(ValueError, match="check the holiday calendar"):
        value_date(instrument("EURUSD"), may(1), closed)
