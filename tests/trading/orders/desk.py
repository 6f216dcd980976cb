"""A desk in little: a book, its journal, a gate, and a line to the model broker.

The gate is the least that the invariants need (a switch that refuses new orders and replaces);
any object with ``refuses`` can take its place.
"""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

import msgspec

from domain.order_events import EventKind, OrderEvent
from domain.orders import CLOSED_STATUSES, Order, OrderSide
from tests.trading.orders.making import ACCOUNT, order, terms
from tests.trading.orders.model_broker import ModelBroker
from trading.orders.book import Entry, OrderBook
from trading.orders.doubt import DoubtConfig, Doubts
from trading.orders.effects import Effect, ReplaceDue
from trading.orders.held import Held
from trading.orders.reconcile import as_status, reconcile
from trading.orders.state import PENDING_CHANGE, OrderState
from trading.venues import Cancel, Command, Replace, Submit

SECOND_NS = 1_000_000_000
WAKES = frozenset({EventKind.FILL, EventKind.BUST, EventKind.CORRECT})
"""Kinds that may bring a closed order back."""

TRUTHS = frozenset({EventKind.STATUS, EventKind.REPLACED})
"""The venue's own word on status and terms, which wins over what we concluded."""


class Gate(Protocol):
    """What the desk asks before anything new leaves."""

    def refuses(self, order: Order) -> str:
        """Return why an order may not go, empty if it may."""
        ...


@dataclass
class Switch:
    """A gate with one switch."""

    halted: bool = False

    def refuses(self, order: Order) -> str:
        """Refuse everything once halted, and what no risk limit would pass."""
        return "halted" if self.halted or order.quantity_units > 500 else ""


