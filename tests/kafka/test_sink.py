"""The Kafka sink writes each record once, whatever a replay brings and wherever it was cut off."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from bytewax.outputs import StatefulSinkPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from domain.errors import Corrupt, Halt, Retry
from domain.log import LogAddress, OutRecord
from domain.topics import Topic, partition_of
from sinks.kafka import KafkaSink, KafkaSinkConfig, SharedProducer
from sinks.kafka_end import has_ended
from tests.kafka.log import TIMEOUT_S, WALL_NS, committed, read, streams, wall

TOPIC = Topic.BARS
Part = StatefulSinkPartition[list[OutRecord], dict[str, Any]]


@cache
def shared_producer(bootstrap: str) -> SharedProducer:
    """Return the one producer of all tests on a broker: its first record takes half a second."""
    return SharedProducer(bootstrap)


@pytest.fixture(scope="module", autouse=True)
def _close_producers() -> Iterator[None]:
    """Let the producers go before their brokers do."""
    yield
    shared_producer.cache_clear()


class Sink:
    """One life of a sink: opened, written to, and left without a farewell."""

    def __init__(self, address: LogAddress, producer: SharedProducer | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self.observed: list[tuple[str, int]] = []
        self.producer = producer or shared_producer(address.bootstrap)
        self.sink = KafkaSink(
            KafkaSinkConfig(address, TOPIC),
            self.producer,
            wall,
            lambda hop, ns: self.observed.append((hop, ns)),
            self._count,
        )

    def part(self, resume: dict[str, Any] | None = None, name: str = "0000") -> Part:
        """Open a partition at a snapshot."""
        return self.sink.build_part("out", name, resume)

    def _count(self, name: str, number: int) -> None:
        self.counts[name] += number


def records(stream: str, first: int, last: int) -> list[OutRecord]:
    """Make the records of a stream by their numbers, both ends included."""
    return [
        OutRecord(stream, stream, b"%s-%d" % (stream.encode(), n)) for n in range(first, last + 1)
    ]


def whole(stream: str, last: int) -> list[tuple[int, bytes]]:
    """Say what the log must hold of a stream that was written up to a number."""
    return [(n, record.value) for n, record in enumerate(records(stream, 1, last), 1)]


def interleaved(seed: int, *parts: Sequence[OutRecord]) -> list[OutRecord]:
    """Mix streams at random; each keeps its own order."""
    turns = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    np.random.default_rng(seed).shuffle(turns)
    rest = [iter(part) for part in parts]
    return [next(rest[turn]) for turn in turns]


def test_stamps_count_each_stream_without_gaps(address: LogAddress) -> None:
    """Streams that share a partition have numbers of their own, from 1."""
    sink = Sink(address)
    part = sink.part()
    part.write_batch([records("a", 1, 3), records("b", 1, 2)])
    part.write_batch([records("a", 4, 5)])
    state = part.snapshot()
    assert streams(read(address, TOPIC)) == {"a": whole("a", 5), "b": whole("b", 2)}
    assert state == {"v": 1, "offset": 7, "seq": {"a": 5, "b": 2}}


def test_a_stamp_says_when_it_was_written_and_from_which_tick(address: LogAddress) -> None:
    """A record without a causing tick is its own origin; one with it is timed."""
    sink = Sink(address)
    part = sink.part()
    part.write_batch([[OutRecord("a", "a", b"x")], [OutRecord("a", "a", b"y", WALL_NS - 5_000)]])
    part.snapshot()
    stamps = [record.stamp for record in read(address, TOPIC)]
    assert [(s.wall_ns, s.origin_ns) for s in stamps if s] == [
        (WALL_NS, WALL_NS),
        (WALL_NS, WALL_NS - 5_000),
    ]
    assert sink.observed == [("tick_to_bar", 5_000)]


def test_it_is_known_how_long_a_replay_is_behind_the_log(address: LogAddress) -> None:
    """Until every stream but one has been made again, in every partition that is asked for."""
    first = Sink(address)
    part = first.part()
    assert first.sink.replays([0], "c") is False
    assert first.sink.replays([0, 1], "c") is True, "the other one is not open yet"
    part.write_batch([records("a", 1, 2)])
    state = part.snapshot()
    part.write_batch([records("a", 3, 4), records("b", 1, 1), records("c", 1, 2)])
    part.snapshot()
    second = Sink(address)
    again = second.part(state)
    for more, behind in ((records("a", 3, 3), True), (records("b", 1, 1), True)):
        again.write_batch([more])
        assert second.sink.replays([0], "c") is behind
    again.write_batch([records("a", 4, 4)])
    assert second.sink.replays([0], "c") is False
    assert second.sink.replays([0], "other") is True
    again.write_batch([records("c", 1, 2)])
    assert second.sink.replays([0], "other") is False
    again.snapshot()
    assert streams(read(address, TOPIC)) == {
        "a": whole("a", 4),
        "b": whole("b", 1),
        "c": whole("c", 2),
    }


def test_a_replay_of_the_same_records_writes_nothing(address: LogAddress) -> None:
    """The log held them when the process was killed before its snapshot."""
    first = Sink(address)
    part = first.part()
    part.write_batch([records("a", 1, 40)])
    state = part.snapshot()
    part.write_batch([records("a", 41, 90), records("b", 1, 30)])
    first.producer.flush()
    before = read(address, TOPIC)

    second = Sink(address)
    part = second.part(state)
    part.write_batch([records("a", 41, 90), records("b", 1, 30)])
    state = part.snapshot()
    assert read(address, TOPIC) == before
    assert second.counts == {"replayed": 80}
    assert state == {"v": 1, "offset": 120, "seq": {"a": 90, "b": 30}}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_replay_in_other_order_across_streams_writes_nothing_twice(
    embedded: LogAddress, seed: int
) -> None:
    """Only the order within a stream is promised, and only that is needed."""
    first = Sink(embedded)
    part = first.part()
    part.write_batch([interleaved(seed, records("a", 1, 50), records("b", 1, 70))])
    first.producer.flush()

    second = Sink(embedded)
    part = second.part()
    for record in interleaved(
        seed + 100, records("a", 1, 80), records("b", 1, 75), records("c", 1, 5)
    ):
        part.write_batch([[record]])
    part.snapshot()
    assert streams(read(embedded, TOPIC)) == {
        "a": whole("a", 80),
        "b": whole("b", 75),
        "c": whole("c", 5),
    }
    assert second.counts == {"replayed": 120}


def test_without_any_snapshot_the_log_alone_says_what_was_written(address: LogAddress) -> None:
    """A recovery store that was lost doubles nothing, and a new record goes behind the old."""
    first = Sink(address)
    first.part().write_batch([records("a", 1, 1_500)])
    first.producer.flush()

    second = Sink(address)
    part = second.part()
    part.write_batch([records("a", 1, 1_600)])
    part.snapshot()
    assert streams(read(address, TOPIC)) == {"a": whole("a", 1_600)}


@pytest.mark.parametrize("seed", range(5))
def test_a_snapshot_in_the_middle_of_a_replay_loses_nothing_of_what_the_log_holds(
    embedded: LogAddress, seed: int
) -> None:
    """Killed again and again while it replays, each time after some snapshots."""
    rng = np.random.default_rng(seed)
    tape = interleaved(seed, records("a", 1, 120), records("b", 1, 80), records("c", 1, 3))
    state: dict[str, Any] | None = None
    at = 0
    for _ in range(6):
        life = Sink(embedded)
        part = life.part(state)
        position = at
        for _ in range(int(rng.integers(1, 6))):
            step = int(rng.integers(1, 60))
            part.write_batch([tape[position : position + step]])
            position = min(position + step, len(tape))
            if rng.random() < 0.5:
                state, at = part.snapshot(), position
        life.producer.flush()
    last = Sink(embedded).part(state)
    last.write_batch([tape[at:]])
    last.snapshot()
    assert streams(read(embedded, TOPIC)) == {
        "a": whole("a", 120),
        "b": whole("b", 80),
        "c": whole("c", 3),
    }


def test_a_start_does_not_wait_for_records_that_are_not_there(address: LogAddress) -> None:
    """A handful of held records is read at once, not after a time-out."""
    first = Sink(address)
    first.part().write_batch([records("a", 1, 7)])
    first.producer.flush()
    started = time.monotonic()
    Sink(address).part()
    assert time.monotonic() - started < 5.0


def test_a_log_that_is_shorter_than_the_snapshot_halts(address: LogAddress) -> None:
    """Records were written once and are gone: that must never pass in silence."""
    sink = Sink(address)
    part = sink.part()
    part.write_batch([records("a", 1, 5)])
    part.snapshot()
    with pytest.raises(Halt, match=r"ends at 5, and 6 was written once.*fresh run"):
        Sink(address).part({"v": 1, "offset": 6, "seq": {"a": 6}})


def test_a_snapshot_of_another_version_is_refused(embedded: LogAddress) -> None:
    """The version that was found and the one that is known stand in the message."""
    with pytest.raises(Corrupt, match="v2; this code knows v1"):
        Sink(embedded).part({"v": 2, "offset": 0, "seq": {}})


@pytest.mark.kafka
def test_a_record_that_the_broker_refuses_fails_the_snapshot(kafka_bootstrap: str) -> None:
    """An epoch whose records are not all in the log is never committed."""
    address = LogAddress(kafka_bootstrap, f"narrow{os.getpid()}.", 1)
    topic = NewTopic(address.topic(TOPIC), 1, 1, config={"max.message.bytes": "500"})
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    admin.create_topics([topic])[address.topic(TOPIC)].result(TIMEOUT_S)
    part = Sink(address, SharedProducer(kafka_bootstrap)).part()
    part.write_batch([records("a", 1, 1)])
    part.snapshot()
    part.write_batch([[OutRecord("a", "a", bytes(1_000))]])
    with pytest.raises(Retry, match="refused a record"):
        part.snapshot()


def test_an_end_from_within_a_flow_is_written_once(address: LogAddress) -> None:
    """It is the last of its partition, has a number like every record, and a replay skips it."""
    tape = [*records("a", 1, 5), OutRecord("", "end", b"", ends=True)]
    for _ in range(2):
        life = Sink(address)
        part = life.part()
        part.write_batch([tape[:3], tape[3:]])
        part.snapshot()
    assert life.counts == {"replayed": 6}
    found = read(address, TOPIC)
    assert [(r.value, r.end) for r in found] == [
        *((record.value, False) for record in tape[:5]),
        (b"", True),
    ]
    assert has_ended(address.bootstrap, address.topic(TOPIC), 0)


class Counting(SharedProducer):
    """Counts how often the broker's answers are asked for."""

    asked = 0

    def answers(self) -> None:
        """Count."""
        self.asked += 1
        super().answers()


