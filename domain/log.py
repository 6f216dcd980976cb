"""How AIFX writes to a partitioned log: topic names of a run, stamps, and the end of a stream.

Every message carries one header with a stamp: its stream, its number in that stream,
and wall-clock times for latency figures. The value of a message holds no wall clock.
"""

from struct import Struct
from typing import NamedTuple

from domain.topics import Topic, partition_of

STAMP_HEADER = "aifx"
END_HEADER = "aifx-end"
"""A message with an empty value and this header ends its partition: no more will be written."""

_STAMP = Struct("<qqq")


class LogAddress(NamedTuple):
    """Where a run's topics are.

    Attributes
    ----------
    bootstrap
        ``HOST:PORT`` of a Kafka broker.
    prefix
        Put before every topic name: runs on one cluster do not mix. Empty in live operation.
    partitions
        Number of partitions of every topic (> 0).
    """

    bootstrap: str
    prefix: str
    partitions: int

    def topic(self, topic: Topic) -> str:
        """Return the name of a topic on the cluster."""
        return self.prefix + topic

    def partition(self, key: str) -> int:
        """Return the partition in which a key lives, on every topic."""
        return partition_of(key, self.partitions)


class Stamp(NamedTuple):
    """The header of a message.

    Attributes
    ----------
    seq
        1 for the first record of its stream, and so on without gaps: a writer that replays after a
        crash skips what the log already holds.
    wall_ns
        Wall clock when it was written.
    origin_ns
        Wall clock when the tick that caused it was written; 0 where there was none.
    stream
        Records of one stream come in one order, however the work was cut into batches.
    """

    seq: int
    wall_ns: int
    origin_ns: int
    stream: str

    def pack(self) -> bytes:
        """Write the stamp as header bytes."""
        return _STAMP.pack(self.seq, self.wall_ns, self.origin_ns) + self.stream.encode()

    @classmethod
    def unpack(cls, header: bytes) -> "Stamp":
        """Read header bytes."""
        seq, wall_ns, origin_ns = _STAMP.unpack_from(header)
        return cls(seq, wall_ns, origin_ns, header[_STAMP.size :].decode())


class OutRecord(NamedTuple):
    """One record on its way into the log.

    Attributes
    ----------
    key
        Message key: the symbol or the account; empty for heartbeats.
    stream
        See `Stamp`.
    value
        The encoded record.
    origin_ns
        See `Stamp`.
    """

    key: str
    stream: str
    value: bytes
    origin_ns: int = 0


class Polled(NamedTuple):
    """Consecutive records of one partition.

    Attributes
    ----------
    first_offset, last_offset
        Where they stand, both included.
    values
        Raw record values, without the empty end-of-stream message.
    stamp
        Stamp of the first record: the one that has waited longest.
    """

    topic: Topic
    partition: int
    first_offset: int
    last_offset: int
    values: list[bytes]
    stamp: Stamp


def find_header(headers: object, name: str) -> bytes | None:
    """Return the bytes of a message header by name, or None where it has none.

    Parameters
    ----------
    headers
        What a Kafka client gives: None, or pairs of name and value.
    """
    if isinstance(headers, list):
        for key, value in headers:
            if key == name and isinstance(value, bytes):
                return value
    return None
