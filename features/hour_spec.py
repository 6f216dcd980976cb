"""The features of a closed bar of an hour or longer: name, unit and formula, in model order.

``c``, ``o``, ``high``, ``low`` are the bar's prices, ``x[-n]`` is the value ``n`` bars before,
``r`` is the log return in bps, ``vol`` the deviation of the last 120 ``r``; bps are 1e-4. Every
value is a function of the last `HISTORY_BARS` bars of its pair and of the others' closes up to the
same time, summed afresh: it is the same from a tape that ends there. Where a formula divides by
what may be 0, the value for that case is named.
"""

from domain.ids import digest
from features.spec import Feature

HISTORY_BARS = 600
"""Bars of a pair before its first row is ready: 20 days of the same hour lie within."""

_LAGS = range(6)
_SUMS = (3, 6, 12, 24, 48, 120)
_MEANS = (12, 48, 240)

HOUR_FEATURES: tuple[Feature, ...] = (
    *(
        Feature(f"return_lag_{lag}", "deviations", HISTORY_BARS, f"r[-{lag}] / vol")
        for lag in _LAGS
    ),
    *(
        Feature(f"return_sum_{n}", "deviations", HISTORY_BARS, f"sum of {n} r / (vol sqrt({n}))")
        for n in _SUMS
    ),
    Feature(
        "return_to_hour",
        "1",
        HISTORY_BARS,
        "r / mean abs(r) of its New York hour in the 20 bars of it before; 0 where that is 0",
    ),
    Feature(
        "hour_drift",
        "deviations",
        HISTORY_BARS,
        "mean r of the hour to follow, in its last 20 bars, / their deviation; 0 where that is 0",
    ),
    Feature("range", "deviations", HISTORY_BARS, "1e4 ln(high / low) / vol"),
    Feature("close_location", "share", 1, "(c - low) / (high - low); 0.5 where high = low"),
    Feature("wick_up", "deviations", HISTORY_BARS, "1e4 ln(high / max(o, c)) / vol"),
    Feature("wick_down", "deviations", HISTORY_BARS, "1e4 ln(low / min(o, c)) / vol"),
    Feature("jump", "deviations", HISTORY_BARS, "1e4 ln(o / c[-1]) / vol"),
    Feature("gap", "ln hours", 2, "ln of the time since the bar before"),
    Feature("volatility_ratio_short", "1", HISTORY_BARS, "deviation of 24 r / vol"),
    Feature("volatility_ratio_long", "1", HISTORY_BARS, "vol / deviation of 480 r"),
    *(
        Feature(f"mean_gap_{n}", "deviations", HISTORY_BARS, f"1e4 (c / mean{n}(c) - 1) / vol")
        for n in _MEANS
    ),
    Feature("macd", "deviations", HISTORY_BARS, "1e4 (mean12(c) - mean26(c)) / c / vol; a trend"),
    Feature("bollinger_20", "deviations", 20, "z-score of c over 20 bars; 0 where flat"),
    Feature("rsi_14", "share", 15, "gains / (gains + losses) over 14 bars; 0.5 where none moved"),
    Feature("donchian_60", "share", 60, "(c - lowest low) / (highest high - lowest low); 0.5 flat"),
    Feature("hour", "hours", 1, "New York hour at the close, 0 to 23"),
    Feature("hour_sine", "1", 1, "sin of the same as a share of a day"),
    Feature("hour_cosine", "1", 1, "cos of the same"),
    Feature("weekday", "days", 1, "New York day of the week at the close, Monday 0"),
    Feature(
        "others_move",
        "deviations",
        HISTORY_BARS,
        "mean r against the dollar of the run's other pairs, turned into this, / vol; 0: none",
    ),
    Feature("others_move_lag", "deviations", HISTORY_BARS, "the same one bar before"),
    Feature("own_move_1", "deviations", HISTORY_BARS, "r / vol - others_move"),
    Feature("own_move_6", "deviations", HISTORY_BARS, "sum of 6 own moves in bps / (vol sqrt(6))"),
    Feature("own_move_24", "deviations", HISTORY_BARS, "the same over 24"),
    Feature("spread_ratio", "1", HISTORY_BARS, "spread / its median over 480 bars; 1 if not known"),
    Feature(
        "volume_ratio", "ln", HISTORY_BARS, "ln(ticks / their mean over 480 bars); 0 if not known"
    ),
    Feature("mid_known", "share", 1, "1 for bars of bid and ask, 0 for bars of the bid alone"),
)
"""Order is part of the schema: models read values by position."""

HOUR_FEATURE_NAMES: tuple[str, ...] = tuple(f.name for f in HOUR_FEATURES)

HOUR_SCHEMA = digest(*(part for f in HOUR_FEATURES for part in f))
"""Identity of the whole list; a model of another schema is never fed with these values."""
