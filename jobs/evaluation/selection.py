"""Which answers become signals: a threshold of confidence from the past alone.

Before each test span the threshold is set so that of the ensemble's own earlier answers, all to
bars that its models had not seen, the most confident ``coverage`` would have been signals; and only
if these were right often enough. Otherwise nothing is said in that span: the ensemble abstains by
default.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from jobs.evaluation.tape import Tape
from models.evaluation.scores import right

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SelectionConfig:
    """How a threshold is chosen.

    Parameters
    ----------
    coverage
        Share of the past answers that reach the threshold, in (0, 1]. A share, not an accuracy,
        decides: the threshold at which an accuracy was met jumps about with the luck of a few.
    floor
        Accuracy that these must have had, in [0.5, 1).
    min_signals
        How many of them there must have been (> 0).

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    coverage: float = 0.01
    floor: float = 0.58
    min_signals: int = 100

    def __post_init__(self) -> None:
        bounds = 0 < self.coverage <= 1 and 0.5 <= self.floor < 1 and self.min_signals > 0
        if not bounds:
            msg = (
                "a selection needs a coverage in (0, 1], a floor in [0.5, 1) and min_signals >= 1: "
                f"{self}"
            )
            raise BadUse(msg)


class Selected(NamedTuple):
    """Signals and where they came from.

    Attributes
    ----------
    signal
        Shape (n,): which answers are signals.
    thresholds
        Of each test span, in order; None where nothing was said.
    """

    signal: Mask
    thresholds: tuple[float | None, ...]


def select(
    tape: Tape,
    starts_ns: NDArray[np.int64],
    p_up: Floats,
    agrees: Mask,
    config: SelectionConfig,
    embargo_ns: int,
) -> Selected:
    """Choose a threshold for every test span from the answers before it.

    Parameters
    ----------
    starts_ns
        Starts of the test spans.
    p_up, agrees
        The ensemble's answers, and where its members agreed.
    embargo_ns
        Least time from the end of the last label that is looked at to the span (>= 0).
    """
    signal = np.zeros(len(p_up), dtype=np.bool_)
    thresholds: list[float | None] = []
    ts, end = tape.data.ts_ns, tape.labels.end_ns
    could = np.isfinite(p_up) & agrees & (p_up != 0.5)
    known = could & ~np.isnan(tape.labels.y)
    confidence = np.abs(p_up - 0.5)
    for start, stop in _spans(starts_ns):
        past = known & (end <= start - embargo_ns)
        threshold = _threshold(confidence[past], right(p_up[past], tape.labels.y[past]), config)
        thresholds.append(threshold)
        if threshold is not None:
            signal |= could & (ts >= start) & (ts < stop) & (confidence >= threshold)
    return Selected(signal, tuple(thresholds))


def _threshold(confidence: Floats, correct: Floats, config: SelectionConfig) -> float | None:
    if not confidence.size:
        return None
    threshold = float(np.quantile(confidence, 1 - config.coverage))
    reached = confidence >= threshold
    if reached.sum() < config.min_signals or correct[reached].mean() < config.floor:
        return None
    return threshold


def _spans(starts_ns: NDArray[np.int64]) -> Sequence[tuple[int, int]]:
    ends = [*starts_ns[1:].tolist(), np.iinfo(np.int64).max]
    return list(zip(starts_ns.tolist(), ends, strict=True))
