"""Detectors of what makes a model look better than it is: look-ahead, label leaks, shared rows.

References
----------
.. [1] S. Kaufman, S. Rosset, C. Perlich and O. Stitelman, "Leakage in data mining: formulation,
   detection, and avoidance", ACM Transactions on Knowledge Discovery from Data 6 (2012) 15.
.. [2] J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a receiver operating
   characteristic (ROC) curve", Radiology 143 (1982) 29-36.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from models.evaluation.scores import auc, effective_number
from models.evaluation.splits import combinatorial_purged

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Rows = NDArray[np.intp]
Tape = NDArray[Any]
"""Rows in the order in which they became known; columns or a structured array."""

MAX_AUC = 0.65
"""One feature alone that ranks directions better than this is not believed. A judgement, not a law:
with it half of all answers could be given at about 65 % right, and no market leaves that about."""

FALSE_ALARM = 0.001
"""Probability that any clean feature is flagged for its rank by chance, all features together."""

FOLDS = 5
_BINS = 20
"""Bins of a feature's values: enough to see a relation that is not monotone."""

_MIN_KNOWN = 30
"""Rows in which a feature must be known before it is compared with the answer."""

_SAME = 1 - 1e-9
"""A squared correlation above this is the same column in other units."""

_MAX_ROWS = 20_000
"""Rows that are looked at, evenly strewn: a leak that matters is seen in them."""

Reason = Literal["label", "return", "price", "rank"]


@dataclass(frozen=True, slots=True)
class Leak:
    """A feature that knows the answer.

    Attributes
    ----------
    name
        Of the feature.
    reason
        ``label``, ``return`` or ``price``: it is the label, the future return or the future mid,
        perhaps in other units. ``rank``: it ranks the directions too well [1]_.
    value
        The correlation, the share of equal rows, or the AUC out of fold.
    limit
        What it was not to exceed.
    """

    name: str
    reason: Reason
    value: float
    limit: float


def lookahead(
    compute: Callable[[Tape], Floats], tape: Tape, cuts: Sequence[int], names: Sequence[str]
) -> tuple[str, ...]:
    """Return the features that change when the future is taken away.

    Parameters
    ----------
    compute
        Features of a tape, shape (rows of the tape, n_features); NaN where one is not ready. It
        must answer every row, the last one too: that is where a look ahead shows.
    tape
        Shape (n, ...): the whole tape; is not changed.
    cuts
        Lengths in (0, n) to cut the tape at. Several at different places; a feature may look ahead
        at certain times only.
    names
        Shape (n_features,): names of the columns.

    Returns
    -------
    tuple of str
        In the order of ``names``; equal means equal bit for bit, NaN for NaN.

    Raises
    ------
    BadUse
        If there is no cut, one is out of bounds, or the features do not fit rows and names.
    """
    if not cuts or not all(0 < cut < len(tape) for cut in cuts):
        msg = f"give cuts within the {len(tape)} rows of the tape, not {list(cuts)}"
        raise BadUse(msg)
    whole = _computed(compute, tape, len(names))
    changed = np.zeros(len(names), np.bool_)
    for cut in cuts:
        part = _computed(compute, tape[:cut].copy(), len(names))
        same = (part == whole[:cut]) | (np.isnan(part) & np.isnan(whole[:cut]))
        changed |= ~same.all(axis=0)
    return tuple(name for name, leaks in zip(names, changed, strict=True) if leaks)


def label_leak(
    x: Floats,
    y: Floats,
    names: Sequence[str],
    ts_ns: Times,
    end_ns: Times,
    *,
    mid: Floats | None = None,
    later: Floats | None = None,
    max_auc: float = MAX_AUC,
) -> tuple[Leak, ...]:
    """Return the features that alone tell the label better than any honest one can.

    Each feature is asked alone: its values fall into bins (one of them for NaN, since a gap can
    tell as well), the share of ups of each bin is learned on some folds of time and ranks the rows
    of another, with labels that overlap purged. So a relation of any form is seen, and one that
    holds by chance in one fold is not.

    Parameters
    ----------
    x, y
        Shape (n, n_features) and (n,): features and label 0 or 1; rows with NaN in ``y`` are left
        out.
    names
        Shape (n_features,).
    ts_ns, end_ns
        Shape (n,): bar closes and when the labels are known.
    mid, later
        Shape (n,): mid at the row and at its outcome; without them only the label is compared.
    max_auc
        AUC in [0.5, 1) that is still believed. Flagged is what exceeds it and also exceeds chance:
        0.5 plus as many standard errors of a coin [2]_, at the effective number of labels, as
        leave a probability of ``FALSE_ALARM`` over all features.

    Returns
    -------
    tuple of Leak
        In the order of ``names``, at most one of each; being the answer comes before ranking it.

    Raises
    ------
    BadUse
        If shapes differ, ``max_auc`` is out of bounds, or there are too few rows of either label
        to say anything: a check that cannot be made is not passed.
    """
    if x.shape != (len(y), len(names)) or not len(y) == len(ts_ns) == len(end_ns):
        msg = f"{x.shape} features do not fit {len(names)} names and {len(y)} labels"
        raise BadUse(msg)
    if not 0.5 <= max_auc < 1 or (mid is None) != (later is None):
        msg = f"give an AUC in [0.5, 1), not {max_auc}, and both mids or none"
        raise BadUse(msg)
    rows = np.flatnonzero(np.isfinite(y) & (end_ns > 0))
    rows = rows[np.argsort(ts_ns[rows], kind="stable")]
    rows = rows[:: max(1, math.ceil(len(rows) / _MAX_ROWS))]
    up, x = y[rows], x[rows]
    if min(up.sum(), len(up) - up.sum()) < _MIN_KNOWN:
        msg = f"{int(up.sum())} ups among {len(up)} labels are too few to look for a leak"
        raise BadUse(msg)
    answers: list[tuple[Reason, Floats]] = [("label", up)]
    if mid is not None and later is not None:
        answers.append(("return", later[rows] / mid[rows] - 1))
    folds = [
        (split.train, split.test)
        for split in combinatorial_purged(ts_ns[rows], end_ns[rows], FOLDS, 1, 0)
    ]
    error = _coin_error(up, effective_number(ts_ns[rows], end_ns[rows]))
    limit = max(max_auc, 0.5 + NormalDist().inv_cdf(1 - FALSE_ALARM / len(names)) * error)
    leaks = []
    for index, name in enumerate(names):
        column = x[:, index]
        found = _is_answer(column, answers)
        if found is None and mid is not None and later is not None:
            found = _is_price(column, mid[rows], later[rows])
        if found is None:
            value = _auc_out_of_fold(column, up, folds)
            found = ("rank", value, limit) if value > limit else None
        if found is not None:
            leaks.append(Leak(name, *found))
    return tuple(leaks)


