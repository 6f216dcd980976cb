"""The feed source without an engine: resuming, pacing, draining and stopping."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from bytewax.inputs import AbortExecution, StatefulSourcePartition

from domain.errors import Corrupt
from domain.nanos import MS_NS, SECOND_NS
from domain.ticks import FeedBatch, TickArray
from sources import feed_source
from sources.feed import TickFeed
from sources.feed_source import PART, FeedSource, FeedSourceConfig
from sources.quiesce import Quiesce
from testkit.tapes import batches, ticks

Partition = StatefulSourcePartition[FeedBatch, dict[str, Any]]


@dataclass(frozen=True)
class TapeFeed:
    """A feed of literal ticks, given in groups of ``group`` rows; some groups may be empty."""

    tape: TickArray
    group: int = 4
    end_ns: int | None = None
    holes: bool = False

    @property
    def symbols(self) -> tuple[str, ...]:
        """The one symbol of all tapes here."""
        return ("EURUSD",)

    @property
    def fingerprint(self) -> str:
        """Any word: nothing here reads it."""
        return "tape"

    @property
    def rows(self) -> int:
        """Number of ticks."""
        return self.tape.size

    def batches(self, first_row: int = 0) -> Iterator[TickArray]:
        """Give the rows from ``first_row`` on."""
        for part in batches(self.tape[first_row:], self.group):
            if self.holes:
                yield part[:0]
            yield part


@dataclass
class Clock:
    """A monotonic clock that a test winds."""

    now_ns: int = 1_000

    def __call__(self) -> int:
        """Read it."""
        return self.now_ns


def _tape(*seconds: float) -> TickArray:
    return ticks("EURUSD", [(s, 1.1, 1.2) for s in seconds])


def _part(
    feed: TickFeed,
    *,
    state: dict[str, Any] | None = None,
    quiesce: Quiesce | None = None,
    **config: Any,
) -> Partition:
    source = FeedSource(feed, FeedSourceConfig(**config), quiesce or Quiesce(), lambda: True)
    return source.build_part("feed", PART, state)


def _state(row: int, *, done: bool = False) -> dict[str, Any]:
    """Return the state of a feed without switches."""
    none = {"taken": 0, "scheduled": 0, "given": 0, "ready": []}
    return {"v": 2, "row": row, "done": done, **none}


def _next(part: Partition) -> list[FeedBatch]:
    return list(part.next_batch())


def _play(part: Partition) -> list[FeedBatch]:
    out: list[FeedBatch] = []
    while not (out and out[-1].last):
        out += _next(part)
    return out


def _seq(out: list[FeedBatch]) -> list[int]:
    return [row for batch in out for row in batch.ticks["seq"].tolist()]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Wind the clock by which the source paces itself."""
    clock = Clock()
    monkeypatch.setattr(feed_source, "monotonic_ns", clock)
    return clock


def test_there_is_one_partition() -> None:
    """One feed, one order of arrival."""
    source = FeedSource(TapeFeed(_tape(0)), FeedSourceConfig(), Quiesce(), lambda: True)
    assert source.list_parts() == [PART] == ["feed"]


@pytest.mark.parametrize("batch_rows", [1, 3, 4, 100])
def test_every_row_comes_once_and_then_the_end(batch_rows: int) -> None:
    """No batch is larger than asked for; the last one is empty and says where the feed ends."""
    feed = TapeFeed(_tape(*range(10)), end_ns=77)
    part = _part(feed, batch_rows=batch_rows)
    out = _play(part)
    assert _seq(out) == list(range(10))
    assert all(0 < batch.ticks.size <= batch_rows and not batch.last for batch in out[:-1])
    assert (out[-1].ticks.size, out[-1].last, out[-1].end_ns) == (0, True, 77)
    with pytest.raises(StopIteration):
        part.next_batch()


