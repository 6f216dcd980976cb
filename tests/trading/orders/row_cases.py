"""For every row of the table of transitions, the shortest life of an order that takes it."""

from domain.order_events import OrderEvent
from domain.orders import OrderStatus
from tests.trading.orders.making import event, fill, terms

SUBMIT = event("submit", 1)
ACK = event("ack", 2, venue_order_id="v1")
TRIGGERED = event("triggered", 3)
PART = fill("e1", 40, 4)
REST = fill("e2", 60, 5)
SUSPENDED = event("suspended", 4)
CANCEL = event("cancel_request", 6, request=1)
REPLACE = event("replace_request", 6, request=1, terms=terms(150))
CANCELED = event("canceled", 9, reason="requested")
EXPIRED = event("expired", 9)
REJECT = event("reject", 9, reason="bad_price")
LOST = event("send_unknown", 7, request=0)
NOT_FOUND = event("not_found", 9, reason="not_found")
BUST = event("bust", 10, execution_ref="e1")
CORRECT = event(
    "correct", 10, execution_id="e1b", execution_ref="e1", quantity_units=30, price="1.2"
)

NEW = (SUBMIT,)
OPEN = (*NEW, ACK)
PARTIAL = (*OPEN, PART)
FILLED = (*PARTIAL, REST)
HELD = (*OPEN, SUSPENDED)
CANCELING = (*OPEN, CANCEL)
REPLACING = (*OPEN, REPLACE)

Case = tuple[tuple[OrderEvent, ...], OrderStatus]

