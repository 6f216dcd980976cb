"""Our orders as v20 takes them: the body of a POST or PUT, and who it is about."""

from decimal import Decimal

from brokers.oanda.wire import wire_decimal, wire_name, wire_time
from domain.ids import wire_id
from domain.orders import Order, OrderTerms, OrderType, TimeInForce
from trading.venues import Capabilities, PositionMode, Unsupported

MAX_EXTENSION = 128
"""Characters that v20 takes as an id, a tag or a comment."""

_TYPES: dict[OrderType, str] = {
    "market": "MARKET",
    "limit": "LIMIT",
    "stop": "STOP",
    "market_if_touched": "MARKET_IF_TOUCHED",
    "take_profit": "TAKE_PROFIT",
    "stop_loss": "STOP_LOSS",
    "trailing_stop": "TRAILING_STOP_LOSS",
}
_FREE_STANDING: dict[OrderType, str] = {"take_profit": "LIMIT", "stop_loss": "STOP"}
"""What a target or stop is that protects the position, not the trade of one order."""

_EFFECTS = {"default": "DEFAULT", "open_only": "OPEN_ONLY", "reduce_only": "REDUCE_ONLY"}

_LASTING: frozenset[TimeInForce] = frozenset({"GTC", "GTD", "GFD"})
_IMMEDIATE: frozenset[TimeInForce] = frozenset({"IOC", "FOK"})


def capabilities(position_mode: PositionMode, requests_per_s: float) -> Capabilities:
    """Return what v20 can do for an account.

    A stop-limit is not among it: v20's ``STOP`` with a bound is canceled when the market gaps over
    the bound, where a stop-limit would rest.
    """
    return Capabilities(
        times_in_force={
            "market": _IMMEDIATE,
            "limit": _LASTING | _IMMEDIATE,
            "stop": _LASTING,
            "market_if_touched": _LASTING,
            "take_profit": _LASTING,
            "stop_loss": _LASTING,
            "trailing_stop": _LASTING,
        },
        native_replace=False,
        client_ids=True,
        position_modes=frozenset({position_mode}),
        max_requests_per_s=requests_per_s,
        trigger_sides=frozenset({"default", "bid", "ask", "mid"}),
        price_bound=True,
        reduce_only=True,
        reports_in_order=True,
    )


def check(order: Order, terms: OrderTerms, able: Capabilities) -> None:
    """Refuse what v20 cannot do.

    Raises
    ------
    Unsupported
        With what and why.
    """
    kind = terms.order_type
    if kind not in able.times_in_force:
        msg = f"OANDA has no {kind} orders"
        raise Unsupported(msg)
    if terms.time_in_force not in able.times_in_force[kind]:
        msg = f"OANDA takes no {terms.time_in_force} {kind}"
        raise Unsupported(msg)
    if kind == "trailing_stop" and not order.parent_id:
        msg = "OANDA trails only the stop of a trade: name the order that opened it as parent_id"
        raise Unsupported(msg)
    if max(len(order.strategy), len(_comment(order))) > MAX_EXTENSION:
        msg = f"strategy, or user and model, have more than OANDA's {MAX_EXTENSION} characters"
        raise Unsupported(msg)


def order_body(order: Order, terms: OrderTerms, request: int) -> dict[str, object]:
    """Return the ``OrderRequest`` of a submit (request 0) or a replace.

    A take profit, stop loss or trailing stop with a ``parent_id`` belongs to the trade that this
    order opened, which carries the parent's id; one without is a limit or stop that only reduces.
    """
    is_of_trade = bool(order.parent_id) and terms.order_type in (*_FREE_STANDING, "trailing_stop")
    body: dict[str, object] = {
        "type": _TYPES[terms.order_type]
        if is_of_trade
        else _FREE_STANDING.get(terms.order_type, _TYPES[terms.order_type]),
        "timeInForce": terms.time_in_force,
    }
    if is_of_trade:
        body["clientTradeID"] = order.parent_id
    else:
        signed = terms.quantity_units if order.side == "buy" else -terms.quantity_units
        is_protective = terms.order_type in _FREE_STANDING
        body["instrument"] = wire_name(order.symbol)
        body["units"] = wire_decimal(signed)
        body["positionFill"] = "REDUCE_ONLY" if is_protective else _EFFECTS[terms.position_effect]
    _put(body, "price", _price_of(terms))
    _put(body, "distance", terms.trailing_distance)
    _put(body, "priceBound", terms.price_bound)
    if terms.expire_ns is not None:
        body["gtdTime"] = wire_time(terms.expire_ns)
    if terms.order_type != "market":
        body["triggerCondition"] = terms.trigger_side.upper()
    body["clientExtensions"] = _extensions(order, wire_id(order.client_order_id, request))
    if not is_of_trade:
        body["tradeClientExtensions"] = _extensions(order, order.client_order_id)
    return body


def specifier(order: Order, previous: int) -> str:
    """Return how v20 is told which order is meant: its own id, or ``@`` and ours."""
    return order.venue_order_id or "@" + wire_id(order.client_order_id, previous)


def _price_of(terms: OrderTerms) -> Decimal | None:
    if terms.order_type == "limit":
        return terms.limit_price
    if terms.order_type == "take_profit":
        return terms.trigger_price if terms.limit_price is None else terms.limit_price
    if terms.order_type in {"market", "trailing_stop"}:
        return None
    return terms.trigger_price


def _put(body: dict[str, object], name: str, value: Decimal | None) -> None:
    if value is not None:
        body[name] = wire_decimal(value)


def _extensions(order: Order, name: str) -> dict[str, str]:
    found = {"id": name, "tag": order.strategy, "comment": _comment(order)}
    return {key: value for key, value in found.items() if value}


def _comment(order: Order) -> str:
    return f"{order.user}/{order.model_id}" if order.user or order.model_id else ""
