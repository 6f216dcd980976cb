"""The one door to a venue: nothing reaches a broker but through here.

A send passes the kill latch and the writer's fence under one lock, so that once `Gateway.kill` has
returned no order leaves any more, from whichever thread it was called and whatever the flow is
doing. Cancels always pass. The gateway decides nothing else: risk has spoken before.
"""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import NamedTuple

from msgspec.structs import replace

from domain.errors import Reject, Retry
from domain.ids import LAST_REQUEST
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order
from domain.reasons import Reason
from trading.orders.reconcile import as_status
from trading.orders.state import OrderState
from trading.venues import (
    Cancel,
    Command,
    Emit,
    LinkEvent,
    Submit,
    Venue,
    VenueEvent,
    VenueSnapshot,
)

_CLOSING = frozenset({EventKind.REJECT, EventKind.CANCELED, EventKind.EXPIRED, EventKind.NOT_FOUND})
_IN_VAIN = frozenset({EventKind.CANCEL_REJECT, EventKind.SEND_UNKNOWN})

_KILL_NUMBERS = 100
"""Cancels of a kill are numbered down from the highest number, so far down at most: the book, which
counts up, never comes there."""


class Killed(Reject):
    """The kill switch is on: no order leaves, cancels do."""

    reason = "halted"


class KillReport(NamedTuple):
    """What a kill did: cancels handed to the venue, and orders whose cancel could not be sent."""

    canceled: tuple[str, ...]
    failed: tuple[str, ...]


def _of_kill(event: OrderEvent) -> bool:
    first: int = LAST_REQUEST - _KILL_NUMBERS
    return event.request > first


def _nothing() -> None:
    """Whoever has answers gives them by itself."""


Reported = VenueEvent | VenueSnapshot
"""What comes back: events, and the venue's whole record where it was asked for."""