def test_an_empty_group_is_not_the_end() -> None:
    """A feed may have days without a row."""
    assert _seq(_play(_part(TapeFeed(_tape(*range(10)), holes=True)))) == list(range(10))


def test_a_feed_of_nothing_ends_at_once() -> None:
    """The end is still said, once."""
    assert [batch.last for batch in _play(_part(TapeFeed(_tape(0)[:0])))] == [True]


@pytest.mark.parametrize("rows", range(11))
def test_it_resumes_behind_the_last_row(rows: int) -> None:
    """Wherever it was interrupted, no row comes twice and none is missing."""
    feed = TapeFeed(_tape(*range(10)))
    first = _part(feed, batch_rows=1)
    before = [batch for _ in range(rows) for batch in _next(first)]
    state = first.snapshot()
    assert state == _state(rows)
    after = _play(_part(feed, state=state, batch_rows=3))
    assert _seq(before) + _seq(after) == list(range(10))


def test_a_feed_that_has_ended_stays_so_after_a_restart() -> None:
    """The end of the stream is not said twice."""
    part = _part(TapeFeed(_tape(0)))
    _play(part)
    state = part.snapshot()
    assert state == _state(1, done=True)
    with pytest.raises(StopIteration):
        _part(TapeFeed(_tape(0)), state=state).next_batch()


def test_a_state_of_another_version_is_refused() -> None:
    """Rows would otherwise be counted by another rule."""
    with pytest.raises(Corrupt, match="state v1; this code knows v2"):
        _part(TapeFeed(_tape(0)), state={"v": 1, "row": 0, "done": False})


@pytest.mark.parametrize(("speed", "factor"), [(1.0, 1.0), (60.0, 60.0), (0.5, 0.5)])
def test_rows_come_at_their_pace(clock: Clock, speed: float, factor: float) -> None:
    """A row is due when as much time has passed, times the speed, as lies between receipts."""
    part = _part(TapeFeed(_tape(0, 1, 1.5, 6, 7, 8), group=2), speed=speed)
    seen: list[tuple[float, list[int]]] = []
    start = clock.now_ns
    for at in (0.0, 0.999, 1.0, 1.5, 6.0, 9.0, 9.0):
        clock.now_ns = start + round(at * SECOND_NS / factor) + (1 if at else 0)
        seen.append((at, _seq(_next(part))))
    assert seen == [
        (0.0, [0]),
        (0.999, []),
        (1.0, [1]),
        (1.5, [2]),
        (6.0, [3]),
        (9.0, [4, 5]),
        (9.0, []),
    ]


def test_a_paced_feed_does_not_sit_out_a_weekend(clock: Clock) -> None:
    """A gap of any length takes thirty seconds at most; what follows keeps its distance."""
    part = _part(TapeFeed(_tape(0, 200_000, 200_001), group=1), speed=1.0)
    start = clock.now_ns
    seen = []
    for at in (0, 29.9, 30, 30.9, 31):
        clock.now_ns = start + round(at * SECOND_NS)
        seen.append(_seq(_next(part)))
    assert seen == [[0], [], [1], [], [2]]


def test_a_receipt_that_goes_back_is_due_at_once(clock: Clock) -> None:
    """It waits for nothing, and does not make the rows behind it come sooner."""
    part = _part(TapeFeed(_tape(0, 5, 3, 6), group=1), speed=1.0)
    start = clock.now_ns
    seen = []
    for at in (0, 5, 5, 5, 6):
        clock.now_ns = start + at * SECOND_NS
        seen.append(_seq(_next(part)))
    assert seen == [[0], [1], [2], [], [3]]


def test_after_a_restart_the_pace_begins_with_the_next_row(clock: Clock) -> None:
    """Time that was played before a stop is not waited for again."""
    state = _state(2)
    part = _part(TapeFeed(_tape(0, 10, 20, 21)), state=state, speed=1.0)
    assert _seq(_next(part)) == [2]
    assert _next(part) == []
    clock.now_ns += SECOND_NS
    assert _seq(_next(part)) == [3]


