"""The accuracy gate: a platform whose measured accuracy is below its floor does not trade.

Every decision that asks for a side with an edge is judged when its label is known, also while the
gate is closed: so it can open again. It fails closed. With ``min_signals`` outcomes the measured
share itself must reach the floor; with fewer, the gate closes as soon as the whole interval lies
below it.

The interval is Wilson's at the effective number of outcomes: one that follows the one before after
less than a horizon counts only for the part of the horizon that is its own, for their labels
overlap.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from domain.ids import digest
from models.contract import State, reading
from models.evaluation.accuracy import wilson
from models.labels.delayed import DelayedLabels
from models.outcomes import Outcomes

STATE_VERSION = 1
_EDGE = "edge"


class GateChange(NamedTuple):
    """The gate has opened or closed at a row."""

    row: int
    is_open: bool
    reason: str


class Gated(NamedTuple):
    """Of some bars: where the gate is open, shape (n,), and how it changed."""

    is_open: NDArray[np.bool_]
    changes: list[GateChange]


@dataclass(frozen=True, slots=True)
class AccuracyGate:
    """Config of the gate of one symbol.

    Parameters
    ----------
    labels
        When a decision can be judged.
    min_accuracy
        Floor of directional accuracy, in [0, 1); 0: no gate, it is always open.
    min_signals
        Outcomes before the measured share alone decides (> 0).
    window_signals
        Mean age, in outcomes, of what is counted (> 0, at least ``min_signals``): each new one
        takes ``1 / window_signals`` of the weight of all before.
    until_measured
        Whether the gate is open before there are ``min_signals`` outcomes.
    reopen_margin
        How far above the floor a closed gate opens again, in [0, 0.5): at the floor itself it would
        open and shut with every outcome.

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    labels: DelayedLabels
    min_accuracy: float = 0.5
    min_signals: int = 200
    window_signals: int = 1_000
    until_measured: bool = True
    reopen_margin: float = 0.0

    def __post_init__(self) -> None:
        bounds = 0 <= self.min_accuracy < 1 and 0 < self.min_signals <= self.window_signals
        bounds = bounds and 0 <= self.reopen_margin < 0.5
        if not bounds:
            msg = (
                "the accuracy gate needs min_accuracy in [0, 1), min_signals > 0, window_signals "
                f">= min_signals and reopen_margin in [0, 0.5): {self}"
            )
            raise BadUse(msg)

    @property
    def config_id(self) -> str:
        """Digest of every field."""
        return digest(
            "accuracy-gate",
            self.labels.rule_id,
            repr(float(self.min_accuracy)),
            self.min_signals,
            self.window_signals,
            int(self.until_measured),
            repr(float(self.reopen_margin)),
        )

    def build(self, resume_state: State | None) -> "AccuracyGateLogic":
        """Return a gate that has measured nothing, or the one whose snapshot is given.

        Raises
        ------
        Corrupt
            If the snapshot has an unknown version or belongs to another config.
        """
        return AccuracyGateLogic(self, resume_state)


class AccuracyGateLogic:
    """The gate of one symbol.

    Attributes
    ----------
    is_open
        Whether new risk may be taken after the last bar.
    signals
        Outcomes judged since the start.
    """

    def __init__(self, config: AccuracyGate, resume_state: State | None) -> None:
        self._config = config
        self._keep = 1.0 - 1.0 / config.window_signals
        self._right = self._count = self._effective = 0.0
        self._last_ns: int | None = None
        self.signals = 0
        self.is_open = config.until_measured or config.min_accuracy == 0
        waiting = None
        if resume_state is not None:
            with reading(resume_state, STATE_VERSION, config.config_id, "accuracy gate"):
                self._right, self._count, self._effective = map(float, resume_state["sums"])
                self._last_ns = resume_state["last_ns"]
                self.signals = int(resume_state["signals"])
                self.is_open = bool(resume_state["is_open"])
                waiting = resume_state["waiting"]
        self._waiting = Outcomes(config.labels, waiting)

    @property
    def accuracy(self) -> float | None:
        """Measured share of right directions, newer ones counting more; None before the first."""
        return self._right / self._count if self.signals else None

    def on_rows(
        self,
        ts_ns: NDArray[np.int64],
        mid: NDArray[np.float64],
        p_up: NDArray[np.float64],
        asks: NDArray[np.bool_],
    ) -> Gated:
        """Go through bars in order: judge what each answers, then let its own decision wait.

        Parameters
        ----------
        ts_ns, mid
            Close of each bar and the mid then, shape (n,).
        p_up
            The ensemble's probability, shape (n,).
        asks
            Where a decision asks for a side with an edge, shape (n,).
        """
        is_open = np.ones(ts_ns.size, dtype=np.bool_)
        changes: list[GateChange] = []
        if self._config.min_accuracy == 0:
            return Gated(is_open, changes)
        rows = zip(ts_ns.tolist(), mid.tolist(), p_up.tolist(), asks.tolist(), strict=True)
        for row, (ts, mid_now, p, asked) in enumerate(rows):
            judged = self._waiting.due(ts, mid_now)
            for outcome in judged:
                self._count_in(outcome.ts_ns, (outcome.answers[_EDGE] > 0.5) == (outcome.y == 1))
            if judged:
                allowed, reason = self._verdict()
                if allowed != self.is_open:
                    self.is_open = allowed
                    changes.append(GateChange(row, allowed, reason))
            is_open[row] = self.is_open
            if asked:
                self._waiting.wait(ts, mid_now, {_EDGE: p})
        return Gated(is_open, changes)

    def snapshot(self) -> dict[str, Any]:
        """Return the state as a plain versioned mapping."""
        return {
            "v": STATE_VERSION,
            "owner": self._config.config_id,
            "sums": [self._right, self._count, self._effective],
            "last_ns": self._last_ns,
            "signals": self.signals,
            "is_open": self.is_open,
            "waiting": self._waiting.snapshot(),
        }

    def _count_in(self, ts_ns: int, right: bool) -> None:
        own = 1.0
        if self._last_ns is not None:
            own = min(1.0, (ts_ns - self._last_ns) / self._config.labels.horizon_ns)
        self._last_ns = ts_ns
        self._right = self._keep * self._right + right
        self._count = self._keep * self._count + 1.0
        self._effective = self._keep * self._effective + own
        self.signals += 1

    def _verdict(self) -> tuple[bool, str]:
        config = self._config
        share = self._right / self._count
        low, high = wilson(share, self._effective)
        words = (
            f"accuracy {share:.4f} in [{low:.4f}, {high:.4f}] over {self.signals} signals, "
            f"{self._effective:.0f} effective, floor {config.min_accuracy:g}"
        )
        floor = config.min_accuracy + (0.0 if self.is_open else config.reopen_margin)
        if self.signals >= config.min_signals:
            return share >= floor, words
        return config.until_measured and high >= floor, words
