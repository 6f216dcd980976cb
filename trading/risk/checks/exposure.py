"""What would be held if the worst came: in the symbol, in all of them, and in each currency."""

from trading.risk.case import Case
from trading.risk.codes import Denial, Deny, deny


def position(case: Case) -> Denial | None:
    """Deny if the symbol's position could become too large in units or in account currency."""
    limits, after = case.limits.exposure, case.after
    units = after.larger_leg_units if case.context.position_mode == "hedging" else after.worst_units
    if units > limits.max_position_units:
        return deny(Deny.MAX_POSITION_UNITS, units, limits.max_position_units, "units")
    value = case.values.notional(case.order.symbol, units)
    if value is None:
        return deny(Deny.NO_CONVERSION_RATE, case.order.symbol)
    if value > limits.max_position_notional:
        most = limits.max_position_notional
        return deny(Deny.MAX_POSITION, value, most, case.account_currency)
    return None


def gross(case: Case) -> Denial | None:
    """Deny if all positions together could become too large."""
    both = case.context.position_mode == "hedging"
    value = case.values.gross(case.all_after, both_legs=both)
    if value is None:
        return deny(Deny.NO_CONVERSION_RATE, "one of the positions")
    most = case.limits.exposure.max_gross
    return deny(Deny.MAX_GROSS, value, most, case.account_currency) if value > most else None


def currencies(case: Case) -> Denial | None:
    """Deny if either currency of the pair could become too large, in sum or net."""
    limits, instrument = case.limits.exposure, case.context.instrument
    both = case.context.position_mode == "hedging"
    everything = case.all_after
    for currency in (instrument.base, instrument.quote):
        found = case.values.currency(currency, everything.items(), both_legs=both)
        unit = f"{case.account_currency} of {currency}"
        if found is None:
            return deny(Deny.NO_CONVERSION_RATE, currency)
        if found.gross > limits.max_currency_gross:
            return deny(Deny.CURRENCY_GROSS, found.gross, limits.max_currency_gross, unit)
        if found.net > limits.max_currency_net:
            return deny(Deny.CURRENCY_NET, found.net, limits.max_currency_net, unit)
    return None
