"""The Kafka sink: each record once, also when the flow replays after a crash.

Every record carries its number within its stream. On start the sink reads what the output partition
holds beyond the last snapshot, and skips the records that a replay makes again. This needs streams
whose order does not depend on batching, and one live writer per partition.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from domain.errors import Corrupt, Halt, Retry
from domain.log import STAMP_HEADER, LogAddress, OutRecord, Stamp, find_header
from domain.topics import Topic, partition_of

STATE_VERSION = 1
FLUSH_TIMEOUT_S = 60.0
"""A broker that does not take what was written for this long fails the epoch: it is replayed."""

_SCAN_TIMEOUT_S = 30.0
_ASK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class KafkaSinkConfig:
    """Which topic of which cluster to write."""

    address: LogAddress
    topic: Topic


class SharedProducer:
    """One idempotent producer for all sinks of a process, opened at its first use."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: Producer | None = None
        self._failed: KafkaError | None = None

    def write(
        self, topic: str, partition: int, key: bytes, value: bytes, header: tuple[str, bytes]
    ) -> None:
        """Queue one message; waits for room where the queue is full.

        Raises
        ------
        Halt
            If it can never be written: too large, or no such partition.
        """
        producer = self._open()
        while True:
            try:
                producer.produce(
                    topic,
                    value=value,
                    key=key,
                    partition=partition,
                    headers=[header],
                    on_delivery=self._delivered,
                )
            except BufferError:
                producer.poll(0.01)
            except KafkaException as error:
                size = f"{len(value):,} bytes for {topic}[{partition}]"
                msg = f"Kafka takes no record of {size}: {error.args[0].str()}"
                raise Halt(msg) from error
            else:
                break
        producer.poll(0)

    def flush(self) -> None:
        """Wait until the broker has everything.

        Raises
        ------
        Retry
            If it has not within `FLUSH_TIMEOUT_S`, or refused a message: replay the epoch.
        """
        if self._producer is not None and self._producer.flush(FLUSH_TIMEOUT_S):
            msg = f"Kafka at {self._bootstrap} did not take all records in {FLUSH_TIMEOUT_S:.0f} s"
            raise Retry(msg)
        if self._failed is not None:
            msg = f"Kafka at {self._bootstrap} refused a record: {self._failed.str()}"
            raise Retry(msg)

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed = error

    def _open(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(
                {
                    "bootstrap.servers": self._bootstrap,
                    "enable.idempotence": True,
                    "acks": "all",
                    "linger.ms": 0,
                    "delivery.report.only.error": True,
                    "log_level": 3,
                }
            )
        return self._producer


class KafkaSink(FixedPartitionedSink[list[OutRecord], dict[str, Any]]):
    """Writes lists of records to a topic; routed by key, or by partition number as digits.

    Parameters
    ----------
    config
        What to write.
    producer
        Shared by the sinks of the process.
    wall_ns
        Reads the wall clock, for stamps only.
    observe
        Called with (hop, nanoseconds) from the causing tick's entry into the log to this write.
    count
        Called with (name, number): ``replayed`` for records that the log held already.
    """

    def __init__(
        self,
        config: KafkaSinkConfig,
        producer: SharedProducer,
        wall_ns: Callable[[], int],
        observe: Callable[[str, int], None],
        count: Callable[[str, int], None],
    ) -> None:
        self._config = config
        self._producer = producer
        self._wall_ns = wall_ns
        self._observe = observe
        self._count = count

    def list_parts(self) -> list[str]:
        """Name every partition of the topic."""
        return [f"{p:04d}" for p in range(self._config.address.partitions)]

    def part_fn(self, item_key: str) -> int:
        """Route digits to that partition, any other key to its own."""
        if item_key.isdigit():
            return int(item_key)
        return partition_of(item_key, self._config.address.partitions)

    def build_part(
        self, _step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> "_Partition":
        """Open one partition after what the log already holds."""
        return _Partition(
            self._config,
            int(for_part),
            resume_state,
            self._producer,
            self._wall_ns,
            self._observe,
            self._count,
        )


class _Partition(StatefulSinkPartition[list[OutRecord], dict[str, Any]]):
    def __init__(
        self,
        config: KafkaSinkConfig,
        partition: int,
        resume_state: dict[str, Any] | None,
        producer: SharedProducer,
        wall_ns: Callable[[], int],
        observe: Callable[[str, int], None],
        count: Callable[[str, int], None],
    ) -> None:
        state = resume_state or {"v": STATE_VERSION, "offset": 0, "seq": {}}
        if state["v"] != STATE_VERSION:
            msg = f"Kafka sink state v{state['v']}; this code knows v{STATE_VERSION}"
            raise Corrupt(msg)
        self._topic = config.address.topic(config.topic)
        self._hop = f"tick_to_{config.topic.removesuffix('s')}"
        self._partition = partition
        self._producer = producer
        self._wall_ns = wall_ns
        self._observe = observe
        self._count = count
        self._seq: dict[str, int] = dict(state["seq"])
        self._caught_up: int = state["offset"]
        self._held, self._offset = held_since(
            config.address.bootstrap, self._topic, partition, self._caught_up
        )

    def write_batch(self, values: list[list[OutRecord]]) -> None:
        wall_ns = self._wall_ns()
        for batch in values:
            for record in batch:
                seq = self._seq.get(record.stream, 0) + 1
                self._seq[record.stream] = seq
                if seq <= self._held.get(record.stream, 0):
                    self._count("replayed", 1)
                    continue
                stamp = Stamp(seq, wall_ns, record.origin_ns or wall_ns, record.stream)
                header = (STAMP_HEADER, stamp.pack())
                key = record.key.encode()
                self._producer.write(self._topic, self._partition, key, record.value, header)
                self._offset += 1
            if batch and batch[-1].origin_ns:
                self._observe(self._hop, self._wall_ns() - batch[-1].origin_ns)

    def snapshot(self) -> dict[str, Any]:
        self._producer.flush()
        # In the middle of a replay the log is ahead of ``seq``: the next start must read it again.
        if all(self._seq.get(stream, 0) >= seq for stream, seq in self._held.items()):
            self._held.clear()
            self._caught_up = self._offset
        return {"v": STATE_VERSION, "offset": self._caught_up, "seq": dict(self._seq)}

    def close(self) -> None:
        self._producer.flush()


def reader(bootstrap: str) -> Consumer:
    """Return a consumer that reads what the log holds, and leaves no trace in it."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "aifx.scan",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 2,
            "log_level": 3,
        }
    )


def extent(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """Return the first offset of a partition and the next one to be written.

    A topic that was created a moment ago may have no leader yet: waits for it.

    Raises
    ------
    Retry
        If nobody tells in time.
    """
    place = TopicPartition(topic, partition)
    until = monotonic() + _SCAN_TIMEOUT_S
    while True:
        try:
            first, following = consumer.get_watermark_offsets(place, timeout=_SCAN_TIMEOUT_S)
        except KafkaException as error:
            if monotonic() > until:
                msg = f"{topic}[{partition}] cannot be reached: {error.args[0].str()}"
                raise Retry(msg) from error
            sleep(_ASK_AGAIN_S)
        else:
            return first, following


def held_since(
    bootstrap: str, topic: str, partition: int, offset: int
) -> tuple[dict[str, int], int]:
    """Read what a partition holds from ``offset`` on.

    Returns
    -------
    tuple[dict[str, int], int]
        Highest number by stream, and the next offset to be written.

    Raises
    ------
    Retry
        If the partition cannot be read to its end in time.
    Halt
        If it ends before ``offset``.
    """
    consumer = reader(bootstrap)
    try:
        low, high = extent(consumer, topic, partition)
        if high < offset:
            msg = (
                f"{topic}[{partition}] ends at {high}, and {offset} was written once: records were "
                "lost; rebuild from a full log with a fresh run"
            )
            raise Halt(msg)
        held: dict[str, int] = {}
        next_offset = max(offset, low)
        if next_offset < high:
            consumer.assign([TopicPartition(topic, partition, next_offset)])
        while next_offset < high:
            # The client waits until it has as many as asked for: never ask for more than there are.
            messages = consumer.consume(min(high - next_offset, 1_000), _SCAN_TIMEOUT_S)
            if not messages:
                msg = f"{topic}[{partition}] could not be read from {next_offset} to {high}"
                raise Retry(msg)
            for message in messages:
                error = message.error()
                if error is not None:
                    msg = f"{topic}[{partition}] could not be read: {error.str()}"
                    raise Retry(msg)
                next_offset = (message.offset() or 0) + 1
                header = find_header(message.headers(), STAMP_HEADER)
                if header is not None:
                    stamp = Stamp.unpack(header)
                    held[stamp.stream] = max(held.get(stamp.stream, 0), stamp.seq)
        return held, high
    finally:
        consumer.close()
