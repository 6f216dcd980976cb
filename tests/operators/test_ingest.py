"""The ingest step: judged batches, the heartbeat that ends a feed, and the way to partitions."""

import json
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bars import DEFAULT_TIMEFRAMES
from domain.log import LogAddress, OutRecord
from domain.nanos import HOUR_NS, SECOND_NS, parse_ns
from domain.ticks import (
    FeedBatch,
    Kind,
    TickArray,
    TickBatch,
    Verdict,
    decode_ticks,
    new_records,
)
from domain.topics import Topic
from features.bars import BarConfig
from features.quality import Judged, QualityConfig
from operators.decide import BarStep
from operators.ingest import HEARTBEAT_STREAM, JudgeLogic, route
from testkit.tapes import START, arrivals, batches, spoil, ticks, walk

SYMBOLS = ("EURUSD", "USDJPY")
RULES = QualityConfig(SYMBOLS)
ADDRESS = LogAddress("localhost:9092", "", 12)
EURUSD_AT, USDJPY_AT = 7, 4
ACTIVE = frozenset({EURUSD_AT, USDJPY_AT})
T0 = parse_ns(START)


def _logic(state: Mapping[str, object] | None = None) -> JudgeLogic:
    return JudgeLogic(RULES, state, lambda _: None)


def _tape(seed: int = 1, count: int = 400) -> TickArray:
    return arrivals(
        spoil(walk("EURUSD", count, seed), 0.1, seed),
        spoil(walk("USDJPY", count, seed + 1), 0.1, seed + 1),
    )


def _log(judged: list[Judged]) -> bytes:
    return b"".join(part.log.tobytes() for part in judged)


def test_the_last_batch_brings_a_heartbeat_at_the_receive_clock() -> None:
    """A feed whose end is not known is complete until its last receipt."""
    tape = ticks("EURUSD", [(0, 1.1, 1.2), (0.4, 1.1, 1.2, 0.7)])
    first, end = _logic().on_batch([FeedBatch(tape), FeedBatch(new_records(0), last=True)])
    assert first.log["kind"].tolist() == [Kind.TICK] * 2
    assert end.log["kind"].tolist() == [Kind.HEARTBEAT]
    assert end.log["ts_recv_ns"].tolist() == [T0 + 700_000_000]
    assert end.rejected.size == 0


def test_a_known_end_closes_every_bar_until_then() -> None:
    """The heartbeat stands one grace after the end, so that bars close up to the end itself."""
    tape = ticks("EURUSD", [(0, 1.1, 1.2)])
    batch = FeedBatch(tape, last=True, end_ns=T0 + HOUR_NS)
    judged = list(_logic().on_batch([batch]))
    assert judged[-1].log["ts_recv_ns"].tolist() == [T0 + HOUR_NS + RULES.grace_ns]
    step = BarStep(BarConfig(grace_ns=RULES.grace_ns), "EURUSD", None)
    closed = list(step.on_batch([TickBatch("EURUSD", part.log) for part in judged]))
    frames = [frame for item in closed for frame in item.bars["frame"].tolist()]
    assert frames == list(range(len(DEFAULT_TIMEFRAMES)))
    assert closed[-1].edges["ts_event_ns"][-1] == T0 + HOUR_NS


def test_a_tick_that_waits_at_the_end_is_rejected() -> None:
    """A spike that nothing confirmed is neither lost nor written, whenever the feed ends."""
    tape = arrivals(walk("EURUSD", 200, 3))
    spike = tape[-1:].copy()
    spike["bid"] += 0.01
    spike["ask"] += 0.01
    spike["seq"] = 200
    logic = _logic()
    (held,) = logic.on_batch([FeedBatch(np.concatenate([tape, spike]))])
    assert (held.log["seq"].max(), held.rejected.size) == (199, 0)
    again = _logic(json.loads(json.dumps(logic.snapshot())))
    (end,) = again.on_batch([FeedBatch(tape[:0], last=True)])
    assert end.log["kind"].tolist() == [Kind.HEARTBEAT]
    assert end.rejected["seq"].tolist() == [200]
    assert end.rejected["verdict"].tolist() == [Verdict.SPIKE]


def test_a_known_end_waits_for_delayed_ticks_too() -> None:
    """Bars wait the lateness where it is longer than the grace; so does the last heartbeat."""
    rules = QualityConfig(SYMBOLS, lateness_ns=3 * SECOND_NS)
    logic = JudgeLogic(rules, None, lambda _: None)
    *_, end = logic.on_batch([FeedBatch(ticks("EURUSD", [(0, 1.1, 1.2)]), True, T0 + HOUR_NS)])
    assert end.log["ts_recv_ns"].tolist() == [T0 + HOUR_NS + 3 * SECOND_NS]


@pytest.mark.parametrize("symbol", [b"XAUUSD", b"", b"\xff\xfe"])
def test_a_tick_of_any_symbol_finds_its_way_to_the_rejected(symbol: bytes) -> None:
    """Even one whose symbol is no text: whole, with its verdict."""
    tape = ticks("EURUSD", [(0, 1.1, 1.2)])
    tape["symbol"] = symbol
    (item,) = route(RULES.build(None).judge(tape), ADDRESS, ACTIVE)
    assert item.topic == Topic.TICKS_REJECTED
    (record,) = item.records
    (found,) = decode_ticks(record.value)
    assert (found["symbol"], found["verdict"]) == (symbol, Verdict.UNKNOWN_SYMBOL)


