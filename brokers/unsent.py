"""Orders that provably never left: kept for another try until their signal is too old.

It is the same order each time: the same id, the same intent in the journal. Nothing is kept here of
which a byte may have left; that is in doubt, and a doubt is only ever asked about.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from brokers.backoff import Backoff
from domain.nanos import SECOND_NS
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order
from trading.venues import Cancel, Command, Replace, Submit

NOT_SENT = "not_sent"
"""Reason of an order that provably never left, and must not be tried again."""

_REFUSED = {
    Submit: EventKind.REJECT,
    Cancel: EventKind.CANCEL_REJECT,
    Replace: EventKind.REPLACE_REJECT,
}


def refusal(command: Command, reason: str, venue: str, now_ns: int) -> OrderEvent:
    """Return the event that answers a command which provably never left."""
    return OrderEvent(
        _REFUSED[type(command)],
        command.order.client_order_id,
        now_ns,
        now_ns,
        venue=venue,
        request=0 if isinstance(command, Submit) else command.request,
        reason=reason,
    )


@dataclass(frozen=True)
class _Waiting:
    submit: Submit
    until_ns: int
    due_ns: int
    failures: int
    waits: bool


class UnsentOrders:
    """Submits that wait for their next try. From any thread; calls nobody while it holds its lock.

    Parameters
    ----------
    until_ns
        Gives the last moment at which an order may leave; None for one that must not be tried
        again.
    backoff
        Pauses between the tries of one order.
    """

    def __init__(self, until_ns: Callable[[Order], int | None], backoff: Backoff) -> None:
        self._until_ns = until_ns
        self._backoff = backoff
        self._lock = threading.Lock()
        self._orders: dict[str, _Waiting] = {}

    def keep(self, submit: Submit, now_ns: int) -> bool:
        """Keep a submit that has just failed; False if there is no time for another try.

        Parameters
        ----------
        now_ns
            On the clock of the last moments.
        """
        name = submit.order.client_order_id
        last_ns = self._until_ns(submit.order)
        with self._lock:
            before = self._orders.pop(name, None)
            until_ns = last_ns if before is None else before.until_ns
            failures = 1 if before is None else before.failures + 1
            if until_ns is None:
                return False
            due_ns = now_ns + int(self._backoff.wait_s(failures) * SECOND_NS)
            if due_ns > until_ns:
                return False
            self._orders[name] = _Waiting(submit, until_ns, due_ns, failures, waits=True)
            return True

    def waits(self, client_order_id: str) -> bool:
        """Say whether an order is kept and not on its way."""
        with self._lock:
            found = self._orders.get(client_order_id)
            return found is not None and found.waits

    def due(self, now_ns: int) -> list[Submit]:
        """Return the submits whose next try is due; they stay until one of the calls below."""
        with self._lock:
            return [w.submit for w in self._orders.values() if w.waits and w.due_ns <= now_ns]

    def begin(self, client_order_id: str) -> bool:
        """Begin a try; False if the order is not kept any more: then it must not be sent."""
        with self._lock:
            found = self._orders.get(client_order_id)
            if found is None or not found.waits:
                return False
            self._orders[client_order_id] = replace(found, waits=False)
            return True

    def expired(self, now_ns: int) -> list[Submit]:
        """Return the submits whose time is over, and forget them."""
        return self._drop(lambda waiting: waiting.until_ns < now_ns)

    def withdraw(self, strategy: str = "") -> list[Submit]:
        """Return what waits of a strategy (empty: of all), and forget it."""
        return self._drop(lambda waiting: strategy in ("", waiting.submit.order.strategy))

    def forget(self, client_order_id: str) -> bool:
        """Forget an order; say whether it was waiting."""
        with self._lock:
            found = self._orders.pop(client_order_id, None)
            return found is not None and found.waits

    def _drop(self, wanted: Callable[[_Waiting], bool]) -> list[Submit]:
        with self._lock:
            gone = [name for name, one in self._orders.items() if one.waits and wanted(one)]
            return [self._orders.pop(name).submit for name in gone]
