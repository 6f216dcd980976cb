"""The tick-quality state as it lies in recovery stores: today's code must go on from it.

A change that breaks one of these needs a new version of the state.
"""

import json
from typing import Any

import numpy as np
import pytest

from domain.errors import Corrupt
from domain.ticks import Kind, reasons
from features.quality import QualityConfig
from features.quality_state import DAY_PARTS, MINUTES_OF_WEEK, QualityState
from testkit.tapes import arrivals, ticks, walk

V2: dict[str, Any] = {
    "v": 2,
    "symbols": ["EURUSD", "USDJPY"],
    "hold_rows": 2,
    "clock_ns": [1709625602300000000, 1709625602000000000, 1709625602700000000, 1],
    # Ticks in and accepted; 32 places of rejected bits, 32 of the bits of accepted ticks.
    "tally": [6, 3, 0, 0, 1, 0, 0, 1, *[0] * 26, *[0] * 32],
    "block": {
        "ticks": [2, 1],
        "event_ns": [1709625601500000000, 1709625602000000000],
        "bid": [110004, 150010],
        "ask": [110015, 150024],
        "changed_ns": [1709625601500000000, 1709625602000000000],
        "one_sided": [0, 0],
        "move": [112, 0],
        "evidence": [1, 0],
        "evidence_ns": [1709625602250000000, 0],
        "evidence_bid": [110200, 0],
        "evidence_ask": [110210, 0],
        "held": [1, 0],
        "held_ns": [1709625602300000000, 0],
        "burst_second": [-9223372036854775808, 1709625602],
        "burst_count": [0, 1],
        "burst_mean": [0, 0],
        "bursting": [0, 0],
        "spread_level": [124, 133],
        "change_level": [[116000, 116000, 115999, 116000], [116000] * 4],
        "changes": [[0, 0, 1, 0], [0, 0, 0, 0]],
    },
    "held": {
        "EURUSD": "AQAAAAAAAABFVVJVU0QAAAAAAAAAAAAAgEYGYW3PuRcANwFkbc+5F28Sg8DKofE/4L4OnDOi8T8A"
        "AMB/AADAfwUAAAAAAAAA"
    },
    "profile": "eAHt2cEJACAMADHnFnwJrl0HubjBpYU+nOURIECAAAECFYFzK6U6CRAgQIAAAQIECBAgQIAAAQIECBAg"
    "QIAAAQIECBB4mwEBAgQIECBAgAABAgQIECBAgAABAnWBqQPoJ0CAAAECJQGHvzRtrQQIECBAgAABAgQIECBAgAABAgQI"
    "ECBAgAABAnUB/4P1DdBPgAABAgQIECBAgAABAgQIECBAYH24xAX9",
}

RULES = QualityConfig(("EURUSD", "USDJPY"), learn_ticks=1)
TAPE = arrivals(
    ticks(
        "EURUSD",
        [
            (0.25, 1.1, 1.10012, 0.3),
            (1.5, 1.10004, 1.10015, 1.75),
            (2.0, 1.2, 1.1, 2.0),
            (2.25, 1.102, 1.1021, 2.3),
        ],
    ),
    ticks("USDJPY", [(2.0, 150.01, 150.024, 2.25), (2.0, 150.01, 150.024, 2.26)]),
)


def test_todays_code_writes_what_is_stored() -> None:
    """The same ticks lead to the stored state, key by key."""
    logic = RULES.build(None)
    logic.judge(TAPE)
    found = logic.snapshot()
    assert {**found, "profile": ""} == {**V2, "profile": ""}
    # Another build of zlib may pack otherwise: what is packed counts.
    profiles = []
    for state in (found, V2):
        known = QualityState(RULES.symbols, 2, 0)
        known.restore(state)
        profiles.append(known.profile.tobytes())
    assert profiles[0] == profiles[1]


def test_it_goes_on_from_the_stored_state() -> None:
    """It knows the quotes, the clock, the counts, and the tick that waits."""
    logic = RULES.build(V2)
    judged = logic.judge(
        arrivals(
            ticks("USDJPY", [(2.0, 150.01, 150.024, 2.4)]),
            ticks("EURUSD", [(2.45, 1.102, 1.1021), (2.5, 1.102, 1.10211), (3.5, 1.102, 1.1021)]),
        )
    )
    assert [reasons(bits) for bits in judged.rejected["verdict"].tolist()] == [["duplicate"]]
    assert judged.log["kind"].tolist() == [*[Kind.TICK] * 3, Kind.HEARTBEAT, Kind.TICK]
    assert judged.log["seq"].tolist()[0] == 5
    assert logic.counts == {
        "ticks_in": 10,
        "ticks_accepted": 7,
        "rejected.crossed": 1,
        "rejected.duplicate": 2,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"v": 1},
        {"v": 3},
        {"symbols": ["USDJPY", "EURUSD"]},
        {"symbols": ["EURUSD"]},
        {"hold_rows": 1},
    ],
)
def test_a_state_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    """Arrays by symbol would otherwise swap their meaning in silence."""
    with pytest.raises(Corrupt, match="does not fit"):
        RULES.build({**V2, **change})


def test_the_first_version_is_refused_by_name() -> None:
    """It knew nothing of spreads and spikes: a run of then is not gone on with now."""
    with pytest.raises(Corrupt, match="does not fit"):
        RULES.build({"v": 1, "symbols": ["EURUSD", "USDJPY"], "last_event_ns": [1, 1]})


def test_a_snapshot_stays_small() -> None:
    """A whole week learned for eight symbols: what a snapshot costs every second is bounded."""
    symbols = ("AUDUSD", "EURJPY", "EURUSD", "GBPUSD", "NZDUSD", "USDCAD", "USDCHF", "USDJPY")
    logic = QualityConfig(symbols).build(None)
    state = logic.snapshot()
    rng = np.random.default_rng(1)
    known = QualityState(symbols, 2, 0)
    levels = 120 + np.cumsum(rng.integers(-6, 7, known.profile.shape), axis=1) // 8
    known.profile[:] = np.clip(levels + rng.integers(-8, 9, levels.shape), 0, 699)
    full = {**state, "profile": known.to_mapping()["profile"]}
    assert len(json.dumps(state)) < 8_000
    assert len(json.dumps(full)) < 100_000
    assert QualityConfig(symbols).build(full).snapshot() == full


def test_a_snapshot_does_not_grow() -> None:
    """State is a fixed block of numbers: a week of ticks takes no more room than an hour."""
    logic = QualityConfig(("EURUSD",)).build(None)
    shapes = []
    for part in np.array_split(walk("EURUSD", 20_000, 2), 4):
        logic.judge(part)
        known = QualityState(("EURUSD",), 2, 0)
        known.restore(logic.snapshot())
        shapes.append((known.block.nbytes, known.profile.shape, known.held.shape))
    assert set(shapes) == {((18 + 2 * DAY_PARTS) * 8, (1, MINUTES_OF_WEEK), (1, 2, 9))}