CASES: dict[str, Case] = {
    "T01": ((event("risk_deny", 1, reason="spread"),), "denied"),
    "T02": (NEW, "pending_new"),
    "T03": ((event("external", 1, status="accepted", terms=terms(100)),), "accepted"),
    "T04": (OPEN, "accepted"),
    "T05": ((*NEW, event("pending_ack", 2)), "pending_new"),
    "T06": ((*NEW, REJECT), "rejected"),
    "T07": ((*NEW, PART), "partially_filled"),
    "T08": ((*NEW, CANCELED), "canceled"),
    "T09": ((*NEW, EXPIRED), "expired"),
    "T10a": ((*NEW, CANCEL), "pending_cancel"),
    "T10b": ((*NEW, REPLACE), "pending_replace"),
    "T11": ((*NEW, LOST), "pending_new"),
    "T12": ((*NEW, LOST, event("status", 9, status="accepted", cum_units=0)), "accepted"),
    "T13": ((*NEW, LOST, NOT_FOUND), "rejected"),
    "T14": ((*OPEN, TRIGGERED), "triggered"),
    "T15": ((*OPEN, TRIGGERED, PART), "partially_filled"),
    "T16": ((*OPEN, TRIGGERED, REJECT), "rejected"),
    "T17": ((*HELD, CANCELED), "canceled"),
    "T18": ((*PARTIAL, EXPIRED), "expired"),
    "T19": ((*PARTIAL, CANCEL), "pending_cancel"),
    "T20": ((*PARTIAL, REPLACE), "pending_replace"),
    "T21": ((*PARTIAL, event("replaced", 9, terms=terms(80))), "partially_filled"),
    "T22": (HELD, "suspended"),
    "T23a": ((*PARTIAL, event("suspended", 5), event("ack", 9)), "partially_filled"),
    "T23b": ((*HELD, fill("e1", 40, 5)), "partially_filled"),
    "T24": ((*PARTIAL, REST), "filled"),
    "T25": ((*PARTIAL, event("ack", 9, venue_order_id="v1")), "partially_filled"),
    "T26a": ((*CANCELING, event("pending_cancel_ack", 7, request=1)), "pending_cancel"),
    "T26b": ((*CANCELING, event("cancel_request", 7, request=2)), "pending_cancel"),
    "T27": ((*CANCELING, CANCELED), "canceled"),
    "T28": ((*CANCELING, fill("e1", 40, 9)), "pending_cancel"),
    "T29": ((*CANCELING, event("cancel_reject", 9, request=1)), "accepted"),
    "T30": (
        (*CANCELING, event("cancel_reject", 9, request=1, unknown_order=True)),
        "pending_cancel",
    ),
    "T31a": ((*CANCELING, EXPIRED), "expired"),
    "T31b": ((*CANCELING, REJECT), "rejected"),
    "T32": ((*CANCELING, event("send_unknown", 7, request=1)), "pending_cancel"),
    "T33": ((*REPLACING, event("replaced", 9, request=1, venue_order_id="v2")), "accepted"),
    "T34": ((*REPLACING, fill("e1", 40, 9)), "pending_replace"),
    "T35": ((*REPLACING, event("replace_reject", 9, request=1)), "accepted"),
    "T36": ((*REPLACING, event("cancel_request", 7, request=2)), "pending_cancel"),
    "T37a": ((*REPLACING, CANCELED), "canceled"),
    "T37b": ((*REPLACING, EXPIRED), "expired"),
    "T38": (
        (*REPLACING, event("replace_request", 7, request=2, terms=terms(170))),
        "pending_replace",
    ),
    "T39": ((*REPLACING, event("send_unknown", 7, request=1)), "pending_replace"),
    "T40": ((*OPEN, CANCELED, PART), "canceled"),
    "T41a": ((*OPEN, CANCELED, CANCELED), "canceled"),
    "T41b": ((*OPEN, CANCELED, EXPIRED), "canceled"),
    "T41c": ((*PARTIAL, REJECT, REJECT), "canceled"),
    "T42": ((*FILLED, event("bust", 10, execution_ref="e1", leaves_units=40)), "partially_filled"),
    "T43": ((*PARTIAL, CORRECT), "partially_filled"),
    "T44a": ((*NEW, REJECT, fill("e1", 40, 10)), "rejected"),
    "T44b": ((*NEW, REJECT, event("ack", 10)), "rejected"),
    "T45": ((*OPEN, event("status", 9, status="suspended", cum_units=0)), "suspended"),
    "A01": ((*NEW, CANCEL, event("ack", 7)), "pending_cancel"),
    "A02": ((*NEW, REPLACE, event("pending_ack", 7)), "pending_replace"),
    "A03": ((*CANCELING, event("triggered", 7)), "pending_cancel"),
    "A04": ((*REPLACING, event("suspended", 7)), "pending_replace"),
    "A05": (
        (*REPLACING, event("cancel_request", 7, request=2), event("replaced", 9, request=1)),
        "pending_cancel",
    ),
    "A06": (
        (*REPLACING, event("cancel_request", 7, request=2), event("replace_reject", 9, request=1)),
        "pending_cancel",
    ),
    "A07": ((*PARTIAL, CANCEL, BUST), "pending_cancel"),
    "A08": ((*PARTIAL, REPLACE, CORRECT), "pending_replace"),
    "A09": ((*HELD, CANCEL), "pending_cancel"),
    "A10": ((*NEW, REPLACE, REJECT), "rejected"),
    "A11": ((*PARTIAL, REJECT), "canceled"),
    "A12": ((*OPEN, event("send_unknown", 9, request=-1)), "accepted"),
    "A13": ((*NEW, CANCEL, LOST, NOT_FOUND), "rejected"),
    "A14": ((*OPEN, event("send_unknown", 8, request=-1), NOT_FOUND), "canceled"),
    "A15": ((*FILLED, fill("e3", 10, 12)), "filled"),
    "A16a": ((*FILLED, event("replaced", 3, terms=terms(90))), "filled"),
    "A16b": ((*FILLED, event("replaced", 3, terms=terms(150))), "partially_filled"),
    "A16c": (
        (*REPLACING, CANCELED, event("replaced", 8, request=1, terms=terms(150))),
        "canceled",
    ),
    "A17b": ((*HELD, event("replaced", 9, terms=terms(90))), "suspended"),
    "A17a": ((*REPLACING, event("replaced", 9, terms=terms(90))), "pending_replace"),
    "A18": ((*PARTIAL, event("suspended", 5), BUST), "suspended"),
    "A19": ((*PARTIAL, event("suspended", 5), CORRECT), "suspended"),
    "A21": ((*OPEN, event("reject", 9, reason="duplicate_client_order_id")), "accepted"),
    "A20": ((*OPEN, TRIGGERED, SUSPENDED), "suspended"),
}
"""Events from the first on, the last of which takes the row; and the status after it."""
