"""Walk-forward answers of a training procedure: what each fold's model said of bars behind its own.

The figures go into the manifest, and the answers are the evidence for validation (`jobs.evidence`).
Every row that the model could read is asked, also one without a label to learn: what is asked in
trading is not known to have an answer either.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from jobs.training_data import TrainingSet
from models.evaluation.figures import Figures, Outcomes, figures
from models.evaluation.splits import starts_by_count, walk_forward
from models.labels.arrays import Labels
from models.training.dataset import Rows
from models.training.learner import Learner, Say, learnable

Floats = NDArray[np.float64]

MIN_FOLDS = 3


@dataclass(frozen=True, slots=True)
class WalkConfig:
    """How a procedure is tested.

    Parameters
    ----------
    embargo_ns
        Least time between the end of the last training label and a test (>= 0).
    folds
        Expanding folds of about equal tests (>= 3).
    slippage_pips
        Of each of the two orders of a trade (>= 0).
    min_rows
        Labelled rows below which training refuses (> 0).

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    embargo_ns: int
    folds: int = 4
    slippage_pips: float = 0.1
    min_rows: int = 500

    def __post_init__(self) -> None:
        if (
            self.folds < MIN_FOLDS
            or min(self.embargo_ns, self.slippage_pips) < 0
            or self.min_rows < 1
        ):
            msg = (
                f"a walk-forward test needs {MIN_FOLDS} folds or more, an embargo and slippage of "
                f"0 or more and 1 row or more: {self}"
            )
            raise BadUse(msg)


class Outcome(NamedTuple):
    """What became of n rows, whatever was learned from them.

    Attributes
    ----------
    end_ns, later
        Shape (n,): when the outcome was known, 0 for none, and the mid then, NaN for none.
    y
        Shape (n,): 1 if the mid was higher then, 0 if lower, NaN where neither or unknown.
    move_pips, cost_pips
        Shape (n,): how far the mid had moved, and what entering and leaving cost together; NaN
        where it is not known.
    """

    end_ns: NDArray[np.int64]
    later: Floats
    y: Floats
    move_pips: Floats
    cost_pips: Floats


class Walked(NamedTuple):
    """The answers of a procedure, and its figures.

    Attributes
    ----------
    p_up
        Shape (n,): the answer of the fold in whose test a row lies; NaN outside of all tests, and
        where the row could not be read.
    metrics
        ``folds``, ``pooled`` and how the rows were cut; ready for JSON.
    """

    p_up: Floats
    metrics: dict[str, Any]


def outcome_of(rows: TrainingSet, labels: Labels, slippage_pips: float) -> Outcome:
    """Return what became of every row.

    Parameters
    ----------
    labels
        Of these rows; whether one is to be learned does not matter here.
    slippage_pips
        Of each of the two orders (>= 0).
    """
    data, pip = rows.data, rows.pip
    known = labels.end_ns > 0
    move = labels.later - data.mid
    # The row that answers, in the order by symbol and time.
    answer = np.zeros(len(data.ts_ns), np.intp)
    for code in range(len(data.symbols)):
        own = np.flatnonzero(data.symbol_codes == code)
        if own.size:
            place = np.searchsorted(data.ts_ns[own], labels.end_ns[own])
            answer[own] = own[np.minimum(place, own.size - 1)]
    half = rows.half_spread(slippage_pips)
    cost = np.where(known, (half + half[answer]) / pip, np.nan)
    y = np.select([move > 0, move < 0], [1.0, 0.0], np.nan)
    return Outcome(labels.end_ns, labels.later, y, move / pip, cost)


