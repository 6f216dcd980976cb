"""The desk: judged, written down, sent, booked, in this order and in no other.

An order's intent is on disk before it is sent. What the journal knows is never sent again: in a
replay the desk follows what was decided then, whatever it would decide now. Everything that a venue
reports is journaled before anybody acts on it.
"""

from collections import deque
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from domain.control import ControlEvent, ControlKind
from domain.errors import Reject
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order, OrderTerms
from trading.desk.acts import own_act, quarantine, refused, restated, strategy_halt
from trading.desk.entries import Fact, HandlingRequest, draft_of
from trading.desk.past import Past, later_place
from trading.desk.ports import Accounts, Door, Out, Report
from trading.journal.errors import KeyReused
from trading.journal.journal import Journal
from trading.orders.book import OrderBook
from trading.orders.effects import (
    Alert,
    Booked,
    Effect,
    HaltStrategy,
    NeedsQuery,
    NeedsReconcile,
    Published,
    Quarantined,
    ReplaceDue,
)
from trading.orders.state import EXTERNAL, OrderState
from trading.risk.case import RiskContext
from trading.risk.gate import RiskGate
from trading.venues import (
    AccountCharge,
    Cancel,
    NotSent,
    Replace,
    Submit,
)

Read = Callable[[], RiskContext]


