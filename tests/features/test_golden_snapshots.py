"""Snapshots as they lie in recovery stores: today's code must read them and go on from them.

A change that breaks one of these needs a new version of the state, and a way for the old one.
"""

from typing import Any

import pytest

from domain.bars import Bar
from domain.errors import Corrupt
from domain.ticks import Kind, reasons
from features.bars import BarConfig, Boundary
from features.minute_features import FeatureConfig
from features.quality import QualityConfig
from testkit.tapes import arrivals, minute_bar, ticks

QUALITY_V1: dict[str, Any] = {
    "v": 1,
    "symbols": ["EURUSD", "USDJPY"],
    "last_event_ns": [1709625601500000000, 1709625602000000000],
    "last_quote": [[1.10004, 1.10015], [150.01, 150.024]],
    "clock_ns": [1709625602250000000, 1709625602000000000],
    "counts": {"ticks_in": 4, "ticks_accepted": 3, "rejected.crossed": 1},
}

BARS_V1: dict[str, Any] = {
    "v": 1,
    "timeframes": ["1s", "1m"],
    "prices": [
        [1.10004] * 4 + [1.10015] * 4 + [1.100095] * 4,
        [
            *(1.1, 1.10004, 1.1, 1.10004),
            *(1.10012, 1.10015, 1.10012, 1.10015),
            *(1.10006, 1.100095, 1.10006, 1.100095),
        ],
    ],
    "numbers": [
        [1709625601000000000, 1, 1100, 1100, 1709625601750000000],
        [1709625600000000000, 2, 2300, 1200, 1709625601750000000],
    ],
    "clock": [1709625601500000000, 1709625600000000000],
    "quote": [1.10004, 1.10015],
}

FEATURES_V1: dict[str, Any] = {
    "v": 1,
    "schema": "9236172730d9a59679039aaa997ce0ce",
    "session_ns": 1709503200000000000,
    "bars": 3,
    "closes": [1.0, 1.5, 1.25],
    "log_ranges": [0.0, 0.0, 0.0],
    "spreads": [1.0, 1.0, 1.0],
    "emas": [1.1035502958579881, 1.0528120713305897, 1.0297792586422325],
    "wilder": [0.25, 0.125, 0.375],
}

QUALITY = QualityConfig(("EURUSD", "USDJPY"))
BARS = BarConfig(("1s", "1m"))

TAPE = arrivals(
    ticks(
        "EURUSD", [(0.25, 1.1, 1.10012, 0.3), (1.5, 1.10004, 1.10015, 1.75), (2.0, 1.2, 1.1, 2.0)]
    ),
    ticks("USDJPY", [(2.0, 150.01, 150.024, 2.25)]),
)


def test_todays_code_writes_what_is_stored() -> None:
    """The same ticks and bars lead to the stored states, key by key."""
    quality = QUALITY.build(None)
    quality.judge(TAPE)
    assert quality.snapshot() == QUALITY_V1
    bars = BARS.build("EURUSD", None)
    bars.on_records(TAPE[:2])
    assert bars.snapshot() == BARS_V1
    features = FeatureConfig().build("EURUSD", None)
    for minute, close in enumerate((1.0, 1.5, 1.25)):
        features.on_bar(minute_bar(minute, close))
    assert features.snapshot() == FEATURES_V1


def test_quality_goes_on_from_the_stored_state() -> None:
    """It knows the last quote, the last event, the clock and the counts."""
    quality = QUALITY.build(QUALITY_V1)
    judged = quality.judge(
        ticks("EURUSD", [(1.5, 1.10004, 1.10015, 3.0), (2.5, 1.10006, 1.10014, 3.5)])
    )
    assert [reasons(bits) for bits in judged.rejected["verdict"].tolist()] == [
        ["duplicate", "late"]
    ]
    assert judged.log["kind"].tolist() == [Kind.HEARTBEAT, Kind.TICK]
    assert quality.counts == {
        "ticks_in": 6,
        "ticks_accepted": 4,
        "rejected.crossed": 1,
        "rejected.duplicate": 1,
    }


def test_bars_go_on_from_the_stored_state() -> None:
    """The second that was open closes with what the snapshot knew of it."""
    out = BARS.build("EURUSD", BARS_V1).on_records(ticks("EURUSD", [(60, 1.2, 1.2001, 60.5)]))
    second, minute = out.bars
    assert second == Bar(
        symbol="EURUSD",
        timeframe="1s",
        ts_open_ns=1709625601000000000,
        ts_event_ns=1709625602000000000,
        ts_recv_ns=1709625601750000000,
        bid_open=1.10004,
        bid_high=1.10004,
        bid_low=1.10004,
        bid_close=1.10004,
        ask_open=1.10015,
        ask_high=1.10015,
        ask_low=1.10015,
        ask_close=1.10015,
        mid_open=1.100095,
        mid_high=1.100095,
        mid_low=1.100095,
        mid_close=1.100095,
        tick_count=1,
        spread_mean_pips=1.1,
        spread_max_pips=1.1,
    )
    assert (minute.tick_count, minute.spread_mean_pips, minute.spread_max_pips) == (2, 1.15, 1.2)
    assert (minute.bid_open, minute.ask_open, minute.mid_open) == (1.1, 1.10012, 1.10006)
    assert out.boundaries == [
        Boundary("EURUSD", 1709625660000000000, 1709625660500000000, minute, 1.10004, 1.10015)
    ]


def test_features_go_on_from_the_stored_state() -> None:
    """The fourth bar of the session follows the three of the snapshot."""
    logic = FeatureConfig().build("EURUSD", FEATURES_V1)
    vector = logic.on_bar(minute_bar(3, 1.5, mid_high=2.0))
    warm = {0: 1823.215567939546, 7: 2876.8207245178087, 8: 0.0, 15: 1.0, 17: 1.9459101490553132}
    assert {at: vector.values[at] for at in warm} == pytest.approx(warm, rel=1e-12)
    state = logic.snapshot()
    assert state["bars"] == 4
    assert state["wilder"] == pytest.approx([1 / 4, 1 / 12, 0.5], rel=1e-12)


@pytest.mark.parametrize(
    "change", [{"v": 2}, {"symbols": ["USDJPY", "EURUSD"]}, {"symbols": ["EURUSD"]}]
)
def test_a_quality_state_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    """Arrays by symbol would otherwise swap their meaning in silence."""
    with pytest.raises(Corrupt, match="does not fit"):
        QUALITY.build({**QUALITY_V1, **change})


@pytest.mark.parametrize("change", [{"v": 2}, {"timeframes": ["1m", "1s"]}, {"timeframes": ["1m"]}])
def test_a_bar_state_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    """Arrays by timeframe would otherwise swap their meaning in silence."""
    with pytest.raises(Corrupt, match="does not fit"):
        BARS.build("EURUSD", {**BARS_V1, **change})


@pytest.mark.parametrize("change", [{"v": 2}, {"schema": "another"}])
def test_a_feature_state_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    """Windows of other features say nothing about these."""
    with pytest.raises(Corrupt, match="is not of schema"):
        FeatureConfig().build("EURUSD", {**FEATURES_V1, **change})
