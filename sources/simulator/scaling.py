"""Parameters of the pairs that have no recorded ticks: scaled by H1 bars, or assumed.

What is assumed stands in the tables here, with its reason; nothing else in the simulator is.
"""

from functools import reduce
from math import exp, sqrt
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.nanos import HOUR_NS
from sources.simulator.calibration import (
    BP,
    NORMAL_MEAN_ABS,
    Clock,
    Decay,
    Floats,
    Ints,
    fit_decay,
    log_covariance,
    trade_clock,
)
from sources.simulator.params import HOURS, Activity, Basis, Leg, Quote, Volatility
from sources.simulator.paths import nearest_correlation

LEGS = ("EURUSD", "GBPUSD", "AUDUSD", "NZDUSD", "USDJPY", "USDCHF", "USDCAD")
"""All pairs against the dollar, in the order of the correlation matrix."""

ASSUMED_LEGS: dict[str, tuple[float, float]] = {"USDCHF": (0.89, 1.0), "USDCAD": (1.09, 0.75)}
"""Start mid (levels of May 2014) and sigma as a multiple of EURUSD's: the franc was held to the
euro then, and the Canadian dollar was the calmest of the majors."""

ASSUMED_CORRELATION: dict[tuple[str, str], float] = {
    ("EURUSD", "USDCHF"): -0.80,
    ("GBPUSD", "USDCHF"): -0.50,
    ("AUDUSD", "USDCHF"): -0.35,
    ("NZDUSD", "USDCHF"): -0.35,
    ("USDJPY", "USDCHF"): 0.40,
    ("EURUSD", "USDCAD"): -0.40,
    ("GBPUSD", "USDCAD"): -0.40,
    ("AUDUSD", "USDCAD"): -0.55,
    ("NZDUSD", "USDCAD"): -0.50,
    ("USDJPY", "USDCAD"): 0.05,
    ("USDCHF", "USDCAD"): 0.30,
}
"""Of hourly returns: round figures for two pairs of which there is no record here."""

ASSUMED_QUOTES: dict[str, tuple[float, float, str]] = {
    "GBPUSD": (1.8, 0.0, "EURUSD"),
    "USDJPY": (1.3, 0.0, "EURUSD"),
    "AUDUSD": (1.5, 0.0, "NZDUSD"),
    "USDCAD": (2.0, 0.8, "EURUSD"),
    "USDCHF": (1.8, 0.8, "EURUSD"),
    "EURJPY": (2.0, 1.0, "EURUSD"),
    "EURGBP": (1.6, 0.8, "EURUSD"),
    "EURCHF": (2.2, 0.5, "EURUSD"),
    "EURAUD": (3.0, 1.0, "EURUSD"),
    "EURCAD": (3.0, 0.9, "EURUSD"),
    "EURNZD": (5.0, 1.0, "NZDUSD"),
    "GBPCHF": (4.0, 0.8, "EURUSD"),
    "GBPAUD": (4.5, 1.0, "EURUSD"),
    "GBPCAD": (4.5, 0.9, "EURUSD"),
    "GBPNZD": (7.0, 1.0, "NZDUSD"),
    "GBPJPY": (3.0, 1.1, "EURUSD"),
    "AUDNZD": (3.5, 0.8, "NZDUSD"),
    "AUDCAD": (2.8, 0.8, "NZDUSD"),
    "AUDCHF": (2.8, 0.7, "NZDUSD"),
    "AUDJPY": (2.2, 0.9, "NZDUSD"),
    "NZDCAD": (3.5, 0.7, "NZDUSD"),
    "NZDCHF": (3.5, 0.7, "NZDUSD"),
    "NZDJPY": (3.0, 0.8, "NZDUSD"),
    "CADCHF": (2.8, 0.6, "EURUSD"),
    "CADJPY": (2.6, 0.8, "EURUSD"),
    "CHFJPY": (2.8, 0.7, "EURUSD"),
}
"""Median spread in pips (a retail dealer's order of 2014, next to the 1.1 and 2.3 pips recorded for
EURUSD and NZDUSD), tick rate as a multiple of EURUSD's (0: from bars), and the fitted symbol whose
profile by hour and habits it shares."""

_SLOW_LAGS_H = np.array([24, 48, 72, 96, 120, 240, 360, 480])
"""Lags at which clustering from day to day is read, in bars: whole days, as hours differ."""


class Bars(NamedTuple):
    """H1 bars of one symbol, ascending; ``tick_volume`` is empty where the record has none."""

    ts_ns: Ints
    open: Floats
    close: Floats
    tick_volume: Floats


class HourlyMoves(NamedTuple):
    """Returns of H1 bars in basis points, with the clock of their opens; none over a gap."""

    ts_ns: Ints
    clock: Clock
    moves_bp: Floats


