"""Are the order's prices near the market: a collar all round, and a bound on the worse side."""

from decimal import Decimal

from trading.risk.case import Case
from trading.risk.codes import Denial, Deny, deny


def collar(case: Case) -> Denial | None:
    """Deny a price of the order that is too far from the mid, on either side."""
    order, mid = case.order, case.quote.mid
    most = case.limits.price.max_distance_pips
    distances = [
        (name, abs(price - mid))
        for name, price in (
            ("limit_price", order.limit_price),
            ("trigger_price", order.trigger_price),
            ("price_bound", order.price_bound),
        )
        if price is not None
    ]
    if order.trailing_distance is not None:
        distances.append(("trailing_distance", order.trailing_distance))
    for name, distance in distances:
        pips = case.pips(distance)
        if pips > most:
            return deny(Deny.PRICE_COLLAR, pips, most, f"pips of {name}")
    return None


def through(case: Case) -> Denial | None:
    """Deny a price that lets the order trade much worse than the market it is about.

    That market is the mid, and for an order that waits for a trigger the trigger price.
    """
    order, quote, limits = case.order, case.quote, case.limits.price
    reference = quote.mid if order.trigger_price is None else order.trigger_price
    most = max(
        limits.min_through_pips, limits.max_through_spreads * case.pips(quote.ask - quote.bid)
    )
    for price in (order.limit_price, order.price_bound):
        if price is None:
            continue
        pips = case.pips(_worse(case, price - reference))
        if pips > most:
            return deny(Deny.PRICE_THROUGH, pips, most, "pips")
    return None


def _worse(case: Case, distance: Decimal) -> Decimal:
    return distance if case.order.side == "buy" else -distance
