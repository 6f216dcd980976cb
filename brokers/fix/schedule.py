"""When a FIX session begins and ends, in New York's time, through both changes of the clocks.

The engine's own schedule knows UTC and the machine's zone only, and would drift by an hour twice a
year; so the engine is told that it never ends, and this decides.
"""

from datetime import date, datetime, time, timedelta
from typing import Literal

from domain.fx_calendar import NEW_YORK, ROLL, session_open_ns, trade_date
from domain.nanos import from_ns, to_ns

SessionKind = Literal["continuous", "daily", "weekly"]
"""Sequence numbers for ever; from 1 each day; from 1 each week (from Sunday to Friday)."""

CONTINUOUS_NS = 0
"""Start of the session that never ends."""

_WEEK = timedelta(days=5)
"""From its Sunday to its Friday."""


def session_start_ns(
    kind: SessionKind, now_ns: int, opens: time = ROLL, closes: time = ROLL
) -> int | None:
    """Return when the session that holds ``now_ns`` began; None while none is to be held.

    Parameters
    ----------
    kind
        ``daily`` and ``weekly`` sessions are logged off while the market is closed.
    now_ns
        Nanoseconds UTC.
    opens, closes
        New York times at which a session begins and ends, in ``[opens, closes)``; where ``closes``
        is not after ``opens``, a daily one ends on the next day.

    Returns
    -------
    int or None
        The same for all moments of one session, so that a change of it means: log off, and count
        from 1 again.
    """
    if kind == "continuous":
        return CONTINUOUS_NS
    if session_open_ns(now_ns) is None:
        return None
    if kind == "daily":
        local = from_ns(now_ns).astimezone(NEW_YORK)
        first = local.date() if local.time() >= opens else local.date() - timedelta(days=1)
        last = first if closes > opens else first + timedelta(days=1)
    else:
        day = trade_date(now_ns)
        first = day - timedelta(days=day.weekday() + 1)
        last = first + _WEEK
    start_ns = _at_ns(first, opens)
    return start_ns if start_ns <= now_ns < _at_ns(last, closes) else None


def _at_ns(day: date, at: time) -> int:
    return to_ns(datetime.combine(day, at, tzinfo=NEW_YORK))
