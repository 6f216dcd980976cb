"""The inbox of a partition: what a poll brings becomes consecutive records, up to their end."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Message

from domain.errors import Halt
from domain.log import END_HEADER, STAMP_HEADER, Polled, Stamp
from domain.topics import Topic
from sources.kafka_inbox import Inbox


def message(offset: int | None, value: bytes | None = b"v", *, end: bool = False) -> Message:
    """Make a message as a client gives it; its stamp's number is its offset."""
    headers: list[tuple[str, Any]] = [(STAMP_HEADER, Stamp(offset or 0, 1, 2, "s").pack())]
    if end:
        headers, value = [(END_HEADER, b"1")], b""
    place: dict[str, Any] = {} if offset is None else {"offset": offset}
    return Message(topic="t", partition=3, value=value, headers=headers, **place)


def inbox() -> Inbox:
    """Open one at its beginning."""
    return Inbox(Topic.TICKS, 3, 0, ended=False)


def polled(first: int, last: int, values: list[bytes], **more: Any) -> Polled:
    """Say what must have been given."""
    return Polled(Topic.TICKS, 3, first, last, values, Stamp(first, 1, 2, "s"), **more)


def test_runs_that_follow_each_other_are_one_batch() -> None:
    """It has the stamp of the first; after it was taken, a new one begins."""
    box = inbox()
    box.put([message(0, b"a"), message(1, b"b")])
    box.put([message(2, b"c")])
    assert box.take() == [polled(0, 2, [b"a", b"b", b"c"])]
    box.put([message(3, b"d")])
    assert box.take() == [polled(3, 3, [b"d"])]
    assert box.offset == 4
    assert box.take() == []


def test_a_gap_begins_a_new_batch() -> None:
    """An offset is its first one's and the place in the batch: no gap may lie within."""
    box = inbox()
    box.put([message(0, b"a"), message(1, b"b"), message(5, b"c"), message(6, b"d")])
    assert box.take() == [polled(0, 1, [b"a", b"b"]), polled(5, 6, [b"c", b"d"])]


def test_the_end_stands_behind_the_records_and_nothing_behind_it() -> None:
    """Alone it is a batch without values."""
    box = inbox()
    box.put([message(0, b"a"), message(1, end=True), message(2, b"b")])
    assert (box.ended, box.offset) == (True, 2)
    box.put([message(3, b"c")])
    assert box.take() == [polled(0, 1, [b"a"], ended=True)]
    assert box.offset == 2
    alone = inbox()
    alone.put([message(0, b"a")])
    alone.take()
    alone.put([message(1, end=True)])
    assert alone.take() == [
        Polled(Topic.TICKS, 3, 1, 1, [], Stamp(0, 0, 0, ""), ended=True),
    ]
    both = inbox()
    both.put([message(0, b"a")])
    both.put([message(1, end=True)])
    assert both.take() == [polled(0, 1, [b"a"], ended=True)]


def test_an_empty_value_that_ends_nothing_is_a_record() -> None:
    """It takes its offset, so that those behind it keep theirs."""
    box = inbox()
    box.put([message(0, b"a"), message(1, b""), message(2, None), message(3, b"b")])
    assert box.take() == [polled(0, 3, [b"a", b"", b"", b"b"])]


@pytest.mark.parametrize("seed", range(5))
def test_however_polls_are_cut_the_records_are_the_same(seed: int) -> None:
    """With gaps, empty values and an end."""
    rng = np.random.default_rng(seed)
    offsets = np.cumsum(rng.choice([1, 1, 1, 4], 60)).tolist()
    tape = [message(o, b"%d" % o if rng.random() < 0.9 else b"") for o in offsets]
    tape[50] = message(offsets[50], end=True)
    cuts = [0, *sorted(set(rng.integers(1, 60, 9).tolist())), 60]
    box = inbox()
    batches: list[Polled] = []
    for a, b in pairwise(cuts):
        box.put(tape[a:b])
        if rng.random() < 0.5:
            batches += box.take()
    batches += box.take()
    found = {
        batch.first_offset + at: value for batch in batches for at, value in enumerate(batch.values)
    }
    assert found == {o: tape[at].value() for at, o in enumerate(offsets[:50])}
    assert [batch.ended for batch in batches] == [False] * (len(batches) - 1) + [True]
    assert batches[-1].last_offset == offsets[50]


def test_a_message_without_offset_halts() -> None:
    """Nothing could be resumed behind it."""
    with pytest.raises(Halt, match="without offset"):
        inbox().put([message(None)])
