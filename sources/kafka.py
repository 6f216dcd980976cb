"""The Kafka source: one shared consumer for all partitions of the process, never blocking.

Offsets live in the recovery store. They are also committed under a real consumer group once their
epoch is durable, so that lag tools see the truth; and, where flow control is on, the positions as
read are committed under ``<group>.flow``, by which a replayed feed paces itself.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from bytewax.inputs import AbortExecution, FixedPartitionedSource, StatefulSourcePartition

from domain.errors import Corrupt
from domain.log import Polled
from domain.topics import Topic
from sources.kafka_config import KafkaSourceConfig
from sources.kafka_hub import Hub
from sources.kafka_positions import FLOW_SUFFIX
from sources.quiesce import Quiesce, QuietPartition

__all__ = ["FLOW_SUFFIX", "STATE_VERSION", "KafkaSource", "KafkaSourceConfig"]

STATE_VERSION = 1


class KafkaSource(FixedPartitionedSource[Polled, dict[str, Any]]):
    """Reads the run's topics from Kafka, resumable at exact offsets.

    Parameters
    ----------
    config
        What to read.
    quiesce
        How the process asks for an orderly stop.
    observe
        Called with (hop, nanoseconds) for the record of each poll that waited longest.
    wall_ns
        Reads the wall clock, for latency figures only.
    whole_is_over
        Says whether nothing more is to come in the whole topics, for topics without an end of their
        own. Asked at every look, but only after the main topics of this process have ended and a
        snapshot of that is durable: what this process gives to the others is then in the log. None
        where they have ends.
    """

    def __init__(
        self,
        config: KafkaSourceConfig,
        quiesce: Quiesce,
        observe: Callable[[str, int], None],
        wall_ns: Callable[[], int],
        whole_is_over: Callable[[], bool] | None = None,
    ) -> None:
        self._config = config
        self._quiesce = quiesce
        self._observe = observe
        self._wall_ns = wall_ns
        self._whole_is_over = whole_is_over
        self._hub: Hub | None = None

    def list_parts(self) -> list[str]:
        """Name this process's slice of partitions, and those of whole topics: ``topic|0003``."""
        config = self._config
        every = range(config.address.partitions)
        mine = [p for p in every if p % config.count == config.index]
        sliced = [f"{t}|{p:04d}" for t in (*config.topics, *config.side_topics) for p in mine]
        whole = every if config.whole_partitions is None else config.whole_partitions
        return sliced + [f"{t}|{p:04d}" for t in config.whole_topics for p in whole]

    def build_part(
        self, _step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> "_Partition":
        """Open one partition at its resume offset, or at its beginning.

        Raises
        ------
        Corrupt
            If the stored state is of another version.
        """
        if self._hub is None:
            self._hub = Hub(self._config, self._observe, self._wall_ns)
        name, _, number = for_part.partition("|")
        topic = Topic(name)
        if topic in self._config.whole_topics and self._whole_is_over is not None:
            end: _End = _WholeEnd(self._hub, self._whole_is_over)
        elif topic in self._config.side_topics:
            end = _SideEnd(self._hub)
        else:
            end = _End(self._hub)
        return _Partition(self._hub, topic, int(number), resume_state, self._quiesce, end)


class _End:
    """When a partition is over without an end of its own: a main topic's never."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def has_come(self) -> bool:
        return False

    def on_snapshot(self) -> None:
        """Note that a snapshot is being taken."""

    def on_durable(self) -> None:
        """Note that the last snapshot is durable."""


class _SideEnd(_End):
    """A side topic's partition ends with the main topics."""

    def has_come(self) -> bool:
        return self._hub.mains_are_over()


class _WholeEnd(_End):
    """A whole topic's partition ends when it is told so, after the main topics and a snapshot."""

    def __init__(self, hub: Hub, is_over: Callable[[], bool]) -> None:
        super().__init__(hub)
        self._is_over = is_over
        self._saved = False
        self._durable = False

    def has_come(self) -> bool:
        return self._durable and self._is_over()

    def on_snapshot(self) -> None:
        self._saved = self._hub.mains_are_over()

    def on_durable(self) -> None:
        self._durable = self._saved


class _Partition(StatefulSourcePartition[Polled, dict[str, Any]]):
    def __init__(
        self,
        hub: Hub,
        topic: Topic,
        partition: int,
        resume_state: dict[str, Any] | None,
        quiesce: Quiesce,
        end: _End,
    ) -> None:
        state = resume_state or {"v": STATE_VERSION, "offset": 0, "ended": False}
        if state["v"] != STATE_VERSION:
            msg = f"Kafka source state v{state['v']}; this code knows v{STATE_VERSION}"
            raise Corrupt(msg)
        self._hub = hub
        self._topic = topic
        self._partition = partition
        self._offset: int = state["offset"]
        self._ended: bool = state["ended"]
        self._snapshot_offset: int | None = None
        self._quiet = QuietPartition(quiesce)
        self._end = end
        self._inbox = hub.open(topic, partition, self._offset, ended=self._ended)

    def next_batch(self) -> Iterable[Polled]:
        if self._snapshot_offset is not None:
            # The engine comes back after a snapshot only when its epoch is durable.
            self._hub.durable(self._topic, self._partition, self._snapshot_offset)
            self._snapshot_offset = None
            self._end.on_durable()
        try:
            if self._quiet.must_be_quiet():
                self._hub.commit(wait=True)
                return []
        except AbortExecution:
            self._hub.stopped()
            raise
        if self._ended or (not self._inbox.waiting and self._end.has_come()):
            raise StopIteration
        if not self._inbox.waiting:
            self._hub.poll()
        if self._inbox.offset == self._offset:
            return []
        return self._take()

    def next_awake(self) -> datetime | None:
        return None if self._inbox.waiting else self._hub.awake()

    def snapshot(self) -> dict[str, Any]:
        self._quiet.on_snapshot()
        self._end.on_snapshot()
        self._snapshot_offset = self._offset
        return {"v": STATE_VERSION, "offset": self._offset, "ended": self._ended}

    def close(self) -> None:
        # Others may go on for long, and what still comes in for this one is not to pile up.
        self._inbox.ended = True
        self._hub.closed()

    def _take(self) -> list[Polled]:
        inbox = self._inbox
        self._offset = inbox.offset
        self._hub.read(self._topic, self._partition, self._offset)
        if inbox.ended:
            self._ended = True
            self._hub.ended(self._topic)
        batches = inbox.take()
        for polled in batches:
            self._hub.saw(self._topic, polled.stamp)
        return batches
