"""Fit the simulator's parameters on recorded quotes: arrays in, parameters out.

Volatility clustering is read from ``log(E[a(t) a(t+k)] / E[a]**2)`` with a the absolute return over
its mean for the hour: for log-normal volatility that is the autocovariance of log volatility at
lag k, and unlike the logarithm of a return it does not mind returns of zero.
"""

from datetime import timedelta
from math import exp, pi, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.fx_calendar import is_open, roll_ns
from domain.instruments import Instrument
from domain.nanos import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, from_ns
from sources.simulator.params import (
    HOURS,
    PROFILE_BIN_MINUTES,
    ROLLOVER_AFTER_MINUTES,
    ROLLOVER_BEFORE_MINUTES,
    WEEK_OPEN_MINUTES,
    Activity,
    Quote,
    Spread,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MINUTES = DAY_NS // MINUTE_NS
BP = 1e-4
NORMAL_MEAN_ABS = sqrt(2.0 / pi)
"""Mean absolute value of a standard normal: turns mean absolute returns into sigmas."""
_BURST_GAP_NS = SECOND_NS // 2
"""Ticks closer than this belong to one burst."""
_BURST_QUANTILES = 17
_LAGS_MIN = np.array([1, 2, 3, 5, 8, 12, 20, 30, 45, 60, 90, 120])
"""Lags at which clustering within the day is read, in minutes."""
_LATER_MIN = np.array([240, 300, 360, 420, 480])
"""Lags at which clustering within the day is over, in minutes."""
_DISPERSION_LOW = 0.03
"""Least dispersion of the log spread: below it the grid alone makes more."""
_GRID_VARIANCE_POINTS = 1.0 / 3.0
"""Variance of the spread that rounding to the right parity adds, in squared grid steps."""


class Quotes(NamedTuple):
    """Recorded quotes of one symbol, ascending: nanoseconds UTC and prices."""

    ts_ns: Ints
    bid: Floats
    ask: Floats


class Clock(NamedTuple):
    """Where moments stand in their trade days.

    Attributes
    ----------
    day
        Number of the trade day, counted from the first.
    since_open_ns
        Nanoseconds since the 17:00 New York at which it began.
    week_open
        Whether the market was closed before that day.
    """

    day: Ints
    since_open_ns: Ints
    week_open: NDArray[np.bool_]

    @property
    def hour(self) -> Ints:
        """Hour of the trade day, 0 to 23."""
        return np.minimum(self.since_open_ns // HOUR_NS, HOURS - 1)


class Decay(NamedTuple):
    """An exponential ``level * 0.5 ** (lag / half_life)``."""

    level: float
    half_life: float


def trade_clock(ts_ns: Ints) -> Clock:
    """Place moments (ascending) in their trade days, New York's daylight saving included."""
    first = from_ns(int(ts_ns[0])).date() - timedelta(days=1)
    count = (from_ns(int(ts_ns[-1])).date() - first).days + 2
    starts = np.array([roll_ns(first + timedelta(days=i)) for i in range(count)])
    after_break = np.array([not is_open(int(s) - 1) for s in starts])
    index = np.searchsorted(starts, ts_ns, side="right") - 1
    return Clock(index - index[0], ts_ns - starts[index], after_break[index])


def minute_mids(quotes: Quotes, clock: Clock) -> Floats:
    """Return the last mid of each minute, one row a trade day; NaN before a day's first quote."""
    grid = np.full((int(clock.day[-1]) + 1, MINUTES), np.nan)
    grid[clock.day, clock.since_open_ns // MINUTE_NS] = (quotes.bid + quotes.ask) / 2.0
    last = np.where(np.isnan(grid), -1, np.arange(MINUTES))
    last = np.maximum.accumulate(last, axis=1)
    filled = np.take_along_axis(grid, np.maximum(last, 0), axis=1)
    # After a day's last quote there is nothing to carry on: the day may be cut short.
    ended = np.arange(MINUTES) > np.max(last, axis=1, keepdims=True)
    final = int(clock.since_open_ns[-1] // MINUTE_NS)
    ended[-1] |= np.arange(MINUTES) > final
    filled[ended] = np.nan
    return filled


def minute_moves_bp(mids: Floats) -> Floats:
    """Return one-minute log returns in basis points, shaped as ``mids``; no return at the open."""
    moves = np.full(mids.shape, np.nan)
    moves[:, 1:] = np.diff(np.log(mids), axis=1) / BP
    return moves


def mean_abs_by_hour(moves: Floats) -> Floats:
    """Return the mean absolute move by hour of the trade day (rows of 1440 minutes)."""
    blocks = np.abs(moves).reshape(-1, HOURS, MINUTES // HOURS)
    means: Floats = np.nanmean(blocks, axis=(0, 2))
    return means


def deseasonalised(moves: Floats) -> Floats:
    """Return absolute moves over the mean of their hour."""
    out: Floats = np.abs(moves) / np.repeat(mean_abs_by_hour(moves), MINUTES // HOURS)
    return out


def log_covariance(left: Floats, right: Floats, lags: Ints) -> Floats:
    """Return ``log(E[left(t) right(t + k)] / (E[left] E[right]))`` along the last axis."""
    scale = np.nanmean(left) * np.nanmean(right)
    ratios = [np.nanmean(left[..., :-k] * right[..., k:]) / scale for k in lags.tolist()]
    return np.log(np.maximum(ratios, 1e-9))


def fit_decay(values: Floats, lags: Ints, half_lives: Floats) -> Decay:
    """Fit an exponential by least squares, over a list of half-lives; a level below 0 is 0."""
    best, least = Decay(0.0, float(half_lives[0])), np.inf
    for half_life in half_lives.tolist():
        shape = 0.5 ** (lags / half_life)
        level = max(0.0, float(shape @ values / (shape @ shape)))
        loss = float(((values - level * shape) ** 2).sum())
        if loss < least:
            best, least = Decay(level, half_life), loss
    return best


def fit_fast_volatility(moves: Floats) -> Decay:
    """Fit the clustering within the day: variance and half-life in minutes.

    What is left hours later is the slow component's, as far as so few days show it: subtracted.
    """
    relative = deseasonalised(moves)
    slow = max(0.0, float(log_covariance(relative, relative, _LATER_MIN).mean()))
    values = log_covariance(relative, relative, _LAGS_MIN)
    return fit_decay(values - slow, _LAGS_MIN, np.geomspace(2.0, 90.0, 32))


def fit_common_volatility(left: Floats, right: Floats) -> float:
    """Fit the share of log volatility's variance that two symbols have in common, in [0, 1]."""
    a, b = deseasonalised(left), deseasonalised(right)
    lags = _LAGS_MIN[_LAGS_MIN <= 60]
    both = (log_covariance(a, b, lags) + log_covariance(b, a, lags)) / 2.0
    each = (log_covariance(a, a, lags) + log_covariance(b, b, lags)) / 2.0
    return float(np.clip(both.sum() / each.sum(), 0.0, 1.0))


def fit_sigma_bp(moves: Floats, log_variance: float) -> Floats:
    """Fit sigma by hour, in basis points of a one-second move.

    From mean absolute moves, which one news release sways less than squares; ``log_variance`` is
    that of log volatility within the day, so that the result is a root mean square over it. The
    level from day to day is that of the recorded days.
    """
    sigma = mean_abs_by_hour(moves) / NORMAL_MEAN_ABS * exp(log_variance / 2.0)
    sigmas: Floats = sigma / sqrt(60.0)
    return sigmas


def fit_activity(quotes: Quotes, clock: Clock, moves: Floats) -> Activity:
    """Fit how often ticks come, how that follows volatility, and how they bunch."""
    minute = clock.day * MINUTES + clock.since_open_ns // MINUTE_NS
    counts = np.bincount(minute, minlength=moves.size).astype(np.float64).reshape(moves.shape)
    covered = counts.reshape(-1, HOURS, MINUTES // HOURS)
    present = covered.sum(axis=2, keepdims=True) > 0
    covered = np.where(present, covered, np.nan)
    by_hour = np.nanmean(covered, axis=(0, 2))
    relative = (covered / by_hour[None, :, None]).reshape(moves.shape)
    volatility = deseasonalised(moves)
    activity = log_covariance(relative, relative, _LAGS_MIN).sum()
    clustering = log_covariance(volatility, volatility, _LAGS_MIN).sum()
    exponent = sqrt(max(0.0, activity) / clustering) if clustering > 0.0 else 0.0

    # Where ticks are dense, bursts run into each other: read them in the calmer half of the hours.
    calm = (by_hour <= np.median(by_hour))[clock.hour]
    gaps = np.diff(quotes.ts_ns)[calm[1:] & (np.diff(clock.day) == 0)]
    within = gaps[gaps <= _BURST_GAP_NS]
    steps = np.linspace(0.0, 1.0, _BURST_QUANTILES)
    return Activity(
        ticks_per_s=tuple((by_hour / 60.0).tolist()),
        volatility_exponent=exponent,
        burst_size=gaps.size / max(1, gaps.size - within.size),
        burst_gap_s=tuple((np.quantile(within, steps) / SECOND_NS).tolist()),
    )


def fit_spread(quotes: Quotes, clock: Clock, pair: Instrument) -> Spread:
    """Fit level, dispersion and persistence of the spread, and its windows of blow-out."""
    spread = (quotes.ask - quotes.bid) / pair.pip
    hour, minute = clock.hour, clock.since_open_ns // MINUTE_NS
    normal = (minute >= ROLLOVER_AFTER_MINUTES) & (minute < MINUTES - ROLLOVER_BEFORE_MINUTES)
    normal &= ~clock.week_open | (minute >= WEEK_OPEN_MINUTES)
    usual = [spread[normal & (hour == h)] for h in range(HOURS)]
    median = np.array([np.median(x) for x in usual])
    low, high = (np.array([np.quantile(x, q) for x in usual]) for q in (0.16, 0.84))
    point = float(pair.tick_size) / pair.pip
    variance = (np.log(high / low) / 2.0) ** 2 - _GRID_VARIANCE_POINTS * (point / median) ** 2
    deviation = np.log(spread / median[hour])
    persistence = _fit_persistence(deviation[normal], clock.day[normal], minute[normal])
    mean = np.array([x.mean() for x in usual])
    return Spread(
        median_pips=tuple(median.tolist()),
        dispersion=tuple(np.sqrt(np.maximum(variance, _DISPERSION_LOW**2)).tolist()),
        persistent_share=float(np.clip(persistence.level, 0.0, 1.0)),
        half_life_min=persistence.half_life,
        minimum_pips=float(spread.min()),
        maximum_pips=float(spread.max()),
        rollover=_fit_rollover(spread / mean[hour], minute, clock.week_open),
        week_open=_profile(
            spread / mean[hour], np.where(clock.week_open, minute, -1), 0, WEEK_OPEN_MINUTES
        ),
    )


def fit_one_sided(quotes: Quotes) -> float:
    """Return the share of ticks that change one side of those that change any."""
    bid, ask = np.diff(quotes.bid) != 0.0, np.diff(quotes.ask) != 0.0
    return float((bid ^ ask).sum() / max(1, (bid | ask).sum()))


def fit_quote(quotes: Quotes, pair: Instrument) -> Quote:
    """Fit everything about how a symbol is quoted."""
    clock = trade_clock(quotes.ts_ns)
    moves = minute_moves_bp(minute_mids(quotes, clock))
    return Quote(
        activity=fit_activity(quotes, clock, moves),
        spread=fit_spread(quotes, clock, pair),
        one_sided=fit_one_sided(quotes),
        basis="ticks",
    )


def _fit_persistence(deviation: Floats, day: Ints, minute: Ints) -> Decay:
    """Fit how the log spread, sampled once a minute, keeps its deviation: share and half-life."""
    bound = 3.0 * float(np.quantile(np.abs(deviation), 0.68))
    grid = np.full((int(day[-1]) + 1, MINUTES), np.nan)
    grid[day, minute] = np.clip(deviation, -bound, bound)
    grid -= np.nanmean(grid)
    variance = np.nanmean(grid**2)
    lags = _LAGS_MIN[_LAGS_MIN <= 60]
    values = np.array([np.nanmean(grid[:, :-k] * grid[:, k:]) for k in lags.tolist()]) / variance
    return fit_decay(values, lags, np.geomspace(5.0, 240.0, 24))


def _fit_rollover(
    relative: Floats, minute: Ints, week_open: NDArray[np.bool_]
) -> tuple[float, ...]:
    """Fit the blow-out from before to after 17:00 New York, on days that no break comes before."""
    centred = np.where(minute >= MINUTES // 2, minute - MINUTES, minute)
    usable = ~week_open | (centred < 0)
    at = np.where(usable, centred, MINUTES)
    return _profile(relative, at, -ROLLOVER_BEFORE_MINUTES, ROLLOVER_AFTER_MINUTES)


def _profile(relative: Floats, minute: Ints, start: int, end: int) -> tuple[float, ...]:
    """Return the mean of ``relative`` by bins of minutes, at least 1; 1 where there is nothing."""
    bins = range(start, end, PROFILE_BIN_MINUTES)
    found = (relative[(minute >= b) & (minute < b + PROFILE_BIN_MINUTES)] for b in bins)
    return tuple(max(1.0, float(x.mean())) if x.size else 1.0 for x in found)
