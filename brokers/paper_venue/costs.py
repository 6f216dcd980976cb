"""What trading and holding cost: commission per fill, and financing at 17:00 New York."""

from decimal import Decimal

from brokers.paper_venue.config import PairTerms
from trading.accounts.held import HeldPosition, sides
from trading.conversion import MONEY_STEP
from trading.settlement.financing import financing_quote


def commission(units: Decimal, price: Decimal, terms: PairTerms) -> Decimal:
    """Return what a fill costs in quote currency (>= 0)."""
    if not terms.commission_rate:
        return Decimal(0)
    return (units * price * terms.commission_rate).quantize(MONEY_STEP)


def financing(held: HeldPosition, price: Decimal, days: int, terms: PairTerms) -> Decimal:
    """Return what a roll adds to the money in quote currency; below 0 we pay.

    Parameters
    ----------
    price
        Mid price at the roll, quote currency per base unit.
    days
        Days charged (>= 0).
    """
    long_units, short_units = sides(held)
    long = financing_quote(long_units, price, terms.long_rate or Decimal(0), days)
    short = financing_quote(short_units, price, terms.short_rate or Decimal(0), days)
    return (long + short).quantize(MONEY_STEP)
