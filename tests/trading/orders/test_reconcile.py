"""Our book against the venue's record: explained by events, or handed to a person."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from domain.errors import BadUse
from domain.order_events import EventKind, OrderEvent
from tests.trading.orders.making import ACCOUNT, NAME, SECOND_NS, event, fill, order, terms
from tests.trading.orders.model_broker import LIVE, ModelBroker
from trading.orders.book import OrderBook
from trading.orders.effects import Booked
from trading.orders.fills import INFERRED
from trading.orders.reconcile import Difference, reconcile
from trading.orders.state import EXTERNAL
from trading.venues import OrderReport, Submit, VenuePosition, VenueSnapshot

SUBMIT = event("submit", 1)
ACK = event("ack", 2, venue_order_id="v1")
NOW = 20 * SECOND_NS


def _report(**changes: object) -> OrderReport:
    report = OrderReport(
        client_order_id=NAME,
        venue_order_id="v1",
        symbol="EURUSD",
        side="buy",
        terms=terms(100),
        status="accepted",
        filled_units=Decimal(0),
        average_price=None,
        ts_event_ns=10 * SECOND_NS,
    )
    return msgspec.structs.replace(report, **changes)


def _record(*orders: OrderReport, units: int = 0, **changes: object) -> VenueSnapshot:
    record = VenueSnapshot(
        account=ACCOUNT,
        currency="USD",
        ts_event_ns=NOW,
        orders=orders,
        executions=(),
        positions=(VenuePosition("EURUSD", Decimal(units), None),) if units else (),
    )
    return msgspec.structs.replace(record, **changes)


def _book(*events: OrderEvent) -> OrderBook:
    book = OrderBook(ACCOUNT)
    book.add(order())
    return book.fold(events)


def test_a_book_that_agrees_gets_no_events() -> None:
    """Nothing to say is said by saying nothing."""
    outcome = reconcile(_book(SUBMIT, ACK), _record(_report()), "paper", NOW)
    assert (outcome.events, outcome.differences, outcome.agrees) == ((), (), True)


def test_a_lost_fill_is_found_in_the_record() -> None:
    """The execution is applied by its id, and the report agrees then."""
    book = _book(SUBMIT, ACK)
    part = _report(
        status="partially_filled", filled_units=Decimal(40), average_price=Decimal("1.1")
    )
    record = _record(part, units=40, executions=(fill("e1", 40, 9),))
    outcome = reconcile(book, record, "paper", NOW)
    assert [e.execution_id for e in outcome.events if e.kind is EventKind.FILL] == ["e1"]
    assert outcome.agrees
    book.fold(outcome.events)
    assert book.holdings()["EURUSD"].units == 40
    assert reconcile(book, record, "paper", NOW).events == ()


def test_a_fill_that_only_a_total_tells_of_is_inferred_until_it_comes() -> None:
    """The price makes the average come out; the real execution later takes its place."""
    book = _book(SUBMIT, ACK, fill("e1", 40, 3, "1.10"))
    part = _report(
        status="partially_filled", filled_units=Decimal(60), average_price=Decimal("1.14")
    )
    outcome = reconcile(book, _record(part, units=60), "paper", NOW)
    inferred = outcome.events[0]
    assert inferred.execution_id.startswith(INFERRED)
    assert (inferred.quantity_units, inferred.price) == (Decimal(20), Decimal("1.22"))
    assert outcome.agrees
    book.fold(outcome.events)
    effects = book.apply(fill("e2", 20, 9, "1.22", ts_recv_ns=NOW))
    booked = [(e.side, e.quantity_units, e.price) for e in effects if isinstance(e, Booked)]
    assert booked == [("sell", Decimal(20), Decimal("1.22")), ("buy", Decimal(20), Decimal("1.22"))]
    assert book[NAME].cum_units == 60
    assert book.holdings()["EURUSD"].units == 60


def test_a_part_of_an_inferred_fill_leaves_the_cost_as_it_was() -> None:
    """One of two unseen fills comes: the other's price is what makes the average come out."""
    book = _book(SUBMIT, ACK)
    part = _report(
        status="partially_filled", filled_units=Decimal(40), average_price=Decimal("1.15")
    )
    book.fold(reconcile(book, _record(part, units=40), "paper", NOW).events)
    book.apply(fill("e1", 10, 8, "1.00", ts_recv_ns=NOW))
    assert book[NAME].cum_units == 40
    assert book[NAME].order.average_price == Decimal("1.15")
    book.apply(fill("e2", 30, 9, "1.20", ts_recv_ns=NOW))
    assert (book[NAME].cum_units, book[NAME].order.average_price) == (Decimal(40), Decimal("1.15"))


