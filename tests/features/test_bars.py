"""Bars on literal tapes: what is in one, when it closes, and what a boundary tells."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from domain.bars import Bar, records_of
from domain.fx_calendar import session_open_ns
from domain.nanos import MINUTE_NS, SECOND_NS, parse_ns
from domain.ticks import Kind, TickArray, Verdict, heartbeat
from features.bars import BarConfig, BarLogic, BarOut
from features.quality import QualityConfig
from operators.decode import by_symbol
from testkit.tapes import START, across_weekend, arrivals, spoil, ticks, walk
from tests.features.oracle import RULES, accepted, assert_same_bars, expected_bars, table

T0 = parse_ns(START)
SYMBOLS = ("EURUSD", "NZDUSD", "USDJPY")
NAMES = BarConfig().ordered
MINUTES = BarConfig().decision_frame


def _beat(seconds: float) -> TickArray:
    return heartbeat(T0 + round(seconds * SECOND_NS))


def _closed(logic: BarLogic, records: TickArray) -> list[str]:
    return [NAMES[frame] for frame in logic.on_records(records).bars["frame"].tolist()]


def _edges(out: BarOut) -> list[tuple[Any, ...]]:
    """Return boundaries with None where there is no quote."""
    return [
        tuple(None if value != value else value for value in edge) for edge in out.edges.tolist()
    ]


def _hostile_log(seed: int) -> dict[str, TickArray]:
    """Judge three spoilt symbols over a weekend; a heartbeat two hours on closes everything."""
    tape = arrivals(
        spoil(across_weekend("EURUSD", 3_000, seed), 0.1, seed),
        spoil(across_weekend("NZDUSD", 600, seed + 50), 0.2, seed + 1),
        spoil(walk("USDJPY", 900, seed, "2024-03-08T20:00", 7_000.0), 0.2, seed + 2),
    )
    rules = QualityConfig(SYMBOLS).build(None)
    log = rules.judge(tape).log
    end = rules.last_heartbeat(int(tape["ts_recv_ns"].max()) + 120 * MINUTE_NS)
    whole = np.concatenate([log, end])
    return {batch.symbol: batch.records for batch in by_symbol(whole, SYMBOLS, 0)}


def test_what_is_in_a_bar() -> None:
    """Prices of each side, counts, spreads, moves, sizes, verdicts, and the last receipt."""
    tape = ticks(
        "EURUSD",
        [
            (0.0, 1.10000, 1.10010, 0.1),
            (0.4, 1.10030, 1.10042, 1.2),
            (0.9, 1.09990, 1.10005, 1.1),
            (0.95, 1.09989, 1.10006, 1.2),
            (1.0, 1.10000, 1.10010, 1.3),
        ],
    )
    tape["bid_size"][:2], tape["ask_size"][:2] = (1e6, 3e6), (3e6, 1e6)
    tape["verdict"][1], tape["verdict"][2] = Verdict.STALE, Verdict.GAP
    out = BarConfig(("1s", "1m")).build("EURUSD", None).on_records(tape)
    assert records_of("EURUSD", ("1s", "1m"), out.bars) == [
        Bar(
            symbol="EURUSD",
            timeframe="1s",
            seq=T0 // SECOND_NS,
            ts_open_ns=T0,
            ts_event_ns=T0 + SECOND_NS,
            ts_recv_ns=T0 + 1_200_000_000,
            bid_open=1.10000,
            bid_high=1.10030,
            bid_low=1.09989,
            bid_close=1.09989,
            ask_open=1.10010,
            ask_high=1.10042,
            ask_low=1.10005,
            ask_close=1.10006,
            mid_open=(1.10000 + 1.10010) / 2,
            mid_high=(1.10030 + 1.10042) / 2,
            mid_low=(1.09990 + 1.10005) / 2,
            mid_close=(1.09989 + 1.10006) / 2,
            tick_count=4,
            suspect_count=1,
            up_count=1,
            down_count=1,
            spread_mean_pips=1.35,
            spread_max_pips=1.7,
            # 3.1 pips up, 3.85 down, and then the sides go apart.
            move_sq_sum_pips2=24.4325,
            # A quarter of a spread of 1.0 down, a quarter of 1.2 up.
            micro_gap_mean_pips=0.025,
            verdict=Verdict.STALE | Verdict.GAP,
        )
    ]


@pytest.mark.parametrize(
    ("symbol", "bid", "ask", "pips"),
    [
        ("EURUSD", 1.10000, 1.10013, 1.3),
        ("USDJPY", 150.000, 150.013, 1.3),
        ("EURUSD", 1.10000, 1.10000, 0.0),
        ("EURUSD", 1.1, 1.100012345, 0.123),
    ],
)
def test_the_pip_is_that_of_the_instrument(
    symbol: str, bid: float, ask: float, pips: float
) -> None:
    """Spreads are whole thousandths of a pip: of 0.0001, or of 0.01 against the yen."""
    tape = ticks(symbol, [(0, bid, ask), (1, bid, ask)])
    (bar,) = records_of(symbol, NAMES, BarConfig().build(symbol, None).on_records(tape).bars)
    assert (bar.spread_mean_pips, bar.spread_max_pips) == (pips, pips)


@pytest.mark.parametrize(
    ("bid_size", "ask_size", "sized"),
    [
        (np.nan, 1.0, 0),
        (1.0, np.nan, 0),
        (0.0, 0.0, 0),
        (-1.0, 3.0, 0),
        (np.inf, 1.0, 0),
        (0.0, 1.0, 1),
        (1_234_567.0, 7_654_321.0, 1),
    ],
)
def test_only_whole_sizes_have_a_micro_price(bid_size: float, ask_size: float, sized: int) -> None:
    """It needs both sizes, none below 0 and not both 0; it is exact to half a thousandth."""
    tape = ticks("USDJPY", [(0, 150.0, 150.013), (1, 150.0, 150.013)])
    tape["bid_size"], tape["ask_size"] = bid_size, ask_size
    bar = BarConfig().build("USDJPY", None).on_records(tape).bars[0]
    gap = 1_300 * (bid_size / (bid_size + ask_size) - 0.5) if sized else 0.0
    assert (bar["sized_count"], bar["micro_gap_sum_millipips"]) == (sized, round(gap))


def test_a_bar_closes_with_the_first_tick_at_its_end() -> None:
    """A nanosecond before its end a tick belongs to the bar; at its end it closes it."""
    logic = BarConfig().build("EURUSD", None)
    assert _closed(logic, ticks("EURUSD", [(58, 1.1, 1.2), (59.999999999, 1.1, 1.2)])) == ["1s"]
    assert _closed(logic, ticks("EURUSD", [(60, 1.1, 1.2)])) == ["1s", "1m"]


def test_a_quiet_symbol_is_closed_by_a_heartbeat_less_the_grace() -> None:
    """At 60 s a tick of before may still come; the heartbeat of 61 s closes the minute."""
    logic = BarConfig().build("EURUSD", None)
    logic.on_records(ticks("EURUSD", [(57, 1.1, 1.2)]))
    assert _closed(logic, _beat(58)) == []
    assert _closed(logic, _beat(59)) == ["1s"]
    assert _closed(logic, _beat(60)) == []
    assert _closed(logic, _beat(60.499999999)) == []
    out = logic.on_records(_beat(61))
    assert out.bars[["frame", "ts_event_ns", "tick_count"]].tolist() == [
        (MINUTES, T0 + MINUTE_NS, 1)
    ]
    assert _edges(out) == [(T0 + MINUTE_NS, T0 + 61 * SECOND_NS, 0, 1.1, 1.2, 0)]


def test_the_ticks_of_others_close_a_quiet_symbol() -> None:
    """Through quality and split, the heartbeats that NZDUSD sets off close the bar of EURUSD."""
    quiet = ticks("EURUSD", [(30, 1.1, 1.2)])
    busy = ticks("NZDUSD", [(s, 0.6, 0.7) for s in range(31, 70)])
    log = QualityConfig(("EURUSD", "NZDUSD")).build(None).judge(arrivals(quiet, busy)).log
    (batch, _) = by_symbol(log, ("EURUSD", "NZDUSD"), 0)
    out = BarConfig().build("EURUSD", None).on_records(batch.records)
    (edge,) = out.edges
    assert edge["ts_recv_ns"] == T0 + 61 * SECOND_NS
    assert out.bars[edge["bar"]]["ts_event_ns"] == edge["ts_event_ns"] == T0 + MINUTE_NS


def test_heartbeats_alone_make_boundaries_and_no_bars() -> None:
    """Before any tick there is no quote; each minute passed is still a decision."""
    logic = BarConfig().build("EURUSD", None)
    out = logic.on_records(np.concatenate([_beat(s) for s in (10, 60, 61, 121)]))
    assert out.bars.size == 0
    assert _edges(out) == [
        (T0 + 60 * SECOND_NS, T0 + 61 * SECOND_NS, -1, None, None, -1),
        (T0 + 120 * SECOND_NS, T0 + 121 * SECOND_NS, -1, None, None, -1),
    ]


def test_a_record_that_passes_several_minutes_makes_one_boundary() -> None:
    """The latest one, with the quote before it and the old bar that closed with it."""
    logic = BarConfig().build("EURUSD", None)
    tape = ticks("EURUSD", [(30, 1.1, 1.2), (600, 1.3, 1.4, 600.2)])
    tape["verdict"][0] = Verdict.ONE_SIDED
    out = logic.on_records(tape)
    (minute,) = np.flatnonzero(out.bars["frame"] == MINUTES).tolist()
    assert _edges(out) == [
        (T0 + 600 * SECOND_NS, T0 + 600_200_000_000, minute, 1.1, 1.2, Verdict.ONE_SIDED)
    ]
    assert out.bars[minute]["ts_event_ns"] == T0 + 60 * SECOND_NS


def test_a_minute_without_ticks_has_a_boundary_without_a_bar() -> None:
    """No bar is made up from the last quote."""
    logic = BarConfig().build("EURUSD", None)
    tape = [ticks("EURUSD", [(30, 1.1, 1.2)]), _beat(61), _beat(121)]
    edges = logic.on_records(np.concatenate(tape)).edges
    assert (edges["bar"] >= 0).tolist() == [True, False]
    assert edges["bid"][1] == 1.1


def test_a_heartbeat_does_not_turn_the_clock_back() -> None:
    """Less its grace it may lie before the last tick, also where it comes in a batch of its own."""
    logic = BarConfig().build("EURUSD", None)
    logic.on_records(ticks("EURUSD", [(59.9, 1.1, 1.2)]))
    before = logic.snapshot()
    assert [part.size for part in logic.on_records(_beat(60))] == [0, 0, 0]
    assert logic.snapshot() == before


def test_no_records_no_change() -> None:
    """An empty batch is allowed and leaves the state as it was."""
    logic = BarConfig().build("EURUSD", None)
    logic.on_records(ticks("EURUSD", [(30, 1.1, 1.2)]))
    before = logic.snapshot()
    assert [part.size for part in logic.on_records(ticks("EURUSD", []))] == [0, 0, 0]
    assert logic.snapshot() == before


@pytest.mark.parametrize("seed", range(3))
def test_no_bar_spans_the_weekend(seed: int) -> None:
    """Every bar begins and ends in one session, in the week in which the clocks change."""
    config = BarConfig(("1s", "1m", "1h", "150tick", "9pip"))
    for symbol, records in _hostile_log(seed).items():
        bars = config.build(symbol, None).on_records(records).bars
        times = list(zip(bars["ts_open_ns"].tolist(), bars["ts_event_ns"].tolist(), strict=True))
        sessions = {session_open_ns(opened) for opened, _ in times}
        assert None not in sessions
        assert len(sessions) == (1 if symbol == "USDJPY" else 2)
        for opened, ended in times:
            last = ended if ended == opened else ended - 1
            assert session_open_ns(opened) == session_open_ns(last)


@pytest.mark.parametrize("seed", range(3))
def test_no_accepted_tick_belongs_to_a_closed_bar(seed: int) -> None:
    """After a bar has closed, by tick or by heartbeat, no tick of its time is accepted."""
    for symbol, records in _hostile_log(seed).items():
        logic = BarConfig().build(symbol, None)
        closed_until = 0
        for at in range(records.size):
            record = records[at : at + 1]
            if record["kind"][0] == Kind.TICK:
                assert record["ts_event_ns"][0] >= closed_until
            out = logic.on_records(record)
            assert out.late.size == 0
            closed_until = max([closed_until, *out.bars["ts_event_ns"].tolist()])


@pytest.mark.parametrize("seed", range(3))
def test_bars_of_a_hostile_tape_are_those_of_its_accepted_ticks(seed: int) -> None:
    """Each accepted tick is in one bar of each length, and pandas makes the same bars."""
    for symbol, records in _hostile_log(seed).items():
        bars = BarConfig().build(symbol, None).on_records(records).bars
        for frame, timeframe in enumerate(NAMES):
            assert timeframe in RULES
            found = table(bars, frame)
            assert_same_bars(found, expected_bars(symbol, accepted(records), timeframe))
            assert found["tick_count"].sum() == accepted(records).size


@pytest.mark.parametrize("seed", range(3))
def test_boundaries_ascend_and_each_minute_bar_has_one(seed: int) -> None:
    """No minute is decided twice, and no minute bar closes without a decision."""
    for symbol, records in _hostile_log(seed).items():
        bars, edges, _ = BarConfig().build(symbol, None).on_records(records)
        moments = edges["ts_event_ns"].tolist()
        assert all(a < b for a, b in pairwise(moments))
        assert all(moment % MINUTE_NS == 0 for moment in moments)
        named = edges[edges["bar"] >= 0]
        assert named["bar"].tolist() == np.flatnonzero(bars["frame"] == MINUTES).tolist()
        assert (bars["ts_event_ns"][named["bar"]] <= named["ts_event_ns"]).all()
