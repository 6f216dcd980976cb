"""Bars that close by count or by range: with which tick, at a session's end, and their numbers."""

from typing import Any

import numpy as np

from domain.bars import Bar, records_of
from domain.fx_calendar import is_open
from domain.nanos import HOUR_NS, MINUTE_NS, MS_NS, parse_ns
from domain.ticks import heartbeat
from features.bars import BarConfig, BarOut
from testkit.tapes import START, batches, ticks
from tests.features.slow_bars import assert_same, joined

T0 = parse_ns(START)
FRIDAY = "2024-03-08T21:59"
"""A minute before the week ends."""


def _of(out: BarOut, config: BarConfig, timeframe: str) -> list[Bar]:
    bars = records_of("EURUSD", config.ordered, out.bars)
    return [bar for bar in bars if bar.timeframe == timeframe]


def _told(bars: list[Bar], start_ns: int = T0) -> list[tuple[Any, ...]]:
    """Return of each bar: its number, its first and last moment in ms, its ticks."""
    return [
        (
            bar.seq,
            (bar.ts_open_ns - start_ns) // MS_NS,
            (bar.ts_event_ns - start_ns) // MS_NS,
            bar.tick_count,
        )
        for bar in bars
    ]


def test_a_tick_bar_closes_with_its_last_tick() -> None:
    """Not with the next; its times are those of its first and last tick."""
    config = BarConfig(("1m", "3tick", "1tick"))
    logic = config.build("EURUSD", None)
    out = logic.on_records(ticks("EURUSD", [(s, 1.1 + s / 10, 1.2 + s / 10) for s in range(7)]))
    assert config.ordered == ("1m", "1tick", "3tick")
    assert _told(_of(out, config, "3tick")) == [(0, 0, 2_000, 3), (1, 3_000, 5_000, 3)]
    assert _told(_of(out, config, "1tick")) == [(s, s * 1_000, s * 1_000, 1) for s in range(7)]
    assert out.edges.size == 0


def test_a_range_bar_closes_with_the_tick_that_covers_it() -> None:
    """The mid has gone so many pips from its lowest to its highest, up or down; no less."""
    config = BarConfig(("1m", "2pip"))
    mids = [1.1, 1.10019, 1.09999, 1.10005, 1.09985, 1.09984, 1.2, 1.3]
    tape = ticks("EURUSD", [(s, mid - 5e-5, mid + 5e-5) for s, mid in enumerate(mids)])
    bars = _of(config.build("EURUSD", None).on_records(tape), config, "2pip")
    assert _told(bars) == [
        (0, 0, 2_000, 3),
        (1, 3_000, 4_000, 2),
        (2, 5_000, 6_000, 2),
    ]
    # A jump is covered at once; nothing is made up in between.
    assert bars[2].mid_high - bars[2].mid_low > 0.1


def test_the_range_is_one_of_the_instrument() -> None:
    """A pip of the yen is a hundredth."""
    config = BarConfig(("1m", "1pip"))
    tape = ticks("USDJPY", [(0, 150.0, 150.01), (1, 150.009, 150.019), (2, 150.01, 150.02)])
    bars = config.build("USDJPY", None).on_records(tape).bars
    assert bars[["frame", "tick_count"]].tolist() == [(1, 3)]


def test_a_session_ends_them() -> None:
    """By the heartbeat that closes its last minute, or by the first tick of the next week."""
    config = BarConfig(("1m", "5tick", "9pip"))
    before = ticks("EURUSD", [(10, 1.1, 1.1001), (20, 1.1, 1.1002)], FRIDAY)
    after = ticks("EURUSD", [(0, 1.3, 1.3001)], "2024-03-10T21:00")
    end_ns = parse_ns(FRIDAY) + MINUTE_NS
    early = np.concatenate([before, heartbeat(end_ns + 499 * MS_NS)])
    beat = heartbeat(end_ns + 500 * MS_NS)
    by_beat, by_tick = config.build("EURUSD", None), config.build("EURUSD", None)
    assert by_beat.on_records(early).bars.size == 0
    first = by_beat.on_records(beat)
    assert first.bars.tobytes() == by_tick.on_records(np.concatenate([early, after])).bars.tobytes()
    for name in ("5tick", "9pip"):
        assert _told(_of(first, config, name), end_ns) == [(0, -50_000, -40_000, 2)]


def test_the_gap_over_a_weekend_is_no_step() -> None:
    """The first tick of a session neither goes up nor down; numbers go on."""
    config = BarConfig(("1m", "2tick"))
    before = ticks("EURUSD", [(10, 1.1, 1.1002), (20, 1.1, 1.1004), (30, 1.1, 1.1004)], FRIDAY)
    after = ticks("EURUSD", [(0, 1.3, 1.3002), (1, 1.2999, 1.3001)], "2024-03-10T21:00")
    out = config.build("EURUSD", None).on_records(np.concatenate([before, after]))
    bars = _of(out, config, "2tick")
    assert [(bar.seq, bar.tick_count, bar.up_count, bar.down_count) for bar in bars] == [
        (0, 2, 1, 0),
        (1, 1, 0, 0),
        (2, 2, 0, 1),
    ]
    assert [bar.move_sq_sum_pips2 for bar in bars] == [1.0, 0.0, 1.0]


def test_delayed_ticks_count_as_they_come() -> None:
    """A bar that has closed by count is not opened again; times are the earliest and latest."""
    config = BarConfig(("1m", "2tick"), lateness_ns=500 * MS_NS)
    tape = ticks(
        "EURUSD", [(1.0, 1.1, 1.2), (0.8, 1.3, 1.4, 1.1), (0.9, 1.5, 1.6), (1.2, 1.7, 1.8)]
    )
    bars = _of(config.build("EURUSD", None).on_records(tape), config, "2tick")
    assert _told(bars) == [(0, 800, 1_000, 2), (1, 900, 1_200, 2)]
    assert [(bar.bid_open, bar.bid_close) for bar in bars] == [(1.3, 1.1), (1.5, 1.7)]


def test_every_batch_knows_the_same_calendar() -> None:
    """Sessions are looked up for some days at once: what is looked up when does not matter."""
    config = BarConfig(("1m", "7tick", "50pip"))
    hours = [hour for hour in range(35 * 24) if is_open(T0 + hour * HOUR_NS)]
    rows = [(hour * 3_600, 1.1 + at % 9 / 1e3, 1.2 + at % 9 / 1e3) for at, hour in enumerate(hours)]
    tape = ticks("EURUSD", rows)
    wanted = config.build("EURUSD", None).on_records(tape)
    for step in (1, 30, 100):
        logic = config.build("EURUSD", None)
        assert_same(joined([logic.on_records(part) for part in batches(tape, step)]), wanted)
    sevens = wanted.bars[wanted.bars["frame"] == 1]
    assert np.count_nonzero(sevens["tick_count"] < 7) == 5
