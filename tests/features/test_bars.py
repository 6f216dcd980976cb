"""Bars on literal tapes: what is in one, when it closes, and what a boundary tells."""

from itertools import pairwise

import numpy as np
import pytest

from domain.bars import TIMEFRAMES, Bar
from domain.fx_calendar import session_open_ns
from domain.nanos import MINUTE_NS, SECOND_NS, parse_ns
from domain.ticks import Kind, TickArray, heartbeat
from features.bars import BarConfig, BarLogic, Boundary
from features.quality import QualityConfig
from operators.decode import by_symbol
from testkit.tapes import START, across_weekend, arrivals, spoil, ticks, walk
from tests.features.oracle import accepted, assert_same_bars, expected_bars, table

T0 = parse_ns(START)
SYMBOLS = ("EURUSD", "NZDUSD", "USDJPY")


def _beat(seconds: float) -> TickArray:
    return heartbeat(T0 + round(seconds * SECOND_NS))


def _closed(logic: BarLogic, records: TickArray) -> list[str]:
    return [bar.timeframe for bar in logic.on_records(records).bars]


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
    """Open, high, low and close of each side, the count, spreads in pips, and the last receipt."""
    tape = ticks(
        "EURUSD",
        [
            (0.0, 1.10000, 1.10010, 0.1),
            (0.4, 1.10030, 1.10042, 1.2),
            (0.9, 1.09990, 1.10005, 1.1),
            (1.0, 1.10000, 1.10010, 1.3),
        ],
    )
    out = BarConfig(("1s", "1m")).build("EURUSD", None).on_records(tape)
    assert out.bars == [
        Bar(
            symbol="EURUSD",
            timeframe="1s",
            ts_open_ns=T0,
            ts_event_ns=T0 + SECOND_NS,
            ts_recv_ns=T0 + 1_100_000_000,
            bid_open=1.10000,
            bid_high=1.10030,
            bid_low=1.09990,
            bid_close=1.09990,
            ask_open=1.10010,
            ask_high=1.10042,
            ask_low=1.10005,
            ask_close=1.10005,
            mid_open=(1.10000 + 1.10010) / 2,
            mid_high=(1.10030 + 1.10042) / 2,
            mid_low=(1.09990 + 1.10005) / 2,
            mid_close=(1.09990 + 1.10005) / 2,
            tick_count=3,
            spread_mean_pips=3.7 / 3,
            spread_max_pips=1.5,
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
    bar = BarConfig().build(symbol, None).on_records(tape).bars[0]
    assert (bar.spread_mean_pips, bar.spread_max_pips) == (pips, pips)


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
    (bar,) = (out := logic.on_records(_beat(61))).bars
    assert (bar.timeframe, bar.ts_event_ns, bar.tick_count) == ("1m", T0 + MINUTE_NS, 1)
    assert out.boundaries == [
        Boundary("EURUSD", T0 + MINUTE_NS, T0 + 61 * SECOND_NS, bar, 1.1, 1.2)
    ]


def test_the_ticks_of_others_close_a_quiet_symbol() -> None:
    """Through quality and split, the heartbeats that NZDUSD sets off close the bar of EURUSD."""
    quiet = ticks("EURUSD", [(30, 1.1, 1.2)])
    busy = ticks("NZDUSD", [(s, 0.6, 0.7) for s in range(31, 70)])
    log = QualityConfig(("EURUSD", "NZDUSD")).build(None).judge(arrivals(quiet, busy)).log
    (batch, _) = by_symbol(log, ("EURUSD", "NZDUSD"), 0)
    (boundary,) = BarConfig().build("EURUSD", None).on_records(batch.records).boundaries
    assert boundary.ts_recv_ns == T0 + 61 * SECOND_NS
    assert boundary.bar is not None
    assert boundary.bar.ts_event_ns == boundary.ts_event_ns == T0 + MINUTE_NS


def test_heartbeats_alone_make_boundaries_and_no_bars() -> None:
    """Before any tick there is no quote; each minute passed is still a decision."""
    logic = BarConfig().build("EURUSD", None)
    out = logic.on_records(np.concatenate([_beat(s) for s in (10, 60, 61, 121)]))
    assert out.bars == []
    assert out.boundaries == [
        Boundary("EURUSD", T0 + 60 * SECOND_NS, T0 + 61 * SECOND_NS, None, None, None),
        Boundary("EURUSD", T0 + 120 * SECOND_NS, T0 + 121 * SECOND_NS, None, None, None),
    ]


def test_a_record_that_passes_several_minutes_makes_one_boundary() -> None:
    """The latest one, with the quote before it and the old bar that closed with it."""
    logic = BarConfig().build("EURUSD", None)
    out = logic.on_records(ticks("EURUSD", [(30, 1.1, 1.2), (600, 1.3, 1.4, 600.2)]))
    (boundary,) = out.boundaries
    assert boundary.ts_event_ns == T0 + 600 * SECOND_NS
    assert boundary.ts_recv_ns == T0 + 600_200_000_000
    assert (boundary.bid, boundary.ask) == (1.1, 1.2)
    assert boundary.bar is not None
    assert boundary.bar.ts_event_ns == T0 + 60 * SECOND_NS


def test_a_minute_without_ticks_has_a_boundary_without_a_bar() -> None:
    """No bar is made up from the last quote."""
    logic = BarConfig().build("EURUSD", None)
    tape = [ticks("EURUSD", [(30, 1.1, 1.2)]), _beat(61), _beat(121)]
    boundaries = logic.on_records(np.concatenate(tape)).boundaries
    assert [boundary.bar is not None for boundary in boundaries] == [True, False]
    assert boundaries[1].bid == 1.1


def test_a_heartbeat_does_not_turn_the_clock_back() -> None:
    """Less its grace it may lie before the last tick, also where it comes in a batch of its own."""
    logic = BarConfig().build("EURUSD", None)
    logic.on_records(ticks("EURUSD", [(59.9, 1.1, 1.2)]))
    before = logic.snapshot()
    assert logic.on_records(_beat(60)) == ([], [])
    assert logic.snapshot() == before


def test_no_records_no_change() -> None:
    """An empty batch is allowed and leaves the state as it was."""
    logic = BarConfig().build("EURUSD", None)
    logic.on_records(ticks("EURUSD", [(30, 1.1, 1.2)]))
    before = logic.snapshot()
    assert logic.on_records(ticks("EURUSD", [])) == ([], [])
    assert logic.snapshot() == before


@pytest.mark.parametrize("seed", range(3))
def test_no_bar_spans_the_weekend(seed: int) -> None:
    """Every bar begins and ends in one session, in the week in which the clocks change."""
    for symbol, records in _hostile_log(seed).items():
        bars = BarConfig().build(symbol, None).on_records(records).bars
        sessions = {session_open_ns(bar.ts_open_ns) for bar in bars}
        assert None not in sessions
        assert len(sessions) == (1 if symbol == "USDJPY" else 2)
        for bar in bars:
            assert session_open_ns(bar.ts_open_ns) == session_open_ns(bar.ts_event_ns - 1)


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
            for bar in logic.on_records(record).bars:
                closed_until = max(closed_until, bar.ts_event_ns)


@pytest.mark.parametrize("seed", range(3))
def test_bars_of_a_hostile_tape_are_those_of_its_accepted_ticks(seed: int) -> None:
    """Each accepted tick is in one bar of each length, and pandas makes the same bars."""
    for symbol, records in _hostile_log(seed).items():
        bars = BarConfig().build(symbol, None).on_records(records).bars
        for timeframe in TIMEFRAMES:
            found = table(bars, timeframe)
            assert_same_bars(found, expected_bars(symbol, accepted(records), timeframe))
            assert found["tick_count"].sum() == accepted(records).size


@pytest.mark.parametrize("seed", range(3))
def test_boundaries_ascend_and_each_minute_bar_has_one(seed: int) -> None:
    """No minute is decided twice, and no minute bar closes without a decision."""
    for symbol, records in _hostile_log(seed).items():
        out = BarConfig().build(symbol, None).on_records(records)
        moments = [boundary.ts_event_ns for boundary in out.boundaries]
        assert all(a < b for a, b in pairwise(moments))
        assert all(moment % MINUTE_NS == 0 for moment in moments)
        assert [b.bar for b in out.boundaries if b.bar is not None] == [
            bar for bar in out.bars if bar.timeframe == "1m"
        ]
        assert all(b.bar is None or b.bar.ts_event_ns <= b.ts_event_ns for b in out.boundaries)
