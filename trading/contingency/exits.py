"""The terms of exits: in the types that a venue has, on the right side of its market."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from domain.orders import OrderSide, OrderTerms, OrderType, PositionEffect, TimeInForce
from trading.algos.market import MarketView, far_touch
from trading.contingency.requests import Bracket
from trading.quotes import Quote
from trading.venues import Capabilities


def other(side: OrderSide) -> OrderSide:
    """Return the side that gives back what a side has opened."""
    return "sell" if side == "buy" else "buy"


def closing_price(quote: Quote, side: OrderSide) -> Decimal:
    """Return the price at which a position of a side could be closed: a long's is the bid."""
    return far_touch(quote, other(side))


def is_beyond(side: OrderSide, price: Decimal, level: Decimal) -> bool:
    """Say whether a price is at or beyond a level in the direction that pays a position."""
    return price >= level if side == "buy" else price <= level


def better(side: OrderSide, one: Decimal | None, other_price: Decimal) -> Decimal:
    """Return the price that pays a position of a side more."""
    if one is None:
        return other_price
    return max(one, other_price) if side == "buy" else min(one, other_price)


def stop_level(bracket: Bracket, best: Decimal | None, step: Decimal) -> Decimal | None:
    """Return where the stop belongs now; None while no price to trail is known.

    Parameters
    ----------
    best
        Best price at which the position could have been closed so far.
    step
        The venue's grid of prices: a trailing level is rounded away from the market.
    """
    if bracket.trailing_distance is None or best is None:
        return bracket.stop_price
    if bracket.side == "buy":
        raw, rounding = best - bracket.trailing_distance, ROUND_FLOOR
    else:
        raw, rounding = best + bracket.trailing_distance, ROUND_CEILING
    level = (raw / step).to_integral_value(rounding) * step
    return level if bracket.stop_price is None else better(bracket.side, level, bracket.stop_price)


def trails_itself(bracket: Bracket, capabilities: Capabilities) -> bool:
    """Say whether the venue is to trail the stop: it can, and no first level is asked for."""
    wanted = bracket.trailing_distance is not None and bracket.stop_price is None
    return wanted and "trailing_stop" in capabilities.times_in_force


def stop_terms(
    bracket: Bracket, units: Decimal, level: Decimal | None, capabilities: Capabilities
) -> OrderTerms:
    """Return the terms of a stop at a level, or of one that the venue trails."""
    effect = _effect(capabilities)
    if trails_itself(bracket, capabilities):
        tif = _resting(capabilities, "trailing_stop")
        distance = bracket.trailing_distance
        return OrderTerms(
            units, "trailing_stop", tif, trailing_distance=distance, position_effect=effect
        )
    if "stop_loss" in capabilities.times_in_force:
        tif = _resting(capabilities, "stop_loss")
        return OrderTerms(units, "stop_loss", tif, trigger_price=level, position_effect=effect)
    tif = _resting(capabilities, "stop")
    return OrderTerms(units, "stop", tif, trigger_price=level, position_effect=effect)


def target_terms(units: Decimal, price: Decimal, market: MarketView, side: OrderSide) -> OrderTerms:
    """Return the terms of a target that rests, for a position of a side.

    One that the market has reached is a plain limit order: it fills at once at its price or better,
    where a take-profit would be refused as being on the wrong side.
    """
    able = market.capabilities
    reached = market.quote is not None and is_beyond(side, closing_price(market.quote, side), price)
    kind = "take_profit" if "take_profit" in able.times_in_force and not reached else "limit"
    if kind == "take_profit":
        tif = _resting(able, "take_profit")
        return OrderTerms(
            units, "take_profit", tif, limit_price=price, position_effect=_effect(able)
        )
    return OrderTerms(
        units, "limit", _resting(able, "limit"), limit_price=price, position_effect=_effect(able)
    )


def immediate(units: Decimal, bound: Decimal | None, capabilities: Capabilities) -> OrderTerms:
    """Return the terms of an exit that trades at once what it can, no worse than a bound."""
    effect = _effect(capabilities)
    if bound is not None and "IOC" in capabilities.times_in_force.get("limit", frozenset()):
        return OrderTerms(units, "limit", "IOC", limit_price=bound, position_effect=effect)
    allowed = capabilities.times_in_force.get("market", frozenset())
    tif: TimeInForce = "IOC" if "IOC" in allowed else "FOK"
    worst = bound if capabilities.price_bound else None
    return OrderTerms(units, "market", tif, price_bound=worst, position_effect=effect)


def _effect(capabilities: Capabilities) -> PositionEffect:
    return "reduce_only" if capabilities.reduce_only else "default"


def _resting(capabilities: Capabilities, order_type: OrderType) -> TimeInForce:
    """Return the longest time in force that a venue has for a type."""
    allowed = capabilities.times_in_force.get(order_type, frozenset())
    return "GTC" if "GTC" in allowed or "GFD" not in allowed else "GFD"