def test_the_pace_changes_no_row(clock: Clock) -> None:
    """Every byte is that of a replay at full speed, receive times and all."""
    feed = TapeFeed(_tape(*np.cumsum(np.linspace(0, 3, 30))))
    paced = _part(feed, speed=10.0, batch_rows=7)
    out: list[FeedBatch] = []
    while not (out and out[-1].last):
        out += _next(paced)
        clock.now_ns += 37 * MS_NS
    full = _play(_part(feed, batch_rows=7))
    assert (
        np.concatenate([b.ticks for b in out]).tobytes()
        == np.concatenate([b.ticks for b in full]).tobytes()
    )


def test_full_readers_hold_the_feed_back() -> None:
    """Without room nothing is given, nothing is lost, and the engine may sleep."""
    room = False
    source = FeedSource(TapeFeed(_tape(0)), FeedSourceConfig(), Quiesce(), lambda: room)
    part = source.build_part("feed", PART, None)
    assert _next(part) == []
    assert part.next_awake() is not None
    assert part.snapshot()["row"] == 0
    room = True
    assert part.next_awake() is None
    assert _seq(_next(part)) == [0]


def test_a_paced_or_stopping_feed_lets_the_engine_sleep(clock: Clock) -> None:
    """It is looked at again after a moment; spinning would burn the core of the readers."""
    assert clock() == 1_000
    assert _part(TapeFeed(_tape(0)), speed=1.0).next_awake() is not None
    quiesce = Quiesce()
    part = _part(TapeFeed(_tape(0)), quiesce=quiesce)
    assert part.next_awake() is None
    quiesce.stop()
    assert part.next_awake() is not None


def test_a_drain_gives_the_last_batch_here() -> None:
    """What was not given is left; the end is that of the last tick, not of the whole feed."""
    quiesce = Quiesce()
    part = _part(TapeFeed(_tape(*range(10)), end_ns=77), quiesce=quiesce, batch_rows=3)
    assert _seq(_next(part)) == [0, 1, 2]
    quiesce.drain()
    (batch,) = _next(part)
    assert (batch.ticks.size, batch.last, batch.end_ns) == (0, True, None)
    assert part.snapshot() == _state(3, done=True)
    with pytest.raises(StopIteration):
        part.next_batch()


def test_a_stop_waits_for_one_snapshot_and_then_aborts() -> None:
    """Quiet at once; out only when a snapshot taken while quiet is durable."""
    quiesce = Quiesce()
    feed = TapeFeed(_tape(*range(10)))
    part = _part(feed, quiesce=quiesce, batch_rows=3)
    assert _seq(_next(part)) == [0, 1, 2]
    part.snapshot()
    quiesce.stop()
    # The snapshot of before the stop does not count: rows came after it.
    assert _next(part) == []
    assert _next(part) == []
    state = part.snapshot()
    assert state["row"] == 3
    with pytest.raises(AbortExecution):
        part.next_batch()
    assert _seq(_play(_part(feed, state=state))) == list(range(3, 10))


def test_a_snapshot_between_the_stop_and_the_silence_does_not_count() -> None:
    """The engine may snapshot before it asks again: it has not yet seen the silence."""
    quiesce = Quiesce()
    part = _part(TapeFeed(_tape(*range(10))), quiesce=quiesce)
    quiesce.stop()
    part.snapshot()
    assert _next(part) == []
    part.snapshot()
    with pytest.raises(AbortExecution):
        part.next_batch()


def test_a_stop_goes_before_a_drain() -> None:
    """Asked for both, the feed stops as it is and does not end."""
    quiesce = Quiesce()
    part = _part(TapeFeed(_tape(0)), quiesce=quiesce)
    quiesce.drain()
    quiesce.stop()
    assert _next(part) == []
    assert part.snapshot()["done"] is False
