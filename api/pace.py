"""How fast a run goes: rows per second over the last seconds, and when the rest will be done."""

from collections import deque
from collections.abc import Callable
from typing import Any

from domain.nanos import MS_NS

WINDOW_S = 8.0
"""Seconds over which the rate is taken: long enough to be steady, short enough to be true."""

_SPACING_S = 0.05
"""Seconds between kept samples, so that a caller who reports each poll cannot fill the window."""


class Pace:
    """Progress through the rows of a feed.

    Parameters
    ----------
    clock
        Monotonic seconds; what is shown is about the machine, no result depends on it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque(maxlen=512)
        self._total: int | None = None
        self._event_ns: int | None = None

    def update(self, done_rows: int, total_rows: int | None, event_ns: int | None) -> None:
        """Note how many rows are done, of how many (None: unknown), and the event time."""
        now_s = self._clock()
        if len(self._samples) > 1 and now_s - self._samples[-2][0] < _SPACING_S:
            self._samples.pop()
        self._samples.append((now_s, done_rows))
        while len(self._samples) > 2 and now_s - self._samples[0][0] > WINDOW_S:
            self._samples.popleft()
        self._total = total_rows
        self._event_ns = event_ns

    def snapshot(self) -> dict[str, Any]:
        """Return rows done and in total, the fraction, rows per second, and seconds to go."""
        done = self._samples[-1][1] if self._samples else 0
        rate = self._rate_per_s()
        left = None if self._total is None else max(0, self._total - done)
        return {
            "done_rows": done,
            "total_rows": self._total,
            "fraction": min(1.0, done / self._total) if self._total else None,
            "rate_per_s": rate,
            "eta_s": left / rate if left is not None and rate else None,
            "event_ms": None if self._event_ns is None else self._event_ns // MS_NS,
        }

    def _rate_per_s(self) -> float | None:
        if len(self._samples) < 2:
            return None
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        return max(0.0, (last - first) / (last_s - first_s)) if last_s > first_s else None
