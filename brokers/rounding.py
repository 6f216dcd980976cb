"""Orders in the shape that a venue takes: its own grid and bounds, and stops on the right side.

Rounding never asks for more or for worse: sizes go down, prices that limit go to the better side,
prices that trigger go to the nearest step. What rounding pushed over to the wrong side of the
market is refused, not sent.
"""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_UP, Decimal

import msgspec

from domain.errors import Reject
from domain.orders import OrderSide, OrderTerms, terms_of, with_terms
from domain.reasons import Reason
from trading.quotes import Quote
from trading.venues import Cancel, Command, Replace, Submit, VenueInstrument

_BETTER = {"buy": ROUND_FLOOR, "sell": ROUND_CEILING}
"""A buy that pays no more, a sell that takes no less."""


class Unshapable(Reject):
    """Terms that no rounding makes fit; ``reason`` is the code for the order's event."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def shape(
    terms: OrderTerms, side: OrderSide, instrument: VenueInstrument, quote: Quote | None
) -> OrderTerms:
    """Round terms to what the venue takes, and check what rounding may have broken.

    Parameters
    ----------
    terms
        As wanted.
    side
        Of the order itself: a stop loss of a long position sells.
    instrument
        The venue's own data of the pair.
    quote
        The market now; None where none is known here: then prices are not held against it, and
        whoever asks must have done so.

    Returns
    -------
    OrderTerms
        The same terms where they fit already: shaping twice changes nothing.

    Raises
    ------
    Unshapable
        If the size is out of bounds, a price is none, or a stop or target is on the wrong side.
    """
    sized = msgspec.structs.replace(terms, quantity_units=_units(terms.quantity_units, instrument))
    shaped = with_prices_on_grid(sized, side, instrument)
    if quote is not None:
        _check_side(shaped, side, quote)
    return shaped


def with_prices_on_grid(
    terms: OrderTerms, side: OrderSide, instrument: VenueInstrument
) -> OrderTerms:
    """Round prices alone: for a venue whose least size does not bind an order that closes.

    Raises
    ------
    Unshapable
        If a price is none, or rounding made a stop-limit that can never trade.
    """
    step = instrument.price_step
    is_target = terms.order_type in {"market_if_touched", "take_profit"}
    trigger_rounding = _BETTER[side] if is_target else ROUND_HALF_EVEN
    rounded = msgspec.structs.replace(
        terms,
        limit_price=_price(terms.limit_price, step, _BETTER[side], "limit price"),
        trigger_price=_price(terms.trigger_price, step, trigger_rounding, "trigger price"),
        price_bound=_price(terms.price_bound, step, _BETTER[side], "price bound"),
        trailing_distance=_distance(terms.trailing_distance, instrument),
    )
    _check_stop_limit(rounded, side)
    return rounded


def command_on_grid(command: Command, instrument: VenueInstrument) -> Command:
    """Return a command with its prices on the grid; the same one where they are there already.

    Raises
    ------
    Unshapable
        As `with_prices_on_grid`.
    """
    if isinstance(command, Cancel):
        return command
    order = command.order
    if isinstance(command, Replace):
        terms = with_prices_on_grid(command.terms, order.side, instrument)
        return msgspec.structs.replace(command, terms=terms)
    return Submit(with_terms(order, with_prices_on_grid(terms_of(order), order.side, instrument)))


def _units(units: Decimal, instrument: VenueInstrument) -> Decimal:
    if not units.is_finite():
        message = f"{instrument.symbol}: a quantity of {units} is none"
        raise Unshapable(Reason.BAD_QUANTITY, message)
    rounded = _on_grid(units, instrument.units_step, ROUND_DOWN)
    if not instrument.min_units <= rounded <= instrument.max_units:
        message = (
            f"{instrument.symbol}: {units} units are {rounded} on the venue's grid, and it takes "
            f"{instrument.min_units} to {instrument.max_units}"
        )
        raise Unshapable(Reason.BAD_QUANTITY, message)
    return rounded


def _price(price: Decimal | None, step: Decimal, rounding: str, name: str) -> Decimal | None:
    if price is None:
        return None
    if not price.is_finite():
        message = f"a {name} of {price} is none"
        raise Unshapable(Reason.BAD_PRICE, message)
    rounded = _on_grid(price, step, rounding)
    if rounded <= 0:
        message = f"a {name} of {price} is {rounded} on the venue's grid of {step}"
        raise Unshapable(Reason.BAD_PRICE, message)
    return rounded


def _distance(distance: Decimal | None, instrument: VenueInstrument) -> Decimal | None:
    # Upwards: a stop that trails more closely than wanted would trigger on noise.
    rounded = _price(distance, instrument.price_step, ROUND_UP, "trailing distance")
    if rounded is None:
        return None
    least, most = instrument.min_trailing_distance, instrument.max_trailing_distance
    if (least is not None and rounded < least) or (most is not None and rounded > most):
        message = f"{instrument.symbol}: a stop trails by {least} to {most}, not by {rounded}"
        raise Unshapable(Reason.BAD_PRICE, message)
    return rounded


def _on_grid(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    """Return the multiple of a step next to a value, written with the step's digits."""
    multiple = (value / step).to_integral_value(rounding)
    return multiple * step


def _check_stop_limit(terms: OrderTerms, side: OrderSide) -> None:
    limit, trigger = terms.limit_price, terms.trigger_price
    if terms.order_type != "stop_limit" or limit is None or trigger is None:
        return
    if (limit < trigger) if side == "buy" else (limit > trigger):
        message = f"a {side} that stops at {trigger} cannot fill at {limit}: it would never trade"
        raise Unshapable(Reason.WRONG_SIDE, message)


def _check_side(terms: OrderTerms, side: OrderSide, quote: Quote) -> None:
    kind = terms.order_type
    if kind in {"stop", "stop_limit", "stop_loss", "trailing_stop"}:
        level, is_stop = terms.trigger_price, True
    elif kind == "take_profit":
        level, is_stop = terms.limit_price or terms.trigger_price, False
    else:
        return
    if level is None:
        return
    market = quote.ask if side == "buy" else quote.bid
    # A buy stops above the market and takes its profit below it; a sell the other way round.
    is_above = level > market
    if level == market or is_above != ((side == "buy") == is_stop):
        name = "stop" if is_stop else "target"
        message = f"a {side} {name} at {level} is on the wrong side of {market}"
        raise Unshapable(Reason.WRONG_SIDE, message)
