"""The Kafka source: exact positions, honest commits, ends of stream, and no loss in silence."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from bytewax.inputs import AbortExecution
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from domain.errors import Corrupt, Halt
from domain.log import LogAddress
from domain.ticks import Kind, heartbeat
from domain.topics import Topic
from operators.decode import by_symbol, ticks_of
from sinks.kafka_end import end_topics
from sources import kafka_hub, kafka_positions
from sources.kafka import FLOW_SUFFIX
from testkit.tapes import walk
from tests.kafka.life import GROUP, MAIN, SIDE, Life, expected, numbered
from tests.kafka.log import TIMEOUT_S, WALL_NS, committed, wait_until, write, write_end


@pytest.mark.parametrize("poll_records", [7, 4_000])
def test_every_record_comes_once_and_in_order_to_the_end(
    address: LogAddress, monkeypatch: pytest.MonkeyPatch, poll_records: int
) -> None:
    """However polls are cut, offsets join up and the end of stream is no record."""
    monkeypatch.setattr(kafka_hub, "_MAX_POLL_RECORDS", poll_records)
    write(address, MAIN, numbered(address, 300))
    end_topics(address, [MAIN])
    life = Life(address)
    life.run_to_end()
    assert life.values() == expected(address, 300)
    for polls in life.got.values():
        edges = [(p.first_offset, p.last_offset) for p in polls]
        assert edges[0][0] == 0
        assert all(b[0] == a[1] + 1 for a, b in pairwise(edges))
    assert life.observed
    assert all(hop == "signals_to_tests" and ns == 0 for hop, ns in life.observed)


def test_what_waits_for_a_partition_is_never_more_than_one_poll(
    address: LogAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose snapshot is on its way is not asked, while others go on polling for all."""
    monkeypatch.setattr(kafka_hub, "_MAX_POLL_RECORDS", 7)
    write(address, MAIN, [(0, b"k", b"%d" % n) for n in range(100)])
    life = Life(address)
    held, other = (life.parts[f"{MAIN}|{p:04d}"] for p in range(2))
    assert list(held.next_batch()) == []

    def others_turn() -> int:
        assert list(other.next_batch()) == []
        return len(held._inbox.waiting)  # type: ignore[attr-defined]

    wait_until(lambda: others_turn() > 0, "the first records")
    for _ in range(50):
        others_turn()
    taken = [value for polled in held.next_batch() for value in polled.values]
    assert taken == [b"%d" % n for n in range(7)]
    life.run_until(93)
    assert life.values() == {f"{MAIN}|0000": [b"%d" % n for n in range(7, 100)]}


def test_a_resumed_partition_goes_on_at_the_exact_record(address: LogAddress) -> None:
    """What came after the snapshot comes again; nothing else does."""
    write(address, MAIN, numbered(address, 40 * address.partitions))
    states = {
        f"{MAIN}|{p:04d}": {"v": 1, "offset": 25, "ended": False} for p in range(address.partitions)
    }
    life = Life(address, states)
    life.run_until(15 * address.partitions)
    assert life.values() == expected(address, 40 * address.partitions, first=25)


def test_only_what_a_durable_snapshot_holds_is_committed(address: LogAddress) -> None:
    """Reading commits nothing, nor does a snapshot: only the call after it means durable."""
    group = address.prefix + GROUP
    count = 10 * address.partitions
    write(address, MAIN, numbered(address, count))
    life = Life(address, group=group)
    life.run_until(count)
    flow = dict.fromkeys(range(address.partitions), 10)
    life.until(
        lambda: committed(address, MAIN, group + FLOW_SUFFIX) == flow,
        "the positions as read",
    )
    assert committed(address, MAIN, group) == {}

    life.snapshots()
    assert committed(address, MAIN, group) == {}
    write(address, MAIN, numbered(address, count))
    life.run_until(2 * count)
    life.until(
        lambda: committed(address, MAIN, group) == flow,
        "the durable positions",
    )


def test_an_orderly_stop_commits_all_that_was_read(address: LogAddress) -> None:
    """After it the lag that a tool shows is what the next start will read."""
    group = address.prefix + GROUP
    count = 10 * address.partitions
    write(address, MAIN, numbered(address, count))
    life = Life(address, group=group)
    life.run_until(count)
    life.quiesce.stop()
    life.turn()
    states = life.snapshots()
    with pytest.raises(AbortExecution):
        life.turn()
    assert [state["offset"] for state in states.values()] == [10] * address.partitions
    assert committed(address, MAIN, group) == dict.fromkeys(range(address.partitions), 10)


