"""Is it an order at all, is trading allowed, and is it a new one: asked of exits too."""

from domain.orders import OrderType
from trading.risk.case import Case, is_number, is_sound
from trading.risk.codes import Denial, Deny, deny
from trading.risk.states import ALLOWED, DENIED, Action

_LIMIT_TYPES: frozenset[OrderType] = frozenset({"limit", "stop_limit"})
_TRIGGER_TYPES: frozenset[OrderType] = frozenset(
    {"stop", "stop_limit", "market_if_touched", "stop_loss"}
)


def well_formed(case: Case) -> Denial | None:
    """Deny a figure that is no number, no quantity, and no price where one is called for."""
    order = case.order
    prices = {
        "limit_price": order.limit_price,
        "trigger_price": order.trigger_price,
        "trailing_distance": order.trailing_distance,
        "price_bound": order.price_bound,
    }
    given = {name: value for name, value in prices.items() if value is not None}
    units = {"quantity_units": order.quantity_units, "filled_units": order.filled_units}
    for name, value in {**units, **given}.items():
        if not is_number(value):
            return deny(Deny.NOT_FINITE, str(value), unit=name)
    if order.quantity_units <= 0 or case.units <= 0:
        return deny(Deny.BAD_QUANTITY, min(order.quantity_units, case.units), 0, "units")
    for name, value in given.items():
        if value <= 0:
            return deny(Deny.BAD_TERMS, value, 0, name)
    lacks = _lacks(case)
    return deny(Deny.BAD_TERMS, unit=lacks, actual=f"{order.order_type} without") if lacks else None


def _lacks(case: Case) -> str:
    """Name what the type or the time in force calls for and the order does not have."""
    order = case.order
    kind = order.order_type
    if kind in _LIMIT_TYPES and order.limit_price is None:
        return "limit_price"
    if kind in _TRIGGER_TYPES and order.trigger_price is None:
        return "trigger_price"
    if kind == "take_profit" and order.limit_price is None and order.trigger_price is None:
        return "limit_price or trigger_price"
    if kind == "trailing_stop" and order.trailing_distance is None:
        return "trailing_distance"
    if order.time_in_force == "GTD" and (order.expire_ns is None or order.expire_ns <= case.now_ns):
        return "an expire_ns ahead"
    return ""


def trading_state(case: Case) -> Denial | None:
    """Deny what the state of the strategy, or of its account, does not let through."""
    strategy = case.order.strategy
    state = case.controls.state(strategy)
    if case.action in ALLOWED[state]:
        return None
    why = case.controls.why(strategy)
    return deny(DENIED[state], f"since {why.by} lowered it ({why.reason})")


def new_id(case: Case) -> Denial | None:
    """Deny a second order of one client order id; a replace is about one that was let through."""
    if case.action in {Action.REPLACE, Action.REPLACE_EXIT}:
        return None
    if not case.flow.knows(case.order.client_order_id):
        return None
    return deny(Deny.DUPLICATE_ID, case.order.client_order_id)


def known_positions(case: Case) -> Denial | None:
    """Deny if what is held or working in any symbol is no number, or less than nothing."""
    for symbol, held in case.held.items():
        if not is_sound(held):
            return deny(Deny.NOT_FINITE, " ".join(str(units) for units in held), unit=symbol)
    return None