def hourly_moves(bars: Bars) -> HourlyMoves:
    """Return close-to-close returns between bars that follow each other without a gap."""
    joined = np.diff(bars.ts_ns) == HOUR_NS
    moves = np.diff(np.log(bars.close))[joined] / BP
    ts_ns = bars.ts_ns[1:][joined]
    return HourlyMoves(ts_ns, trade_clock(ts_ns), moves)


def hourly_mean_abs(moves: HourlyMoves) -> Floats:
    """Return the mean absolute hourly return by hour of the trade day, in basis points."""
    return by_hour(np.abs(moves.moves_bp), moves.clock.hour)


def by_hour(values: Floats, hour: Ints) -> Floats:
    """Return the mean of ``values`` by hour of the trade day."""
    total = np.bincount(hour, weights=values, minlength=HOURS)
    means: Floats = total / np.maximum(1, np.bincount(hour, minlength=HOURS))
    return means


def fit_slow_volatility(moves: HourlyMoves) -> Decay:
    """Fit the clustering from day to day: variance and half-life in trade days."""
    relative = np.abs(moves.moves_bp) / hourly_mean_abs(moves)[moves.clock.hour]
    values = log_covariance(relative, relative, _SLOW_LAGS_H)
    return fit_decay(values, _SLOW_LAGS_H // HOURS, np.geomspace(2.0, 60.0, 24))


def common_span(moves: dict[str, HourlyMoves]) -> dict[str, HourlyMoves]:
    """Cut all records to the hours that each of them holds."""
    shared = reduce(np.intersect1d, [record.ts_ns for record in moves.values()])
    cut: dict[str, HourlyMoves] = {}
    for name, record in moves.items():
        keep = np.isin(record.ts_ns, shared)
        ts_ns = record.ts_ns[keep]
        cut[name] = HourlyMoves(ts_ns, trade_clock(ts_ns), record.moves_bp[keep])
    return cut


def gap_over_hour(bars: Bars, moves: HourlyMoves) -> float | None:
    """Return the jump over a weekend as a multiple of an hour's sigma; None if none is recorded."""
    breaks = np.diff(bars.ts_ns) > 30 * HOUR_NS
    jumps = np.abs(np.log(bars.open[1:] / bars.close[:-1]))[breaks] / BP
    # Records whose opens repeat the close before say nothing of gaps.
    if jumps.size == 0 or np.median(jumps) == 0.0:
        return None
    return float(jumps.mean() / np.abs(moves.moves_bp).mean())


def fit_correlation(moves: dict[str, HourlyMoves]) -> NDArray[np.float64]:
    """Return the correlation of all legs: of hourly returns where recorded, assumed elsewhere."""
    matrix = np.eye(len(LEGS))
    known = [name for name in LEGS if name in moves]
    measured = np.corrcoef([moves[name].moves_bp for name in known])
    for i, left in enumerate(LEGS):
        for j, right in enumerate(LEGS[:i]):
            if left in moves and right in moves:
                value = float(measured[known.index(left), known.index(right)])
            else:
                value = ASSUMED_CORRELATION.get((left, right)) or ASSUMED_CORRELATION[right, left]
            matrix[i, j] = matrix[j, i] = value
    return nearest_correlation(matrix)


def scaled_leg(
    start_mid: float,
    like: Leg,
    ratio_by_hour: Floats,
    volatility: Volatility,
    gap_over_hour: float,
    basis: Basis,
) -> Leg:
    """Return a leg whose sigma is ``ratio_by_hour`` times that of a fitted one."""
    scaled = np.array(like.sigma_bp) * ratio_by_hour
    return Leg(
        start_mid=start_mid,
        sigma_bp=tuple(scaled.tolist()),
        volatility=volatility,
        weekend_gap_bp=weekend_gap_bp(scaled, volatility, gap_over_hour),
        basis=basis,
    )


def weekend_gap_bp(sigma_bp: Floats, volatility: Volatility, gap_over_hour: float) -> float:
    """Return the size of a weekend's jump, from its multiple of an hour's usual move."""
    variance = volatility.fast_sd**2
    usual = NORMAL_MEAN_ABS * float(np.mean(sigma_bp)) * sqrt(3600.0) * exp(-variance / 2.0)
    return gap_over_hour * usual / NORMAL_MEAN_ABS


def scaled_quote(like: Quote, median_pips: float, rate_by_hour: Floats, basis: Basis) -> Quote:
    """Return a symbol quoted like a fitted one, with its own median spread and tick rate."""
    factor = median_pips / float(np.median(like.spread.median_pips))
    spread = msgspec.structs.replace(
        like.spread,
        median_pips=tuple(factor * x for x in like.spread.median_pips),
        minimum_pips=factor * like.spread.minimum_pips,
        maximum_pips=factor * like.spread.maximum_pips,
    )
    activity: Activity = msgspec.structs.replace(
        like.activity, ticks_per_s=tuple(rate_by_hour.tolist())
    )
    return Quote(activity=activity, spread=spread, one_sided=like.one_sided, basis=basis)
