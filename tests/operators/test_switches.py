"""A switch on its way from the ingest to the decision: in its place, once, and for every symbol."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.archive import rows_of
from domain.deployments import ModelSwitch
from domain.log import LogAddress, OutRecord, Polled, Stamp
from domain.nanos import MINUTE_NS, SECOND_NS, parse_ns
from domain.switch_records import switch_of, switch_record, switch_rows
from domain.ticks import FeedBatch, Kind, TickArray, TickBatch, decode_ticks, heartbeat, new_records
from domain.topics import Topic
from features.bars import BarConfig
from features.minute_features import FeatureConfig
from features.minute_rows import JoinConfig, JoinedRows, slice_of
from features.panel import PanelConfig
from features.quality import QualityConfig
from operators.decide import (
    BarStep,
    Closed,
    FeatureStep,
    ForSymbol,
    JoinStep,
    PanelStep,
    panel_input,
)
from operators.decode import by_symbol, ticks_of
from operators.ingest import HEARTBEAT_STREAM, SWITCH_STREAM, JudgeLogic, in_time, route
from testkit.switches import a_switch, strewn
from testkit.tapes import START, arrivals, batches, spoil, ticks, walk

SYMBOLS = ("EURUSD", "USDJPY")
RULES = QualityConfig(SYMBOLS)
ADDRESS = LogAddress("localhost:9092", "", 12)
ACTIVE = frozenset(ADDRESS.partition(symbol) for symbol in SYMBOLS)
T0 = parse_ns(START)
BARS = BarConfig(("1s", "1m"))
FRAME = BARS.decision_frame


def _minutes(*switches: ModelSwitch) -> list[float]:
    return [(switch.effective_ns - T0) / MINUTE_NS for switch in switches]


@pytest.mark.parametrize(
    ("clock_s", "asked_min", "found_min"),
    [(0, 0, 2), (0.001, 0, 2), (59.999, 0, 2), (60, 0, 3), (61, 2, 3), (61, 3, 3), (61, 9.5, 9.5)],
)
def test_a_switch_holds_from_a_minute_that_nobody_has_reached(
    clock_s: float, asked_min: float, found_min: float
) -> None:
    """The second boundary after the receive clock, or as late as the ledger says."""
    switch = a_switch(1, T0 + round(asked_min * MINUTE_NS))
    found = in_time(switch, T0 + round(clock_s * SECOND_NS))
    assert _minutes(found) == [found_min]
    assert msgspec.structs.replace(found, effective_ns=switch.effective_ns) == switch


def test_before_the_first_tick_a_switch_holds_as_the_ledger_says() -> None:
    """It stands before everything: no boundary can have been decided."""
    logic = JudgeLogic(RULES, None, lambda _: None)
    (first,) = logic.on_batch([FeedBatch(new_records(0), switches=(a_switch(1, 5),))])
    assert switch_of(first.log) == a_switch(1, 5)
    assert first.log["ts_recv_ns"].tolist() == [0]


def test_switches_stand_before_the_ticks_of_their_batch() -> None:
    """With the feed's receive clock of before, their numbers, and one effective time for all."""
    logic = JudgeLogic(RULES, None, lambda _: None)
    tape = ticks("EURUSD", [(0, 1.1, 1.2), (70, 1.1, 1.2, 70.5), (80, 1.1, 1.2)])
    told = (a_switch(1, 0), a_switch(2, T0 + 2 * MINUTE_NS + 1), a_switch(3, T0 + 9 * MINUTE_NS))
    first, placed, rest = logic.on_batch(
        [FeedBatch(tape[:2]), FeedBatch(tape[2:], False, None, told, 4)]
    )
    assert first.log["kind"].tolist() == [Kind.TICK, Kind.HEARTBEAT, Kind.TICK]
    assert placed.log["kind"].tolist() == [Kind.SWITCH] * 3
    assert placed.log["ts_recv_ns"].tolist() == [T0 + 70_500_000_000] * 3
    assert placed.log["seq"].tolist() == [4, 5, 6]
    found = [switch_of(record) for record in np.split(placed.log, 3)]
    assert _minutes(*found) == [3, 3, 9]
    assert [switch.artefact_id for switch in found] == [switch.artefact_id for switch in told]
    assert placed.rejected.size == 0
    assert Kind.SWITCH not in rest.log["kind"]


