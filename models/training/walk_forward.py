"""Walk-forward evaluation: every fold is tested on bars after all that it was trained on.

Training rows whose label reaches into the test are purged, and an embargo keeps a further distance,
since neighbouring bars share their features' windows [1]_.

References
----------
.. [1] M. López de Prado, "Advances in Financial Machine Learning", Wiley 2018, chapter 7.
"""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from models.evaluation.accuracy import Accuracy, accuracy, log_loss
from models.labels.delayed import DelayedLabels
from models.training.dataset import LabelledRows

Rows = NDArray[np.intp]
"""Row indices, shape (n_rows,)."""

FitPredict = Callable[[Rows, Rows], NDArray[np.float64]]
"""Trains on the first rows and returns probabilities for the second."""

Say = Callable[[str], object]

MIN_FOLDS = 3
MIN_FOLD_ROWS = 30
"""A fold with fewer rows to train or to test on says nothing."""


def folds(
    ts_ns: NDArray[np.int64], count: int, rule: DelayedLabels, embargo_ns: int
) -> list[tuple[Rows, Rows]]:
    """Cut rows into expanding folds of about equal tests.

    Parameters
    ----------
    ts_ns
        Shape (n,): bar closes, ascending.
    count
        Number of folds (> 0); the first ``1 / (count + 1)`` of the rows is only trained on.
    rule
        Label rule: a label reaches up to its horizon and tolerance ahead.
    embargo_ns
        Distance between the last training label and the first test bar (>= 0).

    Returns
    -------
    list of (train, test)
        All rows of one time are in one test. Every training label is known at least the embargo
        before the first test bar, even where it came as late as the tolerance allows.

    Raises
    ------
    BadUse
        If a fold is too small to say anything.
    """
    reach_ns = rule.horizon_ns + rule.tolerance_ns + embargo_ns
    starts = [int(ts_ns[len(ts_ns) * k // (count + 1)]) for k in range(1, count + 1)]
    ends = [*starts[1:], int(ts_ns[-1]) + 1]
    cut: list[tuple[Rows, Rows]] = []
    for start, end in zip(starts, ends, strict=True):
        fit = np.flatnonzero(ts_ns + reach_ns <= start)
        test = np.flatnonzero((ts_ns >= start) & (ts_ns < end))
        if min(len(fit), len(test)) < MIN_FOLD_ROWS:
            msg = (
                f"fold {len(cut) + 1} has {len(fit)} rows to train and {len(test)} to test on, "
                f"{MIN_FOLD_ROWS} are needed: give a longer span or fewer folds"
            )
            raise BadUse(msg)
        cut.append((fit, test))
    return cut


def evaluate(
    rows: LabelledRows,
    cut: list[tuple[Rows, Rows]],
    fit_predict: FitPredict,
    horizon_ns: int,
    spacing_ns: float,
    say: Say,
) -> dict[str, object]:
    """Test each fold and all together.

    Parameters
    ----------
    cut
        What `folds` returned.
    fit_predict
        Trains anew for each fold.
    horizon_ns, spacing_ns
        As in `models.evaluation.accuracy.accuracy`.
    say
        Takes one line for each fold and one for all.

    Returns
    -------
    dict
        ``folds`` and ``pooled``: span, accuracy with interval and base rate, log loss in nats;
        ready for JSON.
    """
    p_up = np.full(len(rows.ts_ns), np.nan)
    results: list[dict[str, object]] = []
    for number, (fit, test) in enumerate(cut, start=1):
        p_up[test] = fit_predict(fit, test)
        scored, result = _score(rows, p_up, test, horizon_ns, spacing_ns)
        results.append({"train_rows": len(fit), **result})
        say(f"fold {number} of {len(cut)}: trained on {len(fit)}, {_words(scored)}")
    tested = np.concatenate([test for _, test in cut])
    scored, pooled = _score(rows, p_up, tested, horizon_ns, spacing_ns)
    say(f"all folds: {_words(scored)}")
    return {"folds": results, "pooled": pooled, "spacing_ns": spacing_ns, "flat": rows.flat}


def _score(
    rows: LabelledRows,
    p_up: NDArray[np.float64],
    test: Rows,
    horizon_ns: int,
    spacing_ns: float,
) -> tuple[Accuracy, dict[str, object]]:
    p, now, later = p_up[test], rows.mid_now[test], rows.mid_later[test]
    scored = accuracy(p, now, later, horizon_ns, spacing_ns)
    return scored, {
        "first_ns": int(rows.ts_ns[test[0]]),
        "last_ns": int(rows.ts_ns[test[-1]]),
        "accuracy": asdict(scored),
        "log_loss": log_loss(p, rows.y[test]),
    }


def _words(scored: Accuracy) -> str:
    verdict = "above" if scored.beats_base_rate else "not above"
    return (
        f"right {scored.value:.4f} [{scored.low:.4f}, {scored.high:.4f}] of {scored.n}, "
        f"{verdict} the base rate {scored.base_rate:.4f}"
    )
