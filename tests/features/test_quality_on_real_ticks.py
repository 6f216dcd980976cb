"""The default rules on recorded ticks: what a good venue says is let in, and seldom doubted."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from domain.ticks import SUSPECT, Kind, TickArray
from features.quality import QualityConfig
from sources.recorded import RecordedFeed

pytestmark = pytest.mark.real_data

SYMBOLS = ("EURUSD", "NZDUSD")


def test_a_good_tape_is_hardly_touched(real_ticks: Mapping[str, TickArray]) -> None:
    """One exact copy is rejected; one tick in five thousand is suspect at most."""
    accepted = suspects = 0
    for symbol in SYMBOLS:
        logic = QualityConfig((symbol,)).build(None)
        log = logic.judge(real_ticks[symbol]).log
        ticks = log[log["kind"] == Kind.TICK]
        rejected = {name for name in logic.counts if name.startswith("rejected.")}
        assert rejected <= {"rejected.duplicate"}
        accepted += ticks.size
        suspects += int(np.count_nonzero(ticks["verdict"] & SUSPECT))
    assert accepted == sum(real_ticks[symbol].size for symbol in SYMBOLS) - 1
    assert 0 < suspects < accepted / 5_000


def test_a_second_venue_is_rejected_where_it_crosses_only(real_data: Path) -> None:
    """A tenth of its quotes is crossed and a tenth locked; of the rest next to none is doubted."""
    if not (real_data / "ticks_alt").is_dir():
        pytest.skip("no second feed among the recorded ticks")
    tape = np.concatenate(list(RecordedFeed(real_data / "ticks_alt").batches()))
    logic = QualityConfig(("EURUSD",)).build(None)
    log = logic.judge(tape).log
    counts = logic.counts
    assert counts["rejected.crossed"] == pytest.approx(0.1 * tape.size, rel=0.1)
    assert counts["flagged.locked"] == pytest.approx(0.12 * tape.size, rel=0.1)
    assert counts.get("rejected.spike", 0) < 10
    assert np.count_nonzero(log["verdict"] & SUSPECT) < tape.size / 2_000
    known = {"crossed", "closed_market", "spike", "duplicate"}
    assert {name[9:] for name in counts if name.startswith("rejected.")} <= known
