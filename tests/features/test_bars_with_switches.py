"""Switches among the records of a symbol: bars, boundaries and features are what they would be."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.nanos import MS_NS, SECOND_NS
from domain.ticks import TickArray
from features import bars as bars_module
from features.bar_kernel import bar_kernel
from features.bars import BarConfig, BarOut
from features.minute_features import FeatureConfig
from testkit.switches import a_switch, strewn
from testkit.tapes import batches
from tests.features.slow_bars import SlowBars, assert_same, joined
from tests.features.wild_records import wild_records

CONFIG = BarConfig(("1s", "1m", "50tick", "3pip"), lateness_ns=500 * MS_NS)
FIRST_NS = int(wild_records(1, 11)["ts_event_ns"][0])
SWITCHES = [a_switch(n, FIRST_NS + (n - 5) * 40 * SECOND_NS) for n in range(40)]
"""Effective before the tape, within it and after it: were that a tick's time, bars would close."""


@pytest.fixture(scope="module")
def tape() -> TickArray:
    """Give wild records that fill more than one piece of the kernel."""
    return wild_records(5_000, 11)


@pytest.fixture(scope="module")
def wanted(tape: TickArray) -> BarOut:
    """Give what comes of them without switches."""
    return CONFIG.build("EURUSD", None).on_records(tape)


@pytest.mark.parametrize("seed", range(3))
def test_a_switch_closes_no_bar_and_passes_no_boundary(
    seed: int, tape: TickArray, wanted: BarOut
) -> None:
    """Bit for bit, in the compiled kernel and in the slow builder; the state is the same too."""
    mixed, _ = strewn(tape, SWITCHES, seed)
    with_them, without = CONFIG.build("EURUSD", None), CONFIG.build("EURUSD", None)
    assert_same(with_them.on_records(mixed), wanted)
    assert_same(SlowBars("EURUSD", CONFIG).on_records(mixed), wanted)
    without.on_records(tape)
    assert json.dumps(with_them.snapshot()) == json.dumps(without.snapshot())
    assert wanted.bars.size > 800
    assert wanted.edges.size > 10
    assert wanted.late.size > 0


def test_compiled_and_plain_python_pass_a_switch_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results and the state left behind are the same to the bit."""
    mixed, _ = strewn(wild_records(1_500, 12), SWITCHES, 4)
    compiled = CONFIG.build("EURUSD", None)
    out = compiled.on_records(mixed)
    monkeypatch.setattr(bars_module, "bar_kernel", bar_kernel.py_func)
    plain = CONFIG.build("EURUSD", None)
    assert_same(plain.on_records(mixed), out)
    assert json.dumps(plain.snapshot()) == json.dumps(compiled.snapshot())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.sampled_from((1, 7, 100, 3_000)))
def test_however_the_log_is_cut(seed: int, size: int) -> None:
    """Also where a batch begins or ends with switches, or holds nothing else."""
    tape = wild_records(400, seed % 50)
    mixed, _ = strewn(tape, SWITCHES, seed)
    logic = CONFIG.build("EURUSD", None)
    found = joined([logic.on_records(part) for part in batches(mixed, size)])
    assert_same(found, CONFIG.build("EURUSD", None).on_records(tape))


def test_features_do_not_see_a_switch(tape: TickArray) -> None:
    """The rows of the minutes are the same bytes."""
    mixed, _ = strewn(tape, SWITCHES, 9)
    rows = []
    for records in (tape, mixed):
        bars = CONFIG.build("EURUSD", None).on_records(records).bars
        minutes = bars[bars["frame"] == CONFIG.decision_frame]
        found = FeatureConfig().build("EURUSD", None).on_bars(minutes)
        rows.append([part.tobytes() for part in found])
        assert np.isfinite(found[0]).any()
    assert rows[0] == rows[1]
