"""v20's orders as our terms: of an order document, or of the transaction that made it."""

from decimal import Decimal

from brokers.oanda.wire import Json, optional_decimal, time_ns
from domain.errors import Drop
from domain.orders import OrderTerms, OrderType, PositionEffect, TimeInForce, TriggerSide

_TYPES: dict[str, OrderType] = {
    "MARKET": "market",
    "FIXED_PRICE": "market",
    "LIMIT": "limit",
    "STOP": "stop",
    "MARKET_IF_TOUCHED": "market_if_touched",
    "TAKE_PROFIT": "take_profit",
    "STOP_LOSS": "stop_loss",
    "GUARANTEED_STOP_LOSS": "stop_loss",
    "TRAILING_STOP_LOSS": "trailing_stop",
}
_TIMES: dict[str, TimeInForce] = {
    "GTC": "GTC",
    "GTD": "GTD",
    "GFD": "GFD",
    "IOC": "IOC",
    "FOK": "FOK",
}
_SIDES: dict[str, TriggerSide] = {"BID": "bid", "ASK": "ask", "MID": "mid"}
_EFFECTS: dict[str, PositionEffect] = {"OPEN_ONLY": "open_only", "REDUCE_ONLY": "reduce_only"}

TYPES = frozenset(_TYPES)
"""v20's order types."""

OF_TRADE = frozenset({"TAKE_PROFIT", "STOP_LOSS", "GUARANTEED_STOP_LOSS", "TRAILING_STOP_LOSS"})
"""Types that belong to a trade and carry no units of their own."""


def terms_of(document: Json, kind: str, units: Decimal) -> OrderTerms:
    """Read the terms of an order.

    Parameters
    ----------
    document
        An ``Order``, or the transaction that made it.
    kind
        v20's order type.
    units
        Wanted units (> 0); those of its trade for a trade's order.

    Raises
    ------
    Drop
        If the type is unknown, or a size or a price is none.
    """
    order_type = _TYPES.get(kind)
    if order_type is None:
        msg = f"an order of the unknown type {kind}"
        raise Drop(msg)
    price = optional_decimal(document, "price")
    is_limit = order_type in {"limit", "take_profit"}
    is_market = order_type == "market"
    trigger = optional_decimal(document, "trailingStopValue") if price is None else price
    distance = optional_decimal(document, "distance")
    bound = optional_decimal(document, "priceBound")
    if any(n is not None and n <= 0 for n in (units, price, trigger, distance, bound)):
        msg = f"a {kind} order with a size, price or distance that is not above 0"
        raise Drop(msg)
    return OrderTerms(
        quantity_units=units,
        order_type=order_type,
        time_in_force=_TIMES.get(str(document.get("timeInForce")), "FOK" if is_market else "GTC"),
        limit_price=price if is_limit else None,
        trigger_price=None if is_limit or is_market else trigger,
        trailing_distance=distance,
        price_bound=bound,
        expire_ns=time_ns(document, "gtdTime") if "gtdTime" in document else None,
        trigger_side=_SIDES.get(str(document.get("triggerCondition")), "default"),
        position_effect=_EFFECTS.get(str(document.get("positionFill")), "default"),
    )
