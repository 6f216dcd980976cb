"""The one door to a venue: nothing reaches a broker but through here.

A send passes the kill latch and the writer's fence under one lock, so that once `Gateway.kill` has
returned no order leaves any more, from whichever thread it was called and whatever the flow is
doing. Cancels always pass. The gateway decides nothing else: risk has spoken before.

An order that provably never left may be kept for another try. Each try passes this door anew.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import NamedTuple

from msgspec.structs import replace

from brokers.kill_numbers import is_of_kill, kill_number
from brokers.questions import Questions
from brokers.unsent import NOT_SENT, UnsentOrders, refusal
from domain.errors import Reject
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order
from domain.reasons import Reason
from trading.orders.state import OrderState
from trading.venues import (
    Cancel,
    Command,
    Emit,
    LinkEvent,
    NotSent,
    Replace,
    Submit,
    Unanswered,
    Unsent,
    Venue,
    VenueEvent,
    VenueSnapshot,
)

_log = logging.getLogger(__name__)

_CLOSING = frozenset({EventKind.REJECT, EventKind.CANCELED, EventKind.EXPIRED, EventKind.NOT_FOUND})
_IN_VAIN = frozenset({EventKind.CANCEL_REJECT, EventKind.SEND_UNKNOWN})


class Killed(Reject):
    """The kill switch is on: no order leaves, cancels do."""

    reason = "halted"


class KillReport(NamedTuple):
    """What a kill did: cancels handed to the venue, and orders whose cancel could not be sent."""

    canceled: tuple[str, ...]
    failed: tuple[str, ...]


def _nothing() -> None:
    """Whoever has answers gives them by itself."""


Reported = VenueEvent | VenueSnapshot | Unanswered
"""What comes back: events, the venue's whole record where it was asked for, and why it was not
given."""


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
    unsent
        Where orders that never left wait for `resend`; None: they are refused at once.
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
        unsent: UnsentOrders | None = None,
    ) -> None:
        self.venue = venue
        self._unsent = unsent
        self._is_up = True
        self._may_send = may_send
        self._wall_ns = wall_ns
        self._answer = answer
        self._lock = threading.RLock()
        self._killed: dict[str, str] = {}
        self._open: dict[str, Order] = {}
        # By order: under which request the venue knows it, cancels of kills so far, and whether
        # the last of them is on its way.
        self._known_as: dict[str, int] = {}
        self._kills: dict[str, int] = {}
        self._ending: set[str] = set()
        self._inbox: SimpleQueue[Reported] = SimpleQueue()
        self._questions = Questions(
            venue, self._inbox.put, wall_ns, timeout_s, record_timeout_s, inline=inline
        )

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
        self._questions.stop()
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
        if self._unsent is not None:
            self._unsent.forget(client_order_id)

    def send(self, command: Command) -> None:
        """Hand a command to the venue and come back at once.

        An order that did not leave may be kept for `resend` instead of raising ``NotSent``; a
        cancel of one that waits ends it here, as refused.

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
        if isinstance(command, Cancel | Replace) and self._unsent is not None:
            name = command.order.client_order_id
            if isinstance(command, Cancel) and self._unsent.forget(name):
                self._refuse(Submit(command.order), Reason.REQUESTED)
                return
            if self._unsent.waits(name):
                msg = f"order {name} has not left yet: there is nothing to replace"
                raise NotSent(msg)
        self._send(command)

    def resend(self, now_ns: int, may: Callable[[Order], str | None]) -> None:
        """Try the orders again that never left and whose pause is over; refuse those too old.

        Parameters
        ----------
        now_ns
            On the clock of their last moments.
        may
            Says of an order whether it may leave now: None if so, a code if it never may, an empty
            text if it has to wait.

        Raises
        ------
        Halt
            If another process writes the ledger now.
        """
        if self._unsent is None:
            return
        for submit in self._unsent.expired(now_ns):
            self._refuse(submit, NOT_SENT)
        for submit in self._unsent.due(now_ns):
            name, code = submit.order.client_order_id, may(submit.order)
            if code and self._unsent.forget(name):
                self._refuse(submit, code)
            if code is None:
                self._may_send()
                self._try_again(self._unsent, submit)

    def _try_again(self, unsent: UnsentOrders, submit: Submit) -> None:
        if not unsent.begin(submit.order.client_order_id):
            return
        _log.warning("order %s, which never left, is sent again", submit.order.client_order_id)
        try:
            self._send(submit)
        except NotSent:
            self._refuse(submit, NOT_SENT)
        except Reject as error:
            self._refuse(submit, str(getattr(error, "reason", Reason.UNSUPPORTED)))

    def _send(self, command: Command) -> None:
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
            except Exception as error:
                if isinstance(command, Submit):
                    self._open.pop(order.client_order_id, None)
                    if isinstance(error, NotSent) and self._keep(command, str(error)):
                        return
                raise

    def query(self, order: Order) -> None:
        """Ask the venue about an order; the answer, or why there is none, comes among the reports.

        While one question about it waits for its turn, another is not put.
        """
        self._questions.about(order)

    def snapshot(self, since: int | None) -> None:
        """Ask for the venue's whole record; it, or why there is none, comes among the reports."""
        self._questions.record(since)

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
        if self._unsent is not None:
            for submit in self._unsent.withdraw(strategy):
                self._refuse(submit, Killed.reason)
        with self._lock:
            canceled: list[str] = []
            failed: list[str] = []
            now_ns = self._wall_ns()
            for name, order in list(self._open.items()):
                if strategy not in ("", order.strategy) or name in self._ending:
                    continue
                number = kill_number(self._kills.get(name, 0))
                self._kills[name] = self._kills.get(name, 0) + 1
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
        if isinstance(event, Unsent):
            self._take_unsent(event)
            return
        if isinstance(event, OrderEvent):
            self._note(event)
            if self._questions.are_apart and is_of_kill(event.request) and event.kind in _IN_VAIN:
                # No request of the book's has failed: how the order stands is all there is to it.
                order = self._open.get(event.client_order_id)
                if order is not None:
                    self.query(order)
                return
        elif isinstance(event, LinkEvent) and event.link == "orders":
            # Answers may have been lost with it.
            self._ending.clear()
            self._is_up = event.up
            if self._unsent is not None and (not event.up or event.gap):
                # Before the loss itself, by which all that has no answer is in doubt: these are
                # not. To wait until the venue's record is read would make them too old.
                for submit in self._unsent.withdraw():
                    self._refuse(submit, NOT_SENT)
        self._inbox.put(event)

    def _take_unsent(self, event: Unsent) -> None:
        """Keep an order for another try; any other command is answered by its refusal."""
        command, reason = event.command, event.reason
        if isinstance(command, Submit):
            self._open.pop(command.order.client_order_id, None)
            if self._keep(command, event.why):
                return
            reason = NOT_SENT if self.killed(command.order.strategy) is None else Killed.reason
        self._refuse(command, reason)

    def _keep(self, submit: Submit, why: str) -> bool:
        """Keep a submit that never left for `resend`; False if it is to be refused now."""
        order = submit.order
        if self._unsent is None or not self._is_up or self.killed(order.strategy) is not None:
            return False
        if not self._unsent.keep(submit, self._wall_ns()):
            return False
        _log.warning("order %s has not left and waits: %s", order.client_order_id, why)
        return True

    def _refuse(self, command: Command, reason: str) -> None:
        """Answer a command that provably never left."""
        self._take(refusal(command, reason, self.venue.name, self._wall_ns()))

    def _note(self, event: OrderEvent) -> None:
        """Follow an order that is open, as far as a kill has to know it."""
        name = event.client_order_id
        if self._unsent is not None:
            # Whatever a venue says of an order, it has it, or has looked at it.
            self._unsent.forget(name)
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
