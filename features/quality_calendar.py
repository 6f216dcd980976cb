"""The sessions of the market as one table for the tick-quality kernel, grown on demand."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from domain.fx_calendar import roll_ns, sessions, trade_date
from domain.nanos import from_ns, to_ns

CALENDAR_END_NS = to_ns(datetime(2200, 1, 1, tzinfo=UTC))
"""From here on, and before 1970, a time is a broken clock's: the market counts as closed."""


class CalendarWindow:
    """Sessions of the years that were asked for, and of those between.

    A table of all years would take every start of a process a quarter of a second.

    Attributes
    ----------
    table
        One row a session: opening, closing, and the Sunday 17:00 New York of its week; ascending.
    first_ns, end_ns
        What the table covers; nothing at first.
    """

    def __init__(self) -> None:
        self.table: NDArray[np.int64] = np.empty((0, 3), dtype=np.int64)
        self.first_ns = self.end_ns = 0

    def cover(self, ts_ns: int) -> None:
        """Grow to the whole year that holds ``ts_ns`` (in 1970 to 2199)."""
        year = from_ns(ts_ns).year
        first = last = year
        if self.end_ns:
            first = min(first, from_ns(self.first_ns).year)
            last = max(last, from_ns(self.end_ns).year - 1)
        self.table = _years(first, last)
        self.first_ns = _new_year_ns(first)
        self.end_ns = _new_year_ns(last + 1)


@lru_cache(maxsize=8)
def _years(first: int, last: int) -> NDArray[np.int64]:
    # The look-up has a margin of more than a week: every session that touches the years is whole.
    opens, closes = sessions(_new_year_ns(first), _new_year_ns(last + 1))
    weeks = [_week_open_ns(open_ns) for open_ns in opens.tolist()]
    table = np.ascontiguousarray(np.stack([opens, closes, np.array(weeks)], axis=1))
    table.flags.writeable = False
    return table


def _new_year_ns(year: int) -> int:
    return to_ns(datetime(year, 1, 1, tzinfo=UTC))


def _week_open_ns(open_ns: int) -> int:
    day: date = trade_date(open_ns)
    return roll_ns(day - timedelta(days=day.weekday() + 1))
