"""Drift detectors: they fire on a change, once, and not on what markets always do."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.errors import BadUse, Corrupt
from models.online.drift import DriftConfig, DriftEvent, DriftLogic

CONFIG = DriftConfig(
    ((1, "volatility"), (3, "spread")), n_features=4, error_block=10, feature_block=20
)
GOLDEN = Path(__file__).parents[1] / "golden" / "drift_v1.json"
COIN = math.log(2)


def _losses(count: int, level: float, seed: int = 3) -> list[float]:
    noise: list[float] = np.random.default_rng(seed).normal(size=count).tolist()
    return [level + 0.3 * value for value in noise]


def _vectors(count: int, shift: float, seed: int = 3) -> list[np.ndarray[Any, Any]]:
    x = np.random.default_rng(seed).normal(size=(count, 4)) * [1.0, 1e-4, 1.0, 10.0]
    return list(x + np.array([0.0, shift * 1e-4, 0.0, 0.0]))


def _watch_errors(logic: DriftLogic, losses: list[float], first_ns: int = 0) -> list[DriftEvent]:
    return [e for place, loss in enumerate(losses) for e in logic.on_error(first_ns + place, loss)]


def _watch_features(
    logic: DriftLogic, vectors: list[np.ndarray[Any, Any]], first_ns: int = 0
) -> list[DriftEvent]:
    return [e for place, x in enumerate(vectors) for e in logic.on_features(first_ns + place, x)]


def test_steady_errors_and_features_are_no_drift() -> None:
    """Three thousand values of one kind call nobody."""
    logic = CONFIG.build(None)
    assert _watch_errors(logic, _losses(3000, COIN)) == []
    assert _watch_features(logic, _vectors(3000, 0.0)) == []


def test_false_alarms_are_rare() -> None:
    """On forty steady series of 300 blocks, at most four alarms by chance."""
    alarms = [
        event
        for seed in range(40)
        for event in _watch_errors(CONFIG.build(None), _losses(3000, COIN, seed))
    ]
    assert len(alarms) <= 4


def test_rising_errors_call_and_then_are_the_usual() -> None:
    """A model that fails calls once; the level it has now is learned as the usual one."""
    logic = CONFIG.build(None)
    assert _watch_errors(logic, _losses(1000, COIN)) == []
    events = _watch_errors(logic, _losses(2000, COIN + 0.4, seed=4), first_ns=1000)
    assert len({event.ts_ns for event in events}) == 1
    assert {event.what for event in events} == {"error"}
    assert all(event.value > 0 for event in events)
    # A third of a thousand labels is soon enough.
    assert events[0].ts_ns < 1350


def test_falling_errors_are_no_alarm() -> None:
    """A model that gets better calls nobody, and the better level is learned."""
    logic = CONFIG.build(None)
    losses = _losses(1000, COIN) + _losses(1000, COIN - 0.4) + _losses(1000, COIN, seed=9)
    assert _watch_errors(logic, losses[:2000]) == []
    assert _watch_errors(logic, losses[2000:], first_ns=2000) != []


@pytest.mark.parametrize("shift", [3.0, -3.0])
def test_a_feature_that_moves_calls_by_its_name(shift: float) -> None:
    """Up or down, whatever its unit; the feature beside it stays silent."""
    logic = CONFIG.build(None)
    assert _watch_features(logic, _vectors(1000, 0.0)) == []
    events = _watch_features(logic, _vectors(1000, shift, seed=4), first_ns=1000)
    assert {event.what for event in events} == {"volatility"}
    assert math.copysign(1.0, events[0].value) == math.copysign(1.0, shift)
    assert {event.detector for event in events} <= {"adwin", "page_hinkley"}


@pytest.mark.parametrize("detector", ["adwin", "page_hinkley"])
def test_each_detector_fires_alone(detector: str) -> None:
    """With the other made deaf, a change is still heard."""
    config = (
        replace(CONFIG, page_hinkley_threshold=1e9)
        if detector == "adwin"
        else replace(CONFIG, adwin_delta=1e-300)
    )
    logic = config.build(None)
    events = _watch_errors(logic, _losses(600, COIN) + _losses(1400, COIN + 0.4))
    assert {event.detector for event in events} == {detector}


def test_a_daily_pattern_is_no_drift_where_a_block_is_a_day() -> None:
    """What rises and falls within every block is the same in each."""
    day = np.tile(np.sin(np.arange(20) / 20 * 2 * np.pi), 200)
    vectors = _vectors(4000, 0.0)
    for x, wave in zip(vectors, day, strict=True):
        x[1] += 5e-4 * wave
    assert _watch_features(CONFIG.build(None), vectors) == []
    finer = replace(CONFIG, feature_block=5, reference_blocks=5)
    assert _watch_features(finer.build(None), vectors) != []


def test_a_series_that_stood_still_calls_when_it_moves() -> None:
    """Without a spread any lasting move is a change; while it stands still there is none."""
    logic = CONFIG.build(None)
    assert _watch_errors(logic, [0.5] * 2000) == []
    events = _watch_errors(logic, [0.75] * 400, first_ns=2000)
    assert [event.what for event in events][:1] == ["error"]


def test_one_wild_value_is_no_drift() -> None:
    """A block that is far out counts as eight deviations, and that is not enough."""
    logic = CONFIG.build(None)
    assert _watch_errors(logic, [*_losses(1000, COIN), 1e6, *_losses(1000, COIN, seed=5)]) == []


def test_a_vector_with_a_hole_is_passed_over() -> None:
    """NaN reaches no detector and leaves no trace."""
    logic = CONFIG.build(None)
    before = logic.snapshot()
    assert logic.on_features(1, np.array([1.0, np.nan, 1.0, 1.0])) == []
    assert logic.snapshot() is before
    with pytest.raises(BadUse, match="shape"):
        logic.on_features(1, np.zeros(3))


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_is_finite(loss: float) -> None:
    """Anything else is a mistake of the caller, and would silence the detector for ever."""
    with pytest.raises(BadUse, match="not finite"):
        CONFIG.build(None).on_error(1, loss)


@pytest.mark.parametrize("cut", [0, 7, 215, 399, 1050, 1200])
def test_goes_on_after_a_restore_as_if_nothing_had_happened(cut: int) -> None:
    """Restored from JSON at any cut, it fires at the same values and ends in the same state."""
    losses = _losses(1000, COIN) + _losses(800, COIN + 0.4, seed=4)
    vectors = _vectors(1000, 0.0) + _vectors(800, 2.0, seed=4)
    whole = CONFIG.build(None)
    expected = (_watch_errors(whole, losses), _watch_features(whole, vectors))
    logic = CONFIG.build(None)
    found = (_watch_errors(logic, losses[:cut]), _watch_features(logic, vectors[:cut]))
    again = CONFIG.build(json.loads(json.dumps(logic.snapshot(), allow_nan=False)))
    found[0].extend(_watch_errors(again, losses[cut:], cut))
    found[1].extend(_watch_features(again, vectors[cut:], cut))
    assert found == expected
    assert expected[0]
    assert expected[1]
    assert again.snapshot() == whole.snapshot()


def test_a_snapshot_is_small_and_kept() -> None:
    """A few kilobytes for three series, and no work while nothing comes in."""
    logic = CONFIG.build(None)
    _watch_errors(logic, _losses(3000, COIN))
    _watch_features(logic, _vectors(3000, 0.0))
    assert logic.snapshot() is logic.snapshot()
    assert len(json.dumps(logic.snapshot())) < 6000


@pytest.mark.parametrize(
    "change",
    [
        {"features": ((1, "volatility"),)},
        {"features": ((1, "volatility"), (2, "spread"))},
        {"features": ((1, "volatility"), (3, "range"))},
        {"n_features": 5},
        {"error_block": 11},
        {"feature_block": 21},
        {"reference_blocks": 21},
        {"adwin_delta": 0.003},
        {"page_hinkley_delta": 0.3},
        {"page_hinkley_threshold": 26.0},
    ],
    ids=str,
)
def test_a_snapshot_of_another_config_is_refused(change: dict[str, Any]) -> None:
    """Every field is part of the identity."""
    other = replace(CONFIG, **change)
    assert other.config_id != CONFIG.config_id
    with pytest.raises(Corrupt, match="belongs to config"):
        other.build(CONFIG.build(None).snapshot())


@pytest.mark.parametrize(
    ("change", "words"),
    [({"v": 2}, "version"), ({"features": []}, "not whole"), ({"error": {}}, "not whole")],
)
def test_a_snapshot_that_is_not_ours_is_refused(change: dict[str, Any], words: str) -> None:
    """Another version, or a series that is missing, never becomes a detector."""
    with pytest.raises(Corrupt, match=words):
        CONFIG.build({**CONFIG.build(None).snapshot(), **change})


@pytest.mark.parametrize(
    "change",
    [
        {"features": ((4, "volatility"),)},
        {"features": ((-1, "volatility"),)},
        {"features": ((0, "a"), (1, "a"))},
        {"features": ((0, "error"),)},
        {"n_features": 0},
        {"error_block": 0},
        {"feature_block": 0},
        {"reference_blocks": 4},
        {"adwin_delta": 0.0},
        {"page_hinkley_delta": -1.0},
        {"page_hinkley_delta": math.nan},
        {"page_hinkley_threshold": 0.0},
    ],
    ids=str,
)
def test_a_config_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    """Bounds are checked where the config is made, not where it first hurts."""
    with pytest.raises(BadUse):
        replace(CONFIG, **change)


def test_the_golden_snapshot_still_fires_as_it_did() -> None:
    """A snapshot that was stored once keeps its meaning; if not, count ``ALGORITHM`` up."""
    golden = json.loads(GOLDEN.read_text())
    events = _watch_errors(CONFIG.build(golden["snapshot"]), golden["losses"])
    assert [[*event[:3], pytest.approx(event.value, rel=1e-9)] for event in events] == golden[
        "events"
    ]
    assert events != []
