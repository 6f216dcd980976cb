"""Is the order too small, too large, or far from what the strategy usually sends."""

from decimal import Decimal

from trading.risk.case import Case
from trading.risk.codes import Denial, Deny, deny


def order_size(case: Case) -> Denial | None:
    """Deny below the instrument's minimum, and above the limit in units or in account currency."""
    units, limits = case.order.quantity_units, case.limits.order
    least = case.context.instrument.min_units
    if units < least:
        return deny(Deny.BELOW_MINIMUM, units, least, "units")
    most = min(limits.max_units, Decimal(case.context.instrument.max_units))
    if units > most:
        return deny(Deny.MAX_ORDER_UNITS, units, most, "units")
    value = case.values.notional(case.order.symbol, units)
    if value is None:
        return deny(Deny.NO_CONVERSION_RATE, case.order.symbol)
    if value > limits.max_notional:
        return deny(Deny.MAX_ORDER, value, limits.max_notional, case.account_currency)
    return None


def usual_size(case: Case) -> Denial | None:
    """Deny a multiple of the median of the strategy's last orders in the symbol."""
    limits, units = case.limits.order, case.order.quantity_units
    usual = case.flow.usual_units(case.order, limits.median_orders, limits.min_median_orders)
    if usual is None or units <= usual * limits.max_size_ratio:
        return None
    return deny(Deny.SIZE_OUTLIER, units, usual * limits.max_size_ratio, "units")
