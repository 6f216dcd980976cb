"""Executions: counted once by id, taken back, corrected, and inferred where only a total is known.

The sums over executions do not depend on the order of arrival: each is exact in Decimal.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

import msgspec

from domain.order_events import EventKind, OrderEvent
from domain.orders import OrderSide
from trading.orders.effects import Booked
from trading.orders.moments import moment_of, precedes
from trading.orders.state import ZERO, Fill, OrderState, but, but_order

INFERRED = "inferred-"
"""Beginning of the ids of executions that `trading.orders.reconcile` infers from a total."""

_REVISING_VENUES = frozenset({"ib"})
"""Venues whose execution ids end in the number of the revision, behind a dot."""

_AVERAGE = Context(prec=28, rounding=ROUND_HALF_EVEN)

_INFERRED_STEP = Decimal("1e-12")
"""Grid of inferred prices: far below any venue's, and coarse enough for exact sums."""

_OTHER: Mapping[OrderSide, OrderSide] = {"buy": "sell", "sell": "buy"}


class Execution(NamedTuple):
    """Name of an execution: the part that stays through corrections, and the revision."""

    base: str
    revision: int


def execution_base(venue: str, execution_id: str) -> Execution:
    """Return what an execution is called for life.

    Interactive Brokers corrects ``...01.01`` by reporting ``...01.02``: the text before the last
    dot names the execution, the number behind it the revision.
    """
    base, dot, tail = execution_id.rpartition(".")
    if venue in _REVISING_VENUES and dot and tail.isdecimal():
        return Execution(base, int(tail))
    return Execution(execution_id, 0)


class Change(NamedTuple):
    """Executions after an event, and what that moves; None for one that is known already."""

    executions: dict[str, Fill]
    bookings: tuple[Booked, ...]


def change(state: OrderState, event: OrderEvent) -> Change | None:
    """Return what a FILL, BUST or CORRECT does to an order's executions; None: nothing, seen."""
    name = execution_base(event.venue, event.execution_id)
    if event.kind is EventKind.FILL:
        known = state.find(name.base)
        if known is None:
            return _added(state, event, name)
        if state.executions[known].first is None:
            return _seen_at_last(state, event, known)
        if name.revision <= state.executions[known].revision or state.executions[known].busted:
            return None
        return _corrected(state, event, known, name)
    key = state.find(execution_base(event.venue, event.execution_ref or event.execution_id).base)
    if event.kind is EventKind.BUST:
        return _busted(state, event, key)
    if key is None:
        return _added(state, event, name)
    return _corrected(state, event, key, name)


def fits(state: OrderState, event: OrderEvent) -> bool:
    """Say whether what a report says of the whole order follows from what is known here.

    A fill whose total skips over another one does not, nor does an end that counts fills that have
    not come; nor a bust of an execution that has not come.
    """
    if event.execution_id.startswith(INFERRED):
        return True
    filled = state.cum_units
    if event.kind in (EventKind.FILL, EventKind.BUST, EventKind.CORRECT):
        ref = event.execution_ref or event.execution_id
        if event.kind is not EventKind.FILL and not _names(state, event, ref):
            return False
        moved = change(state, event)
        if moved is not None:
            filled = sum((f.counted_units for f in moved.executions.values()), ZERO)
    if _is_passed(state, event) or any(f.inferred for f in state.executions.values()):
        return True
    if event.cum_units is not None and event.cum_units != filled:
        return False
    if event.kind is not EventKind.FILL or event.leaves_units is None or not state.is_open:
        return True
    # Other leaves than ours: terms are in force at the venue that we have not been told of.
    return event.leaves_units == max(ZERO, state.order.quantity_units - filled)


def _is_passed(state: OrderState, event: OrderEvent) -> bool:
    """Whether executions are known that came after the event: its totals are those of then."""
    moment = moment_of(event)
    return any(precedes(moment, fill.moment) for fill in state.executions.values())


def unexplained(state: OrderState, event: OrderEvent) -> tuple[Decimal, Decimal] | None:
    """Return quantity and price of what a report counts beyond the executions known up to then.

    The price is the one that makes the reported average come out. None where all is explained, or
    where no average is given: then a price would be a guess.
    """
    total, average = event.cum_units, event.average_price
    if total is None or average is None:
        return None
    moment = moment_of(event)
    known = [f for f in state.executions.values() if not precedes(moment, f.first or f.moment)]
    rest = total - sum((f.counted_units for f in known), ZERO)
    if rest <= 0:
        return None
    cost = total * average - sum((f.counted_units * f.price for f in known), ZERO)
    return rest, _AVERAGE.divide(cost, rest).quantize(_INFERRED_STEP)


def with_executions(state: OrderState, executions: dict[str, Fill]) -> OrderState:
    """Return the state with these executions; totals, average and overfill follow from them."""
    counted = [(f.counted_units, f.price) for f in executions.values()]
    cum = sum((quantity for quantity, _ in counted), ZERO)
    cost = sum((quantity * price for quantity, price in counted), ZERO)
    if state.guessed and cum > state.order.quantity_units:
        state = but_order(but(state, most_units=cum), quantity_units=cum)
    return but_order(
        but(state, executions=executions),
        filled_units=cum,
        average_price=_AVERAGE.divide(cost, cum) if cum else None,
        overfill_units=max(ZERO, cum - state.most_units),
    )


def lacking(event: OrderEvent) -> str:
    """Return what a FILL, BUST or CORRECT lacks to be applied; empty if nothing."""
    if not event.execution_id and not event.execution_ref:
        return "no execution id"
    if event.kind is EventKind.BUST:
        return ""
    for name, value in (("quantity", event.quantity_units), ("price", event.price)):
        if value is None or not value.is_finite() or not value > 0:
            return f"{name} {value}, which must be above 0"
    return ""


