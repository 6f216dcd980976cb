"""Topics that every process reads in full, whatever its slice of the others."""

from collections.abc import Callable

import pytest
from bytewax.inputs import AbortExecution

from domain.log import LogAddress
from domain.topics import Topic
from sinks.kafka_end import end_topics
from tests.kafka.life import MAIN, Life, numbered
from tests.kafka.log import committed, write, write_end

WHOLE = Topic.BARS
SHARES = [(0, 2), (1, 2)]


def lives(
    address: LogAddress, is_over: Callable[[], bool] | None = None, group: str = "tests.whole"
) -> list[Life]:
    """Open two processes, each with a slice of the main topic."""
    return [
        Life(address, whole_topics=(WHOLE,), share=share, whole_is_over=is_over, group=group)
        for share in SHARES
    ]


def parts(topic: Topic, partitions: range) -> set[str]:
    """Name partitions as a source does."""
    return {f"{topic}|{p:04d}" for p in partitions}


def fill(address: LogAddress, count: int) -> dict[str, list[bytes]]:
    """Write records into every partition of the whole topic; return what each must give."""
    records = numbered(address, count)
    write(address, WHOLE, records)
    found: dict[str, list[bytes]] = {}
    for partition, _, value in records:
        found.setdefault(f"{WHOLE}|{partition:04d}", []).append(value)
    return found


def test_each_process_reads_its_slice_and_all_of_a_whole_topic(address: LogAddress) -> None:
    """Every partition of the main topic is read once, every one of the whole topic by both."""
    write(address, MAIN, numbered(address, 3 * address.partitions))
    wanted = fill(address, 5 * address.partitions)
    end_topics(address, [MAIN, WHOLE])
    seen: set[str] = set()
    for index, life in enumerate(lives(address)):
        mine = parts(MAIN, range(index, address.partitions, 2))
        assert set(life.parts) == mine | parts(WHOLE, range(address.partitions))
        life.run_to_end()
        values = life.values()
        assert {name: values[name] for name in wanted} == wanted
        assert set(values) - set(wanted) == mine
        assert not seen & mine
        seen |= mine
    assert seen == parts(MAIN, range(address.partitions))


def test_a_whole_topic_is_over_when_told_so_after_a_durable_end(address: LogAddress) -> None:
    """Not before the main topics, not before a snapshot of that is durable, not before the word."""
    wanted = fill(address, 4 * address.partitions)
    over = False
    asked = 0

    def is_over() -> bool:
        nonlocal asked
        asked += 1
        return over

    both = lives(address, is_over)
    for life in both:
        life.run_until(4 * address.partitions)
        over = True
        life.snapshots()
        for _ in range(5):
            life.turn()
        assert len(life.parts) > address.partitions, "the main topic goes on"
        over = False
    end_topics(address, [MAIN])
    for life in both:
        life.until(lambda life=life: len(life.parts) == address.partitions, "the end")  # type: ignore[misc]
        over = True
        for _ in range(5):
            life.turn()
        assert asked == 0, "no snapshot that holds the end is durable yet"
        over = False
        life.snapshots()
        for _ in range(5):
            life.turn()
        assert asked > 0
        assert len(life.parts) == address.partitions, "nobody has said so"
        more = (0, b"k", b"last of %d" % len(wanted[f"{WHOLE}|0000"]))
        write(address, WHOLE, [more])
        wanted[f"{WHOLE}|0000"].append(more[2])
        life.until(lambda life=life: life.values() == wanted, "what came meanwhile")  # type: ignore[misc]
        over = True
        life.run_to_end()
        over, asked = False, 0
        if life is both[0]:
            both[1].until(lambda: both[1].values() == wanted, "what came meanwhile")


def test_a_whole_topic_goes_on_where_it_was(address: LogAddress) -> None:
    """Its offsets are in the snapshots of each process."""
    wanted = fill(address, 6 * address.partitions)
    write(address, MAIN, numbered(address, address.partitions))
    first = lives(address)[1]
    first.until(lambda: all(len(v) == 6 for v in _of(first, wanted).values()), "all records")
    states = first.snapshots()
    name = f"{WHOLE}|0000"
    assert states[name] == {"v": 1, "offset": 6, "ended": False}
    states[name]["offset"] = 2
    again = Life(address, states, whole_topics=(WHOLE,), share=(1, 2))
    end_topics(address, [MAIN, WHOLE])
    again.run_to_end()
    assert again.values()[name] == wanted[name][2:]
    assert set(again.values()) & set(wanted) == {name}


def test_one_process_tells_the_positions_of_a_whole_topic(address: LogAddress) -> None:
    """Both are in one group: two that told theirs would take them back from each other."""
    group = address.prefix + "tests.whole"
    fill(address, 3 * address.partitions)
    both = lives(address, group=group)
    for life in reversed(both):
        life.run_until(3 * address.partitions)
        life.quiesce.stop()
        life.turn()
        life.snapshots()
        with pytest.raises(AbortExecution):
            life.turn()
        told = committed(address, WHOLE, group)
        assert bool(told) == (life is both[0])
    assert told == dict.fromkeys(range(address.partitions), 3)


def test_a_partition_of_a_whole_topic_ends_alone(address: LogAddress) -> None:
    """Each one where its writer has ended it."""
    fill(address, 2 * address.partitions)
    write_end(address, WHOLE, [1])
    life = lives(address)[0]
    name = f"{WHOLE}|0001"
    life.until(lambda: name not in life.parts, "the end of one partition")
    assert [p.ended for p in life.got[name]][-1]
    assert parts(WHOLE, range(address.partitions)) - {name} <= set(life.parts)


def _of(life: Life, wanted: dict[str, list[bytes]]) -> dict[str, list[bytes]]:
    values = life.values()
    return {name: values.get(name, []) for name in wanted}
