"""The figures of one cell of an evaluation: a symbol, a session, a horizon, or all of them."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from models.evaluation.accuracy import Z_95, log_loss, wilson
from models.evaluation.scores import (
    auc,
    brier,
    calibration_curve,
    effective_number,
    net_pips,
    right,
)

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How good answers and signals were; None where there was nothing to count.

    A row is **asked** if its outcome is known, **answered** if the model gave a probability, and a
    **signal** if the answer was confident enough.

    Attributes
    ----------
    n
        Signals whose mid moved: what the accuracy counts.
    accuracy, low, high
        Share of right directions among them, and its 95 % Wilson interval at ``n_effective``.
    n_effective
        How many of them there would be without overlap, across symbols; see
        `models.evaluation.scores.effective_number`.
    base_rate
        Share of the more frequent direction among the same rows: what a constant guess gets.
    coverage
        Share of the asked rows that were signals.
    flat
        Signals whose mid did not move; they count in coverage and expectancy, not in accuracy.
    answered
        Answered rows whose mid moved: what the next four count, signals or not.
    auc, brier, log_loss, calibration_error
        Of the probabilities of a higher mid; see `models.evaluation.scores`.
    expectancy_pips_net, expectancy_low, expectancy_high
        Mean pips of a signal after spread and slippage, and its 95 % normal interval at the
        effective number of the signals that it counts.
    expectancy_pips_gross, cost_pips
        Mean pips of the same signals before costs, and mean costs.
    n_costed
        Signals with known costs: what the last five count.
    """

    n: int
    accuracy: float | None
    low: float | None
    high: float | None
    n_effective: float
    base_rate: float | None
    coverage: float | None
    flat: int
    answered: int
    auc: float | None
    brier: float | None
    log_loss: float | None
    calibration_error: float | None
    expectancy_pips_net: float | None
    expectancy_low: float | None
    expectancy_high: float | None
    expectancy_pips_gross: float | None
    cost_pips: float | None
    n_costed: int

    @property
    def beats_base_rate(self) -> bool:
        """Say whether the whole interval of the accuracy lies above the base rate."""
        return self.low is not None and self.base_rate is not None and self.low > self.base_rate

    def as_json(self) -> dict[str, Any]:
        """Return all figures by name, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What was asked of a model, what it answered, and what happened; columns of n rows.

    Parameters
    ----------
    ts_ns, end_ns
        Shape (n,): bar closes, and when the outcome is known; 0 where it never was (not counted).
    p_up
        Shape (n,): probability of a higher mid; NaN where the model was not ready.
    mid_now, mid_later
        Shape (n,): mid at the bar and at the outcome; NaN where there is none (not counted).
    pip
        Shape (n,): size of a pip in price units (> 0).
    cost_pips
        Shape (n,): what a trade costs in all, as from `models.evaluation.scores.round_trip_pips`
        (>= 0); NaN where it is not known: such a signal has no place in the expectancy.

    Raises
    ------
    BadUse
        If shapes differ, a probability lies outside [0, 1], a pip is <= 0 or a cost < 0.
    """

    ts_ns: Times
    end_ns: Times
    p_up: Floats
    mid_now: Floats
    mid_later: Floats
    pip: Floats
    cost_pips: Floats

    def __post_init__(self) -> None:
        columns = (self.end_ns, self.p_up, self.mid_now, self.mid_later, self.pip, self.cost_pips)
        if any(column.shape != (len(self.ts_ns),) for column in columns):
            msg = f"outcomes take columns of {len(self.ts_ns)} rows"
            raise BadUse(msg)
        if (self.p_up < 0).any() or (self.p_up > 1).any():
            msg = "a probability lies outside [0, 1]"
            raise BadUse(msg)
        if not (self.pip > 0).all() or (self.cost_pips < 0).any():
            msg = "outcomes take pips > 0 and costs >= 0"
            raise BadUse(msg)

    def take(self, rows: Mask | NDArray[np.intp]) -> "Outcomes":
        """Return some of the rows."""
        return Outcomes(
            self.ts_ns[rows],
            self.end_ns[rows],
            self.p_up[rows],
            self.mid_now[rows],
            self.mid_later[rows],
            self.pip[rows],
            self.cost_pips[rows],
        )

    def signals(self, min_edge: float) -> Mask:
        """Say of each row whether its answer is a signal: ``|p_up - 0.5| >= min_edge``, not 0.5."""
        confidence = np.abs(self.p_up - 0.5)
        signal: Mask = (confidence >= min_edge) & (confidence > 0)
        return signal


