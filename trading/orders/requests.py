"""What we ask about an order, and what becomes of it: submits, cancels, replaces, and doubt."""

from domain.order_events import OrderEvent
from trading.orders.effects import Effect, NeedsQuery, ReplaceDue
from trading.orders.moments import Moment, later, moment_of, precedes
from trading.orders.state import (
    Asked,
    OrderState,
    Request,
    but,
    but_order,
    closed,
    reopened,
    same_terms,
    settled,
    with_new_terms,
    with_requests,
    without,
)

Outcome = tuple[OrderState, tuple[Effect, ...]]


def submit(state: OrderState) -> Outcome:
    """Note that the order goes out."""
    state = but_order(state, status="pending_new")
    return with_requests(state, (Request(0, "submit"),)), ()


def ask(state: OrderState, event: OrderEvent) -> Outcome:
    """Note a cancel or a replace that goes out; a second replace waits for the first one's end."""
    number = event.request
    numbered = but(state, last_request=max(state.last_request, number))
    asked: Asked = "cancel" if event.terms is None else "replace"
    if asked == "replace" and state.status == "pending_replace":
        return but(numbered, queued=event.terms), ()
    request = Request(number, asked, event.terms)
    queued = None if asked == "cancel" else state.queued
    return settled(with_requests(but(numbered, queued=queued), (*state.requests, request))), ()


def doubt(state: OrderState, event: OrderEvent) -> Outcome:
    """Note that the outcome of a request is unknown; of number -1: of the order as a whole."""
    why = event.reason or "no answer came"
    if event.request == -1:
        missing = but(state, missing=True)
        return with_requests(missing, state.requests), (_query(state, why),)
    requests = tuple(
        Request(r.number, r.asked, r.terms, in_doubt=True) if r.number == event.request else r
        for r in state.requests
    )
    return with_requests(state, requests), (_query(state, why),)


def refused(state: OrderState, event: OrderEvent, asked: Asked) -> Outcome:
    """Note that a cancel or replace was refused: the order stands as it stood."""
    number = answered(state, event, asked)
    if number is None:
        return state, ()
    if asked == "cancel" and event.unknown_order:
        marked, _ = doubt(state, _numbered(event, number))
        return marked, (_query(state, "the venue refuses a cancel: it does not know the order"),)
    back = settled(without(state, number))
    if back.is_whole:
        return closed(back, "filled"), ()
    effects: tuple[Effect, ...] = ()
    if asked == "cancel":
        effects = (_query(state, "the venue refuses a cancel: too late"),)
    elif event.unknown_order:
        effects = (_query(state, "the venue refuses a replace: it does not know the order"),)
    return _next(back, effects)


def replaced(state: OrderState, event: OrderEvent) -> Outcome:
    """Put the new terms in force: those that were asked for, or those that the venue restates."""
    number = answered(state, event, "replace")
    request = None if number is None else state.request(number)
    terms = event.terms or (request.terms if request is not None else None)
    fresh = terms is not None and not precedes(moment_of(event), state.terms_moment)
    if terms is not None and fresh:
        state = with_new_terms(state, terms, moment_of(event))
    known = max(state.known_request, event.request if number is None else number)
    state = but(state, known_request=known, last_request=max(state.last_request, known))
    if event.venue_order_id and fresh:
        state = but_order(state, venue_order_id=event.venue_order_id)
    if not state.is_open:
        return _of_closed(state), ()
    # An order whose terms the venue has changed is one that it has.
    if state.prev == "pending_new":
        state = but(state, prev="accepted")
    state = settled(without(state, 0, *([] if number is None else [number])))
    if state.is_whole:
        return closed(state, "filled"), ()
    return _next(state, ())


def _of_closed(state: OrderState) -> OrderState:
    """Return the state of a closed order whose terms were told late.

    That it was filled followed from the terms that we knew: under larger ones it works on, unless
    the venue has told its end as well.
    """
    if state.cum_units >= state.order.quantity_units:
        return closed(state, "filled")
    if state.status != "filled":
        return state
    if state.ended is not None:
        return closed(state, state.ended.status, state.ended.reason)
    return reopened(state)


def stands(state: OrderState, event: OrderEvent) -> Outcome:
    """Note that the venue refused a second order of this id: the first one stands, ask for it."""
    if state.request(0) is not None:
        return doubt(state, _numbered(event, 0))
    return state, (_query(state, "the venue knows its id already"),)


def answered(state: OrderState, event: OrderEvent, asked: Asked) -> int | None:
    """Return the number of the request that an event answers, None if it answers none.

    A venue that gives no number answers the oldest request of the kind; but terms that nobody asked
    for are a restatement, and no answer.
    """
    of_kind = [r for r in state.requests if r.asked == asked]
    if event.request == -1:
        fitting = [r.number for r in of_kind if event.terms in (None, r.terms)]
        return fitting[0] if fitting else None
    return event.request if any(r.number == event.request for r in of_kind) else None


def overtaken(state: OrderState, event: OrderEvent, asked: Asked) -> bool:
    """Say whether an answer is about a request of ours whose outcome is known already."""
    if answered(state, event, asked) is not None or state.last_request < 1:
        return False
    return event.request <= state.last_request


def restates_nothing(state: OrderState, event: OrderEvent) -> bool:
    """Say whether REPLACED tells what is in force, or what was and is no more."""
    if answered(state, event, "replace") is not None:
        return False
    old = precedes(moment_of(event), state.terms_moment)
    told = event.terms is None or same_terms(state, event.terms)
    known = 0 < event.request < state.known_request
    return old or known or (told and 0 <= event.request <= state.known_request)


def witnessed(state: OrderState, moment: Moment) -> OrderState:
    """Return the state with the venue's newest word on the status."""
    return but(state, moment=later(moment, state.moment))


def _next(state: OrderState, effects: tuple[Effect, ...]) -> Outcome:
    """Let a queued replace go, unless the one before it is still under way."""
    if state.queued is None or state.status == "pending_replace":
        return state, effects
    due = ReplaceDue(state.order.client_order_id, state.queued)
    return but(state, queued=None), (*effects, due)


def _numbered(event: OrderEvent, number: int) -> OrderEvent:
    return OrderEvent(
        kind=event.kind,
        client_order_id=event.client_order_id,
        ts_event_ns=event.ts_event_ns,
        ts_recv_ns=event.ts_recv_ns,
        request=number,
        reason=event.reason,
    )


def _query(state: OrderState, why: str) -> NeedsQuery:
    return NeedsQuery(state.order.client_order_id, why)
