"""The transitions of an order, as a table; what is not in it is no transition.

Row ids are stable: they are counted, and a test fails when one is never hit. ``T`` rows are those
of the contract of order states. ``A`` rows are added to it, each for a race that venues do play and
that would otherwise be quarantined although nothing is wrong; their notes say which.
"""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from domain.order_events import EventKind as Kind
from domain.order_events import OrderEvent
from domain.orders import OrderStatus
from domain.reasons import Reason
from trading.orders.requests import answered
from trading.orders.state import OrderState

Target = (
    OrderStatus | Literal["same", "prev", "underlying", "working", "report", "remainder", "adopted"]
)
"""Where a row leads: a status, or

- ``same``: where it was;
- ``prev``: what stood under the request that was refused;
- ``underlying``: the status under a pending request moves, the request stands;
- ``working``: accepted, triggered or partially filled, by what is known;
- ``report``: what the venue's report says, as far as fills bear it out;
- ``remainder``: what is left after an execution was taken back or changed;
- ``adopted``: this order stays as it is, another one is opened for what the venue works.

A row for a FILL leads to ``filled`` instead once nothing is left: under a replace that is not
answered nothing of its quantity either, unless the venue itself says so.
"""

When = Callable[[OrderState, OrderEvent], bool]


class Row(NamedTuple):
    """One row; ``when`` narrows it further than status and kind do."""

    row_id: str
    origins: frozenset[OrderStatus]
    kind: Kind
    to: Target
    when: When
    note: str


def _always(_: OrderState, __: OrderEvent) -> bool:
    return True


def _unfilled(state: OrderState, _: OrderEvent) -> bool:
    return state.cum_units == 0


def _filled(state: OrderState, _: OrderEvent) -> bool:
    return state.cum_units > 0


def _in_doubt(state: OrderState, _: OrderEvent) -> bool:
    return state.order.in_doubt


def _never_seen(state: OrderState, _: OrderEvent) -> bool:
    """Whether nothing at all has shown yet that the venue has the order."""
    return state.order.in_doubt and state.underlying == "pending_new" and state.cum_units == 0


def _of_unknown_order(_: OrderState, event: OrderEvent) -> bool:
    return event.unknown_order


def _of_known_order(_: OrderState, event: OrderEvent) -> bool:
    return not event.unknown_order


def _terms_leave_nothing(state: OrderState, event: OrderEvent) -> bool:
    return event.terms is None or event.terms.quantity_units <= state.cum_units


def _unasked(state: OrderState, event: OrderEvent) -> bool:
    """Whether terms are put in force that the replace under way did not ask for."""
    return answered(state, event, "replace") is None


def _asked(state: OrderState, event: OrderEvent) -> bool:
    return not _unasked(state, event)


def _of_second_order(_: OrderState, event: OrderEvent) -> bool:
    return event.reason == Reason.DUPLICATE_ID


def _whole_order(_: OrderState, event: OrderEvent) -> bool:
    return event.request == -1


_NEW: tuple[OrderStatus, ...] = ("pending_new",)
_RESTING: tuple[OrderStatus, ...] = ("accepted", "triggered")
_LIVE: tuple[OrderStatus, ...] = ("accepted", "triggered", "partially_filled")
_HELD: tuple[OrderStatus, ...] = (*_LIVE, "suspended")
_CANCEL: tuple[OrderStatus, ...] = ("pending_cancel",)
_REPLACE: tuple[OrderStatus, ...] = ("pending_replace",)
_CHANGE: tuple[OrderStatus, ...] = (*_CANCEL, *_REPLACE)
_OPEN: tuple[OrderStatus, ...] = (*_NEW, *_HELD, *_CHANGE)
_ENDED: tuple[OrderStatus, ...] = ("canceled", "expired")
_DONE: tuple[OrderStatus, ...] = (*_ENDED, "filled")
_REFUSED: tuple[OrderStatus, ...] = ("rejected", "denied")
_BORN: tuple[OrderStatus, ...] = ("initialized",)


def _row(
    row_id: str,
    origins: tuple[OrderStatus, ...],
    kind: Kind,
    to: Target,
    note: str = "",
    when: When = _always,
) -> Row:
    return Row(row_id, frozenset(origins), kind, to, when, note)


