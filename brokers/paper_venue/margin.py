"""What a position is worth and ties up, and which positions a close-out takes."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from brokers.paper_venue.config import PairTerms
from domain.instruments import INSTRUMENTS
from trading.conversion import MONEY_STEP, Quotes, rate
from trading.positions import NetPosition, unrealised


class Holding(msgspec.Struct, frozen=True):
    """A position at one moment in account currency; None where it cannot be known.

    ``profit`` is that of closing now, ``margin`` (>= 0) what is tied up.
    """

    profit: Decimal | None
    margin: Decimal | None


def margin_of(
    symbol: str, units: Decimal, terms: PairTerms, currency: str, quotes: Quotes
) -> Decimal | None:
    """Return the margin of some base units in account currency; None without a rate."""
    if not units:
        return Decimal(0)
    base_rate = rate(INSTRUMENTS[symbol].base, currency, "mid", quotes)
    if base_rate is None:
        return None
    return (abs(units) * base_rate * terms.margin_rate).quantize(MONEY_STEP)


def value(
    held: NetPosition, symbol: str, terms: PairTerms, currency: str, quotes: Quotes
) -> Holding:
    """Value a position at its closing side."""
    return Holding(
        unrealised(held, INSTRUMENTS[symbol], currency, quotes),
        margin_of(symbol, held.units, terms, currency, quotes),
    )


def to_close(holdings: Mapping[str, Holding], equity: Decimal, level: Decimal) -> list[str]:
    """Return the symbols to close, the largest loss first, until the margin level is reached.

    Parameters
    ----------
    holdings
        Positions by symbol, all of them known.
    equity
        Account currency: closing a position does not change it, only what is tied up.
    level
        Equity over margin that is wanted back.
    """
    tied = sum((holding.margin or Decimal(0) for holding in holdings.values()), Decimal(0))
    closed = []
    for symbol in sorted(holdings, key=lambda name: (holdings[name].profit or Decimal(0), name)):
        if equity >= level * tied:
            break
        closed.append(symbol)
        tied -= holdings[symbol].margin or Decimal(0)
    return closed
