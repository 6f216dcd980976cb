"""How busy the market usually is, by minute of the week: learned from counts of ticks.

Spot forex has no volume; how often quotes change follows it closely. The week begins at Sunday
17:00 New York, so that summer time shifts nothing: clocks change while the market is closed.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse, Corrupt
from domain.fx_calendar import NEW_YORK, ROLL, floor_day, is_open, sessions
from domain.nanos import MINUTE_NS, floor_ns, from_ns
from trading.algos.market import open_ns

MINUTES = 5 * 24 * 60
"""Minutes of a trading week: Sunday 17:00 to Friday 17:00."""

_DAYS, _HOURS = 7, 24
_VERSION = 1
_SCALE = 1_000
"""Weights are whole numbers: thousandths of a tick."""


class _Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    prior_weeks: float
    ticks: dict[str, list[int]]
    weeks: dict[str, list[int]]


def minute_of_week(ts_ns: int) -> int:
    """Return the minute of the trading week that a moment of the open market is in (0 to 7,199)."""
    local = from_ns(ts_ns).astimezone(NEW_YORK).replace(tzinfo=None)
    shifted = local - timedelta(hours=ROLL.hour)
    return (shifted.isoweekday() % _DAYS * _HOURS + shifted.hour) * 60 + shifted.minute


class TickProfile:
    """Mean ticks a minute by symbol and minute of the week.

    Parameters
    ----------
    prior_weeks
        A minute of few observed weeks is drawn to the mean of all minutes as if it had been average
        for so many weeks more (> 0).
    """

    def __init__(self, prior_weeks: float = 1.0) -> None:
        if not prior_weeks > 0:
            msg = f"prior_weeks is {prior_weeks}: a minute never seen needs some prior, above 0"
            raise BadUse(msg)
        self._prior = prior_weeks
        self._ticks: dict[str, NDArray[np.int64]] = {}
        self._weeks: dict[str, NDArray[np.int64]] = {}

    def learn(self, symbol: str, minute_ns: int, ticks: int) -> None:
        """Take the count of one whole minute; a minute without a tick counts as 0 ticks.

        Parameters
        ----------
        minute_ns
            Any moment of the minute; one of the closed market is left out.
        ticks
            How many came (>= 0).
        """
        if not is_open(minute_ns):
            return
        if symbol not in self._ticks:
            self._ticks[symbol] = np.zeros(MINUTES, dtype=np.int64)
            self._weeks[symbol] = np.zeros(MINUTES, dtype=np.int64)
        minute = minute_of_week(minute_ns)
        self._ticks[symbol][minute] += ticks
        self._weeks[symbol][minute] += 1

    def intensity(self, symbol: str, ts_ns: int) -> float:
        """Return the ticks a minute to expect at a moment of the open market; 1 if none is known.

        The unit falls out of all weights, so that an unknown pair is sliced evenly.
        """
        ticks, weeks = self._ticks.get(symbol), self._weeks.get(symbol)
        if ticks is None or weeks is None or not ticks.sum():
            return 1.0
        mean = float(ticks.sum()) / float(weeks.sum())
        minute = minute_of_week(ts_ns)
        return float(ticks[minute] + self._prior * mean) / float(weeks[minute] + self._prior)

    def weights(self, symbol: str, start_ns: int, end_ns: int, slices: int) -> tuple[int, ...]:
        """Return the ticks to expect in each of some slices of equal market time.

        Parameters
        ----------
        start_ns, end_ns
            Of the whole; closed hours between them do not count.
        slices
            How many (> 0).

        Returns
        -------
        tuple of int
            In thousandths of a tick, for `trading.algos.sliced.VolumeProfile`.

        Raises
        ------
        BadUse
            If the market is closed all the while, or no slice is asked for.
        """
        whole = open_ns(start_ns, end_ns)
        if whole <= 0 or slices < 1:
            msg = f"{slices} slices of {whole} ns of open market: both must be above 0"
            raise BadUse(msg)
        totals = [0.0] * slices
        past = 0
        for begin, end in _open_minutes(start_ns, end_ns):
            ticks_per_ns = self.intensity(symbol, begin) / MINUTE_NS
            # A minute may lie across the bounds of slices.
            while begin < end:
                row = min(slices - 1, past * slices // whole)
                until = -(-(row + 1) * whole // slices) - past
                step = min(end - begin, until) if row < slices - 1 else end - begin
                totals[row] += ticks_per_ns * step
                begin, past = begin + step, past + step
        return tuple(round(total * _SCALE) for total in totals)

    def dump(self) -> dict[str, Any]:
        """Write the profile as a plain, versioned mapping."""
        ticks = {symbol: counts.tolist() for symbol, counts in self._ticks.items()}
        weeks = {symbol: counts.tolist() for symbol, counts in self._weeks.items()}
        plain: dict[str, Any] = msgspec.to_builtins(_Profile(_VERSION, self._prior, ticks, weeks))
        return plain

    @classmethod
    def load(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `dump` wrote.

        Raises
        ------
        Corrupt
            If it is of another version, or not whole.
        """
        try:
            kept = msgspec.convert(plain, _Profile)
        except msgspec.ValidationError as error:
            msg = f"tick profile cannot be read: {error}; learn it anew from the stored ticks"
            raise Corrupt(msg) from error
        counts = [*kept.ticks.values(), *kept.weeks.values()]
        whole = kept.ticks.keys() == kept.weeks.keys() and all(len(c) == MINUTES for c in counts)
        if kept.v != _VERSION or not whole:
            msg = f"tick profile of version {kept.v}, or with minutes missing; learn it anew"
            raise Corrupt(msg)
        profile = cls(kept.prior_weeks)
        profile._ticks = {s: np.array(c, dtype=np.int64) for s, c in kept.ticks.items()}
        profile._weeks = {s: np.array(c, dtype=np.int64) for s, c in kept.weeks.items()}
        return profile


def _open_minutes(start_ns: int, end_ns: int) -> list[tuple[int, int]]:
    """Return the open market between two moments, cut at whole minutes."""
    spans: list[tuple[int, int]] = []
    opens, closes = sessions(floor_day(start_ns), floor_day(end_ns))
    for opened, closed in zip(opens.tolist(), closes.tolist(), strict=True):
        begin, last = max(opened, start_ns), min(closed, end_ns)
        while begin < last:
            end = min(floor_ns(begin, MINUTE_NS) + MINUTE_NS, last)
            spans.append((begin, end))
            begin = end
    return spans
