"""One event applied to one order: pure, total, and by the table alone.

Before the table stand four rules about events that tell nothing new, so that what a venue sends
twice, late or out of order leaves no trace: ``E1`` an execution that is counted already, ``E5`` a
word older than the newest one, ``E8`` a word that says what is so already, ``OVERTAKEN`` an answer
to a request whose outcome is known.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from domain.order_events import EventKind as Kind
from domain.order_events import OrderEvent
from domain.orders import OrderStatus
from trading.orders import fills, requests, truth
from trading.orders.effects import Alert, AlertCode, Booked, Effect, Published
from trading.orders.moments import moment_of, precedes
from trading.orders.requests import Outcome
from trading.orders.state import (
    EXTERNAL,
    Ended,
    OrderState,
    but,
    but_order,
    closed,
    ended,
    reopened,
    seen,
    settled,
    with_underlying,
    working,
)
from trading.orders.table import Row, find


class Verdict(StrEnum):
    """What became of an event."""

    APPLIED = "applied"
    IGNORED = "ignored"
    """It tells nothing new: no effect, and nothing is wrong."""
    MISFIT = "misfit"
    """Something that came before it at the venue has not come here: keep it for a while."""
    INVALID = "invalid"
    """No row of the table takes it."""
    ADOPT = "adopt"
    """It is of an order that counted as refused: another one has to be opened for it."""


class Applied(msgspec.Struct, frozen=True):
    """The state after an event; the same object where nothing changed.

    Attributes
    ----------
    row_id
        Row of the table, or the rule that came before it; empty if neither.
    why
        What is wrong with an event that was not applied; else empty.
    """

    state: OrderState
    effects: tuple[Effect, ...]
    verdict: Verdict
    row_id: str = ""
    why: str = ""


RULES: tuple[str, ...] = ("E1", "E5", "E8", "OVERTAKEN")
"""Ids of the rules before the table."""

_EXECUTIONS = frozenset({Kind.FILL, Kind.BUST, Kind.CORRECT})
_PROGRESS = frozenset({Kind.PENDING_ACK, Kind.ACK, Kind.TRIGGERED, Kind.SUSPENDED})
_ENDS: Mapping[Kind, OrderStatus] = {Kind.CANCELED: "canceled", Kind.EXPIRED: "expired"}
_SAYS = {Kind.ACK: "accepted", Kind.TRIGGERED: "triggered", Kind.SUSPENDED: "suspended"}
_ON_STATUS = _PROGRESS | {Kind.FILL, Kind.CANCELED, Kind.EXPIRED, Kind.REJECT, Kind.STATUS}


def apply(state: OrderState, event: OrderEvent, *, forced: bool = False) -> Applied:
    """Apply an event.

    Parameters
    ----------
    state
        The order; never changed.
    event
        What happened to it.
    forced
        Apply by execution id what does not fit what is known: its time to come to fit is over.
    """
    if event.kind in _EXECUTIONS and (lack := fills.lacking(event)):
        return Applied(state, (), Verdict.INVALID, why=f"{event.kind} with {lack}")
    if rule := _tells_nothing(state, event):
        if rule == "E8" and not forced and not fills.fits(state, event):
            return _misfit(state, event, rule)
        noted = _noted(state, event)
        if rule == "E8":
            noted = requests.witnessed(noted, moment_of(event))
        if noted == state:
            return Applied(state, (), Verdict.IGNORED, rule)
        return _finished(state, noted, (), Verdict.APPLIED, rule, event)
    row = find(state, event)
    if row is None or _lacks_number(state, event):
        why = f"{event.kind} (request {event.request}) does not follow on {state.status}"
        return Applied(state, (), Verdict.INVALID, why=why)
    if row.to == "adopted" or (row.to == "report" and _works_though_refused(state, event)):
        return Applied(state, (), Verdict.ADOPT, row.row_id)
    if not forced and event.kind is not Kind.EXTERNAL and not fills.fits(state, event):
        return _misfit(state, event, row.row_id)
    after, effects = _act(_noted(state, event), event, row)
    return _finished(state, after, effects, Verdict.APPLIED, row.row_id, event)


def _misfit(state: OrderState, event: OrderEvent, row_id: str) -> Applied:
    why = f"{event.kind} counts {event.cum_units} filled, {state.cum_units} are known"
    return Applied(state, (), Verdict.MISFIT, row_id, why)


def _tells_nothing(state: OrderState, event: OrderEvent) -> str:
    """Return the rule by which an event tells nothing new; empty if none."""
    kind = event.kind
    if kind in _EXECUTIONS:
        return "E1" if fills.change(state, event) is None else ""
    if kind in _PROGRESS or kind is Kind.STATUS:
        return _old_or_repeated(state, event)
    if kind is Kind.REJECT:
        return "E8" if state.status == "rejected" else ""
    if kind is Kind.REPLACED:
        return "OVERTAKEN" if requests.restates_nothing(state, event) else ""
    if kind in (Kind.CANCEL_REQUEST, Kind.REPLACE_REQUEST):
        return "OVERTAKEN" if 0 < event.request <= state.last_request else ""
    return "OVERTAKEN" if _is_overtaken(state, event) else ""


def _old_or_repeated(state: OrderState, event: OrderEvent) -> str:
    moment = moment_of(event)
    if state.moment is not None and event.kind in _PROGRESS:
        if precedes(moment, state.moment):
            return "E5"
        if not state.is_open and not precedes(state.moment, moment):
            # Of the same instant as the end: progress comes before an end.
            return "E5"
    if event.kind is Kind.STATUS:
        return "E5" if precedes(moment, state.moment) else ""
    if _SAYS.get(event.kind) == state.underlying:
        return "E8"
    late = event.kind is Kind.PENDING_ACK and state.underlying != "pending_new"
    repeated = event.kind is Kind.ACK and state.underlying == "triggered"
    return "E8" if state.is_open and (late or repeated) else ""


def _is_overtaken(state: OrderState, event: OrderEvent) -> bool:
    kind = event.kind
    if kind in (Kind.CANCEL_REJECT, Kind.PENDING_CANCEL_ACK):
        return requests.overtaken(state, event, "cancel")
    if kind is Kind.REPLACE_REJECT:
        return requests.overtaken(state, event, "replace")
    if kind is Kind.SEND_UNKNOWN:
        known = 0 <= event.request <= state.last_request
        return state.status != "initialized" and known and state.request(event.request) is None
    return kind is Kind.NOT_FOUND and state.status != "initialized" and not state.order.in_doubt


def _lacks_number(state: OrderState, event: OrderEvent) -> bool:
    """Whether a request has no number of its own, or an answer one that was never asked."""
    if event.kind in (Kind.CANCEL_REQUEST, Kind.REPLACE_REQUEST):
        wanted = event.kind is Kind.REPLACE_REQUEST
        return event.request < 1 or wanted != (event.terms is not None)
    answers = (Kind.CANCEL_REJECT, Kind.REPLACE_REJECT, Kind.REPLACED, Kind.SEND_UNKNOWN)
    foreign = state.order.strategy == EXTERNAL
    return event.kind in answers and not foreign and event.request > state.last_request


def _works_though_refused(state: OrderState, event: OrderEvent) -> bool:
    live = event.status in ("accepted", "triggered", "partially_filled", "suspended", "filled")
    return state.status in ("rejected", "denied") and live


def _noted(state: OrderState, event: OrderEvent) -> OrderState:
    """Keep what holds whatever else the event does: the venue's names, and a fired trigger."""
    order = state.order
    if event.kind in _EXECUTIONS | _PROGRESS and event.venue_order_id and not order.venue_order_id:
        state = but_order(state, venue_order_id=event.venue_order_id)
    if event.kind is Kind.TRIGGERED:
        state = but(state, triggered=True)
        if state.is_open and state.underlying == "accepted":
            state = with_underlying(state, "triggered")
    if state.status == "filled" and event.kind in _ENDS:
        state = but(state, ended=state.ended or Ended(_ENDS[event.kind], event.reason))
    if event.kind is Kind.REPLACED and state.known_request < event.request <= state.last_request:
        state = but(state, known_request=event.request)
    return state