def walk(
    rows: TrainingSet, labels: Labels, learner: Learner, config: WalkConfig, say: Say
) -> Walked:
    """Train anew for each fold, and test each and all together.

    Parameters
    ----------
    rows, labels
        What there is, and what is learned of it.
    learner
        What is trained.
    config
        How it is cut.
    say
        Takes a line for each fold and one for all.

    Raises
    ------
    BadUse
        If there is too little to train on, or only one class.
    """
    data = rows.data
    fit = learnable(data, labels, learner.window)
    up = int(labels.y[fit].sum())
    if len(fit) < config.min_rows:
        msg = (
            f"{learner.kind}: {len(fit)} labelled rows are too few to train on, {config.min_rows} "
            "are needed: give a longer span or more symbols"
        )
        raise BadUse(msg)
    if not 0 < up < len(fit):
        msg = f"{learner.kind}: all {len(fit)} labels are the same: there is nothing to learn"
        raise BadUse(msg)
    asked = np.flatnonzero(data.whole(learner.window))
    starts = starts_by_count(data.ts_ns[fit], config.folds)
    splits = walk_forward(data.ts_ns[asked], labels.end_ns[asked], starts, config.embargo_ns)
    say(f"{learner.kind}: {len(fit):,} labelled rows, {len(data.symbols)} symbols")
    p_up = np.full(len(data.ts_ns), np.nan)
    found = outcome_of(rows, labels, config.slippage_pips)
    folds: list[dict[str, Any]] = []
    for number, split in enumerate(splits, start=1):
        train = np.intersect1d(asked[split.train], fit, assume_unique=True)
        test = asked[split.test]
        p_up[test] = learner.fit(data, labels, train, _silent).predict(data, test)
        figured = _figures(rows, found, p_up, test)
        folds.append({"train_rows": len(train), **_span(data.ts_ns[test]), **figured.as_json()})
        say(f"{learner.kind}: fold {number} of {len(splits)}: {_words(figured)}")
    tested = np.concatenate([asked[split.test] for split in splits])
    pooled = _figures(rows, found, p_up, tested)
    say(f"{learner.kind}: all folds: {_words(pooled)}")
    return Walked(
        p_up,
        {
            "folds": folds,
            "pooled": {**_span(data.ts_ns[tested]), **pooled.as_json()},
            "embargo_ns": config.embargo_ns,
            "slippage_pips": config.slippage_pips,
            "flat": int((np.isnan(found.y) & (found.end_ns > 0)).sum()),
            "answers_sha256": answers_sha256(p_up, found),
        },
    )


def answers_sha256(p_up: Floats, outcome: Outcome) -> str:
    """Hash answers and outcomes: the manifest holds it, so nobody changes them later unseen."""
    hasher = sha256(np.ascontiguousarray(outcome.end_ns, dtype="<i8").tobytes())
    for column in (p_up, outcome.later, outcome.y, outcome.move_pips, outcome.cost_pips):
        # One bit pattern for every NaN.
        plain = np.where(np.isnan(column), np.nan, column)
        hasher.update(np.ascontiguousarray(plain, dtype="<f8").tobytes())
    return hasher.hexdigest()


def _figures(rows: TrainingSet, found: Outcome, p_up: Floats, test: Rows) -> Figures:
    outcomes = Outcomes(
        rows.data.ts_ns[test],
        found.end_ns[test],
        p_up[test],
        rows.data.mid[test],
        found.later[test],
        rows.pip[test],
        found.cost_pips[test],
    )
    return figures(outcomes, outcomes.signals(0.0))


def _span(ts_ns: NDArray[np.int64]) -> dict[str, int]:
    return {"first_ns": int(ts_ns.min()), "last_ns": int(ts_ns.max())}


def _words(found: Figures) -> str:
    if found.accuracy is None:
        return "no row had an outcome"
    verdict = "above" if found.beats_base_rate else "not above"
    return (
        f"right {found.accuracy:.4f} [{found.low:.4f}, {found.high:.4f}] of {found.n:,}, {verdict} "
        f"the base rate {found.base_rate:.4f}; {_figure('AUC', found.auc)}, "
        f"{_figure('Brier', found.brier)}, {_figure('ECE', found.calibration_error)}, "
        f"{_figure('net pips', found.expectancy_pips_net)}"
    )


def _figure(name: str, value: float | None) -> str:
    return f"{name} unknown" if value is None else f"{name} {value:.4f}"


def _silent(_line: str) -> None:
    """Say nothing: a fold has one line of its own."""
