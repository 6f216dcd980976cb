"""An order in every status, and the plainest event of every kind."""

from typing import Any

from domain.order_events import EventKind
from domain.orders import OrderStatus
from tests.trading.orders.making import event, order, played, terms
from tests.trading.orders.row_cases import (
    CANCELED,
    CANCELING,
    EXPIRED,
    FILLED,
    HELD,
    NEW,
    OPEN,
    PARTIAL,
    REJECT,
    REPLACING,
    TRIGGERED,
)
from trading.orders.state import OrderState, opened

STATES: dict[OrderStatus, OrderState] = {
    "initialized": opened(order()),
    "denied": played(event("risk_deny", 1)),
    "pending_new": played(*NEW),
    "accepted": played(*OPEN),
    "triggered": played(*OPEN, TRIGGERED),
    "partially_filled": played(*PARTIAL),
    "pending_replace": played(*REPLACING),
    "pending_cancel": played(*CANCELING),
    "suspended": played(*HELD),
    "filled": played(*FILLED),
    "canceled": played(*OPEN, CANCELED),
    "expired": played(*OPEN, EXPIRED),
    "rejected": played(*NEW, REJECT),
}


def plain_fields(kind: EventKind) -> dict[str, Any]:
    """Return what an event of a kind must say; it is about request 2."""
    fields: dict[str, Any] = {"request": 2}
    if kind in (EventKind.FILL, EventKind.CORRECT):
        fields |= {"execution_id": "e9", "quantity_units": 5, "price": "1.1"}
    if kind in (EventKind.BUST, EventKind.CORRECT):
        fields |= {"execution_ref": "e1"}
    if kind in (EventKind.REPLACE_REQUEST, EventKind.REPLACED, EventKind.EXTERNAL):
        fields |= {"terms": terms(120)}
    if kind in (EventKind.STATUS, EventKind.EXTERNAL):
        fields |= {"status": "accepted"}
    return fields