def test_a_feed_without_ticks_says_nothing() -> None:
    """No time was proven: there is no heartbeat to write."""
    (end,) = _logic().on_batch([FeedBatch(new_records(0), last=True)])
    assert (end.log.size, end.rejected.size) == (0, 0)
    assert list(_logic().on_batch([FeedBatch(new_records(0))])) == []


def test_totals_are_told_after_each_batch() -> None:
    """Since the start of the run, and on from a restart."""
    told: list[dict[str, int]] = []
    logic = JudgeLogic(RULES, None, lambda counts: told.append(dict(counts)))
    tape = ticks("EURUSD", [(0, 1.1, 1.2), (1, 1.3, 1.2), (2, 1.1, 1.2)])
    logic.on_batch([FeedBatch(tape[:2])])
    again = JudgeLogic(RULES, logic.snapshot(), lambda counts: told.append(dict(counts)))
    assert told[1:] == told[:1]  # behind the end of the feed no batch comes
    again.on_batch([FeedBatch(tape[2:])])
    assert told == [
        {"ticks_in": 2, "ticks_accepted": 1, "rejected.crossed": 1},
        {"ticks_in": 2, "ticks_accepted": 1, "rejected.crossed": 1},
        {"ticks_in": 3, "ticks_accepted": 2, "rejected.crossed": 1},
    ]


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 800), max_size=8).map(sorted))
def test_the_step_resumes_anywhere(cuts: list[int]) -> None:
    """Restored from its snapshot between any two batches it writes the same log."""
    tape = _tape()
    whole = _log(list(_logic().on_batch([FeedBatch(tape), FeedBatch(tape[:0], last=True)])))
    state: Mapping[str, object] | None = None
    parts: list[Judged] = []
    for batch in [*map(FeedBatch, np.split(tape, cuts)), FeedBatch(tape[:0], last=True)]:
        logic = _logic(state)
        parts += logic.on_batch([batch])
        state = json.loads(json.dumps(logic.snapshot()))
    assert _log(parts) == whole


def test_a_tick_goes_to_the_partition_of_its_symbol() -> None:
    """Key and stream are the symbol; heartbeats go to every active partition, before the tick."""
    tape = arrivals(
        ticks("EURUSD", [(0, 1.1, 1.2), (1.5, 1.1, 1.2)]), ticks("USDJPY", [(0.5, 150, 151)])
    )
    judged = RULES.build(None).judge(tape)
    routed = {(item.topic, item.partition): item.records for item in route(judged, ADDRESS, ACTIVE)}
    first, yen, beat, second = (record.tobytes() for record in judged.log)
    heartbeat = OutRecord("", HEARTBEAT_STREAM, beat)
    assert routed == {
        (Topic.TICKS, EURUSD_AT): [
            OutRecord("EURUSD", "EURUSD", first),
            heartbeat,
            OutRecord("EURUSD", "EURUSD", second),
        ],
        (Topic.TICKS, USDJPY_AT): [OutRecord("USDJPY", "USDJPY", yen), heartbeat],
    }


def test_a_rejected_tick_goes_to_the_topic_of_its_kind() -> None:
    """Whole, with its verdict, in the same partition as the good ones of its symbol."""
    judged = RULES.build(None).judge(ticks("USDJPY", [(0, 151, 150)]))
    (item,) = route(judged, ADDRESS, ACTIVE)
    assert (item.topic, item.partition) == (Topic.TICKS_REJECTED, USDJPY_AT)
    assert [decode_ticks(r.value)["verdict"].tolist() for r in item.records] == [[4]]
    assert item.records[0][:2] == ("USDJPY", "USDJPY")


def test_nothing_is_routed_where_nothing_is() -> None:
    """A partition without records is not written to."""
    nothing = new_records(0)
    assert route(Judged(nothing, nothing), ADDRESS, ACTIVE) == []


@pytest.mark.parametrize("size", [1, 13, 10_000])
def test_a_stream_is_the_same_however_the_feed_was_cut(size: int) -> None:
    """Each partition gets the same records in the same order, and no record is lost or doubled."""
    tape = _tape(5)
    logic = _logic()
    found: dict[tuple[Topic, int], list[OutRecord]] = {}
    for batch in batches(tape, size):
        for judged in logic.on_batch([FeedBatch(batch)]):
            for item in route(judged, ADDRESS, ACTIVE):
                found.setdefault((item.topic, item.partition), []).extend(item.records)
    whole = RULES.build(None).judge(tape)
    assert found == {(i.topic, i.partition): i.records for i in route(whole, ADDRESS, ACTIVE)}
    assert sum(
        record.stream != HEARTBEAT_STREAM for records in found.values() for record in records
    ) == (tape.size)
    beats = [
        [r.value for r in found[Topic.TICKS, at] if r.stream == HEARTBEAT_STREAM] for at in ACTIVE
    ]
    assert beats[0] == beats[1]
    assert len(beats[0]) > 20
    seconds = [int(decode_ticks(value)["ts_recv_ns"][0]) for value in beats[0]]
    assert all(second % SECOND_NS == 0 for second in seconds)
