"""The order of a signal as it is built: its id, its size, and the worst price it may fill at."""

from decimal import Decimal

from domain.ids import client_order_id
from domain.orders import Order, OrderSide, PositionEffect, with_terms
from domain.predictions import Signal
from trading.execution_config import ExecutionConfig
from trading.lanes import Lane


def order_of(
    config: ExecutionConfig,
    lane: Lane,
    signal: Signal,
    leg: int,
    change_units: Decimal,
    effect: PositionEffect = "default",
) -> Order:
    """Return the order by which a signal changes a position.

    Parameters
    ----------
    leg
        Which order of the signal it is; part of its id.
    change_units
        Signed base units (not 0).
    effect
        Whether it may open anything.
    """
    side: OrderSide = "buy" if change_units > 0 else "sell"
    terms = config.terms(abs(change_units), worst_price(config, lane, side), effect)
    order = Order(
        client_order_id=client_order_id(config.strategy, signal.signal_id, leg, attempt=0),
        account=config.account,
        strategy=config.strategy,
        signal_id=signal.signal_id,
        symbol=signal.symbol,
        side=side,
        quantity_units=terms.quantity_units,
        status="initialized",
        ts_event_ns=signal.ts_event_ns,
        ts_recv_ns=signal.ts_recv_ns,
        venue=config.venue,
        user=config.user,
        model_id=signal.model_id,
    )
    return with_terms(order, terms)


def worst_price(config: ExecutionConfig, lane: Lane, side: OrderSide) -> Decimal | None:
    """Return the worst price of an order, from the quote that it is decided on; None: any."""
    pips, quote = config.max_slippage_pips, lane.quote()
    if pips is None or quote is None:
        return None
    distance = pips.scaleb(lane.instrument.pip_location)
    bound = quote.ask + distance if side == "buy" else quote.bid - distance
    return bound.quantize(lane.instrument.tick_size)
