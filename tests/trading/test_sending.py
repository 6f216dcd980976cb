"""Never twice, never unknown: intents, doubts, replays and what the venue knows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brokers.paper_venue.venue import PaperVenue
from domain.errors import Halt, Reject
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order
from domain.reasons import Reason
from tests.trading.tape import (
    Desk,
    Event,
    Killed,
    Sides,
    account,
    read,
    story,
    with_signals,
)
from trading.desk.entries import Fact, fact_of
from trading.journal.journal import Journal
from trading.venues import Command, NotSent, Submit

CONFIG = account("EURUSD")
TAPE = """
    00:00:30.000 EURUSD 1.09990 1.10010
    00:01:00.000 EURUSD 1.09990 1.10010
    00:01:00.052 EURUSD 1.10000 1.10020
    00:02:00.000 EURUSD 1.10100 1.10120
    00:02:01.000 EURUSD 1.10120 1.10140
"""
BOUGHT = [
    "EURUSD buy 18181 pending_new",
    "EURUSD buy 18181 accepted",
    "EURUSD fill 1.10020 pnl 0",
    "EURUSD buy 18181 filled",
]
SOLD = [
    "EURUSD sell 18181 pending_new",
    "EURUSD sell 18181 accepted",
    "EURUSD fill 1.10120 pnl 18.181000",
    "EURUSD sell 18181 filled",
]


@pytest.fixture
def events() -> list[Event]:
    """Buy at 00:01, close at 00:02."""
    sides: Sides = {("EURUSD", "00:01"): "buy", ("EURUSD", "00:02"): "flat"}
    return with_signals(read(TAPE, CONFIG.symbols), sides, CONFIG)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """One account, not yet started with faults."""
    return Desk(CONFIG, tmp_path)


def restart(desk: Desk, **faults: object) -> None:
    """Begin anew on the same stores: a crash before the first snapshot."""
    desk.stop()
    desk.out = []
    desk.start(None, **faults)


def on_disk(desk: Desk) -> list[Fact | None]:
    """Return what another process finds in the journal now."""
    journal = Journal.open(f"sqlite:///{desk.folder / 'ledger.db'}", CONFIG.account)
    try:
        return [fact_of(entry) for entry in journal.read()]
    finally:
        journal.close()


def submits(facts: list[Fact | None]) -> list[str]:
    """Return the orders whose submit is among some facts, each behind the order itself."""
    known: set[str] = set()
    sent: list[str] = []
    for fact in facts:
        if isinstance(fact, Order):
            known.add(fact.client_order_id)
        elif isinstance(fact, OrderEvent) and fact.kind is EventKind.SUBMIT:
            assert fact.client_order_id in known
            sent.append(fact.client_order_id)
    return sent


def watch(desk: Desk, see: Callable[[Command], None]) -> None:
    """Call something with every command at the moment at which the venue receives it."""
    venue: PaperVenue = desk.venue
    send = venue.send

    def seen(command: Command) -> None:
        see(command)
        send(command)

    venue.send = seen  # type: ignore[method-assign]  # a look at one venue, not at all


def test_the_intent_is_on_disk_before_the_send(desk: Desk, events: list[Event]) -> None:
    """Another process finds order and submit at the moment at which the venue receives it."""
    came: list[str] = []

    def look(command: Command) -> None:
        assert isinstance(command, Submit)
        came.append(command.order.client_order_id)
        assert submits(on_disk(desk)) == came

    watch(desk, look)
    assert story(desk.feed(events)) == BOUGHT + SOLD
    assert len(came) == 2


def test_an_intent_that_was_never_sent_is_given_up(desk: Desk, events: list[Event]) -> None:
    """A kill between intent and send leaves an order that the replay asks for and never sends."""
    restart(desk, before={0: Killed()})
    with pytest.raises(Killed):
        desk.feed(events)
    assert len(submits(on_disk(desk))) == 1
    for _ in range(2):
        restart(desk)
        assert story(desk.feed(events)) == [
            "EURUSD buy 18181 pending_new",
            "EURUSD buy 18181 pending_new in_doubt",
            "EURUSD buy 18181 rejected not_found",
        ]
    assert desk.venue.requests() == []
    assert [order.status for order in desk.journal.orders()] == ["rejected"]


def test_a_send_whose_answer_was_not_heard_is_not_repeated(desk: Desk, events: list[Event]) -> None:
    """A kill between send and answer: the venue had the order, and what it said counts, once."""
    restart(desk, after={0: Killed()})
    with pytest.raises(Killed):
        desk.feed(events)
    restart(desk)
    assert story(desk.feed(events)) == BOUGHT + SOLD
    assert len(desk.venue.requests()) == 2


@pytest.mark.parametrize(
    ("error", "reason"),
    [(NotSent("the connection was refused"), "not_sent"), (Reject("no"), Reason.UNSUPPORTED.value)],
)
def test_what_provably_never_left_is_closed(
    desk: Desk, events: list[Event], error: Exception, reason: str
) -> None:
    """The order is rejected with the reason, is no exposure, and the next signal trades."""
    restart(desk, before={0: error})
    desk.feed(events)
    assert story(desk.out) == [BOUGHT[0], f"EURUSD buy 18181 rejected {reason}"]
    assert desk.venue.requests() == []
    assert not desk.logic.desk.book.open_states()


def test_a_writer_that_was_passed_over_sends_nothing(desk: Desk, events: list[Event]) -> None:
    """The fence stops the process; who replays its log afterwards finds nothing at the venue."""
    restart(desk, before={0: Halt("another process writes the ledger")})
    with pytest.raises(Halt, match="another process writes the ledger"):
        desk.feed(events)
    assert desk.venue.requests() == []


@pytest.mark.parametrize("faults", [{}, {"after": {0: Killed()}}, {"after": {1: Killed()}}])
def test_a_replay_says_the_same_again(
    desk: Desk, events: list[Event], faults: dict[str, Any]
) -> None:
    """However the first life ended: its records keep their numbers, and nothing is sent twice."""
    restart(desk, **faults)
    if faults:
        with pytest.raises(Killed):
            desk.feed(events)
    else:
        desk.feed(events)
    for _ in range(2):
        restart(desk)
        assert story(desk.feed(events)) == BOUGHT + SOLD
    assert len(desk.venue.requests()) == 2
    assert len(submits(on_disk(desk))) == 2


def test_a_lost_ledger_does_not_double_the_orders(desk: Desk, events: list[Event]) -> None:
    """The venue refuses the ids that it knows: nothing is filled a second time."""
    desk.feed(events)
    fills = [e for e in desk.venue.events() if e.kind is EventKind.FILL]
    desk.stop()
    for path in desk.folder.glob("ledger.db*"):
        path.unlink()
    desk.start(None)
    desk.feed(events)
    assert [e for e in desk.venue.events() if e.kind is EventKind.FILL] == fills


def test_the_tables_are_never_taken_back_by_a_replay(desk: Desk, events: list[Event]) -> None:
    """Halfway through a replay they still show how far the orders had come."""
    desk.feed(events)
    before = desk.journal.orders()
    restart(desk)
    desk.feed(events[:3])
    assert desk.journal.orders() == before
    assert all(order.status == "filled" for order in before)
