"""What becomes of an order in time: it expires, or a cancel or a replace arrives."""

from brokers.paper_venue.outbox import Outbox
from brokers.paper_venue.terms import refuse_terms
from brokers.paper_venue.working import Request, WorkingOrder
from domain.instruments import Instrument
from domain.order_events import EventKind
from domain.orders import OrderTerms
from domain.reasons import Reason


def settle(order: WorkingOrder, moment_ns: int, pair: Instrument, outbox: Outbox) -> None:
    """Let the one thing happen that is due for an order at a moment.

    An order whose time is up when a request arrives has expired.
    """
    expires_ns = order.expires_ns if order.is_open else None
    request = order.requests[0] if order.requests else None
    if request is None or (expires_ns is not None and expires_ns <= request.due_ns):
        outbox.end(order, "expired", "", moment_ns)
        return
    del order.requests[0]
    if request.terms is None:
        _cancel(order, request, moment_ns, outbox)
    else:
        _replace(order, request, request.terms, moment_ns, pair, outbox)


def _cancel(order: WorkingOrder, request: Request, ts_ns: int, outbox: Outbox) -> None:
    if order.is_open:
        outbox.end(order, "canceled", Reason.REQUESTED, ts_ns, request=request.number)
        return
    outbox.tell(
        order, EventKind.CANCEL_REJECT, ts_ns, request=request.number, reason=Reason.TOO_LATE
    )


def _replace(
    order: WorkingOrder,
    request: Request,
    terms: OrderTerms,
    ts_ns: int,
    pair: Instrument,
    outbox: Outbox,
) -> None:
    reason = refuse_terms(terms, pair)
    if not order.is_open or terms.quantity_units < order.filled_units:
        reason = Reason.TOO_LATE
    if reason is not None:
        outbox.tell(order, EventKind.REPLACE_REJECT, ts_ns, request=request.number, reason=reason)
        return
    order.triggered = order.triggered and terms.order_type == order.terms.order_type
    order.terms, order.request = terms, request.number
    order.enter(pair)
    order.from_ns = max(order.from_ns, ts_ns)
    if terms.quantity_units == order.filled_units:
        order.status = "filled"
    outbox.tell(order, EventKind.REPLACED, ts_ns, terms=terms)
