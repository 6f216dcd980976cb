"""Labels arrive late: the answer to a bar is known one horizon after it, not before.

The same rule labels the stream (here) and arrays (`models.labels.arrays.sign_labels`): the mid one
horizon after ``t`` is that of the first bar at or after ``t + horizon``, if it is not later than
``tolerance`` after that. Otherwise (a market gap) the example has no answer and is dropped.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from domain.errors import BadUse
from domain.ids import digest
from domain.nanos import MINUTE_NS
from models.contract import Features, State, reading

STATE_VERSION = 1

DEFAULT_TOLERANCE_NS = 2 * MINUTE_NS
"""Two bar lengths: one quiet minute without a bar still finds its answer, a weekend does not."""


class Labelled(NamedTuple):
    """A feature vector with its answer.

    Attributes
    ----------
    ts_ns
        Close of the bar that the vector belongs to.
    x
        Shape (n_features,), as it was given.
    y
        1 if the mid is higher after the horizon, 0 if lower, None if unchanged (not to be learned).
    """

    ts_ns: int
    x: Features
    y: int | None


@dataclass(frozen=True, slots=True)
class DelayedLabels:
    """Label rule of one model.

    Parameters
    ----------
    horizon_ns
        How far ahead the answer lies, in nanoseconds (> 0).
    tolerance_ns
        How much later than the horizon the answering bar may close (>= 0).

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    horizon_ns: int
    tolerance_ns: int = DEFAULT_TOLERANCE_NS

    def __post_init__(self) -> None:
        if self.horizon_ns <= 0 or self.tolerance_ns < 0:
            msg = f"labels need a horizon > 0 and a tolerance >= 0: {self}"
            raise BadUse(msg)

    @property
    def rule_id(self) -> str:
        """Digest of the rule."""
        return digest("delayed-labels", self.horizon_ns, self.tolerance_ns)

    def build(self, resume_state: State | None) -> "DelayedLabelsLogic":
        """Return fresh logic, or the one whose snapshot is given.

        Raises
        ------
        Corrupt
            If the snapshot has an unknown version or belongs to another rule.
        """
        logic = DelayedLabelsLogic(self)
        if resume_state is not None:
            logic.restore(resume_state)
        return logic


class DelayedLabelsLogic:
    """Examples of one symbol that wait for their answer.

    Attributes
    ----------
    labelled, flat, dropped
        Totals: answers with a direction, answers with an unchanged mid, examples without answer.
    """

    def __init__(self, config: DelayedLabels) -> None:
        self._config = config
        self._waiting: deque[tuple[int, float, Features]] = deque()
        self._last_ns: int | None = None
        self.labelled = 0
        self.flat = 0
        self.dropped = 0

    def on_bar(self, ts_ns: int, mid: float, x: Features | None) -> list[Labelled]:
        """Take a closed bar: answer what has waited for it, then let its own example wait.

        Parameters
        ----------
        ts_ns
            Close of the bar; later than that of the bar before.
        mid
            Mid price at the close, finite.
        x
            Feature vector, shape (n_features,), copied; None where it is not ready: the bar still
            answers others.

        Returns
        -------
        list of Labelled
            Oldest first; flat ones are among them with ``y`` None.

        Raises
        ------
        BadUse
            If the bar is not later than the one before (bars of one symbol come in order), or its
            mid is not finite (no comparison with it would be an answer).
        """
        if not math.isfinite(mid):
            msg = f"the bar at {ts_ns} has no finite mid: {mid}"
            raise BadUse(msg)
        if self._last_ns is not None and ts_ns <= self._last_ns:
            msg = f"labels take bars in order: {ts_ns} came after {self._last_ns}"
            raise BadUse(msg)
        self._last_ns = ts_ns
        answered: list[Labelled] = []
        due_ns = ts_ns - self._config.horizon_ns
        while self._waiting and self._waiting[0][0] <= due_ns:
            asked_ns, asked_mid, asked_x = self._waiting.popleft()
            if due_ns - asked_ns > self._config.tolerance_ns:
                self.dropped += 1
            elif mid == asked_mid:
                self.flat += 1
                answered.append(Labelled(asked_ns, asked_x, None))
            else:
                self.labelled += 1
                answered.append(Labelled(asked_ns, asked_x, int(mid > asked_mid)))
        if x is not None:
            self._waiting.append((ts_ns, mid, x.copy()))
        return answered

    def snapshot(self) -> State:
        """Return the waiting examples and the totals as a plain mapping."""
        return {
            "v": STATE_VERSION,
            "owner": self._config.rule_id,
            "last_ns": self._last_ns,
            "waiting": [[ts, mid, x.tolist()] for ts, mid, x in self._waiting],
            "labelled": self.labelled,
            "flat": self.flat,
            "dropped": self.dropped,
        }

    def restore(self, state: State) -> None:
        """Become what the snapshot was taken of; see `DelayedLabels.build`."""
        with reading(state, STATE_VERSION, self._config.rule_id, "delayed labels"):
            self._last_ns = state["last_ns"]
            self._waiting = deque((ts, mid, np.array(x, float)) for ts, mid, x in state["waiting"])
            self.labelled = state["labelled"]
            self.flat = state["flat"]
            self.dropped = state["dropped"]
