"""Our own acts as events, and refusals as codes."""

from msgspec.structs import replace

from domain.control import ControlEvent, TradingState
from domain.errors import Halt, Reject
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order
from domain.reasons import Reason
from trading.orders.effects import Alert, AlertCode
from trading.risk.control import Controls, lowered
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


def code_of(error: NotSent | Reject) -> str:
    """Return the code of a refusal at the door."""
    if isinstance(error, NotSent):
        return "not_sent"
    return str(getattr(error, "reason", Reason.UNSUPPORTED))


def refused(asked: OrderEvent, kind: EventKind, error: NotSent | Reject) -> OrderEvent:
    """Return the answer to an act of ours that provably never left."""
    return replace(asked, kind=kind, reason=code_of(error), terms=None)


def restated(charge: AccountCharge, error: Halt) -> Alert:
    """Return the alert of a charge that the venue tells otherwise than before: it is not booked."""
    return Alert(AlertCode.INVALID, f"charge {charge.charge_id} is not booked again: {error}")


def strategy_halt(controls: Controls, strategy: str, why: str, now_ns: int) -> ControlEvent | None:
    """Return the halt of a strategy that the book calls for; None if it is halted already."""
    return lowered(
        controls, TradingState.HALTED, "order_book", now_ns, strategy=strategy, reason=why
    )


def quarantine(event: OrderEvent, why: str) -> Alert:
    """Return the alert of an event that could not be applied; the journal keeps it whole."""
    return Alert(AlertCode.INVALID, f"{event.kind} is kept aside: {why}", event.client_order_id)
