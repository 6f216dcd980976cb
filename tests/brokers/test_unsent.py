"""What never left waits for another try at the door, and passes it anew each time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from brokers.backoff import Backoff
from brokers.gateway import Gateway
from brokers.unsent import UnsentOrders
from domain.errors import Halt
from domain.nanos import MS_NS, SECOND_NS
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order, terms_of
from tests.brokers.floor import START_NS, NotedVenue, SilentVenue, limit_order
from trading.venues import (
    Cancel,
    Command,
    LinkEvent,
    NotSent,
    Replace,
    Submit,
    Unsent,
    VenueEvent,
)

AGE_NS = 5 * SECOND_NS
PAUSE_S = 0.1
PAUSE_NS = int(PAUSE_S * SECOND_NS)


class Door:
    """A gateway before a venue that takes everything, unless its port is closed."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self.venue = NotedVenue(SilentVenue())
        self.fenced = False
        self.unsent = UnsentOrders(self._until, backoff())
        venue: Any = self.venue
        self.gateway = Gateway(
            venue, self._may_send, lambda: self.now_ns, inline=True, unsent=self.unsent
        )

    def _until(self, order: Order) -> int | None:
        return None if order.client_order_id == "old" else START_NS + AGE_NS

    def _may_send(self) -> None:
        if self.fenced:
            msg = "another process writes"
            raise Halt(msg)

    def close_port(self) -> None:
        """Let nothing leave."""

        def refuse(_: Command) -> None:
            msg = "the connection was refused"
            raise NotSent(msg)

        self.venue.before_send = refuse

    def open_port(self) -> None:
        """Let all leave again."""
        self.venue.before_send = lambda _: None

    def resend(self, more_ns: int, code: str | None = None) -> list[tuple[str, str, str]]:
        """Let time pass and try again; return what was told: order, kind, reason."""
        self.now_ns += more_ns
        self.gateway.resend(self.now_ns, lambda _: code)
        return self.told()

    def told(self) -> list[tuple[str, str, str]]:
        """Return what was told since the last call."""
        events = [event for event in self.gateway.drain() if isinstance(event, OrderEvent)]
        return [(e.client_order_id, e.kind.value, e.reason) for e in events]

    def take(self, event: VenueEvent) -> None:
        """Let the venue say something."""
        self.gateway._take(event)

    def turned_away(self, command: Command) -> None:
        """Let the venue find out too late that a command has not left."""
        self.take(Unsent(command, "rate_limited", "HTTP 429", self.now_ns))


def backoff() -> Backoff:
    """Return pauses of a tenth of a second, doubling to one."""
    return Backoff(PAUSE_S, 1.0, np.random.default_rng(1))


@pytest.fixture
def door() -> Door:
    """Return a door that is open."""
    return Door()