def figures(outcomes: Outcomes, signal: Mask) -> Figures:
    """Count one cell.

    Parameters
    ----------
    outcomes
        Its rows, of one symbol or several, in any order.
    signal
        Shape (n,): which answers are signals, as from `Outcomes.signals` or an ensemble's own rule.
        A row without an answer, or with exactly 0.5, is none.
    """
    asked = (outcomes.end_ns > 0) & np.isfinite(outcomes.mid_now) & np.isfinite(outcomes.mid_later)
    moved = asked & (outcomes.mid_now != outcomes.mid_later)
    answered = np.isfinite(outcomes.p_up)
    sent = asked & signal & answered & (outcomes.p_up != 0.5)
    count = int(asked.sum())
    return Figures(
        **_direction(outcomes.take(moved & sent)),
        **_probability(outcomes.take(moved & answered)),
        **_expectancy(outcomes.take(sent & np.isfinite(outcomes.cost_pips))),
        coverage=int(sent.sum()) / count if count else None,
        flat=int((sent & ~moved).sum()),
    )


def cells(
    outcomes: Outcomes, signal: Mask, keys: NDArray[np.integer[Any]], names: tuple[str, ...]
) -> dict[str, Figures]:
    """Count each group of rows; the name of a group without rows is there too.

    Parameters
    ----------
    outcomes, signal
        As in `figures`.
    keys
        Shape (n,): index into ``names``.
    names
        Names of the groups: symbols, or ``models.evaluation.sessions.SESSIONS``.
    """
    return {
        name: figures(outcomes.take(keys == key), signal[keys == key])
        for key, name in enumerate(names)
    }


def _direction(rows: Outcomes) -> dict[str, Any]:
    n = len(rows.ts_ns)
    if n == 0:
        empty = dict.fromkeys(("accuracy", "low", "high", "base_rate"))
        return {"n": 0, "n_effective": 0.0, **empty}
    y = (rows.mid_later > rows.mid_now).astype(np.float64)
    value, share_up = float(right(rows.p_up, y).mean()), float(y.mean())
    n_effective = effective_number(rows.ts_ns, rows.end_ns)
    low, high = wilson(value, n_effective)
    return {
        "n": n,
        "accuracy": value,
        "low": low,
        "high": high,
        "n_effective": n_effective,
        "base_rate": max(share_up, 1 - share_up),
    }


def _probability(rows: Outcomes) -> dict[str, Any]:
    n = len(rows.ts_ns)
    if n == 0:
        return {"answered": 0, **dict.fromkeys(("auc", "brier", "log_loss", "calibration_error"))}
    y = (rows.mid_later > rows.mid_now).astype(np.float64)
    return {
        "answered": n,
        "auc": auc(rows.p_up, y),
        "brier": brier(rows.p_up, y),
        "log_loss": log_loss(rows.p_up, y),
        "calibration_error": calibration_curve(rows.p_up, y).error,
    }


def _expectancy(rows: Outcomes) -> dict[str, Any]:
    names = (
        "expectancy_pips_net",
        "expectancy_low",
        "expectancy_high",
        "expectancy_pips_gross",
        "cost_pips",
    )
    n = len(rows.ts_ns)
    if n == 0:
        return {"n_costed": 0, **dict.fromkeys(names)}
    side = np.sign(rows.p_up - 0.5)
    net = net_pips(side, rows.mid_now, rows.mid_later, rows.pip, rows.cost_pips)
    mean, cost = float(net.mean()), float(rows.cost_pips.mean())
    low, high = None, None
    if n > 1:
        error = float(net.std(ddof=1)) / math.sqrt(effective_number(rows.ts_ns, rows.end_ns))
        low, high = mean - Z_95 * error, mean + Z_95 * error
    return {"n_costed": n, **dict(zip(names, (mean, low, high, mean + cost, cost), strict=True))}
