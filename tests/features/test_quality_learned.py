"""The tick-quality rules that compare with what was learned, as tapes that a person can read."""

import numpy as np
import pytest

from domain.nanos import MINUTE_NS, MS_NS, SECOND_NS, parse_ns
from domain.ticks import Kind, TickArray, new_records, reasons
from features.quality import QualityConfig, QualityLogic
from testkit.tapes import START, ticks

RULES = QualityConfig(("EURUSD", "NZDUSD"))
CALM_S = 16.0
"""Seconds of the calm before a tape: a hundred and sixty ticks, one point up and down."""

SPIKES = {
    "a tick elsewhere and back": """
        0.1   1.10200 1.10210  spike
        0.2   1.10000 1.10010  -
    """,
    "five pips are no spike": """
        0.1   1.10051 1.10061  -
    """,
    "a little more is one": """
        0.1   1.10052 1.10062  spike
        0.2   1.10001 1.10011  -
    """,
    "the third tick in a row confirms": """
        0.1   1.10200 1.10210  -
        0.2   1.10203 1.10213  -
        0.3   1.10201 1.10211  -
        0.4   1.10000 1.10010  spike
        0.5   1.10200 1.10210  -
    """,
    "a third level begins anew": """
        0.1   1.10200 1.10210  spike
        0.2   1.09700 1.09710  -
        0.3   1.09700 1.09711  -
        0.4   1.09700 1.09710  -
    """,
    "a crash confirms itself, jump by jump": """
        0.1   1.09500 1.09510  spike
        0.2   1.09000 1.09010  -
        0.3   1.08500 1.08510  -
        0.4   1.08000 1.08010  -
        0.5   1.07990 1.08000  -
    """,
    "what is held too long is rejected, and still counts": """
        0.1   1.10200 1.10210  spike
        0.6   1.10200 1.10210  spike
        1.1   1.10200 1.10210  -
        1.2   1.10200 1.10210  -
        1.3   1.10000 1.10010  spike
        1.4   1.10200 1.10210  -
    """,
    "held as long as may be": """
        0.1   1.10200 1.10210  -
        0.3   1.10200 1.10210  -
        0.5   1.10200 1.10210  -
    """,
    "the end of the feed confirms nothing": """
        0.1   1.10200 1.10210  spike
        0.2   1.10200 1.10210  spike
    """,
    "a bad tick between is neither here nor there": """
        0.1   1.10200 1.10210  -
        0.2   1.10200 nan      not_finite
        0.2   1.10200 1.10190  crossed
        0.3   1.10200 1.10210  -
        0.4   1.10200 1.10210  -
    """,
    "the same tick twice is heard once": """
        0.1   1.10200 1.10210  spike
        0.1   1.10200 1.10210  duplicate
        0.1   1.10200 1.10210  duplicate
        0.2   1.10000 1.10010  -
    """,
    "held ticks are written in the order of their events or not at all": """
        0.2   1.10200 1.10210  -
        0.1   1.10201 1.10211  out_of_order
        0.3   1.10200 1.10210  -
    """,
    "after a gap anything is possible": """
        61    1.10200 1.10210  gap
        61.1  1.10000 1.10010  spike
        61.2  1.10200 1.10210  -
    """,
}

WIDTHS = {
    "five medians and two pips wide, and not more": """
        0.1   1.09998 1.10018  -
    """,
    "wider": """
        0.1   1.09980 1.10032  spread_blowout
        0.2   1.09999 1.10010  -
    """,
}


def _calm(symbol: str = "EURUSD") -> TickArray:
    rows = [(s / 10, 1.1 + s % 2 / 1e5, 1.1001 + s % 2 / 1e5) for s in range(1, 160)]
    return ticks(symbol, rows)


def _tape(text: str) -> tuple[TickArray, list[str]]:
    lines = [line.split() for line in text.strip().splitlines()]
    rows = [(round(CALM_S + float(line[0]), 9), float(line[1]), float(line[2])) for line in lines]
    tape = np.concatenate([_calm(), ticks("EURUSD", rows)])
    tape["seq"] = np.arange(tape.size)
    return tape, [line[-1] for line in lines]


