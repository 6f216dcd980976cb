"""Is it too soon: the same order again, or too many of any kind."""

from trading.risk.case import Case
from trading.risk.codes import Denial, Deny, deny
from trading.risk.states import Action


def duplicate(case: Case) -> Denial | None:
    """Deny the same symbol, side and size from the same strategy within the window."""
    window_ns = case.limits.repeat.duplicate_window_ns
    if case.action != Action.OPEN or not case.flow.is_repeat(case.order, case.now_ns, window_ns):
        return None
    return deny(Deny.DUPLICATE, case.order.quantity_units, f"one within {window_ns} ns", "units")


def order_rate(case: Case) -> Denial | None:
    """Deny when the strategy or the account has no token for an order; a replace needs none."""
    if case.action != Action.OPEN:
        return None
    if case.flow.may_order(case.order.strategy, case.now_ns, case.limits):
        return None
    return deny(Deny.ORDER_RATE, None, case.limits.rates.orders_per_min, "a minute")


def message_rate(case: Case) -> Denial | None:
    """Deny when the strategy or the account has no token for a message."""
    if case.flow.may_message(case.order.strategy, case.now_ns, case.limits):
        return None
    return deny(Deny.MESSAGE_RATE, None, case.limits.rates.messages_per_min, "a minute")
