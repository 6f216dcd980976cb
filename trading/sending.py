"""The way of an order to the venue: never twice, never unknown.

The intent is on disk before the send. An id that the ledger knows was here before, in a life that
ended early: it is not sent, the venue is asked what became of it. A send without an answer leaves
the order in doubt, and its lane stands still until the venue has said what it knows.
"""

from typing import Protocol

from msgspec.structs import replace

from domain.errors import Reject, Retry
from domain.orders import Execution, Order, Position
from trading.ledger import Ledger
from trading.ports import DUPLICATE, Broker, BrokerReport

Out = Order | Execution | Position
"""What the engine emits."""

UNKNOWN_OUTCOME = (Retry, ConnectionError, TimeoutError)
"""Errors after which nobody here knows whether the venue has the order."""


class Emit(Protocol):
    """Takes what goes out, in order."""

    def __call__(self, record: Out, /) -> None:
        """Take one record."""


class Sender:
    """Sends orders of one account through a ledger to a broker."""

    def __init__(self, ledger: Ledger, broker: Broker) -> None:
        self._ledger = ledger
        self._broker = broker

    def note(self, order: Order, emit: Emit) -> None:
        """Write an order's new state to the ledger and emit it."""
        self._ledger.record(order)
        emit(order)

    def send(self, order: Order, emit: Emit) -> Order | None:
        """Send an order (status ``pending_new``) unless it was sent before.

        Returns
        -------
        Order or None
            The order in flight, ``in_doubt`` if its outcome is not known; None once rejected.
        """
        first_time = self._ledger.record_intent(order)
        emit(order)
        doubtful = replace(order, in_doubt=True)
        if not first_time:
            if self._ledger.was_in_doubt(order.client_order_id):
                # The first life has emitted this too: a replay emits the same records.
                emit(doubtful)
            return self.settle(doubtful, emit)
        try:
            report = self._broker.submit(order, order.ts_recv_ns)
        except UNKNOWN_OUTCOME:
            self.note(doubtful, emit)
            self._ledger.commit()
            return doubtful
        except Reject as error:
            report = BrokerReport(order.client_order_id, "rejected", str(error))
        if report.reason == DUPLICATE:
            # The venue remembers what the ledger has lost: the first order stands.
            return self.settle(doubtful, emit)
        return self._take_over(order, report, emit)

    def settle(self, order: Order, emit: Emit) -> Order | None:
        """Ask the venue about an order in doubt; without an answer it comes back as it was."""
        try:
            report = self._broker.query(order.client_order_id)
        except UNKNOWN_OUTCOME:
            return order
        if report is None:
            report = BrokerReport(order.client_order_id, "rejected", "not_found")
        return self._take_over(replace(order, in_doubt=False), report, emit)

    def _take_over(self, order: Order, report: BrokerReport, emit: Emit) -> Order | None:
        if report.status == "rejected":
            self.note(replace(order, status="rejected", reason=report.reason), emit)
            return None
        # A fill that the venue reports already is applied when the lane's records reach it.
        accepted = replace(order, status="accepted")
        self.note(accepted, emit)
        return accepted
