"""What happens to an order: our own acts, and what a venue reports.

One flat record, so that it can be journaled, shuffled and replayed; ``kind`` says which fields
mean something. Adapters translate their protocol into these and decide nothing.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from domain.orders import OrderSide, OrderStatus, OrderTerms


class EventKind(StrEnum):
    """Kinds of events; the numbers are FIX 4.4's ExecType (150) where there is one.

    Ours: RISK_DENY, SUBMIT, CANCEL_REQUEST, REPLACE_REQUEST, SEND_UNKNOWN (a request went out and
    nobody knows what became of it: time-out, cut, 5xx, unreadable answer), NOT_FOUND (asked often
    enough, and the venue does not know the order).

    The venue's: PENDING_ACK (A), ACK (0), REJECT (8), FILL (F), TRIGGERED (L), CANCELED (4),
    EXPIRED (C), SUSPENDED (9, and done for day 3), PENDING_CANCEL_ACK (6), REPLACED (5, and
    restated D), CANCEL_REJECT and REPLACE_REJECT (35=9 with 434=1 and 2), BUST (H), CORRECT (G),
    STATUS (I, or the answer to a query), EXTERNAL (an order that we never sent).
    """

    RISK_DENY = "risk_deny"
    SUBMIT = "submit"
    CANCEL_REQUEST = "cancel_request"
    REPLACE_REQUEST = "replace_request"
    SEND_UNKNOWN = "send_unknown"
    NOT_FOUND = "not_found"
    PENDING_ACK = "pending_ack"
    ACK = "ack"
    REJECT = "reject"
    FILL = "fill"
    TRIGGERED = "triggered"
    CANCELED = "canceled"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    PENDING_CANCEL_ACK = "pending_cancel_ack"
    REPLACED = "replaced"
    CANCEL_REJECT = "cancel_reject"
    REPLACE_REJECT = "replace_reject"
    BUST = "bust"
    CORRECT = "correct"
    STATUS = "status"
    EXTERNAL = "external"


OURS = frozenset(
    {
        EventKind.RISK_DENY,
        EventKind.SUBMIT,
        EventKind.CANCEL_REQUEST,
        EventKind.REPLACE_REQUEST,
        EventKind.SEND_UNKNOWN,
        EventKind.NOT_FOUND,
    }
)
"""Kinds that arise here; all others come from a venue."""


class OrderEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One thing that happened to one order.

    Attributes
    ----------
    client_order_id
        Our id for life, without the number of the request (``domain.ids.life_id``); empty where
        the venue names none: then ``venue_order_id`` says which.
    ts_event_ns, ts_recv_ns
        When the venue says it happened, and when we took it in; nanoseconds UTC.
    request
        Number of the request that this answers, or that was made: 0 the submit, then 1, 2, ...;
        -1 where the venue does not say.
    sequence
        Place in the venue's own order of events (OANDA's transaction id); None where it has none.
    execution_id, execution_ref
        FILL, BUST, CORRECT: the venue's id, and for the last two the execution that they change.
    quantity_units, price
        FILL: of this fill alone. CORRECT: the new values of the execution. BUST: ignored.
    cum_units, leaves_units, average_price
        What the venue says of the whole order after the event; None where it says nothing.
    terms
        REPLACE_REQUEST: the wanted ones. REPLACED, EXTERNAL and STATUS: those in force.
    status
        STATUS, EXTERNAL: state of the order as the venue reports it.
    reason
        The venue's or the gate's code, as in ``docs/records.md``.
    unknown_order
        CANCEL_REJECT, REPLACE_REJECT: the venue does not know the order (102=1).
    symbol, side
        EXTERNAL and FILL where the order may be unknown here: canonical symbol, side.
    """

    kind: EventKind
    client_order_id: str
    ts_event_ns: int
    ts_recv_ns: int
    venue: str = ""
    venue_order_id: str = ""
    request: int = -1
    sequence: int | None = None
    execution_id: str = ""
    execution_ref: str = ""
    quantity_units: Decimal | None = None
    price: Decimal | None = None
    commission: Decimal = Decimal(0)
    commission_currency: str = ""
    cum_units: Decimal | None = None
    leaves_units: Decimal | None = None
    average_price: Decimal | None = None
    terms: OrderTerms | None = None
    status: OrderStatus | None = None
    reason: str = ""
    unknown_order: bool = False
    symbol: str = ""
    side: OrderSide | None = None
