"""Switches on their way from the ledger to their place among the rows of the feed."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import msgspec
import numpy as np
import pytest
from bytewax.inputs import StatefulSourcePartition
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.deployments import ModelSwitch, Stage
from domain.errors import BadUse, Halt
from domain.nanos import SECOND_NS, parse_ns
from domain.ticks import FeedBatch, TickArray
from sources.feed_source import PART, FeedSource, FeedSourceConfig
from sources.quiesce import Quiesce
from sources.switches import BeyondReplay, LedgerWatch, SwitchWatch, schedule_of
from testkit.switches import a_switch
from testkit.tapes import START, ticks
from tests.sources.test_feed_source import TapeFeed

T0 = parse_ns(START)
TAPE = ticks("EURUSD", [(10.0 * n, 1.1, 1.2) for n in range(60)])
"""Ten minutes, six rows each."""

Partition = StatefulSourcePartition[FeedBatch, dict[str, Any]]
State = dict[str, Any] | None


@dataclass
class Ledger:
    """A ledger in memory, and a watch that looks at once."""

    switches: list[ModelSwitch] = field(default_factory=list)

    def poll(self, taken: int) -> Sequence[ModelSwitch]:
        """Return what is behind the first so many."""
        return self.switches[taken:]


@dataclass
class Log:
    """How many rows the log holds, and how many a life has given."""

    rows: int = 0
    at: int = 0

    def is_ahead(self) -> bool:
        """Say whether a replay has not caught up."""
        return self.at < self.rows


def part_of(state: State, ledger: SwitchWatch | None = None, **config: Any) -> Partition:
    """Open the feed."""
    source = FeedSource(
        TapeFeed(TAPE, group=25),
        FeedSourceConfig(**config),
        Quiesce(),
        lambda: True,
        watch=ledger,
    )
    return source.build_part("feed", PART, state)


def through_text(state: dict[str, Any]) -> dict[str, Any]:
    """Return a snapshot as a store gives it back."""
    plain: dict[str, Any] = json.loads(json.dumps(state))
    return plain


def log_of(batches: Sequence[FeedBatch]) -> list[int | tuple[int, ModelSwitch]]:
    """Return rows by number, and between them switches with theirs."""
    log: list[int | tuple[int, ModelSwitch]] = []
    for batch in batches:
        log += list(enumerate(batch.switches, batch.first_switch))
        log += batch.ticks["seq"].tolist()
    return log


def play(part: Partition) -> list[FeedBatch]:
    """Play a feed to its end, without a snapshot."""
    out: list[FeedBatch] = []
    while not (out and out[-1].last):
        out += part.next_batch()
    return out


def test_what_the_ledger_gets_is_given_behind_the_next_snapshot() -> None:
    """Not before: until the place is durable, a replay could give it another."""
    ledger = Ledger([a_switch(1)])
    part = part_of(None, ledger, batch_rows=4)
    (first,) = part.next_batch()
    assert (first.switches, first.ticks.size) == ((), 4)
    state = part.snapshot()
    assert (state["row"], state["taken"], len(state["ready"])) == (4, 1, 1)
    (second,) = part.next_batch()
    assert (second.switches, second.first_switch) == ((a_switch(1),), 1)
    assert second.ticks["seq"].tolist() == [4, 5, 6, 7]
    ledger.switches += [a_switch(2), a_switch(3)]
    assert part.snapshot()["given"] == 1
    (third,) = part.next_batch()
    assert (third.switches, third.first_switch) == ((a_switch(2), a_switch(3)), 2)
    assert part.snapshot()["ready"] == []
    (fourth,) = part.next_batch()
    assert fourth.switches == ()


@settings(max_examples=150, deadline=None)
@given(
    entries=st.lists(st.integers(0, 60), max_size=5).map(sorted),
    snapshots=st.sets(st.integers(0, 60), max_size=8),
    deaths=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3)), max_size=5),
    batch_rows=st.sampled_from((1, 3, 7)),
)
def test_killed_anywhere_each_switch_is_given_once_before_one_row(
    entries: list[int], snapshots: set[int], deaths: list[tuple[int, int]], batch_rows: int
) -> None:
    """First given behind all rows that the log may hold, and then again before the same row."""
    durable: State = None
    ledger = Ledger()
    # What the log keeps: the rows, and before which row each switch was first given.
    rows: set[int] = set()
    log = Log()
    places: dict[tuple[int, ModelSwitch], int] = {}
    for turns, late in [*deaths, (10_000, 0)]:
        at = 0 if durable is None else durable["row"]
        log.at = at
        part = part_of(durable, BeyondReplay(ledger, log.is_ahead), batch_rows=batch_rows)
        done = False
        for turn in range(turns):
            # The ledger grows as the wall clock has it: not as the feed does.
            due = [n for n in entries if n <= at + late]
            ledger.switches += [a_switch(n) for n in range(len(ledger.switches), len(due))]
            if at in snapshots or turn % 5 == 4:
                # The engine asks for the next batch only when this is durable.
                durable = through_text(part.snapshot())
            (batch,) = part.next_batch()
            for numbered in enumerate(batch.switches, batch.first_switch):
                assert numbered in places or not log.is_ahead()
                assert places.setdefault(numbered, at) == at
            rows |= set(batch.ticks["seq"].tolist())
            at += batch.ticks.size
            log.at, log.rows = at, max(log.rows, at)
            if batch.last:
                done = True
                break
    assert done
    assert rows == set(range(TAPE.size))
    assert [number for number, _ in places] == list(range(1, len(places) + 1))
    assert [switch for _, switch in places] == ledger.switches[: len(places)]
    assert list(places.values()) == sorted(places.values())


def test_a_run_begins_behind_the_switches_that_its_plan_has() -> None:
    """What held at its start is not switched again."""
    part = part_of(None, Ledger([a_switch(1), a_switch(2)]), taken=1)
    part.snapshot()
    (batch, *_) = part.next_batch()
    assert batch.switches == (a_switch(2),)


def test_a_switch_is_given_where_no_row_is_due() -> None:
    """A quiet market holds up no switch."""
    ledger = Ledger([a_switch(1)])
    part = part_of(None, ledger, speed=1e-6)
    assert [batch.ticks.size for batch in part.next_batch()] == [1]
    part.snapshot()
    (batch,) = part.next_batch()
    assert (batch.ticks.size, batch.switches) == (0, (a_switch(1),))
    assert list(part.next_batch()) == []


def test_what_is_ready_at_the_end_stands_before_it() -> None:
    """Also where the feed is drained; behind the end nobody asks any more."""
    quiesce = Quiesce()
    source = FeedSource(
        TapeFeed(TAPE), FeedSourceConfig(), quiesce, lambda: True, watch=Ledger([a_switch(1)])
    )
    part = source.build_part("feed", PART, None)
    part.snapshot()
    quiesce.drain()
    (batch,) = part.next_batch()
    assert (batch.last, batch.switches, batch.first_switch) == (True, (a_switch(1),), 1)
    assert part.snapshot()["ready"] == []
    again = source.build_part("feed", PART, through_text(part.snapshot()))
    with pytest.raises(StopIteration):
        again.next_batch()


SCHEDULE = tuple(
    a_switch(n, T0 + at_s * SECOND_NS)
    for n, at_s in enumerate((-3_600, 60, 61, 130, 130, 200, 659, 9_000))
)
BEFORE_ROW = [0, 0, 1, 7, 7, 14, 60]
"""Of each: the first row at its effective time less a minute; the last lies behind the feed."""


def planned() -> list[int | tuple[int, ModelSwitch]]:
    """Say what the log holds with the schedule."""
    log: list[int | tuple[int, ModelSwitch]] = []
    for row in range(TAPE.size):
        log += [(n + 1, SCHEDULE[n]) for n, at in enumerate(BEFORE_ROW) if at == row]
        log.append(row)
    return log


@pytest.mark.parametrize("batch_rows", [1, 7, 100])
def test_a_schedule_stands_a_minute_before_it_takes_effect(batch_rows: int) -> None:
    """Before the same row, however the feed is cut into batches."""
    assert log_of(play(part_of(None, schedule=SCHEDULE, batch_rows=batch_rows))) == planned()


@pytest.mark.parametrize("turns", range(1, 13))
def test_a_schedule_goes_on_from_any_snapshot(turns: int) -> None:
    """No switch comes twice and none is missing."""
    part = part_of(None, schedule=SCHEDULE, batch_rows=7)
    before = [batch for _ in range(turns) for batch in part.next_batch()]
    state = through_text(part.snapshot())
    after = play(part_of(state, schedule=SCHEDULE, batch_rows=5)) if not state["done"] else []
    assert log_of(before) + log_of(after) == planned()


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_what_a_run_begins_with_stands_before_its_first_row(turns: int) -> None:
    """Once, also where the run goes on from a snapshot; what the ledger gets comes behind it."""
    begun = tuple(a_switch(n) for n in range(2))
    new = a_switch(2)
    ledger = Ledger([*begun, new])
    config = {"begin_with": begun, "taken": len(begun), "batch_rows": 7}
    part = part_of(None, ledger, **config)
    before = [batch for _ in range(turns) for batch in part.next_batch()]
    state = through_text(part.snapshot())
    log = log_of([*before, *play(part_of(state, ledger, **config))])
    switches = [item for item in log if isinstance(item, tuple)]
    assert switches == [(1, begun[0]), (2, begun[1]), (3, new)]
    assert log[:2] == switches[:2]


def test_a_wrong_time_brings_a_scheduled_switch_too_early_and_never_too_late() -> None:
    """It is effective by its own time, wherever it stands."""
    tape: TickArray = TAPE.copy()
    tape["ts_event_ns"][3] = np.iinfo(np.int64).max
    tape["ts_recv_ns"][20:] = -5
    source = FeedSource(
        TapeFeed(tape), FeedSourceConfig(schedule=SCHEDULE[3:]), Quiesce(), lambda: True
    )
    log = log_of(play(source.build_part("feed", PART, None)))
    assert log[:3] == [0, 1, 2]
    assert [one[1] for one in log[3:8] if isinstance(one, tuple)] == [*SCHEDULE[3:]]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"schedule": SCHEDULE[::-1]}, "must be in order of effective_ns"),
        ({"begin_with": SCHEDULE[::-1]}, "must be in order of effective_ns"),
        ({"schedule": (msgspec.structs.replace(a_switch(1), share=2.0),)}, "share 2.0 is not in"),
        ({"taken": -1}, "taken must not be below 0: -1"),
    ],
)
def test_a_config_out_of_bounds_is_refused(config: dict[str, Any], words: str) -> None:
    """One line that says which."""
    with pytest.raises(BadUse, match=words):
        FeedSourceConfig(**config)
    assert schedule_of(SCHEDULE) == SCHEDULE


class Looks:
    """A ledger whose looks a test counts and answers."""

    def __init__(self, answer: Callable[[int, int], Sequence[ModelSwitch]]) -> None:
        self.asked: list[int] = []
        self.said: list[str] = []
        self.enough = Event()
        self._answer = answer
        self.watch = LedgerWatch(self._read, self.said.append, every_s=0.001)

    def _read(self, taken: int) -> Sequence[ModelSwitch]:
        self.asked.append(taken)
        if len(self.asked) >= 6:
            self.enough.set()
        return self._answer(len(self.asked), taken)

    def wait(self) -> None:
        """Wait for some more looks."""
        self.enough.clear()
        assert self.enough.wait(20)

    def until(self, taken: int) -> Sequence[ModelSwitch]:
        """Ask until there is something."""
        for _ in range(1_000):
            found = self.watch.poll(taken)
            if found:
                return found
            self.wait()
        pytest.fail("nothing came")


def test_the_ledger_is_read_beside_the_feed() -> None:
    """From the place that was asked for; an answer for another place is none."""
    ledger = [a_switch(1), a_switch(2)]
    looks = Looks(lambda _n, taken: ledger[taken:])
    looks.watch.start()
    assert looks.watch.poll(0) == ()
    assert looks.until(0) == tuple(ledger)
    assert looks.watch.poll(2) == ()
    ledger.append(a_switch(3))
    assert looks.until(2) == (a_switch(3),)
    looks.watch.stop()
    assert set(looks.asked) == {0, 2}
    assert looks.said == []


def test_a_ledger_that_cannot_be_read_is_tried_again() -> None:
    """Each reason is told once in a row; the feed goes on, and so does the ledger in the end."""
    bad = msgspec.structs.replace(a_switch(1), stage=Stage.CANDIDATE)

    def answer(look: int, _taken: int) -> Sequence[ModelSwitch]:
        if look <= 3:
            msg = "the store is away"
            raise Halt(msg)
        return [bad] if look <= 5 else [a_switch(1)]

    looks = Looks(answer)
    looks.watch.start()
    assert looks.until(0) == (a_switch(1),)
    looks.watch.stop()
    away, none = looks.said
    assert away == "the store is away"
    assert none.startswith("this switch cannot be written to the log: stage candidate is none")


def test_a_bug_of_the_reader_is_not_hidden() -> None:
    """It is raised where the feed asks."""

    def answer(_look: int, _taken: int) -> Sequence[ModelSwitch]:
        msg = "none of ours"
        raise KeyError(msg)

    looks = Looks(answer)
    looks.watch.start()
    looks.watch.poll(0)
    looks.watch._thread.join(20)
    with pytest.raises(KeyError, match="none of ours"):
        looks.watch.poll(0)
    looks.watch.stop()


def test_a_watch_needs_a_time_between_looks() -> None:
    """Above 0; a stop before any question ends it too."""
    with pytest.raises(BadUse, match="every_s must be above 0: 0"):
        LedgerWatch(lambda _: [], lambda _: None, every_s=0)
    idle = LedgerWatch(lambda _: [], lambda _: None)
    idle.start()
    idle.stop()
