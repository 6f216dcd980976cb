"""Where a moment lies between the opening of the market, 17:00 New York and its close."""

from bisect import bisect_right
from functools import lru_cache
from typing import NamedTuple

from domain.fx_calendar import floor_day, rolls, sessions


class Moment(NamedTuple):
    """Times around one moment, nanoseconds UTC.

    Attributes
    ----------
    open_ns, close_ns
        Of the session that holds it; None while the market is closed.
    last_roll_ns, next_roll_ns
        The 17:00 New York at or before it, and the one after it.
    """

    open_ns: int | None
    close_ns: int | None
    last_roll_ns: int
    next_roll_ns: int


@lru_cache(maxsize=64)
def _tables(day_ns: int) -> tuple[list[int], list[int], list[int]]:
    opens, closes = sessions(day_ns, day_ns)
    return opens.tolist(), closes.tolist(), rolls(day_ns, day_ns).tolist()


def moment(ts_ns: int) -> Moment:
    """Return the times around ``ts_ns``."""
    opens, closes, daily = _tables(floor_day(ts_ns))
    roll = bisect_right(daily, ts_ns) - 1
    session = bisect_right(opens, ts_ns) - 1
    last, following = daily[roll], daily[roll + 1]
    if session < 0 or ts_ns >= closes[session]:
        return Moment(None, None, last, following)
    return Moment(opens[session], closes[session], last, following)
