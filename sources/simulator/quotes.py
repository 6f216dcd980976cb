"""Bid and ask on the grid around a mid that nobody sees.

A tick is a refresh or a flicker. A refresh centres both sides on the hidden mid, to half a grid
step. A flicker moves one side of the refresh before it by one step, either way, whatever the mid
does. Where nothing would change, both sides move one step apart or together. So the quoted mid is
the hidden one (a martingale) give or take a step, which is less than the least spread: nothing can
be earned from it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.instruments import Instrument
from domain.nanos import DAY_NS, MINUTE_NS, SECOND_NS
from sources.simulator.arrivals import Ints
from sources.simulator.params import (
    HOURS,
    PROFILE_BIN_MINUTES,
    ROLLOVER_AFTER_MINUTES,
    ROLLOVER_BEFORE_MINUTES,
    WEEK_OPEN_MINUTES,
    Quote,
    Spread,
)
from sources.simulator.paths import CELL_NS, MINUTES, Floats, autoregress

_FRESH_NS = 5 * SECOND_NS
"""How long the fresh part of the log spread stands: a few ticks, as recorded spreads do."""
_ONE_SIDED_REFRESH = 0.23
"""Share of refreshes that happen to change one side only (found by simulation): not flickers."""


class QuotedDay(NamedTuple):
    """Quotes of one symbol over one trade day.

    Attributes
    ----------
    bid, ask
        Prices on the instrument's grid.
    spread_state
        Persistent part of the log spread at the end of the day, in standard deviations.
    """

    bid: Floats
    ask: Floats
    spread_state: float


def quote(
    quoting: Quote,
    pair: Instrument,
    mid: Floats,
    times_ns: Ints,
    week_open: bool,
    spread_state: float,
    rng: np.random.Generator,
) -> QuotedDay:
    """Quote a day.

    Parameters
    ----------
    quoting, pair
        How the symbol is quoted, and its grid.
    mid
        Hidden mid at the start of each cell of the day.
    times_ns
        Time of each tick since the start of the day, ascending.
    week_open
        Whether the market was closed before this day.
    spread_state
        Persistent part of the log spread at the end of the day before, in standard deviations.
    rng
        The symbol's own stream.
    """
    points_per_pip = 10.0 ** (pair.display_precision + pair.pip_location)
    scale = 10.0**pair.display_precision
    retain = 0.5 ** (1.0 / quoting.spread.half_life_min)
    persistent = autoregress(spread_state, retain, rng.standard_normal(MINUTES))
    target = points_per_pip * spread_targets(quoting.spread, times_ns, week_open, persistent, rng)
    low = max(1, round(quoting.spread.minimum_pips * points_per_pip))
    high = quoting.spread.maximum_pips * points_per_pip

    doubled = np.rint(2.0 * scale * mid[times_ns // CELL_NS]).astype(np.int64)
    odd = doubled & 1
    # Bid and ask are whole steps only if spread and doubled mid are both odd or both even.
    width = odd + 2 * np.rint((np.clip(target, low, high) - odd) / 2.0).astype(np.int64)
    width = np.where(width < low, low + ((low ^ doubled) & 1), width)
    bid, ask = (doubled - width) // 2, (doubled + width) // 2
    bid, ask = _flicker(bid, ask, low, quoting.one_sided, rng)
    bid, ask = _breathe(bid, ask, low, rng)
    return QuotedDay(bid / scale, ask / scale, float(persistent[-1]))


def spread_targets(
    spread: Spread,
    times_ns: Ints,
    week_open: bool,
    persistent: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Return the spread wanted at each tick, in pips and not yet on the grid."""
    minute = times_ns // MINUTE_NS
    hour = minute // (MINUTES // HOURS)
    fresh = rng.standard_normal(DAY_NS // _FRESH_NS)[times_ns // _FRESH_NS]
    share = spread.persistent_share
    noise = np.sqrt(share) * persistent[minute] + np.sqrt(1.0 - share) * fresh
    level = np.array(spread.median_pips)[hour] * spread_profile(spread, week_open)[minute]
    targets: Floats = level * np.exp(np.array(spread.dispersion)[hour] * noise)
    return targets


def spread_profile(spread: Spread, week_open: bool) -> Floats:
    """Return by minute of the trade day what rollover and week open multiply the spread by."""
    profile = np.ones(DAY_NS // MINUTE_NS)
    rollover = np.repeat(np.array(spread.rollover), PROFILE_BIN_MINUTES)
    profile[-ROLLOVER_BEFORE_MINUTES:] = rollover[:ROLLOVER_BEFORE_MINUTES]
    if week_open:
        profile[:WEEK_OPEN_MINUTES] = np.repeat(np.array(spread.week_open), PROFILE_BIN_MINUTES)
    else:
        profile[:ROLLOVER_AFTER_MINUTES] = rollover[ROLLOVER_BEFORE_MINUTES:]
    return profile


def _flicker(
    bid: Ints, ask: Ints, low: int, one_sided: float, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Let a share of ticks move one side of the refresh before them; never two in a row."""
    share = max(0.0, (one_sided - _ONE_SIDED_REFRESH) / (1.0 - _ONE_SIDED_REFRESH))
    # After each refresh a flicker follows with probability p, so p / (1 + p) of all ticks are one.
    after_refresh = min(1.0, share / (1.0 - share)) if share < 1.0 else 1.0
    wanted = rng.random(bid.size) < after_refresh
    step = np.where(rng.random(bid.size) < 0.5, 1, -1)
    on_ask = rng.random(bid.size) < 0.5
    wanted[:1] = False
    # In a run of wanted flickers only the 1st, 3rd, ... are: each needs a refresh before it.
    index = np.arange(bid.size)
    at = np.flatnonzero(wanted & (_since_false(wanted, index) % 2 == 1))
    step, on_ask = step[at], on_ask[at]
    widens = np.where(on_ask, step, -step)
    step = np.where(ask[at - 1] - bid[at - 1] + widens < low, -step, step)
    bid, ask = bid.copy(), ask.copy()
    bid[at] = bid[at - 1] + np.where(on_ask, 0, step)
    ask[at] = ask[at - 1] + np.where(on_ask, step, 0)
    return bid, ask


def _breathe(bid: Ints, ask: Ints, low: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Widen or narrow ticks that are equal to the tick before: a venue sends none of those."""
    index = np.arange(bid.size)
    same = np.zeros(bid.size, dtype=np.bool_)
    same[1:] = (np.diff(bid) == 0) & (np.diff(ask) == 0)
    # Of a run of equal ticks every second one moves, so that each differs from its neighbours.
    at = np.flatnonzero(same & (_since_false(same, index) % 2 == 1))
    step = np.where(rng.random(at.size) < 0.5, 1, -1)
    step = np.where(ask[at] - bid[at] + 2 * step < low, 1, step)
    bid, ask = bid.copy(), ask.copy()
    bid[at] -= step
    ask[at] += step
    return bid, ask


def _since_false(flags: NDArray[np.bool_], index: Ints) -> Ints:
    """Return for each place how far back the last False is; 0 where it is False itself."""
    since: Ints = index - np.maximum.accumulate(np.where(flags, -1, index))
    return since
