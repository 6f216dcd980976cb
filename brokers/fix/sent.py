"""What was sent and has not been answered: nothing is left hanging, and nothing is repeated."""

import threading
from collections.abc import Iterable

import msgspec

from brokers.fix.requests import name_of, number_of
from domain.ids import wire_id
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order, OrderTerms, terms_of
from trading.venues import Cancel, Command, Replace

_NOT_YET = frozenset(
    {EventKind.PENDING_ACK, EventKind.PENDING_CANCEL_ACK, EventKind.STATUS, EventKind.FILL}
)
"""Reports that do not settle a request by themselves: the counterparty says it is at work, or
something happened to the order meanwhile."""

_TAKEN = frozenset({EventKind.ACK, EventKind.FILL})
"""The first of these says that the order is there."""

_ENDS = frozenset({EventKind.CANCELED, EventKind.EXPIRED, EventKind.REJECT})
"""After these the counterparty has nothing more to say about any request."""


class Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One command on its way.

    Attributes
    ----------
    name
        ClOrdID (11).
    order, number, terms
        The order as it stood, the number of the request, and the terms that it asked for.
    cancels, replaces
        Which request about a placed order it is; neither: a submit.
    due_ns
        When its outcome counts as unknown.
    epoch
        Which connection it was handed to.
    is_rounded
        Whether the terms are others than the book's, on the counterparty's grid.
    sequence
        Its MsgSeqNum (34); None while it is being handed over.
    """

    name: str
    order: Order
    number: int
    terms: OrderTerms
    cancels: bool
    replaces: bool
    due_ns: int
    epoch: int
    is_rounded: bool = False
    sequence: int | None = None

    @property
    def refused_as(self) -> EventKind:
        """Kind of the event that says it was refused."""
        if self.cancels:
            return EventKind.CANCEL_REJECT
        return EventKind.REPLACE_REJECT if self.replaces else EventKind.REJECT


class SentCommands:
    """Commands by name until an answer comes, or none can come any more. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, Sent] = {}
        self._doubtful: dict[str, Sent] = {}
        self._epoch = 0

    def add(self, command: Command, due_ns: int, *, is_rounded: bool = False) -> str:
        """Note a command before it is handed over; return its name."""
        order = command.order
        name = name_of(command)
        with self._lock:
            self._waiting[name] = Sent(
                name=name,
                order=order,
                number=number_of(command),
                terms=command.terms if isinstance(command, Replace) else terms_of(order),
                cancels=isinstance(command, Cancel),
                replaces=isinstance(command, Replace),
                due_ns=due_ns,
                epoch=self._epoch,
                is_rounded=is_rounded,
            )
        return name

    def forget(self, name: str) -> None:
        """Drop a command that provably did not leave."""
        with self._lock:
            self._waiting.pop(name, None)

    def left(self, name: str, sequence: int) -> Sent | None:
        """Note that a command left; return it if its connection is gone by now: it is in doubt."""
        with self._lock:
            sent = self._waiting.get(name)
            if sent is None:
                return None
            if sent.epoch != self._epoch:
                self._doubtful[name] = self._waiting.pop(name)
                return sent
            self._waiting[name] = msgspec.structs.replace(sent, sequence=sequence)
            return None

    def cut(self) -> list[Sent]:
        """Return all that left over the connection that has just ended; they are in doubt now."""
        with self._lock:
            self._epoch += 1
            # What is being handed over at this moment is looked at by `left`.
            return self._doubt(sent for sent in self._waiting.values() if sent.sequence is not None)

    def overdue(self, now_ns: int) -> list[Sent]:
        """Return what has waited for too long; it is in doubt now."""
        with self._lock:
            return self._doubt(
                sent
                for sent in self._waiting.values()
                if sent.sequence is not None and sent.due_ns <= now_ns
            )

    def answered(self, event: OrderEvent) -> None:
        """Take note of an event: whatever it answers waits no longer and is in doubt no longer."""
        with self._lock:
            for name, sent in list(self._waiting.items()):
                if _same_order(event, sent) and _answers(event, sent):
                    del self._waiting[name]
            for name, sent in list(self._doubtful.items()):
                if _same_order(event, sent) and _clears(event, sent):
                    del self._doubtful[name]

    def rounded_by(self, event: OrderEvent) -> OrderTerms | None:
        """Return the rounded terms under which an order has just been taken; None for no news."""
        sent = self.by_name(wire_id(event.client_order_id, 0))
        if sent is None or not sent.is_rounded or event.kind not in _TAKEN:
            return None
        return sent.terms

    def doubtful(self) -> list[Sent]:
        """Return commands whose outcome is unknown, to be asked for."""
        with self._lock:
            return list(self._doubtful.values())

    def by_sequence(self, sequence: int) -> Sent | None:
        """Return the waiting command that was sent under a MsgSeqNum."""
        with self._lock:
            return next((one for one in self._waiting.values() if one.sequence == sequence), None)

    def by_name(self, name: str) -> Sent | None:
        """Return the command of a name, waiting or in doubt."""
        with self._lock:
            return self._waiting.get(name) or self._doubtful.get(name)

    def names_of(self, client_order_id: str) -> list[str]:
        """Return the names under which an order may be known besides its last confirmed one."""
        with self._lock:
            found = [
                sent
                for table in (self._waiting, self._doubtful)
                for sent in table.values()
                if sent.order.client_order_id == client_order_id and not sent.cancels
            ]
        return [sent.name for sent in sorted(found, key=lambda sent: -sent.number)]

    def _doubt(self, some: Iterable[Sent]) -> list[Sent]:
        found = list(some)
        for sent in found:
            self._doubtful[sent.name] = self._waiting.pop(sent.name)
        return found


def _same_order(event: OrderEvent, sent: Sent) -> bool:
    return sent.order.client_order_id == event.client_order_id


def _answers(event: OrderEvent, sent: Sent) -> bool:
    if event.kind in _ENDS:
        return True
    if event.request not in {-1, sent.number}:
        return False
    if event.kind is EventKind.FILL:
        # A fill before the acknowledgement says that the order is there.
        return not sent.cancels and not sent.replaces
    return event.kind not in _NOT_YET


def _clears(event: OrderEvent, sent: Sent) -> bool:
    return event.kind is EventKind.STATUS or event.kind in _ENDS or _answers(event, sent)
