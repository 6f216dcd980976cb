"""The bar kernel beside a slow builder of bars, and beside its own plain-Python form."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.nanos import MS_NS
from domain.ticks import TickArray, Verdict
from features import bars as bars_module
from features.bar_kernel import bar_kernel
from features.bars import BarConfig
from features.quality import QualityConfig
from operators.decode import by_symbol
from testkit.tapes import batches
from tests.features.hostile_ticks import CLOSE_NS, hostile
from tests.features.slow_bars import SlowBars, assert_same, joined
from tests.features.wild_records import Step, records_of, wild_records

TIME = ("1s", "1m", "5m", "1h")
MIXED = ("1m", "100tick", "3pip")
ODD = ("30s", "1m", "4h", "24h", "1tick", "7tick", "1pip", "20pip")
SYMBOLS = ("EURUSD", "USDJPY")

GAPS_MS = (0, 1, 100, 499, 500, 501, 999, 1_000, 1_001, 30_000, 60_000, 180_000, 3_600_000)
WEEKEND_MS = 50 * 3_600_000
BITS = (0, Verdict.STALE, Verdict.SPREAD_BLOWOUT | Verdict.LOCKED, Verdict.GAP)

sizes = st.sampled_from((np.nan, 0.0, 1.0, 3.0, 250_000.0, 0.5, -1.0, np.inf))
steps = st.builds(
    Step,
    gap_ms=st.one_of(st.sampled_from((*GAPS_MS, WEEKEND_MS)), st.integers(0, 2_000)),
    back_ms=st.one_of(st.just(0), st.sampled_from(GAPS_MS), st.integers(0, 1_200)),
    bid=st.integers(109_990, 110_040),
    spread=st.integers(0, 40),
    sizes=st.tuples(sizes, sizes),
    verdict=st.sampled_from(BITS).map(int),
    beat=st.integers(0, 4).map(lambda draw: draw == 0),
)
configs = st.builds(
    BarConfig,
    timeframes=st.sampled_from((TIME, MIXED, ODD, ("1m",), ("2tick", "1m"))),
    grace_ns=st.sampled_from((0, 500 * MS_NS)),
    lateness_ns=st.sampled_from((0, 1, 500 * MS_NS, 1_000 * MS_NS)),
)


@settings(max_examples=300, deadline=None)
@given(tape=st.lists(steps, min_size=1, max_size=60), config=configs)
def test_the_kernel_builds_what_a_slow_builder_builds(tape: list[Step], config: BarConfig) -> None:
    """Bars, their order, boundaries and late ticks are the same, whatever comes."""
    records = records_of(tape)
    wanted = SlowBars("EURUSD", config).on_records(records)
    assert_same(config.build("EURUSD", None).on_records(records), wanted)


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("lateness_ms", [0, 500, 30_000])
def test_long_tapes_and_many_timeframes(symbol: str, lateness_ms: int) -> None:
    """Some hours with everything in them, over a weekend; the pip is that of the symbol."""
    records = wild_records(30_000, 3, symbol)
    config = BarConfig(ODD, lateness_ns=lateness_ms * MS_NS)
    wanted = SlowBars(symbol, config).on_records(records)
    assert_same(config.build(symbol, None).on_records(records), wanted)
    assert (np.bincount(wanted.bars["frame"]) > [100, 70, 1, 0, 20_000, 3_000, 800, 1]).all()
    assert wanted.bars["suspect_count"].any()
    assert wanted.bars["micro_gap_sum_millipips"].any()
    assert wanted.late.size > 10


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_from_a_hostile_tape_through_the_quality_rules(symbol: str, seed: int) -> None:
    """What the ingest lets through, with its heartbeats, gives the slow builder's bars."""
    rules = QualityConfig(SYMBOLS, lateness_ns=500 * MS_NS).build(None)
    tape = hostile(SYMBOLS, 3_000, seed, CLOSE_NS - 1_800_000 * MS_NS)
    log = np.concatenate([rules.judge(tape).log, rules.last_heartbeat()])
    records = {batch.symbol: batch.records for batch in by_symbol(log, SYMBOLS, 0)}[symbol]
    config = BarConfig(("1s", "1m", "50tick", "10pip"), lateness_ns=500 * MS_NS)
    found = config.build(symbol, None).on_records(records)
    assert_same(found, SlowBars(symbol, config).on_records(records))
    assert found.bars.size > 1_000
    # The ingest has refused what would be too late for a bar.
    assert found.late.size == 0


@pytest.mark.parametrize(
    ("timeframes", "lateness_ms"), [(TIME, 0), (MIXED, 0), (MIXED, 500), (ODD, 500)]
)
def test_compiled_and_plain_python_agree(
    timeframes: tuple[str, ...], lateness_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results and the state left behind are the same to the bit."""
    records = wild_records(2_500, 9)
    config = BarConfig(timeframes, lateness_ns=lateness_ms * MS_NS)
    compiled = config.build("EURUSD", None)
    out = compiled.on_records(records)
    monkeypatch.setattr(bars_module, "bar_kernel", bar_kernel.py_func)
    plain = config.build("EURUSD", None)
    assert_same(plain.on_records(records), out)
    assert json.dumps(plain.snapshot()) == json.dumps(compiled.snapshot())


@pytest.fixture(scope="module")
def tape() -> TickArray:
    """Give records that fill more than one piece of the kernel."""
    return wild_records(9_000, 5)


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
@pytest.mark.parametrize(("timeframes", "lateness_ms"), [(TIME, 0), (MIXED, 500), (("1m",), 0)])
def test_batches_of_any_size_give_the_same_bytes(
    timeframes: tuple[str, ...], lateness_ms: int, size: int, tape: TickArray
) -> None:
    """Bars, boundaries with the bars that they name, late ticks, and the state at the end."""
    config = BarConfig(timeframes, lateness_ns=lateness_ms * MS_NS)
    whole, cut = config.build("EURUSD", None), config.build("EURUSD", None)
    wanted = whole.on_records(tape)
    assert_same(joined([cut.on_records(part) for part in batches(tape, size)]), wanted)
    assert json.dumps(cut.snapshot()) == json.dumps(whole.snapshot())
    named = wanted.edges["bar"] >= 0
    minutes = wanted.bars[wanted.edges["bar"][named]]
    assert (minutes["frame"] == config.decision_frame).all()
    assert 0 < named.sum() < named.size