def test_a_fill_after_the_total_is_not_taken_for_an_inferred_one() -> None:
    """What happened after the report was not in it."""
    book = _book(SUBMIT, ACK)
    part = _report(
        status="partially_filled", filled_units=Decimal(40), average_price=Decimal("1.15")
    )
    book.fold(reconcile(book, _record(part, units=40), "paper", NOW).events)
    book.apply(fill("e9", 10, 11, ts_recv_ns=NOW))
    assert book[NAME].cum_units == 50


def test_a_position_that_no_execution_explains_is_handed_back() -> None:
    """No event, no trade: a person looks."""
    outcome = reconcile(_book(SUBMIT, ACK), _record(_report(), units=-7), "paper", NOW)
    assert outcome.events == ()
    assert outcome.differences == (Difference("EURUSD", Decimal(0), Decimal(-7), "position"),)
    assert not outcome.agrees


def test_fewer_fills_there_than_here_are_handed_back() -> None:
    """A venue that has forgotten a fill is not believed, and not ignored either."""
    book = _book(SUBMIT, ACK, fill("e1", 40, 3))
    outcome = reconcile(book, _record(_report(), units=40), "paper", NOW)
    assert outcome.differences == (
        Difference("EURUSD", Decimal(40), Decimal(0), f"filled of order {NAME}"),
    )


def test_an_order_that_only_the_venue_has_is_taken_over() -> None:
    """With its terms and its fills, under an id that the next run gives again."""
    book = OrderBook(ACCOUNT)
    stranger = _report(
        client_order_id="",
        venue_order_id="77",
        side="sell",
        status="partially_filled",
        filled_units=Decimal(30),
        average_price=Decimal("1.2"),
    )
    record = _record(stranger, units=-30)
    outcome = reconcile(book, record, "paper", NOW)
    assert outcome.agrees
    book.fold(outcome.events)
    (state,) = book.states()
    assert (state.order.strategy, state.status, state.cum_units) == (
        EXTERNAL,
        "partially_filled",
        Decimal(30),
    )
    assert reconcile(book, record, "paper", NOW).events == ()


def test_an_order_that_is_gone_is_doubted_and_not_ended() -> None:
    """Absence alone ends nothing: the venue is asked for that one order first."""
    book = _book(SUBMIT, ACK)
    outcome = reconcile(book, _record(), "paper", NOW)
    assert [(e.kind, e.request) for e in outcome.events] == [(EventKind.SEND_UNKNOWN, -1)]
    book.fold(outcome.events)
    assert [s.status for s in book.in_doubt()] == ["accepted"]
    assert reconcile(book, _record(), "paper", NOW).events == ()


def test_an_incomplete_record_proves_nothing_by_what_it_lacks() -> None:
    """Neither the missing order nor the missing position means anything."""
    book = _book(SUBMIT, ACK, fill("e1", 40, 3))
    outcome = reconcile(book, _record(complete=False), "paper", NOW)
    assert (outcome.events, outcome.differences, outcome.agrees) == ((), (), False)


def test_an_order_heard_of_after_the_record_was_made_is_left_alone() -> None:
    """The record is older than the acknowledgement: it cannot have the order."""
    book = _book(SUBMIT, event("ack", 30, venue_order_id="v1"))
    assert reconcile(book, _record(), "paper", 40 * SECOND_NS).events == ()


