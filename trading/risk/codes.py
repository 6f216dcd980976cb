"""Why an order was denied: one code per check, explained with its figures.

What a venue refuses has the codes of ``domain.reasons``.
"""

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class Deny(StrEnum):
    """Deny codes, as ``reason`` of an order carries them; `EXPLAINED` says what each means."""

    NOT_FINITE = "not_finite"
    BAD_QUANTITY = "bad_quantity"
    BAD_TERMS = "bad_terms"
    NOT_COMPUTABLE = "not_computable"
    HALTED = "halted"
    CANCEL_ONLY = "cancel_only"
    REDUCING = "reducing"
    DUPLICATE_ID = "duplicate_id"
    NO_QUOTE = "no_quote"
    QUALITY_UNAVAILABLE = "quality_unavailable"
    SUSPECT_QUOTE = "suspect_quote"
    STALE_PRICE = "stale_price"
    FUTURE_PRICE = "future_price"
    STALE_SIGNAL = "stale_signal"
    NOT_RECONCILED = "not_reconciled"
    DEGRADED = "degraded"
    SPREAD = "spread"
    NOT_TRADEABLE = "not_tradeable"
    MARKET_CLOSED = "market_closed"
    ROLLOVER = "rollover"
    AFTER_OPEN = "after_open"
    BEFORE_CLOSE = "before_close"
    PRICE_COLLAR = "price_collar"
    PRICE_THROUGH = "price_through"
    BELOW_MINIMUM = "below_minimum"
    MAX_ORDER_UNITS = "max_order_units"
    MAX_ORDER = "max_order"
    SIZE_OUTLIER = "size_outlier"
    NO_CONVERSION_RATE = "no_conversion_rate"
    MAX_POSITION_UNITS = "max_position_units"
    MAX_POSITION = "max_position"
    MAX_GROSS = "max_gross"
    CURRENCY_GROSS = "currency_gross"
    CURRENCY_NET = "currency_net"
    EQUITY_UNAVAILABLE = "equity_unavailable"
    MARGIN_RATE_UNAVAILABLE = "margin_rate_unavailable"
    MARGIN = "margin"
    DAILY_LOSS_UNAVAILABLE = "daily_loss_unavailable"
    DAILY_LOSS = "daily_loss"
    ROLLING_LOSS = "rolling_loss"
    DRAWDOWN = "drawdown"
    DUPLICATE = "duplicate"
    ORDER_RATE = "order_rate"
    MESSAGE_RATE = "message_rate"
    ORDER_IN_FLIGHT = "order_in_flight"
    UNWORKABLE = "unworkable"


EXPLAINED: dict[Deny, str] = {
    Deny.NOT_FINITE: "a figure of the order or of its market is missing or no finite number",
    Deny.BAD_QUANTITY: "the quantity is not above 0",
    Deny.BAD_TERMS: "the order's type calls for a price, distance or time that it does not have",
    Deny.NOT_COMPUTABLE: "a check could not be computed",
    Deny.HALTED: "trading is halted: only cancels pass",
    Deny.CANCEL_ONLY: "trading is cancel-only: only cancels pass",
    Deny.REDUCING: "trading is reducing: only orders that reduce a position, and cancels, pass",
    Deny.DUPLICATE_ID: "an order of this client order id was let through before",
    Deny.NO_QUOTE: "there is no sound quote of the symbol",
    Deny.QUALITY_UNAVAILABLE: "there is no verdict on the quality of the quote",
    Deny.SUSPECT_QUOTE: "the quote is suspect: nothing new is risked on it",
    Deny.STALE_PRICE: "the quote is too old",
    Deny.FUTURE_PRICE: "the quote was received after the decision: a clock is wrong",
    Deny.STALE_SIGNAL: "the signal was too long on its way: it opens nothing any more",
    Deny.NOT_RECONCILED: "book and venue do not agree, or the link is down: nothing leaves",
    Deny.DEGRADED: "part of what trading needs is late or in doubt: nothing new is risked",
    Deny.SPREAD: "the spread is too wide",
    Deny.NOT_TRADEABLE: "the venue takes no orders for the symbol now",
    Deny.MARKET_CLOSED: "the market is closed",
    Deny.ROLLOVER: "it is around 17:00 New York, when spreads are widest",
    Deny.AFTER_OPEN: "the market has only just opened",
    Deny.BEFORE_CLOSE: "the market closes shortly",
    Deny.PRICE_COLLAR: "a price of the order is too far from the market",
    Deny.PRICE_THROUGH: "the order may trade too far through the market",
    Deny.BELOW_MINIMUM: "the quantity is below the instrument's minimum",
    Deny.MAX_ORDER_UNITS: "the order is larger than allowed in base units",
    Deny.MAX_ORDER: "the order is larger than allowed in account currency",
    Deny.SIZE_OUTLIER: "the order is far larger than the strategy's usual one",
    Deny.NO_CONVERSION_RATE: "a rate to account currency is not known",
    Deny.MAX_POSITION_UNITS: "the position could become larger than allowed in base units",
    Deny.MAX_POSITION: "the position could become larger than allowed in account currency",
    Deny.MAX_GROSS: "the account's positions together could become larger than allowed",
    Deny.CURRENCY_GROSS: "the positions in one currency could become larger than allowed",
    Deny.CURRENCY_NET: "the net position in one currency could become larger than allowed",
    Deny.EQUITY_UNAVAILABLE: "the account's equity is not known, or not above 0",
    Deny.MARGIN_RATE_UNAVAILABLE: "a margin rate is not known",
    Deny.MARGIN: "the margin level after the trade would be too low",
    Deny.DAILY_LOSS_UNAVAILABLE: "the loss of the trade day cannot be computed",
    Deny.DAILY_LOSS: "the trade day lost too much",
    Deny.ROLLING_LOSS: "the last 24 hours lost too much",
    Deny.DRAWDOWN: "equity is too far below its high-water mark",
    Deny.DUPLICATE: "the strategy has just sent the same order",
    Deny.ORDER_RATE: "too many orders at once",
    Deny.MESSAGE_RATE: "too many messages at once",
    Deny.ORDER_IN_FLIGHT: "another order of the symbol may still fill",
    Deny.UNWORKABLE: "the algorithm, stop or target cannot do at this venue what it is for",
}
"""One line on each code."""

Figure = Decimal | int | str | None


class Denial(NamedTuple):
    """One reason against an order.

    Attributes
    ----------
    text
        For people: what the code means, and the figures.
    actual, limit
        What was found and what is allowed, in the unit that the text names; None where there is
        no figure.
    """

    code: Deny
    text: str
    actual: Figure = None
    limit: Figure = None


def deny(code: Deny, actual: Figure = None, limit: Figure = None, unit: str = "") -> Denial:
    """Return a denial that explains itself.

    Parameters
    ----------
    actual, limit
        What was found, and the bound that it is beyond; None where there is none.
    unit
        Of both, or what they are about: ``pips``, ``USD``.
    """
    text = EXPLAINED[code]
    if actual is not None:
        text += f": {_written(actual)}"
        text += f" {unit}" if unit else ""
    if limit is not None:
        text += f" against {_written(limit)}" if actual is not None else f": {_written(limit)}"
    return Denial(code, text, actual, limit)


def _written(figure: Figure) -> str:
    """Write a decimal without an exponent and without a tail beyond what a reader needs."""
    if not isinstance(figure, Decimal) or not figure.is_finite():
        return str(figure)
    text = f"{figure:.6f}".rstrip("0").rstrip(".")
    return text or "0"
