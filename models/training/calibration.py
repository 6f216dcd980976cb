"""Probabilities that mean what they say: a monotone map from a model's score to a probability.

A score is log odds (boosted trees, LSTM) or a share (forest). The map is fitted on rows that the
model was not fitted on, and becomes part of the served graph (`models.training.onnx_graph`).

References
----------
.. [1] J. Platt, "Probabilistic outputs for support vector machines", Advances in Large Margin
   Classifiers, MIT Press 1999: a logistic curve, with targets that are kept off 0 and 1.
.. [2] B. Zadrozny and C. Elkan, "Transforming classifier scores into accurate multiclass
   probability estimates", KDD 2002: isotonic regression.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from models.evaluation.scores import calibration_curve

Floats = NDArray[np.float64]
Method = Literal["platt", "isotonic", "none"]
Link = Literal["log_odds", "share"]
METHODS: tuple[Method, ...] = ("platt", "isotonic", "none")

MAX_BINS = 20
MIN_BIN_ROWS = 50
"""Isotonic regression follows single rows. On bins of this many it follows what can be seen."""

MAX_SLOPE = 20.0
"""Steepest rise of an isotonic map, in probability per unit of score. Float32 rounds a score of 1
by 6e-8, so what this adds to the difference between graph and original stays near 1e-6."""

_STEPS = 50
_FLAT = 1e-9
"""Scores whose spread is below this say nothing."""


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A monotone map from a score to a probability.

    Attributes
    ----------
    method
        ``platt``: ``1 / (1 + exp(-(slope * score + intercept)))``. ``isotonic``: straight lines
        between the knots, level outside them. ``none``: what the score says by itself.
    link
        What the score is by itself: ``log_odds``, or a ``share`` in [0, 1].
    slope, intercept
        Of the logistic curve; slope >= 0.
    scores, probabilities
        The knots, scores strictly rising, probabilities never falling; empty but for ``isotonic``.
    """

    method: Method
    link: Link
    slope: float = 1.0
    intercept: float = 0.0
    scores: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()

    def apply(self, score: Floats) -> Floats:
        """Return the probability for each score; NaN for NaN."""
        if self.method == "isotonic":
            found: Floats = np.interp(score, self.scores, self.probabilities)
            return found
        if self.method == "none" and self.link == "share":
            return score
        return sigmoid(self.slope * score + self.intercept)


def sigmoid(score: Floats) -> Floats:
    """Return the probability of log odds, without overflow."""
    small = np.exp(-np.abs(score))
    found: Floats = np.where(score >= 0, 1.0, small) / (1.0 + small)
    return found


def calibrate(score: Floats, y: Floats, weight: Floats, method: Method, link: Link) -> Calibrator:
    """Fit a map.

    Parameters
    ----------
    score, y, weight
        Shape (n,), n > 0: scores of rows the model has not been fitted on, their labels 0 and 1,
        and how much each counts (> 0).
    link
        What the scores are.
    method
        Platt's curve has two parameters and suits few rows; isotonic follows any monotone shape.

    Raises
    ------
    BadUse
        If the method is unknown.
    """
    if method == "none":
        return Calibrator("none", link)
    if method == "platt":
        return _platt(score, y, weight, link)
    if method == "isotonic":
        return _isotonic(score, y, weight, link)
    msg = f"calibration is one of {', '.join(METHODS)}, not {method!r}"
    raise BadUse(msg)


def report(
    calibrator: Calibrator, score: Floats, y: Floats, weight: Floats, ts_ns: NDArray[np.int64]
) -> dict[str, Any]:
    """Say what a calibration was fitted on and what it has changed.

    The error is measured on rows that the map was not fitted on: each half of the rows in time with
    a map that was fitted on the other half.

    Returns
    -------
    dict
        ``method``, ``rows``, ``ece_before`` and ``ece_after`` (expected calibration error in
        [0, 1]), ``measured``; ready for JSON.
    """
    middle = np.median(ts_ns)
    early = ts_ns <= middle
    after = calibrator.apply(score).copy()
    for one, other in ((early, ~early), (~early, early)):
        if one.any() and other.any():
            part = (score[other], y[other], weight[other])
            fitted = calibrate(*part, calibrator.method, calibrator.link)
            after[one] = fitted.apply(score[one])
    before = Calibrator("none", calibrator.link).apply(score)
    return {
        "method": calibrator.method,
        "rows": len(score),
        "ece_before": calibration_curve(before, y).error,
        "ece_after": calibration_curve(after, y).error,
        "measured": "each half of the held-out rows, with the map fitted on the other half",
    }


