"""The one door to a venue: what a kill has shut lets nothing through but cancels."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from brokers.gateway import Gateway, Killed
from domain.errors import Halt, Retry
from domain.ids import LAST_REQUEST
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order, terms_of
from domain.reasons import Reason
from tests.brokers.floor import START_NS, Floor, Hammer, SilentVenue, eventually, limit_order
from trading.orders.state import OrderState
from trading.venues import (
    Cancel,
    Command,
    LinkEvent,
    NotSent,
    OrderReport,
    Replace,
    Submit,
    Unanswered,
    Unsupported,
    VenueSnapshot,
)


class Fence:
    """The right to write, until it is lost."""

    def __init__(self) -> None:
        self.lost = False

    def __call__(self) -> None:
        """Raise once it is lost."""
        if self.lost:
            msg = "another process writes"
            raise Halt(msg)


@pytest.fixture
def fence() -> Fence:
    """Return a fence that holds."""
    return Fence()


@pytest.fixture
def floor(fence: Fence) -> Iterator[Floor]:
    """Return a paper venue behind a gateway."""
    floor = Floor(fence)
    yield floor
    floor.close()


def event(kind: EventKind, name: str, **fields: Any) -> OrderEvent:
    """Return a report of a venue."""
    return OrderEvent(kind, name, START_NS, START_NS, **fields)


def raising(error: Exception) -> Callable[[Command], None]:
    """Return what fails every send."""

    def fail(_: Command) -> None:
        raise error

    return fail


# The latch.


def test_a_killed_door_lets_only_cancels_through(floor: Floor) -> None:
    """Neither a new order nor other terms of an old one."""
    floor.open(1)
    floor.gateway.kill("fire")
    for command in (
        Submit(limit_order("new")),
        Replace(limit_order("s-0"), terms_of(limit_order("s-0")), 1),
    ):
        with pytest.raises(Killed, match="the kill switch is on: fire"):
            floor.gateway.send(command)
    floor.gateway.send(Cancel(limit_order("s-0"), 1))
    assert floor.venue.submits() == ["s-0"]
    assert floor.venue.cancels() == ["s-0", "s-0"]


def test_a_kill_cancels_what_is_open_under_a_number_of_its_own(floor: Floor) -> None:
    """The book hands out numbers from 1: the last one is never among them."""
    floor.open(3)
    report = floor.gateway.kill("fire")
    assert report.canceled == ("s-0", "s-1", "s-2")
    cancels = [c for _, c in floor.venue.came if isinstance(c, Cancel)]
    assert {cancel.request for cancel in cancels} == {LAST_REQUEST}
    # The acknowledgement named it: some venues cancel by their own name alone.
    assert all(cancel.order.venue_order_id.startswith("po") for cancel in cancels)


def test_a_kill_of_a_strategy_is_its_own(floor: Floor) -> None:
    """The first reason stays, and the account's release does not end it."""
    floor.open(1, "a")
    floor.open(1, "b")
    assert floor.gateway.kill("mad", "a").canceled == ("a-0",)
    floor.gateway.kill("madder", "a")
    assert floor.gateway.killed("a") == "mad"
    assert floor.gateway.killed("b") is None
    assert floor.gateway.killed() is None
    floor.gateway.kill("fire")
    floor.gateway.release()
    with pytest.raises(Killed, match="mad"):
        floor.gateway.send(Submit(limit_order("a-1", "a")))
    floor.gateway.send(Submit(limit_order("b-1", "b")))
    floor.gateway.release("a")
    floor.gateway.send(Submit(limit_order("a-1", "a")))


@pytest.mark.parametrize(
    "last",
    [
        event(EventKind.CANCELED, "s-0"),
        event(EventKind.REJECT, "s-0"),
        event(EventKind.EXPIRED, "s-0"),
        event(EventKind.FILL, "s-0", leaves_units=limit_order("s-0").leaves_units * 0),
    ],
)
def test_what_has_ended_is_not_canceled(floor: Floor, last: OrderEvent) -> None:
    """By the venue's report, or by the book's word; what has filled in part is."""
    floor.open(3)
    floor.gateway._take(last)
    floor.gateway._take(event(EventKind.FILL, "s-1", leaves_units=limit_order("x").leaves_units))
    floor.gateway.closed("s-2")
    assert floor.gateway.kill("fire").canceled == ("s-1",)


def test_adopted_orders_are_canceled(floor: Floor) -> None:
    """They were open before this process began."""
    floor.gateway.adopt([OrderState(limit_order("old"))])
    assert floor.gateway.kill("fire").canceled == ("old",)


def test_adopted_orders_are_canceled_under_their_newest_name(floor: Floor) -> None:
    """Replaced in an earlier life, in this one, or in both: the book may be behind the venue."""
    floor.open(1)
    floor.gateway.adopt([OrderState(limit_order("old"), known_request=3)])
    floor.gateway._take(event(EventKind.REPLACED, "s-0", request=5))
    floor.gateway.adopt([OrderState(limit_order("s-0"), known_request=4)])
    floor.gateway.kill("fire")
    cancels = [c for _, c in floor.venue.came if isinstance(c, Cancel)]
    assert {c.order.client_order_id: c.previous for c in cancels} == {"old": 3, "s-0": 5}