def _act(state: OrderState, event: OrderEvent, row: Row) -> Outcome:
    kind = event.kind
    if kind in _EXECUTIONS:
        return _execute(state, event, row)
    if kind is Kind.SUBMIT:
        return requests.submit(state)
    if kind in (Kind.CANCEL_REQUEST, Kind.REPLACE_REQUEST):
        return requests.ask(state, event)
    if kind is Kind.SEND_UNKNOWN:
        return requests.doubt(state, event)
    if kind is Kind.CANCEL_REJECT:
        return requests.refused(state, event, "cancel")
    if kind is Kind.REPLACE_REJECT:
        return requests.refused(state, event, "replace")
    if kind is Kind.REPLACED:
        return requests.replaced(state, event)
    if kind in (Kind.STATUS, Kind.EXTERNAL):
        return truth.report(state, event)
    if kind is Kind.REJECT and row.to == "same" and state.is_open:
        return requests.stands(state, event)
    return _move(state, event, row)


def _move(state: OrderState, event: OrderEvent, row: Row) -> Outcome:
    """Follow a row that leads to a status, of the order or under its request."""
    if row.to == "same":
        return state, ()
    if row.to in ("denied", "rejected", "canceled", "expired"):
        text = f"the venue does not know it; {state.cum_units} are filled"
        lost = Alert(AlertCode.NOT_FOUND, text, state.order.client_order_id)
        effects = (lost,) if event.kind is Kind.NOT_FOUND else ()
        return ended(state, row.to, event.reason), effects
    if event.kind is Kind.PENDING_ACK:
        return state, ()
    under = "suspended" if event.kind is Kind.SUSPENDED else working(state)
    return settled(seen(with_underlying(state, under))), ()


