"""When ticks come: a Bartlett-Lewis process, bursts that begin at random and hold a few ticks each.

Bursts begin as a Poisson process whose rate follows the hour and, minute by minute, volatility; a
burst holds a geometric number of ticks with gaps drawn from the fitted quantiles (Bartlett 1963,
Lewis 1964). Venues stamp whole milliseconds, so two ticks may share one.
"""

import numpy as np
from numpy.typing import NDArray

from domain.nanos import DAY_NS, MS_NS
from sources.simulator.params import HOURS, Activity, SimulatorParams
from sources.simulator.paths import MINUTES, Floats, PairDay, long_run_scale

Ints = NDArray[np.int64]


def tick_times(activity: Activity, pair: PairDay, rng: np.random.Generator) -> Ints:
    """Return nanoseconds since the start of the trade day, ascending, whole milliseconds."""
    exponent = activity.volatility_exponent
    rate = np.repeat(np.array(activity.ticks_per_s), MINUTES // HOURS)
    rate = rate * np.exp(exponent * pair.log_volatility)
    rate = rate * long_run_scale(pair.fast_variance, exponent)
    bursts = rng.poisson(rate * 60.0 / activity.burst_size)
    begin = np.repeat(np.arange(MINUTES) * 60.0, bursts)
    begin = begin + 60.0 * rng.random(begin.size)
    sizes = rng.geometric(1.0 / activity.burst_size, begin.size)
    times = np.repeat(begin, sizes) + _since_begin(activity, sizes, rng)
    nanos: Ints = np.floor(times * 1e3).astype(np.int64) * MS_NS
    nanos.sort()
    return nanos[nanos < DAY_NS]


def receive_delays(params: SimulatorParams, count: int, rng: np.random.Generator) -> Ints:
    """Return how long each tick takes from venue to receiver, in nanoseconds (> 0)."""
    spread = np.exp(params.delay_log_sd * rng.standard_normal(count))
    delays: Ints = (params.delay_median_ms * MS_NS * spread).astype(np.int64) + 1
    return delays


def _since_begin(activity: Activity, sizes: Ints, rng: np.random.Generator) -> Floats:
    """Return for each tick the seconds since its burst began: 0 for the first of each."""
    count = int(sizes.sum())
    quantiles = np.array(activity.burst_gap_s)
    gaps = np.interp(rng.random(count), np.linspace(0.0, 1.0, quantiles.size), quantiles)
    first = np.cumsum(sizes) - sizes
    gaps[first] = 0.0
    elapsed = np.cumsum(gaps)
    return np.asarray(elapsed - np.repeat(elapsed[first], sizes), dtype=np.float64)
