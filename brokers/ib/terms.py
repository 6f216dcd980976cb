"""Our terms of an order as IB's, and back."""

from decimal import Decimal
from typing import get_args

import ib_async
from msgspec.structs import replace

from brokers.ib.settings import IbSettings
from brokers.ib.wire_numbers import exact, optional, plain, read_time, wire_time
from domain.orders import Order, OrderTerms, OrderType, TimeInForce
from trading.venues import Capabilities, Unsupported

_TYPES: dict[OrderType, str] = {
    "market": "MKT",
    "limit": "LMT",
    "stop": "STP",
    "stop_limit": "STP LMT",
    "market_if_touched": "MIT",
    "take_profit": "LMT",
    "stop_loss": "STP",
    "trailing_stop": "TRAIL",
}
_READ: dict[str, OrderType] = {
    "MKT": "market",
    "LMT": "limit",
    "STP": "stop",
    "STP LMT": "stop_limit",
    "STPLMT": "stop_limit",
    "MIT": "market_if_touched",
    "TRAIL": "trailing_stop",
}
_TIMES: dict[TimeInForce, str] = {
    "GTC": "GTC",
    "GTD": "GTD",
    "GFD": "DAY",
    "IOC": "IOC",
    "FOK": "FOK",
}
_READ_TIMES = {theirs: ours for ours, theirs in _TIMES.items()}
_NEEDS_LIMIT = frozenset({"LMT", "STP LMT"})
_NEEDS_AUX = frozenset({"STP", "STP LMT", "MIT", "TRAIL"})
_TRIGGER_METHODS = {"default": 0, "mid": 8}
_MID_METHOD = 8

RESTING: frozenset[TimeInForce] = frozenset({"GTC", "GTD", "GFD"})
AT_ONCE: frozenset[TimeInForce] = frozenset({"IOC", "FOK"})

REQUESTS_PER_S = 45.0
"""TWS takes 50 messages a second of one client, prices and queries included."""


def capabilities(settings: IbSettings) -> Capabilities:
    """Return what spot currency on IDEALPRO can do."""
    at_once: frozenset[TimeInForce] = AT_ONCE if settings.fill_or_kill else frozenset({"IOC"})
    times = dict.fromkeys(get_args(OrderType), RESTING)
    times["market"] = at_once | {"GFD"}
    times["limit"] = RESTING | at_once
    return Capabilities(
        times_in_force=times,
        native_replace=True,
        client_ids=False,
        position_modes=frozenset({"netting"}),
        max_requests_per_s=REQUESTS_PER_S,
        trigger_sides=frozenset(_TRIGGER_METHODS),
    )


def check(terms: OrderTerms, can: Capabilities) -> None:
    """Refuse what IB cannot do.

    Raises
    ------
    Unsupported
        With what to ask for instead.
    """
    allowed = can.times_in_force[terms.order_type]
    if terms.time_in_force not in allowed:
        msg = (
            f"a {terms.order_type} order cannot be {terms.time_in_force} at IB: "
            f"use one of {', '.join(sorted(allowed))}"
        )
        raise Unsupported(msg)
    if terms.trigger_side not in can.trigger_sides:
        msg = f"IB triggers at its default price or at mid, not at the {terms.trigger_side}"
        raise Unsupported(msg)
    if terms.price_bound is not None:
        msg = "IB has no price bound: use a limit order that is IOC, or a stop-limit"
        raise Unsupported(msg)
    if terms.position_effect != "default":
        msg = "IB nets currency positions and knows no reduce-only order: leave it at default"
        raise Unsupported(msg)
    theirs = _TYPES[terms.order_type]
    limit, aux = _prices(terms)
    if (theirs in _NEEDS_LIMIT and limit is None) or (theirs in _NEEDS_AUX and aux is None):
        msg = f"a {terms.order_type} order at IB needs its price, trigger or trailing distance"
        raise Unsupported(msg)


def to_ib(order: Order, terms: OrderTerms, settings: IbSettings) -> ib_async.Order:
    """Return an order as TWS takes it; its numbers reach the wire digit by digit."""
    made = ib_async.Order(
        action=order.side.upper(),
        orderType=_TYPES[terms.order_type],
        tif=_TIMES[terms.time_in_force],
        account=settings.account,
        orderRef=order.client_order_id,
        triggerMethod=_TRIGGER_METHODS[terms.trigger_side],
        goodTillDate="" if terms.expire_ns is None else wire_time(terms.expire_ns),
    )
    # The library's annotation says float; it writes whatever it is given by ``str``.
    made.totalQuantity = plain(terms.quantity_units)  # type: ignore[assignment]
    limit, aux = _prices(terms)
    if limit is not None:
        made.lmtPrice = plain(limit)
    if aux is not None:
        made.auxPrice = plain(aux)
    if terms.order_type == "trailing_stop" and terms.trigger_price is not None:
        made.trailStopPrice = plain(terms.trigger_price)
    if settings.regulatory_fields:
        made.mifid2DecisionAlgo = order.model_id
        made.mifid2ExecutionAlgo = order.strategy
        made.extOperator = order.user
    return made


def _prices(terms: OrderTerms) -> tuple[Decimal | None, Decimal | None]:
    """Return limit price and auxiliary price (trigger, or distance) of an order on the wire."""
    match terms.order_type:
        case "limit" | "stop_limit":
            return terms.limit_price, terms.trigger_price
        case "take_profit":
            return terms.limit_price or terms.trigger_price, None
        case "stop" | "stop_loss" | "market_if_touched":
            return None, terms.trigger_price
        case "trailing_stop":
            return None, terms.trailing_distance
        case "market":
            return None, None


def from_ib(found: ib_async.Order) -> OrderTerms:
    """Return the terms of an order at IB.

    A type that we never send (a person may) is reported as the nearest of ours: with a limit price
    as limit, with another price as stop, else as market.
    """
    limit, aux = optional(found.lmtPrice), optional(found.auxPrice)
    nearest: OrderType = "limit" if limit is not None else "stop" if aux is not None else "market"
    order_type = _READ.get(found.orderType, nearest)
    trails = order_type == "trailing_stop"
    return OrderTerms(
        quantity_units=exact(found.totalQuantity),
        order_type=order_type,
        time_in_force=_READ_TIMES.get(found.tif, "GTC"),
        limit_price=limit if order_type in {"limit", "stop_limit"} else None,
        trigger_price=(
            optional(found.trailStopPrice)
            if trails
            else aux
            if order_type in {"stop", "stop_limit", "market_if_touched"}
            else None
        ),
        trailing_distance=aux if trails else None,
        expire_ns=read_time(found.goodTillDate) if found.goodTillDate else None,
        trigger_side="mid" if found.triggerMethod == _MID_METHOD else "default",
    )


def wire_terms(terms: OrderTerms) -> OrderTerms:
    """Return terms as they will be read back: take-profit and stop-loss are plain orders there.

    The trigger of a trailing stop moves with the market, so that it is left out.
    """
    limit, aux = _prices(terms)
    order_type = _READ[_TYPES[terms.order_type]]
    trails = order_type == "trailing_stop"
    expire_ns = None if terms.expire_ns is None else read_time(wire_time(terms.expire_ns))
    return replace(
        terms,
        order_type=order_type,
        limit_price=limit,
        trigger_price=None if trails else aux,
        trailing_distance=aux if trails else None,
        expire_ns=expire_ns,
    )