def test_a_stopping_partition_gives_nothing_though_records_wait(address: LogAddress) -> None:
    """Its snapshot stands exactly behind the last record that it gave."""
    life = Life(address)
    write(address, MAIN, numbered(address, address.partitions))
    life.run_until(address.partitions)
    write(address, MAIN, numbered(address, 5 * address.partitions))
    life.quiesce.stop()
    for _ in range(5):
        life.turn()
    assert life.count() == address.partitions
    assert all(state["offset"] == 1 for state in life.snapshots().values())


def test_an_end_ends_its_partition_alone_and_for_ever(address: LogAddress) -> None:
    """The others go on; a resumed end is over at once, without a look at the log."""
    write(address, MAIN, numbered(address, 2 * address.partitions))
    write_end(address, MAIN, [0])
    life = Life(address)
    first = f"{MAIN}|0000"
    ended = life.parts[first]
    life.until(lambda: first not in life.parts, "the end of one partition")
    life.run_until(2 * address.partitions)
    assert len(life.parts) == address.partitions - 1
    state = ended.snapshot()
    assert state == {"v": 1, "offset": 3, "ended": True}
    with pytest.raises(StopIteration):
        Life(address, {first: state}).parts[first].next_batch()


def test_with_the_last_partition_the_ends_are_committed(address: LogAddress) -> None:
    """A finished reader shows no lag, and a partition that ends early commits nothing unsaved."""
    group = address.prefix + GROUP
    write(address, MAIN, numbered(address, 4 * address.partitions))
    write_end(address, MAIN, [0])
    life = Life(address, group=group)
    life.until(lambda: len(life.parts) < address.partitions, "an end")
    life.run_until(4 * address.partitions)
    assert committed(address, MAIN, group) == {}
    end_topics(address, [MAIN])
    life.run_to_end()
    ends = dict.fromkeys(range(address.partitions), 5)
    assert committed(address, MAIN, group) == ends
    assert committed(address, MAIN, group + FLOW_SUFFIX) == ends


def test_side_topics_end_with_the_last_main_topic(address: LogAddress) -> None:
    """They have no end of their own: read as long as there is something to go with."""
    write(address, SIDE, [(0, b"w", b"first")])
    life = Life(address, side_topics=(SIDE,))
    life.run_until(1)
    write(address, SIDE, [(0, b"w", b"second")])
    life.run_until(2)
    for _ in range(20):
        life.turn()
    assert len(life.parts) == 2 * address.partitions
    end_topics(address, [MAIN])
    life.run_to_end()
    assert life.values() == {f"{SIDE}|0000": [b"first", b"second"]}


def test_a_position_beyond_the_log_halts_and_names_the_loss(address: LogAddress) -> None:
    """The log was made anew under an old recovery store."""
    write(address, MAIN, numbered(address, 10))
    life = Life(address, {f"{MAIN}|0000": {"v": 1, "offset": 5_000, "ended": False}})
    with pytest.raises(Halt, match="records were lost"):
        life.run_until(10_000)


@pytest.mark.kafka
def test_a_log_that_was_cut_at_its_start_halts_and_names_the_loss(real: LogAddress) -> None:
    """Retention took records that were never read: going on at the oldest would hide it."""
    write(real, MAIN, [(0, b"k", b"%d" % n) for n in range(10)])
    admin = AdminClient({"bootstrap.servers": real.bootstrap})
    place = TopicPartition(real.topic(MAIN), 0, 6)
    admin.delete_records([place])[place].result(TIMEOUT_S)
    with pytest.raises(Halt, match="records were lost"):
        Life(real).run_until(10)


def test_a_snapshot_of_another_version_is_refused(embedded: LogAddress) -> None:
    """The version that was found and the one that is known stand in the message."""
    with pytest.raises(Corrupt, match="v7; this code knows v1"):
        Life(embedded, {f"{MAIN}|0000": {"v": 7, "offset": 0, "ended": False}})