def _verdicts(logic: QualityLogic, tape: TickArray) -> list[str]:
    """Return the reasons of every tick, in the order in which they came."""
    parts = [logic.judge(tape), logic.close()]
    judged = np.concatenate([one for part in parts for one in part])
    judged = judged[judged["kind"] == Kind.TICK]
    assert sorted(judged["seq"].tolist()) == tape["seq"].tolist()
    ordered = judged[np.argsort(judged["seq"])]
    return ["+".join(reasons(bits)) or "-" for bits in ordered["verdict"].tolist()]


def _flags(rows: list[tuple[float, float, float]], config: QualityConfig = RULES) -> list[str]:
    return _verdicts(config.build(None), ticks("EURUSD", rows))


@pytest.mark.parametrize("rule", SPIKES)
def test_spikes(rule: str) -> None:
    """Each line gets the reasons at its end, and the calm before it none."""
    tape, wanted = _tape(SPIKES[rule])
    assert _verdicts(RULES.build(None), tape) == ["-"] * 159 + wanted


@pytest.mark.parametrize("rule", WIDTHS)
def test_spreads(rule: str) -> None:
    """The same against the median of ten points."""
    tape, wanted = _tape(WIDTHS[rule])
    assert _verdicts(RULES.build(None), tape) == ["-"] * 159 + wanted


def test_held_ticks_stand_before_the_one_that_confirms_them() -> None:
    """In the order in which they came, behind the heartbeat that passed meanwhile."""
    tape, _ = _tape(
        """
        0.9   1.10200 1.10210  -
        0.95  1.10200 1.10211  -
        1.05  1.10200 1.10210  -
        """
    )
    log = RULES.build(None).judge(tape).log
    assert log["kind"].tolist()[-4:] == [Kind.HEARTBEAT, *[Kind.TICK] * 3]
    assert log["seq"].tolist()[-3:] == [159, 160, 161]


def test_no_released_tick_is_older_than_a_heartbeat_allows() -> None:
    """Held before a heartbeat, of an event that it has left behind: late, though confirmed."""
    tape, _ = _tape("0.9 1.10200 1.10210 -\n0.95 1.10200 1.10211 -\n1.05 1.10200 1.10210 -")
    tape["ts_event_ns"][159] -= 420 * MS_NS
    rules = QualityConfig(RULES.symbols, grace_ns=500 * MS_NS)
    judged = rules.build(None).judge(tape)
    assert [reasons(bits) for bits in judged.rejected["verdict"].tolist()] == [["late"]]
    assert judged.log["seq"].tolist()[-2:] == [160, 161]


@pytest.mark.parametrize("hold_ms", [100, 400, 10_000])
def test_a_hold_ends_with_the_clock_of_others(hold_ms: int) -> None:
    """Another symbol's tick passes the time; the hold is never longer than the grace."""
    logic = QualityConfig(RULES.symbols, spike_hold_ns=hold_ms * MS_NS).build(None)
    logic.judge(_tape("0 1.10200 1.10210 spike")[0])
    hold = min(hold_ms, 500) / 1_000
    for late_s, rejected in ((hold, 0), (hold + 0.001, 1)):
        judged = logic.judge(ticks("NZDUSD", [(CALM_S + late_s, 0.6, 0.6001)]))
        assert judged.rejected.size == rejected


def test_before_enough_is_learned_nothing_is_a_spike_or_too_wide() -> None:
    """The hundred and first tick is the first that is compared."""
    calm = _calm()
    for count, verdicts in ((98, ["-", "-"]), (100, ["spread_blowout", "spike"])):
        rows = ticks("EURUSD", [(11, 1.09980, 1.10032), (11.1, 1.2, 1.2001)])
        tape = np.concatenate([calm[:count], rows])
        tape["seq"] = np.arange(tape.size)
        assert _verdicts(RULES.build(None), tape)[-2:] == verdicts