class Desk:
    """Orders of one account on their way out and back. Not for several threads at once.

    Parameters
    ----------
    book, journal
        As `trading.desk.past.resume` gives them.
    door
        The gateway of the venue.
    accounts
        Keeps positions and profit.
    gate_of
        The gate of a symbol: one for all where orders are judged as they come, one a symbol where
        the result must not depend on which of two symbols came first.
    gates
        All of them: a change of trading state holds in each.
    past
        What was decided beyond the point from which a replay begins.
    stamps
        Whether events are stamped as received no earlier than what is in the book: where they come
        from threads of their own. In a replay times are those of the log, symbol by symbol.
    """

    def __init__(
        self,
        book: OrderBook,
        journal: Journal,
        door: Door,
        accounts: Accounts,
        gate_of: Callable[[str], RiskGate],
        gates: Iterable[RiskGate],
        past: Past,
        *,
        stamps: bool,
    ) -> None:
        self.book = book
        self.out: list[Out] = []
        """What has happened and nobody has taken yet."""
        self.reports: list[Report] = []
        """What the venue has said about the account and its links."""
        self.wanted_reconcile = False
        """The book asks for the venue's whole record."""
        self.last_sequence: int | None = None
        """Place in the venue's order of events up to which this life has heard all."""
        self._journal = journal
        self._door = door
        self._accounts = accounts
        self._gate_of = gate_of
        self._gates = tuple(gates)
        self._past = past
        self._newest_seq = past.known_seq
        self._leaving: deque[str] = deque()
        self.believe: Callable[[OrderEvent], OrderEvent | None] = lambda event: event
        """Says what to make of "not found": the event, or None while it proves too little. A venue
        in this process never errs."""
        self._stamps = stamps
        self.on_change: Callable[[OrderState], None] = lambda _: None
        """Told of each order whose record has changed."""

    # Orders out.

    def note(self, request: HandlingRequest) -> None:
        """Write down what is to lead to orders; it is on disk before the first of them leaves."""
        self._append(request)

    def submit(self, order: Order, read: Read) -> bool:
        """Judge an order (``initialized``); if it may leave, it does so with the next `dispatch`.

        From now on it counts as sent, for the limits and in the book.

        Parameters
        ----------
        read
            Gives the market and the account at this moment.

        Returns
        -------
        bool
            Whether it was let through: then, or in the life before.
        """
        if order.client_order_id in self.book:
            return self.book[order.client_order_id].status != "denied"
        decided = self._past.decision(order.client_order_id)
        if decided is not None:
            return self._follow(decided)
        verdict = self._gate_of(order.symbol).admit(order, read)
        if not verdict.passed:
            self.deny(order, verdict.reason)
            return False
        self._enter(order)
        self._enter(own_act(EventKind.SUBMIT, order, 0))
        self._gate_of(order.symbol).sent(order.client_order_id)
        self._leaving.append(order.client_order_id)
        return True

    def dispatch(self) -> bool:
        """Send what was let through, in that order, once one commit has all of it on disk.

        Returns
        -------
        bool
            Whether there was anything to send.
        """
        if not self._leaving:
            return False
        self._journal.commit()
        while self._leaving:
            # Taken out before it is sent: whatever that ends in, it is not sent again.
            order = self._order(self._leaving.popleft())
            try:
                self._door.send(Submit(order))
            except (NotSent, Reject) as error:
                # It provably never left.
                asked = own_act(EventKind.REJECT, order, 0)
                self.on_event(refused(asked, EventKind.REJECT, error))
        self.pump()
        return True

    def deny(self, order: Order, reason: str) -> None:
        """Write down an order that never leaves, and why."""
        if order.client_order_id in self.book:
            return
        decided = self._past.decision(order.client_order_id)
        if decided is not None:
            self._follow(decided)
            return
        self._enter(order)
        self._enter(replace(own_act(EventKind.RISK_DENY, order, 0), reason=reason))

    def cancel(self, client_order_id: str, now_ns: int, request: int | None = None) -> None:
        """Ask for the end of an order that is open; asking again changes nothing.

        Parameters
        ----------
        request
            Number of the request; None for the next one.
        """
        self.dispatch()
        state = self.book[client_order_id]
        if not state.is_open:
            return
        gate = self._gate_of(state.order.symbol)
        gate.admit_cancel(state.order, now_ns)
        number = self.book.next_request(client_order_id) if request is None else request
        previous = state.previous_request
        event = own_act(EventKind.CANCEL_REQUEST, state.order, number, now_ns)
        self._ask(Cancel(self._at(client_order_id, now_ns), number, previous), event)

    def amend(self, client_order_id: str, terms: OrderTerms, now_ns: int, read: Read) -> bool:
        """Ask for other terms of an order that is open; they are judged like a new order.

        Returns
        -------
        bool
            Whether they were let through.
        """
        self.dispatch()
        state = self.book[client_order_id]
        if not state.is_open:
            return False
        gate = self._gate_of(state.order.symbol)
        number, previous = self.book.next_request(client_order_id), state.previous_request
        let_through = self._past.replaces(client_order_id, number)
        if not let_through and not gate.admit_replace(state.order, terms, read).passed:
            return False
        asked = own_act(EventKind.REPLACE_REQUEST, state.order, number, now_ns)
        command = Replace(self._at(client_order_id, now_ns), terms, number, previous)
        # One that waits for the answer to another is asked for once that has come.
        self._ask(command, replace(asked, terms=terms))
        gate.sent(client_order_id)
        return True

    # Events in.

    def pump(self) -> None:
        """Take in what the venue has reported about orders; the rest waits in ``reports``."""
        for event in self._door.drain():
            if isinstance(event, OrderEvent):
                known = event if event.kind is not EventKind.NOT_FOUND else self.believe(event)
                if known is not None:
                    self.on_event(known)
            else:
                self.reports.append(event)

    def on_charge(self, charge: AccountCharge) -> bool:
        """Write down money that the venue has booked beside any fill; False if it was known."""
        try:
            return self._append(charge)
        except KeyReused as error:
            self._accounts.alert(restated(charge, error), self.book.clock_ns)
            return False

    def on_event(self, event: OrderEvent) -> None:
        """Take in one event of a venue, or the answer to a question."""
        self._enter(event)

    def on_control(self, event: ControlEvent) -> None:
        """Put a change of the trading state in force, at the gates and at the door.

        Raises
        ------
        Reject
            If nobody may do so like this; then nothing is changed.
        """
        for gate in self._gates:
            gate.control(event)
        self._append(event)
        self._journal.commit()
        self.out.append(event)
        if event.kind is ControlKind.KILL:
            self._door.kill(event.reason, event.strategy)
        elif (
            event.kind is ControlKind.RELEASE
            and not self._gates[0].controls.scope(event.strategy).killed
        ):
            self._door.release(event.strategy)

    def keep(self, events: Iterable[ControlEvent]) -> None:
        """Write down changes that a gate has put in force by itself."""
        for event in events:
            for gate in self._gates:
                gate.control(event)
            self._append(event)
            self.out.append(event)

    def tick(self, now_ns: int) -> None:
        """Let time pass: reports that did not fit have waited long enough."""
        for effect in self.book.tick(now_ns):
            self._act(effect, fresh=True)

    def commit(self) -> None:
        """Send what waits to be sent, and make all durable that has happened."""
        self.dispatch()
        self._journal.commit()
        self._journal.tidy()

    def take(self) -> list[Out]:
        """Return what has happened since the last call."""
        out, self.out = self.out, []
        return out

    # How it is done.

    def _follow(self, decided: tuple[Order, tuple[OrderEvent, ...]]) -> bool:
        """Repeat what was decided about an order in the life before; nothing is sent."""
        order, events = decided
        self._enter(order)
        for event in events:
            self._enter(event)
        if any(event.kind is EventKind.RISK_DENY for event in events):
            return False
        answers = self._past.answers(order)
        for event in answers:
            self.on_event(event)
        if not answers:
            # It was written down, and nobody knows whether it was sent.
            self.on_event(own_act(EventKind.SEND_UNKNOWN, order, 0))
            self.pump()
        return True

    def _enter(self, entry: Order | OrderEvent) -> bool:
        """Journal an entry, apply it, act on what follows; False if it was journaled before."""
        if self._stamps and isinstance(entry, OrderEvent):
            entry = self.book.stamped(entry)
        fresh = self._append(entry)
        for effect in self.book.apply(entry):
            self._act(effect, fresh=fresh)
        return fresh

    def _append(self, fact: Fact) -> bool:
        """Journal a fact; False if it is in the journal, from this life or one before."""
        self.last_sequence = later_place(self.last_sequence, fact)
        seq, newest_seq = self._journal.append(draft_of(fact)), self._newest_seq
        self._newest_seq = max(newest_seq, seq)
        return seq > newest_seq

    def _act(self, effect: Effect, *, fresh: bool) -> None:
        match effect:
            case Published(order):
                self.out.append(order)
                self.on_change(self.book[order.client_order_id])
                if fresh:  # A replay must not take the tables back to where it is.
                    self._journal.project(order)
                state = self.book[order.client_order_id]
                if state.is_open:
                    if order.strategy == EXTERNAL or state.known_request:  # A kill cancels it too.
                        self._door.adopt([state])
                else:
                    self._door.closed(order.client_order_id)
                    self._gate_of(order.symbol).closed(order.client_order_id, order.ts_recv_ns)
            case Booked():
                self._book(effect, fresh=fresh)
            case NeedsQuery(name):
                self._door.query(self._order(name))
            case NeedsReconcile():
                self.wanted_reconcile = True
            case ReplaceDue(name, terms):
                self._send_queued(name, terms)
            case HaltStrategy(strategy, why):
                self._halt(strategy, why)
            case Alert():
                self._accounts.alert(effect, self.book.clock_ns)
            case Quarantined(event, why):
                self._accounts.alert(quarantine(event, why), self.book.clock_ns)

    def _book(self, booked: Booked, *, fresh: bool) -> None:
        order = self._order(booked.client_order_id)
        execution, position = self._accounts.book(booked, order)
        self._journal.append(draft_of(execution))
        if fresh:
            self._journal.project(execution, position)
        self.out += [execution, position]
        self.keep(self._gate_of(order.symbol).filled(order, booked.ts_recv_ns))

    def _halt(self, strategy: str, why: str) -> None:
        event = strategy_halt(self._gates[0].controls, strategy, why, self.book.clock_ns)
        if event is not None:
            self.keep([event])

    def _send_queued(self, name: str, terms: OrderTerms) -> None:
        """Send a replace that has waited for the answer to the one before; it was judged then."""
        state = self.book[name]
        number, previous = self.book.next_request(name), state.previous_request
        now_ns = self.book.clock_ns
        event = replace(
            own_act(EventKind.REPLACE_REQUEST, state.order, number, now_ns), terms=terms
        )
        self._ask(Replace(self._at(name, now_ns), terms, number, previous), event)

    def _ask(self, command: Cancel | Replace, event: OrderEvent) -> None:
        """Write a request down and send it; one of the life before is only answered again."""
        fresh = self._enter(event)
        if not fresh:
            for answer in self._past.replies(event):
                self.on_event(answer)
            self.pump()
        elif self.book[event.client_order_id].request(event.request) is not None:
            self._journal.commit()
            try:
                self._door.send(command)
            except (NotSent, Reject) as error:
                is_cancel = isinstance(command, Cancel)
                kind = EventKind.CANCEL_REJECT if is_cancel else EventKind.REPLACE_REJECT
                self.on_event(refused(event, kind, error))
            self.pump()

    def _order(self, name: str) -> Order:
        return self.book[name].order

    def _at(self, name: str, now_ns: int) -> Order:
        """Return an order as it stands, as asked about at a moment."""
        return replace(self._order(name), ts_recv_ns=now_ns)
