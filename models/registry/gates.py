"""The gates between a candidate and a validated model. Each is a small function of plain arrays.

A gate that cannot be computed refuses, and says what is missing: what was not measured is not known
to be good. `models.registry.validation` runs them all.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.evaluation.accuracy import wilson
from models.evaluation.scores import calibration_curve, effective_number, right
from models.registry.limits import Limits
from models.registry.report import Figures, GateResult

Floats = NDArray[np.float64]


class Outcomes(NamedTuple):
    """Answers to rows that the answering model had not seen, and what became of them.

    Each of shape (n,). They are the walk-forward answers of training (each fold's model on the rows
    behind its own), or the artefact's own on rows behind all its data.

    Attributes
    ----------
    ts_ns, end_ns
        The bar's close, and when its label was known.
    p_up
        Answer; NaN where there was none (not counted).
    y
        1 if the mid was higher then, 0 if lower, NaN where neither (not counted).
    move_pips
        How far the mid had moved then, in pips.
    cost_pips
        What entering and leaving costs together, in pips: spread and slippage (>= 0).
    champion_p_up
        The champion's answers to the same rows, also unseen by it; None where there is none.
    """

    ts_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    p_up: Floats
    y: Floats
    move_pips: Floats
    cost_pips: Floats
    champion_p_up: Floats | None = None

    def counted(self, min_edge: float = 0.0) -> "Outcomes":
        """Return the rows with answer and outcome whose answer has at least so much edge."""
        known = ~(np.isnan(self.p_up) | np.isnan(self.y))
        with np.errstate(invalid="ignore"):
            kept = known & (np.abs(self.p_up - 0.5) >= min_edge)
        rival = self.champion_p_up
        return Outcomes(
            self.ts_ns[kept],
            self.end_ns[kept],
            self.p_up[kept],
            self.y[kept],
            self.move_pips[kept],
            self.cost_pips[kept],
            None if rival is None else rival[kept],
        )


def golden_vectors(stored: Floats, given: Floats, limits: Limits) -> GateResult:
    """Compare answers to the golden vectors, shape (n,), with those stored in the manifest."""
    worst = _worst(stored, given)
    if worst is None:
        return _refused("golden", "there are no golden answers to compare")
    ok = worst <= limits.golden_difference
    words = (
        f"{len(stored)} golden answers differ by at most {worst:.1e} "
        f"({limits.golden_difference:.0e} is allowed)"
    )
    return GateResult("golden", ok, words, {"worst": worst, "n": len(stored)})


def parity(
    original: Floats | None,
    served: Floats | None,
    recorded: float | None,
    recorded_rows: int,
    limits: Limits,
) -> GateResult:
    """Hold the served model against the trained original.

    Parameters
    ----------
    original, served
        Shape (n,): stored answers of the original and answers of the served model to the same
        rows; None where none were stored.
    recorded, recorded_rows
        Largest difference that training has measured, and on how many rows; None where it has not.
    """
    worst = None if original is None or served is None else _worst(original, served)
    rows = 0 if worst is None or original is None else len(original)
    figures = {"worst": worst, "n": rows, "recorded": recorded, "recorded_n": recorded_rows}
    if worst is None and recorded is None:
        return _refused("parity", "nobody has compared it with the trained original", figures)
    seen = max(value for value in (worst, recorded) if value is not None)
    ok = seen <= limits.parity_difference and max(rows, recorded_rows) >= limits.parity_rows
    words = (
        f"differs from the trained original by at most {seen:.1e} on "
        f"{max(rows, recorded_rows)} rows ({limits.parity_difference:.0e} is allowed, "
        f"{limits.parity_rows} rows are needed)"
    )
    return GateResult("parity", ok, words, figures)


def latency(rows_ms: Floats, limits: Limits) -> GateResult:
    """Compare the time of single rows, shape (n,), in milliseconds, with the budget."""
    if len(rows_ms) < limits.latency_rounds:
        return _refused("latency", f"{len(rows_ms)} rows were timed, not {limits.latency_rounds}")
    p50, p99 = (float(value) for value in np.percentile(rows_ms, [50, 99]))
    words = f"one row takes {p99:.3f} ms at p99 (budget {limits.latency_p99_ms} ms)"
    figures = {"p50_ms": p50, "p99_ms": p99, "n": len(rows_ms)}
    return GateResult("latency", p99 <= limits.latency_p99_ms, words, figures)


def no_lookahead(changed: Sequence[str] | None) -> GateResult:
    """Refuse features that change when the tape is cut behind them.

    Parameters
    ----------
    changed
        Names of those that did (``models.evaluation.leaks.lookahead``); None: not measured.
    """
    if changed is None:
        return _refused("lookahead", "the features were not recomputed on truncated tapes")
    if changed:
        return _refused("lookahead", f"these features see the future: {', '.join(changed)}")
    return GateResult("lookahead", True, "no feature changes when the tape is cut behind it")


def no_label_leak(leaking: Sequence[str] | None) -> GateResult:
    """Refuse features that carry the label.

    Parameters
    ----------
    leaking
        Names of those that do (``models.evaluation.leaks.label_leak``); None: not measured.
    """
    if leaking is None:
        return _refused("label_leak", "the features were not held against the label")
    if leaking:
        return _refused("label_leak", f"these features carry the label: {', '.join(leaking)}")
    return GateResult("label_leak", True, "no feature alone tells the label")


def unseen(outcomes: Outcomes, known_ns: int, *, walk_forward: bool) -> GateResult:
    """Refuse outcomes that the answering model may have been trained on.

    Parameters
    ----------
    known_ns
        Event time at which all that the artefact was trained on was known.
    walk_forward
        Whether the answers are those of each fold's model to the rows behind its own: then the
        folds, which are purged, keep them apart. Else they are the artefact's own.
    """
    if walk_forward:
        return GateResult("unseen", True, "each fold's model answered rows behind its own")
    rows = outcomes.counted()
    early = int((rows.ts_ns < known_ns).sum())
    if early or not len(rows.y):
        return _refused(
            "unseen",
            f"{early} of {len(rows.y)} rows are of the time it was trained on",
            {"n": early},
        )
    return GateResult("unseen", True, "every row is behind all that it was trained on")


def calibration(outcomes: Outcomes, limits: Limits) -> GateResult:
    """Compare probabilities with how often it went up."""
    rows = outcomes.counted()
    if len(rows.y) < limits.min_signals:
        return _too_few("calibration", len(rows.y), limits)
    error = calibration_curve(rows.p_up, rows.y).error
    words = (
        f"calibration error {error:.4f} on {len(rows.y)} unseen rows "
        f"({limits.calibration_error} is allowed)"
    )
    return GateResult(
        "calibration", error <= limits.calibration_error, words, {"error": error, "n": len(rows.y)}
    )


def above_base_rate(outcomes: Outcomes, limits: Limits) -> GateResult:
    """Hold the lower bound of directional accuracy against a constant guess on the same rows."""
    rows = outcomes.counted(limits.min_edge)
    if len(rows.y) < limits.min_signals:
        return _too_few("accuracy", len(rows.y), limits)
    value = float(right(rows.p_up, rows.y).mean())
    n_effective = effective_number(rows.ts_ns, rows.end_ns)
    low, high = wilson(value, n_effective)
    up = float(rows.y.mean())
    base = max(up, 1 - up)
    floor = max(base, limits.min_accuracy)
    words = (
        f"accuracy {value:.4f} [{low:.4f}, {high:.4f}] on {len(rows.y)} unseen signals, "
        f"{n_effective:.0f} independent; the base rate is {base:.4f}"
    )
    if limits.min_accuracy > base:
        words += f", {limits.min_accuracy} is asked"
    figures = {
        "accuracy": value,
        "low": low,
        "high": high,
        "base_rate": base,
        "n": len(rows.y),
        "n_effective": n_effective,
    }
    return GateResult("accuracy", low > floor, words, figures)


def above_champion(outcomes: Outcomes, limits: Limits, *, champion: bool) -> GateResult:
    """Hold the accuracy against the champion's on the same rows.

    The rows are paired, so what both get right or wrong cancels: the lower bound of the mean
    difference must lie above 0. Where the champion gave no answer it counts as half right.

    Parameters
    ----------
    champion
        Whether there is one; without one there is nothing to compare.
    """
    if not champion:
        return GateResult("champion", True, "there is no champion to compare with")
    rows = outcomes.counted(limits.min_edge)
    if rows.champion_p_up is None:
        return _refused("champion", "the champion was not asked on the same rows")
    if len(rows.y) < limits.min_signals:
        return _too_few("champion", len(rows.y), limits)
    rival = np.where(np.isnan(rows.champion_p_up), 0.5, rows.champion_p_up)
    ahead = right(rows.p_up, rows.y) - right(rival, rows.y)
    mean, deviation = float(ahead.mean()), float(ahead.std(ddof=1))
    n_effective = effective_number(rows.ts_ns, rows.end_ns)
    half = limits.champion_z * deviation / n_effective**0.5
    words = (
        f"accuracy is {mean:+.4f} [{mean - half:+.4f}, {mean + half:+.4f}] from the champion's on "
        f"the same {len(rows.y)} rows"
    )
    figures = {
        "difference": mean,
        "low": mean - half,
        "high": mean + half,
        "n": len(rows.y),
        "n_effective": n_effective,
    }
    return GateResult("champion", mean - half > 0, words, figures)


def expectancy(outcomes: Outcomes, limits: Limits) -> GateResult:
    """Hold what the mean signal earns after costs against nothing, or against the champion's."""
    rows = outcomes.counted(limits.min_edge)
    if len(rows.y) < limits.min_signals:
        return _too_few("expectancy", len(rows.y), limits)
    mine = _net_pips(rows.p_up, rows)
    if not np.isfinite(mine).all():
        return _refused("expectancy", "a signal has no price or no cost")
    value = float(mine.mean())
    figures: dict[str, float | int | str | None] = {"net_pips": value, "n": len(rows.y)}
    words = f"a signal earns {value:+.3f} pips after spread and slippage, {len(rows.y)} signals"
    if limits.expectancy == "positive":
        return GateResult("expectancy", value > 0, words, figures)
    if rows.champion_p_up is None:
        return _refused("expectancy", "the champion was not asked on the same rows", figures)
    # Where the champion sees no edge it trades nothing, earns nothing and pays nothing.
    edge = np.abs(rows.champion_p_up - 0.5) >= limits.min_edge
    rival = np.where(edge, _net_pips(rows.champion_p_up, rows), 0.0)
    figures["champion_net_pips"] = theirs = float(rival.mean())
    words += f"; the champion's {theirs:+.3f}"
    return GateResult("expectancy", value >= theirs, words, figures)


def _net_pips(p_up: Floats, rows: Outcomes) -> Floats:
    side = np.sign(p_up - 0.5)
    net: Floats = side * rows.move_pips - np.abs(side) * rows.cost_pips
    return net


def _worst(one: Floats, other: Floats) -> float | None:
    """Return the largest difference; infinity where a value is missing, None without values."""
    if len(one) == 0 or one.shape != other.shape:
        return None
    worst = float(np.abs(one - other).max())
    return float("inf") if np.isnan(worst) else worst


def _too_few(name: str, n: int, limits: Limits) -> GateResult:
    words = f"{n} unseen signals are too few to judge, {limits.min_signals} are needed"
    return _refused(name, words, {"n": n})


def _refused(name: str, words: str, figures: Figures | None = None) -> GateResult:
    return GateResult(name, False, words, figures or {})