def test_a_spread_that_stays_becomes_usual() -> None:
    """Robust, not stubborn: two in a hundred a tick, and the minute has learned the new width."""
    rows = [(CALM_S + s / 10, 1.0998, 1.1004) for s in range(60)]
    tape = np.concatenate([_calm(), ticks("EURUSD", rows)])
    tape["seq"] = np.arange(tape.size)
    wide = _verdicts(RULES.build(None), tape)[159:]
    blown = wide.count("spread_blowout")
    assert 5 < blown < 15
    assert wide == ["spread_blowout"] * blown + ["-"] * (60 - blown)


def test_each_minute_of_the_week_has_its_own_usual_spread() -> None:
    """A week later the wide minute is wide again, and what is wide in the one before is not."""
    rules = QualityConfig(("EURUSD",), learn_ticks=1)
    logic, week = rules.build(None), 7 * 24 * 60 * MINUTE_NS
    narrow = ticks("EURUSD", [(s / 10, 1.1, 1.1001) for s in range(500)])
    wide = ticks("EURUSD", [(60 + s / 10, 1.0996, 1.1005) for s in range(500)])
    logic.judge(narrow)
    logic.judge(wide)
    again = np.concatenate([narrow[:200], ticks("EURUSD", [(59, 1.0996, 1.1005)]), wide[:5]])
    # Daylight saving begins in New York: the same minute of its clock is an hour earlier in UTC.
    again["ts_event_ns"] += week - 60 * MINUTE_NS
    again["ts_recv_ns"] = again["ts_event_ns"]
    again["seq"] = np.arange(again.size)
    assert _verdicts(logic, again) == ["-"] * 200 + ["spread_blowout"] + ["-"] * 5


def test_a_quote_that_stands_longer_than_any_is_stale() -> None:
    """Changes every second teach; the repeats are news until the usual time has passed."""
    rules = QualityConfig(("EURUSD",), gap_ns=2 * SECOND_NS, stale_min_changes=50)
    moving = [(float(s), 1.1 + s % 2 / 1e5, 1.1001 + s % 2 / 1e5) for s in range(60)]
    standing = [(59 + s / 2, 1.10001, 1.10011) for s in range(1, 10)]
    flags = _flags([*moving, *standing, (65.0, 1.1, 1.1001)], rules)
    # The level starts at the gap, and one step of a tenth down is 1.86 s.
    assert flags == ["-"] * 63 + ["stale"] * 6 + ["-"]


def test_a_young_feed_knows_nothing_of_stale() -> None:
    """No quote is stale before the part of the day has seen enough changes."""
    rules = QualityConfig(("EURUSD",), gap_ns=2 * SECOND_NS, stale_min_changes=50)
    standing = [(s / 2, 1.1, 1.10012) for s in range(40)]
    assert set(_flags(standing, rules)) == {"-"}


