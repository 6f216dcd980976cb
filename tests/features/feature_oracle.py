"""Features once more, by whole columns of numpy and pandas: what the kernel is held against.

Each is computed from its definition on all bars of a session at once; nothing is carried along.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domain.bars import BAR_DTYPE, BarArray
from domain.nanos import DAY_NS, MINUTE_NS
from domain.ticks import TickArray

F64 = NDArray[np.float64]


def rows_from_ticks(ticks: TickArray, pip: float) -> BarArray:
    """Resample the ticks of one symbol into the rows of 1 m bars that features read."""
    mid = (ticks["bid"] + ticks["ask"]) / 2
    frame = pd.DataFrame(
        {
            "minute": ticks["ts_event_ns"] // MINUTE_NS,
            "mid": mid,
            "spread": np.rint((ticks["ask"] - ticks["bid"]) / pip * 1e3).astype("int64"),
            "move": np.diff(np.rint(mid / pip * 1e3).astype("int64"), prepend=0),
        }
    )
    frame.loc[0, "move"] = 0
    frame["up"], frame["down"] = frame["move"] > 0, frame["move"] < 0
    frame["move_sq"] = frame["move"] ** 2
    # The recording has no sizes; every seventh tick plays one that has, and is suspect too.
    frame["sized"] = np.arange(len(frame)) % 7 == 0
    frame["micro"] = np.where(frame["sized"], frame["move"] // 3, 0)
    groups = frame.groupby("minute")
    rows = np.zeros(groups.ngroups, dtype=BAR_DTYPE)
    rows["ts_open_ns"] = np.array(list(groups.groups), dtype=np.int64) * MINUTE_NS
    rows["ts_event_ns"] = rows["ts_recv_ns"] = rows["ts_open_ns"] + MINUTE_NS
    for point, how in (("open", "first"), ("high", "max"), ("low", "min"), ("close", "last")):
        rows[f"mid_{point}"] = groups["mid"].agg(how)
    rows["tick_count"] = groups.size()
    rows["suspect_count"] = rows["sized_count"] = groups["sized"].sum()
    rows["up_count"], rows["down_count"] = groups["up"].sum(), groups["down"].sum()
    rows["spread_sum_millipips"] = groups["spread"].sum()
    rows["spread_max_millipips"] = groups["spread"].max()
    rows["move_sq_sum_millipips2"] = groups["move_sq"].sum()
    rows["micro_gap_sum_millipips"] = groups["micro"].sum()
    return rows


def expected_features(rows: BarArray, pip: float) -> pd.DataFrame:
    """Return every local feature of bars of any number of sessions, NaN before its window is full.

    A day without a bar is taken for a weekend: seen on the tape, not asked of the calendar.
    """
    table = pd.DataFrame({name: rows[name] for name in BAR_DTYPE.names or ()})
    session = (table["ts_open_ns"].diff() > DAY_NS).cumsum()
    return pd.concat([_of_session(bars, pip) for _, bars in table.groupby(session)])


def _windows(values: pd.Series, length: int) -> F64:
    """Return the last ``length`` values at each bar, shape (n, length); NaN where fewer are."""
    padded = np.concatenate([np.full(length - 1, np.nan), values.to_numpy(dtype=np.float64)])
    return np.lib.stride_tricks.sliding_window_view(padded, length)


def _flat(windows: F64) -> NDArray[np.bool_]:
    flat: NDArray[np.bool_] = windows.max(axis=1) == windows.min(axis=1)
    return flat


def _z_score(values: pd.Series, length: int) -> F64:
    windows = _windows(values, length)
    score = (windows[:, -1] - windows.mean(axis=1)) / windows.std(axis=1, ddof=1)
    return np.where(_flat(windows), 0.0, score)


def _central(windows: F64, power: int) -> F64:
    moment: F64 = ((windows - windows.mean(axis=1, keepdims=True)) ** power).mean(axis=1)
    return moment


def _autocorrelation(values: pd.Series, length: int, lag: int) -> F64:
    windows = _windows(values, length)
    gaps = windows - windows.mean(axis=1, keepdims=True)
    share = (gaps[:, lag:] * gaps[:, :-lag]).sum(axis=1) / (gaps**2).sum(axis=1)
    return np.where(_flat(windows), 0.0, share)


def _variance_ratio(log_close: pd.Series, length: int, lag: int) -> F64:
    """Lo and MacKinlay 1988, (12a) and (12b): from log prices, of which there are length + 1."""
    log_prices = _windows(log_close, length + 1)
    single = np.diff(log_prices, axis=1)
    drift = (log_prices[:, -1] - log_prices[:, 0]) / length
    short = ((single - drift[:, None]) ** 2).sum(axis=1) / (length - 1)
    moves = log_prices[:, lag:] - log_prices[:, :-lag]
    divisor = lag * (length - lag + 1) * (1 - lag / length)
    long = ((moves - lag * drift[:, None]) ** 2).sum(axis=1) / divisor
    return np.where(_flat(single), 1.0, long / short)


def _wilder(moves: pd.Series, length: int) -> pd.Series:
    """Return Wilder's average: a plain mean of the first moves, then smoothing by 1 / length."""
    if len(moves) <= length:
        return pd.Series(np.nan, index=moves.index)
    seeded = moves.copy()
    seeded.iloc[length] = moves.iloc[1 : length + 1].mean()
    smooth: pd.Series = seeded.iloc[length:].ewm(alpha=1 / length, adjust=False).mean()
    return smooth.reindex(moves.index)


