"""The feed as a Bytewax source: paced by event time, held back by slow readers, resumable.

It also brings switches of models to their place among the ticks. Where that is must be durable
before the switch is given: a replay after a crash must give it before the same row. So the ledger
is asked when a snapshot is taken, and what is new is part of it. The engine asks for the next batch
only when that snapshot is durable, and this batch begins with the switch. In a replay the ledger is
not asked (`sources.switches.BeyondReplay`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic_ns
from typing import Any, NamedTuple

import numpy as np
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from domain.deployments import ModelSwitch, switches_from_plain, switches_to_plain
from domain.errors import BadUse, Corrupt
from domain.nanos import MINUTE_NS, SECOND_NS
from domain.ticks import FeedBatch, TickArray, new_records
from sources.feed import TickFeed
from sources.quiesce import Quiesce, QuietPartition
from sources.switches import SwitchWatch, schedule_of

STATE_VERSION = 2
PART = "feed"

_MAX_GAP_NS = 30 * SECOND_NS
"""Most event time that a paced replay waits between ticks: it does not sit out a weekend."""

_LEAD_NS = MINUTE_NS
"""How long before its effective time a scheduled switch stands in the log: no symbol's event time
can be there before the feed is."""

_IDLE = timedelta(milliseconds=2)


@dataclass(frozen=True, slots=True)
class FeedSourceConfig:
    """Settings of the feed source.

    Attributes
    ----------
    speed
        Event seconds per wall second (> 0), or None for as fast as the readers follow. Changes no
        result: every tick keeps its recorded receive time.
    batch_rows
        Most rows of one batch (> 0).
    schedule
        Switches of models that are known beforehand, in order of ``effective_ns``: each stands
        before the first tick of that time less a minute.
    begin_with
        Switches that stand before the first row: what the ledger had for a run when it was
        planned. So what the ledger says later comes behind them, whenever they hold.
    taken
        How many switches of the ledger the run has begun with (>= 0): those of ``begin_with``.

    Raises
    ------
    BadUse
        If the schedule is not in order, or ``taken`` is out of bounds.
    """

    speed: float | None = None
    batch_rows: int = 1_000
    schedule: tuple[ModelSwitch, ...] = ()
    begin_with: tuple[ModelSwitch, ...] = ()
    taken: int = 0

    def __post_init__(self) -> None:
        schedule_of(self.schedule)
        schedule_of(self.begin_with)
        if self.taken < 0:
            msg = f"taken must not be below 0: {self.taken}"
            raise BadUse(msg)


class FeedSource(FixedPartitionedSource[FeedBatch, dict[str, Any]]):
    """One partition that plays a feed.

    Parameters
    ----------
    feed
        What to play.
    config
        How to play it.
    quiesce
        How the process asks for a stop or for the end of the feed.
    may_go_on
        Whether the readers have room; asked before each batch.
    gave
        Told how many rows each batch had.
    watch
        Tells of switches of models as the ledger gets them, and of none while the log is ahead of
        the feed; None where nobody watches it.
    """

    def __init__(
        self,
        feed: TickFeed,
        config: FeedSourceConfig,
        quiesce: Quiesce,
        may_go_on: Callable[[], bool],
        gave: Callable[[int], None] = lambda _rows: None,
        watch: SwitchWatch | None = None,
    ) -> None:
        self._feed = feed
        self._config = config
        self._quiesce = quiesce
        self._may_go_on = may_go_on
        self._gave = gave
        self._watch = watch

    def list_parts(self) -> list[str]:
        """Name the one partition."""
        return [PART]

    def build_part(
        self, _step_id: str, _for_part: str, resume_state: dict[str, Any] | None
    ) -> "_Partition":
        """Open the feed at its resume row, or at its first."""
        edge = _Edge(self._may_go_on, self._gave, self._watch)
        return _Partition(self._feed, self._config, self._quiesce, edge, resume_state)


class _Edge(NamedTuple):
    may_go_on: Callable[[], bool]
    gave: Callable[[int], None]
    watch: SwitchWatch | None


class _Partition(StatefulSourcePartition[FeedBatch, dict[str, Any]]):
    def __init__(
        self,
        feed: TickFeed,
        config: FeedSourceConfig,
        quiesce: Quiesce,
        edge: _Edge,
        resume_state: dict[str, Any] | None,
    ) -> None:
        state = resume_state or {
            "v": STATE_VERSION,
            "row": 0,
            "done": False,
            "taken": config.taken,
            "scheduled": 0,
            "given": 0,
            "ready": switches_to_plain(config.begin_with),
        }
        if state["v"] != STATE_VERSION:
            msg = f"feed source state v{state['v']}; this code knows v{STATE_VERSION}"
            raise Corrupt(msg)
        self._feed = feed
        self._config = config
        self._quiesce = quiesce
        self._quiet = QuietPartition(quiesce)
        self._edge = edge
        self._row: int = state["row"]
        self._done: bool = state["done"]
        # Switches: taken of the ledger, of the schedule, given to the log, and next to be given.
        self._taken: int = state["taken"]
        self._scheduled: int = state["scheduled"]
        self._given: int = state["given"]
        self._ready = list(switches_from_plain(state["ready"]))
        self._batches: Iterator[TickArray] = feed.batches(self._row)
        self._rows = new_records(0)
        self._due = np.zeros(0, dtype=np.int64)
        self._paced_ns = 0
        self._last_recv_ns: int | None = None
        self._started_ns = monotonic_ns()

    def next_batch(self) -> Iterable[FeedBatch]:
        if self._quiet.must_be_quiet():
            return []
        if self._done:
            raise StopIteration
        if self._quiesce.draining:
            return [self._last(None)]
        if not self._edge.may_go_on():
            return []
        if not self._rows.size and not self._load():
            return [self._last(self._feed.end_ns)]
        count = min(self._rows.size, self._config.batch_rows)
        if self._config.speed is not None:
            elapsed_ns = int((monotonic_ns() - self._started_ns) * self._config.speed)
            count = min(count, int(np.searchsorted(self._due, elapsed_ns, side="right")))
        if self._scheduled < len(self._config.schedule):
            count = self._before_next_switch(self._rows[:count])
        batch = self._rows[:count]
        self._rows, self._due = self._rows[count:], self._due[count:]
        self._row += count
        self._edge.gave(count)
        switches, first = self._take_ready()
        if not count and not switches:
            return []
        return [FeedBatch(batch, switches=switches, first_switch=first)]

    def next_awake(self) -> datetime | None:
        # Scheduling is not logic: ticks keep their recorded times whatever the pace.
        return datetime.now(UTC) + _IDLE if not self._may_emit() else None  # noqa: TID251

    def snapshot(self) -> dict[str, Any]:
        self._quiet.on_snapshot()
        if self._edge.watch is not None and not self._done:
            found = self._edge.watch.poll(self._taken)
            self._taken += len(found)
            self._ready += found
        return {
            "v": STATE_VERSION,
            "row": self._row,
            "done": self._done,
            "taken": self._taken,
            "scheduled": self._scheduled,
            "given": self._given,
            "ready": switches_to_plain(self._ready),
        }

    def _last(self, end_ns: int | None) -> FeedBatch:
        self._done = True
        switches, first = self._take_ready()
        return FeedBatch(new_records(0), True, end_ns, switches, first)

    def _take_ready(self) -> tuple[tuple[ModelSwitch, ...], int]:
        """Return the switches that stand here, and the number of the first."""
        switches, first = tuple(self._ready), self._given + 1
        self._ready = []
        self._given += len(switches)
        return switches, first

    def _before_next_switch(self, rows: TickArray) -> int:
        """Make the switches ready that stand before some rows; return how many go before the next.

        Raw times are looked at: one that is wrong brings a switch too early, which changes nothing,
        and never too late.
        """
        if not rows.size:
            return 0
        schedule = self._config.schedule
        times = np.maximum(rows["ts_event_ns"], rows["ts_recv_ns"])
        while self._scheduled < len(schedule):
            later = times >= schedule[self._scheduled].effective_ns - _LEAD_NS
            first = int(later.argmax())
            if not later[first]:
                break
            if first:
                return first
            self._ready.append(schedule[self._scheduled])
            self._scheduled += 1
        return rows.size

    def _may_emit(self) -> bool:
        return self._config.speed is None and self._edge.may_go_on() and not self._quiesce.stopping

    def _load(self) -> bool:
        # An empty batch is not the end of the feed.
        self._rows = next((rows for rows in self._batches if rows.size), new_records(0))
        if not self._rows.size:
            return False
        if self._config.speed is not None:
            self._pace()
        return True

    def _pace(self) -> None:
        """Work out when each row is due."""
        recv = np.maximum.accumulate(self._rows["ts_recv_ns"])
        first = int(recv[0]) if self._last_recv_ns is None else self._last_recv_ns
        recv = np.maximum(recv, first)
        steps = np.clip(np.diff(recv, prepend=first), 0, _MAX_GAP_NS)
        self._due = self._paced_ns + np.cumsum(steps)
        self._paced_ns = int(self._due[-1])
        self._last_recv_ns = int(recv[-1])
