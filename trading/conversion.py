"""From one currency to another at the side that one would really get.

A rate is looked for as a direct pair, then as its inverse, then across the US dollar. Where a pair
is missing there is no rate: None, never 0 and never 1.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from domain.instruments import INSTRUMENTS
from trading.quotes import Quote

Quotes = Mapping[str, Quote]
"""Known quotes by symbol."""

Side = Literal["sell", "buy", "mid"]
"""What is done with the source currency: sold (a gain), bought (a loss), or only valued."""

VEHICLE = "USD"
"""Currency that a cross goes through: every other currency is quoted against it."""

MONEY_STEP = Decimal("0.000001")
"""Amounts in account currency are kept to a millionth, half to even."""

_ONE = Decimal(1)


def _leg(source: str, target: str, side: Side, quotes: Quotes) -> Decimal | None:
    if source == target:
        return _ONE
    direct = quotes.get(source + target)
    if direct is not None:
        return {"sell": direct.bid, "buy": direct.ask, "mid": direct.mid}[side]
    inverse = quotes.get(target + source)
    if inverse is not None:
        # Selling the quote currency is buying the base, at the ask.
        return _ONE / {"sell": inverse.ask, "buy": inverse.bid, "mid": inverse.mid}[side]
    return None


def rate(source: str, target: str, side: Side, quotes: Quotes) -> Decimal | None:
    """Return units of ``target`` per unit of ``source`` (> 0), or None where it is not known."""
    straight = _leg(source, target, side, quotes)
    if straight is not None:
        return straight
    first = _leg(source, VEHICLE, side, quotes)
    second = _leg(VEHICLE, target, side, quotes)
    return None if first is None or second is None else first * second


def profit_rate(profit: Decimal, quote: str, account: str, quotes: Quotes) -> Decimal | None:
    """Return the rate at which a profit in quote currency becomes account currency.

    A gain is sold into the account currency, a loss has to be bought with it: the two sides differ
    by the spread.
    """
    return rate(quote, account, "buy" if profit < 0 else "sell", quotes)


def to_account(profit: Decimal, conversion_rate: Decimal | None) -> Decimal | None:
    """Return a profit in account currency; nothing is nothing in any currency, rate or no rate."""
    if profit == 0:
        return Decimal(0)
    return None if conversion_rate is None else (profit * conversion_rate).quantize(MONEY_STEP)


def legs(source: str, target: str) -> tuple[str, ...]:
    """Return the symbols whose quotes ``rate`` may look at for this pair of currencies."""
    ends = {source, target, VEHICLE}
    return tuple(sorted(a + b for a in ends for b in ends if a + b in INSTRUMENTS))
