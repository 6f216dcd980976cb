"""Local features beside whole columns, exact warm-ups, and results that no cut can change."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from domain.bars import BarArray
from domain.errors import Corrupt
from domain.ticks import TickArray
from features.minute_features import WARM_UP, FeatureConfig, FeatureLogic, LocalRows
from features.spec import LOCAL_FEATURES, SCHEMA
from testkit.bar_rows import bar_rows, random_rows
from tests.features.feature_oracle import expected_features, rows_from_ticks

NAMES = [feature.name for feature in LOCAL_FEATURES]
PIPS = {"EURUSD": 1e-4, "NZDUSD": 1e-4, "USDJPY": 1e-2}

STATE_BYTES = 7_216
"""Of one symbol: 120 closes, 13 series of 59 bars, 13 smoothed values, the session."""


def _fresh(symbol: str = "EURUSD") -> FeatureLogic:
    return FeatureConfig().build(symbol, None)


def _over_weekend(seed: int, count: int = 150) -> BarArray:
    """Draw bars of a Friday to its close at 22:00 and of the Sunday evening after it."""
    friday = random_rows(count, seed, "2024-01-12T19:30", gaps=0.0)
    return np.concatenate([friday, random_rows(count, seed + 1, "2024-01-14T22:00", gaps=0.05)])


def _numbers(value: Any) -> list[float]:
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int | float) else []


def _assert_like_the_oracle(symbol: str, rows: BarArray) -> None:
    found = _fresh(symbol).on_bars(rows)
    wanted = expected_features(rows, PIPS[symbol])
    assert list(wanted.columns) == NAMES
    warm = found.session_bars[:, None] >= WARM_UP
    assert warm[-1].all()
    np.testing.assert_allclose(
        found.values, np.where(warm, wanted.to_numpy(), np.nan), rtol=1e-9, atol=1e-9
    )


@pytest.mark.real_data
@pytest.mark.parametrize("symbol", ["EURUSD", "NZDUSD"])
def test_features_of_recorded_bars_follow_the_oracle(
    symbol: str, real_ticks: Mapping[str, TickArray]
) -> None:
    """On every minute of two weeks each feature is what whole columns give."""
    rows = rows_from_ticks(real_ticks[symbol], PIPS[symbol])
    assert rows.size > 14_000
    _assert_like_the_oracle(symbol, rows)


@pytest.mark.parametrize("symbol", ["EURUSD", "USDJPY"])
def test_features_of_drawn_bars_follow_the_oracle(symbol: str) -> None:
    """The same without recorded data, over a weekend in which the clocks change."""
    before = random_rows(160, 3, "2024-03-08T19:00", pip=PIPS[symbol])
    after = random_rows(2_500, 4, "2024-03-10T21:00", pip=PIPS[symbol])
    _assert_like_the_oracle(symbol, np.concatenate([before, after]))


def test_each_feature_is_ready_exactly_at_its_warm_up() -> None:
    """In each session the first bars are NaN, one less than the warm-up, and no later one is."""
    found = _fresh().on_bars(_over_weekend(5))
    for session in (slice(0, 150), slice(150, 300)):
        assert found.session_bars[session].tolist() == list(range(1, 151))
        missing = np.isnan(found.values[session])
        assert missing.sum(axis=0).tolist() == (WARM_UP - 1).tolist()
        # All missing ones come first: their number is then where the others begin.
        assert (missing[:-1] >= missing[1:]).all()


@pytest.mark.parametrize("size", [1, 7, 100])
def test_how_bars_are_cut_into_batches_changes_no_bit(size: int) -> None:
    """Bars one by one, in sevens, in hundreds, or all at once: the same bytes and state."""
    rows = random_rows(10_000, 8, "2024-01-12T06:00", gaps=0.01)
    # Minutes that run through a weekend: bars in a closed market are of no session, and no matter.
    whole, cut = _fresh(), _fresh()
    at_once = whole.on_bars(rows)
    parts = [cut.on_bars(rows[at : at + size]) for at in range(0, rows.size, size)]
    assert np.concatenate([part.values for part in parts]).tobytes() == at_once.values.tobytes()
    joined = np.concatenate([part.session_bars for part in parts])
    assert joined.tobytes() == at_once.session_bars.tobytes()
    assert cut.snapshot() == whole.snapshot()


@pytest.mark.parametrize("cut", [0, 1, 14, 15, 59, 60, 61, 120, 121, 149, 150, 151, 209, 299])
def test_a_resumed_step_goes_on_to_the_bit(cut: int) -> None:
    """Through JSON, at any bar of a session, at its last and at its first."""
    rows = _over_weekend(11)
    whole = _fresh()
    wanted = whole.on_bars(rows)
    before = _fresh()
    before.on_bars(rows[:cut])
    after = FeatureConfig().build("EURUSD", json.loads(json.dumps(before.snapshot())))
    found = after.on_bars(rows[cut:])
    assert found.values.tobytes() == wanted.values[cut:].tobytes()
    assert found.session_bars.tobytes() == wanted.session_bars[cut:].tobytes()
    assert after.snapshot() == whole.snapshot()


@pytest.mark.parametrize("at", [1, 60, 130, 150, 200])
def test_what_comes_later_changes_no_feature(at: int) -> None:
    """Rows before a bar are the same bytes whatever that bar and those after it are."""
    rows = _over_weekend(17)
    other = rows.copy()
    for name in ("open", "high", "low", "close"):
        other[f"mid_{name}"][at:] *= 1.5
    for name in ("tick_count", "spread_sum_millipips", "move_sq_sum_millipips2"):
        other[name][at:] += 1_000
    one, two = _fresh().on_bars(rows), _fresh().on_bars(other)
    assert one.values[:at].tobytes() == two.values[:at].tobytes()
    assert one.values[at:].tobytes() != two.values[at:].tobytes()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2024-01-12T19:30", "2024-01-14T22:00"),
        ("2024-03-08T19:30", "2024-03-10T21:00"),
        ("2024-12-24T19:30", "2024-12-25T22:00"),
    ],
)
def test_a_new_session_starts_anew(before: str, after: str) -> None:
    """After a weekend or a holiday nothing of the time before is left in any value or state."""
    old, new = random_rows(150, 21, before, gaps=0.0), random_rows(130, 22, after)
    logic, fresh = _fresh(), _fresh()
    assert not np.isnan(logic.on_bars(old).values[-1]).any()
    found, wanted = logic.on_bars(new), fresh.on_bars(new)
    assert found.values.tobytes() == wanted.values.tobytes()
    assert found.session_bars.tolist() == list(range(1, 131))
    assert logic.snapshot() == fresh.snapshot()


def test_a_quiet_spell_within_a_session_keeps_the_windows() -> None:
    """Windows count bars, not minutes: hours without ticks do not start anew."""
    minutes = np.concatenate([np.arange(120), [600]])
    found = _fresh().on_bars(bar_rows(np.full(121, 1.1), minutes=minutes))
    assert found.session_bars[-1] == 121
    assert np.isfinite(found.values[-1]).all()


def test_no_bars_have_no_features() -> None:
    """An empty batch gives empty rows and leaves the state as it was."""
    logic = _fresh()
    found = logic.on_bars(random_rows(3, 1)[:0])
    assert (found.values.shape, found.session_bars.shape) == ((0, len(NAMES)), (0,))
    assert logic.snapshot() == _fresh().snapshot()


def test_arrays_of_any_kind_are_taken() -> None:
    """A read-only array and every second row of a longer one give the same, and are not changed."""
    rows = random_rows(100, 2)
    wanted = _fresh().on_bars(rows).values.tobytes()
    locked = rows.copy()
    locked.flags.writeable = False
    assert _fresh().on_bars(locked).values.tobytes() == wanted
    assert _fresh().on_bars(np.repeat(rows, 2)[::2]).values.tobytes() == wanted


def test_the_state_has_a_fixed_size() -> None:
    """As many numbers after ten thousand bars as after none, and a bound in JSON."""
    logic = _fresh()
    sizes = {8 * len(_numbers(list(logic.snapshot().values())[2:]))}
    for rows in np.array_split(random_rows(10_000, 4, "2024-01-14T22:00"), 10):
        logic.on_bars(rows)
        sizes.add(8 * len(_numbers(list(logic.snapshot().values())[2:])))
        # At most 25 characters a number: 17 digits, sign, point, exponent, comma and space.
        assert len(json.dumps(logic.snapshot())) < 25 * STATE_BYTES // 8
    assert sizes == {STATE_BYTES}


@pytest.mark.parametrize("change", [{"v": 1}, {"v": 3}, {"schema": "another"}])
def test_a_state_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    """Windows of other features say nothing about these."""
    with pytest.raises(Corrupt, match="is not of schema"):
        FeatureConfig().build("EURUSD", {**_fresh().snapshot(), **change})


@pytest.mark.parametrize(
    "change", [{"prices": [1.0]}, {"windows": [[0.0] * 59] * 12}, {"averages": ["x"] * 13}]
)
def test_a_state_that_is_not_whole_is_refused(change: dict[str, Any]) -> None:
    """A block of another size is no state."""
    with pytest.raises(Corrupt, match="not a whole one"):
        FeatureConfig().build("EURUSD", {**_fresh().snapshot(), **change})


def test_a_row_names_its_parts() -> None:
    """Values and counts come together, one row by bar."""
    found = _fresh().on_bars(random_rows(5, 1))
    assert isinstance(found, LocalRows)
    assert found.values.shape == (5, len(LOCAL_FEATURES))
    assert found.session_bars.tolist() == [1, 2, 3, 4, 5]
    assert len(SCHEMA) == 32
