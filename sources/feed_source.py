"""The feed as a Bytewax source: paced by event time, held back by slow readers, resumable."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic_ns
from typing import Any, NamedTuple

import numpy as np
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from domain.errors import Corrupt
from domain.nanos import SECOND_NS
from domain.ticks import FeedBatch, TickArray, new_records
from sources.feed import TickFeed
from sources.quiesce import Quiesce, QuietPartition

STATE_VERSION = 1
PART = "feed"

_MAX_GAP_NS = 30 * SECOND_NS
"""Most event time that a paced replay waits between ticks: it does not sit out a weekend."""

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
    """

    speed: float | None = None
    batch_rows: int = 1_000


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
    """

    def __init__(
        self,
        feed: TickFeed,
        config: FeedSourceConfig,
        quiesce: Quiesce,
        may_go_on: Callable[[], bool],
        gave: Callable[[int], None] = lambda _rows: None,
    ) -> None:
        self._feed = feed
        self._config = config
        self._quiesce = quiesce
        self._may_go_on = may_go_on
        self._gave = gave

    def list_parts(self) -> list[str]:
        """Name the one partition."""
        return [PART]

    def build_part(
        self, _step_id: str, _for_part: str, resume_state: dict[str, Any] | None
    ) -> "_Partition":
        """Open the feed at its resume row, or at its first."""
        leave = _Leave(self._may_go_on, self._gave)
        return _Partition(self._feed, self._config, self._quiesce, leave, resume_state)


class _Leave(NamedTuple):
    may_go_on: Callable[[], bool]
    gave: Callable[[int], None]


class _Partition(StatefulSourcePartition[FeedBatch, dict[str, Any]]):
    def __init__(
        self,
        feed: TickFeed,
        config: FeedSourceConfig,
        quiesce: Quiesce,
        leave: _Leave,
        resume_state: dict[str, Any] | None,
    ) -> None:
        state = resume_state or {"v": STATE_VERSION, "row": 0, "done": False}
        if state["v"] != STATE_VERSION:
            msg = f"feed source state v{state['v']}; this code knows v{STATE_VERSION}"
            raise Corrupt(msg)
        self._feed = feed
        self._config = config
        self._quiesce = quiesce
        self._quiet = QuietPartition(quiesce)
        self._leave = leave
        self._row: int = state["row"]
        self._done: bool = state["done"]
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
            self._done = True
            return [FeedBatch(new_records(0), last=True)]
        if not self._leave.may_go_on():
            return []
        if not self._rows.size and not self._load():
            self._done = True
            return [FeedBatch(new_records(0), last=True, end_ns=self._feed.end_ns)]
        count = min(self._rows.size, self._config.batch_rows)
        if self._config.speed is not None:
            elapsed_ns = int((monotonic_ns() - self._started_ns) * self._config.speed)
            count = min(count, int(np.searchsorted(self._due, elapsed_ns, side="right")))
            self._due = self._due[count:]
        batch = self._rows[:count]
        self._rows = self._rows[count:]
        self._row += count
        self._leave.gave(count)
        return [FeedBatch(batch)] if count else []

    def next_awake(self) -> datetime | None:
        # Scheduling is not logic: ticks keep their recorded times whatever the pace.
        return datetime.now(UTC) + _IDLE if not self._may_emit() else None  # noqa: TID251

    def snapshot(self) -> dict[str, Any]:
        self._quiet.on_snapshot()
        return {"v": STATE_VERSION, "row": self._row, "done": self._done}

    def _may_emit(self) -> bool:
        return self._config.speed is None and self._leave.may_go_on() and not self._quiesce.stopping

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
