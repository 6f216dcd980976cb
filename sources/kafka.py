"""The Kafka source: one shared consumer for all partitions of the process, never blocking.

Offsets live in the recovery store. They are also committed under a real consumer group once their
epoch is durable, so that lag tools see the truth; and, where flow control is on, the positions as
read are committed under ``<group>.flow``, by which a replayed feed paces itself.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic_ns
from typing import Any

from bytewax.inputs import AbortExecution, FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from domain.errors import Corrupt, Halt
from domain.log import END_HEADER, STAMP_HEADER, LogAddress, Polled, Stamp, find_header
from domain.nanos import MS_NS
from domain.topics import Topic
from sources.quiesce import Quiesce, QuietPartition

STATE_VERSION = 1
FLOW_SUFFIX = ".flow"

_POLL_EVERY_NS = 300_000
"""All idle partitions share a poll of this age (0.3 ms): polling for each would burn the core."""

_QUIET_AFTER_NS = 250 * MS_NS
_QUIET_FACTOR = 3
"""Where nothing came for a quarter of a second, looking a third as often saves most of the cost of
being idle; the first record after a silence then waits up to this many ``idle_ms``."""

_COMMIT_EVERY_NS = 20 * MS_NS
"""Flow positions are this fresh. A feed at full speed writes about 1,000 records in that time."""

_TELL_AGAIN_NS = 1_000 * MS_NS
"""Positions are told again though nothing moved: a feed that waits for one that was lost would wait
for ever."""

_MAX_POLL_RECORDS = 4_000
"""Bounds one poll: at 72 bytes a tick, about 0.3 MB."""


@dataclass(frozen=True, slots=True)
class KafkaSourceConfig:
    """Settings of a Kafka source.

    Attributes
    ----------
    address
        Cluster, prefix and partition count.
    topics
        Topics to read to their end of stream.
    reader
        Name of the dataflow, in latency figures.
    group
        Consumer group of the committed offsets.
    side_topics
        Topics that have no end of their own: read while any of ``topics`` goes on.
    index, count
        This process reads the partitions ``p`` with ``p % count == index``.
    idle_ms
        How long idle partitions sleep between looks; adds to latency. Three times as long where
        nothing has come for a while.
    flow_control
        Whether to publish positions for a feed that paces itself.
    """

    address: LogAddress
    topics: tuple[Topic, ...]
    reader: str
    group: str
    side_topics: tuple[Topic, ...] = ()
    index: int = 0
    count: int = 1
    idle_ms: float = 1.0
    flow_control: bool = False


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
    """

    def __init__(
        self,
        config: KafkaSourceConfig,
        quiesce: Quiesce,
        observe: Callable[[str, int], None],
        wall_ns: Callable[[], int],
    ) -> None:
        self._config = config
        self._quiesce = quiesce
        self._observe = observe
        self._wall_ns = wall_ns
        self._hub: _Hub | None = None

    def list_parts(self) -> list[str]:
        """Name this process's slice of partitions: ``topic|0003``."""
        config = self._config
        return [
            f"{topic}|{p:04d}"
            for topic in (*config.topics, *config.side_topics)
            for p in range(config.address.partitions)
            if p % config.count == config.index
        ]

    def build_part(
        self, _step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> "_Partition":
        """Open one partition at its resume offset, or at its beginning."""
        if self._hub is None:
            self._hub = _Hub(self._config, self._observe, self._wall_ns)
        topic, _, number = for_part.partition("|")
        return _Partition(self._hub, Topic(topic), int(number), resume_state, self._quiesce)


class _Partition(StatefulSourcePartition[Polled, dict[str, Any]]):
    def __init__(
        self,
        hub: "_Hub",
        topic: Topic,
        partition: int,
        resume_state: dict[str, Any] | None,
        quiesce: Quiesce,
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
        self._queue = hub.open(topic, partition, self._offset, ended=self._ended)

    def next_batch(self) -> Iterable[Polled]:
        if self._snapshot_offset is not None:
            self._hub.durable(self._topic, self._partition, self._snapshot_offset)
            self._snapshot_offset = None
        try:
            if self._quiet.must_be_quiet():
                self._hub.commit(wait=True)
                return []
        except AbortExecution:
            self._hub.stopped()
            raise
        if self._ended or self._hub.side_is_over(self._topic, self._queue):
            raise StopIteration
        if not self._queue:
            self._hub.poll()
        if not self._queue:
            return []
        return self._take()

    def next_awake(self) -> datetime | None:
        return None if self._queue else self._hub.awake()

    def snapshot(self) -> dict[str, Any]:
        self._quiet.on_snapshot()
        self._snapshot_offset = self._offset
        return {"v": STATE_VERSION, "offset": self._offset, "ended": self._ended}

    def close(self) -> None:
        self._hub.closed()

    def _take(self) -> list[Polled]:
        queue = self._queue
        first = message = queue[0]
        values: list[bytes] = []
        while queue:
            message = queue.popleft()
            value = message.value()
            if value:
                values.append(value)
            elif find_header(message.headers(), END_HEADER) is not None:
                self._ended = True
                self._hub.ended(self._topic)
                break
        self._offset = _offset(message) + 1
        self._hub.read(self._topic, self._partition, self._offset)
        if not values:
            return []
        stamp = _stamp_of(first)
        self._hub.saw(self._topic, stamp)
        return [
            Polled(self._topic, self._partition, _offset(first), self._offset - 1, values, stamp)
        ]


def _offset(message: Message) -> int:
    offset = message.offset()
    if offset is None:
        msg = "the Kafka client gave a message without offset"
        raise Halt(msg)
    return offset


def _stamp_of(message: Message) -> Stamp:
    header = find_header(message.headers(), STAMP_HEADER)
    return Stamp(0, 0, 0, "") if header is None else Stamp.unpack(header)


class _Positions:
    """Offsets of one consumer group, told whole: the next commit mends one that was lost."""

    def __init__(self) -> None:
        self._offsets: dict[tuple[str, int], int] = {}
        self._changed = False
        self._told_ns = 0

    def note(self, place: tuple[str, int], offset: int) -> None:
        if self._offsets.get(place) != offset:
            self._offsets[place] = offset
            self._changed = True

    def take_over(self, other: "_Positions") -> None:
        for place, offset in other._offsets.items():
            self.note(place, offset)

    def tell(self, consumer: Consumer, *, wait: bool) -> None:
        now = monotonic_ns()
        again = not wait and now - self._told_ns >= _TELL_AGAIN_NS
        if not self._offsets or not (self._changed or again):
            return
        self._changed = False
        self._told_ns = now
        positions = [TopicPartition(t, p, offset) for (t, p), offset in self._offsets.items()]
        # Two calls: the client's types tell them apart by the literal.
        if wait:
            consumer.commit(offsets=positions, asynchronous=False)
        else:
            consumer.commit(offsets=positions, asynchronous=True)


class _Hub:
    """The connections that all partitions of one process share; holds no state of the flow."""

    def __init__(
        self,
        config: KafkaSourceConfig,
        observe: Callable[[str, int], None],
        wall_ns: Callable[[], int],
    ) -> None:
        self._config = config
        self._observe = observe
        self._wall_ns = wall_ns
        self._idle = timedelta(milliseconds=config.idle_ms)
        self._awake = datetime.min.replace(tzinfo=UTC)
        self._consumer = Consumer(_client_config(config.address.bootstrap, config.group))
        self._flow = (
            Consumer(_client_config(config.address.bootstrap, config.group + FLOW_SUFFIX))
            if config.flow_control
            else None
        )
        # The client types both as optional; a record has them.
        self._queues: dict[tuple[str | None, int | None], deque[Message]] = {}
        self._starts: list[TopicPartition] = []
        self._assigned = False
        self._open = 0
        self._open_mains = 0
        self._polled_ns = 0
        self._heard_ns = 0
        self._committed_ns = 0
        self._read = _Positions()
        self._durable = _Positions()

    def open(self, topic: Topic, partition: int, offset: int, *, ended: bool) -> deque[Message]:
        name = self._config.address.topic(topic)
        queue: deque[Message] = deque()
        self._queues[name, partition] = queue
        if not ended:
            self._starts.append(TopicPartition(name, partition, offset))
            if topic in self._config.topics:
                self._open_mains += 1
        self._open += 1
        self._read.note((name, partition), offset)
        return queue

    def side_is_over(self, topic: Topic, queue: deque[Message]) -> bool:
        return topic in self._config.side_topics and self._open_mains == 0 and not queue

    def ended(self, topic: Topic) -> None:
        if topic in self._config.topics:
            self._open_mains -= 1

    def poll(self) -> None:
        now = monotonic_ns()
        if now - self._polled_ns < _POLL_EVERY_NS:
            return
        self._polled_ns = now
        if not self._assigned:
            self._consumer.assign(self._starts)
            self._assigned = True
        messages = self._consumer.consume(_MAX_POLL_RECORDS, 0)
        if messages:
            self._heard_ns = now
        for message in messages:
            error = message.error()
            if error is None:
                self._queues[message.topic(), message.partition()].append(message)
            else:
                _judge_error(error)
        if now - self._committed_ns >= _COMMIT_EVERY_NS:
            self._committed_ns = now
            self.commit()

    def awake(self) -> datetime:
        # Scheduling is not logic: no result depends on when a partition looks again. All idle ones
        # look at the same time: the engine is woken once for all of them, not once for each.
        now = datetime.now(UTC)  # noqa: TID251
        if self._awake <= now:
            quiet = monotonic_ns() - self._heard_ns > _QUIET_AFTER_NS
            self._awake = now + (self._idle * _QUIET_FACTOR if quiet else self._idle)
        return self._awake

    def saw(self, topic: Topic, stamp: Stamp) -> None:
        if stamp.wall_ns:
            self._observe(f"{topic}_to_{self._config.reader}", self._wall_ns() - stamp.wall_ns)

    def read(self, topic: Topic, partition: int, offset: int) -> None:
        self._read.note((self._config.address.topic(topic), partition), offset)

    def durable(self, topic: Topic, partition: int, offset: int) -> None:
        self._durable.note((self._config.address.topic(topic), partition), offset)

    def commit(self, *, wait: bool = False) -> None:
        self._durable.tell(self._consumer, wait=wait)
        if self._flow is not None:
            self._read.tell(self._flow, wait=wait)
            # It reads nothing; but answers to its commits pile up until they are fetched.
            self._flow.poll(0)

    def stopped(self) -> None:
        """Commit everything: all partitions are quiet, and what they had read is durable."""
        self._durable.take_over(self._read)
        self.commit(wait=True)

    def closed(self) -> None:
        """Commit the ends with the last partition: the engine then only has to finish its epoch."""
        self._open -= 1
        if self._open == 0:
            self.stopped()


def _client_config(bootstrap: str, group: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "enable.auto.commit": False,
        # A position that the log no longer holds is a loss; it must never pass in silence.
        "auto.offset.reset": "error",
        # The embedded log answers a fetch only after this time: keep it short.
        "fetch.wait.max.ms": 2,
        "fetch.min.bytes": 1,
        "fetch.queue.backoff.ms": 1,
        "queued.max.messages.kbytes": 16_384,
        "log_level": 3,
    }


def _judge_error(error: KafkaError) -> None:
    if error.code() in {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:
        msg = (
            "the log no longer holds the position at which to go on reading "
            f"({error.str()}): records were lost; rebuild from a full log with a fresh run"
        )
        raise Halt(msg)
    if error.fatal() or not (error.retriable() or error.code() < 0):
        msg = f"Kafka refuses to be read: {error.str()}"
        raise Halt(msg)