def _feed(cuts: Sequence[int]) -> tuple[list[FeedBatch], TickArray]:
    """Give a wild feed with switches before four of its rows, cut there and elsewhere."""
    tape = arrivals(
        *(spoil(walk(s, 500, n, mean_gap_ms=900.0), 0.1, n) for n, s in enumerate(SYMBOLS))
    )
    places = {0: (), 200: (1,), 201: (2, 3), 777: (4,)}
    every = sorted({*places, *cuts, tape.size})
    made, number = [], 1
    for begin, end in pairwise(every):
        told = tuple(a_switch(n) for n in places.get(begin, ()))
        made.append(FeedBatch(tape[begin:end], switches=told, first_switch=number))
        number += len(told)
    return [*made, FeedBatch(tape[:0], last=True)], tape


def _partitions(
    feed: Iterable[FeedBatch], *, resume: bool
) -> dict[tuple[Topic, int], list[OutRecord]]:
    """Return what the ingest writes; its step is thrown away and restored after each batch."""
    state: Mapping[str, Any] | None = None
    found: dict[tuple[Topic, int], list[OutRecord]] = {}
    logic = JudgeLogic(RULES, None, lambda _: None)
    for batch in feed:
        if resume:
            logic = JudgeLogic(RULES, state, lambda _: None)
        for judged in logic.on_batch([batch]):
            for item in route(judged, ADDRESS, ACTIVE):
                found.setdefault((item.topic, item.partition), []).extend(item.records)
        state = json.loads(json.dumps(logic.snapshot()))
    return found


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(1, 900), max_size=6), resume=st.booleans())
def test_every_active_partition_has_each_switch_once_at_its_place(
    cuts: list[int], resume: bool
) -> None:
    """The same records in the same order, however the feed was cut and wherever it was resumed."""
    feed, tape = _feed(cuts)
    found = _partitions(feed, resume=resume)
    assert found == _partitions(_feed([])[0], resume=False)
    plain = _partitions([FeedBatch(tape), FeedBatch(tape[:0], last=True)], resume=False)
    values = []
    for (topic, partition), records in found.items():
        others = [record for record in records if record.stream != SWITCH_STREAM]
        # Switches change nothing else, on any topic.
        assert others == plain[topic, partition]
        if topic is Topic.TICKS:
            values.append([r.value for r in records if r.stream == SWITCH_STREAM])
            assert {r.key for r in records if r.stream == SWITCH_STREAM} == {""}
            assert any(r.stream == HEARTBEAT_STREAM for r in records)
    assert len(values) == len(ACTIVE) == 2
    assert values[0] == values[1]
    assert [decode_ticks(value)["seq"][0] for value in values[0]] == [1, 2, 3, 4]


def test_a_raw_tick_cannot_pass_for_a_switch() -> None:
    """Only the ingest itself writes one: what a feed gives with that kind is rejected."""
    forged = switch_record(a_switch(1), T0)
    judged = RULES.build(None).judge(np.concatenate([ticks("EURUSD", [(0, 1.1, 1.2)]), forged]))
    assert judged.log["kind"].tolist() == [Kind.TICK]
    assert judged.rejected.size == 1


def test_the_archive_keeps_no_row_of_a_switch() -> None:
    """As little as of a heartbeat; nothing is refused."""
    tick = ticks("EURUSD", [(0, 1.1, 1.2)])
    values = [one.tobytes() for one in (tick, switch_record(a_switch(1), T0), heartbeat(T0), tick)]
    for topic in (Topic.TICKS, Topic.TICKS_REJECTED, Topic.TICKS_LATE):
        polled = Polled(topic, 0, 0, 3, values, Stamp(1, 0, 0, "EURUSD"))
        ((_, batch),) = (item for item in rows_of(polled, SYMBOLS) if isinstance(item, tuple))
        assert isinstance(batch.rows, np.ndarray)
        assert batch.rows["kind"].tolist() == [Kind.TICK, Kind.TICK]
        assert len(rows_of(polled, SYMBOLS)) == 1


