"""A feature state as it lies in a recovery store: today's code must read it and go on from it.

A change that breaks this needs a new version of the state. Another list of features is another
schema, and then every model is trained anew: ``golden/features_v2.json`` is written again.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.bars import BarArray
from features.minute_features import FeatureConfig
from features.spec import SCHEMA
from testkit.bar_rows import bar_rows

GOLDEN = Path(__file__).parent / "golden" / "features_v2.json"


def _tape(count: int) -> BarArray:
    """Bars by arithmetic alone, so that they are the same on every machine and for ever."""
    at = np.arange(count, dtype=np.int64)
    points = 110_000 + (at * at * 7) % 97
    highs, lows = points + at % 5, points - at % 3
    return bar_rows(
        points / 1e5,
        mid_open=lows / 1e5,
        mid_high=highs / 1e5,
        mid_low=lows / 1e5,
        tick_count=20 + at % 7,
        up_count=at % 11,
        down_count=at % 6,
        suspect_count=at % 2,
        sized_count=at % 4,
        spread_sum_millipips=20_000 + 100 * (at % 13),
        spread_max_millipips=2_000 + at % 17,
        move_sq_sum_millipips2=10_000 * (at % 19),
        micro_gap_sum_millipips=at % 4 * 30,
    )


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    """State after 130 bars, and the values of the bar after them."""
    stored: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return stored


def test_todays_code_writes_what_is_stored(golden: dict[str, Any]) -> None:
    """The same bars lead to the stored state, but for the last digits of a logarithm."""
    logic = FeatureConfig().build("EURUSD", None)
    logic.on_bars(_tape(130))
    found, wanted = logic.snapshot(), golden["state"]
    assert list(found) == list(wanted)
    for name in ("v", "schema", "session_ns", "bars"):
        assert found[name] == wanted[name]
    for name in ("prices", "windows", "averages"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-9, atol=1e-12)


def test_features_go_on_from_the_stored_state(golden: dict[str, Any]) -> None:
    """The next bar has the stored values: windows, averages and session are all in the state."""
    logic = FeatureConfig().build("EURUSD", golden["state"])
    found = logic.on_bars(_tape(131)[130:])
    assert found.session_bars.tolist() == [131]
    np.testing.assert_allclose(found.values[0], golden["next_values"], rtol=1e-9, atol=1e-9)


def test_the_schema_is_the_one_that_stored_models_were_trained_on(golden: dict[str, Any]) -> None:
    """Another list, order, unit or formula is another schema: then every model is trained anew."""
    assert golden["state"]["schema"] == SCHEMA