class Gateway:
    """Sends commands of one account to one venue, and keeps what comes back until it is asked for.

    Parameters
    ----------
    venue
        The account at its broker; started by `start`.
    may_send
        Raises ``Halt`` where this process is not the one writer of the ledger any more.
    wall_ns
        Clock of receive times of the answers that arise here.
    timeout_s, record_timeout_s
        Longest wait for the answer to a question, and for the venue's whole record (> 0).
    inline
        Whether a question is answered before `query` returns: for a venue in this process.
    answer
        Called before reports are given out: such a venue answers all that was sent at once.
    """

    def __init__(
        self,
        venue: Venue,
        may_send: Callable[[], None],
        wall_ns: Callable[[], int],
        timeout_s: float = 5.0,
        record_timeout_s: float = 60.0,
        *,
        inline: bool = False,
        answer: Callable[[], None] = _nothing,
    ) -> None:
        self.venue = venue
        self._may_send = may_send
        self._wall_ns = wall_ns
        self._answer = answer
        self._timeout_s = timeout_s
        self._record_timeout_s = record_timeout_s
        self._lock = threading.RLock()
        self._killed: dict[str, str] = {}
        self._open: dict[str, Order] = {}
        # By order: under which request the venue knows it, cancels of kills so far, and whether
        # the last of them is on its way.
        self._known_as: dict[str, int] = {}
        self._kills: dict[str, int] = {}
        self._ending: set[str] = set()
        self._inbox: SimpleQueue[Reported] = SimpleQueue()
        # Questions that wait for their turn: by order, and under the empty name for the record.
        self._asked: set[str] = set()
        self._asking: Executor | None = None
        if not inline:
            self._asking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="venue-questions")

    def start(self, through: Callable[[Emit], Emit] = lambda emit: emit) -> None:
        """Log on; see `Venue.start` for what it raises.

        Parameters
        ----------
        through
            What the venue's reports pass on their way here.
        """
        self.venue.start(through(self._take))

    def stop(self) -> None:
        """Log off and end the thread of the questions; orders stay as they are."""
        if self._asking is not None:
            self._asking.shutdown(wait=False, cancel_futures=True)
        self.venue.stop()

    def killed(self, strategy: str = "") -> str | None:
        """Return why the kill switch is on for a strategy or the whole account, or None."""
        return self._killed.get("") or self._killed.get(strategy)

    def adopt(self, states: Iterable[OrderState]) -> None:
        """Take over open orders as the book has them, which this process has not sent so.

        A kill cancels them too, under the number by which the venue knows each.
        """
        with self._lock:
            for state in states:
                name = state.order.client_order_id
                # What the venue has told meanwhile is newer than the book.
                self._open.setdefault(name, state.order)
                self._known_as[name] = max(state.known_request, self._known_as.get(name, 0))

    def closed(self, client_order_id: str) -> None:
        """Note that an order has come to its end: there is nothing to cancel any more."""
        for kept in (self._open, self._known_as, self._kills):
            kept.pop(client_order_id, None)
        self._ending.discard(client_order_id)

    def send(self, command: Command) -> None:
        """Hand a command to the venue and come back at once.

        Raises
        ------
        Killed
            If the kill switch is on and this is no cancel.
        Halt
            If another process writes the ledger now.
        NotSent, Unsupported
            As `Venue.send`.
        """
        # Before the lock: it asks the ledger, and a kill must not wait for a slow disk.
        self._may_send()
        with self._lock:
            order = command.order
            why = self.killed(order.strategy)
            if why is not None and not isinstance(command, Cancel):
                msg = f"the kill switch is on: {why}"
                raise Killed(msg)
            if isinstance(command, Submit):
                # Before the send: its answer may come while it still goes on.
                self._open[order.client_order_id] = order
            try:
                self.venue.send(command)
            except Exception:
                if isinstance(command, Submit):
                    self._open.pop(order.client_order_id, None)
                raise

    def query(self, order: Order) -> None:
        """Ask the venue about an order; the answer, if it has one, comes among the events.

        While one question about it waits for its turn, another is not put.
        """
        self._ask(order.client_order_id, lambda: self._query(order))

    def snapshot(self, since: int | None) -> None:
        """Ask for the venue's whole record; it comes among the events once it is there."""
        self._ask("", lambda: self._snapshot(since))

    def has_reports(self) -> bool:
        """Say whether there is something to drain."""
        return not self._inbox.empty()

    def drain(self) -> list[Reported]:
        """Return what the venue has reported since the last call, in its order."""
        self._answer()
        events: list[Reported] = []
        while True:
            try:
                events.append(self._inbox.get_nowait())
            except Empty:
                return events

    def kill(self, reason: str, strategy: str = "") -> KillReport:
        """Let no order leave from now on, and cancel all that are open; from any thread.

        Repeated, it cancels again what is still open and whose cancel is not on its way.
        `release` takes it back.

        Parameters
        ----------
        strategy
            Whose orders; empty: everybody's.
        """
        # Before the lock too: a send that goes on is the last one.
        self._killed.setdefault(strategy, reason)
        with self._lock:
            canceled: list[str] = []
            failed: list[str] = []
            now_ns = self._wall_ns()
            for name, order in list(self._open.items()):
                if strategy not in ("", order.strategy) or name in self._ending:
                    continue
                # The book hands numbers out from 1 on; a kill cannot wait to ask it for one.
                tries = self._kills.get(name, 0)
                self._kills[name] = tries + 1
                number = LAST_REQUEST - tries % _KILL_NUMBERS
                asked = replace(order, ts_recv_ns=now_ns)
                # Before the send: its answer may come while it still goes on.
                self._ending.add(name)
                try:
                    self.venue.send(Cancel(asked, number, self._known_as.get(name, 0)))
                except Exception:  # noqa: BLE001 - whatever one cancel meets, the others go out
                    self._ending.discard(name)
                    failed.append(name)
                else:
                    canceled.append(name)
            return KillReport(tuple(canceled), tuple(failed))

    def release(self, strategy: str = "") -> None:
        """Let orders leave again; that a person may do this was checked before."""
        with self._lock:
            self._killed.pop(strategy, None)

    def _take(self, event: VenueEvent) -> None:
        # Without the lock: a paper venue answers within `send`, an adapter from its one thread.
        if isinstance(event, OrderEvent):
            self._note(event)
            if self._asking is not None and _of_kill(event) and event.kind in _IN_VAIN:
                # No request of the book's has failed: how the order stands is all there is to it.
                order = self._open.get(event.client_order_id)
                if order is not None:
                    self.query(order)
                return
        elif isinstance(event, LinkEvent) and event.link == "orders":
            # Answers may have been lost with it.
            self._ending.clear()
        self._inbox.put(event)

    def _note(self, event: OrderEvent) -> None:
        """Follow an order that is open, as far as a kill has to know it."""
        name = event.client_order_id
        done = event.kind in _CLOSING or (event.kind is EventKind.FILL and event.leaves_units == 0)
        # A venue that refuses an id because it has it is working the order.
        if done and event.reason != Reason.DUPLICATE_ID:
            self.closed(name)
        elif name in self._open:
            if event.kind in _IN_VAIN:
                self._ending.discard(name)
            elif event.kind is EventKind.REPLACED and event.request > 0:
                self._known_as[name] = event.request
            known = self._open.get(name)
            if event.venue_order_id and known is not None:
                # Some venues cancel by their own name of the order alone.
                self._open[name] = replace(known, venue_order_id=event.venue_order_id)

    def _ask(self, about: str, question: Callable[[], None]) -> None:
        def ask() -> None:
            self._asked.discard(about)
            question()

        if self._asking is None:
            question()
        elif about not in self._asked:
            self._asked.add(about)
            self._asking.submit(ask)

    def _query(self, order: Order) -> None:
        """Put the answer among the events; a venue that cannot say will be asked again."""
        try:
            report = self.venue.query(order, self._timeout_s)
        except Retry:
            return
        now_ns, name = self._wall_ns(), order.client_order_id
        if report is None:
            reason = Reason.NOT_FOUND.value
            self._inbox.put(OrderEvent(EventKind.NOT_FOUND, name, now_ns, now_ns, reason=reason))
        else:
            answer = as_status(report, self.venue.name, now_ns)
            self._inbox.put(replace(answer, client_order_id=name))

    def _snapshot(self, since: int | None) -> None:
        try:
            self._inbox.put(self.venue.snapshot(since, self._record_timeout_s))
        except Retry:
            return