def test_an_order_that_did_not_leave_goes_after_its_pause(door: Door) -> None:
    """The caller hears of nothing: it is on its way, and the journal has its intent."""
    door.close_port()
    door.gateway.send(Submit(limit_order("a")))
    assert door.unsent.waits("a")
    door.open_port()
    assert door.resend(PAUSE_NS // 2 - 1) == []
    assert door.venue.submits() == []
    assert door.resend(PAUSE_NS) == []
    assert door.venue.submits() == ["a"]
    # On its way it is tried by nobody else.
    assert door.resend(SECOND_NS) == []
    assert door.venue.submits() == ["a"]


def test_pauses_grow_and_the_age_of_the_signal_ends_them(door: Door) -> None:
    """No try after its last moment; the refusal says that it never left."""
    tries: list[int] = []

    def refuse(_: Command) -> None:
        tries.append(door.now_ns - START_NS)
        msg = "the connection was refused"
        raise NotSent(msg)

    door.venue.before_send = refuse
    door.gateway.send(Submit(limit_order("a")))
    told: list[tuple[str, str, str]] = []
    while not told:
        told = door.resend(10 * MS_NS)
    assert told == [("a", "reject", "not_sent")]
    assert max(tries) <= AGE_NS
    assert not door.unsent.waits("a")
    gaps = np.diff(tries)
    assert gaps[0] < gaps[1] < gaps[2]
    assert max(gaps) <= SECOND_NS + 10 * MS_NS
    # A kill has nothing to cancel.
    assert door.gateway.kill("fire").canceled == ()


def test_an_order_that_has_to_wait_expires_where_it_waits(door: Door) -> None:
    """An account that does not come back in time leaves no old order behind."""
    door.turned_away(Submit(limit_order("a")))
    assert door.resend(AGE_NS, "") == []
    assert door.resend(1, "") == [("a", "reject", "not_sent")]
    assert door.venue.submits() == []


def test_a_code_that_speaks_against_it_ends_it(door: Door) -> None:
    """As a trading state does that was lowered meanwhile."""
    door.turned_away(Submit(limit_order("a")))
    assert door.resend(SECOND_NS, "reducing") == [("a", "reject", "reducing")]
    assert door.resend(SECOND_NS) == []
    assert door.venue.submits() == []


def test_an_order_of_unknown_age_is_refused_at_once(door: Door) -> None:
    """By raising where the caller is still there, by an event where not."""
    door.close_port()
    with pytest.raises(NotSent):
        door.gateway.send(Submit(limit_order("old")))
    door.turned_away(Submit(limit_order("old")))
    assert door.told() == [("old", "reject", "not_sent")]


def test_a_cancel_and_a_replace_are_not_kept(door: Door) -> None:
    """Who asked decides whether to ask again; a kill does so by itself."""
    order = limit_order("a")
    door.turned_away(Cancel(order, 1))
    door.turned_away(Replace(order, terms_of(order), 2))
    assert door.told() == [
        ("a", "cancel_reject", "rate_limited"),
        ("a", "replace_reject", "rate_limited"),
    ]


def test_a_cancel_of_what_waits_ends_it_and_a_replace_waits_for_it(door: Door) -> None:
    """The venue has never heard of it."""
    order = limit_order("a")
    door.turned_away(Submit(order))
    with pytest.raises(NotSent, match="has not left yet"):
        door.gateway.send(Replace(order, terms_of(order), 1))
    door.gateway.send(Cancel(order, 2))
    assert door.told() == [("a", "reject", "requested")]
    assert door.venue.came == []


@pytest.mark.parametrize("strategy", ["", "s"])
def test_a_kill_ends_what_waits(door: Door, strategy: str) -> None:
    """And what comes back unsent after it."""
    door.turned_away(Submit(limit_order("a")))
    door.turned_away(Submit(limit_order("b", "other")))
    assert door.gateway.kill("fire", strategy).canceled == ()
    assert ("a", "reject", "halted") in door.told()
    assert door.unsent.waits("b") is bool(strategy)
    door.turned_away(Submit(limit_order("c")))
    assert door.told() == [("c", "reject", "halted")]
    door.resend(SECOND_NS)
    assert door.venue.submits() == (["b"] if strategy else [])


def test_a_kill_between_the_look_and_the_try_keeps_it_in(door: Door) -> None:
    """Each try passes the latch anew."""
    door.turned_away(Submit(limit_order("a")))
    door.gateway._killed[""] = "fire"
    assert door.resend(SECOND_NS) == [("a", "reject", "halted")]
    assert door.venue.submits() == []


def test_a_process_that_was_fenced_tries_nothing(door: Door) -> None:
    """Another one looks after the account now."""
    door.turned_away(Submit(limit_order("a")))
    door.fenced = True
    with pytest.raises(Halt, match="another process writes"):
        door.resend(SECOND_NS)
    assert door.venue.submits() == []


@pytest.mark.parametrize(("up", "gap"), [(False, False), (True, True)])
def test_a_lost_link_ends_what_waits_before_it_is_told(door: Door, *, up: bool, gap: bool) -> None:
    """All that has no answer is in doubt with it: what provably never left must not be."""
    door.turned_away(Submit(limit_order("a")))
    door.take(LinkEvent("orders", up, START_NS, gap=gap))
    first, second = door.gateway.drain()
    assert isinstance(first, OrderEvent)
    assert (first.kind, first.reason) == (EventKind.REJECT, "not_sent")
    assert isinstance(second, LinkEvent)
    door.turned_away(Submit(limit_order("b")))
    assert door.unsent.waits("b") is up
    door.take(LinkEvent("orders", True, START_NS))
    door.turned_away(Submit(limit_order("c")))
    assert door.unsent.waits("c")


@pytest.mark.parametrize("kind", [EventKind.ACK, EventKind.SEND_UNKNOWN, EventKind.FILL])
def test_whatever_the_venue_says_of_an_order_it_is_not_tried_again(
    door: Door, kind: EventKind
) -> None:
    """A doubt above all: from there on it is only asked about."""
    door.turned_away(Submit(limit_order("a")))
    door.take(OrderEvent(kind, "a", START_NS, START_NS))
    door.resend(SECOND_NS)
    assert door.venue.submits() == []
    assert not door.unsent.waits("a")


def test_an_order_that_the_book_closes_is_forgotten(door: Door) -> None:
    """By whatever came of it."""
    door.turned_away(Submit(limit_order("a")))
    door.gateway.closed("a")
    assert door.resend(SECOND_NS) == []
    assert door.venue.submits() == []


def test_a_try_begins_once(door: Door) -> None:
    """Not for an order that was forgotten between the look and the try, nor for one on its way."""
    door.turned_away(Submit(limit_order("a")))
    assert door.unsent.begin("a")
    assert not door.unsent.begin("a")
    assert not door.unsent.begin("b")
    assert not door.unsent.forget("a")


def test_without_a_keeper_nothing_waits() -> None:
    """As on paper, where nothing ever fails to leave."""
    venue: Any = NotedVenue(SilentVenue())
    gateway = Gateway(venue, lambda: None, lambda: START_NS, inline=True)
    gateway._take(Unsent(Submit(limit_order("a")), "disconnected", "refused", START_NS))
    (event,) = gateway.drain()
    assert isinstance(event, OrderEvent)
    assert (event.kind, event.reason) == (EventKind.REJECT, "not_sent")
    never: Callable[[Order], str | None] = lambda _: None  # noqa: E731 - of the call below
    gateway.resend(START_NS, never)
    assert venue.came == []