def test_a_cancel_that_is_on_its_way_is_not_sent_twice(floor: Floor) -> None:
    """A kill upon a kill sends what the first could not, and what was refused or lost since."""
    floor.open(3)
    assert len(floor.gateway.kill("fire").canceled) == 3
    assert floor.gateway.kill("fire").canceled == ()
    floor.gateway._take(event(EventKind.CANCEL_REJECT, "s-0"))
    floor.gateway._take(event(EventKind.SEND_UNKNOWN, "s-1"))
    assert floor.gateway.kill("fire").canceled == ("s-0", "s-1")
    floor.gateway._take(LinkEvent("orders", up=False, ts_recv_ns=START_NS))
    assert floor.gateway.kill("fire").canceled == ("s-0", "s-1", "s-2")
    numbers = [c.request for _, c in floor.venue.came if isinstance(c, Cancel)]
    assert numbers == [LAST_REQUEST] * 3 + [LAST_REQUEST - 1] * 2 + [
        LAST_REQUEST - 2,
        LAST_REQUEST - 2,
        LAST_REQUEST - 1,
    ]


def test_a_kill_names_the_request_under_which_the_venue_knows_an_order(floor: Floor) -> None:
    """FIX wants it as OrigClOrdID: after a replace it is another one."""
    floor.open(2)
    floor.gateway._take(event(EventKind.REPLACED, "s-1", request=4))
    floor.gateway.kill("fire")
    assert [c.previous for _, c in floor.venue.came if isinstance(c, Cancel)] == [0, 4]


def test_an_order_refused_as_a_duplicate_is_working_and_canceled(floor: Floor) -> None:
    """The venue has it: that is why it refuses it."""
    floor.open(1)
    floor.gateway._take(event(EventKind.REJECT, "s-0", reason=Reason.DUPLICATE_ID))
    assert floor.gateway.kill("fire").canceled == ("s-0",)


def test_a_kill_goes_on_after_a_cancel_that_could_not_be_sent(floor: Floor) -> None:
    """It says which, and tries them again the next time."""
    floor.open(3)

    def cut_one(command: Command) -> None:
        if command.order.client_order_id == "s-1":
            msg = "the link is cut"
            raise NotSent(msg)

    floor.venue.before_send = cut_one
    report = floor.gateway.kill("fire")
    assert (report.canceled, report.failed) == (("s-0", "s-2"), ("s-1",))
    floor.venue.before_send = lambda _: None
    assert "s-1" in floor.gateway.kill("fire").canceled


# The fence.


def test_who_may_not_write_may_not_send(floor: Floor, fence: Fence) -> None:
    """Not even a cancel: another process looks after the orders now."""
    floor.open(1)
    fence.lost = True
    for command in (Submit(limit_order("new")), Cancel(limit_order("s-0"), 1)):
        with pytest.raises(Halt, match="another process writes"):
            floor.gateway.send(command)
    assert floor.venue.submits() == ["s-0"]
    assert floor.venue.cancels() == []


def test_a_kill_does_not_ask_who_writes(floor: Floor, fence: Fence) -> None:
    """To cancel twice does no harm, and not to cancel does."""
    floor.open(2)
    fence.lost = True
    assert floor.gateway.kill("fire").canceled == ("s-0", "s-1")


# Sends that fail.


@pytest.mark.parametrize("error", [NotSent("no link"), Unsupported("no such type")])
def test_an_order_that_never_left_is_not_open(floor: Floor, error: Exception) -> None:
    """The caller hears of it, and a kill has nothing to cancel."""
    floor.venue.before_send = raising(error)
    with pytest.raises(type(error), match=str(error)):
        floor.gateway.send(Submit(limit_order("x")))
    floor.venue.before_send = lambda _: None
    assert floor.gateway.kill("fire").canceled == ()


def test_a_cancel_that_fails_leaves_its_order_open(floor: Floor) -> None:
    """A later kill cancels it."""
    floor.open(1)
    floor.venue.before_send = raising(NotSent("no link"))
    with pytest.raises(NotSent):
        floor.gateway.send(Cancel(limit_order("s-0"), 1))
    floor.venue.before_send = lambda _: None
    assert floor.gateway.kill("fire").canceled == ("s-0",)


# What comes back.


def test_reports_are_kept_in_their_order_until_they_are_asked_for(floor: Floor) -> None:
    """Each once."""
    floor.gateway.drain()
    floor.open(2)
    assert floor.gateway.has_reports()
    told = [(e.client_order_id, e.kind) for e in floor.gateway.drain() if isinstance(e, OrderEvent)]
    assert told == [("s-0", EventKind.ACK), ("s-1", EventKind.ACK)]
    assert floor.gateway.drain() == []
    assert not floor.gateway.has_reports()


