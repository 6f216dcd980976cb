"""The forex week: Sunday 17:00 to Friday 17:00 New York, and the trade date that rolls at 17:00.

Daylight saving is New York's, so the week opens at 21:00 or 22:00 UTC. Christmas and New Year close
the market from 17:00 New York on the eve to 17:00 on the day. A broker's own ``tradeable`` flag,
where there is one, wins over any calendar.
"""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from domain.nanos import from_ns, to_ns

NEW_YORK = ZoneInfo("America/New_York")
ROLL = time(17, 0)
"""Local time in New York at which the trade date rolls and the week opens and closes."""

_FRIDAY = 4
_HOUR_NS = 3_600_000_000_000
_CLOSED_DAYS = {(12, 25), (1, 1)}
"""(month, day) of trade dates on which no market trades."""

_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(2200, 1, 1)
"""Beyond these the market counts as closed: a time out there is a broken clock's, not a quote's."""

Sessions = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Opening and closing times in nanoseconds, ascending; the market is open in ``[open, close)``."""


def roll_ns(day: date) -> int:
    """Return 17:00 New York of a calendar day, in nanoseconds."""
    return to_ns(datetime.combine(day, ROLL, tzinfo=NEW_YORK))


def trade_date(ts_ns: int) -> date:
    """Return the trade date of a moment: from 17:00 New York on, the next calendar day."""
    local = from_ns(ts_ns).astimezone(NEW_YORK)
    return local.date() + timedelta(days=1) if local.time() >= ROLL else local.date()


def trade_day_start_ns(ts_ns: int) -> int:
    """Return the 17:00 New York at which the trade date of ``ts_ns`` began."""
    return _trade_day_start_ns(ts_ns // _HOUR_NS)


@lru_cache(maxsize=256)
def _trade_day_start_ns(hour: int) -> int:
    """Return it for an hour since 1970: New York is whole hours from UTC, and so is the roll."""
    return roll_ns(trade_date(hour * _HOUR_NS) - timedelta(days=1))


@lru_cache(maxsize=64)
def _sessions_between(first: date, last: date) -> tuple[tuple[int, int], ...]:
    spans: list[tuple[int, int]] = []
    day = first
    while day <= last:
        # A trade date runs from 17:00 of the day before; Saturday and Sunday are none.
        if day.weekday() <= _FRIDAY and (day.month, day.day) not in _CLOSED_DAYS:
            opens, closes = roll_ns(day - timedelta(days=1)), roll_ns(day)
            if spans and spans[-1][1] == opens:
                spans[-1] = (spans[-1][0], closes)
            else:
                spans.append((opens, closes))
        day += timedelta(days=1)
    return tuple(spans)


def sessions(first_ns: int, last_ns: int) -> Sessions:
    """Return the openings and closings that cover ``[first_ns, last_ns]``, merged over the week."""
    margin = timedelta(days=8)
    spans = _sessions_between(_day(first_ns) - margin, _day(last_ns) + margin)
    table = np.array(spans, dtype=np.int64)
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])


@lru_cache(maxsize=64)
def _rolls_between(first: date, last: date) -> tuple[int, ...]:
    return tuple(roll_ns(first + timedelta(days=n)) for n in range((last - first).days + 1))


def rolls(first_ns: int, last_ns: int) -> NDArray[np.int64]:
    """Return 17:00 New York of every day around ``[first_ns, last_ns]``, ascending, in nanoseconds.

    The first is a Sunday's, so every seventh from it on begins a week; at least a week before
    ``first_ns`` and after ``last_ns`` is in it.
    """
    margin = timedelta(days=8)
    first = _day(first_ns) - margin
    sunday = first - timedelta(days=first.isoweekday() % 7)
    return np.array(_rolls_between(sunday, _day(last_ns) + margin), dtype=np.int64)


def new_york_clock(ts_ns: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the hour (0 to 23) and the weekday (Monday 0) in New York of some moments.

    Counted from the 17:00 before. That is the clock's own hour at all times but the few hours on a
    Sunday between the change of the clocks and the opening, when no market trades.
    """
    if not ts_ns.size:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    table = rolls(int(ts_ns.min()), int(ts_ns.max()))
    at = np.searchsorted(table, ts_ns, side="right") - 1
    hours = ROLL.hour + (ts_ns - table[at]) // _HOUR_NS
    # The first roll of the table is a Sunday's, and a Sunday is weekday 6.
    return hours % 24, (6 + at + hours // 24) % 7


def _day(ts_ns: int) -> date:
    return min(max(from_ns(ts_ns).date(), _FIRST_DAY), _LAST_DAY)


def is_open(ts_ns: int) -> bool:
    """Say whether the market is open at ``ts_ns``."""
    return session_open_ns(ts_ns) is not None


def session_open_ns(ts_ns: int) -> int | None:
    """Return when the session that holds ``ts_ns`` opened, or None while the market is closed."""
    opens, closes = sessions(floor_day(ts_ns), floor_day(ts_ns))
    index = int(np.searchsorted(opens, ts_ns, side="right")) - 1
    if index < 0 or ts_ns >= closes[index]:
        return None
    return int(opens[index])


def floor_day(ts_ns: int) -> int:
    """Return 00:00 UTC of the day of ``ts_ns`` (a stable key for cached look-ups)."""
    return ts_ns - ts_ns % 86_400_000_000_000
