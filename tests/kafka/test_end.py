"""Ends of stream: one in every partition, however often they are asked for."""

import pytest

from domain.errors import Retry
from domain.log import END_HEADER, LogAddress
from domain.topics import Topic
from sinks import kafka_end
from sinks.kafka import SharedProducer
from sinks.kafka_end import end_topics, has_ended
from tests.kafka.log import read, write


def test_asked_twice_every_partition_ends_once(address: LogAddress) -> None:
    """Partitions that never got a record end too; what was written stays before the end."""
    write(address, Topic.BARS, [(0, b"k", b"one"), (0, b"k", b"two")])
    end_topics(address, [Topic.BARS, Topic.SIGNALS])
    end_topics(address, [Topic.BARS, Topic.SIGNALS])
    bars = read(address, Topic.BARS)
    assert [(r.value, r.end) for r in bars if r.partition == 0] == [
        (b"one", False),
        (b"two", False),
        (b"", True),
    ]
    every = list(range(address.partitions))
    assert [r.partition for r in bars if r.end] == every
    assert [(r.partition, r.offset, r.end) for r in read(address, Topic.SIGNALS)] == [
        (p, 0, True) for p in every
    ]


def test_ends_that_a_crash_left_out_are_added(address: LogAddress) -> None:
    """A second call ends what the first did not come to, and nothing else."""
    write(address, Topic.BARS, [(p, b"k", b"x") for p in range(address.partitions)])
    producer = SharedProducer(address.bootstrap)
    producer.write(address.topic(Topic.BARS), 1, b"", b"", (END_HEADER, b"1"))
    producer.flush()
    assert [
        has_ended(address.bootstrap, address.topic(Topic.BARS), p)
        for p in range(address.partitions)
    ] == [p == 1 for p in range(address.partitions)]
    end_topics(address, [Topic.BARS])
    assert [r.end for r in read(address, Topic.BARS)] == [False, True] * address.partitions


def test_a_partition_that_cannot_be_read_is_not_taken_for_open(
    embedded: LogAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer is no leave to write a second end."""
    end_topics(embedded, [Topic.BARS])
    monkeypatch.setattr(kafka_end, "_TIMEOUT_S", 0.0)
    with pytest.raises(Retry, match=r"bars\[0\] could not be read"):
        has_ended(embedded.bootstrap, embedded.topic(Topic.BARS), 0)
