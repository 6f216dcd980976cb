"""What holding and trading cost: commission per fill, and financing at 17:00 New York."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from brokers.paper_venue.config import PairTerms
from domain.fx_calendar import trade_date
from trading.conversion import MONEY_STEP
from trading.positions import NetPosition

_YEAR_DAYS = 365


def commission(units: Decimal, price: Decimal, terms: PairTerms) -> Decimal:
    """Return what a fill costs in quote currency (>= 0)."""
    if not terms.commission_rate:
        return Decimal(0)
    return (units * price * terms.commission_rate).quantize(MONEY_STEP)


def ended_trade_date(roll_ns: int) -> date:
    """Return the trade date that ends at a roll, 17:00 New York of that day."""
    return trade_date(roll_ns) - timedelta(days=1)


def days_at(day: date, terms: PairTerms, days_on: Mapping[date, int]) -> int:
    """Return how many days of financing the roll that ends ``day`` charges."""
    return days_on.get(day, terms.days_charged[day.weekday()])


def financing(held: NetPosition, price: Decimal, days: int, terms: PairTerms) -> Decimal:
    """Return what a roll adds to the money in quote currency; below 0 we pay.

    Parameters
    ----------
    price
        Mid price at the roll, quote currency per base unit.
    days
        Days charged (>= 0).
    """
    rate = terms.long_rate if held.units > 0 else terms.short_rate
    if rate is None or not days:
        return Decimal(0)
    return (abs(held.units) * price * rate * days / _YEAR_DAYS).quantize(MONEY_STEP)
