"""Time that counts only while the market is open, and the part of the day that a moment is in."""

from datetime import time
from functools import lru_cache
from zoneinfo import ZoneInfo

from domain.fx_calendar import NEW_YORK, floor_day, sessions
from domain.nanos import MINUTE_NS, floor_ns, from_ns

_LONDON = ZoneInfo("Europe/London")
_WORK_BEGINS, _WORK_ENDS = time(8, 0), time(17, 0)
_ROLLOVER_BEGINS, _ROLLOVER_ENDS = time(16, 55), time(18, 0)
"""New York; spreads are wide around the roll at 17:00 and stay so until Asia has begun."""

_PART_NS = 5 * MINUTE_NS
"""Parts of the day begin and end on it, in every time zone."""


@lru_cache(maxsize=64)
def _sessions_around(day_ns: int) -> tuple[tuple[int, int], ...]:
    """Return opening and closing of the sessions of some weeks around a day, as plain integers."""
    opens, closes = sessions(day_ns, day_ns)
    return tuple(zip(opens.tolist(), closes.tolist(), strict=True))


def after_market_time(ts_ns: int, delta_ns: int) -> int:
    """Return when the market will have been open for ``delta_ns`` (>= 0) from a moment on.

    In a closed market the count begins with the next opening.
    """
    left = delta_ns
    while True:
        for opens, closes in _sessions_around(floor_day(ts_ns)):
            if closes <= ts_ns:
                continue
            ts_ns = max(ts_ns, opens)
            if ts_ns + left < closes:
                return ts_ns + left
            left -= closes - ts_ns
            ts_ns = closes


def is_fresh(quote_ns: int, ts_ns: int, max_age_ns: int) -> bool:
    """Say whether a quote is a benchmark at a moment: of the same session and not too old."""
    if ts_ns - quote_ns > max_age_ns:
        return False
    for opens, closes in _sessions_around(floor_day(ts_ns)):
        if ts_ns < closes:
            return opens <= ts_ns and opens <= quote_ns
    return False


def session_of(ts_ns: int) -> str:
    """Return the part of the day, by the local times of London and New York.

    Returns
    -------
    str
        ``closed``, ``rollover`` (16:55 to 18:00 New York), ``overlap`` (both work), ``london``,
        ``new_york`` (8:00 to 17:00 local), ``asia`` (all other).
    """
    return _part_of_day(floor_ns(ts_ns, _PART_NS))


@lru_cache(maxsize=4096)
def _part_of_day(part_ns: int) -> str:
    if not any(o <= part_ns < c for o, c in _sessions_around(floor_day(part_ns))):
        return "closed"
    moment = from_ns(part_ns)
    new_york = moment.astimezone(NEW_YORK).time()
    if _ROLLOVER_BEGINS <= new_york < _ROLLOVER_ENDS:
        return "rollover"
    in_new_york = _WORK_BEGINS <= new_york < _WORK_ENDS
    in_london = _WORK_BEGINS <= moment.astimezone(_LONDON).time() < _WORK_ENDS
    if in_new_york:
        return "overlap" if in_london else "new_york"
    return "london" if in_london else "asia"
