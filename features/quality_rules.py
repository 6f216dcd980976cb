"""The tick-quality rules that compare a tick with what was learned, as numba functions.

What is learned is learned in whole numbers. A median is followed by one step up or down per value
on a scale of equal ratios (Frugal-1U: Ma, Muthukrishnan, Sandler 2013), a quantile ``q`` likewise
with steps in the ratio ``q : 1 - q`` (the gradient of the pinball loss).
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.nanos import MINUTE_NS, SECOND_NS
from domain.ticks import Verdict
from features.quality_state import NO_TIME

INSTRUMENT = np.dtype(
    [("code", "<i8", (2,)), ("scale", "<f8"), ("spread_floor", "<i8"), ("spike_floor", "<i8")]
)
"""A symbol: its 16 bytes, points per unit of price, floors in points and in half points."""

PARAMS = np.dtype(
    [
        (name, "<i8")
        for name in (
            "skew_ns", "wait_ns", "heartbeat_ns", "lateness_ns", "gap_ns", "learn_ticks",
            "spread_percent", "spike_factor", "spike_ticks", "hold_ns", "stale_changes",
            "one_sided_ticks", "burst_duplicates", "burst_variances",
        )
    ]
)  # fmt: skip
"""`features.quality.QualityConfig` in whole numbers: ``spike_factor`` is the limit in 1/256 of a
mean move, ``burst_variances`` the squared z-score."""

SPREAD_LEVELS = np.array([int(100 * 1.02**k + 0.5) for k in range(700)], dtype=np.int64)
"""Spreads in hundredths of a point, 2 % apart: 1 point to about 100,000 pips. Two in a hundred a
tick follow a rollover within its first minute and forget a single blow-out at once."""

CHANGE_LEVELS_NS = np.array([int(1_000_000 * 1.1**k) for k in range(240)], dtype=np.int64)
"""Times between changes of a quote, 10 % apart: 1 ms to three months."""

CHANGE_STEPS = 1_000
"""A change within the quantile moves its level down by one part in this, any other up by the rest:
at rest one change in a thousand is beyond it, the 99.9 % quantile."""

GRID_TOLERANCE = 0.05
"""Of a point. A float32 price is up to 0.01 off; a price with one decimal too many 0.1 or more."""

MAX_POINTS = 10_000_000_000
"""A price of more points counts as off the grid, so that no product below can overflow."""

MOVE_UNIT = 4_096
MOVE_SHIFT = 8
"""The mean move forgets 1/256 per tick."""

CLIP_MOVES = 5
"""A move counts as at most this many mean moves (or the floor): one spike teaches little."""

RATE_UNIT = 65_536
RATE_SHIFT = 8
"""The mean rate of duplicates forgets 1/256 per second."""

_OUT_OF_ORDER = int(Verdict.OUT_OF_ORDER)
_DUPLICATE = int(Verdict.DUPLICATE)
_SPREAD_BLOWOUT = int(Verdict.SPREAD_BLOWOUT)
_STALE = int(Verdict.STALE)
_BURST = int(Verdict.BURST)
_ONE_SIDED = int(Verdict.ONE_SIDED)
_LOCKED = int(Verdict.LOCKED)
_DELAYED = int(Verdict.DELAYED)
_GAP = int(Verdict.GAP)

Levels = NDArray[np.int16]
Block = NDArray[np.void]
Record = Any
"""One element of a ``Block``: a view, changed in place."""


@njit(cache=True)
def day_part(minute: int) -> int:
    """Return the part of the day: rollover, Asia, London, New York as 0 to 3.

    Parameters
    ----------
    minute
        Minutes since 17:00 New York (0 to 1,439). The rollover is 16:55 to 18:00, London opens at
        3:00 and New York at 8:00, all New York time.
    """
    if minute < 60 or minute >= 1_435:
        return 0
    if minute < 600:
        return 1
    return 2 if minute < 900 else 3


@njit(cache=True)
def points_of(price: float, scale: float) -> int:
    """Return a price above 0 in points of the grid, or -1 if it is not on it."""
    exact = price * scale
    whole = np.rint(exact)
    # Written so that what is not a number is off the grid, too.
    if abs(exact - whole) <= GRID_TOLERANCE and 1.0 <= whole <= MAX_POINTS:
        return int(whole)
    return -1


@njit(cache=True)
def is_burst(count: int, mean: int, duplicates: int, variances: int) -> bool:
    """Say whether duplicates of a second are far above their mean, as Poisson numbers go."""
    over = count * RATE_UNIT - mean
    usual = max(mean, RATE_UNIT)
    return count >= duplicates and over > 0 and over * over > variances * usual * RATE_UNIT


@njit(cache=True)
def count_duplicate(block: Block, s: int, now_ns: int, duplicates: int, variances: int) -> int:
    """Count one duplicate at the receive clock; return its bits."""
    st = block[s]
    second = now_ns // SECOND_NS
    if second != st["burst_second"]:
        if st["burst_second"] != NO_TIME:
            mean = st["burst_mean"]
            mean += (st["burst_count"] * RATE_UNIT - mean) >> RATE_SHIFT
            empty = second - st["burst_second"] - 1
            while empty > 0 and mean > 0:
                mean += -mean >> RATE_SHIFT
                empty -= 1
            st["burst_mean"] = mean
        st["burst_second"] = second
        st["burst_count"] = 0
    # Ten thousand in a second are a burst by any mean, and their square is no overflow.
    st["burst_count"] = min(st["burst_count"] + 1, 10_000)
    burst = is_burst(st["burst_count"], st["burst_mean"], duplicates, variances)
    st["bursting"] = 1 if burst else 0
    return _DUPLICATE | _BURST if burst else _DUPLICATE


@njit(cache=True)
def judge_spread(
    st: Record, profile: Levels, minute: int, spread: int, p: Record, floor: int
) -> int:
    """Compare the spread in points with the usual one of its minute, then learn it."""
    level = profile[minute]
    if level < 0:
        level = st["spread_level"]
    usual = SPREAD_LEVELS[level]
    bits = 0
    if (
        st["ticks"] >= p["learn_ticks"]
        and spread > floor
        and spread * 10_000 > p["spread_percent"] * usual
    ):
        bits = _SPREAD_BLOWOUT
    top = SPREAD_LEVELS.size - 1
    step = 1 if spread * 100 > usual else -1
    profile[minute] = min(max(level + step, 0), top)
    overall = st["spread_level"]
    step = 1 if spread * 100 > SPREAD_LEVELS[overall] else -1
    st["spread_level"] = min(max(overall + step, 0), top)
    return bits


@njit(cache=True)
def judge_change(
    st: Record, event: int, part: int, unchanged: bool, broken: bool, stale_changes: int
) -> int:
    """Compare the age of an unchanged quote with the usual one; learn the age of a changed one."""
    if broken:
        # Nobody knows what the quote did while there was none.
        st["changed_ns"] = event
        return 0
    age = event - st["changed_ns"]
    level = st["change_level"][part]
    beyond = age > CHANGE_LEVELS_NS[level // CHANGE_STEPS]
    if unchanged:
        return _STALE if beyond and st["changes"][part] >= stale_changes else 0
    level += CHANGE_STEPS - 1 if beyond else -1
    st["change_level"][part] = min(max(level, 0), CHANGE_LEVELS_NS.size * CHANGE_STEPS - 1)
    st["changes"][part] += 1
    st["changed_ns"] = event
    return 0


@njit(cache=True)
def accept(
    s: int,
    event: int,
    bid: int,
    ask: int,
    open_ns: int,
    week_ns: int,
    now_ns: int,
    instrument: Record,
    p: Record,
    block: Block,
    profile: Levels,
) -> int:
    """Return the bits of a tick that breaks no rule of its own, and learn from it."""
    st = block[s]
    bits = _LOCKED if bid == ask else 0
    if st["bursting"] and st["burst_second"] == now_ns // SECOND_NS:
        bits |= _BURST
    if st["ticks"] > 0 and event < st["event_ns"]:
        # Held ticks may have come in another order than they happened.
        if event < st["event_ns"] - p["lateness_ns"]:
            return _OUT_OF_ORDER
        # What is known already is newer: it stays, and nothing is learned.
        return bits | _DELAYED
    minute = (event - week_ns) // MINUTE_NS
    if st["ticks"] == 0:
        st["spread_level"] = min(
            np.searchsorted(SPREAD_LEVELS, (ask - bid) * 100), SPREAD_LEVELS.size - 1
        )
        st["changed_ns"] = event
        bits |= judge_spread(st, profile[s], minute, ask - bid, p, instrument["spread_floor"])
    else:
        new_session = st["event_ns"] < open_ns
        gap = event - st["event_ns"] > p["gap_ns"]
        if gap and not new_session:
            bits |= _GAP
        bits |= judge_spread(st, profile[s], minute, ask - bid, p, instrument["spread_floor"])
        bid_moved, ask_moved = bid != st["bid"], ask != st["ask"]
        bits |= judge_change(
            st,
            event,
            day_part(minute % 1_440),
            not (bid_moved or ask_moved),
            gap or new_session,
            p["stale_changes"],
        )
        run = st["one_sided"]
        if bid_moved and not ask_moved:
            run = max(run, 0) + 1
        elif ask_moved and not bid_moved:
            run = min(run, 0) - 1
        else:
            run = 0
        st["one_sided"] = run
        if abs(run) >= p["one_sided_ticks"]:
            bits |= _ONE_SIDED
        if not (gap or new_session):
            most = max(CLIP_MOVES * st["move"], instrument["spike_floor"] * MOVE_UNIT)
            move = min(abs(bid + ask - st["bid"] - st["ask"]) * MOVE_UNIT, most)
            st["move"] += (move - st["move"]) >> MOVE_SHIFT
    st["ticks"] += 1
    st["event_ns"] = event
    st["bid"] = bid
    st["ask"] = ask
    return bits
