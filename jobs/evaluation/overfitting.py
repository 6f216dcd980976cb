"""What remains of the result when all that was tried is counted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.replay import Answers
from jobs.evaluation.tables import outcomes_of
from jobs.evaluation.tape import Tape
from jobs.evaluation.walk import train_one
from models.evaluation.figures import figures
from models.evaluation.importance import permutation_importance, stability
from models.evaluation.overfit import deflated_sharpe, probability_of_overfitting, sharpe
from models.evaluation.scores import net_pips
from models.evaluation.splits import combinatorial_purged, path_answers
from models.served import Loaded
from models.training.learner import Learner

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Say = Callable[[str], object]

EDGES = (0.02, 0.04, 0.06, 0.08, 0.10, 0.12)
"""Fixed thresholds that are tried of every member: what a person would have turned the knob to."""

_GROUPS, _TEST_GROUPS = 6, 2
_BLOCKS = 16
_IMPORTANCE_ROWS = 3_000
_IMPORTANCE_REPEATS = 2


def periods(tape: Tape, tested: Mask) -> tuple[str, NDArray[np.int64]]:
    """Return the longest of month, week, day of which the test has enough, and that of each row.

    Returns
    -------
    (name, period)
        Shape (n,): counted from the first tested row on.
    """
    day = tape.data.ts_ns.astype("datetime64[ns]").astype("datetime64[D]")
    units = {
        "month": day.astype("datetime64[M]").astype(np.int64),
        "week": (day.astype(np.int64) + 3) // 7,  # 1 January 1970 was a Thursday
        "day": day.astype(np.int64),
    }
    for name, period in units.items():
        first, last = int(period[tested].min()), int(period[tested].max())
        if last - first + 1 >= 2 * _BLOCKS or name == "day":
            break
    return name, period - first


def returns(tape: Tape, p_up: Floats, signal: Mask, tested: Mask) -> Floats:
    """Return the net pips of each period of the tested span, shape (periods,)."""
    _, period = periods(tape, tested)
    sent = tested & signal & np.isfinite(tape.labels.later) & np.isfinite(p_up)
    net = net_pips(
        np.sign(p_up[sent] - 0.5),
        tape.data.mid[sent],
        tape.labels.later[sent],
        tape.pip[sent],
        tape.cost_pips[sent],
    )
    sums: Floats = np.zeros(int(period[tested].max()) + 1)
    np.add.at(sums, period[sent], net)
    return sums


def trials(
    tape: Tape, answers: Answers, chosen: Mask, others: Mapping[str, Mask], tested: Mask
) -> dict[str, Any]:
    """Return deflated Sharpe ratio and probability of overfitting over all that was tried.

    A trial is one member, or the ensemble, with one fixed threshold; each other way to choose the
    threshold (``others``, by name) is one, and the chosen procedure is one more. What is measured
    is the profit of each month (week, day) in pips after costs.
    """
    named = {"ensemble": answers.p_up, **answers.members}
    names = ["chosen"]
    columns = [returns(tape, answers.p_up, chosen, tested)]
    for role, p_up in named.items():
        for edge in EDGES:
            signal = np.abs(p_up - 0.5) >= edge
            if not (signal & tested).any():
                continue
            names.append(f"{role} {edge:g}")
            columns.append(returns(tape, p_up, signal, tested))
    for name, signal in others.items():
        names.append(name)
        columns.append(returns(tape, answers.p_up, signal, tested))
    table = np.column_stack(columns)
    deflated = deflated_sharpe(table[:, 0], sharpe(table))
    blocks = min(_BLOCKS, table.shape[0] // 4 * 2)
    return {
        "trials": len(names),
        "period": periods(tape, tested)[0],
        "periods": int(table.shape[0]),
        "best": names[int(np.argmax(sharpe(table)))],
        "deflated_sharpe": asdict(deflated),
        "overfitting": asdict(probability_of_overfitting(table, blocks)),
    }


def combinatorial(
    tape: Tape, learner: Learner, embargo_ns: int, coverage: float, say: Say
) -> dict[str, Any]:
    """Return the accuracy of one model on every path of combinatorial purged cross-validation."""
    known = np.flatnonzero(~np.isnan(tape.labels.y) & tape.askable)
    ts, end = tape.data.ts_ns[known], tape.labels.end_ns[known]
    splits = combinatorial_purged(ts, end, _GROUPS, _TEST_GROUPS, embargo_ns)
    parts: list[Floats] = []
    for number, split in enumerate(splits, start=1):
        loaded, _ = train_one(tape, learner, known[split.train])
        parts.append(ask(tape, loaded, known[split.test]))
        if number % 5 == 0:
            say(f"combinatorial: {number} of {len(splits)} splits")
    answers = path_answers(ts, splits, parts, _GROUPS, _TEST_GROUPS)
    outcomes = outcomes_of(tape, np.full(len(tape.data.ts_ns), np.nan)).take(known)
    table: list[dict[str, Any]] = []
    for p_up in answers:
        signal = np.abs(p_up - 0.5) >= np.quantile(np.abs(p_up - 0.5), 1 - coverage)
        own = type(outcomes)(
            outcomes.ts_ns,
            outcomes.end_ns,
            p_up,
            outcomes.mid_now,
            outcomes.mid_later,
            outcomes.pip,
            outcomes.cost_pips,
        )
        table.append(figures(own, signal).as_json())
    return {"model": learner.kind, "groups": _GROUPS, "test_groups": _TEST_GROUPS, "paths": table}


def importance(tape: Tape, folds: Sequence[tuple[Loaded, NDArray[np.intp]]]) -> dict[str, Any]:
    """Return the permutation importance of each feature in each fold, and how stable it is."""
    means: list[Floats] = []
    for seed, (loaded, test) in enumerate(folds):
        rows = test[~np.isnan(tape.labels.y[test]) & tape.askable[test]]
        rows = rows[np.linspace(0, rows.size - 1, min(rows.size, _IMPORTANCE_ROWS)).astype(int)]
        found = permutation_importance(
            loaded.model.predict_windows,
            tape.data.windows(rows, loaded.model.window),
            tape.labels.y[rows],
            repeats=_IMPORTANCE_REPEATS,
            seed=seed,
        )
        means.append(found.mean)
    table = np.stack(means)
    order = np.argsort(-table.mean(axis=0))
    return {
        "model": folds[0][0].model.role,
        "features": [tape.data.feature_names[at] for at in order],
        "mean_loss": table.mean(axis=0)[order].tolist(),
        "deviation": table.std(axis=0)[order].tolist(),
        "stability": asdict(stability(table, top=10)),
    }


def ask(tape: Tape, loaded: Loaded, rows: NDArray[np.intp]) -> Floats:
    """Return a model's answers to some rows; NaN where it may not be asked."""
    answers = np.full(rows.size, np.nan)
    may = tape.askable[rows]
    windows = tape.data.windows(rows[may], loaded.model.window)
    answers[may] = loaded.model.predict_windows(windows)
    return answers