@dataclass(frozen=True, slots=True)
class Overlap:
    """What training and test share; all 0 for a clean split.

    Attributes
    ----------
    rows
        Rows that are in both.
    labels
        Training rows whose time from close to label comes nearer than the embargo to a test row's.
    vectors
        Test rows whose whole feature vector stands bit for bit in training too.
    """

    rows: int
    labels: int
    vectors: int

    @property
    def clean(self) -> bool:
        """Say whether no row and no label is shared. A vector may come twice in a quiet market."""
        return self.rows == 0 and self.labels == 0


def overlap(
    train: Rows, test: Rows, ts_ns: Times, end_ns: Times, x: Floats, embargo_ns: int
) -> Overlap:
    """Count what a split shares between training and test.

    Parameters
    ----------
    train, test
        Row indices.
    ts_ns, end_ns
        Shape (n,): bar closes and when the labels are known; 0 where there is none (the row then
        ends with its bar).
    x
        Shape (n, n_features).
    embargo_ns
        Distance to keep (>= 0).
    """
    # A row without a label still has its own moment.
    ends = np.maximum(ts_ns + 1, end_ns)
    start, end = ts_ns[test], ends[test]
    # Test spans that began before a training label's end and the embargo, less those that were over
    # before its row and the embargo: what is left overlaps it.
    began = np.searchsorted(np.sort(start), ends[train] + embargo_ns, side="left")
    over = np.searchsorted(np.sort(end), ts_ns[train] - embargo_ns, side="right")
    vectors = np.ascontiguousarray(x).view(np.dtype((np.void, x.itemsize * x.shape[1])))[:, 0]
    return Overlap(
        rows=len(np.intersect1d(train, test)),
        labels=int((began > over).sum()),
        vectors=int(np.isin(vectors[test], vectors[train]).sum()),
    )


def _computed(compute: Callable[[Tape], Floats], tape: Tape, columns: int) -> Floats:
    features = compute(tape)
    if features.shape != (len(tape), columns):
        msg = (
            f"{len(tape)} rows gave features of shape {features.shape}, not of {columns} columns: "
            "every row must be answered, with NaN where a feature is not ready"
        )
        raise BadUse(msg)
    return features


def _coin_error(y: Floats, n_effective: float) -> float:
    """Return the standard error of the AUC of a score that knows nothing [2]_."""
    share = float(y.mean())
    ups, downs = share * n_effective, (1 - share) * n_effective
    return math.sqrt((n_effective + 1) / (12 * ups * downs))


def _is_answer(
    column: Floats, answers: list[tuple[Reason, Floats]]
) -> tuple[Reason, float, float] | None:
    """Compare a column with the label and the return, whatever its unit and sign."""
    known = np.isfinite(column)
    if known.sum() < _MIN_KNOWN:
        return None
    for reason, answer in answers:
        one, other = column[known] - column[known].mean(), answer[known] - answer[known].mean()
        scale = float((one @ one) * (other @ other))
        if scale > 0 and (value := float(one @ other) ** 2 / scale) > _SAME:
            return reason, math.sqrt(value), math.sqrt(_SAME)
    return None


def _is_price(column: Floats, mid: Floats, later: Floats) -> tuple[Reason, float, float] | None:
    """Compare a column with the future mid; that of the present correlates with it as much."""
    known = np.isfinite(column) & (later != mid)
    if known.sum() < _MIN_KNOWN:
        return None
    share = float(np.mean(column[known] == later[known]))
    return ("price", share, 0.5) if share > 0.5 else None


def _auc_out_of_fold(column: Floats, y: Floats, folds: list[tuple[Rows, Rows]]) -> float:
    total, weight = 0.0, 0
    for train, test in folds:
        known = np.sort(column[train][np.isfinite(column[train])])
        cuts = np.unique(known[np.arange(1, _BINS) * len(known) // _BINS]) if len(known) else known
        # NaN sorts behind every cut, beside the largest values; it gets a bin of its own.
        place = np.searchsorted(cuts, column, side="right") + np.isnan(column)
        size = len(cuts) + 2
        rows = np.bincount(place[train], minlength=size)
        ups = np.bincount(place[train], weights=y[train], minlength=size)
        # Half an up and half a down more in each bin: an empty one says one half.
        score = (ups + 0.5) / (rows + 1)
        value = auc(score[place[test]], y[test])
        if value is not None:
            total, weight = total + value * len(test), weight + len(test)
    return total / weight if weight else 0.5
