"""How AIFX writes to a partitioned log: topic names of a run, stamps, and the end of a stream.

Every message carries one header with a stamp: its stream, its number in that stream,
and wall-clock times for latency figures. The value of a message holds no wall clock.
"""

from functools import lru_cache
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
        return pack_stamp(*self)

    @classmethod
    def unpack(cls, header: bytes) -> "Stamp":
        """Read header bytes."""
        seq, wall_ns, origin_ns = _STAMP.unpack_from(header)
        return cls(seq, wall_ns, origin_ns, header[_STAMP.size :].decode())


def pack_stamp(seq: int, wall_ns: int, origin_ns: int, stream: str) -> bytes:
    """Write a `Stamp` as header bytes, without one in between: every record costs this."""
    return _STAMP.pack(seq, wall_ns, origin_ns) + _stream_bytes(stream)


@lru_cache(maxsize=4096)
def _stream_bytes(stream: str) -> bytes:
    return stream.encode()


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
    ends
        True for the end of its partition: it is written without key and value, and once, like every
        other record of its stream.
    """

    key: str
    stream: str
    value: bytes
    origin_ns: int = 0
    ends: bool = False


class Polled(NamedTuple):
    """Consecutive records of one partition.

    Attributes
    ----------
    first_offset, last_offset
        Where they stand, both included, the end too.
    values
        Raw record values, one for each offset from the first on, without the end. Empty where the
        end came alone.
    stamp
        Stamp of the first record: the one that has waited longest.
    ended
        True where the end of the partition stands behind them.
    """

    topic: Topic
    partition: int
    first_offset: int
    last_offset: int
    values: list[bytes]
    stamp: Stamp
    ended: bool = False


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
