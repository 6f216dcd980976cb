"""Walk-forward figures of a learner: each fold is tested on bars after all it was trained on.

How rows are cut is in `models.evaluation.splits`. Within a fold the learner holds out the newest of
its training rows itself, so early stopping and calibration never see the test.
"""

from dataclasses import asdict
from typing import Any

import numpy as np

from models.evaluation.accuracy import Accuracy, accuracy, log_loss
from models.evaluation.splits import starts_by_count, walk_forward
from models.labels.arrays import Labels
from models.training.dataset import Rows, TrainingData
from models.training.learner import Floats, Learner, Say, learnable


def evaluate(
    data: TrainingData,
    labels: Labels,
    learner: Learner,
    folds: int,
    embargo_ns: int,
    horizon_ns: int,
    say: Say,
) -> dict[str, Any]:
    """Train anew for each fold, and test each and all together.

    Parameters
    ----------
    data, labels
        Rows and their answers.
    learner
        What is trained.
    folds
        Expanding folds of about equal tests (>= 1); the first ``1 / (folds + 1)`` of the rows is
        only trained on.
    embargo_ns
        Distance between the end of the last training label and the first test bar (>= 0).
    horizon_ns
        Of the labels, for how many of them overlap.
    say
        Takes one line for each fold and one for all.

    Returns
    -------
    dict
        ``folds`` and ``pooled``: span, accuracy with interval and base rate, log loss in nats;
        ready for JSON.

    Raises
    ------
    BadUse
        If a fold is too small to train on.
    """
    rows = learnable(data, labels, learner.window)
    ts_ns, end_ns = data.ts_ns[rows], labels.end_ns[rows]
    splits = walk_forward(ts_ns, end_ns, starts_by_count(ts_ns, folds), embargo_ns)
    p_up = np.full(len(data.ts_ns), np.nan)
    results: list[dict[str, Any]] = []
    spacing_ns = data.spacing_ns()
    for number, split in enumerate(splits, start=1):
        fit, test = rows[split.train], rows[split.test]
        p_up[test] = learner.fit(data, labels, fit, say).predict(data, test)
        scored, result = _score(data, labels, p_up, test, horizon_ns, spacing_ns)
        results.append({"train_rows": len(fit), **result})
        say(f"fold {number} of {len(splits)}: trained on {len(fit)}, {_words(scored)}")
    tested = np.concatenate([rows[split.test] for split in splits])
    scored, pooled = _score(data, labels, p_up, tested, horizon_ns, spacing_ns)
    say(f"all folds: {_words(scored)}")
    return {"folds": results, "pooled": pooled, "spacing_ns": spacing_ns}


def _score(
    data: TrainingData,
    labels: Labels,
    p_up: Floats,
    test: Rows,
    horizon_ns: int,
    spacing_ns: float,
) -> tuple[Accuracy, dict[str, Any]]:
    p = p_up[test]
    scored = accuracy(p, data.mid[test], labels.later[test], horizon_ns, spacing_ns)
    return scored, {
        "first_ns": int(data.ts_ns[test].min()),
        "last_ns": int(data.ts_ns[test].max()),
        "accuracy": asdict(scored),
        "log_loss": log_loss(p, labels.y[test]),
    }


def _words(scored: Accuracy) -> str:
    verdict = "above" if scored.beats_base_rate else "not above"
    return (
        f"right {scored.value:.4f} [{scored.low:.4f}, {scored.high:.4f}] of {scored.n}, "
        f"{verdict} the base rate {scored.base_rate:.4f}"
    )
