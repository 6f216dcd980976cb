"""The triple barrier on the stream: the first of two prices and one time that is reached answers.

The same rule labels arrays (`models.labels.arrays.triple_barrier`).

References
----------
.. [1] M. López de Prado, "Advances in Financial Machine Learning", Wiley 2018, chapter 3.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from domain.errors import BadUse
from domain.ids import digest
from models.contract import Features, State, reading
from models.labels.delayed import DEFAULT_TOLERANCE_NS, Labelled

STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class TripleBarrier:
    """Label rule: which side of a band around the mid is left first, or where it stands at the end.

    The barriers of a bar at ``t`` with mid ``m`` and volatility ``v`` (a share of the mid, known at
    ``t``) are ``m * (1 + width_up * v)`` and ``m * (1 - width_down * v)``. Watched are the later
    bars up to the one that answers the vertical barrier: the first at or after ``t + vertical``, if
    not later than ``tolerance`` after that. Where there is no such bar (a market gap) those that
    close up to ``t + vertical`` are watched, and without a touch there is no answer.

    Parameters
    ----------
    width_up, width_down
        Distance of the barriers in units of the volatility (> 0, finite).
    vertical_ns
        How long the barriers stand, in nanoseconds (> 0).
    tolerance_ns
        How much later than that the answering bar may close (>= 0).

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    width_up: float
    width_down: float
    vertical_ns: int
    tolerance_ns: int = DEFAULT_TOLERANCE_NS

    def __post_init__(self) -> None:
        widths = all(math.isfinite(w) and w > 0 for w in (self.width_up, self.width_down))
        if not widths or self.vertical_ns <= 0 or self.tolerance_ns < 0:
            msg = (
                "a triple barrier needs finite widths > 0, a vertical barrier > 0 "
                f"and a tolerance >= 0: {self}"
            )
            raise BadUse(msg)

    @property
    def rule_id(self) -> str:
        """Digest of the rule."""
        widths = (float(self.width_up).hex(), float(self.width_down).hex())
        return digest("triple-barrier", *widths, self.vertical_ns, self.tolerance_ns)

    def definition(self, *, after_costs: bool) -> dict[str, Any]:
        """Return what a manifest says of the rule: its parameters and id; ready for JSON.

        ``horizon_ns`` is the vertical barrier: an answer is never about a later time.
        """
        return {
            "rule": "triple-barrier",
            "horizon_ns": self.vertical_ns,
            "tolerance_ns": self.tolerance_ns,
            "width_up": self.width_up,
            "width_down": self.width_down,
            "after_costs": after_costs,
            "id": digest("label", self.rule_id, int(after_costs)),
        }

    def build(self, resume_state: State | None) -> "TripleBarrierLogic":
        """Return fresh logic, or the one whose snapshot is given.

        Raises
        ------
        Corrupt
            If the snapshot has an unknown version or belongs to another rule.
        """
        logic = TripleBarrierLogic(self)
        if resume_state is not None:
            logic.restore(resume_state)
        return logic


class _Waiting(NamedTuple):
    ts_ns: int
    mid: float
    upper: float
    lower: float
    x: Features


class TripleBarrierLogic:
    """Examples of one symbol between their barriers.

    Attributes
    ----------
    labelled, flat, dropped
        Totals: answers with a direction; answers without one (the mid unchanged at the vertical
        barrier, or both barriers within one bar); examples without answer.
    """

    def __init__(self, config: TripleBarrier) -> None:
        self._config = config
        self._waiting: list[_Waiting] = []
        self._last_ns: int | None = None
        self.labelled = 0
        self.flat = 0
        self.dropped = 0

    def on_bar(
        self,
        ts_ns: int,
        mid: float,
        x: Features | None,
        volatility: float,
        *,
        high: float | None = None,
        low: float | None = None,
    ) -> list[Labelled]:
        """Take a closed bar: answer what it touches or outlasts, then set its own barriers.

        Parameters
        ----------
        ts_ns
            Close of the bar; later than that of the bar before.
        mid
            Mid price at the close, finite, > 0.
        x
            Feature vector, shape (n_features,), copied; None where it is not ready.
        volatility
            As a share of the mid; without a finite one that is large enough to tell the barriers
            from the mid the bar sets none.
        high, low
            Extremes of the mid within the bar; without them the close alone touches.

        Returns
        -------
        list of Labelled
            Oldest first; ``y`` is None where there is no direction.

        Raises
        ------
        BadUse
            If the bar is not later than the one before, or its mid is no price or lies outside its
            extremes.
        """
        top, bottom = mid if high is None else high, mid if low is None else low
        if not (math.isfinite(mid) and mid > 0 and bottom <= mid <= top):
            msg = f"the bar at {ts_ns} has no mid within its extremes: {bottom}, {mid}, {top}"
            raise BadUse(msg)
        if self._last_ns is not None and ts_ns <= self._last_ns:
            msg = f"labels take bars in order: {ts_ns} came after {self._last_ns}"
            raise BadUse(msg)
        self._last_ns = ts_ns
        answered: list[Labelled] = []
        open_still: list[_Waiting] = []
        for example in self._waiting:
            late_ns = ts_ns - example.ts_ns - self._config.vertical_ns
            if late_ns > self._config.tolerance_ns:
                self.dropped += 1
                continue
            up, down = top >= example.upper, bottom <= example.lower
            if not up and not down and late_ns < 0:
                open_still.append(example)
                continue
            y = _answer(up, down, mid - example.mid)
            self.flat += y is None
            self.labelled += y is not None
            answered.append(Labelled(example.ts_ns, example.x, y))
        self._waiting = open_still
        upper = mid * (1 + self._config.width_up * volatility)
        lower = mid * (1 - self._config.width_down * volatility)
        if x is not None and lower < mid < upper < math.inf:
            self._waiting.append(_Waiting(ts_ns, mid, upper, lower, x.copy()))
        return answered

    def snapshot(self) -> State:
        """Return the waiting examples and the totals as a plain mapping."""
        return {
            "v": STATE_VERSION,
            "owner": self._config.rule_id,
            "last_ns": self._last_ns,
            "waiting": [[*example[:-1], example.x.tolist()] for example in self._waiting],
            "labelled": self.labelled,
            "flat": self.flat,
            "dropped": self.dropped,
        }

    def restore(self, state: State) -> None:
        """Become what the snapshot was taken of; see `TripleBarrier.build`."""
        with reading(state, STATE_VERSION, self._config.rule_id, "triple barrier"):
            self._last_ns = state["last_ns"]
            self._waiting = [
                _Waiting(ts_ns, mid, upper, lower, np.array(x, float))
                for ts_ns, mid, upper, lower, x in state["waiting"]
            ]
            self.labelled = state["labelled"]
            self.flat = state["flat"]
            self.dropped = state["dropped"]


def _answer(up: bool, down: bool, move: float) -> int | None:
    """Return the touched side; at the vertical barrier the sign; None where neither is one."""
    if up or down:
        return None if up and down else int(up)
    return None if move == 0 else int(move > 0)
