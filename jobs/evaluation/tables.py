"""Figures of one evaluation by symbol, session, year and member, and the curves behind them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.nanos import from_ns
from jobs.evaluation.replay import Answers
from jobs.evaluation.tape import Tape
from models.evaluation.figures import Outcomes, cells, figures
from models.evaluation.scores import calibration_curve, coverage_curve
from models.evaluation.sessions import SESSIONS, session_of

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

POOLED = "pooled"

COVERAGES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.003)


def outcomes_of(tape: Tape, p_up: Floats) -> Outcomes:
    """Return what was answered and what happened, for `models.evaluation.figures`."""
    return Outcomes(
        ts_ns=tape.data.ts_ns,
        end_ns=tape.labels.end_ns,
        p_up=p_up,
        mid_now=tape.data.mid,
        mid_later=tape.labels.later,
        pip=tape.pip,
        cost_pips=tape.cost_pips,
    )


def by_symbol(tape: Tape, p_up: Floats, signal: Mask, tested: Mask) -> dict[str, Any]:
    """Return the figures of each symbol and of all of them, over the tested rows."""
    outcomes = outcomes_of(tape, p_up).take(tested)
    chosen = signal[tested]
    found = cells(outcomes, chosen, tape.data.symbol_codes[tested], tape.data.symbols)
    table = {name: cell.as_json() for name, cell in found.items()}
    return {**table, POOLED: figures(outcomes, chosen).as_json()}


def breakdown(tape: Tape, p_up: Floats, signal: Mask, tested: Mask) -> dict[str, Any]:
    """Return the pooled figures by session, by year, and for each way to look at the prices."""
    outcomes = outcomes_of(tape, p_up)
    years = np.array([from_ns(int(ts)).year for ts in _year_starts(tape.data.ts_ns)])
    names = tuple(str(year) for year in np.unique(years[tested]))
    year_code = years - int(names[0])
    looks = {
        "mids": tape.mid_known,
        "bids": ~tape.mid_known,
        "without_rollover": ~tape.rollover,
        "rollover": tape.rollover,
        "mids_without_rollover": tape.mid_known & ~tape.rollover,
    }

    def some(mask: Mask) -> dict[str, Any]:
        rows = tested & mask
        return figures(outcomes.take(rows), signal[rows]).as_json()

    return {
        "session": {
            name: some(session_of(tape.data.ts_ns) == code) for code, name in enumerate(SESSIONS)
        },
        "year": {name: some(year_code == code) for code, name in enumerate(names)},
        "prices": {name: some(mask) for name, mask in looks.items()},
    }


def by_member(tape: Tape, answers: Answers, tested: Mask, coverage: float) -> dict[str, Any]:
    """Return the figures of each member alone, at the coverage of the ensemble's signals."""
    table: dict[str, Any] = {}
    for role, p_up in answers.members.items():
        rows = tested & np.isfinite(p_up) & ~np.isnan(tape.labels.y)
        if not rows.any():
            continue
        confidence = np.abs(p_up - 0.5)
        threshold = float(np.quantile(confidence[rows], 1 - coverage)) if coverage > 0 else 1.0
        signal = confidence >= max(threshold, 1e-12)
        cell = figures(outcomes_of(tape, p_up).take(tested), signal[tested]).as_json()
        weights = answers.weights[role][tested & np.isfinite(answers.p_up)]
        table[role] = {
            **cell,
            "threshold": threshold,
            "mean_weight": float(weights.mean()) if weights.size else 0.0,
        }
    return table


def curves(tape: Tape, p_up: Floats, tested: Mask) -> dict[str, Any]:
    """Return the accuracy-coverage and the calibration curve, all rows and without the rollover."""
    known = tested & np.isfinite(p_up) & ~np.isnan(tape.labels.y)
    return {
        name: _curves(tape, p_up, known & mask)
        for name, mask in (("all", np.ones_like(known)), ("without_rollover", ~tape.rollover))
    }


def _curves(tape: Tape, p_up: Floats, rows: Mask) -> dict[str, Any]:
    if not rows.any():
        return {}
    p, y = p_up[rows], tape.labels.y[rows]
    coverage = coverage_curve(p, y, tape.data.ts_ns[rows], tape.labels.end_ns[rows], COVERAGES)
    calibration = calibration_curve(p, y)
    return {
        "coverage": _lists(coverage._asdict()),
        "calibration": {**_lists(calibration._asdict()), "error": calibration.error},
    }


def _lists(columns: Mapping[str, NDArray[Any]]) -> dict[str, list[Any]]:
    return {name: column.tolist() for name, column in columns.items()}


def _year_starts(ts_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the beginning of the year of each moment: few different values to turn into dates."""
    years = ts_ns.astype("datetime64[ns]").astype("datetime64[Y]")
    return years.astype("datetime64[ns]").astype(np.int64)