def test_answers_are_asked_for_once_a_batch(embedded: LogAddress) -> None:
    """Each time gives the interpreter away: not once a record, and not where none was written."""
    producer = Counting(embedded.bootstrap)
    part = Sink(embedded, producer).part()
    part.write_batch([records("a", 1, 300), records("b", 1, 300)])
    assert producer.asked == 1
    part.write_batch([[]])
    assert producer.asked == 1
    part.snapshot()


def test_a_record_that_can_never_be_written_halts(embedded: LogAddress) -> None:
    """The client itself refuses what no broker would take."""
    part = Sink(embedded).part()
    with pytest.raises(Halt, match="takes no record of 2,000,000 bytes"):
        part.write_batch([[OutRecord("a", "a", bytes(2_000_000))]])


def test_keys_go_to_their_own_partition_and_digits_name_one(embedded: LogAddress) -> None:
    """Symbols are routed as every reader expects; the ingest names the partition itself."""
    sink = Sink(embedded).sink
    assert sink.list_parts() == [f"{p:04d}" for p in range(embedded.partitions)]
    assert sink.part_fn("0003") == 3
    assert sink.part_fn("EURUSD") == partition_of("EURUSD", embedded.partitions)


def test_the_scan_at_the_start_commits_nothing(address: LogAddress) -> None:
    """Reading what the log holds leaves no trace that a lag tool would show."""
    sink = Sink(address)
    sink.part().write_batch([records("a", 1, 3)])
    sink.producer.flush()
    Sink(address).part()
    assert committed(address, TOPIC, "aifx.scan") == {}
