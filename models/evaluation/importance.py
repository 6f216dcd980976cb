"""Which features a model leans on, and whether it is the same ones in every fold.

References
----------
.. [1] L. Breiman, "Random forests", Machine Learning 45 (2001) 5-32: importance by permutation.
.. [2] A. Kalousis, J. Prados and M. Hilario, "Stability of feature selection algorithms", Knowledge
   and Information Systems 12 (2007) 95-116.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from models.evaluation.accuracy import log_loss

Floats = NDArray[np.float64]

Predict = Callable[[Floats], Floats]
"""Answers rows of shape (n, ..., n_features) with probabilities of shape (n,)."""


@dataclass(frozen=True, slots=True)
class Importance:
    """How much worse a model answers when it cannot see a feature; each of shape (n_features,).

    Attributes
    ----------
    loss
        Log loss with every feature as it is, in nats.
    mean, deviation
        Mean and standard deviation over the repeats of the rise in log loss when the feature's
        values are dealt out anew among the rows; about 0 or less: not used.
    """

    loss: float
    mean: Floats
    deviation: Floats


@dataclass(frozen=True, slots=True)
class Stability:
    """How alike the importances of several folds are.

    Attributes
    ----------
    rank_correlation
        Mean Spearman correlation over all pairs of folds, in [-1, 1]; None where no pair of folds
        ranks the features.
    top_overlap
        Mean share of the ``top`` features that two folds have in common, in [0, 1] [2]_.
    top
        How many features were compared.
    """

    rank_correlation: float | None
    top_overlap: float
    top: int


def permutation_importance(
    predict: Predict, x: Floats, y: Floats, *, repeats: int, seed: int
) -> Importance:
    """Measure each feature by what the model loses without it [1]_.

    Parameters
    ----------
    predict
        The model; must answer every row, and not depend on other rows.
    x
        Shape (n, ..., n_features), n > 1, of rows that were not trained on; is not changed. With
        windows, the whole history of a feature moves together.
    y
        Shape (n,): label 0 or 1.
    repeats
        Times that each feature is dealt out (> 0).
    seed
        Of the dealing. Each feature has numbers of its own, so leaving one out changes no other.

    Raises
    ------
    BadUse
        If a bound is broken or the model leaves a row without an answer.

    Notes
    -----
    Features that say the same stand in for each other: each alone then looks unimportant.
    """
    if repeats <= 0 or len(x) < 2 or y.shape != (len(x),) or x.ndim < 2:
        msg = f"importance needs repeats > 0 and at least two rows, not {repeats} and {x.shape}"
        raise BadUse(msg)
    loss = _loss(predict, x, y)
    rise = np.zeros((x.shape[-1], repeats))
    dealt = x.copy()
    for feature in range(x.shape[-1]):
        rng = np.random.default_rng((seed, feature))
        for repeat in range(repeats):
            dealt[..., feature] = x[rng.permutation(len(x)), ..., feature]
            rise[feature, repeat] = _loss(predict, dealt, y) - loss
        dealt[..., feature] = x[..., feature]
    return Importance(loss, rise.mean(axis=1), rise.std(axis=1))


def stability(importances: Floats, top: int) -> Stability:
    """Compare the importances of several folds.

    Parameters
    ----------
    importances
        Shape (folds, n_features), finite, at least two folds: as ``Importance.mean`` of each.
    top
        How many of the most important features to compare, in [1, n_features].

    Raises
    ------
    BadUse
        If a bound is broken.
    """
    if importances.ndim != 2 or len(importances) < 2 or not np.isfinite(importances).all():
        msg = f"stability needs finite importances of two folds or more, not {importances.shape}"
        raise BadUse(msg)
    if not 1 <= top <= importances.shape[1]:
        msg = f"the top {top} of {importances.shape[1]} features cannot be compared"
        raise BadUse(msg)
    leaders = [set(np.argsort(-fold, kind="stable")[:top].tolist()) for fold in importances]
    overlap = [len(one & other) / top for one, other in combinations(leaders, 2)]
    pairs = combinations(importances, 2)
    known = [c for one, other in pairs if (c := rank_correlation(one, other)) is not None]
    return Stability(float(np.mean(known)) if known else None, float(np.mean(overlap)), top)


def rank_correlation(one: Floats, other: Floats) -> float | None:
    """Return Spearman's correlation, equal values sharing their mean rank; None without ranks.

    Parameters
    ----------
    one, other
        Shape (n,), n > 0, finite.
    """
    a, b = _ranks(one), _ranks(other)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else None


def _ranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    rank: Floats = (np.cumsum(count) - (count - 1) / 2)[place]
    return rank


def _loss(predict: Predict, x: Floats, y: Floats) -> float:
    p_up = predict(x)
    if p_up.shape != y.shape or not np.isfinite(p_up).all():
        msg = "importance is measured on rows that the model answers: leave the others out"
        raise BadUse(msg)
    return log_loss(p_up, y)
