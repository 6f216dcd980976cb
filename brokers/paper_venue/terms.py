"""What the venue can do, and why it refuses an order or a change of one."""

from collections.abc import Mapping
from decimal import Decimal

from brokers.paper_venue.config import PairTerms, PaperVenueConfig
from domain.instruments import INSTRUMENTS, Instrument
from domain.orders import TRIGGER_TYPES, Order, OrderTerms, OrderType, TimeInForce, terms_of
from domain.reasons import Reason
from trading.venues import Capabilities, PositionMode, Unsupported, VenueInstrument

_AT_ONCE: frozenset[TimeInForce] = frozenset({"IOC", "FOK"})
_RESTING: frozenset[TimeInForce] = frozenset({"GTC", "GTD", "GFD"})

_TIMES: Mapping[OrderType, frozenset[TimeInForce]] = {
    "market": _AT_ONCE | _RESTING,
    "limit": _AT_ONCE | _RESTING,
    "stop": _RESTING,
    "stop_limit": _RESTING,
    "market_if_touched": _RESTING,
    "take_profit": _RESTING,
    "stop_loss": _RESTING,
    "trailing_stop": _RESTING,
}

_LIMITED: frozenset[OrderType] = frozenset({"limit", "stop_limit"})


def capabilities(mode: PositionMode) -> Capabilities:
    """Return everything that the port knows, for an account that keeps positions so."""
    return Capabilities(
        times_in_force=_TIMES,
        native_replace=True,
        client_ids=True,
        position_modes=frozenset({mode}),
        max_requests_per_s=1_000_000.0,
        trigger_sides=frozenset({"default", "bid", "ask", "mid"}),
        price_bound=True,
        reduce_only=True,
        reports_in_order=True,
    )


def venue_instruments(config: PaperVenueConfig) -> dict[str, VenueInstrument]:
    """Return every pair by canonical symbol, with what the settings ask for holding it."""
    return {
        symbol: _venue_instrument(pair, config.terms_of(symbol))
        for symbol, pair in INSTRUMENTS.items()
    }


def _venue_instrument(pair: Instrument, terms: PairTerms) -> VenueInstrument:
    charges = terms.long_rate is not None or terms.short_rate is not None
    return VenueInstrument(
        symbol=pair.symbol,
        name=pair.symbol,
        pip_location=pair.pip_location,
        price_step=pair.tick_size,
        units_step=Decimal(pair.step_units),
        min_units=Decimal(pair.min_units),
        max_units=Decimal(pair.max_units),
        margin_rate=terms.margin_rate,
        long_rate=terms.long_rate,
        short_rate=terms.short_rate,
        days_charged=terms.days_charged if charges else None,
    )


def check_supported(terms: OrderTerms, mode: PositionMode) -> None:
    """Refuse what the venue has no words for.

    Raises
    ------
    Unsupported
        If the time in force does not go with the type, or only an opening is wanted where one side
        alone is held.
    """
    if terms.time_in_force not in _TIMES[terms.order_type]:
        msg = f"the paper venue knows no {terms.order_type} order that is {terms.time_in_force}"
        raise Unsupported(msg)
    if terms.position_effect == "open_only" and mode != "hedging":
        msg = f"a {mode} account nets positions: it cannot keep an order from reducing one"
        raise Unsupported(msg)


def refuse(order: Order, account: str) -> Reason | None:
    """Return why an order can never work, or None."""
    if order.account != account:
        return Reason.NOT_AUTHORISED
    pair = INSTRUMENTS.get(order.symbol)
    return Reason.UNKNOWN_SYMBOL if pair is None else refuse_terms(terms_of(order), pair)


def refuse_terms(terms: OrderTerms, pair: Instrument) -> Reason | None:
    """Return why terms can never be met, or None."""
    units = terms.quantity_units
    if not units.is_finite() or not pair.min_units <= units <= pair.max_units:
        return Reason.BAD_QUANTITY
    if units % pair.step_units:
        return Reason.BAD_QUANTITY
    prices = [terms.limit_price, terms.trigger_price, terms.price_bound, terms.trailing_distance]
    if not all(price is None or _is_on_grid(price, pair) for price in prices):
        return Reason.BAD_PRICE
    return None if _is_complete(terms) else Reason.BAD_TERMS


def _is_on_grid(price: Decimal, pair: Instrument) -> bool:
    return price.is_finite() and price > 0 and not price % pair.tick_size


def _is_complete(terms: OrderTerms) -> bool:
    kind = terms.order_type
    if (terms.time_in_force == "GTD") != (terms.expire_ns is not None):
        return False
    if kind in _LIMITED and terms.limit_price is None:
        return False
    if kind == "trailing_stop":
        return terms.trailing_distance is not None
    if kind == "take_profit":
        return terms.trigger_price is not None or terms.limit_price is not None
    return kind not in TRIGGER_TYPES or terms.trigger_price is not None
