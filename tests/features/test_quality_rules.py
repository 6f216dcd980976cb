"""The tick-quality rules as tapes that a person can read, and what holds on any tape."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.nanos import MS_NS, SECOND_NS, parse_ns
from domain.ticks import REJECTED, Kind, TickArray, new_records, reasons
from features.quality import Judged, QualityConfig, QualityLogic
from testkit.tapes import START, arrivals, spoil, ticks, walk

SYMBOLS = ("EURUSD", "NZDUSD", "USDJPY")

RULES = {
    "a first tick is fit": """
        0    0    EURUSD  1.10000  1.10010  -
    """,
    "a price that is no number": """
        0    0    EURUSD  nan      1.10010  not_finite
        0    0    EURUSD  1.10000  nan      not_finite
        0    0    EURUSD  inf      1.10010  not_finite
        0    0    EURUSD  -inf     inf      not_finite
    """,
    "a price of nothing or less": """
        0    0    EURUSD  0        1.10010  not_positive
        0    0    EURUSD  -1.1     1.10010  not_positive
        0    0    EURUSD  1.10000  0        not_positive
        0    0    EURUSD  -1.1     -1.2     not_positive
    """,
    "bid above ask is crossed, bid at ask is a locked quote": """
        0    0    EURUSD  1.10011  1.10010  crossed
        0    0    EURUSD  1.10010  1.10010  locked
    """,
    "an event may lie ahead of its receipt by the skew and no more": """
        0.5          0    EURUSD  1.10000  1.10010  -
        0.600000001  0.1  EURUSD  1.10000  1.10010  future
    """,
    "a tick from the future does not move the event time of its symbol": """
        0    0    EURUSD  1.10000  1.10010  -
        900  1    EURUSD  1.10000  1.10010  future
        1    1    EURUSD  1.10000  1.10010  -
    """,
    "a tick that goes back is out of order, to the nanosecond": """
        5            5    EURUSD  1.10000  1.10010  -
        4.999999999  5    EURUSD  1.10000  1.10010  out_of_order
        5            5    EURUSD  1.10001  1.10010  -
    """,
    "one time and one quote twice is a duplicate, all else is news": """
        1    1    EURUSD  1.10000  1.10010  -
        1    1    EURUSD  1.10000  1.10010  duplicate
        1    1    EURUSD  1.10001  1.10010  -
        1    1    EURUSD  1.10001  1.10011  -
        1    1    EURUSD  1.10000  1.10010  -
        2    2    EURUSD  1.10000  1.10010  -
    """,
    "the twin of a rejected tick is no duplicate": """
        1    1    EURUSD  1.10011  1.10010  crossed
        1    1    EURUSD  1.10011  1.10010  crossed
    """,
    "symbols do not mix": """
        5    5    EURUSD  1.10000  1.10010  -
        5    5    NZDUSD  1.10000  1.10010  -
        4.9  5    NZDUSD  1.10000  1.10010  out_of_order
        4.9  5    EURUSD  1.10000  1.10010  out_of_order
    """,
    "behind the last heartbeat a tick may be by the grace and no more": """
        0            0    EURUSD  1.10000  1.10010  -
        10.2         10.2 EURUSD  1.10000  1.10010  -
        9.5          10.3 NZDUSD  0.60000  0.60010  -
        9.499999999  10.3 NZDUSD  0.60000  0.60010  out_of_order+late
    """,
    "late on a symbol that was quiet": """
        0            0    EURUSD  1.10000  1.10010  -
        10.2         10.2 EURUSD  1.10000  1.10010  -
        9.499999999  10.3 NZDUSD  0.60000  0.60010  late
    """,
    "a tick can be late by the heartbeat that it sets off itself": """
        0            0    EURUSD  1.10000  1.10010  -
        9.4          9.9  EURUSD  1.10000  1.10010  -
        9.45         10   EURUSD  1.10000  1.10010  late
        9.5          10   EURUSD  1.10000  1.10010  -
    """,
    "even the first tick can be late": """
        0            1    EURUSD  1.10000  1.10010  late
        0.5          1    EURUSD  1.10000  1.10010  -
    """,
    "a receipt that goes back does not turn the clock back": """
        10           10   EURUSD  1.10000  1.10010  -
        9.4          9    NZDUSD  0.60000  0.60010  late
        9.6          9    NZDUSD  0.60000  0.60010  future
        9.6          9.5  NZDUSD  0.60000  0.60010  -
    """,
    "a price between the steps of the grid": """
        0    0    EURUSD  1.100003  1.10010  off_grid
        0    0    EURUSD  1.10000   1.100109 off_grid
        0    0    USDJPY  150.0005  150.002  off_grid
        0    0    USDJPY  150.0010  150.002  -
    """,
    "float noise and float32 prices are on the grid": """
        0    0    EURUSD  1.1000000000000003  1.10010           -
        1    1    EURUSD  1.10010004          1.100200056076    -
    """,
    "a price of no step, and one beyond all": """
        0    0    EURUSD  1e-9     1.10010  off_grid
        0    0    EURUSD  1.10000  1e300    off_grid
        0    0    EURUSD  1.7e308  1.7e308  off_grid
        0    0    EURUSD  1.10000  1e6      off_grid
    """,
    "a symbol that the run does not have": """
        0    0    XAUUSD  1.10000  1.10010  unknown_symbol
        0    0    EURUSDX 1.10000  1.10010  unknown_symbol
        9    0    XAUUSD  1.10000  nan      not_finite+future+unknown_symbol
    """,
    "more than a minute without a tick of the symbol": """
        0         0         EURUSD  1.10000  1.10010  -
        60        60        EURUSD  1.10000  1.10010  -
        120.5     120.5     NZDUSD  0.60000  0.60010  -
        120.5     120.5     EURUSD  1.10000  1.10010  gap
        120.6     120.6     EURUSD  1.10000  1.10010  -
    """,
    "a receipt a day from its event is no time of ours": """
        0         0         EURUSD  1.10000  1.10010  -
        1         86402     EURUSD  1.10000  1.10010  late
        1         1         EURUSD  1.10000  1.10010  -
        86399     -3        EURUSD  1.10000  1.10010  future
        2         2         EURUSD  1.10000  1.10010  -
    """,
    "every broken rule is named": """
        5    5    EURUSD  1.10000  1.10010  -
        1    5    EURUSD  nan      1.10010  not_finite+out_of_order+late
        5    5    EURUSD  nan      1.10010  not_finite
        900  5    EURUSD  1.2      1.10010  crossed+future
    """,
}

MOMENTS = [
    ("2024-01-12T21:59:59.999999", "fit"),
    ("2024-01-12T22:00", "closed_market"),
    ("2024-01-13T12:00", "closed_market"),
    ("2024-01-14T21:59:59.999999", "closed_market"),
    ("2024-01-14T22:00", "fit"),
    ("2024-07-12T20:59:59.999999", "fit"),
    ("2024-07-12T21:00", "closed_market"),
    ("2024-07-14T20:59:59.999999", "closed_market"),
    ("2024-07-14T21:00", "fit"),
    ("2024-12-24T21:59:59.999999", "fit"),
    ("2024-12-24T22:00", "closed_market"),
    ("2024-12-25T21:59:59.999999", "closed_market"),
    ("2024-12-25T22:00", "fit"),
    ("2024-12-31T22:00", "closed_market"),
    ("2025-01-01T22:00", "fit"),
]


def _quality() -> QualityLogic:
    return QualityConfig(SYMBOLS).build(None)


def _read(text: str) -> tuple[TickArray, list[str]]:
    parts, wanted = [], []
    for line in text.strip().splitlines():
        event, recv, symbol, bid, ask, verdict = line.split()
        row = (float(event), float(bid), float(ask), float(recv))
        parts.append(ticks(symbol, [row]))
        wanted.append(verdict)
    tape = np.concatenate(parts)
    tape["seq"] = np.arange(tape.size)
    return tape, wanted


def _verdicts(logic: QualityLogic, tape: TickArray) -> list[str]:
    parts = [logic.judge(tape), logic.close()]
    judged = np.concatenate([one for part in parts for one in part])
    judged = judged[judged["kind"] == Kind.TICK]
    found = dict(zip(judged["seq"].tolist(), judged["verdict"].tolist(), strict=True))
    assert len(found) == judged.size == tape.size
    return ["+".join(reasons(found[row])) or "-" for row in range(tape.size)]


def _hostile(seed: int, count: int = 600) -> TickArray:
    pair = [spoil(walk(s, count, seed + i), 0.2, seed + 7 * i) for i, s in enumerate(SYMBOLS)]
    return arrivals(*pair)


@pytest.mark.parametrize("rule", RULES)
def test_rules(rule: str) -> None:
    """Each line of the tape gets the reasons that stand at its end."""
    tape, wanted = _read(RULES[rule])
    assert _verdicts(_quality(), tape) == wanted


@pytest.mark.parametrize(("moment", "verdict"), MOMENTS)
def test_the_market_closes_and_opens_with_new_york(moment: str, verdict: str) -> None:
    """Weekends and holidays are closed from 17:00 New York on, in summer and in winter."""
    logic = _quality()
    tape = ticks("EURUSD", [(0, 1.1, 1.1001)], moment)
    assert _verdicts(logic, tape) == ["-" if verdict == "fit" else verdict]


@pytest.mark.parametrize(
    ("event_ns", "verdict"),
    [(-(2**63), "out_of_order+closed_market+late"), (2**63 - 1, "future+closed_market")],
)
def test_a_broken_clock_is_rejected_like_any_other(event_ns: int, verdict: str) -> None:
    """The ends of the range are times like any other: no tick may stop the ingest."""
    tape = ticks("EURUSD", [(0, 1.1, 1.2), (1, 1.1, 1.2), (2, 1.1, 1.2)])
    tape["ts_event_ns"][1] = event_ns
    assert _verdicts(_quality(), tape) == ["-", verdict, "-"]


def test_a_tick_that_breaks_several_rules_is_counted_once() -> None:
    """The counts name the first broken rule, so that they add up."""
    logic = _quality()
    tape, _ = _read(RULES["every broken rule is named"])
    logic.judge(tape)
    assert logic.counts == {
        "ticks_in": 4,
        "ticks_accepted": 1,
        "rejected.not_finite": 2,
        "rejected.crossed": 1,
    }


@pytest.mark.parametrize("seed", range(4))
def test_counts_add_up(seed: int) -> None:
    """Ticks in are ticks accepted and ticks rejected, by log, by rejects and by counters."""
    logic = _quality()
    tape = _hostile(seed)
    judged = logic.judge(tape)
    judged = Judged(judged.log, np.concatenate([judged.rejected, logic.close().rejected]))
    accepted = judged.log[judged.log["kind"] == Kind.TICK]
    assert accepted.size + judged.rejected.size == tape.size
    counts = Counter(logic.counts)
    assert counts["ticks_in"] == tape.size
    assert counts["ticks_accepted"] == accepted.size
    assert sum(n for name, n in counts.items() if name.startswith("rejected.")) == (
        judged.rejected.size
    )
    assert sorted(np.concatenate([accepted["seq"], judged.rejected["seq"]])) == list(
        range(tape.size)
    )


def test_ticks_are_kept_whole() -> None:
    """A tick is as it came, save for its verdict."""
    tape = _hostile(11)
    judged = _quality().judge(tape)
    assert (judged.rejected["verdict"] & REJECTED > 0).all()
    assert (judged.log["verdict"] & REJECTED == 0).all()
    for part in (judged.rejected, judged.log[judged.log["kind"] == Kind.TICK]):
        bare = part.copy()
        bare["verdict"] = 0
        assert bare.tobytes() == tape[part["seq"]].tobytes()


def test_judging_does_not_change_the_ticks_given() -> None:
    """The raw tape of a feed may be shared."""
    tape = _hostile(12)
    before = tape.tobytes()
    _quality().judge(tape)
    assert tape.tobytes() == before


@pytest.mark.parametrize("rule", [rule for rule in RULES if "first tick is fit" not in rule])
def test_rejected_ticks_do_not_move_the_state_of_their_symbol(rule: str) -> None:
    """Take the rejected ticks out of a tape, and the last event and quote stay as they are."""
    tape, wanted = _read(RULES[rule])
    with_all, without = _quality(), _quality()
    with_all.judge(tape)
    without.judge(tape[[verdict in {"-", "gap", "locked"} for verdict in wanted]])
    ours, theirs = with_all.snapshot(), without.snapshot()
    # Duplicates are counted, whatever else becomes of them.
    for state in (ours, theirs):
        for name in [name for name in state["block"] if name.startswith("burst")]:
            del state["block"][name]
    assert ours["block"] == theirs["block"]
    assert ours["profile"] == theirs["profile"]


def test_a_heartbeat_for_the_last_passed_second_stands_before_the_tick() -> None:
    """None with the first tick, none within a second, one where several seconds passed."""
    tape = ticks("EURUSD", [(s, 1 + s / 100, 2) for s in (0.2, 0.9, 1.0, 1.5, 5.7, 6.0)])
    log = _quality().judge(tape).log
    start = parse_ns(START)
    line = [
        (Kind(kind).name, (recv - start) / SECOND_NS)
        for kind, recv in zip(log["kind"].tolist(), log["ts_recv_ns"].tolist(), strict=True)
    ]
    assert line == [
        ("TICK", 0.2),
        ("TICK", 0.9),
        ("HEARTBEAT", 1.0),
        ("TICK", 1.0),
        ("TICK", 1.5),
        ("HEARTBEAT", 5.0),
        ("TICK", 5.7),
        ("HEARTBEAT", 6.0),
        ("TICK", 6.0),
    ]


def test_the_receipt_of_a_rejected_tick_sets_off_a_heartbeat() -> None:
    """The receive clock is our own: a bad tick still proves that time has passed."""
    judged = _quality().judge(ticks("EURUSD", [(0, 1.1, 1.2), (3, np.nan, 1.2)]))
    assert judged.log["kind"].tolist() == [Kind.TICK, Kind.HEARTBEAT]
    assert judged.rejected.size == 1


@pytest.mark.parametrize("seed", range(4))
def test_heartbeats_are_seconds_in_ascending_order(seed: int) -> None:
    """Every passed second has at most one, and none stands behind a tick of a later receipt."""
    log = _quality().judge(_hostile(seed)).log
    beats = log["ts_recv_ns"][log["kind"] == Kind.HEARTBEAT]
    assert beats.size > 10
    assert (np.diff(beats) > 0).all()
    assert (beats % SECOND_NS == 0).all()
    clock = np.maximum.accumulate(log["ts_recv_ns"])
    at = np.flatnonzero(log["kind"] == Kind.HEARTBEAT)
    before = at[at > 0] - 1
    assert (clock[before] < log["ts_recv_ns"][before + 1]).all()


@settings(max_examples=60, deadline=None)
@given(
    receipts=st.lists(st.integers(0, 20_000), min_size=1, max_size=20),
    end=st.none() | st.integers(-5_000, 30_000),
)
def test_the_last_heartbeat_is_never_before_a_receipt(receipts: list[int], end: int | None) -> None:
    """It stands at the receive clock, or at the known end of the feed where that is later."""
    logic = _quality()
    tape = ticks("EURUSD", [(ms / 1_000, 1.1, 1.2) for ms in receipts])
    logic.judge(tape)
    start = parse_ns(START)
    clock = start + max(receipts) * MS_NS
    beat = logic.last_heartbeat(None if end is None else start + end * MS_NS)
    assert beat["kind"].tolist() == [Kind.HEARTBEAT]
    assert beat["ts_recv_ns"].tolist() == [
        clock if end is None else max(clock, start + end * MS_NS)
    ]


def test_no_heartbeat_without_any_tick() -> None:
    """A feed that never gave a tick proves no time; a known end alone does."""
    assert _quality().last_heartbeat().size == 0
    assert _quality().last_heartbeat(5)["ts_recv_ns"].tolist() == [5]
    nothing = _quality().judge(new_records(0))
    assert (nothing.log.size, nothing.rejected.size) == (0, 0)