ROWS: tuple[Row, ...] = (
    # Before all other rejects: it is about a second order, not about this one.
    _row("A21", _OPEN, Kind.REJECT, "same", "its id is known there: ask", _of_second_order),
    _row("T01", _BORN, Kind.RISK_DENY, "denied", "nothing was sent"),
    _row("T02", _BORN, Kind.SUBMIT, "pending_new", "journaled before it is sent"),
    _row("T03", _BORN, Kind.EXTERNAL, "report", "an unknown order is taken over"),
    _row("T04", _NEW, Kind.ACK, "accepted", "the venue's id is kept"),
    _row("T05", _NEW, Kind.PENDING_ACK, "same"),
    _row("T06", _NEW, Kind.REJECT, "rejected", "only with nothing filled", _unfilled),
    _row("T07", _NEW, Kind.FILL, "partially_filled", "before the ack, which is made up"),
    _row("T08", _NEW, Kind.CANCELED, "canceled", "rest of an IOC or FOK, margin"),
    _row("T09", _NEW, Kind.EXPIRED, "expired"),
    _row("T10a", _NEW, Kind.CANCEL_REQUEST, "pending_cancel"),
    _row("T10b", _NEW, Kind.REPLACE_REQUEST, "pending_replace"),
    _row("T11", _NEW, Kind.SEND_UNKNOWN, "same", "in doubt: never sent again, asked for"),
    _row("T12", _NEW, Kind.STATUS, "report", "in doubt, asked, found", _in_doubt),
    _row("T13", _NEW, Kind.NOT_FOUND, "rejected", "asked often enough", _never_seen),
    _row("T14", ("accepted",), Kind.TRIGGERED, "triggered"),
    _row("T15", _RESTING, Kind.FILL, "partially_filled"),
    _row("T16", _RESTING, Kind.REJECT, "rejected", "stop-limit refused when it fired", _unfilled),
    _row("T17", _HELD, Kind.CANCELED, "canceled", "unasked too; fills are kept"),
    _row("T18", _HELD, Kind.EXPIRED, "expired", "fills are kept"),
    _row("T19", _LIVE, Kind.CANCEL_REQUEST, "pending_cancel"),
    _row("T20", _LIVE, Kind.REPLACE_REQUEST, "pending_replace"),
    _row("T21", _LIVE, Kind.REPLACED, "same", "unasked; nothing left under the new terms: filled"),
    _row("T22", ("accepted", "partially_filled"), Kind.SUSPENDED, "suspended"),
    _row("T23a", ("suspended",), Kind.ACK, "working"),
    _row("T23b", ("suspended",), Kind.FILL, "partially_filled"),
    _row("T24", ("partially_filled",), Kind.FILL, "partially_filled"),
    _row("T25", ("partially_filled",), Kind.ACK, "same", "late: never back to accepted"),
    _row("T26a", _CANCEL, Kind.PENDING_CANCEL_ACK, "same"),
    _row("T26b", _CANCEL, Kind.CANCEL_REQUEST, "same", "asking again changes nothing"),
    _row("T27", _CANCEL, Kind.CANCELED, "canceled"),
    _row("T28", _CANCEL, Kind.FILL, "underlying", "crossed the cancel"),
    _row("T29", _CANCEL, Kind.CANCEL_REJECT, "prev", "too late: ask, do not loop", _of_known_order),
    _row("T30", _CANCEL, Kind.CANCEL_REJECT, "same", "in doubt: ask", _of_unknown_order),
    _row("T31a", _CANCEL, Kind.EXPIRED, "expired"),
    _row("T31b", _CANCEL, Kind.REJECT, "rejected", "only with nothing filled", _unfilled),
    _row("T32", _CANCEL, Kind.SEND_UNKNOWN, "same", "in doubt until the venue's truth is read"),
    _row("T33", _REPLACE, Kind.REPLACED, "prev", "nothing left under new terms: filled", _asked),
    _row("T34", _REPLACE, Kind.FILL, "underlying", "on old or new terms"),
    _row("T35", _REPLACE, Kind.REPLACE_REJECT, "prev"),
    _row("T36", _REPLACE, Kind.CANCEL_REQUEST, "pending_cancel", "prev of the replace is kept"),
    _row("T37a", _REPLACE, Kind.CANCELED, "canceled"),
    _row("T37b", _REPLACE, Kind.EXPIRED, "expired"),
    _row("T38", _REPLACE, Kind.REPLACE_REQUEST, "same", "queued: asked for after the answer"),
    _row("T39", _REPLACE, Kind.SEND_UNKNOWN, "same", "in doubt: ask under both ids"),
    _row("T40", _ENDED, Kind.FILL, "same", "late, and real: alert"),
    _row("T41a", _DONE, Kind.CANCELED, "same", "told twice"),
    _row("T41b", _DONE, Kind.EXPIRED, "same", "told twice"),
    _row("T41c", _DONE, Kind.REJECT, "same", "told twice"),
    _row("T42", (*_DONE, "partially_filled"), Kind.BUST, "remainder"),
    _row("T43", (*_DONE, "partially_filled"), Kind.CORRECT, "remainder", "replaces, never adds"),
    _row("T44a", _REFUSED, Kind.FILL, "adopted", "the position first, then an external order"),
    _row("T44b", _REFUSED, Kind.ACK, "adopted", "it works although it counted as refused"),
    _row("T45", (*_OPEN, *_DONE, *_REFUSED), Kind.STATUS, "report", "compare; E5 alone forces"),
    _row("A01", _CHANGE, Kind.ACK, "underlying", "a request was quicker than the ack"),
    _row("A02", _CHANGE, Kind.PENDING_ACK, "underlying", "as A01"),
    _row("A03", _CHANGE, Kind.TRIGGERED, "underlying", "fired while a request was under way"),
    _row("A04", _CHANGE, Kind.SUSPENDED, "underlying", "held while a request was under way"),
    _row("A05", _CANCEL, Kind.REPLACED, "underlying", "a cancel on the heels of a replace"),
    _row("A06", _CANCEL, Kind.REPLACE_REJECT, "underlying", "as A05"),
    _row("A07", _CHANGE, Kind.BUST, "remainder", "of a part, while a request was under way"),
    _row("A08", _CHANGE, Kind.CORRECT, "remainder", "as A07"),
    _row("A09", ("suspended",), Kind.CANCEL_REQUEST, "pending_cancel", "a kill cancels all"),
    _row("A10", _REPLACE, Kind.REJECT, "rejected", "a replace quicker than a reject", _unfilled),
    _row("A11", _OPEN, Kind.REJECT, "canceled", "E4: refused, yet filled in part", _filled),
    _row("A12", _HELD, Kind.SEND_UNKNOWN, "same", "gone from the venue's record", _whole_order),
    _row("A13", _CHANGE, Kind.NOT_FOUND, "rejected", "the submit never arrived", _never_seen),
    _row("A14", _OPEN, Kind.NOT_FOUND, "canceled", "gone, and its fills are known", _in_doubt),
    _row("A15", ("filled",), Kind.FILL, "same", "R0 holds in every status; beyond all: E6"),
    _row("A16a", ("filled",), Kind.REPLACED, "same", "told late", _terms_leave_nothing),
    _row("A16b", ("filled",), Kind.REPLACED, "remainder", "it was filled on old terms: E5"),
    _row("A16c", _ENDED, Kind.REPLACED, "remainder", "told late"),
    _row("A17a", _REPLACE, Kind.REPLACED, "underlying", "restated, not answered", _unasked),
    _row("A17b", ("suspended",), Kind.REPLACED, "same", "told late, or restated while held"),
    _row(
        "A18", (*_NEW, *_RESTING, "suspended"), Kind.BUST, "remainder", "before its fill, or held"
    ),
    _row("A19", (*_NEW, *_RESTING, "suspended"), Kind.CORRECT, "remainder", "as A18"),
    _row("A20", ("triggered",), Kind.SUSPENDED, "suspended", "a bust led back to triggered"),
)

_BY_CAUSE: Mapping[tuple[OrderStatus, Kind], tuple[Row, ...]] = {
    (status, row.kind): tuple(r for r in ROWS if status in r.origins and r.kind == row.kind)
    for row in ROWS
    for status in row.origins
}


def find(state: OrderState, event: OrderEvent) -> Row | None:
    """Return the row that an event takes, or None: then it is no transition."""
    rows = _BY_CAUSE.get((state.status, event.kind), ())
    return next((row for row in rows if row.when(state, event)), None)