class Steps:
    """The steps of one symbol from ticks to the join, with a panel of this symbol alone."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        saved = state or dict.fromkeys(("bars", "features", "panel", "join"))
        self.bars = BarStep(BARS, "EURUSD", saved["bars"])
        self.features = FeatureStep(FeatureConfig(), FRAME, "EURUSD", saved["features"])
        self.panel = PanelStep(PanelConfig(("EURUSD",)), saved["panel"])
        self.join = JoinStep(JoinConfig(), "EURUSD", saved["join"])

    def feed(self, records: TickArray) -> tuple[list[Closed], list[JoinedRows]]:
        """Pass one batch through."""
        closed = list(self.bars.on_batch([TickBatch("EURUSD", records, 7)]))
        joined: list[JoinedRows] = []
        for item in closed:
            joined += self._joined(self.features.on_batch([item]))
            news = panel_input(item, FRAME)
            if news is not None:
                for rows in self.panel.on_batch([news]):
                    joined += self._joined([ForSymbol("EURUSD", slice_of(rows, 0))])
        return closed, joined

    def snapshot(self) -> dict[str, Any]:
        """Return the state of all steps, through text."""
        steps = {
            name: getattr(self, name).snapshot() for name in ("bars", "features", "panel", "join")
        }
        plain: dict[str, Any] = json.loads(json.dumps(steps))
        return plain

    def _joined(self, items: Iterable[ForSymbol]) -> list[JoinedRows]:
        return [one.joined for item in items for one in self.join.on_batch([item])]


@pytest.fixture(scope="module")
def log() -> TickArray:
    """Give forty minutes of accepted ticks and heartbeats."""
    raw = spoil(walk("EURUSD", 3_000, 8, mean_gap_ms=800.0), 0.02, 8)
    rules = QualityConfig(("EURUSD",)).build(None)
    return np.concatenate([rules.judge(raw).log, rules.last_heartbeat()])


def _story(joined: Iterable[JoinedRows]) -> list[object]:
    """Return switches, and the boundaries with their rows, in order."""
    told: list[object] = []
    for one in joined:
        told += one.switches
        for edge in one.edges.tolist():
            row = (one.rows.bars[edge[2]].tobytes(), one.rows.values[edge[2]].tobytes())
            told.append((repr(edge[:2] + edge[3:]), row if edge[2] >= 0 else None))
    return told


SWITCHES = [a_switch(n, T0 + (3 * n - 6) * MINUTE_NS) for n in range(14)]
"""Effective long before, about when, and long after they stand in the log."""


def _wanted(log: TickArray, behind: Sequence[int]) -> list[object]:
    """Say what must come: rows as without switches, each switch behind what was passed."""
    plain = _story(Steps().feed(log)[1])
    told: list[object] = []
    cuts = [0, *behind, log.size]
    bars = BARS.build("EURUSD", None)
    for number, (begin, end) in enumerate(pairwise(cuts)):
        count = bars.on_records(log[begin:end]).edges.size
        told += plain[:count]
        plain = plain[count:]
        if number < len(SWITCHES):
            passed_ns = bars.boundary_ns
            late = SWITCHES[number].effective_ns <= passed_ns
            told.append(
                msgspec.structs.replace(SWITCHES[number], effective_ns=passed_ns + 1)
                if late
                else SWITCHES[number]
            )
    return told


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_cuts_of_any_size_give_the_same_order(seed: int, size: int, log: TickArray) -> None:
    """Each switch stands behind the boundaries that its symbol had passed, before all others."""
    mixed, behind = strewn(log, SWITCHES, seed)
    steps = Steps()
    joined = [one for part in batches(mixed, size) for one in steps.feed(part)[1]]
    found = _story(joined)
    assert found == _wanted(log, behind)
    assert sum(isinstance(one, ModelSwitch) for one in found) == len(SWITCHES)
    effective = [switch.effective_ns for one in joined for switch in one.switches]
    assert effective != [switch.effective_ns for switch in SWITCHES], "none of them was late"
    assert steps.join.snapshot()["pending"] == []


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1_000), cuts=st.lists(st.integers(0, 3_000), max_size=9).map(sorted))
def test_resumed_at_any_cut_the_order_is_the_same(
    log: TickArray, seed: int, cuts: list[int]
) -> None:
    """Thrown away and restored between any two records, also on either side of a switch."""
    mixed, behind = strewn(log, SWITCHES, seed)
    at_switches = [row for at in switch_rows(mixed).tolist()[seed % 3 :: 3] for row in (at, at + 1)]
    steps, joined = Steps(), []
    for part in np.split(mixed, sorted([*cuts, *at_switches])):
        steps = Steps(steps.snapshot())
        joined += steps.feed(part)[1]
    assert _story(joined) == _wanted(log, behind)


def test_a_switch_alone_goes_on_and_brings_no_news_to_the_panel() -> None:
    """Without a boundary there is nothing that other pairs must know."""
    steps = Steps()
    steps.feed(ticks("EURUSD", [(30, 1.1, 1.2)]))
    (closed,), (joined,) = steps.feed(switch_record(a_switch(5), T0))
    assert (closed.switches, closed.bars.size, closed.edges.size) == ((a_switch(5),), 0, 0)
    assert (closed.late.size, closed.last, closed.wall_ns) == (0, False, 7)
    assert panel_input(closed, FRAME) is None
    assert (joined.switches, joined.edges.size) == ((a_switch(5),), 0)
    assert joined.rows.values.shape[0] == joined.rows.ready.size == 0


def test_a_switch_waits_behind_the_rows_before_it() -> None:
    """It is with the decisions where it was in the log: rows that wait for other pairs go first."""
    join = JoinStep(JoinConfig(), "EURUSD", None)
    steps = Steps()
    own = ticks("EURUSD", [(30, 1.1, 1.2), (61, 1.1, 1.2)])
    told = [
        item
        for records in (own, switch_record(a_switch(40), T0))
        for closed in steps.bars.on_batch([TickBatch("EURUSD", records)])
        for item in steps.features.on_batch([closed])
    ]
    assert [item.item.switches for item in told] == [(), (a_switch(40),)]  # type: ignore[union-attr]  # own rows all
    assert list(join.on_batch(told)) == []
    assert len(join.snapshot()["pending"]) == 2
    complete = PanelConfig(("EURUSD",)).build(None).on_inputs([])
    assert complete is None
    panel = PanelStep(PanelConfig(("EURUSD",)), None)
    (closed,) = BarStep(BARS, "EURUSD", None).on_batch([TickBatch("EURUSD", own)])
    news = panel_input(closed, FRAME)
    assert news is not None
    (rows,) = panel.on_batch([news])
    first, second = join.on_batch([ForSymbol("EURUSD", slice_of(rows, 0))])
    assert (first.joined.edges.size, first.joined.switches) == (1, ())
    assert (second.joined.edges.size, second.joined.switches) == (0, (a_switch(40),))


def test_a_poll_with_switches_is_read_at_once() -> None:
    """Each symbol of the partition sees them between its own ticks, as it sees heartbeats."""
    tape = arrivals(*(ticks(s, [(n, 1.1, 1.2) for n in range(3)]) for s in SYMBOLS))
    mixed, _ = strewn(tape, [a_switch(1), a_switch(2)], 1)
    values = [record.tobytes() for record in np.split(mixed, mixed.size)]
    records, dead = ticks_of(Polled(Topic.TICKS, 0, 0, 7, values, Stamp(1, 0, 0, "x")), SYMBOLS)
    assert (records.tobytes(), dead) == (mixed.tobytes(), [])
    for batch in by_symbol(records, SYMBOLS, 0):
        rows = switch_rows(batch.records)
        assert [switch_of(batch.records[row : row + 1]) for row in rows] == [
            a_switch(1),
            a_switch(2),
        ]
