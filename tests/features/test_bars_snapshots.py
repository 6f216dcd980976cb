"""A bar state as it lies in recovery stores: today's code must read it and go on from it.

A change that breaks this needs a new version of the state: ``golden/bars_v2.json`` is kept then.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bars import records_of
from domain.errors import Corrupt
from domain.nanos import MS_NS
from domain.ticks import TickArray, Verdict
from features.bars import BarConfig
from testkit.tapes import ticks
from tests.features.slow_bars import assert_same, joined
from tests.features.wild_records import wild_records

GOLDEN = Path(__file__).parent / "golden" / "bars_v2.json"
CONFIG = BarConfig(("1s", "1m", "3tick", "2pip"), lateness_ns=500 * MS_NS)

WILD = wild_records(3_000, 6)
CONFIGS = (
    BarConfig(),
    BarConfig(("1m", "100tick", "3pip"), lateness_ns=500 * MS_NS),
    BarConfig(("1m", "1tick", "4h"), lateness_ns=30_000 * MS_NS),
)

V1: dict[str, Any] = {
    "v": 1,
    "timeframes": ["1s", "1m"],
    "prices": [[1.1] * 12, [1.1] * 12],
    "numbers": [[1709625601000000000, 1, 1100, 1100, 1709625601750000000]] * 2,
    "clock": [1709625601500000000, 1709625600000000000],
    "quote": [1.10004, 1.10015],
}


def _tape() -> TickArray:
    tape = ticks(
        "EURUSD",
        [
            (58.25, 1.1, 1.10012, 58.3),
            (59.5, 1.10004, 1.10015, 59.75),
            (60.25, 1.10001, 1.10014, 60.3),
            (59.8, 1.09998, 1.10009, 60.35),
        ],
    )
    tape["bid_size"][1], tape["ask_size"][1] = 2e6, 1e6
    tape["verdict"][2] = Verdict.ONE_SIDED
    return tape


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    """State after four ticks: two seconds and two minutes are open, and a tick bar of one."""
    stored: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return stored


def test_todays_code_writes_what_is_stored(golden: dict[str, Any]) -> None:
    """The same ticks lead to the stored state, key by key, number by number."""
    logic = CONFIG.build("EURUSD", None)
    logic.on_records(_tape())
    found = logic.snapshot()
    assert list(found) == list(golden["state"])
    assert json.loads(json.dumps(found)) == golden["state"]


def test_bars_go_on_from_the_stored_state(golden: dict[str, Any]) -> None:
    """What was open closes with what the snapshot knew of it; the boundary knows the quote."""
    logic = CONFIG.build("EURUSD", golden["state"])
    out = logic.on_records(ticks("EURUSD", [(61.0, 1.2, 1.2001, 61.5)]))
    bars = records_of("EURUSD", CONFIG.ordered, out.bars)
    told = [
        (bar.timeframe, bar.tick_count, bar.bid_open, bar.bid_close, bar.verdict) for bar in bars
    ]
    one_sided = int(Verdict.ONE_SIDED)
    assert told == [
        ("1s", 2, 1.10004, 1.09998, 0),
        ("1m", 3, 1.1, 1.09998, 0),
        ("2pip", 5, 1.1, 1.2, one_sided),
    ]
    minute = bars[1]
    assert (minute.up_count, minute.down_count, minute.move_sq_sum_pips2) == (1, 0, 0.1225)
    assert minute.micro_gap_mean_pips == pytest.approx(1.1 / 6, abs=5e-4)
    assert out.edges.tolist() == [
        (1709625660000000000, 1709625661500000000, 1, 1.10001, 1.10014, one_sided)
    ]


def test_the_first_version_is_refused_by_name() -> None:
    """One line says what is there and what this code reads."""
    with pytest.raises(Corrupt) as refused:
        BarConfig(("1s", "1m")).build("EURUSD", V1)
    assert str(refused.value) == "bar state v1 of ['1s', '1m'] does not fit v2 of ['1s', '1m']"


@pytest.mark.parametrize(
    "change",
    [
        {"v": 1},
        {"v": 3},
        {"v": None},
        {"timeframes": ["1m", "1s", "3tick", "2pip"]},
        {"timeframes": ["1m"]},
        {"timeframes": None},
    ],
)
def test_a_state_of_another_kind_is_refused(change: dict[str, Any], golden: dict[str, Any]) -> None:
    """Arrays by timeframe would otherwise swap their meaning in silence."""
    with pytest.raises(Corrupt, match=r"^bar state v[^\n]*does not fit v2 of [^\n]*$"):
        CONFIG.build("EURUSD", {**golden["state"], **change})


@pytest.mark.parametrize(
    "change",
    [
        {"bars": []},
        {"bars": [[[1, 2]] * 2] * 4},
        {"bars": None},
        {"counts": [1]},
        {"clock": [1, 2]},
        {"clock": ["x"] * 6},
        {"quote": 1.0},
    ],
)
def test_a_torn_state_is_refused(change: dict[str, Any], golden: dict[str, Any]) -> None:
    """Numpy would otherwise spread one number over the whole array."""
    with pytest.raises(Corrupt, match=r"^bar state is not a whole one: [^\n]*$"):
        CONFIG.build("EURUSD", {**golden["state"], **change})


def test_a_state_without_its_parts_is_refused(golden: dict[str, Any]) -> None:
    """A missing part is named."""
    for name in ("bars", "counts", "clock", "quote"):
        state = {key: value for key, value in golden["state"].items() if key != name}
        with pytest.raises(Corrupt, match=f"not a whole one: '{name}'"):
            CONFIG.build("EURUSD", state)


@settings(max_examples=60, deadline=None)
@given(
    cuts=st.lists(st.integers(1, WILD.size - 1), max_size=12, unique=True).map(sorted),
    config=st.sampled_from(CONFIGS),
)
def test_bars_resume_anywhere(cuts: list[int], config: BarConfig) -> None:
    """Interrupted at any records, results and the final state are those of one run."""
    whole = config.build("EURUSD", None)
    wanted = whole.on_records(WILD)
    edges = [0, *cuts, WILD.size]
    parts, state = [], None
    for start, stop in pairwise(edges):
        logic = config.build("EURUSD", state)
        parts.append(logic.on_records(WILD[start:stop]))
        # Through text: what is stored is numbers, strings, lists and mappings, and nothing else.
        state = json.loads(json.dumps(logic.snapshot()))
    assert_same(joined(parts), wanted)
    assert json.dumps(state) == json.dumps(whole.snapshot())


def test_a_snapshot_is_a_copy() -> None:
    """What goes on after a snapshot must not change it."""
    logic = BarConfig().build("EURUSD", None)
    logic.on_records(WILD[:100])
    state = logic.snapshot()
    before = json.dumps(state)
    logic.on_records(WILD[100:])
    assert json.dumps(state) == before