def test_the_quantile_is_one_in_a_thousand() -> None:
    """On exponential times between changes, the learned level is where it should be."""
    rng = np.random.default_rng(1)
    gaps = rng.exponential(0.5, 150_000)
    tape = ticks("EURUSD", [(0.0, 1.1, 1.1001)] * gaps.size, "2024-03-04T23:30")
    start = parse_ns("2024-03-04T23:30")
    # Asia of four days, one hour after the other: the parts learn apart.
    event = start + (np.cumsum(gaps) * SECOND_NS).astype(np.int64)
    tape["ts_event_ns"] = tape["ts_recv_ns"] = event
    tape["bid"] = np.round(1.1 + np.arange(gaps.size) % 2 / 1e5, 5)
    logic = QualityConfig(("EURUSD",)).build(None)
    logic.judge(tape)
    block = logic.snapshot()["block"]
    assert min(block["changes"][0][1:]) > 20_000
    for level in block["change_level"][0][1:]:
        seconds = 0.001 * 1.1 ** (level // 1_000)
        assert 0.5 * np.log(300) < seconds < 0.5 * np.log(10_000)


def test_one_side_that_never_moves() -> None:
    """From the fiftieth tick in a row on that moved only the bid; the ask's first move ends it."""
    rows = [(s / 10, 1.1 + s % 2 / 1e5, 1.1001) for s in range(60)]
    flags = _flags([*rows, (6.0, 1.1, 1.10011), (6.1, 1.10001, 1.10011)])
    assert flags == ["-"] * 50 + ["one_sided"] * 10 + ["-"] * 2
    # Sides taken in turn are no run.
    turns = [(s / 10, 1.1 + s // 2 % 2 / 1e5, 1.1001 + (s + 1) // 2 % 2 / 1e5) for s in range(120)]
    assert set(_flags(turns)) == {"-"}


def test_a_burst_of_duplicates() -> None:
    """The eighth in a second, and then all in that second; the next second is as ever."""
    rows = [(0.1, 1.1, 1.1001)] * 10 + [(0.2, 1.10001, 1.10011), (1.2, 1.1, 1.1001)]
    assert _flags(rows) == [
        "-",
        *["duplicate"] * 7,
        *["duplicate+burst"] * 2,
        "burst",
        "-",
    ]


def test_a_feed_that_always_repeats_itself_has_no_bursts() -> None:
    """Nine a second are many at first, and usual after some minutes."""
    rows = [(float(s), 1.1 + s % 2 / 1e5, 1.1001) for s in range(400) for _ in range(10)]
    flags = np.array(_flags(rows, QualityConfig(("EURUSD",), one_sided_ticks=10**6)))
    bursts = np.flatnonzero(flags == "duplicate+burst") // 10
    assert 0 in bursts
    assert bursts.max() < 200
    assert (flags == "duplicate+burst").sum() + (flags == "duplicate").sum() == 3_600


def test_a_delayed_tick_is_news_of_the_past() -> None:
    """Let in within the lateness, it moves nothing: what was newest stays newest."""
    rules = QualityConfig(("EURUSD",), lateness_ns=300 * MS_NS)
    rows = [
        (1.0, 1.1, 1.1001, 1.0),
        (0.7, 1.10003, 1.10013, 1.1),
        (0.6, 1.10003, 1.10013, 1.1),
        (1.0, 1.1, 1.1001, 1.1),
        (1.2, 1.1, 1.1001, 1.2),
    ]
    logic = rules.build(None)
    tape = ticks("EURUSD", rows)
    assert _verdicts(logic, tape) == ["-", "delayed", "out_of_order", "duplicate", "-"]
    block = logic.snapshot()["block"]
    assert (block["ticks"], block["event_ns"]) == ([2], [int(tape["ts_event_ns"][-1])])


def test_a_delayed_tick_elsewhere_is_not_held() -> None:
    """What could confirm it has come already."""
    tape, _ = _tape("0.1 1.10000 1.10010 -\n0 1.10200 1.10210 spike")
    rules = QualityConfig(("EURUSD",), lateness_ns=300 * MS_NS)
    tape["ts_recv_ns"][-1] = tape["ts_recv_ns"][-2]
    judged = rules.build(None).judge(tape)
    assert judged.rejected["seq"].tolist() == [160]


def test_records_that_are_no_ticks_of_this_version() -> None:
    """Whatever else stands in them is not read: they move neither clock nor state."""
    tape = ticks("EURUSD", [(0, 1.1, 1.2), (5, 1.1, 1.2), (6, np.nan, 1.2), (0, 1.1, 1.2)])
    tape["version"][1], tape["kind"][2] = 9, Kind.HEARTBEAT
    logic = RULES.build(None)
    judged = logic.judge(tape)
    assert [reasons(bits) for bits in judged.rejected["verdict"].tolist()] == [
        ["unknown_version"],
        ["unknown_kind"],
        ["duplicate"],
    ]
    assert logic.last_heartbeat()["ts_recv_ns"].tolist() == [parse_ns(START)]


def test_an_end_without_held_ticks_rejects_nothing() -> None:
    """The heartbeat is the one that `last_heartbeat` gives."""
    logic = RULES.build(None)
    end = logic.close(5)
    assert (end.log.tobytes(), end.rejected.size) == (logic.last_heartbeat(5).tobytes(), 0)
    assert RULES.build(None).close().log.size == new_records(0).size
