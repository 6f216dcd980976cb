"""When a FIX session begins and ends: 17:00 to 17:00 New York, through both changes of the clocks.

The engine's own schedule knows UTC and the machine's zone only, and would drift by an hour twice a
year; so the engine is told that it never ends, and this decides.
"""

from datetime import timedelta
from typing import Literal

from domain.fx_calendar import roll_ns, session_open_ns, trade_date, trade_day_start_ns

SessionKind = Literal["continuous", "daily", "weekly"]
"""Sequence numbers for ever; from 1 each trade day; from 1 each week (Sunday 17:00 New York)."""

CONTINUOUS_NS = 0
"""Start of the session that never ends."""


def session_start_ns(kind: SessionKind, now_ns: int) -> int | None:
    """Return when the session that holds ``now_ns`` began; None while none is to be held.

    Parameters
    ----------
    kind
        ``daily`` and ``weekly`` sessions are logged off while the market is closed.
    now_ns
        Nanoseconds UTC.

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
        return trade_day_start_ns(now_ns)
    day = trade_date(now_ns)
    return roll_ns(day - timedelta(days=day.weekday() + 1))
