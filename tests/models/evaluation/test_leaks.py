"""Leak detectors: planted leaks are caught with their names, clean features are left alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.errors import BadUse
from domain.nanos import HOUR_NS
from models.evaluation.leaks import label_leak, lookahead, overlap
from models.evaluation.splits import combinatorial_purged, starts_by_count, walk_forward
from models.labels.arrays import sign_labels
from models.labels.delayed import DelayedLabels

Floats = NDArray[np.float64]

NAMES = ("change", "mean_5", "rank_of_5")


def _mids(n: int, seed: int = 1) -> Floats:
    return 1.3 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 1e-3, size=n)))


def _clean(mid: Floats) -> Floats:
    """Three features of the past: the last change, a mean and a rank of five bars."""
    x = np.full((len(mid), 3), np.nan)
    x[1:, 0] = np.diff(mid)
    for row in range(4, len(mid)):
        window = mid[row - 4 : row + 1]
        x[row, 1:] = window.mean(), (window < mid[row]).sum()
    return x


def _next_change(mid: Floats) -> Floats:
    return np.append(np.diff(mid), np.nan)[:, None]


def test_features_of_the_past_do_not_change() -> None:
    """Taking the future away leaves them bit for bit as they were."""
    assert lookahead(_clean, _mids(200), [1, 5, 50, 150, 199], NAMES) == ()


def test_a_look_at_the_next_bar_is_caught() -> None:
    """The planted feature is named; its clean neighbours are not."""
    planted = lookahead(
        lambda mid: np.hstack([_clean(mid), _next_change(mid)]),
        _mids(200),
        [50, 150],
        (*NAMES, "next_change"),
    )
    assert planted == ("next_change",)


def test_a_scale_of_the_whole_sample_is_caught() -> None:
    """Dividing by the deviation of all rows, later ones too, is a look ahead in every row."""
    names = ("scaled", "change")
    found = lookahead(
        lambda mid: np.stack([mid / mid.std(), _clean(mid)[:, 0]], axis=1), _mids(100), [60], names
    )
    assert found == ("scaled",)


def test_a_rare_look_ahead_is_caught_where_it_happens() -> None:
    """Only row 120 looks ahead: a cut right behind it shows it."""

    def rare(mid: Floats) -> Floats:
        x = np.zeros((len(mid), 1))
        if len(mid) > 121:
            x[120] = mid[121]
        return x

    assert lookahead(rare, _mids(200), [50], ("rare",)) == ()
    assert lookahead(rare, _mids(200), [50, 121], ("rare",)) == ("rare",)


def test_hiding_the_last_rows_is_refused() -> None:
    """A computation that drops the rows it cannot answer would hide the look ahead."""
    with pytest.raises(BadUse, match="every row"):
        lookahead(lambda mid: np.diff(mid)[:, None], _mids(50), [20], ("next",))


@pytest.mark.parametrize("cuts", [[], [0], [50]])
def test_cuts_that_cut_nothing_are_refused(cuts: list[int]) -> None:
    """A check that compares nothing would pass everything."""
    with pytest.raises(BadUse, match="cuts"):
        lookahead(_clean, _mids(50), cuts, NAMES)


class _Market:
    """2,000 hourly bars with labels over five hours, and what a detector is given."""

    def __init__(self, seed: int = 2, n: int = 2000) -> None:
        self.rng = np.random.default_rng(seed)
        self.mid = _mids(n, seed)
        self.ts = HOUR_NS * np.arange(1, n + 1)
        rule = DelayedLabels(5 * HOUR_NS, HOUR_NS)
        self.labels = sign_labels(self.ts, np.zeros(n, np.int64), self.mid, rule)
        self.x = np.hstack([_clean(self.mid), self.rng.normal(size=(n, 5)), self.mid[:, None]])
        self.names = (*NAMES, *(f"noise_{k}" for k in range(5)), "mid")

    def leaks(self, **planted: Floats) -> list[tuple[str, str]]:
        """Return name and reason of what is caught among clean features and planted ones."""
        found = label_leak(
            np.hstack([self.x, *(column[:, None] for column in planted.values())]),
            self.labels.y,
            (*self.names, *planted),
            self.ts,
            self.labels.end_ns,
            mid=self.mid,
            later=self.labels.later,
        )
        for leak in found:
            assert leak.value > leak.limit
        return [(leak.name, leak.reason) for leak in found]


@pytest.mark.parametrize("seed", range(8))
def test_clean_features_are_not_flagged(seed: int) -> None:
    """Nine honest features on eight markets, overlapping labels and all: no alarm."""
    assert _Market(seed).leaks() == []


def test_the_answer_in_other_units_is_caught() -> None:
    """Label, return and price, scaled or turned round or with gaps, are named as what they are."""
    market = _Market()
    y, later = market.labels.y, market.labels.later
    gaps = np.where(market.rng.random(len(y)) < 0.3, np.nan, 1.0)
    assert market.leaks(
        label=3 - 7 * y,
        move=1e4 * (later / market.mid - 1) * gaps,
        price=np.where(np.isnan(later), market.mid, later),
    ) == [("label", "label"), ("move", "return"), ("price", "price")]


def test_a_noisy_answer_is_caught_by_its_rank() -> None:
    """A feature that is the label two times out of three, or tells it by a gap, or by its size."""
    market = _Market()
    y, rng = market.labels.y, market.rng
    noise = rng.normal(size=len(y))
    up = np.where(np.isnan(y), 0, y)
    assert market.leaks(
        noisy=up + 1.0 * noise,
        gap=np.where((up == 1) & (rng.random(len(y)) < 0.7), np.nan, noise),
        size=np.where(up == 1, 2.0, 0.5) * np.sign(noise),
        next_bar=_next_change(market.mid)[:, 0],
    ) == [("noisy", "rank"), ("gap", "rank"), ("size", "rank"), ("next_bar", "rank")]


def test_a_gap_is_told_from_a_large_value() -> None:
    """Half the downs are missing, half the ups are large: both tell, in opposite directions."""
    market = _Market()
    y, rng = market.labels.y, market.rng
    half, noise = rng.random(len(y)) < 0.5, rng.normal(size=len(y))
    told = np.where(half & (y == 1), 10.0, np.where(half & (y == 0), np.nan, noise))
    (found,) = label_leak(told[:, None], y, ("told",), market.ts, market.labels.end_ns)
    assert found.value > 0.8


@pytest.mark.parametrize("seed", range(6))
def test_noise_is_not_flagged_for_what_it_fits(seed: int) -> None:
    """With nothing but chance as the limit, only answers to rows that were not fitted count."""
    rng = np.random.default_rng(seed)
    ts, y = np.arange(1, 1001, dtype=np.int64), (rng.random(1000) < 0.5).astype(float)
    assert label_leak(rng.normal(size=(1000, 1)), y, ("noise",), ts, ts + 1, max_auc=0.5) == ()


def test_a_modest_honest_feature_is_believed() -> None:
    """Right 56 % of the time alone: a good feature, not a leak."""
    market = _Market(n=8000)
    y = np.where(np.isnan(market.labels.y), 0.5, market.labels.y)
    guess = np.where(market.rng.random(len(y)) < 0.56, y, 1 - y)
    assert market.leaks(modest=guess + 0.01 * market.rng.normal(size=len(y))) == []


def test_too_little_to_say_anything_is_refused() -> None:
    """A check on a few rows, or on one direction alone, would pass everything."""
    x, ts = np.zeros((100, 1)), np.arange(1, 101, dtype=np.int64)
    with pytest.raises(BadUse, match="too few"):
        label_leak(x, np.ones(100), ("zero",), ts, ts + 1)
    with pytest.raises(BadUse, match="do not fit"):
        label_leak(x, np.ones(99), ("zero",), ts, ts + 1)
    with pytest.raises(BadUse, match="both mids"):
        label_leak(x, np.ones(100), ("zero",), ts, ts + 1, mid=np.ones(100))


@given(seed=st.integers(0, 2**32 - 1), embargo_ns=st.integers(0, 20), shared=st.booleans())
def test_overlap_is_that_of_a_slow_reading(seed: int, embargo_ns: int, shared: bool) -> None:
    """Comparing every training row with every test row counts the same."""
    rng = np.random.default_rng(seed)
    ts = rng.integers(1, 300, size=40)
    end = np.where(rng.random(40) < 0.2, 0, ts + rng.integers(1, 30, size=40))
    x = rng.integers(0, 3, size=(40, 2)).astype(float)
    rows = rng.permutation(40)
    train, test = rows[:20], rows[15:] if shared else rows[20:]
    found = overlap(train, test, ts, end, x, embargo_ns)
    last = np.maximum(end, ts + 1)
    near = [
        any(ts[b] < last[a] + embargo_ns and last[b] > ts[a] - embargo_ns for b in test)
        for a in train
    ]
    known = {tuple(x[a]) for a in train}
    assert found.rows == (5 if shared else 0)
    assert found.labels == sum(near)
    assert found.vectors == sum(tuple(x[b]) in known for b in test)


def test_our_own_splits_are_clean_and_a_shuffled_one_is_not() -> None:
    """Purged splits share nothing; a random fifth as test overlaps nearly all of the training."""
    market = _Market()
    ts, end, embargo_ns = market.ts, market.labels.end_ns, 3 * HOUR_NS
    splits = [
        *walk_forward(ts, end, starts_by_count(ts, 4), embargo_ns),
        *combinatorial_purged(ts, end, 5, 2, embargo_ns),
    ]
    for split in splits:
        assert overlap(split.train, split.test, ts, end, market.x, embargo_ns).clean
    shuffled = market.rng.permutation(len(ts))
    dirty = overlap(shuffled[:1600], shuffled[1600:], ts, end, market.x, 0)
    assert dirty.rows == 0
    assert dirty.labels > 1000
    assert not dirty.clean
