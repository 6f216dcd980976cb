"""Positions as sums over executions: whatever order they came in, the sum is the same."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from trading.orders.effects import Booked
from trading.orders.moments import Moment
from trading.orders.state import ZERO, OrderState
from trading.positions import NetPosition, net, signed


class Holding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What the account holds in one symbol.

    Attributes
    ----------
    units
        Signed base units.
    cash_quote
        Quote currency that its executions have brought (> 0) or cost (< 0).
    """

    units: Decimal = ZERO
    cash_quote: Decimal = ZERO


class Exposure(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Base units of one symbol that may still fill, each >= 0."""

    buy_units: Decimal = ZERO
    sell_units: Decimal = ZERO


def opening_of(position: NetPosition) -> Holding:
    """Return a position from before the first order as a holding."""
    cost = position.units * (position.average_price or ZERO)
    return Holding(position.units, -cost)


def summed(start: Mapping[str, Holding], states: Iterable[OrderState]) -> dict[str, Holding]:
    """Return the holdings that the executions of these orders lead to from those at the start."""
    holdings = dict(start)
    for state in states:
        for fill in state.executions.values():
            was = holdings.get(state.order.symbol, Holding())
            change = signed(state.order.side, fill.counted_units)
            now = Holding(was.units + change, was.cash_quote - change * fill.price)
            holdings[state.order.symbol] = now
    return holdings


def booked(holding: Holding, booking: Booked) -> Holding:
    """Return the holding after a booking."""
    change = booking.signed_units
    return Holding(holding.units + change, holding.cash_quote - change * booking.price)


def exposed(states: Iterable[OrderState]) -> dict[str, Exposure]:
    """Return what may still fill by symbol, in the worst case of each order."""
    totals: dict[str, Exposure] = {}
    for state in states:
        units = state.may_fill_units
        if not units:
            continue
        was = totals.get(state.order.symbol, Exposure())
        if state.order.side == "buy":
            now = Exposure(was.buy_units + units, was.sell_units)
        else:
            now = Exposure(was.buy_units, was.sell_units + units)
        totals[state.order.symbol] = now
    return totals


def entry(opening: NetPosition, states: Iterable[OrderState]) -> NetPosition:
    """Return the net position that the executions of one symbol lead to, with its entry price.

    The entry price depends on the order of fills: it is the venue's own, by its sequence or time.
    """
    fills = [
        (*_rank(fill.moment), key, signed(state.order.side, fill.counted_units), fill.price)
        for state in states
        for key, fill in state.executions.items()
        if fill.counted_units
    ]
    position = opening
    for *_, units, price in sorted(fills):
        position, _ = net(position, units, price)
    return position


def _rank(moment: Moment) -> tuple[int, int]:
    return (moment.ts_ns if moment.sequence is None else moment.sequence), moment.ts_ns
