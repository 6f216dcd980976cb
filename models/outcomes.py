"""What was said at earlier bars, waiting for its label: by the rule of `models.labels.delayed`.

What members said, and not the features, waits here: an answer is judged as it was given.
"""

import math
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from domain.errors import BadUse
from models.contract import State, reading
from models.labels.delayed import DelayedLabels

STATE_VERSION = 1


class Outcome(NamedTuple):
    """What was said at a bar, and what came.

    Attributes
    ----------
    ts_ns
        Close of the bar.
    answers
        Probability of a higher mid by the name of who said it.
    mark
        A number that was kept beside them.
    y
        1 if the mid was higher after the horizon, 0 if it was lower.
    """

    ts_ns: int
    answers: Mapping[str, float]
    mark: int
    y: int


class Outcomes:
    """Answers of one symbol that wait for their label.

    Parameters
    ----------
    rule
        When a label is known.
    resume_state
        A snapshot to go on from, or None.

    Raises
    ------
    Corrupt
        If the snapshot has an unknown version or belongs to another rule.
    """

    def __init__(self, rule: DelayedLabels, resume_state: State | None) -> None:
        self._rule = rule
        self._waiting: deque[tuple[int, float, Mapping[str, float], int]] = deque()
        if resume_state is not None:
            with reading(resume_state, STATE_VERSION, rule.rule_id, "outcomes"):
                self._waiting.extend(
                    (int(ts), float(mid), dict(answers), int(mark))
                    for ts, mid, answers, mark in resume_state["waiting"]
                )

    def due(self, ts_ns: int, mid: float) -> list[Outcome]:
        """Return what a closed bar answers, oldest first; an unchanged mid answers nothing.

        Parameters
        ----------
        ts_ns
            Close of the bar; later than that of the bar before.
        mid
            Mid price at the close, finite.

        Raises
        ------
        BadUse
            If the mid is not finite: no comparison with it would be an answer.
        """
        if not math.isfinite(mid):
            msg = f"the bar at {ts_ns} has no finite mid: {mid}"
            raise BadUse(msg)
        due_ns = ts_ns - self._rule.horizon_ns
        waiting, known = self._waiting, []
        while waiting and waiting[0][0] <= due_ns:
            asked_ns, asked_mid, answers, mark = waiting.popleft()
            if due_ns - asked_ns <= self._rule.tolerance_ns and mid != asked_mid:
                known.append(Outcome(asked_ns, answers, mark, int(mid > asked_mid)))
        return known

    def wait(self, ts_ns: int, mid: float, answers: Mapping[str, float], mark: int = 0) -> None:
        """Keep what was said at a bar until its label is known."""
        self._waiting.append((ts_ns, mid, answers, mark))

    def snapshot(self) -> dict[str, Any]:
        """Return what waits as a plain mapping."""
        return {
            "v": STATE_VERSION,
            "owner": self._rule.rule_id,
            "waiting": [[ts, mid, dict(said), mark] for ts, mid, said, mark in self._waiting],
        }
