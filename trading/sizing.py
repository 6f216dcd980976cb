"""How much to hold: a fixed fraction of equity, in units that the instrument allows."""

from decimal import ROUND_FLOOR, Decimal

from domain.instruments import Instrument


def units_for(notional_account: Decimal, base_rate: Decimal, instrument: Instrument) -> Decimal:
    """Return the base units that a notional buys, floored to what can be traded.

    Parameters
    ----------
    notional_account
        Size wanted in account currency; 0 or less wants nothing.
    base_rate
        Account currency per base unit (> 0).

    Returns
    -------
    Decimal
        A multiple of ``step_units`` in ``[min_units, max_units]``, or 0 below the minimum.
    """
    step = Decimal(instrument.step_units)
    steps = (notional_account / base_rate / step).to_integral_value(ROUND_FLOOR)
    most = Decimal(instrument.max_units // instrument.step_units)
    units = min(steps, most) * step
    return units if units >= instrument.min_units else Decimal(0)
