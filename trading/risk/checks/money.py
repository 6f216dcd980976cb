"""Is there enough equity for the trade, and has not too much been lost already."""

from decimal import Decimal

from trading.risk.case import Case, is_number
from trading.risk.codes import Denial, Deny, deny
from trading.risk.exposure import Held
from trading.risk.limits import MarginRule


def _charged(held: Held, rule: MarginRule) -> Decimal:
    if rule == "larger_leg":
        return held.larger_leg_units
    return held.both_legs_units if rule == "both_legs" else held.worst_units


def margin(case: Case) -> Denial | None:
    """Deny if equity over the margin of everything that could be held would be too low."""
    limits = case.limits.margin
    equity = case.losses.equity(case.now_ns)
    if equity is None or equity <= 0:
        return deny(Deny.EQUITY_UNAVAILABLE, equity, unit=case.account_currency)
    used = Decimal(0)
    for symbol, held in case.all_after.items():
        units = _charged(held, limits.rule)
        if not units:
            continue
        value = case.values.notional(symbol, units)
        if value is None:
            return deny(Deny.NO_CONVERSION_RATE, symbol)
        rate = case.context.margin_rates.get(symbol)
        if rate is None or not is_number(rate) or rate <= 0:
            return deny(Deny.MARGIN_RATE_UNAVAILABLE, symbol)
        used += value * rate
    if equity < limits.min_level * used:
        return deny(Deny.MARGIN, equity / used, limits.min_level, "of equity per margin")
    return None


def losses(case: Case) -> Denial | None:
    """Deny once the trade day, the last 24 hours or the fall from the top has cost too much."""
    limits = case.limits.loss
    lost = case.losses.losses(case.now_ns)
    if lost.daily is None or lost.rolling is None or lost.drawdown is None:
        return deny(Deny.DAILY_LOSS_UNAVAILABLE)
    if case.losses.day_breached:
        return deny(Deny.DAILY_LOSS, lost.daily, limits.max_daily_fraction, "of equity")
    if lost.rolling > limits.max_rolling_fraction:
        return deny(Deny.ROLLING_LOSS, lost.rolling, limits.max_rolling_fraction, "of equity")
    if lost.drawdown > limits.max_drawdown_fraction:
        return deny(Deny.DRAWDOWN, lost.drawdown, limits.max_drawdown_fraction, "of equity")
    return None
