"""The venue's own report of an order (STATUS, EXTERNAL): it is the truth on quantity and state.

A report settles what is in doubt. Fills it cannot bring: an order that it calls filled stays open
here, and counts as exposure, until its executions have come.
"""

from domain.order_events import OrderEvent
from domain.orders import CLOSED_STATUSES, OrderStatus
from trading.orders.effects import Alert, AlertCode, Effect, NeedsReconcile
from trading.orders.moments import moment_of, precedes
from trading.orders.requests import Outcome
from trading.orders.state import (
    ENDED,
    OrderState,
    Request,
    but,
    but_order,
    closed,
    ended,
    reopened,
    same_terms,
    seen,
    settled,
    with_new_terms,
    with_requests,
    with_underlying,
    working,
)


def report(state: OrderState, event: OrderEvent) -> Outcome:
    """Return the state that a report leaves, as far as executions bear it out."""
    if not state.is_open and state.status != "initialized":
        return _of_closed(state, event)
    state = _settle_doubts(_with_terms(state, event), event)
    return _in_status(state, event)


def _with_terms(state: OrderState, event: OrderEvent) -> OrderState:
    terms = event.terms
    if event.venue_order_id and not precedes(moment_of(event), state.terms_moment):
        state = but_order(state, venue_order_id=event.venue_order_id)
    if terms is None or same_terms(state, terms):
        return state
    if precedes(moment_of(event), state.terms_moment):
        return state
    wanted = [r.number for r in state.requests if r.asked == "replace" and r.terms == terms]
    state = with_new_terms(state, terms, moment_of(event))
    return but(state, known_request=max([state.known_request, *wanted]))


def _settle_doubts(state: OrderState, event: OrderEvent) -> OrderState:
    """Drop the requests that no answer will come to: the report shows whether they took effect."""
    if event.status == "pending_new":
        found = tuple(
            Request(r.number, r.asked, r.terms) if r.number == 0 else r for r in state.requests
        )
        return with_requests(but(state, missing=False), found)
    state = seen(state)
    return with_requests(state, tuple(r for r in state.requests if not r.in_doubt))


def _in_status(state: OrderState, event: OrderEvent) -> Outcome:
    status = event.status
    told = status == "filled" and state.cum_units >= state.order.quantity_units
    if told or state.is_whole:
        return closed(state, "filled"), ()
    if status in ENDED and status is not None:
        return ended(state, status, event.reason), _unless_whole(state, event)
    if status == "rejected":
        end: OrderStatus = "canceled" if state.cum_units else "rejected"
        return closed(state, end, event.reason), ()
    if (status is None or status == "pending_new") and state.status != "initialized":
        return settled(state), ()
    if status == "triggered":
        state = but(state, triggered=True)
    under: OrderStatus = "suspended" if status == "suspended" else working(state)
    if status in ("pending_cancel", "pending_replace") and state.underlying == "suspended":
        under = "suspended"
    return settled(with_underlying(state, under)), _unless_whole(state, event)


def _unless_whole(state: OrderState, event: OrderEvent) -> tuple[Effect, ...]:
    """Ask for the account's record where the report counts fills that are not known here."""
    missing = event.cum_units is not None and event.cum_units != state.cum_units
    if not missing and event.status != "filled":
        return ()
    why = f"the venue reports {event.status} with {event.cum_units}, known are {state.cum_units}"
    return (NeedsReconcile(state.order.client_order_id, why),)


def _of_closed(state: OrderState, event: OrderEvent) -> Outcome:
    """Reopen what the venue works after all, by a word newer than that of the end.

    An order of which only fills were seen has no end of its own: the first report says how it is.
    """
    if state.guessed and event.terms is not None:
        return _in_status(_with_terms(reopened(state), event), event)
    moment = moment_of(event)
    told = state.status != "filled" or state.ended is not None
    # Filled is our own conclusion, from terms that may be old: a word as new as it is enough.
    newer = precedes(state.moment, moment) if told and state.moment is not None else True
    if event.status is None or state.status in ("rejected", "denied"):
        return state, ()
    if event.status in CLOSED_STATUSES:
        return _still_closed(_with_terms(state, event), event), ()
    if not newer:
        return state, ()
    state = _with_terms(state, event)
    if state.cum_units >= state.order.quantity_units:
        return state, ()
    text = f"the venue works it ({event.status}) although it counted as {state.status}"
    alert = Alert(AlertCode.REOPENED, text, state.order.client_order_id)
    works, effects = _in_status(reopened(state), event)
    return works, (alert, *effects)


def _still_closed(state: OrderState, event: OrderEvent) -> OrderState:
    """Return the state at the end that the venue tells, under the terms in force then."""
    status = event.status
    if status is None or status not in ENDED or status == state.status:
        return state
    if state.cum_units >= state.order.quantity_units:
        return state
    return closed(state, status, event.reason)