def _clock(bars: pd.DataFrame) -> dict[str, pd.Series]:
    """Read the clocks of New York; sessions here are weeks that began on a Sunday at 17:00."""
    local = pd.to_datetime(bars["ts_event_ns"], utc=True).dt.tz_convert("America/New_York")
    since_roll = local.dt.tz_localize(None) - pd.Timedelta("17h")
    hours = (since_roll - since_roll.dt.normalize()) / pd.Timedelta("1h")
    week_hours = (since_roll.dt.day_of_week + 1) % 7 * 24 + hours
    return {
        "day_sine": np.sin(2 * np.pi * hours / 24),
        "day_cosine": np.cos(2 * np.pi * hours / 24),
        "week_sine": np.sin(2 * np.pi * week_hours / 168),
        "week_cosine": np.cos(2 * np.pi * week_hours / 168),
        "hours_to_rollover": 24 - hours,
        "hours_since_open": np.log1p(week_hours),
    }


def _mean_root(squares: pd.Series, length: int) -> F64:
    root: F64 = 1e4 * np.sqrt(_windows(squares, length).mean(axis=1))
    return root


def _of_session(bars: pd.DataFrame, pip: float) -> pd.DataFrame:
    open_, high = bars["mid_open"], bars["mid_high"]
    low, close = bars["mid_low"], bars["mid_close"]
    log_close, change = np.log(close), close.diff()
    r = 1e4 * np.log(close / close.shift())
    log_range_sq = np.log(high / low) ** 2
    klass = log_range_sq / 2 - (2 * np.log(2) - 1) * np.log(close / open_) ** 2
    satchell = np.log(high / open_) * np.log(high / close) + np.log(low / open_) * np.log(
        low / close
    )
    before = close.shift()
    true_range = pd.concat([high - low, (high - before).abs(), (low - before).abs()], axis=1).max(
        axis=1
    )
    atr = {n: _wilder(true_range, n) for n in (14, 28)}
    gain = {n: _wilder(change.clip(lower=0), n) for n in (5, 14, 28)}
    loss = {n: _wilder((-change).clip(lower=0), n) for n in (5, 14, 28)}
    ema = {n: close.ewm(span=n, adjust=False).mean() for n in (12, 26, 48, 120)}
    macd = ema[12] - ema[26]
    signal = macd.ewm(span=9, adjust=False).mean()
    ticks = bars["tick_count"]
    net = bars["up_count"] - bars["down_count"]
    spread = bars["spread_sum_millipips"] / ticks / 1e3
    with np.errstate(invalid="ignore", divide="ignore"):
        volatility = {n: _windows(r, n).std(axis=1, ddof=1) for n in (15, 60)}
        moved = {n: _windows(bars["move_sq_sum_millipips2"], n).sum(axis=1) for n in (5, 15, 60)}
        prices_20, returns_60 = _windows(close, 20), _windows(r, 60)
        path = np.abs(np.diff(_windows(close, 31), axis=1)).sum(axis=1)
        spread_bps = 1e4 * spread * pip / close
        place = {}
        for n in (14, 60):
            top, bottom = _windows(high, n).max(axis=1), _windows(low, n).min(axis=1)
            at = (close - bottom) / (top - bottom)
            place[n] = at.where(~(top == bottom), 0.5)
        skewness = _central(returns_60, 3) / _central(returns_60, 2) ** 1.5
        kurtosis = _central(returns_60, 4) / _central(returns_60, 2) ** 2 - 3
        flat = _flat(returns_60)
        columns = {
            **{
                f"return_{n}": 1e4 * np.log(close / close.shift(n))
                for n in (1, 2, 3, 5, 10, 15, 30, 60, 120)
            },
            **{f"volatility_{n}": volatility[n] for n in (15, 60)},
            "volatility_ratio": np.where(flat, 1.0, volatility[15] / volatility[60]),
            **{f"realised_{n}": 1e4 * np.sqrt(moved[n]) * pip / 1e3 / close for n in (5, 15, 60)},
            "range_1": 1e4 * np.log(high / low),
            "parkinson_15": _mean_root(log_range_sq / (4 * np.log(2)), 15),
            "parkinson_60": _mean_root(log_range_sq / (4 * np.log(2)), 60),
            "garman_klass_15": _mean_root(klass, 15),
            "garman_klass_60": _mean_root(klass, 60),
            "rogers_satchell_15": _mean_root(satchell, 15),
            "atr_14": 1e4 * atr[14] / close,
            "atr_ratio": atr[14] / atr[28],
            **{f"ema_gap_{n}": 1e4 * (close / ema[n] - 1) for n in (12, 26, 48, 120)},
            "macd": 1e4 * macd / close,
            "macd_signal": 1e4 * signal / close,
            "macd_histogram": 1e4 * (macd - signal) / close,
            "efficiency_ratio_30": np.where(path == 0, 0.0, (close - close.shift(30)).abs() / path),
            **{f"rsi_{n}": 1 - 1 / (1 + gain[n] / loss[n]) for n in (5, 14, 28)},
            "bollinger_20": _z_score(close, 20),
            "bollinger_60": _z_score(close, 60),
            "bollinger_width_20": 4e4 * prices_20.std(axis=1, ddof=1) / prices_20.mean(axis=1),
            "stochastic_14": place[14],
            "donchian_60": place[60],
            "close_location": ((close - low) / (high - low)).where(high > low, 0.5),
            "return_z_60": _z_score(r, 60),
            "skewness_60": np.where(flat, 0.0, skewness),
            "kurtosis_60": np.where(flat, 0.0, kurtosis),
            "autocorrelation_1_60": _autocorrelation(r, 60, 1),
            "autocorrelation_5_60": _autocorrelation(r, 60, 5),
            "variance_ratio_5_60": _variance_ratio(log_close, 60, 5),
            "spread_mean": spread,
            "spread_max": bars["spread_max_millipips"] / 1e3,
            "spread_z_60": _z_score(spread, 60),
            "spread_to_volatility": spread_bps / (spread_bps + volatility[60]),
            "tick_intensity": np.log(ticks),
            "tick_intensity_z_60": _z_score(np.log(ticks), 60),
            "tick_imbalance_1": net / ticks,
            "tick_imbalance_15": net.rolling(15).sum() / ticks.rolling(15).sum(),
            "flow_persistence_60": _autocorrelation(net / ticks, 60, 1),
            "micro_gap": (bars["micro_gap_sum_millipips"] / bars["sized_count"] / 1e3).fillna(0.0),
            "sized_share": bars["sized_count"] / ticks,
            "suspect_share_15": bars["suspect_count"].rolling(15).sum() / ticks.rolling(15).sum(),
            **_clock(bars),
        }
    return pd.DataFrame(columns, index=bars.index)
