"""What the order of a signal becomes: a parent that is worked, a group that protects."""

from decimal import Decimal

from domain.orders import Order, OrderSide
from trading.algos.market import MarketView, far_touch, near_touch, open_ns
from trading.algos.parents import ParentOrder, Unworkable
from trading.algos.parents import check as check_parent
from trading.algos.tick_profile import TickProfile
from trading.contingency.requests import Bracket, GroupRequest
from trading.contingency.requests import check as check_group
from trading.tactics.config import Tactics


def parent_of(
    order: Order,
    leg: int,
    tactics: Tactics,
    market: MarketView,
    now_ns: int,
    profile: TickProfile,
) -> ParentOrder | None:
    """Return the parent that works an order; None where the order is sent as it is.

    Parameters
    ----------
    order
        As it would be sent; its bound is the limit of the parent. An iceberg without one rests at
        the near touch of now.
    leg
        Which order of its signal it is.
    profile
        How busy the market usually is.

    Raises
    ------
    Unworkable
        If it cannot be worked to its end at this venue.
    """
    end_ns = now_ns + tactics.work_ns
    if tactics.algorithm == "tick_profile" and not open_ns(now_ns, end_ns):
        msg = f"{order.symbol}: the market is closed from start to end, there is no profile of it"
        raise Unworkable(msg)
    algorithm = tactics.worked(
        order.quantity_units,
        lambda: profile.weights(order.symbol, now_ns, end_ns, tactics.slices),
    )
    if algorithm is None:
        return None
    limit = order.price_bound
    if tactics.algorithm == "iceberg" and limit is None and market.quote is not None:
        limit = near_touch(market.quote, order.side)
    parent = ParentOrder(
        account=order.account,
        strategy=order.strategy,
        signal_id=order.signal_id,
        symbol=order.symbol,
        side=order.side,
        quantity_units=order.quantity_units,
        algorithm=algorithm,
        start_ns=now_ns,
        end_ns=end_ns,
        leg=leg,
        limit_price=limit,
        venue=order.venue,
        user=order.user,
        model_id=order.model_id,
    )
    check_parent(parent, market)
    return parent


def protection_of(
    order: Order, leg: int, tactics: Tactics, market: MarketView, now_ns: int
) -> GroupRequest | None:
    """Return the group that protects what an order, or the parent of its id, opens.

    Stop and target lie where the market is at the decision: they are known before the first fill,
    and stay where they are however many fills there will be. Both rest at a venue that keeps an
    exit from opening anything; otherwise the stop does, and the target is watched here.

    Returns
    -------
    GroupRequest or None
        None where nothing is asked for, or no quote is known to measure from.

    Raises
    ------
    BadGroup
        If a price would be none.
    """
    if not tactics.protects or market.quote is None:
        return None
    start = far_touch(market.quote, order.side)
    request = GroupRequest(
        account=order.account,
        strategy=order.strategy,
        signal_id=order.signal_id,
        symbol=order.symbol,
        orders=Bracket(
            side=order.side,
            quantity_units=order.quantity_units,
            entered_by=order.client_order_id,
            target_price=_away(start, order.side, tactics.target_pips, market),
            stop_price=_away(
                start, order.side, None if tactics.stop_pips is None else -tactics.stop_pips, market
            ),
            both_at_venue=market.capabilities.reduce_only,
        ),
        ts_ns=now_ns,
        leg=leg,
        venue=order.venue,
        user=order.user,
        model_id=order.model_id,
    )
    check_group(request)
    return request


def _away(
    price: Decimal, side: OrderSide, gain_pips: Decimal | None, market: MarketView
) -> Decimal | None:
    """Return the price at which a position has gained so many pips, on the venue's grid."""
    if gain_pips is None:
        return None
    gain = gain_pips * market.pip
    wanted = price + gain if side == "buy" else price - gain
    step = market.instrument.price_step
    return (wanted / step).to_integral_value() * step
