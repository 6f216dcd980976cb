"""Features of whole columns of hourly bars; see `features.hour_spec` for every formula."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from features.hour_spec import HISTORY_BARS, HOUR_FEATURE_NAMES

Floats = NDArray[np.float64]

_BPS = 1e4
_VOLATILITY_BARS = 120
_LONG_BARS = 480
_SAME_HOUR_BARS = 20


class HourBars(NamedTuple):
    """Closed bars of one pair, in order.

    Attributes
    ----------
    close_ns
        When each closed, shape (n,), strictly rising.
    new_york_hour, new_york_weekday
        Clock in New York at each close: 0 to 23, and Monday 0 to Sunday 6.
    open, high, low, close
        Prices (> 0), shape (n,): mids, or bids where ``mid_known`` is False.
    spread
        Ask less bid at the close in units of price; NaN where it is not known.
    ticks
        Number of ticks; NaN where it is not known.
    mid_known
        Whether the prices are mids.
    """

    close_ns: NDArray[np.int64]
    new_york_hour: NDArray[np.int64]
    new_york_weekday: NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    spread: Floats
    ticks: Floats
    mid_known: bool


def dollar_sign(symbol: str) -> int:
    """Return which way a pair moves with the other currencies against the dollar: 1, -1, or 0."""
    return {"USD": 1}.get(symbol[3:6], 0) - {"USD": 1}.get(symbol[:3], 0)


def hour_features(pairs: Mapping[str, HourBars]) -> dict[str, Floats]:
    """Compute the features of every bar of some pairs.

    Parameters
    ----------
    pairs
        Bars by canonical symbol. A row sees the other pairs up to its own close.

    Returns
    -------
    dict
        By symbol: shape (n, number of features), in the order of the schema. Rows of the first
        ``HISTORY_BARS`` bars are NaN: not ready.

    Raises
    ------
    BadUse
        If the closes of a pair do not rise, or a price is not above 0.
    """
    for symbol, bars in pairs.items():
        _check(symbol, bars)
    moves = {symbol: _returns(bars.close) for symbol, bars in pairs.items()}
    rows: dict[str, Floats] = {}
    for symbol, bars in pairs.items():
        others = _others_move(symbol, pairs, moves)
        columns = _columns(bars, moves[symbol], others)
        values = np.column_stack([columns[name] for name in HOUR_FEATURE_NAMES])
        values[:HISTORY_BARS] = np.nan
        rows[symbol] = values
    return rows


def _check(symbol: str, bars: HourBars) -> None:
    if (np.diff(bars.close_ns) <= 0).any():
        msg = f"{symbol}: bars must come in order, none twice"
        raise BadUse(msg)
    prices = np.stack([bars.open, bars.high, bars.low, bars.close])
    if not (prices > 0).all() or not np.isfinite(prices).all():
        msg = f"{symbol}: a price is not a finite number above 0"
        raise BadUse(msg)


def _returns(close: Floats) -> Floats:
    return np.diff(_BPS * np.log(close), prepend=np.nan)


def _columns(bars: HourBars, move: Floats, others: Floats) -> dict[str, Floats]:
    with np.errstate(divide="ignore", invalid="ignore"):
        volatility = _deviation(move, _VOLATILITY_BARS)
        # A market that has not moved for 120 bars has no scale, and no features.
        volatility[volatility <= 0] = np.nan
        own = move - others
        columns: dict[str, Floats] = {}
        for lag in range(6):
            columns[f"return_lag_{lag}"] = _lagged(move, lag) / volatility
        for n in (3, 6, 12, 24, 48, 120):
            columns[f"return_sum_{n}"] = _sum(move, n) / (volatility * np.sqrt(n))
        columns["return_to_hour"], columns["hour_drift"] = _same_hour(bars, move)
        columns |= _shape(bars, volatility)
        columns["gap"] = np.log(np.diff(bars.close_ns, prepend=np.nan) / 3_600e9)
        columns["volatility_ratio_short"] = _deviation(move, 24) / volatility
        columns["volatility_ratio_long"] = volatility / _deviation(move, _LONG_BARS)
        for n in (12, 48, 240):
            mean = _sum(bars.close, n) / n
            columns[f"mean_gap_{n}"] = _BPS * (bars.close / mean - 1) / volatility
        trend = (_sum(bars.close, 12) / 12 - _sum(bars.close, 26) / 26) / bars.close
        columns["macd"] = _BPS * trend / volatility
        columns |= _place(bars)
        columns |= _clock(bars)
        columns["others_move"] = others / volatility
        columns["others_move_lag"] = _lagged(others, 1) / volatility
        columns["own_move_1"] = own / volatility
        columns["own_move_6"] = _sum(own, 6) / (volatility * np.sqrt(6))
        columns["own_move_24"] = _sum(own, 24) / (volatility * np.sqrt(24))
        columns["spread_ratio"] = _spread_ratio(bars.spread)
        volume = np.log(bars.ticks / (_sum(bars.ticks, _LONG_BARS) / _LONG_BARS))
        columns["volume_ratio"] = np.where(np.isfinite(volume), volume, 0.0)
        columns["mid_known"] = np.full(bars.close.size, float(bars.mid_known))
    return columns


def _shape(bars: HourBars, volatility: Floats) -> dict[str, Floats]:
    """Return the form of the bar itself."""
    height = bars.high - bars.low
    top = np.maximum(bars.open, bars.close)
    bottom = np.minimum(bars.open, bars.close)
    before = _lagged(bars.close, 1)
    return {
        "range": _BPS * np.log(bars.high / bars.low) / volatility,
        "close_location": np.where(height > 0, (bars.close - bars.low) / height, 0.5),
        "wick_up": _BPS * np.log(bars.high / top) / volatility,
        "wick_down": _BPS * np.log(bars.low / bottom) / volatility,
        "jump": _BPS * np.log(bars.open / before) / volatility,
    }


def _place(bars: HourBars) -> dict[str, Floats]:
    """Return where the close stands among those before."""
    close = bars.close
    mean, deviation = _sum(close, 20) / 20, _deviation(close, 20)
    steps = np.diff(close, prepend=np.nan)
    gains, losses = _sum(np.maximum(steps, 0), 14), _sum(np.maximum(-steps, 0), 14)
    low = _extreme(bars.low, 60, np.min)
    height = _extreme(bars.high, 60, np.max) - low
    moved = gains + losses
    return {
        "bollinger_20": np.where(deviation > 0, (close - mean) / deviation, 0.0),
        "rsi_14": np.where(moved > 0, gains / moved, 0.5),
        "donchian_60": np.where(height > 0, (close - low) / height, 0.5),
    }


def _clock(bars: HourBars) -> dict[str, Floats]:
    angle = 2 * np.pi * bars.new_york_hour / 24
    return {
        "hour": bars.new_york_hour.astype(np.float64),
        "hour_sine": np.sin(angle),
        "hour_cosine": np.cos(angle),
        "weekday": bars.new_york_weekday.astype(np.float64),
    }


def _same_hour(bars: HourBars, move: Floats) -> tuple[Floats, Floats]:
    """Return the move against the usual one of its hour, and the drift of the hour to come."""
    usual = np.full(move.size, np.nan)
    drift_at = np.full((24, move.size), np.nan)
    for hour in range(24):
        at = np.flatnonzero(bars.new_york_hour == hour)
        if at.size <= _SAME_HOUR_BARS:
            continue
        # Up to the bar before: a bar is not its own measure.
        usual[at[1:]] = (_sum(np.abs(move[at]), _SAME_HOUR_BARS) / _SAME_HOUR_BARS)[:-1]
        mean = _sum(move[at], _SAME_HOUR_BARS) / _SAME_HOUR_BARS
        scale = _deviation(move[at], _SAME_HOUR_BARS)
        drift_at[hour] = _held(at, np.where(scale > 0, mean / scale, 0.0), move.size)
    following = (bars.new_york_hour + 1) % 24
    drift = drift_at[following, np.arange(move.size)]
    to_hour = np.where(usual > 0, move / usual, 0.0)
    to_hour[np.isnan(usual)] = np.nan
    # An hour in which the market is closed has no drift.
    return to_hour, np.where(np.isnan(drift), 0.0, drift)


def _held(at: NDArray[np.intp], values: Floats, n: int) -> Floats:
    """Return at every row the value of the last place at or before it."""
    last = np.searchsorted(at, np.arange(n), side="right") - 1
    return np.where(last >= 0, values[np.maximum(last, 0)], np.nan)


def _spread_ratio(spread: Floats) -> Floats:
    ratio = np.ones(spread.size)
    if spread.size >= _LONG_BARS and np.isfinite(spread).any():
        windows = np.lib.stride_tricks.sliding_window_view(spread, _LONG_BARS)
        ratio[_LONG_BARS - 1 :] = spread[_LONG_BARS - 1 :] / np.median(windows, axis=1)
    return np.where(np.isfinite(ratio), ratio, 1.0)


def _others_move(symbol: str, pairs: Mapping[str, HourBars], moves: Mapping[str, Floats]) -> Floats:
    """Return the others' mean move at each close, turned into this pair; 0 where none closed."""
    close_ns = pairs[symbol].close_ns
    total, count = np.zeros(close_ns.size), np.zeros(close_ns.size)
    sign = dollar_sign(symbol)
    for other, bars in pairs.items():
        if other == symbol or not sign * dollar_sign(other) or not bars.close_ns.size:
            continue
        at = np.minimum(np.searchsorted(bars.close_ns, close_ns), bars.close_ns.size - 1)
        move = np.where(bars.close_ns[at] == close_ns, moves[other][at], np.nan)
        known = np.isfinite(move)
        total += np.where(known, sign * dollar_sign(other) * move, 0.0)
        count += known
    return np.where(count > 0, total / np.maximum(count, 1), 0.0)


def _lagged(x: Floats, lag: int) -> Floats:
    out = np.full(x.size, np.nan)
    out[lag:] = x[: x.size - lag]
    return out


def _windows(x: Floats, n: int) -> Floats:
    return np.lib.stride_tricks.sliding_window_view(x, n)


def _whole(values: Floats, n: int, size: int) -> Floats:
    out = np.full(size, np.nan)
    out[n - 1 :] = values
    return out


def _sum(x: Floats, n: int) -> Floats:
    if x.size < n:
        return np.full(x.size, np.nan)
    # Summed afresh window by window: a running sum would depend on where the tape began.
    return _whole(_windows(x, n).sum(axis=1), n, x.size)


def _deviation(x: Floats, n: int) -> Floats:
    if x.size < n:
        return np.full(x.size, np.nan)
    return _whole(_windows(x, n).std(axis=1, ddof=1), n, x.size)


def _extreme(x: Floats, n: int, which: Callable[..., Floats]) -> Floats:
    if x.size < n:
        return np.full(x.size, np.nan)
    return _whole(which(_windows(x, n), axis=1), n, x.size)