@dataclass
class Desk:
    """Everything on our side of the line."""

    broker: ModelBroker
    gate: Switch = field(default_factory=Switch)
    book: OrderBook = field(default_factory=lambda: OrderBook(ACCOUNT))
    journal: list[Entry] = field(default_factory=list)
    sent: list[tuple[Command, bool]] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    now_ns: int = SECOND_NS
    count: int = 0

    # What we do.

    def submit(self, side: OrderSide, quantity: int) -> str:
        """Build an order, pass it through the gate, journal it, and only then send it."""
        self.count += 1
        built = order(f"ax{self.count:032d}", side=side, quantity_units=Decimal(quantity))
        self._note(built)
        if why := self.gate.refuses(built):
            self.tell(self._own(EventKind.RISK_DENY, built.client_order_id, reason=why))
        else:
            self.tell(self._own(EventKind.SUBMIT, built.client_order_id, request=0))
            self._send(Submit(self.book[built.client_order_id].order))
        return built.client_order_id

    def cancel(self, name: str) -> None:
        """Ask for a cancel; it passes in every state of the gate."""
        state = self.book[name]
        number = self.book.next_request(name)
        self.tell(self._own(EventKind.CANCEL_REQUEST, name, request=number))
        self._send(Cancel(self.book[name].order, number, state.previous_request))

    def replace(self, name: str, quantity: int) -> None:
        """Ask for another quantity; a second one while the first is open is queued, not sent."""
        state, wanted = self.book[name], terms(quantity, "1.20")
        if self.gate.refuses(msgspec.structs.replace(state.order, quantity_units=Decimal(1))):
            return
        number = self.book.next_request(name)
        self.tell(self._own(EventKind.REPLACE_REQUEST, name, request=number, terms=wanted))
        if self.book[name].request(number) is not None:
            self._send(Replace(state.order, wanted, number, state.previous_request))

    # What we hear.

    def tell(self, event: OrderEvent) -> None:
        """Stamp, journal, apply."""
        event = self.book.stamped(event)
        self.journal.append(event)
        before = {s.order.client_order_id: s for s in self.book.states()}
        effects = self.book.apply(event)
        self._check(before, event)
        self._act(effects)

    def lose_answers(self) -> None:
        """Mark everything unanswered as in doubt: the line was cut."""
        for event in self.book.lost_answers(self.now_ns, "cut"):
            self.tell(event)

    def pass_time(self, seconds: int) -> None:
        """Let received time pass."""
        self.now_ns = max(self.now_ns, self.broker.now_ns) + seconds * SECOND_NS
        before = {s.order.client_order_id: s for s in self.book.states()}
        effects = self.book.tick(self.now_ns)
        self._check(before, None)
        self._act(effects)

    def query(self, name: str) -> None:
        """Ask for one order; "not found" is not believed here."""
        report = self.broker.report(name)
        if report is not None:
            self.tell(as_status(report, "model", self.now_ns))

    def give_up(self, name: str) -> None:
        """Believe "not found" where it may be wrong: the order may still be on its way."""
        if name not in self.broker.truths:
            self.tell(self._own(EventKind.NOT_FOUND, name, reason="not_found"))

    def reconcile(self, *, complete: bool = True) -> int:
        """Compare with the venue's record and apply what follows; return how many events."""
        record = self.broker.snapshot(complete=complete)
        outcome = reconcile(self.book, record, "model", self.now_ns)
        for event in outcome.events:
            self.tell(event)
        if complete:
            assert outcome.differences == ()
            assert outcome.current
        return len(outcome.events)

    def settle_doubts(self) -> None:
        """Ask for every order in doubt until none is, as the policy says."""
        doubts = Doubts(DoubtConfig())
        for _ in range(40):
            names = {state.order.client_order_id for state in self.book.in_doubt()}
            doubts.follow(names, self.now_ns)
            if not names:
                return
            self.pass_time(1)
            doubts.was_read(self.now_ns)
            for name in doubts.ask(self.now_ns):
                report = self.broker.report(name)
                if report is not None:
                    self.tell(as_status(report, "model", self.now_ns))
                    continue
                heard = self.book[name].ts_own_ns
                lost = doubts.denied(name, self.now_ns, min(heard, self.now_ns))
                if lost is not None:
                    self.tell(lost)

    def restart(self) -> None:
        """Fold the journal anew: it must give the book that lived."""
        again = OrderBook(ACCOUNT).fold(self.journal)
        again.tick(self.book.clock_ns)
        assert again.dump() == self.book.dump()
        assert again.state_hash() == self.book.state_hash()
        self.hits.update(self.book.counts)
        self.book = OrderBook.load(again.dump())
        assert self.book.dump() == again.dump()

    # How.

    def _note(self, built: Order) -> None:
        self.journal.append(built)
        assert self.book.add(built)

    def _own(self, kind: EventKind, name: str, **fields: object) -> OrderEvent:
        self.now_ns = max(self.now_ns, self.broker.now_ns)
        return OrderEvent(kind, name, self.now_ns, self.now_ns, **fields)  # type: ignore[arg-type]

    def _send(self, command: Command) -> None:
        name = command.order.client_order_id
        kinds = {
            e.kind for e in self.journal if isinstance(e, OrderEvent) and e.client_order_id == name
        }
        assert EventKind.SUBMIT in kinds
        assert command.order.strategy
        assert command.order.user
        assert command.order.model_id
        self.sent.append((command, self.gate.halted))
        self.broker.inbox.append(command)

    def _act(self, effects: tuple[Effect, ...]) -> None:
        self.effects.extend(effects)
        for effect in effects:
            if isinstance(effect, ReplaceDue):
                self.replace(effect.client_order_id, int(effect.terms.quantity_units))

    def _check(self, before: dict[str, OrderState], event: OrderEvent | None) -> None:
        """See that nothing moved that may not: ends stay ends, times go forward."""
        for name, was in before.items():
            now = self.book[name]
            assert now.ts_own_ns >= was.ts_own_ns
            assert now.order.ts_event_ns >= was.order.ts_event_ns
            if was.status == "denied":
                assert now.order == was.order
            if event is None or was.status == now.status or was.status not in CLOSED_STATUSES:
                continue
            held = {h.event.kind for h in self.waited}
            assert {event.kind, *held} & (WAKES | TRUTHS), (was.status, event.kind, now.status)
        self.waited = self.book.waiting()

    waited: list[Held] = field(default_factory=list)


def sound(book: OrderBook) -> None:
    """See that the book is sound in itself: sums, averages, leaves, prev, exposure."""
    units: dict[str, Decimal] = {}
    may_fill = Decimal(0)
    for state in book.states():
        taken = state.order
        fills = [f for f in state.executions.values() if f.counted_units]
        total = sum((f.counted_units for f in fills), Decimal(0))
        assert taken.filled_units == total >= 0
        if fills:
            assert taken.average_price is not None
            assert min(f.price for f in fills) <= taken.average_price <= max(f.price for f in fills)
            cost = sum((f.counted_units * f.price for f in fills), Decimal(0))
            assert abs(taken.average_price * total - cost) < Decimal("1e-20")
        else:
            assert taken.average_price is None
        left = taken.quantity_units - total
        assert taken.leaves_units == (Decimal(0) if taken.status in CLOSED_STATUSES else left)
        assert (state.prev is not None) == (taken.status in PENDING_CHANGE)
        assert state.prev not in PENDING_CHANGE
        assert not (taken.status in CLOSED_STATUSES and (taken.in_doubt or state.requests))
        signed = total if taken.side == "buy" else -total
        units[taken.symbol] = units.get(taken.symbol, Decimal(0)) + signed
        may_fill += taken.leaves_units
    held = {symbol: holding.units for symbol, holding in book.holdings().items()}
    assert {s: u for s, u in held.items() if u} == {s: u for s, u in units.items() if u}
    exposed = book.exposure().values()
    assert sum((e.buy_units + e.sell_units for e in exposed), Decimal(0)) >= may_fill
