"""TWS's stream of repeated states as the few events that an order really had.

TWS repeats the state of an order as often as it likes, tells fills apart from states, and answers
a command by an error, a state, or nothing. `Tracker` is a pure fold of what was sent and what came:
it knows no socket and no clock, and every method returns the events that follow.
"""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from brokers.ib.closing import closing, refused
from brokers.ib.errors import CANCELED_CODE, REJECTED_CODE, UNKNOWN_ORDER_CODES, Notice, answer
from brokers.ib.executions import execution_event
from brokers.ib.order_index import OrderIndex
from brokers.ib.rows import ExecutionRow, OrderKey, OrderRow, StatusRow, own_id, revision
from brokers.ib.terms import wire_terms
from brokers.ib.tracked import (
    ACKED,
    GONE,
    INACTIVE,
    PENDING_CANCEL,
    SUBMITTED,
    WAITS,
    Revision,
    Tracked,
    Waiting,
    status_of,
)
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order, OrderTerms
from domain.reasons import Reason

Events = list[OrderEvent]


class Tracker:
    """The orders of one account at one gateway.

    Parameters
    ----------
    client_id
        Our API client: order ids count per client.
    venue
        Name for the events.
    """

    def __init__(self, client_id: int, venue: str = "ib") -> None:
        self._client_id = client_id
        self._venue = venue
        self._index = OrderIndex()

    # What we send.

    def submitted(self, order_id: int, order: Order, terms: OrderTerms, now_ns: int) -> Tracked:
        """Note that an order is about to leave under this number."""
        key = OrderKey(self._client_id, order_id, 0, order.client_order_id)
        one = Tracked(key, order.client_order_id, order.symbol, order.side, now_ns, terms)
        one.waiting.append(Waiting(0, "submit"))
        self._index.add(one)
        return one

    def find_key(self, key: OrderKey) -> Tracked | None:
        """Return what is known of an order at TWS."""
        return self._index.find(key)

    def name(self, key: OrderKey) -> str:
        """Return our client order id of an order at TWS; empty where it is none of ours."""
        one = self.find_key(key)
        return own_id(key.ref) if one is None else one.client_order_id

    def find(self, order: Order) -> Tracked | None:
        """Return what is known of an order of ours."""
        return self._index.find_order(order)

    @staticmethod
    def cancel_asked(one: Tracked, request: int) -> None:
        """Note that a cancel is about to leave."""
        one.waiting.append(Waiting(request, "cancel"))
        one.cancel_asked, one.cancel_told = request, False

    @staticmethod
    def replace_asked(one: Tracked, request: int, terms: OrderTerms) -> None:
        """Note that a replace is about to leave."""
        one.waiting.append(Waiting(request, "replace", terms))

    def unanswered(self, one: Tracked, request: int, now_ns: int, reason: Reason) -> Events:
        """Give up waiting for the answer to a command; nothing if it came."""
        waiting = next((each for each in one.waiting if each.request == request), None)
        if waiting is None:
            return []
        one.waiting.remove(waiting)
        kind = EventKind.SEND_UNKNOWN
        return [self._event(one, kind, now_ns, request=request, reason=reason)]

    def not_sent(self, one: Tracked, request: int, now_ns: int) -> Events:
        """Refuse a command that never left."""
        waiting = next(each for each in one.waiting if each.request == request)
        return self._refuse(one, waiting, Reason.DISCONNECTED, Notice(-1, 0, ""), now_ns)

    def cut(self, now_ns: int) -> Events:
        """Give up on every command: the socket that would have brought the answers is gone."""
        return [
            event
            for one in self._index.orders
            for waiting in tuple(one.waiting)
            for event in self.unanswered(one, waiting.request, now_ns, Reason.DISCONNECTED)
        ]

    # What TWS says.

    def order_row(self, row: OrderRow, now_ns: int) -> Events:
        """Take an ``openOrder``; of an order that nobody here sent it is the first news."""
        one = self.find_key(row.key)
        if one is None:
            return self._unknown(row, now_ns)
        self._index.learn(one, row.key)
        return self._terms_told(one, row, now_ns) + self._status_told(one, row.status, now_ns)

    def completed(self, row: OrderRow, now_ns: int) -> Events:
        """Take a ``completedOrder``: news only of an order that still counted as open."""
        one = self.find_key(row.key)
        return [] if one is None else self._status_told(one, row.status, now_ns)

    def status_row(self, row: StatusRow, now_ns: int) -> Events:
        """Take an ``orderStatus``; its fills are noted, not passed on: executions tell those."""
        one = self.find_key(row.key)
        if one is None:
            return []
        self._index.learn(one, row.key)
        one.reported_units = max(one.reported_units, row.filled)
        return self._status_told(one, row.status, now_ns)

    def execution(self, row: ExecutionRow, now_ns: int) -> Events:
        """Take an ``execDetails``, once per revision, even of an order nobody knows."""
        one = self.find_key(row.key) or self._add_from_fill(row)
        self._index.learn(one, row.key)
        base, number = revision(row.execution_id)
        known = one.executions.get(base)
        if known is not None and number <= known.number:
            return []
        one.executions[base] = Revision(number, row.units)
        total = None if one.terms is None else one.terms.quantity_units
        event = execution_event(
            row, one.client_order_id, self._venue, now_ns, total, known=known is not None
        )
        one.acked = one.triggered = True
        self._answered(one, "submit")
        if total is not None and one.filled_units >= total:
            self._close(one)
        return [event]

    def notice(self, notice: Notice, now_ns: int) -> Events:
        """Take an error that names an order of ours."""
        one = self._index.numbered(self._client_id, notice.id)
        if one is None:
            return []
        told = answer(notice)
        if notice.code == CANCELED_CODE:
            one.refusal = told.reason
            return self._gone(one, now_ns)
        waiting = refused(one, notice, told.reaction)
        if waiting is not None:
            return self._refuse(one, waiting, told.reason, notice, now_ns)
        if notice.code == REJECTED_CODE and not one.closed:
            one.refusal = told.reason
            return self._gone(one, now_ns)
        return []

    def settle_inactive(self, one: Tracked, now_ns: int) -> Events:
        """Pass on an order as held, once no error came with its ``Inactive``."""
        if one.closed or not one.inactive or one.suspended:
            return []
        events = self._ack(one, now_ns)
        one.suspended = True
        return [*events, self._event(one, EventKind.SUSPENDED, now_ns)]

    # What is known.

    def open_orders(self) -> list[Tracked]:
        """Return the orders that TWS has taken and that are not known to be closed."""
        return [one for one in self._index.orders if one.acked and not one.closed]

    def forget_closed(self, before_ns: int) -> None:
        """Drop closed orders of an earlier day: their executions are not reported any more."""
        self._index.forget_closed(before_ns)

    # How.

    def _unknown(self, row: OrderRow, now_ns: int) -> Events:
        own = own_id(row.key.ref)
        one = Tracked(row.key, own, row.symbol, row.side, now_ns, row.terms, external=not own)
        one.acked = row.status not in WAITS
        one.closed = row.status in GONE or row.status == "Filled"
        one.triggered = row.status == SUBMITTED
        self._index.add(one)
        status = status_of(row.status, row.terms, Decimal(0))
        kind = EventKind.STATUS if own else EventKind.EXTERNAL
        return [self._event(one, kind, now_ns, terms=row.terms, status=status)]

    def _add_from_fill(self, row: ExecutionRow) -> Tracked:
        own = own_id(row.key.ref)
        one = Tracked(row.key, own, row.symbol, row.side, row.at_ns, None, external=not own)
        one.acked = one.closed = True
        self._index.add(one)
        return one

    def _terms_told(self, one: Tracked, row: OrderRow, now_ns: int) -> Events:
        if one.terms is None:
            one.terms = row.terms
            return []
        if row.status in WAITS or row.status in GONE:
            return []
        read = wire_terms(row.terms)
        for waiting in one.waiting:
            if waiting.terms is not None and wire_terms(waiting.terms) == read:
                one.waiting.remove(waiting)
                one.terms = waiting.terms
                return self._replaced(one, waiting.request, now_ns)
        if read == wire_terms(one.terms) or not one.acked or one.closed:
            return []
        # Somebody else changed it: TWS's own window, or a replace whose answer we gave up on.
        one.terms = replace(row.terms, order_type=self._own_type(one.terms, row.terms))
        return self._replaced(one, -1, now_ns)

    @staticmethod
    def _own_type(own: OrderTerms, read: OrderTerms) -> Any:
        return own.order_type if wire_terms(own).order_type == read.order_type else read.order_type

    def _replaced(self, one: Tracked, request: int, now_ns: int) -> Events:
        kind = EventKind.REPLACED
        events = [self._event(one, kind, now_ns, request=request, terms=one.terms)]
        if one.terms is not None and one.filled_units >= one.terms.quantity_units:
            self._close(one)
        return events

    def _status_told(self, one: Tracked, status: str, now_ns: int) -> Events:
        if one.closed:
            return []
        if status in GONE:
            return self._gone(one, now_ns)
        if status in WAITS:
            return self._pending(one, now_ns)
        if status == PENDING_CANCEL:
            return self._ack(one, now_ns) + self._cancel_pending(one, now_ns)
        one.inactive = status == INACTIVE
        if status not in ACKED:
            return []
        events = self._ack(one, now_ns)
        if status == SUBMITTED and one.waits_for_price and not one.triggered:
            one.triggered = True
            events.append(self._event(one, EventKind.TRIGGERED, now_ns))
        return events

    def _pending(self, one: Tracked, now_ns: int) -> Events:
        if one.acked or one.told_pending:
            return []
        one.told_pending = True
        return [self._event(one, EventKind.PENDING_ACK, now_ns, request=0)]

    def _ack(self, one: Tracked, now_ns: int) -> Events:
        if one.acked and not one.suspended:
            return []
        one.acked, one.suspended = True, False
        self._answered(one, "submit")
        events = [self._event(one, EventKind.ACK, now_ns, request=0)]
        if one.is_rounded:
            one.is_rounded = False
            events += self._replaced(one, -1, now_ns)
        return events

    def _cancel_pending(self, one: Tracked, now_ns: int) -> Events:
        if one.cancel_told or not one.cancel_asked:
            return []
        one.cancel_told = True
        kind = EventKind.PENDING_CANCEL_ACK
        return [self._event(one, kind, now_ns, request=one.cancel_asked)]

    def _gone(self, one: Tracked, now_ns: int) -> Events:
        if one.closed:
            return []
        kind, reason, request = closing(one, now_ns)
        self._close(one)
        leaves, cum = Decimal(0), one.filled_units
        fields = {"leaves_units": leaves, "cum_units": cum, "request": request, "reason": reason}
        return [self._event(one, kind, now_ns, **fields)]

    def _refuse(
        self, one: Tracked, waiting: Waiting, reason: Reason, notice: Notice, now_ns: int
    ) -> Events:
        one.waiting.remove(waiting)
        fields: dict[str, Any] = {"request": waiting.request, "reason": reason}
        if waiting.asked == "submit":
            self._close(one)
            return [self._event(one, EventKind.REJECT, now_ns, **fields)]
        fields["unknown_order"] = notice.code in UNKNOWN_ORDER_CODES
        cancel = waiting.asked == "cancel"
        kind = EventKind.CANCEL_REJECT if cancel else EventKind.REPLACE_REJECT
        return [self._event(one, kind, now_ns, **fields)]

    @staticmethod
    def _answered(one: Tracked, asked: str) -> None:
        one.waiting = [each for each in one.waiting if each.asked != asked]

    @staticmethod
    def _close(one: Tracked) -> None:
        one.closed = True
        one.waiting.clear()

    def _event(self, one: Tracked, kind: EventKind, now_ns: int, **fields: Any) -> OrderEvent:
        return OrderEvent(
            kind,
            one.client_order_id,
            now_ns,
            now_ns,
            venue=self._venue,
            venue_order_id=str(one.key.perm_id or ""),
            symbol=one.symbol,
            side=one.side,
            **fields,
        )