def test_a_question_is_answered_among_the_reports(floor: Floor) -> None:
    """What the venue knows comes as a status, what it does not know as not found."""
    floor.open(1)
    floor.gateway.drain()
    floor.gateway.query(limit_order("s-0"))
    floor.gateway.query(limit_order("nobody"))
    floor.gateway.snapshot(None)
    known, unknown, record = floor.gateway.drain()
    assert isinstance(known, OrderEvent)
    assert isinstance(unknown, OrderEvent)
    assert (known.client_order_id, known.kind, known.status) == (
        "s-0",
        EventKind.STATUS,
        "accepted",
    )
    assert (unknown.client_order_id, unknown.kind) == ("nobody", EventKind.NOT_FOUND)
    assert isinstance(record, VenueSnapshot)
    assert [order.client_order_id for order in record.orders] == ["s-0"]


class MuteVenue(SilentVenue):
    """A venue that cannot say anything now."""

    def query(self, order: Order, timeout_s: float) -> OrderReport | None:
        """Fail."""
        msg = f"{order.client_order_id}: no answer in {timeout_s} s"
        raise Retry(msg)

    def snapshot(self, since: int | None, timeout_s: float) -> VenueSnapshot:
        """Fail."""
        msg = f"{since}: no answer in {timeout_s} s"
        raise Retry(msg)


def test_a_question_that_nobody_can_answer_now_says_why() -> None:
    """Not "not found": that would end an order that may be alive."""
    floor = Floor(venue=MuteVenue())
    floor.gateway.query(limit_order("s-0"))
    floor.gateway.snapshot(3)
    assert floor.gateway.drain() == [
        Unanswered("s-0", "later", "s-0: no answer in 5.0 s", START_NS),
        Unanswered("", "later", "3: no answer in 60.0 s", START_NS),
    ]


def test_a_question_to_a_real_venue_holds_nobody_up() -> None:
    """Orders leave while it waits for its answer; the answer comes later."""
    asked, told = threading.Event(), threading.Event()

    class Slow(SilentVenue):
        sent: list[Command] = []  # noqa: RUF012 - of this one test

        def send(self, command: Command) -> None:
            self.sent.append(command)

        def query(self, order: Order, timeout_s: float) -> OrderReport | None:
            del order, timeout_s
            asked.set()
            told.wait(5)
            return None

    venue: Any = Slow()
    gateway = Gateway(venue, lambda: None, lambda: START_NS)
    gateway.query(limit_order("s-0"))
    assert asked.wait(5)
    gateway.send(Submit(limit_order("s-1")))
    assert len(venue.sent) == 1
    assert gateway.drain() == []
    told.set()
    eventually(gateway.has_reports)
    (answer,) = gateway.drain()
    assert isinstance(answer, OrderEvent)
    assert answer.kind is EventKind.NOT_FOUND
    gateway.stop()


# Threads.


def test_nothing_leaves_after_a_kill_has_returned() -> None:
    """Eight threads send as fast as they can; what had left before is canceled."""
    for _ in range(5):
        floor = Floor(venue=SilentVenue())
        with Hammer(floor, 8) as hammer:
            while len(floor.venue.came) < 400:
                time.sleep(0.001)
            report = floor.gateway.kill("fire")
            left = floor.venue.submits()
            refused = sum(hammer.refused)
            while sum(hammer.refused) < refused + 200:
                time.sleep(0.001)
        assert floor.venue.submits() == left
        assert sorted(report.canceled) == sorted(left)
        assert sorted(floor.venue.cancels()) == sorted(left)
        floor.close()


def test_a_send_in_flight_is_canceled_or_never_leaves() -> None:
    """A kill that comes while an order is on its way waits for it, and cancels it."""
    on_the_way, go_on = threading.Event(), threading.Event()
    floor = Floor(venue=SilentVenue())

    def slow(command: Command) -> None:
        if isinstance(command, Submit):
            on_the_way.set()
            go_on.wait(5)

    floor.venue.before_send = slow
    sender = threading.Thread(target=lambda: floor.gateway.send(Submit(limit_order("x"))))
    sender.start()
    assert on_the_way.wait(5)
    reports: list[Any] = []
    killer = threading.Thread(target=lambda: reports.append(floor.gateway.kill("fire")))
    killer.start()
    killer.join(0.05)
    assert reports == []
    go_on.set()
    killer.join(5)
    sender.join(5)
    assert reports[0].canceled == ("x",)
    assert [type(command) for _, command in floor.venue.came] == [Submit, Cancel]


def test_a_cancel_is_sent_at_the_time_of_the_kill(floor: Floor) -> None:
    """Not at that of its order: a venue in event time would take it for an old one."""
    floor.open(1)
    floor.gateway._wall_ns = lambda: START_NS + 77
    floor.gateway.kill("fire")
    (cancel,) = [c for _, c in floor.venue.came if isinstance(c, Cancel)]
    assert cancel.order == replace(cancel.order, ts_recv_ns=START_NS + 77)
