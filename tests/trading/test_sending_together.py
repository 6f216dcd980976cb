"""Orders that are decided in one call share one commit: all intents are on disk, then all leave."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from domain.errors import Reject
from domain.order_events import EventKind, OrderEvent
from tests.trading.tape import (
    Desk,
    Event,
    Killed,
    Sides,
    account,
    read,
    story,
    streams,
    with_signals,
)
from trading.desk.entries import fact_of
from trading.journal.journal import Journal
from trading.venues import Command, Submit

PAIRS = ("AUDUSD", "EURUSD", "NZDUSD")
CONFIG = account(*PAIRS)
PRICES = {"AUDUSD": "0.65000 0.65010", "EURUSD": "1.10000 1.10010", "NZDUSD": "0.60000 0.60010"}
TIMES = ("00:00:30.000", "00:01:00.000", "00:01:00.060", "00:01:30.000")
TAPE = "\n".join(f"{at} {pair} {PRICES[pair]}" for at in TIMES for pair in PAIRS)

DECIDED = 9
"""Events up to the last signal: a tick of each pair, then a tick and a signal of each."""


@pytest.fixture
def events() -> list[Event]:
    """Three pairs that buy at 00:01."""
    sides: Sides = dict.fromkeys(((pair, "00:01") for pair in PAIRS), "buy")
    return with_signals(read(TAPE, PAIRS), sides, CONFIG)


def submits_on_disk(desk: Desk) -> list[str]:
    """Return whose SUBMIT another process finds in the journal."""
    journal = Journal.open(f"sqlite:///{desk.folder / 'ledger.db'}", CONFIG.account)
    try:
        facts = [fact_of(entry) for entry in journal.read()]
    finally:
        journal.close()
    return [
        fact.client_order_id
        for fact in facts
        if isinstance(fact, OrderEvent) and fact.kind is EventKind.SUBMIT
    ]


@contextmanager
def commits(journal: Journal) -> Iterator[list[int]]:
    """Note how many entries each commit of a journal takes that has any."""
    taken: list[int] = []
    commit = journal.commit

    def counted() -> None:
        before = journal.head.seq
        commit()
        if journal.head.seq > before:
            taken.append(journal.head.seq - before)

    journal.commit = counted  # type: ignore[method-assign]  # a look at one journal
    yield taken


def test_every_intent_is_on_disk_before_the_first_leaves(
    tmp_path: Path, events: list[Event]
) -> None:
    """One commit has three orders and their submits; one more has what came of them."""
    desk = Desk(CONFIG, tmp_path)
    seen: list[tuple[str, list[str]]] = []
    send = desk.venue.send

    def look(command: Command) -> None:
        assert isinstance(command, Submit)
        seen.append((command.order.client_order_id, submits_on_disk(desk)))
        send(command)

    desk.venue.send = look  # type: ignore[method-assign]  # a look at one venue
    with commits(desk.journal) as taken:
        desk.feed(events[:DECIDED], at_once=DECIDED)
    names = [name for name, _ in seen]
    assert len(set(names)) == 3
    assert [found for _, found in seen] == [names] * 3
    assert taken == [6, 3]
    told = [line.split() for line in story(desk.out)]
    assert [(words[0], words[-1]) for words in told] == [
        (pair, status) for status in ("pending_new", "accepted") for pair in PAIRS
    ]
    desk.stop()


def test_together_or_one_by_one_is_the_same(tmp_path: Path, events: list[Event]) -> None:
    """However many events a call has, each symbol's records and all books are the same."""
    one, all_ = Desk(CONFIG, tmp_path / "one"), Desk(CONFIG, tmp_path / "all")
    one.feed(events)
    all_.feed(events, at_once=len(events))
    assert len(one.venue.requests()) == 3
    assert streams(one.out) == streams(all_.out)
    assert one.books() == all_.books()
    one.stop()
    all_.stop()


@pytest.mark.parametrize("sent", [0, 1, 2])
def test_a_kill_between_two_sends_leaves_the_rest_unsent_and_known(
    tmp_path: Path, events: list[Event], sent: int
) -> None:
    """What left works; what was written down and did not leave is asked for, never sent again."""
    desk = Desk(CONFIG, tmp_path)
    desk.stop()
    desk.start(None, before={sent: Killed()})
    with pytest.raises(Killed):
        desk.feed(events, at_once=len(events))
    names = submits_on_disk(desk)
    assert len(names) == 3
    assert desk.venue.requests() == names[:sent]
    for _ in range(2):
        desk.stop()
        desk.start(None)
        desk.feed(events)
        assert desk.venue.requests() == names[:sent]
        ends = {order.client_order_id: order.status for order in desk.journal.orders()}
        assert [ends[name] for name in names] == ["filled"] * sent + ["rejected"] * (3 - sent)
    desk.stop()


def test_one_that_is_refused_at_the_door_keeps_no_other_back(
    tmp_path: Path, events: list[Event]
) -> None:
    """The first is rejected and is no exposure; the two behind it fill."""
    desk = Desk(CONFIG, tmp_path)
    desk.stop()
    desk.start(None, before={0: Reject("no")})
    desk.feed(events, at_once=len(events))
    assert [state.status for state in desk.logic.desk.book.states()] == [
        "rejected",
        "filled",
        "filled",
    ]
    assert not desk.logic.desk.book.exposure()
    desk.stop()
