"""The local features of closed 1 m bars in one pass (numba), from sliding windows of a session.

Names, units and formulas are in ``features.spec``. All that is compiled stands in this file: the
cache of numba does not see a function or a constant change in another one, so nothing is imported.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

COLUMNS = (
    *("return_1", "return_2", "return_3", "return_5", "return_10"),
    *("return_15", "return_30", "return_60", "return_120"),
    *("volatility_15", "volatility_60", "volatility_ratio"),
    *("realised_5", "realised_15", "realised_60"),
    *("range_1", "parkinson_15", "parkinson_60"),
    *("garman_klass_15", "garman_klass_60", "rogers_satchell_15", "atr_14", "atr_ratio"),
    *("ema_gap_12", "ema_gap_26", "ema_gap_48", "ema_gap_120"),
    *("macd", "macd_signal", "macd_histogram", "efficiency_ratio_30"),
    *("rsi_5", "rsi_14", "rsi_28", "bollinger_20", "bollinger_60", "bollinger_width_20"),
    *("stochastic_14", "donchian_60", "close_location"),
    *("return_z_60", "skewness_60", "kurtosis_60"),
    *("autocorrelation_1_60", "autocorrelation_5_60", "variance_ratio_5_60"),
    *("spread_mean", "spread_max", "spread_z_60", "spread_to_volatility"),
    *("tick_intensity", "tick_intensity_z_60", "tick_imbalance_1", "tick_imbalance_15"),
    *("flow_persistence_60", "micro_gap", "sized_share", "suspect_share_15"),
    *("day_sine", "day_cosine", "week_sine", "week_cosine"),
    *("hours_to_rollover", "hours_since_open"),
)
"""What the columns of the kernel's ``values`` hold, in order."""

RETURN_BARS = (1, 2, 3, 5, 10, 15, 30, 60, 120)
"""Bars that the returns span, in order."""

PRICES = 120
"""Closes kept from before the present bar: the longest return spans as many."""

WINDOW = 60
"""Longest window of the other series, in bars, the present one included."""

SERIES = 13
"""Series that are kept over ``WINDOW - 1`` bars; their rows are the constants below."""
(RETURN, RANGE_SQ, GARMAN_KLASS, ROGERS_SATCHELL, HIGH, LOW) = range(6)
(SPREAD, MOVE_SQ, LN_TICKS, TICKS, NET_UPS, IMBALANCE, SUSPECTS) = range(6, 13)

AVERAGES = 13
"""Smoothed values: four EMAs, the MACD signal, Wilder's gains, losses and true ranges."""
EMA, SIGNAL, GAIN, LOSS, TRUE_RANGE = 0, 4, 5, 8, 11
EMA_SPANS = (12, 26, 48, 120)
SIGNAL_SPAN = 9
RSI_SPANS = (5, 14, 28)
ATR_SPANS = (14, 28)

SESSION_NS, BARS = range(2)
"""State of the session: its opening, and its bars so far. An opening of 0: no session."""

BPS = 1e4
MILLIPIPS = 1e3
LAG = 5
HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
DAYS_OF_WEEK = 7


@njit()
def _centre(window: F64, gaps: F64) -> tuple[float, float]:
    """Write each value's distance from the mean; return the mean and the sum of their squares.

    Counted from the first value, so that a window of one value all through gives exact zeros.
    """
    first = window[0]
    total = 0.0
    for at in range(window.size):
        gaps[at] = window[at] - first
        total += gaps[at]
    mean = total / window.size
    squares = 0.0
    for at in range(window.size):
        gaps[at] -= mean
        squares += gaps[at] * gaps[at]
    return first + mean, squares


@njit()
def _deviation(squares: float, count: int) -> float:
    return math.sqrt(squares / (count - 1))


@njit()
def _z_score(window: F64, gaps: F64) -> float:
    """Return the z-score of the last value; 0 where all are the same."""
    _, squares = _centre(window, gaps)
    return gaps[window.size - 1] / _deviation(squares, window.size) if squares > 0.0 else 0.0


@njit()
def _sum(window: F64) -> float:
    total = 0.0
    for value in window:
        total += value
    return total


@njit()
def _autocorrelation(gaps: F64, lag: int, squares: float) -> float:
    if squares == 0.0:
        return 0.0
    total = 0.0
    for at in range(lag, gaps.size):
        total += gaps[at] * gaps[at - lag]
    return total / squares


