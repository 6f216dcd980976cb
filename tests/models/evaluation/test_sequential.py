"""The sequential test: seldom wrong however often one looks, quick where there is a difference."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.errors import BadUse, Corrupt
from models.contract import State
from models.evaluation.sequential import SequentialTest, SequentialTestLogic

CONFIG = SequentialTest(alpha=0.1, bound=1.0)

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]


def _feed(logic: SequentialTestLogic, differences: NDArray[np.float64]) -> int | None:
    """Give differences of losses and return after how many the test decided."""
    for index, difference in enumerate(differences.tolist()):
        if logic.on_pair(difference, 0.0) != "none":
            return index + 1
    return None


def _coins(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return rng.choice([-1.0, 1.0], size=n)


def _small_noise(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return rng.normal(0, 0.05, size=n)


def _skewed(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    # Mean 0: nineteen small gains for one large loss.
    return np.where(rng.random(n) < 0.05, -0.95, 0.05)


@pytest.mark.parametrize("draw", [_coins, _small_noise, _skewed])
def test_errors_are_rare_with_a_look_after_every_pair(draw: Draw) -> None:
    """Without a difference, at most alpha of 300 runs ever decide, and the interval holds 0."""
    rng = np.random.default_rng(11)
    decided, missed = 0, 0
    for _ in range(300):
        logic = CONFIG.build(None)
        out = False
        for difference in draw(rng, 400).tolist():
            logic.on_pair(difference, 0.0)
            low, high = logic.interval
            out |= not low <= 0 <= high
        decided += logic.decision != "none"
        missed += out
    # 10 % of 300 are 30; 43 would be exceeded once in a hundred if the error were exactly that.
    assert decided <= 43
    assert missed <= 43


@pytest.mark.parametrize(("edge", "decision"), [(0.1, "better"), (-0.1, "worse")])
def test_a_difference_is_found(edge: float, decision: str) -> None:
    """Half a standard deviation of difference: every run of 40 decides rightly, most within 100."""
    rng = np.random.default_rng(12)
    waits = []
    for _ in range(40):
        logic = CONFIG.build(None)
        wait = _feed(logic, edge + rng.normal(0, 0.2, size=600))
        assert wait is not None
        assert logic.decision == decision
        waits.append(wait)
    assert np.median(waits) < 100


def test_the_interval_closes_on_the_difference() -> None:
    """After 5,000 pairs it holds the mean, excludes 0 and is narrow."""
    logic = CONFIG.build(None)
    for difference in (0.1 + np.random.default_rng(13).normal(0, 0.2, size=5000)).tolist():
        logic.on_pair(difference, 0.0)
    low, high = logic.interval
    assert 0 < low < 0.1 < high < 0.2
    assert CONFIG.build(None).interval == (-1.0, 1.0)


def test_a_decision_stays() -> None:
    """What came after a decision does not take it back."""
    logic = CONFIG.build(None)
    assert _feed(logic, np.ones(20)) is not None
    for _ in range(200):
        assert logic.on_pair(0.0, 1.0) == "better"


def test_the_sooner_decision_by_hand() -> None:
    """Differences cut to the bound: the bettors' wealth passes 2 * 8 / 0.1 with the eighth."""
    wealth, pairs = np.ones(8), 0
    while wealth.sum() < 160:
        wealth *= 1 + np.array([0.9, 0.6, 0.4, 0.25, 0.15, 0.08, 0.04, 0.02])
        pairs += 1
    assert _feed(CONFIG.build(None), np.full(100, 7.0)) == pairs == 8


def test_both_sides_mirror_each_other() -> None:
    """Who is called champion does not matter to the evidence."""
    one, other = CONFIG.build(None), CONFIG.build(None)
    for a, b in np.random.default_rng(14).random((300, 2)).tolist():
        one.on_pair(a, b * 0.5)
        other.on_pair(b * 0.5, a)
    assert (one.decision, other.decision) == ("better", "worse")
    low, high = one.interval
    assert other.interval == pytest.approx((-high, -low))


def test_overlapping_labels_are_thinned() -> None:
    """One pair of three is used; the others change nothing."""
    every = SequentialTest(alpha=0.1, bound=1.0, every=3).build(None)
    alone = CONFIG.build(None)
    rng = np.random.default_rng(15)
    for difference in rng.normal(0.1, 0.3, size=100).tolist():
        alone.on_pair(difference, 0.0)
        every.on_pair(difference, 0.0)
        every.on_pair(5.0, 0.0)
        every.on_pair(0.0, 5.0)
    assert (every.pairs, every.used) == (300, 100)
    assert every.interval == alone.interval
    assert every.decision == alone.decision


@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 60))
def test_a_restart_changes_nothing(seed: int, cut: int) -> None:
    """Wherever a run is cut and resumed through JSON, all numbers are the same to the last bit."""
    config = SequentialTest(every=2)
    pairs = np.random.default_rng(seed).random((60, 2)).tolist()
    whole, first = config.build(None), config.build(None)
    for pair in pairs:
        whole.on_pair(*pair)
    for pair in pairs[:cut]:
        first.on_pair(*pair)
    second = config.build(json.loads(json.dumps(first.snapshot())))
    for pair in pairs[cut:]:
        second.on_pair(*pair)
    assert second.snapshot() == whole.snapshot()
    assert second.interval == whole.interval


def test_the_golden_snapshot_is_understood() -> None:
    """A snapshot that was stored once keeps its meaning."""
    stored = {
        "v": 1,
        "owner": "74e26bdcf5432896e71611039baa46e8",
        "wealth_better": [19.0] * 8,
        "wealth_worse": [0.5] * 8,
        "sums": [6.0, 0.4, 3.0, 1.8, 0.2],
        "decision": "none",
        "pairs": 10,
        "used": 10,
    }
    logic = CONFIG.build(stored)
    assert logic.snapshot() == stored
    assert logic.on_pair(1.0, 0.0) == "better"
    assert logic.used == 11


@pytest.mark.parametrize(
    "change", [{"v": 0}, {"owner": "another"}, {"wealth_better": [1.0]}, {"sums": [1.0]}]
)
def test_a_snapshot_that_is_not_ours_is_refused(change: State) -> None:
    """Evidence under another config is no evidence here."""
    with pytest.raises(Corrupt, match="sequential test"):
        CONFIG.build({**CONFIG.build(None).snapshot(), **change})


@pytest.mark.parametrize(
    "changed",
    [{"alpha": 0.0}, {"alpha": 1.0}, {"bound": 0.0}, {"bound": float("inf")}, {"every": 0}],
)
def test_a_config_out_of_bounds_is_refused(changed: dict[str, float]) -> None:
    """A test that always or never decides is none."""
    with pytest.raises(BadUse, match="sequential test"):
        SequentialTest(**changed)  # type: ignore[arg-type]  # one of the three at a time


def test_a_loss_that_is_no_number_is_refused() -> None:
    """Evidence cannot come from a missing loss."""
    with pytest.raises(BadUse, match="finite"):
        CONFIG.build(None).on_pair(float("nan"), 0.1)
