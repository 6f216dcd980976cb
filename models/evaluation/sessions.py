"""Sessions of the forex day, by the clocks of London and New York with their daylight saving.

The rollover stands alone: spreads widen around 17:00 New York, and on bars of bids that looks like
a move that comes back. Whoever reports figures by session can say what remains without it.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from domain.fx_calendar import NEW_YORK
from domain.nanos import from_ns, to_ns

SESSIONS = ("asia", "london", "new-york", "rollover")
"""Names by code. They part the whole day; the hours in which London and New York both trade are New
York's."""

LONDON = ZoneInfo("Europe/London")

_MORNING = time(8, 0)
"""Local time at which London and New York open."""

_ROLLOVER = time(16, 45), time(18, 15)
"""Local time in New York: the hour after the roll, and a quarter of an hour around it, so that
hourly bars that close at 17:00 or 18:00 are within."""

# The order of a day's edges in UTC, summer and winter; each begins this session.
_EDGES = (
    (_MORNING, LONDON, 1),
    (_MORNING, NEW_YORK, 2),
    (_ROLLOVER[0], NEW_YORK, 3),
    (_ROLLOVER[1], NEW_YORK, 0),
)


def session_of(ts_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the session of each moment.

    Parameters
    ----------
    ts_ns
        Shape (n,): moments in any order, from 1970 to 2200.

    Returns
    -------
    NDArray[np.int64]
        Shape (n,): index into ``SESSIONS``. Weekends are not told apart: no bar closes there.
    """
    if len(ts_ns) == 0:
        return np.zeros(0, np.int64)
    starts, codes = _edges(_day(int(ts_ns.min())), _day(int(ts_ns.max())))
    return codes[np.searchsorted(starts, ts_ns, side="right") - 1]


def _day(ts_ns: int) -> date:
    return from_ns(ts_ns).astimezone(UTC).date()


@lru_cache(maxsize=16)
def _edges(first: date, last: date) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when sessions begin, ascending, and which, from the day before the first."""
    days = [first + timedelta(days=n) for n in range(-1, (last - first).days + 1)]
    starts = [
        to_ns(datetime.combine(day, clock, tzinfo=zone))
        for day in days
        for clock, zone, _ in _EDGES
    ]
    codes = [code for _ in days for _, _, code in _EDGES]
    return np.array(starts, np.int64), np.array(codes, np.int64)
