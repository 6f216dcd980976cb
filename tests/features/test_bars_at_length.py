"""A million records with everything in them: to the bit, the bars of the slow builder."""

import numpy as np
import pytest

from domain.nanos import MS_NS
from domain.ticks import TickArray
from features.bars import BarConfig
from tests.features.slow_bars import SlowBars, assert_same
from tests.features.wild_records import wild_records

pytestmark = pytest.mark.slow

COUNT = 1_000_000


@pytest.fixture(scope="module")
def tape() -> TickArray:
    """Give a fortnight's worth of jumps, quiet minutes, late ticks and odd sizes."""
    return wild_records(COUNT, 1)


@pytest.mark.parametrize(
    ("timeframes", "lateness_ms"),
    [
        (("1s", "1m", "5m", "1h"), 0),
        (("1s", "1m", "5m", "1h"), 500),
        (("1m", "100tick", "3pip"), 500),
    ],
)
def test_a_million_records(timeframes: tuple[str, ...], lateness_ms: int, tape: TickArray) -> None:
    """Bars, boundaries and late ticks are byte for byte the same, and there are many of each."""
    config = BarConfig(timeframes, lateness_ns=lateness_ms * MS_NS)
    found = config.build("EURUSD", None).on_records(tape)
    wanted = SlowBars("EURUSD", config).on_records(tape)
    assert_same(found, wanted)
    assert found.bars.size > 30_000
    assert (np.bincount(found.bars["frame"]) > 30).all()
    assert found.edges.size > 3_000
    assert found.late.size > 8_000
