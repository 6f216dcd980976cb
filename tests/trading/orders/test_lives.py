"""Every life that a hostile line can give to orders: the invariants hold at each step.

The rules are our commands and a model broker whose events are late, lost, doubled, shuffled and cut
off. At the end the line heals, the book is reconciled, and has to be what the broker has.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.trading.orders.desk import Desk, sound
from tests.trading.orders.model_broker import LIVE, ModelBroker, Truth
from trading.orders.reconcile import as_status
from trading.orders.state import EXTERNAL
from trading.venues import Cancel

SLOW = os.environ.get("AIFX_SLOW") == "1"
EXAMPLES, STEPS = (5_000, 100) if SLOW else (200, 50)

pytestmark = pytest.mark.timeout(3_600 if SLOW else 300)

picks = st.integers(0, 1_000)
sides = st.sampled_from(["buy", "sell"])


class Lives(RuleBasedStateMachine):
    """The desk, the line and the broker."""

    @initialize(sequenced=st.booleans(), totals=st.booleans())
    def begin(self, sequenced: bool, totals: bool) -> None:
        """Open a venue, with or without a sequence and totals in its events."""
        self.broker = ModelBroker(sequenced=sequenced, totals=totals)
        self.desk = Desk(self.broker)
        self.cut_off = False

    # Ours.

    @precondition(lambda self: self.desk.count < 6)
    @rule(side=sides, quantity=st.sampled_from([1, 40, 100, 600]))
    def submit(self, side: str, quantity: int) -> None:
        """Send an order through the gate; one of the sizes is beyond it."""
        self.desk.submit("buy" if side == "buy" else "sell", quantity)

    @precondition(lambda self: self._ours(0))
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        """Ask for a cancel of an order of ours that is open."""
        self.desk.cancel(self._ours(pick))

    @precondition(lambda self: self._ours(0))
    @rule(pick=picks, quantity=st.integers(1, 150))
    def replace(self, pick: int, quantity: int) -> None:
        """Ask for another quantity, also while another such wish is open."""
        name = self._ours(pick)
        if self.desk.book[name].status != "suspended":
            self.desk.replace(name, quantity)

    @rule(halted=st.booleans())
    def throw_the_switch(self, halted: bool) -> None:
        """Halt, or let new orders pass again."""
        self.desk.gate.halted = halted

    # The broker's.

    @precondition(lambda self: self.broker.inbox)
    @rule(pick=picks, refuse=st.booleans())
    def work(self, pick: int, refuse: bool) -> None:
        """Let the venue carry out, or refuse, the next command about some order."""
        # A line keeps the order of what is sent: only what concerns other orders may overtake.
        command = self.broker.inbox[pick % len(self.broker.inbox)]
        name = command.order.client_order_id
        first = next(i for i, c in enumerate(self.broker.inbox) if c.order.client_order_id == name)
        self.broker.work(first, refuse=refuse and pick % 3 == 0)

    @precondition(lambda self: self._truth(0, LIVE))
    @rule(pick=picks, quantity=st.integers(1, 60), price=st.integers(10, 19))
    def fill(self, pick: int, quantity: int, price: int) -> None:
        """Fill a part of some order."""
        if truth := self._truth(pick, LIVE):
            self.broker.fill(truth, quantity, f"1.{price}")

    @precondition(lambda self: self._truth(0, LIVE))
    @rule(pick=picks, what=st.sampled_from(["trigger", "suspend", "resume", "cancel", "expire"]))
    def happen(self, pick: int, what: str) -> None:
        """Fire a trigger, hold, release or end an order that nobody asked about."""
        truth = self._truth(pick, LIVE)
        if truth is None:
            return
        if what == "trigger" and truth.status == "accepted" and not truth.triggered:
            self.broker.trigger(truth)
        elif what == "suspend" and truth.status in ("accepted", "partially_filled"):
            self.broker.suspend(truth)
        elif what == "resume" and truth.status == "suspended":
            self.broker.resume(truth)
        elif what in ("cancel", "expire") and pick % 3 == 0:
            self.broker.end(truth, expired=what == "expire")

    @precondition(lambda self: self._truth(0, LIVE))
    @rule(pick=picks, quantity=st.integers(1, 60))
    def restate(self, pick: int, quantity: int) -> None:
        """Change the terms of an order unasked."""
        truth = self._truth(pick, LIVE - {"suspended"})
        if truth is not None and pick % 3 == 0:
            self.broker.restate(truth, int(truth.cum) + quantity)

    @precondition(lambda self: any(truth.cum for truth in self.broker.truths.values()))
    @rule(pick=picks, bust=st.booleans(), reopen=st.booleans())
    def take_back(self, pick: int, bust: bool, reopen: bool) -> None:
        """Take an execution back, or correct it."""
        truth = self._truth(pick, LIVE | {"filled", "canceled", "expired"})
        if truth is None:
            return
        names = [name for name, (quantity, _) in truth.fills.items() if quantity]
        if names and bust:
            self.broker.bust(truth, names[pick % len(names)], reopen=reopen)
        elif names:
            self.broker.correct(truth, names[pick % len(names)], "1.15", reopen=reopen)

    @precondition(lambda self: len(self.broker.truths) < 6)
    @rule(side=sides, quantity=st.integers(1, 60))
    def somebody_elses(self, side: str, quantity: int) -> None:
        """Let a person at the broker send an order."""
        self.broker.take_foreign("buy" if side == "buy" else "sell", quantity)

    # The line's.

    @precondition(lambda self: self.broker.queue)
    @rule(pick=picks, keep=st.booleans())
    def deliver(self, pick: int, keep: bool) -> None:
        """Hand over any event that is under way, perhaps not for the last time."""
        index = pick % len(self.broker.queue)
        event = self.broker.queue[index]
        if not keep:
            del self.broker.queue[index]
        self.desk.tell(event)

    @precondition(lambda self: self.broker.queue)
    @rule()
    def deliver_in_order(self) -> None:
        """Hand over all events that are under way."""
        while self.broker.queue:
            self.desk.tell(self.broker.queue.pop(0))

    @precondition(lambda self: self.broker.queue)
    @rule(pick=picks)
    def lose(self, pick: int) -> None:
        """Lose an event for good."""
        del self.broker.queue[pick % len(self.broker.queue)]

    @rule(swallow=st.booleans())
    def cut(self, swallow: bool) -> None:
        """Cut the line: events are lost, and commands too, or they arrive later."""
        self.broker.queue.clear()
        if swallow:
            self.broker.inbox.clear()
        self.desk.lose_answers()

    @rule(seconds=st.integers(0, 4))
    def pass_time(self, seconds: int) -> None:
        """Let received time pass, so that what waits is forced."""
        self.desk.pass_time(seconds)

    # Finding out.

    @precondition(lambda self: self._ours(0))
    @rule(pick=picks)
    def query(self, pick: int) -> None:
        """Ask the venue for one order."""
        self.desk.query(self._ours(pick))

    @precondition(lambda self: self.desk.book.in_doubt())
    @rule(pick=picks)
    def give_up_too_early(self, pick: int) -> None:
        """Believe a "not found" that may be wrong: the order may yet arrive."""
        doubtful = self.desk.book.in_doubt()
        self.desk.give_up(doubtful[pick % len(doubtful)].order.client_order_id)

    @rule()
    def restart(self) -> None:
        """Kill the process: what is folded from the journal has to be what lived."""
        self.desk.restart()

    @rule()
    def reconcile_half_a_record(self) -> None:
        """Compare with a record that lacks half of its lines."""
        self.desk.reconcile(complete=False)

    # Always.

    @invariant()
    def book_is_sound(self) -> None:
        """I1, I2, I5, I6, I7, I11: sums, averages, leaves, prev and exposure."""
        if hasattr(self, "desk"):
            sound(self.desk.book)

    @invariant()
    def nothing_new_left_while_halted(self) -> None:
        """I12: no submit and no replace left while the gate was shut."""
        if hasattr(self, "desk"):
            for command, halted in self.desk.sent:
                assert isinstance(command, Cancel) or not halted

    @invariant()
    def what_was_denied_was_not_sent(self) -> None:
        """I3: no message went out for a denied order."""
        if hasattr(self, "desk"):
            sent = {command.order.client_order_id for command, _ in self.desk.sent}
            for state in self.desk.book.states():
                assert not (state.status == "denied" and state.order.client_order_id in sent)

    def teardown(self) -> None:
        """Heal the line and reconcile: I4, I9, I10, I13."""
        if not hasattr(self, "desk"):
            return
        desk, broker = self.desk, self.broker
        while broker.inbox:
            broker.work(0, refuse=False)
        while broker.queue:
            desk.tell(broker.queue.pop(0))
        desk.gate.halted = True
        desk.pass_time(10)
        desk.lose_answers()
        desk.reconcile()
        desk.settle_doubts()
        desk.reconcile()
        assert desk.reconcile() == 0
        sound(desk.book)
        assert desk.book.in_doubt() == []
        assert len(set(broker.received)) == len(broker.received)
        self._is_the_truth()
        desk.restart()

    def _is_the_truth(self) -> None:
        for truth in self.broker.truths.values():
            report = self.broker.report(truth.name)
            assert report is not None
            name = self.desk.book.resolve(as_status(report, "model", 0))
            if name is None:
                # Somebody else's order of which nothing is filled and nothing works.
                assert not truth.cum
                assert truth.status not in LIVE
                continue
            held = self.desk.book[name].order
            if held.reason == "not_found" and held.status == "rejected" and not truth.cum:
                # Given up, though it had arrived: it is over there too, and moved nothing.
                assert truth.status not in LIVE
                continue
            ours = (held.status, held.filled_units, held.quantity_units)
            assert ours == (truth.status, truth.cum, truth.terms.quantity_units)
            if truth.average is not None:
                assert held.average_price is not None
                assert abs(held.average_price - truth.average) < truth.average / 10**10
        for state in self.desk.book.states():
            own = state.order.client_order_id in self.broker.truths
            if state.order.strategy != EXTERNAL and not own:
                assert state.status in ("denied", "rejected", "canceled")
        holding = self.desk.book.holdings().get("EURUSD")
        assert (holding.units if holding else 0) == self.broker.position()

    def _ours(self, pick: int) -> str:
        names = [
            s.order.client_order_id
            for s in self.desk.book.open_states()
            if s.order.strategy != EXTERNAL
        ]
        return names[pick % len(names)] if names else ""

    def _truth(self, pick: int, statuses: frozenset[str]) -> Truth | None:
        found = [t for t in self.broker.truths.values() if t.status in statuses]
        return found[pick % len(found)] if found else None


Lives.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    print_blob=True,
)
test_lives = Lives.TestCase
