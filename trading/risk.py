"""The six checks before an order may open or enlarge a position; what cannot be computed denies.

Orders that only reduce a position do not come here: exits are never blocked.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from domain.errors import BadUse
from domain.instruments import Instrument
from domain.nanos import SECOND_NS
from trading.quotes import Quote

LossState = Literal["within", "breached", "unknown"]
"""Whether the trade day's loss is within its limit; ``unknown`` without an equity to compare."""


@dataclass(frozen=True)
class RiskLimits:
    """Bounds of the checks; a value on the bound passes.

    Attributes
    ----------
    max_position_notional, max_order_notional
        Account currency (> 0), at the mid rate of the mark; the position is the one after the fill.
    max_position_units
        Base units (> 0); a larger position is not denied but made this large.
    max_price_age_ns
        Decision time minus receive time of the last tick (> 0).
    max_spread_pips
        Ask minus bid in pips (> 0).
    max_daily_loss_fraction
        Of the equity at the first mark of the trade day, in (0, 1).
    """

    max_position_notional: Decimal = Decimal(50_000)
    max_order_notional: Decimal = Decimal(100_000)
    max_position_units: Decimal = Decimal(10_000_000)
    max_price_age_ns: int = 30 * SECOND_NS
    max_spread_pips: Decimal = Decimal(5)
    max_daily_loss_fraction: Decimal = Decimal("0.02")

    def __post_init__(self) -> None:
        """Refuse bounds that could never pass or never deny."""
        amounts = (
            self.max_position_notional,
            self.max_order_notional,
            self.max_position_units,
            self.max_spread_pips,
        )
        if not all(value.is_finite() and value > 0 for value in amounts):
            msg = "risk limits must be finite and above 0"
            raise BadUse(msg)
        if self.max_price_age_ns <= 0 or not 0 < self.max_daily_loss_fraction < 1:
            msg = "max_price_age_ns must be above 0 and max_daily_loss_fraction in (0, 1)"
            raise BadUse(msg)


class Market(NamedTuple):
    """What the checks know of one symbol at the moment of a decision.

    Attributes
    ----------
    quote
        Last sound quote, or None.
    age_ns
        Decision time minus receive time of that quote.
    base_rate
        Mid rate from base to account currency at the mark (> 0), or None.
    loss
        State of the trade day's loss at the mark.
    suspect
        True where the quote behind the signal carries a bit of ``domain.ticks.SUSPECT``.
    """

    instrument: Instrument
    quote: Quote | None
    age_ns: int
    base_rate: Decimal | None
    loss: LossState
    suspect: bool = False


def deny_reason(
    change_units: Decimal, after_units: Decimal, market: Market, limits: RiskLimits
) -> str:
    """Return why an order is refused, or an empty string.

    Parameters
    ----------
    change_units, after_units
        Signed base units of the order, and of the position once it has filled.
    """
    if market.quote is None:
        return "no_quote"
    if market.suspect:
        return "suspect_quote"
    if market.age_ns > limits.max_price_age_ns:
        return "stale_price"
    spread_pips = (market.quote.ask - market.quote.bid).scaleb(-market.instrument.pip_location)
    if spread_pips > limits.max_spread_pips:
        return "spread"
    if market.base_rate is None:
        return "no_conversion_rate"
    if abs(change_units) * market.base_rate > limits.max_order_notional:
        return "max_order"
    if abs(after_units) * market.base_rate > limits.max_position_notional:
        return "max_position"
    return {"within": "", "breached": "daily_loss", "unknown": "daily_loss_unavailable"}[
        market.loss
    ]
