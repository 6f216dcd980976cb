"""What the venue has to say, in order, until it is on disk and can be said."""

from decimal import Decimal
from typing import Any

from brokers.paper_venue.working import WorkingOrder
from domain.order_events import EventKind, OrderEvent
from domain.orders import OrderStatus
from domain.reasons import Reason
from trading.venues import AccountCharge, Cancel, Replace

VENUE = "paper"
"""Name of the venue in every event."""

StoredEvent = OrderEvent | AccountCharge
"""Events that have a place in the venue's own order."""


class Outbox:
    """Events since the last commit, and the orders that they are about.

    Parameters
    ----------
    sequence
        Number of the last event ever made; the next one gets the next.
    """

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        self.events: list[StoredEvent] = []
        self.touched: dict[str, WorkingOrder] = {}

    def take(self) -> list[StoredEvent]:
        """Return what there is to say, and forget it."""
        events, self.events, self.touched = self.events, [], {}
        return events

    def touch(self, order: WorkingOrder) -> None:
        """Note that an order must be stored."""
        self.touched[order.venue_order_id] = order

    def tell(
        self,
        order: WorkingOrder,
        kind: EventKind,
        ts_event_ns: int,
        ts_recv_ns: int | None = None,
        **details: Any,
    ) -> None:
        """Report what has happened to an order; without a receive time it is known at once."""
        order.sequence, order.ts_event_ns = self.sequence + 1, ts_event_ns
        self.touch(order)
        self.tell_of(order, kind, ts_event_ns, ts_recv_ns, **details)

    def tell_of(
        self,
        order: WorkingOrder,
        kind: EventKind,
        ts_event_ns: int,
        ts_recv_ns: int | None = None,
        **details: Any,
    ) -> None:
        """Report something that leaves the order as it is."""
        self.sequence += 1
        details.setdefault("request", order.request)
        self.events.append(
            OrderEvent(
                kind=kind,
                client_order_id=order.client_order_id,
                ts_event_ns=ts_event_ns,
                ts_recv_ns=ts_event_ns if ts_recv_ns is None else ts_recv_ns,
                venue=VENUE,
                venue_order_id=order.venue_order_id,
                sequence=self.sequence,
                cum_units=order.filled_units,
                leaves_units=order.leaves_units,
                average_price=order.average_price,
                symbol=order.symbol,
                side=order.side,
                **details,
            )
        )

    def end(
        self,
        order: WorkingOrder,
        status: OrderStatus,
        reason: str,
        ts_event_ns: int,
        ts_recv_ns: int | None = None,
        *,
        request: int | None = None,
    ) -> None:
        """Close an order and report it as canceled or expired."""
        order.status, order.reason = status, reason
        kind = EventKind.EXPIRED if status == "expired" else EventKind.CANCELED
        number = order.request if request is None else request
        self.tell(order, kind, ts_event_ns, ts_recv_ns, reason=reason, request=number)

    def tell_unknown(self, command: Cancel | Replace, ts_event_ns: int) -> None:
        """Answer a request about an order that never arrived."""
        self.sequence += 1
        is_cancel = isinstance(command, Cancel)
        self.events.append(
            OrderEvent(
                kind=EventKind.CANCEL_REJECT if is_cancel else EventKind.REPLACE_REJECT,
                client_order_id=command.order.client_order_id,
                ts_event_ns=ts_event_ns,
                ts_recv_ns=ts_event_ns,
                venue=VENUE,
                request=command.request,
                sequence=self.sequence,
                reason=Reason.NOT_FOUND,
                unknown_order=True,
                symbol=command.order.symbol,
                side=command.order.side,
            )
        )

    def charge(
        self, charge_id: str, symbol: str, amount: Decimal, currency: str, ts_event_ns: int
    ) -> None:
        """Report financing that was booked."""
        self.sequence += 1
        self.events.append(
            AccountCharge(
                charge_id=charge_id,
                kind="financing",
                symbol=symbol,
                amount=amount,
                currency=currency,
                ts_event_ns=ts_event_ns,
                venue=VENUE,
                sequence=self.sequence,
            )
        )