def test_one_tick_per_message_and_many_per_message_decode_the_same(address: LogAddress) -> None:
    """The wire is a row of fixed-width records, however it is cut into messages."""
    tape = np.concatenate([walk("EURUSD", 200, seed=1), heartbeat(WALL_NS)])
    size = tape.dtype.itemsize
    raw = tape.tobytes()
    single = [(0, b"EURUSD", raw[i : i + size]) for i in range(0, len(raw), size)]
    cuts = np.random.default_rng(5).integers(1, 30, 40).cumsum() * size
    edges = [0, *(int(c) for c in cuts if c < len(raw)), len(raw)]
    many = [(0, b"EURUSD", raw[a:b]) for a, b in pairwise(edges)]
    write(address, Topic.TICKS, single)
    write(address, Topic.TICKS_REJECTED, many)
    end_topics(address, [Topic.TICKS, Topic.TICKS_REJECTED])
    life = Life(address, topics=(Topic.TICKS, Topic.TICKS_REJECTED))
    life.run_to_end()
    decoded = {}
    for topic in (Topic.TICKS, Topic.TICKS_REJECTED):
        polls = life.got[f"{topic}|0000"]
        assert all(not ticks_of(polled)[1] for polled in polls)
        decoded[topic] = np.concatenate([ticks_of(polled)[0] for polled in polls])
    assert decoded[Topic.TICKS].tobytes() == raw
    assert decoded[Topic.TICKS_REJECTED].tobytes() == raw
    (batch,) = by_symbol(decoded[Topic.TICKS], ["EURUSD"], 0)
    assert np.count_nonzero(batch.records["kind"] == Kind.TICK) == 200


def test_idle_partitions_wake_together_and_less_often_after_a_silence(
    embedded: LogAddress,
) -> None:
    """One wake-up serves all, and a quiet hour does not burn a core."""

    def in_seconds(life: Life) -> float:
        now = datetime.now(UTC)  # noqa: TID251 - when to look again is wall-clock time
        (awake,) = {part.next_awake() for part in life.parts.values()}
        return 0.0 if awake is None else (awake - now).total_seconds()

    quiet = Life(embedded, topics=(MAIN, Topic.BARS), idle_ms=10_000.0)
    assert 25.0 < in_seconds(quiet) <= 31.0
    busy = Life(embedded, topics=(MAIN, Topic.BARS), idle_ms=10_000.0)
    write(embedded, MAIN, numbered(embedded, 1))
    first = busy.parts[f"{MAIN}|0000"]
    wait_until(lambda: bool(list(first.next_batch())), "a record")
    assert in_seconds(busy) <= 0.0, "while records come in, nobody sleeps"
    assert not list(first.next_batch())
    assert 5.0 < in_seconds(busy) <= 11.0


class Told:
    """A client that keeps what it is told, and no more."""

    def __init__(self) -> None:
        self.commits: list[dict[tuple[str, int], int]] = []
        self.calls: Counter[str] = Counter()

    def commit(self, offsets: Iterable[TopicPartition], **_how: object) -> None:
        """Note a commit."""
        self.commits.append({(o.topic, o.partition): o.offset for o in offsets})

    def poll(self, _timeout: float) -> None:
        """Note that answers were fetched."""
        self.calls["poll"] += 1

    def assign(self, _places: object) -> None:
        """Take the places to read."""

    def consume(self, _count: int, _timeout: float) -> list[object]:
        """Give nothing."""
        return []


def test_positions_are_told_whole_and_again_though_nothing_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A commit that was lost would let the feed wait for ever; and answers must be fetched."""
    clients: dict[str, Told] = {}

    def client(config: dict[str, Any]) -> Told:
        return clients.setdefault(config["group.id"], Told())

    monkeypatch.setattr(kafka_hub, "Consumer", client)
    monkeypatch.setattr(kafka_positions, "_TELL_AGAIN_NS", 30_000_000)
    monkeypatch.setattr(kafka_hub, "_COMMIT_EVERY_NS", 0)
    life = Life(LogAddress("nowhere:1", "", 2))
    flow = clients[GROUP + FLOW_SUFFIX]
    life.until(lambda: len(flow.commits) >= 3, "three commits")
    assert flow.commits == [{(MAIN, 0): 0, (MAIN, 1): 0}] * 3
    assert flow.calls["poll"] >= 3
    assert clients[GROUP].commits == []
