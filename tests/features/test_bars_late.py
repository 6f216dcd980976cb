"""The allowed lateness: bars wait for delayed ticks, and what comes later still goes aside."""

from typing import Any

import numpy as np

from domain.nanos import MS_NS, SECOND_NS, parse_ns
from domain.ticks import TickArray, heartbeat
from features.bars import BarConfig, BarLogic, BarOut
from testkit.tapes import START, ticks

T0 = parse_ns(START)
NAMES = ("1s", "1m")
WAIT = BarConfig(NAMES, lateness_ns=500 * MS_NS)


def _logic(config: BarConfig = WAIT) -> BarLogic:
    return config.build("EURUSD", None)


def _beat(seconds: float) -> TickArray:
    return heartbeat(T0 + round(seconds * SECOND_NS))


def _told(out: BarOut) -> list[tuple[Any, ...]]:
    """Return of each bar: its name, its second, its first and last bid, its ticks."""
    return [
        (NAMES[bar["frame"]], (bar["ts_open_ns"] - T0) // SECOND_NS, *bar[columns].item())
        for columns in [["bid_open", "bid_close", "tick_count"]]
        for bar in out.bars
    ]


def test_a_delayed_tick_stands_where_it_belongs() -> None:
    """It opens or closes its bar by its own time, while the next bar is already open."""
    out = _logic().on_records(
        ticks(
            "EURUSD",
            [
                (0.3, 1.3, 1.4),
                (1.1, 1.6, 1.7),
                (0.9, 1.5, 1.6, 1.2),  # the last of its second
                (0.7, 1.1, 1.2, 1.3),  # between two: neither
                (0.7, 1.2, 1.3, 1.4),
                (1.49, 1.8, 1.9),  # not yet
                (1.5, 1.9, 2.0),
            ],
        )
    )
    assert _told(out) == [("1s", 0, 1.3, 1.5, 4)]
    assert out.bars["ts_recv_ns"].tolist() == [T0 + 1_400 * MS_NS]
    assert out.bars[["bid_low", "bid_high"]].tolist() == [(1.1, 1.5)]


def test_a_delayed_tick_may_open_its_bar() -> None:
    """Also where a later bar of the same length is open: both close, the older one first."""
    logic = _logic()
    out = logic.on_records(
        ticks("EURUSD", [(60.2, 1.5, 1.6), (59.8, 1.1, 1.2, 60.3), (130, 1.7, 1.8)])
    )
    assert _told(out) == [
        ("1s", 59, 1.1, 1.1, 1),
        ("1s", 60, 1.5, 1.5, 1),
        ("1m", 0, 1.1, 1.1, 1),
        ("1m", 60, 1.5, 1.5, 1),
    ]
    # One record has passed two minutes: only the later one is decided, on its own bar.
    assert out.edges[["ts_event_ns", "bar"]].tolist() == [(T0 + 120 * SECOND_NS, 3)]


def test_a_delayed_tick_is_no_quote_and_no_step() -> None:
    """Tick rule and squared moves follow the order of events; so does the quote of a boundary."""
    logic = _logic()
    out = logic.on_records(
        ticks(
            "EURUSD",
            [
                (59.0, 1.1, 1.1002),
                (60.1, 1.1001, 1.1003),
                (59.9, 1.2, 1.2002, 60.2),
                (61, 1.3, 1.4),
            ],
        )
    )
    (edge,) = out.edges
    assert (edge["bid"], edge["ask"]) == (1.1001, 1.1003)
    minute = out.bars[edge["bar"]]
    assert minute["tick_count"] == 2
    assert (minute["up_count"], minute["down_count"]) == (0, 0)
    assert (minute["bid_close"], minute["move_sq_sum_millipips2"]) == (1.2, 0)


def test_what_comes_later_still_goes_aside_whole() -> None:
    """One nanosecond too late, and it is in no bar, no quote, no count."""
    logic = _logic()
    logic.on_records(ticks("EURUSD", [(1.2, 1.1, 1.2)]))
    before = logic.snapshot()
    tape = ticks("EURUSD", [(0.699999999, 1.5, 1.6, 1.3)])
    out = logic.on_records(tape)
    assert out.late.tobytes() == tape.tobytes()
    assert logic.snapshot() == before
    assert logic.on_records(ticks("EURUSD", [(0.7, 1.5, 1.6, 1.3)])).late.size == 0


def test_without_lateness_every_older_tick_is_late() -> None:
    """Of the same moment it is not."""
    tape = ticks("EURUSD", [(1.2, 1.1, 1.2), (1.199999999, 1.5, 1.6, 1.3), (1.2, 1.7, 1.8, 1.4)])
    assert _logic(BarConfig(NAMES)).on_records(tape).late.tobytes() == tape[1:2].tobytes()


def test_a_heartbeat_waits_for_grace_or_lateness_whichever_is_longer() -> None:
    """The ingest lets a tick pass that is as late as the longer of both."""
    for grace_ms, lateness_ms in ((500, 200), (200, 500)):
        config = BarConfig(NAMES, grace_ms * MS_NS, lateness_ms * MS_NS)
        logic = _logic(config)
        logic.on_records(ticks("EURUSD", [(0.5, 1.1, 1.2)]))
        assert logic.on_records(_beat(1.499999999)).bars.size == 0
        assert logic.on_records(_beat(1.5)).bars.size == 1


def test_a_lateness_of_the_shortest_bar_is_the_longest() -> None:
    """Two bars of a length are then open at most, whatever comes."""
    logic = _logic(BarConfig(NAMES, lateness_ns=SECOND_NS))
    tape = ticks("EURUSD", [(s / 2, 1.1, 1.2, s / 2 + 0.9) for s in range(6)])
    late_first = tape[[1, 0, 3, 2, 5, 4]]
    out = logic.on_records(np.concatenate([late_first, _beat(63)]))
    assert [told[1:2] + told[4:] for told in _told(out)] == [(0, 2), (1, 2), (2, 2), (0, 6)]
    assert out.late.size == 0