def test_positions_are_not_compared_with_a_record_older_than_a_fill() -> None:
    """A new record is needed; the old one would show a difference that is none."""
    book = _book(SUBMIT, ACK, fill("e1", 40, 30))
    outcome = reconcile(book, _record(_report()), "paper", 40 * SECOND_NS)
    assert (outcome.current, outcome.differences, outcome.agrees) == (False, (), False)


def test_a_record_of_another_account_is_refused() -> None:
    """Money of one account is never booked in another."""
    with pytest.raises(BadUse, match="of account other"):
        reconcile(OrderBook(ACCOUNT), _record(account="other"), "paper", NOW)


def test_an_entry_price_that_is_off_is_told() -> None:
    """A hundredth of a percent is rounding, more is a question."""
    book = _book(SUBMIT, ACK, fill("e1", 40, 3, "1.10000"))
    part = _report(
        status="partially_filled", filled_units=Decimal(40), average_price=Decimal("1.1")
    )
    for price, told in (("1.10010", False), ("1.10020", True)):
        held = (VenuePosition("EURUSD", Decimal(40), Decimal(price)),)
        outcome = reconcile(book, _record(part, positions=held), "paper", NOW)
        assert bool(outcome.price_notes) == told


def _busy_broker(rng: np.random.Generator) -> tuple[ModelBroker, OrderBook]:
    """Return a broker after a busy day, and a book that has missed half of it."""
    broker = ModelBroker(sequenced=bool(rng.integers(2)), totals=True)
    book = OrderBook(ACCOUNT)
    for number in range(12):
        built = order(f"ax{number:032d}", side="buy" if number % 2 else "sell")
        book.add(built)
        book.apply(event("submit", 1, name=built.client_order_id))
        broker.inbox.append(Submit(built))
        broker.work(0, refuse=number == 5)
    broker.take_foreign("sell", 50)
    for _ in range(120):
        truths = [t for t in broker.truths.values() if t.status in LIVE]
        truth = truths[int(rng.integers(len(truths)))]
        what = int(rng.integers(10))
        names = [name for name, (quantity, _) in truth.fills.items() if quantity]
        if what < 6:
            broker.fill(truth, int(rng.integers(1, 30)), f"1.{rng.integers(10, 19)}")
        elif what == 6 and names:
            broker.bust(truth, names[0], reopen=True)
        elif what == 7 and names:
            broker.correct(truth, names[0], "1.15", reopen=True)
        elif what == 8 and len(truths) > 5:
            broker.end(truth, expired=False)
        if len(truths) < 3:
            break
    for told in broker.queue:
        if rng.integers(2):
            book.apply(told)
    return broker, book


@pytest.mark.parametrize("seed", [1, 2])
def test_a_thousand_shufflings_of_a_record_give_one_book(seed: int) -> None:
    """Order and repetition in the record mean nothing; a second run finds nothing to do."""
    rng = np.random.default_rng(seed)
    broker, book = _busy_broker(rng)
    book.tick(broker.now_ns + 10 * SECOND_NS)
    record = broker.snapshot()
    hashes = set()
    for _ in range(500):
        orders = [record.orders[i] for i in rng.permutation(len(record.orders))]
        twice = [*record.executions, *record.executions]
        executions = [twice[i] for i in rng.permutation(len(twice))]
        shuffled = msgspec.structs.replace(
            record, orders=(*orders, orders[0]), executions=tuple(executions)
        )
        outcome = reconcile(book, shuffled, "model", book.clock_ns)
        assert outcome.differences == ()
        again = book.copy().fold(outcome.events)
        hashes.add(again.state_hash())
    assert len(hashes) == 1
    healed = book.copy().fold(reconcile(book, record, "model", book.clock_ns).events)
    assert reconcile(healed, record, "model", book.clock_ns).events == ()
    assert healed.holdings()["EURUSD"].units == broker.position() != 0
    assert book.state_hash() not in hashes
