"""The order of arrival leaves no trace: late, doubled and shuffled events give the same book."""

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.order_events import EventKind, OrderEvent
from domain.orders import OrderTerms
from tests.trading.orders.making import ACCOUNT, NAME, SECOND_NS, order, terms
from tests.trading.orders.model_broker import LIVE, ModelBroker
from trading.orders.book import OrderBook
from trading.orders.canonical import canonical
from trading.venues import Cancel, Replace, Submit

ACTS = ("fill", "bust", "correct", "trigger", "suspend", "resume", "restate", "replace", "cancel")


def _act(broker: ModelBroker, act: str, number: int) -> None:
    """Let something happen to the one order, if it can."""
    truth = broker.truths[NAME]
    executed = [name for name, (quantity, _) in truth.fills.items() if quantity]
    if act in ("bust", "correct") and executed and truth.status != "filled":
        name = executed[number % len(executed)]
        if act == "bust":
            broker.bust(truth, name, reopen=True)
        elif truth.fills[name][0] > 1:
            broker.correct(truth, name, f"1.{number + 10}", reopen=True)
    if truth.status not in LIVE:
        return
    if act == "fill":
        broker.fill(truth, number, f"1.{number + 10}")
    elif act == "trigger" and truth.status == "accepted":
        broker.trigger(truth)
    elif act == "suspend" and truth.status in ("accepted", "partially_filled"):
        broker.suspend(truth)
    elif act == "resume" and truth.status == "suspended":
        broker.resume(truth)
    elif act == "restate" and truth.status in ("accepted", "triggered", "partially_filled"):
        broker.restate(truth, int(truth.cum) + number)
    elif act in ("replace", "cancel"):
        kind = Replace if act == "replace" else Cancel
        for index, command in enumerate(broker.inbox):
            if isinstance(command, kind):
                broker.work(index, refuse=number % 3 == 0)
                break


@st.composite
def _histories(draw: st.DrawFn) -> tuple[list[OrderEvent], list[OrderEvent]]:
    """Draw what we did, and what the venue told about it in its own order."""
    broker = ModelBroker(sequenced=draw(st.booleans()), totals=True)
    own = [_own("submit", 0)]
    asked = draw(st.sampled_from([(), ("replace",), ("cancel",), ("replace", "cancel")]))
    broker.inbox.append(Submit(order()))
    for number, what in enumerate(asked, start=1):
        if what == "replace":
            wanted = terms(draw(st.integers(10, 200)), "1.20")
            own.append(_own("replace_request", number, wanted=wanted))
            broker.inbox.append(Replace(order(), wanted, number))
        else:
            own.append(_own("cancel_request", number))
            broker.inbox.append(Cancel(order(), number))
    broker.work(0, refuse=draw(st.integers(0, 9)) == 0)
    steps = st.tuples(st.sampled_from(ACTS), st.integers(1, 60))
    for act, number in draw(st.lists(steps, max_size=12)):
        _act(broker, act, number)
    while broker.inbox:
        broker.work(0, refuse=draw(st.booleans()))
    truth = broker.truths[NAME]
    if truth.status in LIVE and draw(st.booleans()):
        broker.end(truth, expired=draw(st.booleans()))
    return own, broker.queue


def _own(kind: str, request: int, wanted: OrderTerms | None = None) -> OrderEvent:
    return OrderEvent(EventKind(kind), NAME, 2, 2, request=request, terms=wanted)


def _book(own: list[OrderEvent], told: list[OrderEvent]) -> OrderBook:
    book = OrderBook(ACCOUNT)
    book.apply(order())
    book.fold(own)
    book.fold(msgspec.structs.replace(event, ts_recv_ns=SECOND_NS) for event in told)
    book.tick(10 * SECOND_NS)
    return book


@settings(max_examples=300, deadline=None)
@given(_histories(), st.data())
def test_shuffled_and_doubled_events_give_the_same_book(
    history: tuple[list[OrderEvent], list[OrderEvent]], data: st.DataObject
) -> None:
    """Whatever the order in which a venue's events come, and however often, one state results."""
    own, told = history
    expected = _book(own, told)
    doubled = told + data.draw(st.lists(st.sampled_from(told), max_size=6))
    shuffled = data.draw(st.permutations(doubled))
    book = _book(own, shuffled)
    assert canonical(book[NAME]) == canonical(expected[NAME])
    assert book.state_hash() == expected.state_hash()


@settings(max_examples=150, deadline=None)
@given(_histories())
def test_events_in_their_own_order_lead_to_the_truth(
    history: tuple[list[OrderEvent], list[OrderEvent]],
) -> None:
    """Position, as the venue's fills, busts and corrections say, without a reconciliation."""
    own, told = history
    book = _book(own, told)
    values: dict[str, Decimal] = {}
    for event in told:
        if event.kind in (EventKind.FILL, EventKind.CORRECT):
            values[event.execution_ref or event.execution_id] = event.quantity_units or Decimal(0)
        elif event.kind is EventKind.BUST:
            values[event.execution_ref] = Decimal(0)
    assert book[NAME].cum_units == sum(values.values(), Decimal(0))
    assert book.due_ns is None
