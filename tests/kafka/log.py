"""Writing to and reading from a log without the code under test."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from domain.log import END_HEADER, STAMP_HEADER, LogAddress, Stamp, find_header
from domain.topics import Topic

TIMEOUT_S = 20.0
_LEAST_TRIES = 200
"""Of a condition that is waited for: the machine itself may stand still for a while."""

_NO_LEADER_YET = frozenset(
    {
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
"""Codes of a broker that has not spread the word; it does not mark them as passing."""
WALL_NS = 1_700_000_000_000_000_000
"""Where a wall clock is asked for and does not matter."""


class Record(NamedTuple):
    """One message as it stands in the log; an end of stream has no stamp."""

    partition: int
    offset: int
    key: str
    value: bytes
    stamp: Stamp | None
    end: bool


def wall() -> int:
    """Stand in for the wall clock."""
    return WALL_NS


def ignore(_name: str, _number: int) -> None:
    """Take a latency or a count and drop it."""


def write(address: LogAddress, topic: Topic, records: Iterable[tuple[int, bytes, bytes]]) -> None:
    """Write (partition, key, value) with stamps counted by key, and wait until all are there."""
    producer = Producer({"bootstrap.servers": address.bootstrap, "linger.ms": 5})
    seqs: Counter[bytes] = Counter()
    for partition, key, value in records:
        seqs[key] += 1
        stamp = Stamp(seqs[key], WALL_NS, WALL_NS, key.decode())
        producer.produce(
            address.topic(topic),
            partition=partition,
            key=key,
            value=value,
            headers=[(STAMP_HEADER, stamp.pack())],
        )
        producer.poll(0)
    assert producer.flush(TIMEOUT_S) == 0


def write_end(address: LogAddress, topic: Topic, partitions: Iterable[int]) -> None:
    """End some partitions."""
    producer = Producer({"bootstrap.servers": address.bootstrap})
    for partition in partitions:
        producer.produce(
            address.topic(topic), partition=partition, value=b"", headers=[(END_HEADER, b"1")]
        )
    assert producer.flush(TIMEOUT_S) == 0


def _ends(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    """Return the first and the next offset of a partition, once it has a leader."""
    until = time.monotonic() + TIMEOUT_S
    while True:
        try:
            low, high = consumer.get_watermark_offsets(place, timeout=TIMEOUT_S)
        except KafkaException as error:
            # A topic that was just created has no leader for a moment.
            if error.args[0].code() not in _NO_LEADER_YET or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return low, high


def read(address: LogAddress, topic: Topic) -> list[Record]:
    """Read all that a topic holds, partition by partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": address.bootstrap,
            "group.id": "tests.read",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 2,
        }
    )
    found: list[Record] = []
    try:
        for partition in range(address.partitions):
            place = TopicPartition(address.topic(topic), partition)
            low, high = _ends(consumer, place)
            if low == high:
                continue
            consumer.assign([TopicPartition(place.topic, partition, low)])
            messages = consumer.consume(high - low, TIMEOUT_S)
            assert len(messages) == high - low
            for message in messages:
                assert message.error() is None
                headers = message.headers()
                stamp = find_header(headers, STAMP_HEADER)
                found.append(
                    Record(
                        partition,
                        message.offset() or 0,
                        _text(message.key()),
                        message.value() or b"",
                        None if stamp is None else Stamp.unpack(stamp),
                        find_header(headers, END_HEADER) is not None,
                    )
                )
    finally:
        consumer.close()
    return found


def streams(records: Iterable[Record]) -> dict[str, list[tuple[int, bytes]]]:
    """Return (number, value) in log order, by stream; the streams must keep to one partition."""
    found: dict[str, list[tuple[int, bytes]]] = {}
    homes: dict[str, int] = {}
    for record in records:
        if record.stamp is not None:
            stream = record.stamp.stream
            assert homes.setdefault(stream, record.partition) == record.partition
            found.setdefault(stream, []).append((record.stamp.seq, record.value))
    return found


def committed(address: LogAddress, topic: Topic, group: str) -> dict[int, int]:
    """Return the offsets that a consumer group has committed, by partition."""
    consumer = Consumer({"bootstrap.servers": address.bootstrap, "group.id": group})
    places = [TopicPartition(address.topic(topic), p) for p in range(address.partitions)]
    try:
        answer = consumer.committed(places, timeout=TIMEOUT_S)
    finally:
        consumer.close()
    return {place.partition: place.offset for place in answer if place.offset >= 0}


def wait_until(true: Callable[[], bool], what: str, timeout_s: float = TIMEOUT_S) -> None:
    """Wait until something holds, or fail saying what did not come."""
    until = time.monotonic() + timeout_s
    tries = 0
    while not true():
        tries += 1
        is_over = time.monotonic() > until and tries > _LEAST_TRIES
        assert not is_over, f"{what} did not come within {timeout_s:.0f} s and {tries} tries"
        time.sleep(0.005)


def _text(key: object) -> str:
    return key.decode() if isinstance(key, bytes) else ""