def _names(state: OrderState, event: OrderEvent, execution_id: str) -> bool:
    return state.find(execution_base(event.venue, execution_id).base) is not None


def _of(event: OrderEvent) -> tuple[Decimal, Decimal]:
    if event.quantity_units is None or event.price is None:
        msg = f"{event.kind} of {event.client_order_id} has no quantity or price"
        raise ValueError(msg)
    return event.quantity_units, event.price


def _added(state: OrderState, event: OrderEvent, name: Execution) -> Change | None:
    quantity, price = _of(event)
    ids = tuple(sorted({event.execution_id, event.execution_ref or event.execution_id}))
    inferred = event.execution_id.startswith(INFERRED)
    if inferred:
        rest = unexplained(state, event)
        if rest is None:
            return None
        quantity, price = rest
    moment = moment_of(event)
    first = moment if event.kind is EventKind.FILL else None
    fill = Fill(quantity, price, moment, ids, first, name.revision, inferred=inferred)
    executions = dict(state.executions)
    bookings: tuple[Booked, ...] = ()
    if first is not None and not inferred:
        executions, bookings = _replace_inferred(state, event, quantity, price)
    if event.kind is EventKind.CORRECT:
        # One that comes before its execution stands under the execution's own name.
        name = execution_base(event.venue, event.execution_ref or event.execution_id)
    executions[name.base] = fill
    entry = _booked(state, event, event.execution_id, quantity, price, event.execution_ref)
    return Change(executions, (*bookings, entry))


def _seen_at_last(state: OrderState, event: OrderEvent, key: str) -> Change:
    """Note a fill whose bust or correction came first: that stands, but no total hides it now."""
    quantity, price = _of(event)
    executions, bookings = _replace_inferred(state, event, quantity, price)
    executions[key] = msgspec.structs.replace(executions[key], first=moment_of(event))
    return Change(executions, bookings)


def _corrected(state: OrderState, event: OrderEvent, key: str, name: Execution) -> Change | None:
    old = state.executions[key]
    quantity, price = _of(event)
    repeated = (quantity, price) == (old.quantity_units, old.price)
    renamed = event.execution_id != (event.execution_ref or event.execution_id)
    if event.execution_id in old.ids and (repeated or renamed):
        return None
    ids = tuple(sorted({*old.ids, event.execution_id}))
    if old.busted or precedes(moment_of(event), old.moment):
        return _renamed(state, key, ids) if ids != old.ids else None
    revision = max(old.revision, name.revision)
    fill = Fill(quantity, price, moment_of(event), ids, old.first, revision)
    out = f"{event.execution_id}-replaces"
    return Change(
        {**state.executions, key: fill},
        (
            _booked(state, event, out, -old.quantity_units, old.price, key),
            _booked(state, event, event.execution_id, quantity, price, key),
        ),
    )


def _renamed(state: OrderState, key: str, ids: tuple[str, ...]) -> Change:
    fill = msgspec.structs.replace(state.executions[key], ids=ids)
    return Change({**state.executions, key: fill}, ())


def _busted(state: OrderState, event: OrderEvent, key: str | None) -> Change | None:
    if key is None:
        ref = event.execution_ref or event.execution_id
        base = execution_base(event.venue, ref).base
        gone = Fill(ZERO, ZERO, moment_of(event), (ref,), busted=True)
        return Change({**state.executions, base: gone}, ())
    old = state.executions[key]
    if old.busted:
        return None
    gone = msgspec.structs.replace(old, moment=moment_of(event), busted=True)
    entry = _booked(state, event, f"{key}-bust", -old.quantity_units, old.price, key)
    return Change({**state.executions, key: gone}, (entry,))


def _replace_inferred(
    state: OrderState, event: OrderEvent, quantity: Decimal, price: Decimal
) -> tuple[dict[str, Fill], tuple[Booked, ...]]:
    """Take out of an inferred execution what a reported one now explains; its cost is kept."""
    executions = dict(state.executions)
    bookings: list[Booked] = []
    for key, old in state.executions.items():
        if old.busted or not old.inferred or precedes(old.moment, moment_of(event)):
            continue
        explained = min(quantity, old.quantity_units)
        if not explained:
            break
        rest = old.quantity_units - explained
        quantity -= explained
        out = f"{key}-{event.execution_id}"
        bookings.append(_booked(state, event, f"{out}-out", -old.quantity_units, old.price, key))
        if not rest:
            executions[key] = msgspec.structs.replace(old, quantity_units=ZERO, busted=True)
            continue
        cost = old.quantity_units * old.price - explained * price
        left = _AVERAGE.divide(cost, rest).quantize(_INFERRED_STEP)
        executions[key] = msgspec.structs.replace(old, quantity_units=rest, price=left)
        bookings.append(_booked(state, event, f"{out}-rest", rest, left, key))
    return executions, tuple(bookings)


def _booked(
    state: OrderState, event: OrderEvent, name: str, units: Decimal, price: Decimal, ref: str
) -> Booked:
    """Return the booking of ``units`` in the direction of the order, or against it below 0."""
    order = state.order
    own = name == event.execution_id
    return Booked(
        execution_id=name,
        client_order_id=order.client_order_id,
        account=order.account,
        strategy=order.strategy,
        symbol=order.symbol,
        side=order.side if units > 0 else _OTHER[order.side],
        quantity_units=abs(units),
        price=price,
        ts_event_ns=event.ts_event_ns,
        ts_recv_ns=event.ts_recv_ns,
        commission=event.commission if own else ZERO,
        commission_currency=event.commission_currency if own else "",
        execution_ref=ref,
        venue=event.venue or order.venue,
    )
