"""Financing (swap): what holding a position over 17:00 New York costs or earns.

Once per roll held. A roll charges as many days as the value date moves on: one on most days, three
where it moves over a weekend (Wednesday for two-day pairs, Thursday for one-day pairs), and more,
or none, around holidays.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from domain.errors import BadUse, Retry
from domain.fx_calendar import roll_ns, trade_date
from domain.ids import digest
from domain.instruments import Instrument
from domain.orders import OrderSide
from trading.accounts.account import AccountBook
from trading.conversion import Quotes, profit_rate, to_account
from trading.settlement.value_dates import (
    HolidayCalendar,
    is_trade_date,
    next_trade_date,
    value_date,
)
from trading.venues import VenueInstrument

_ZERO = Decimal(0)
_WEEK = 7


class FinancingTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a venue charges for holding one symbol; above 0 it is paid to us, below 0 by us.

    Attributes
    ----------
    long, short
        Of a long and of a short position; either may be negative, and usually one or both are.
    unit
        ``yearly``: fraction of the notional a year. ``pips``: pips a day.
    year_days
        Days of a year of the yearly rate (360 or 365).
    days_charged
        The venue's own days at the roll that ends Monday, ... Sunday; None: from value dates.
    """

    long: Decimal
    short: Decimal
    unit: Literal["yearly", "pips"] = "yearly"
    year_days: int = 365
    days_charged: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse a table that is not a week, and a year of no days."""
        if self.days_charged is not None and len(self.days_charged) != _WEEK:
            msg = f"days_charged has {len(self.days_charged)} days: Monday to Sunday are 7"
            raise BadUse(msg)
        if self.year_days <= 0:
            msg = f"year_days is {self.year_days}: it must be above 0 (360 or 365)"
            raise BadUse(msg)


def terms_of(venue: VenueInstrument) -> FinancingTerms | None:
    """Return the terms that a venue publishes for a pair; None where it names no rates."""
    if venue.long_rate is None or venue.short_rate is None:
        return None
    return FinancingTerms(venue.long_rate, venue.short_rate, days_charged=venue.days_charged)


class Financing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one side of one symbol was charged at one roll.

    Attributes
    ----------
    charge_id
        Function of account, symbol, side and trade date: the same roll is never charged twice.
    trade_date
        The trade date that the roll ended.
    units
        Base units held over it (> 0).
    days
        Days charged (>= 1).
    price
        Mid at the roll, quote currency per base unit.
    amount_quote
        Quote currency; below 0 it was taken from us.
    conversion_rate, amount_account
        Account currency at the side of the sign; None where no rate is known.
    """

    charge_id: str
    account: str
    symbol: str
    side: OrderSide
    trade_date: date
    ts_event_ns: int
    units: Decimal
    days: int
    price: Decimal
    amount_quote: Decimal
    conversion_rate: Decimal | None
    amount_account: Decimal | None


def rolls_between(after_ns: int, until_ns: int) -> list[int]:
    """Return the 17:00 New York that end a trade date, in ``(after_ns, until_ns]``, ascending.

    A fill at exactly 17:00 belongs to the next trade date: it does not hold over that roll.
    """
    day, last = trade_date(after_ns), trade_date(until_ns)
    found: list[int] = []
    while day < last:
        if is_trade_date(day):
            found.append(roll_ns(day))
        day += timedelta(days=1)
    return found


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


def amount_quote(
    side: OrderSide, units: Decimal, price: Decimal, terms: FinancingTerms, pip: Decimal, days: int
) -> Decimal:
    """Return what some days of holding are worth in quote currency (> 0: paid to us).

    Parameters
    ----------
    units
        Base units held (> 0).
    price
        Quote currency per base unit; not used for terms in pips.
    """
    rate = terms.long if side == "buy" else terms.short
    if terms.unit == "pips":
        return units * pip * rate * days
    return units * price * rate * days / terms.year_days


def financing_at_roll(
    book: AccountBook,
    symbol: str,
    roll: int,
    terms: FinancingTerms,
    calendar: HolidayCalendar,
    quotes: Quotes,
) -> list[Financing]:
    """Return what a roll charges for one symbol: long and short each at its own rate.

    Parameters
    ----------
    book
        The account; what it held just before the roll counts, whatever it booked since.
    roll
        17:00 New York of a trade date, nanoseconds (`rolls_between`).
    quotes
        Quotes just before the roll.

    Raises
    ------
    Retry
        If the symbol itself has no quote: what is held cannot be valued yet.
    """
    config = book.config
    instrument = config.instruments[symbol]
    ended = trade_date(roll - 1)
    days = days_charged(instrument, ended, calendar, terms.days_charged)
    held = book.trades_before(symbol, roll)
    sides: tuple[tuple[OrderSide, Decimal], ...] = (
        ("buy", sum((t.units for t in held if t.units > 0), _ZERO)),
        ("sell", -sum((t.units for t in held if t.units < 0), _ZERO)),
    )
    charges: list[Financing] = []
    for side, units in sides:
        if not units or not days:
            continue
        quote = quotes.get(symbol)
        if quote is None:
            msg = f"no quote of {symbol} before the roll of {ended}: ask again once there is one"
            raise Retry(msg)
        pip = Decimal(1).scaleb(instrument.pip_location)
        amount = amount_quote(side, units, quote.mid, terms, pip, days)
        conversion_rate = profit_rate(amount, instrument.quote, config.currency, quotes)
        charges.append(
            Financing(
                digest("financing", config.account, symbol, side, ended.isoformat()),
                config.account,
                symbol,
                side,
                ended,
                roll,
                units,
                days,
                quote.mid,
                amount,
                conversion_rate,
                to_account(amount, conversion_rate),
            )
        )
    return charges
