"""From a signal to a wish: which change of position it asks for, and how large it is."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from domain.instruments import Instrument
from domain.orders import PositionEffect
from domain.predictions import Side
from trading.conversion import rate
from trading.marks import AccountMark
from trading.risk.codes import Deny
from trading.risk.exposure import EMPTY, Held
from trading.sizing import units_for

_DIRECTION = {"buy": 1, "sell": -1, "flat": 0}
_ZERO = Decimal(0)


class Wish(NamedTuple):
    """One order to make.

    Attributes
    ----------
    leg
        0 for the order that the signal asks for; 1 for the close that is left when a flip through
        zero is denied.
    change_units
        Signed base units (not 0).
    reason
        Why it cannot even be asked for; empty if the gate may judge it.
    effect
        ``reduce_only`` of an order that closes trades on a hedging account.
    """

    leg: int
    change_units: Decimal
    reason: str = ""
    effect: PositionEffect = "default"


class Sizing(NamedTuple):
    """How large a new position is.

    Attributes
    ----------
    fraction
        Its notional as a part of equity (> 0).
    max_units, max_notional
        What the limits allow at most, base units and account currency (> 0).
    """

    fraction: Decimal
    max_units: Decimal
    max_notional: Decimal


class Situation(NamedTuple):
    """What a decision looks at: the lane's own state, and the account at its mark.

    Attributes
    ----------
    units
        Signed base units held, net.
    in_flight_units
        Signed base units of orders that may still fill.
    sides
        Base units (>= 0) held long and short on an account that keeps both; None on any other.
    """

    instrument: Instrument
    account_currency: str
    units: Decimal
    in_flight_units: Decimal
    mark: AccountMark
    sides: tuple[Decimal, Decimal] | None = None


def _sign(units: Decimal) -> int:
    return (units > 0) - (units < 0)


def is_settled(side: Side, exposure: Decimal) -> bool:
    """Say whether what is held and in flight has the sign that a signal wants: nothing to do."""
    return _sign(exposure) == _DIRECTION[side]


def wish_of(side: Side, now: Situation, sizing: Sizing) -> Wish | None:
    """Return the order that a signal asks for, None if the position has the wanted sign already.

    An order in flight counts as held. While there is one, a signal for another side is denied with
    ``order_in_flight``, whatever it would do: how much to trade is not known before the fill. A
    denied order whose size could not be computed carries the smallest size of the instrument.

    On a hedging account a signal first closes every trade that it is against, by an order that can
    do nothing else; what it wants is opened once none is left, at a later decision.
    """
    wanted = _DIRECTION[side]
    if now.sides is not None and any(now.sides) and not now.in_flight_units:
        return _close_of(wanted, *now.sides)
    exposure = now.units + now.in_flight_units
    if is_settled(side, exposure):
        return None
    least = Decimal(now.instrument.min_units)
    if now.in_flight_units:
        change = -exposure if exposure else wanted * least
        return Wish(0, change, Deny.ORDER_IN_FLIGHT.value)
    if wanted == 0:
        return Wish(0, -now.units)
    target, reason = _target(now, sizing)
    return Wish(0, wanted * max(target, least) - now.units, reason)


def _close_of(wanted: int, long_units: Decimal, short_units: Decimal) -> Wish | None:
    """Return the order that closes what a signal is against where both sides are kept.

    Trades of the wanted side stay as they are. Without a wanted side the larger one goes first.
    """
    closes_longs = wanted < 0 or (wanted == 0 and long_units >= short_units)
    change = -long_units if closes_longs else short_units
    return Wish(0, change, effect="reduce_only") if change else None


def largest_units(
    instrument: Instrument, account_currency: str, mark: AccountMark, sizing: Sizing
) -> Decimal | None:
    """Return the largest position (base units >= 0) that a decision at a mark can ask for.

    Returns
    -------
    Decimal or None
        None where equity or the rate of the base currency is not known: then none is asked for.
    """
    base_rate = rate(instrument.base, account_currency, "mid", mark.quotes)
    if mark.equity_account is None or base_rate is None:
        return None
    notional = min(sizing.fraction * mark.equity_account, sizing.max_notional)
    return min(units_for(notional, base_rate, instrument), sizing.max_units)


def worst_held(
    symbol: str,
    held: Held,
    instruments: Mapping[str, Instrument],
    account_currency: str,
    mark: AccountMark,
    sizing: Sizing,
) -> dict[str, Held]:
    """Return what the account may hold once all symbols have decided at one boundary.

    Symbols decide at the same boundary, and none may wait for another's answer: whichever came
    first would change the result. So each counts every other one as if it took its largest position
    on its worse side.

    Parameters
    ----------
    symbol, held
        The symbol that decides, and what it holds itself.
    instruments
        Of all symbols of the account.
    """
    worst = {symbol: held}
    for other, instrument in instruments.items():
        if other == symbol:
            continue
        known = mark.held.get(other, EMPTY)
        most = largest_units(instrument, account_currency, mark, sizing)
        if most:
            units = known.long_units - known.short_units
            known = known._replace(
                buy_units=max(known.buy_units, most - units, _ZERO),
                sell_units=max(known.sell_units, most + units, _ZERO),
            )
        if known != EMPTY:
            worst[other] = known
    return worst


def _target(now: Situation, sizing: Sizing) -> tuple[Decimal, str]:
    """Return the size of the new position in base units (>= 0), and why it is none."""
    if now.mark.equity_account is None:
        return _ZERO, Deny.EQUITY_UNAVAILABLE.value
    base_rate = rate(now.instrument.base, now.account_currency, "mid", now.mark.quotes)
    if base_rate is None:
        return _ZERO, Deny.NO_CONVERSION_RATE.value
    units = units_for(sizing.fraction * now.mark.equity_account, base_rate, now.instrument)
    # A flip is one order: closing and opening together stay within the largest one.
    units = min(units, sizing.max_units, now.instrument.max_units - abs(now.units))
    if units < now.instrument.min_units:
        return _ZERO, Deny.BELOW_MINIMUM.value
    return units, ""
