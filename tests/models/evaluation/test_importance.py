"""Importance: the feature that decides is found, the unused one is not, and folds are compared."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr

from domain.errors import BadUse
from models.evaluation.accuracy import log_loss
from models.evaluation.importance import permutation_importance, rank_correlation, stability

Floats = NDArray[np.float64]


def _model(x: Floats) -> Floats:
    """Lean on feature 0 most, on feature 2 a little, on feature 1 not at all."""
    last = x.reshape(len(x), -1, x.shape[-1])[:, -1]
    return 1 / (1 + np.exp(-(2 * last[:, 0] + 0.5 * last[:, 2])))


def _rows(n: int = 2000) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, 3))
    return x, (rng.random(n) < _model(x)).astype(float)


def test_what_the_model_leans_on_is_found() -> None:
    """The order of the weights is the order of the importances; the unused one is exactly 0."""
    x, y = _rows()
    before = x.copy()
    found = permutation_importance(_model, x, y, repeats=3, seed=5)
    assert found.loss == log_loss(_model(x), y)
    assert found.mean[0] > 5 * found.mean[2] > 0
    assert (found.mean[1], found.deviation[1]) == (0.0, 0.0)
    assert (x == before).all()


def test_the_seed_decides_and_features_do_not_share_it() -> None:
    """The same seed gives the same numbers, also for a feature whose neighbours are left out."""
    x, y = _rows(300)
    one = permutation_importance(_model, x, y, repeats=2, seed=5)
    again = permutation_importance(_model, x, y, repeats=2, seed=5)
    other = permutation_importance(_model, x, y, repeats=2, seed=6)
    assert one.mean.tolist() == again.mean.tolist()
    assert one.mean.tolist() != other.mean.tolist()
    fewer = permutation_importance(
        lambda few: _model(np.hstack([few, x[:, 1:]])), x[:, :1], y, repeats=2, seed=5
    )
    assert fewer.mean[0] == one.mean[0]


def test_each_feature_is_dealt_out_by_itself() -> None:
    """Two equal columns that weigh the same are not dealt out in the same order."""
    x, y = _rows(300)
    twins = np.stack([x[:, 0], x[:, 0]], axis=1)
    found = permutation_importance(
        lambda rows: 1 / (1 + np.exp(-rows.sum(axis=1))), twins, y, repeats=1, seed=5
    )
    assert found.mean[0] != found.mean[1]


def test_a_feature_of_a_window_moves_as_a_whole() -> None:
    """Rows of histories are dealt out with their whole history, and give the rows' own figures."""
    x, y = _rows(300)
    windows = np.repeat(x[:, None, :], 4, axis=1)
    found = permutation_importance(_model, windows, y, repeats=2, seed=5)
    alone = permutation_importance(_model, x, y, repeats=2, seed=5)
    assert found.mean.tolist() == alone.mean.tolist()


def test_folds_that_agree_and_folds_that_do_not() -> None:
    """The same order in all folds is 1; the reverse order is -1 and shares no leader."""
    rising = np.arange(6.0)
    same = stability(np.stack([rising, 2 * rising, rising + 1]), top=2)
    assert same.rank_correlation == pytest.approx(1.0)
    assert (same.top_overlap, same.top) == (1.0, 2)
    turned = stability(np.stack([rising, -rising]), top=3)
    assert turned.rank_correlation == pytest.approx(-1.0)
    assert turned.top_overlap == 0.0
    mixed = stability(np.array([[3.0, 2, 1, 0], [3.0, 0, 2, 1]]), top=2)
    assert mixed.top_overlap == 0.5
    leader = stability(np.array([[3.0, 2, 1, 0], [3.0, 2, 0, 1]]), top=1)
    assert leader.top_overlap == 1.0
    nothing = stability(np.zeros((2, 4)), top=1)
    assert nothing.rank_correlation is None


@given(
    pairs=st.lists(
        st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=3, max_size=30
    ).filter(lambda rows: all(len(set(column)) > 1 for column in zip(*rows, strict=True)))
)
def test_rank_correlation_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    """Ties and all."""
    one, other = np.array(pairs, float).T
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)


def test_what_cannot_be_measured_is_refused() -> None:
    """Each message says what is wrong."""
    x, y = _rows(10)
    with pytest.raises(BadUse, match="repeats"):
        permutation_importance(_model, x, y, repeats=0, seed=1)
    with pytest.raises(BadUse, match="answers"):
        permutation_importance(lambda rows: rows[:, 0] * np.nan, x, y, repeats=1, seed=1)
    with pytest.raises(BadUse, match="two folds"):
        stability(np.zeros((1, 3)), 1)
    with pytest.raises(BadUse, match="top 4"):
        stability(np.zeros((2, 3)), 4)
