"""Value dates: when a spot trade settles.

Two business days after the trade date, for some pairs one. A holiday of either currency is no
business day; a US holiday does not stop the count on the way, yet nothing settles on one, crosses
included, since every pair is dealt through the dollar.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from typing import Protocol

from domain.fx_calendar import is_open, roll_ns
from domain.instruments import Instrument

USD = "USD"
SPOT_DAYS = 2
ONE_DAY_PAIRS = frozenset({"USDCAD", "USDTRY", "USDPHP", "USDRUB", "USDKZT", "USDPKR"})
"""Pairs that settle one business day after the trade date, by market convention."""

_FRIDAY = 4
_DAY = timedelta(days=1)
_LONGEST_CLOSURE = timedelta(days=31)
"""No currency is closed for longer: a table that says so is wrong, and the search must end."""


class HolidayCalendar(Protocol):
    """Says when a currency does not settle."""

    def is_holiday(self, currency: str, day: date) -> bool:
        """Say whether banks of a currency (ISO 4217) are closed on a weekday."""
        ...


class HolidayTable:
    """Holidays as a plain table: dates by currency; a currency that is missing has none.

    Parameters
    ----------
    holidays
        Dates without settlement by ISO 4217 code; weekends need not be in it.
    """

    def __init__(self, holidays: Mapping[str, frozenset[date]]) -> None:
        self._holidays = dict(holidays)

    def is_holiday(self, currency: str, day: date) -> bool:
        """Say whether the table has this day for this currency."""
        return day in self._holidays.get(currency, frozenset())


NO_HOLIDAYS = HolidayTable({})
"""Weekends only."""


def spot_days(symbol: str) -> int:
    """Return the business days from trade date to value date."""
    return 1 if symbol in ONE_DAY_PAIRS else SPOT_DAYS


def value_date(instrument: Instrument, traded: date, calendar: HolidayCalendar) -> date:
    """Return the day on which a spot trade of a trade date settles.

    Parameters
    ----------
    traded
        The trade date (``domain.fx_calendar.trade_date``): from 17:00 New York on, the next day's.

    Raises
    ------
    ValueError
        If the calendar has no business day within a month.
    """
    counted = {instrument.base, instrument.quote} - {USD}
    settling = {instrument.base, instrument.quote, USD}
    day, left = traded, spot_days(instrument.symbol)
    while left or not _is_business(day, settling, calendar):
        day += _DAY
        if day - traded > _LONGEST_CLOSURE:
            msg = f"no value date for {instrument.symbol} of {traded}: check the holiday calendar"
            raise ValueError(msg)
        if left and _is_business(day, counted, calendar):
            left -= 1
    return day


@cache
def is_trade_date(day: date) -> bool:
    """Say whether the market trades on a trade date: it is open just before that date's roll."""
    return is_open(roll_ns(day) - 1)


def next_trade_date(day: date) -> date:
    """Return the first trade date after a day."""
    day += _DAY
    while not is_trade_date(day):
        day += _DAY
    return day


def _is_business(day: date, currencies: set[str], calendar: HolidayCalendar) -> bool:
    return day.weekday() <= _FRIDAY and not any(
        calendar.is_holiday(currency, day) for currency in currencies
    )