def _execute(state: OrderState, event: OrderEvent, row: Row) -> Outcome:
    """Count, take back or change an execution; then see what is left of the order."""
    changed = fills.change(state, event)
    if changed is None:
        return state, ()
    after = fills.with_executions(state, changed.executions)
    effects: list[Effect] = list(changed.bookings)
    if event.kind is Kind.FILL:
        if state.status == "pending_new":
            ack = but_order(state, status="accepted", ts_event_ns=event.ts_event_ns)
            effects.insert(0, Published(seen(ack).order))
        after = _after_fill(after, event, row)
    else:
        after = _remainder(after, event)
    return after, (*effects, *_alerts(state, after, event))


def _after_fill(state: OrderState, event: OrderEvent, row: Row) -> OrderState:
    # A larger size may be in force there, unheard here: then only the venue's word is an end.
    told = event.leaves_units == 0 and state.cum_units >= state.order.quantity_units
    if told or state.is_whole:
        return closed(state, "filled")
    if row.to == "same":
        return state
    if state.underlying == "suspended" and precedes(moment_of(event), state.moment):
        # It was filled before it was held.
        return state
    return settled(seen(with_underlying(state, working(state))))


def _remainder(state: OrderState, event: OrderEvent) -> OrderState:
    """Return the state after a bust or a correction."""
    if state.is_whole:
        return closed(state, "filled")
    if state.is_open:
        suspended = state.underlying == "suspended"
        return state if suspended else settled(seen(with_underlying(state, working(state))))
    if state.status != "filled":
        return state
    if state.ended is not None:
        return closed(state, state.ended.status, state.ended.reason)
    if event.leaves_units is not None and event.leaves_units > 0:
        return reopened(state)
    return closed(state, "canceled", event.reason)


def _alerts(before: OrderState, after: OrderState, event: OrderEvent) -> tuple[Effect, ...]:
    name = before.order.client_order_id
    what = f"execution {event.execution_id} of {event.quantity_units} at {event.price}"
    found: list[Effect] = []
    if event.kind is Kind.BUST:
        text = f"execution {event.execution_ref or event.execution_id} is taken back"
        found.append(Alert(AlertCode.BUST, text, name))
    if event.kind is Kind.CORRECT:
        found.append(Alert(AlertCode.CORRECTION, f"{what} corrects {event.execution_ref}", name))
    if event.kind is Kind.FILL and not before.is_open:
        found.append(Alert(AlertCode.LATE_FILL, f"{what} after {before.status}", name))
    if after.order.overfill_units > before.order.overfill_units:
        text = f"{what}: {after.order.overfill_units} beyond {after.most_units} in all"
        found.append(Alert(AlertCode.OVERFILL, text, name))
    return tuple(found)


def _finished(
    before: OrderState,
    after: OrderState,
    effects: tuple[Effect, ...],
    verdict: Verdict,
    row_id: str,
    event: OrderEvent,
) -> Applied:
    """Stamp what has changed; our time and the published one never go back."""
    if event.kind in _ON_STATUS:
        after = requests.witnessed(after, moment_of(event))
    if after == before:
        return Applied(before, effects, verdict, row_id)
    after = but(after, ts_own_ns=max(before.ts_own_ns, event.ts_recv_ns))
    if after.order != before.order:
        ts_event_ns = max(before.order.ts_event_ns, event.ts_event_ns)
        after = but_order(after, ts_event_ns=ts_event_ns)
        booked = [e for e in effects if isinstance(e, Booked | Published)]
        others = [e for e in effects if not isinstance(e, Booked | Published)]
        effects = (*booked, Published(after.order), *others)
    return Applied(after, effects, verdict, row_id)
