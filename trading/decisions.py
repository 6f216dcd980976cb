"""From a signal to orders: which change of position it asks for, and whether that may leave."""

from decimal import Decimal
from typing import NamedTuple

from domain.instruments import Instrument
from domain.predictions import Side
from trading.conversion import rate
from trading.marks import AccountMark
from trading.quotes import Quote
from trading.risk import Market, RiskLimits, deny_reason
from trading.sizing import units_for

_DIRECTION = {"buy": 1, "sell": -1, "flat": 0}


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
        Why it is denied; empty if it may be sent.
    """

    leg: int
    change_units: Decimal
    reason: str = ""


class Situation(NamedTuple):
    """What a decision looks at: the lane's own state, and the account at its mark.

    Attributes
    ----------
    units
        Signed base units held.
    in_flight_units
        Signed base units of an order that may still fill, or 0.
    quote, age_ns
        Last sound quote, and decision time minus its receive time.
    suspect
        True where the quote behind the signal is suspect: nothing new is risked on it.
    """

    instrument: Instrument
    account_currency: str
    units: Decimal
    in_flight_units: Decimal
    quote: Quote | None
    age_ns: int
    mark: AccountMark
    suspect: bool = False


def _sign(units: Decimal) -> int:
    return (units > 0) - (units < 0)


def is_settled(side: Side, exposure: Decimal) -> bool:
    """Say whether what is held and in flight has the sign that a signal wants: nothing to do."""
    return _sign(exposure) == _DIRECTION[side]


def wishes(side: Side, now: Situation, fraction: Decimal, limits: RiskLimits) -> list[Wish]:
    """Return the orders that a signal asks for, none if the position has the wanted sign already.

    An order in flight counts as held. While there is one, a signal for another side is denied with
    ``order_in_flight``, whatever it would do: how much to trade is not known before the fill. A
    denied order whose size could not be computed carries the smallest size of the instrument.

    Parameters
    ----------
    fraction
        Notional of a new position as a part of equity (> 0).
    """
    wanted = _DIRECTION[side]
    exposure = now.units + now.in_flight_units
    if is_settled(side, exposure):
        return []
    least = Decimal(now.instrument.min_units)
    if now.in_flight_units:
        change = -exposure if exposure else wanted * least
        return [Wish(0, change, "order_in_flight")]
    if wanted == 0:
        return [Wish(0, -now.units)]
    base_rate = rate(now.instrument.base, now.account_currency, "mid", now.mark.quotes)
    target, reason = _target(now, base_rate, fraction, limits.max_position_units)
    change = wanted * max(target, least) - now.units
    market = Market(
        now.instrument, now.quote, now.age_ns, base_rate, now.mark.loss, suspect=now.suspect
    )
    reason = reason or deny_reason(change, now.units + change, market, limits)
    if not reason:
        return [Wish(0, change)]
    denied = Wish(0, change, reason)
    return [denied, Wish(1, -now.units)] if now.units else [denied]


def _target(
    now: Situation, base_rate: Decimal | None, fraction: Decimal, most: Decimal
) -> tuple[Decimal, str]:
    """Return the size of the new position in base units (>= 0), and why it is none."""
    if now.mark.equity_account is None:
        return Decimal(0), "equity_unavailable"
    if base_rate is None:
        return Decimal(0), "no_conversion_rate"
    units = min(units_for(fraction * now.mark.equity_account, base_rate, now.instrument), most)
    # A flip is one order: closing and opening together stay within the largest one.
    units = min(units, now.instrument.max_units - abs(now.units))
    if units < now.instrument.min_units:
        return Decimal(0), "below_minimum"
    return units, ""