def _smooth_targets(y: Floats, weight: Floats) -> Floats:
    """Keep targets off 0 and 1 by one row of each class [1]_."""
    up, down = float(weight[y == 1.0].sum()), float(weight[y == 0.0].sum())
    targets: Floats = np.where(y == 1.0, (up + 1.0) / (up + 2.0), 1.0 / (down + 2.0))
    return targets


def _platt(score: Floats, y: Floats, weight: Floats, link: Link) -> Calibrator:
    target = _smooth_targets(y, weight)
    mean = float(np.average(target, weights=weight))
    level = Calibrator("platt", link, 0.0, float(np.log(mean / (1.0 - mean))))
    spread = float(score.std())
    if not spread > _FLAT:
        return level
    centre = float(score.mean())
    z = (score - centre) / spread
    slope, intercept = 0.0, level.intercept
    loss = _logistic_loss(z, target, weight, slope, intercept)
    for _ in range(_STEPS):  # Newton's method; each step is halved until the loss falls
        p = sigmoid(slope * z + intercept)
        error, curve = weight * (p - target), weight * p * (1.0 - p)
        gradient = np.array([(error * z).sum(), error.sum()])
        hessian = np.array([[(curve * z * z).sum(), (curve * z).sum()], [0.0, curve.sum()]])
        hessian[1, 0] = hessian[0, 1]
        step = np.linalg.solve(hessian + 1e-9 * weight.sum() * np.eye(2), gradient)
        share = 1.0
        while share > 1e-6:
            tried = (slope - share * step[0], intercept - share * step[1])
            tried_loss = _logistic_loss(z, target, weight, *tried)
            if tried_loss < loss:
                break
            share /= 2.0
        else:
            break
        gain, loss = loss - tried_loss, tried_loss
        slope, intercept = float(tried[0]), float(tried[1])
        if gain < 1e-12 * weight.sum():
            break
    # A falling curve would trade against what the model has learned on too little evidence.
    if not slope > 0:
        return level
    return Calibrator("platt", link, slope / spread, intercept - slope * centre / spread)


def _logistic_loss(
    z: Floats, target: Floats, weight: Floats, slope: float, intercept: float
) -> float:
    margin = slope * z + intercept
    return float((weight * (np.logaddexp(0.0, margin) - target * margin)).sum())


def _isotonic(score: Floats, y: Floats, weight: Floats, link: Link) -> Calibrator:
    target = _smooth_targets(y, weight)
    bins = max(1, min(MAX_BINS, len(score) // MIN_BIN_ROWS))
    order = np.argsort(score, kind="stable")
    blocks: list[tuple[float, float, float]] = []  # weight, mean score, mean target
    for part in np.array_split(order, bins):
        w = weight[part]
        mean = (
            float(np.average(score[part], weights=w)),
            float(np.average(target[part], weights=w)),
        )
        blocks.append((float(w.sum()), *mean))
        # Neighbours that fall, or that rise too steeply for float32, become one.
        while len(blocks) > 1 and not _rises(blocks[-2], blocks[-1]):
            blocks[-2:] = [_merged(blocks[-2], blocks[-1])]
    knots = tuple(block[1] for block in blocks), tuple(block[2] for block in blocks)
    return Calibrator("isotonic", link, 1.0, 0.0, *knots)


def _rises(left: tuple[float, float, float], right: tuple[float, float, float]) -> bool:
    run, rise = right[1] - left[1], right[2] - left[2]
    return run > _FLAT and 0.0 <= rise <= MAX_SLOPE * run


def _merged(
    left: tuple[float, float, float], right: tuple[float, float, float]
) -> tuple[float, float, float]:
    total = left[0] + right[0]
    score, target = ((left[0] * left[i] + right[0] * right[i]) / total for i in (1, 2))
    return total, score, target
