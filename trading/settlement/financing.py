"""Financing (swap): what holding a position over 17:00 New York costs or earns.

Once per roll held. A roll charges as many days as the value date moves on: one on most days, three
where it moves over a weekend (Wednesday for two-day pairs, Thursday for one-day pairs), and more,
or none, around holidays.
"""

from datetime import date
from decimal import Decimal

from domain.instruments import Instrument
from trading.settlement.value_dates import HolidayCalendar, next_trade_date, value_date

_YEAR_DAYS = 365
"""Days that a yearly rate is spread over."""


def days_charged(
    instrument: Instrument,
    ended: date,
    calendar: HolidayCalendar,
    table: tuple[int, ...] | None = None,
) -> int:
    """Return the days (>= 0) that the roll at the end of a trade date charges.

    Parameters
    ----------
    table
        The venue's own days by weekday; wins over the calendar.
    """
    if table is not None:
        return table[ended.weekday()]
    following = value_date(instrument, next_trade_date(ended), calendar)
    return (following - value_date(instrument, ended, calendar)).days


def financing_quote(units: Decimal, price: Decimal, yearly_rate: Decimal, days: int) -> Decimal:
    """Return what some days of holding are worth in quote currency; above 0 it is paid to us.

    Parameters
    ----------
    units
        Base units held (>= 0).
    price
        Quote currency per base unit.
    yearly_rate
        Fraction of the notional a year for this side; below 0 we pay.
    """
    return units * price * yearly_rate * days / _YEAR_DAYS
