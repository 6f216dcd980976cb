"""The Kafka sink: each record once, also when the flow replays after a crash.

Every record carries its number within its stream. On start the sink reads what the output partition
holds beyond the last snapshot, and skips the records that a replay makes again. This needs streams
whose order does not depend on batching, and one live writer per partition.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from domain.errors import Corrupt
from domain.log import END_HEADER, STAMP_HEADER, LogAddress, OutRecord, pack_stamp
from domain.topics import Topic, partition_of
from sinks.kafka_scan import extent, held_since, reader
from sinks.producer import FLUSH_TIMEOUT_S, SharedProducer

__all__ = [
    "FLUSH_TIMEOUT_S",
    "KafkaSink",
    "KafkaSinkConfig",
    "SharedProducer",
    "extent",
    "held_since",
    "reader",
]

STATE_VERSION = 1

_END = (END_HEADER, b"1")


@dataclass(frozen=True, slots=True)
class KafkaSinkConfig:
    """Which topic of which cluster to write."""

    address: LogAddress
    topic: Topic


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
        self._parts: dict[int, _Partition] = {}

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
        part = self._parts[int(for_part)] = _Partition(
            self._config,
            int(for_part),
            resume_state,
            self._producer,
            self._wall_ns,
            self._observe,
            self._count,
        )
        return part

    def replays(self, partitions: Iterable[int], but: str) -> bool:
        """Say whether a replay may still be behind what the log holds in some partitions.

        Parameters
        ----------
        partitions
            Which; one that is not open yet counts as behind.
        but
            A stream that is not looked at.
        """
        return any(p not in self._parts or self._parts[p].is_behind(but) for p in partitions)


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
        self._keys: dict[str, bytes] = {}
        self._caught_up: int = state["offset"]
        self._held, self._offset = held_since(
            config.address.bootstrap, self._topic, partition, self._caught_up
        )

    def write_batch(self, values: list[list[OutRecord]]) -> None:
        wall_ns = self._wall_ns()
        before = self._offset
        for batch in values:
            for record in batch:
                self._write(record, wall_ns)
            if batch and batch[-1].origin_ns:
                self._observe(self._hop, self._wall_ns() - batch[-1].origin_ns)
        if self._offset > before:
            self._producer.answers()

    def _write(self, record: OutRecord, wall_ns: int) -> None:
        key, stream, value, origin_ns, ends = record
        seq = self._seq[stream] = self._seq.get(stream, 0) + 1
        if self._held and seq <= self._held.get(stream, 0):
            self._count("replayed", 1)
            return
        header = (STAMP_HEADER, pack_stamp(seq, wall_ns, origin_ns or wall_ns, stream))
        if ends:
            self._producer.write(self._topic, self._partition, b"", b"", header, _END)
        else:
            raw_key = self._keys.get(key)
            if raw_key is None:
                raw_key = self._keys[key] = key.encode()
            self._producer.write(self._topic, self._partition, raw_key, value, header)
        self._offset += 1

    def is_behind(self, but: str) -> bool:
        """Say whether the log holds records that have not been made again."""
        return any(
            stream != but and self._seq.get(stream, 0) < seq for stream, seq in self._held.items()
        )

    def snapshot(self) -> dict[str, Any]:
        self._producer.flush()
        # In the middle of a replay the log is ahead of ``seq``: the next start must read it again.
        if all(self._seq.get(stream, 0) >= seq for stream, seq in self._held.items()):
            self._held.clear()
            self._caught_up = self._offset
        return {"v": STATE_VERSION, "offset": self._caught_up, "seq": dict(self._seq)}

    def close(self) -> None:
        self._producer.flush()
