"""Decoding of polls: what is unreadable becomes a dead letter, and nothing else is touched."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.log import Polled, Stamp
from domain.ticks import Kind, decode_ticks, heartbeat
from domain.topics import DeadLetter, Topic, encode
from operators.decode import by_symbol, structs_of, ticks_of
from testkit.tapes import minute_bar, ticks

GOOD = ticks("EURUSD", [(0, 1.1, 1.2)]).tobytes()
OTHER_VERSION = b"\x02" + GOOD[1:]


def _polled(values: list[bytes], topic: Topic = Topic.TICKS) -> Polled:
    return Polled(topic, 3, 100, 99 + len(values), values, Stamp(1, 0, 0, "EURUSD"))


def test_a_good_poll_is_read_at_once() -> None:
    """All records in order, no dead letter; an empty poll is good."""
    beat = heartbeat(5).tobytes()
    records, dead = ticks_of(_polled([GOOD, beat, GOOD]))
    assert records.tobytes() == GOOD + beat + GOOD
    assert dead == []
    nothing, dead = ticks_of(_polled([]))
    assert (nothing.size, dead) == (0, [])


def test_a_bad_tick_becomes_a_dead_letter_and_the_others_stay() -> None:
    """Kept whole, with the reason and the place where it stands."""
    records, dead = ticks_of(_polled([GOOD, OTHER_VERSION, GOOD, b"torn"]))
    assert records.tobytes() == GOOD + GOOD
    assert dead == [
        DeadLetter(
            "ticks", 3, 101, "tick record version 2; this reader knows version 1", OTHER_VERSION
        ),
        DeadLetter("ticks", 3, 103, "4 bytes are no whole number of 72-byte tick records", b"torn"),
    ]


def test_two_torn_ticks_do_not_make_a_whole_one() -> None:
    """Halves of two records have together the length of one, and are still no record."""
    torn = [GOOD[:36], b"\x01" * 36]
    records, dead = ticks_of(_polled([GOOD, *torn]))
    assert records.tobytes() == GOOD
    assert [letter.value for letter in dead] == torn


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(
        st.sampled_from([GOOD, heartbeat(5).tobytes(), OTHER_VERSION, GOOD + GOOD])
        | st.integers(0, 80).map(lambda size: (b"\x01" * 80)[:size])
        | st.binary(max_size=80),
        max_size=8,
    )
)
def test_a_poll_is_what_its_values_are_one_by_one(values: list[bytes]) -> None:
    """Whatever stands beside it, a value is read or dropped by itself."""
    alone = [ticks_of(_polled([value])) for value in values]
    records, dead = ticks_of(_polled(values))
    assert records.tobytes() == b"".join(part.tobytes() for part, _ in alone)
    assert [letter.value for letter in dead] == [one.value for _, part in alone for one in part]
    assert [letter.offset for letter in dead] == [
        100 + at for at, (_, part) in enumerate(alone) if part
    ]


def test_structs_are_read_one_by_one() -> None:
    """A JSON record that is none stands between good ones."""
    good = encode(minute_bar(0))
    records, dead = structs_of(_polled([good, b"{}", good], Topic.BARS))
    assert records == [minute_bar(0)] * 2
    assert [(d.topic, d.partition, d.offset, d.value) for d in dead] == [("bars", 3, 101, b"{}")]
    assert dead[0].reason.startswith("no bars record: ")


def test_each_symbol_gets_its_ticks_and_every_heartbeat() -> None:
    """In log order; the ticks of others are not in its batch."""
    log = np.concatenate(
        [
            ticks("EURUSD", [(0, 1.1, 1.2)]),
            heartbeat(1),
            ticks("USDJPY", [(1, 150, 151)]),
            heartbeat(2),
            ticks("EURUSD", [(2, 1.1, 1.2)]),
        ]
    )
    found = list(by_symbol(log, ("EURUSD", "USDJPY", "NZDUSD"), 9))
    assert [(batch.symbol, batch.wall_ns) for batch in found] == [
        ("EURUSD", 9),
        ("USDJPY", 9),
        ("NZDUSD", 9),
    ]
    assert [batch.records["kind"].tolist() for batch in found] == [
        [Kind.TICK, Kind.HEARTBEAT, Kind.HEARTBEAT, Kind.TICK],
        [Kind.HEARTBEAT, Kind.TICK, Kind.HEARTBEAT],
        [Kind.HEARTBEAT, Kind.HEARTBEAT],
    ]


def test_without_heartbeats_a_quiet_symbol_gets_no_batch() -> None:
    """There is nothing to tell it."""
    log = ticks("EURUSD", [(0, 1.1, 1.2)])
    assert [batch.symbol for batch in by_symbol(log, ("EURUSD", "USDJPY"), 0)] == ["EURUSD"]
    assert list(by_symbol(decode_ticks(b""), ("EURUSD",), 0)) == []
