"""Decoding of polls: what is unreadable becomes a dead letter, and nothing else is touched.

Malformed ticks are in ``test_malformed``, the split by symbol in ``test_split``.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bars import Passed
from domain.log import Polled, Stamp
from domain.ticks import heartbeat
from domain.topics import DeadLetter, Topic, encode
from operators.decode import panel_news, structs_of, ticks_of
from testkit.tapes import bar, minute_bar, ticks

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


def test_an_empty_value_is_no_record() -> None:
    """It is kept as a dead letter like any other that cannot be read."""
    records, dead = ticks_of(_polled([GOOD, b""]))
    assert records.tobytes() == GOOD
    assert [(letter.offset, letter.value) for letter in dead] == [(101, b"")]


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


def test_panel_news_are_the_bars_of_one_timeframe_and_how_far_a_symbol_has_come() -> None:
    """Whichever comes last in the log; what cannot be read is left to the archive."""
    values = [
        encode(minute_bar(1, close=1.5)),
        encode(Passed("USDJPY", 7)),
        encode(minute_bar(2, close=1.6)),
        encode(bar("5m", minute_bar(0).ts_open_ns)),
        encode(Passed("EURUSD", minute_bar(1).ts_event_ns + 1)),
        b'{"type":"passed"',
    ]
    euro, yen = panel_news(values, "1m")
    assert (euro.symbol, euro.mid_close.tolist()) == ("EURUSD", [1.5, 1.6])
    assert euro.ts_ns.tolist() == [minute_bar(n).ts_event_ns for n in (1, 2)]
    assert euro.passed_ns == minute_bar(2).ts_event_ns
    assert (yen.symbol, yen.ts_ns.size, yen.passed_ns) == ("USDJPY", 0, 7)
    assert panel_news([], "1m") == []
