"""When an order trades: pure rules over one order and one price (Order Definitions, v20)."""

from decimal import Decimal

from testkit.venues.oanda.account import BrokerOrder
from testkit.venues.oanda.market import Price


def compared_price(order: BrokerOrder, price: Price) -> Decimal:
    """Return the price that a trigger is compared with: by default the ask for a buy."""
    is_buy = order.units > 0
    natural, inverse = (price.ask, price.bid) if is_buy else (price.bid, price.ask)
    return {
        "INVERSE": inverse,
        "BID": price.bid,
        "ASK": price.ask,
        "MID": price.mid,
    }.get(order.trigger, natural)


def trading_price(order: BrokerOrder, price: Price) -> Decimal:
    """Return the price at which the order would fill now."""
    return price.ask if order.units > 0 else price.bid


def is_triggered(order: BrokerOrder, price: Price) -> bool:
    """Say whether a pending order may fill at a price."""
    at = compared_price(order, price)
    level = order.trailing_value if order.kind == "TRAILING_STOP_LOSS" else order.price
    if level is None:
        return order.kind == "MARKET"
    if order.kind in {"LIMIT", "TAKE_PROFIT"}:
        rises = order.units < 0
    elif order.kind == "MARKET_IF_TOUCHED":
        # From which side the level is touched depends on where the market was at the order's birth.
        rises = order.initial_price is not None and level >= order.initial_price
    else:
        rises = order.units > 0
    return at >= level if rises else at <= level


def trail(order: BrokerOrder, price: Price) -> None:
    """Move the level of a trailing stop after the market: only ever in the trade's favour."""
    if order.kind != "TRAILING_STOP_LOSS" or order.distance is None:
        return
    at = compared_price(order, price)
    if order.units > 0:
        level = at + order.distance
        better = order.trailing_value is None or level < order.trailing_value
    else:
        level = at - order.distance
        better = order.trailing_value is None or level > order.trailing_value
    if better:
        order.trailing_value = level


def breaks_bound(order: BrokerOrder, fill_price: Decimal) -> bool:
    """Say whether a fill would be worse than the order's ``priceBound``."""
    if order.bound is None:
        return False
    return fill_price > order.bound if order.units > 0 else fill_price < order.bound
