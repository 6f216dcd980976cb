"""What an account holds and may still come to hold, per symbol and per currency.

Every position is two legs: 100k EURUSD bought at 1.10 is +100k EUR and -110k USD. Working orders
count as if the worst of them filled: all buys and no sells, or the other way round.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from domain.instruments import INSTRUMENTS
from domain.orders import Order, OrderSide
from trading.conversion import MONEY_STEP, Quotes, rate
from trading.venues import PositionMode

_ZERO = Decimal(0)


class Held(NamedTuple):
    """One symbol of an account, in base units (>= 0).

    Attributes
    ----------
    long_units, short_units
        What is held; one of them is 0 unless the account keeps both sides.
    buy_units, sell_units
        What orders may still fill, in doubt or pending ones included.
    """

    long_units: Decimal = _ZERO
    short_units: Decimal = _ZERO
    buy_units: Decimal = _ZERO
    sell_units: Decimal = _ZERO

    @property
    def most(self) -> Decimal:
        """Signed position if all buys and no sells fill."""
        return self.long_units - self.short_units + self.buy_units

    @property
    def least(self) -> Decimal:
        """Signed position if all sells and no buys fill."""
        return self.long_units - self.short_units - self.sell_units

    @property
    def worst_units(self) -> Decimal:
        """Largest size that the net position can come to."""
        return max(abs(self.most), abs(self.least))

    @property
    def larger_leg_units(self) -> Decimal:
        """Larger of the two sides, each with what may still be added to it."""
        return max(self.long_units + self.buy_units, self.short_units + self.sell_units)

    @property
    def both_legs_units(self) -> Decimal:
        """Both sides together, each with what may still be added to it."""
        return self.long_units + self.buy_units + self.short_units + self.sell_units

    def adding(self, side: OrderSide, units: Decimal) -> "Held":
        """Return the same with more (or, below 0, fewer) units that orders may fill."""
        if side == "buy":
            return self._replace(buy_units=self.buy_units + units)
        return self._replace(sell_units=self.sell_units + units)


EMPTY = Held()


def held_of(position_units: Decimal, buy_units: Decimal, sell_units: Decimal) -> Held:
    """Return a netted position (signed base units) with what may still fill."""
    return Held(max(position_units, _ZERO), max(-position_units, _ZERO), buy_units, sell_units)


def only_reduces(
    order: Order,
    units: Decimal,
    held: Held,
    mode: PositionMode = "netting",
    *,
    enforced: bool = False,
) -> bool:
    """Say whether an order can do nothing but make a position smaller: an exit.

    Parameters
    ----------
    units
        Base units of the order that may fill (> 0).
    held
        The symbol without this order.
    mode
        Where both sides are kept, an order without ``reduce_only`` opens a side of its own.
    enforced
        Whether the venue keeps to ``reduce_only`` by itself; otherwise only the figures count.
    """
    if order.position_effect == "open_only":
        return False
    reduce_only = order.position_effect == "reduce_only" and enforced
    net = held.long_units - held.short_units
    if mode == "hedging":
        if not reduce_only:
            return False
        against = held.long_units if order.side == "sell" else held.short_units
    else:
        against = net if order.side == "sell" else -net
    if reduce_only:
        return units <= against
    working = held.sell_units if order.side == "sell" else held.buy_units
    return units + working <= against


def _sound(value: Decimal | None) -> Decimal | None:
    """Return a rate only if it is one: below 0 it would turn an exposure into room for more."""
    return value if value is not None and value.is_finite() and value > 0 else None


class CurrencyExposure(NamedTuple):
    """All legs in one currency, in account currency (>= 0): sum of sizes, and worst net sum."""

    gross: Decimal
    net: Decimal


class Valuation:
    """Values legs in account currency at mid rates, to a millionth; a rate is worked out once.

    Parameters
    ----------
    quotes
        Sound quotes by symbol; a pair that is missing has no rate.
    """

    def __init__(self, account_currency: str, quotes: Quotes) -> None:
        self._currency = account_currency
        self._quotes = quotes
        self._rates: dict[str, Decimal | None] = {}

    def rate(self, currency: str) -> Decimal | None:
        """Return units of account currency per unit of a currency (> 0), or None."""
        if currency not in self._rates:
            self._rates[currency] = _sound(rate(currency, self._currency, "mid", self._quotes))
        return self._rates[currency]

    def notional(self, symbol: str, units: Decimal) -> Decimal | None:
        """Return the value of so many base units of a symbol, or None without a rate."""
        instrument = INSTRUMENTS.get(symbol)
        base_rate = None if instrument is None else self.rate(instrument.base)
        return None if base_rate is None else (units * base_rate).quantize(MONEY_STEP)

    def gross(self, held: Mapping[str, Held], *, both_legs: bool = False) -> Decimal | None:
        """Return the worst sum of all positions' values, or None if one has no rate.

        Parameters
        ----------
        both_legs
            Whether long and short of one symbol count apart.
        """
        total = _ZERO
        for symbol, one in held.items():
            units = one.both_legs_units if both_legs else one.worst_units
            if not units:
                continue
            value = self.notional(symbol, units)
            if value is None:
                return None
            total += value
        return total

    def currency(
        self, currency: str, held: Iterable[tuple[str, Held]], *, both_legs: bool = False
    ) -> CurrencyExposure | None:
        """Return the exposure of all positions in one currency, or None where it is not known.

        A quote leg is valued at the pair's mid and the rate of the quote currency.
        """
        gross = least = most = _ZERO
        for symbol, one in held:
            instrument = INSTRUMENTS.get(symbol)
            if instrument is None:
                return None
            if currency not in {instrument.base, instrument.quote} or one == EMPTY:
                continue
            value = self.rate(currency)
            if value is not None and currency == instrument.quote:
                quote = self._quotes.get(symbol)
                mid = None if quote is None else _sound(quote.mid)
                value = None if mid is None else value * mid
            if value is None:
                return None
            gross += value * (one.both_legs_units if both_legs else one.worst_units)
            ends = (one.least * value, one.most * value)
            if currency == instrument.quote:
                ends = (-ends[1], -ends[0])
            least += ends[0]
            most += ends[1]
        # To the money step: a rate times its own inverse must not come to a hair over a bound.
        net = max(abs(least), abs(most))
        return CurrencyExposure(gross.quantize(MONEY_STEP), net.quantize(MONEY_STEP))
