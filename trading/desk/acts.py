"""Our own acts as events, and refusals as codes."""

from msgspec.structs import replace

from domain.errors import Halt, Reject
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order
from domain.reasons import Reason
from trading.orders.effects import Alert, AlertCode
from trading.venues import AccountCharge, NotSent


def own_act(kind: EventKind, order: Order, request: int, now_ns: int | None = None) -> OrderEvent:
    """Return an act of ours about an order, by default at the moment of its decision."""
    return OrderEvent(
        kind=kind,
        client_order_id=order.client_order_id,
        ts_event_ns=order.ts_event_ns if now_ns is None else now_ns,
        ts_recv_ns=order.ts_recv_ns if now_ns is None else now_ns,
        request=request,
    )


def refused(asked: OrderEvent, kind: EventKind, error: NotSent | Reject) -> OrderEvent:
    """Return the answer to an act of ours that provably never left."""
    is_refusal = isinstance(error, Reject)
    reason = str(getattr(error, "reason", Reason.UNSUPPORTED)) if is_refusal else "not_sent"
    return replace(asked, kind=kind, reason=reason, terms=None)


def restated(charge: AccountCharge, error: Halt) -> Alert:
    """Return the alert of a charge that the venue tells otherwise than before: it is not booked."""
    return Alert(AlertCode.INVALID, f"charge {charge.charge_id} is not booked again: {error}")


def quarantine(event: OrderEvent, why: str) -> Alert:
    """Return the alert of an event that could not be applied; the journal keeps it whole."""
    return Alert(AlertCode.INVALID, f"{event.kind} is kept aside: {why}", event.client_order_id)