@njit()
def _location(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


@njit()
def _location_in(close: float, highs: F64, lows: F64) -> float:
    high, low = highs[0], lows[0]
    for at in range(1, highs.size):
        high = max(high, highs[at])
        low = min(low, lows[at])
    return _location(close, low, high)


@njit()
def _root_mean(window: F64, scale: float) -> float:
    # The terms of valid bars are not negative, but rounding may leave a trace below 0.
    return BPS * math.sqrt(max(_sum(window), 0.0) / (window.size * scale))


@njit()
def _smooth(averages: F64, bars: int, close: float, before: float, high: float, low: float) -> None:
    """Take a bar into the smoothed values; the first of a session starts them anew."""
    if bars == 1:
        averages[:] = 0.0
        averages[EMA : EMA + len(EMA_SPANS)] = close
        return
    for k in range(len(EMA_SPANS)):
        averages[EMA + k] += 2.0 / (EMA_SPANS[k] + 1.0) * (close - averages[EMA + k])
    macd = averages[EMA] - averages[EMA + 1]
    averages[SIGNAL] += 2.0 / (SIGNAL_SPAN + 1.0) * (macd - averages[SIGNAL])
    gain, loss = max(close - before, 0.0), max(before - close, 0.0)
    true_range = max(high, before) - min(low, before)
    # Wilder: a plain mean of the first n moves, then smoothing by 1/n.
    for k in range(len(RSI_SPANS)):
        weight = 1.0 / min(bars - 1, RSI_SPANS[k])
        averages[GAIN + k] += weight * (gain - averages[GAIN + k])
        averages[LOSS + k] += weight * (loss - averages[LOSS + k])
    for k in range(len(ATR_SPANS)):
        weight = 1.0 / min(bars - 1, ATR_SPANS[k])
        averages[TRUE_RANGE + k] += weight * (true_range - averages[TRUE_RANGE + k])


@njit()
def _strength(averages: F64, k: int) -> float:
    gain, loss = averages[GAIN + k], averages[LOSS + k]
    return gain / (gain + loss) if gain + loss > 0.0 else 0.5


@njit()
def _returns(prices: F64, row: F64) -> None:
    for k in range(len(RETURN_BARS)):
        row[k] = BPS * math.log(prices[-1] / prices[-1 - RETURN_BARS[k]])


@njit()
def _volatility(
    windows: F64, averages: F64, close: float, millipip: float, gaps: F64, row: F64
) -> None:
    _, squares_15 = _centre(windows[RETURN, -15:], gaps)
    _, squares_60 = _centre(windows[RETURN], gaps)
    row[0] = _deviation(squares_15, 15)
    row[1] = _deviation(squares_60, 60)
    row[2] = row[0] / row[1] if row[1] > 0.0 else 1.0
    row[3] = BPS * millipip * math.sqrt(_sum(windows[MOVE_SQ, -5:])) / close
    row[4] = BPS * millipip * math.sqrt(_sum(windows[MOVE_SQ, -15:])) / close
    row[5] = BPS * millipip * math.sqrt(_sum(windows[MOVE_SQ])) / close
    row[6] = BPS * math.sqrt(windows[RANGE_SQ, -1])
    row[7] = _root_mean(windows[RANGE_SQ, -15:], 4.0 * math.log(2.0))
    row[8] = _root_mean(windows[RANGE_SQ], 4.0 * math.log(2.0))
    row[9] = _root_mean(windows[GARMAN_KLASS, -15:], 1.0)
    row[10] = _root_mean(windows[GARMAN_KLASS], 1.0)
    row[11] = _root_mean(windows[ROGERS_SATCHELL, -15:], 1.0)
    true_range, longer = averages[TRUE_RANGE], averages[TRUE_RANGE + 1]
    row[12] = BPS * true_range / close
    row[13] = true_range / longer if longer > 0.0 else 1.0


@njit()
def _trend(prices: F64, averages: F64, row: F64) -> None:
    close = prices[-1]
    for k in range(len(EMA_SPANS)):
        row[k] = BPS * (close / averages[EMA + k] - 1.0)
    row[4] = BPS * (averages[EMA] - averages[EMA + 1]) / close
    row[5] = BPS * averages[SIGNAL] / close
    row[6] = row[4] - row[5]
    path = 0.0
    for at in range(prices.size - 30, prices.size):
        path += abs(prices[at] - prices[at - 1])
    row[7] = abs(close - prices[-31]) / path if path > 0.0 else 0.0


@njit()
def _position(prices: F64, windows: F64, averages: F64, gaps: F64, row: F64) -> None:
    close, high, low = prices[-1], windows[HIGH, -1], windows[LOW, -1]
    for k in range(len(RSI_SPANS)):
        row[k] = _strength(averages, k)
    mean, squares = _centre(prices[-20:], gaps)
    deviation = _deviation(squares, 20)
    row[3] = gaps[19] / deviation if squares > 0.0 else 0.0
    row[4] = _z_score(prices[-60:], gaps)
    row[5] = BPS * 4.0 * deviation / mean
    row[6] = _location_in(close, windows[HIGH, -14:], windows[LOW, -14:])
    row[7] = _location_in(close, windows[HIGH], windows[LOW])
    row[8] = _location(close, low, high)


@njit()
def _shape(returns: F64, gaps: F64, row: F64) -> None:
    """Write what the order and the distribution of the returns tell; neutral where all are one."""
    count = returns.size
    _, squares = _centre(returns, gaps)
    if squares == 0.0:
        row[0:5] = 0.0
        row[5] = 1.0
        return
    cubes = fourths = 0.0
    for at in range(count):
        square = gaps[at] * gaps[at]
        cubes += square * gaps[at]
        fourths += square * square
    variance = squares / count
    row[0] = gaps[count - 1] / _deviation(squares, count)
    row[1] = cubes / count / (variance * math.sqrt(variance))
    row[2] = fourths / count / (variance * variance) - 3.0
    row[3] = _autocorrelation(gaps, 1, squares)
    row[4] = _autocorrelation(gaps, LAG, squares)
    long_squares = 0.0
    for at in range(LAG - 1, count):
        move = _sum(gaps[at - LAG + 1 : at + 1])
        long_squares += move * move
    # Lo and MacKinlay's unbiased divisor of overlapping differences.
    divisor = LAG * (count - LAG + 1) * (1.0 - LAG / count)
    row[5] = long_squares / divisor / (squares / (count - 1))


@njit()
def _flow(windows: F64, micro_gap: float, sized: int, gaps: F64, row: F64) -> None:
    ticks_15 = _sum(windows[TICKS, -15:])
    row[0] = windows[LN_TICKS, -1]
    row[1] = _z_score(windows[LN_TICKS], gaps)
    row[2] = windows[IMBALANCE, -1]
    row[3] = _sum(windows[NET_UPS, -15:]) / ticks_15
    _, squares = _centre(windows[IMBALANCE], gaps)
    row[4] = _autocorrelation(gaps, 1, squares)
    row[5] = micro_gap
    row[6] = sized / windows[TICKS, -1]
    row[7] = _sum(windows[SUSPECTS, -15:]) / ticks_15


@njit()
def _time(event_ns: int, session_ns: int, rolls_ns: I64, row: F64) -> None:
    last = int(np.searchsorted(rolls_ns, event_ns, side="right")) - 1
    # Beyond the calendar no bar is valid; the index must stay inside it all the same.
    last = min(max(last, 0), rolls_ns.size - 2)
    day = math.tau * (event_ns - rolls_ns[last]) / DAY_NS
    # The table begins on a Sunday.
    week_ns = event_ns - rolls_ns[last - last % DAYS_OF_WEEK]
    week = math.tau * week_ns / (DAYS_OF_WEEK * DAY_NS)
    row[0] = math.sin(day)
    row[1] = math.cos(day)
    row[2] = math.sin(week)
    row[3] = math.cos(week)
    row[4] = (rolls_ns[last + 1] - event_ns) / HOUR_NS
    row[5] = math.log(1.0 + (event_ns - session_ns) / HOUR_NS) if session_ns > 0 else 0.0


@njit(cache=True)
def feature_kernel(
    bars: NDArray[np.void],
    pip: float,
    opens_ns: I64,
    closes_ns: I64,
    rolls_ns: I64,
    warm_up_bars: I64,
    prices: F64,
    windows: F64,
    averages: F64,
    session: I64,
    values: F64,
    session_bars: I64,
) -> None:
    """Write the features of each bar, and take it into the windows.

    Parameters
    ----------
    bars
        Closed 1 m bars of one symbol in order, rows of ``domain.bars.BAR_DTYPE``, shape (n,).
    pip
        Size of a pip in price units.
    opens_ns, closes_ns
        Sessions of the market around the bars, ascending (``domain.fx_calendar.sessions``).
    rolls_ns
        17:00 New York of every day around the bars, from a Sunday on (``rolls`` there).
    warm_up_bars
        By column: bars of the session from which a value is ready (> 0); before it is NaN.
    prices, windows, averages, session
        State, in place: the last closes (120,), the series (13, 59), oldest first, the smoothed
        values (13,), the session (2,).
    values, session_bars
        Results, shapes (n, 64) and (n,): the features, and how many bars the session had by then.
    """
    count = bars.size
    kept = WINDOW - 1
    millipip = pip / MILLIPIPS
    # The windows of the whole batch lie in one block, those kept in front: each is one slice of it.
    all_prices = np.empty(PRICES + count)
    all_windows = np.empty((SERIES, kept + count))
    all_prices[:PRICES] = prices
    all_windows[:, :kept] = windows
    gaps = np.empty(WINDOW)
    for i in range(count):
        bar = bars[i]
        close, high, low = bar["mid_close"], bar["mid_high"], bar["mid_low"]
        # The bar belongs to the session in which it opened: its end may be the weekly close.
        at = np.searchsorted(opens_ns, bar["ts_open_ns"], side="right") - 1
        session_ns = opens_ns[at] if at >= 0 and bar["ts_open_ns"] < closes_ns[at] else 0
        if session[BARS] == 0 or session_ns != session[SESSION_NS]:
            session[SESSION_NS] = session_ns
            session[BARS] = 0
            # As if the price had stood still before: what is not warm yet is finite, then masked.
            all_prices[i : i + PRICES] = close
            all_windows[:, i : i + kept] = 0.0
            all_windows[TICKS, i : i + kept] = 1.0
        session[BARS] += 1
        before = all_prices[PRICES + i - 1]
        all_prices[PRICES + i] = close
        _smooth(averages, session[BARS], close, before, high, low)

        up, down = math.log(high / bar["mid_open"]), math.log(low / bar["mid_open"])
        body, span = math.log(close / bar["mid_open"]), math.log(high / low)
        ticks = bar["tick_count"]
        net_ups = bar["up_count"] - bar["down_count"]
        new = all_windows[:, kept + i]
        new[RETURN] = BPS * math.log(close / before)
        new[RANGE_SQ] = span * span
        new[GARMAN_KLASS] = 0.5 * span * span - (2.0 * math.log(2.0) - 1.0) * body * body
        new[ROGERS_SATCHELL] = up * (up - body) + down * (down - body)
        new[HIGH] = high
        new[LOW] = low
        new[SPREAD] = bar["spread_sum_millipips"] / (ticks * MILLIPIPS)
        new[MOVE_SQ] = bar["move_sq_sum_millipips2"]
        new[LN_TICKS] = math.log(ticks)
        new[TICKS] = ticks
        new[NET_UPS] = net_ups
        new[IMBALANCE] = net_ups / ticks
        new[SUSPECTS] = bar["suspect_count"]

        sized = bar["sized_count"]
        micro_gap = bar["micro_gap_sum_millipips"] / (sized * MILLIPIPS) if sized > 0 else 0.0
        window = all_windows[:, i : i + WINDOW]
        closes = all_prices[i : i + PRICES + 1]
        row = values[i]
        _returns(closes, row[0:9])
        _volatility(window, averages, close, millipip, gaps, row[9:23])
        _trend(closes, averages, row[23:31])
        _position(closes, window, averages, gaps, row[31:40])
        _shape(window[RETURN], gaps, row[40:46])
        spread = new[SPREAD]
        row[46] = spread
        row[47] = bar["spread_max_millipips"] / MILLIPIPS
        row[48] = _z_score(window[SPREAD], gaps)
        spread_bps = BPS * spread * pip / close
        both = spread_bps + row[10]
        row[49] = spread_bps / both if both > 0.0 else 0.5
        _flow(window, micro_gap, sized, gaps, row[50:58])
        _time(bar["ts_event_ns"], session_ns, rolls_ns, row[58:64])
        for k in range(row.size):
            if session[BARS] < warm_up_bars[k]:
                row[k] = np.nan
        session_bars[i] = session[BARS]
    prices[:] = all_prices[count:]
    windows[:] = all_windows[:, count:]
