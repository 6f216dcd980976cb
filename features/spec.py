"""The features of a closed 1 m bar: name, unit, warm-up and formula of each, in model order.

``c``, ``o``, ``high`` and ``low`` are a bar's mid prices, ``x[-n]`` is the value ``n`` bars before,
``r`` is ``return_1``, ``mean15`` the mean over 15 bars, bps are ten-thousandths. Deviations are
those of a sample; EMAs start at the first value. Windows count bars of one market session: the
state starts anew with each session, so nothing spans a weekend. Where a formula divides by what
may be 0, the value for that case is named; so every feature of a valid bar is finite once warm.
"""

from typing import NamedTuple

from domain.ids import digest


class Feature(NamedTuple):
    """One feature.

    Attributes
    ----------
    name, unit
        Name in snake case; unit of its value.
    warm_up_bars
        Bars of the session that must have closed, this one included, before it is ready (> 0).
    formula
        What it is, with its source where it has one.
    """

    name: str
    unit: str
    warm_up_bars: int
    formula: str


LOCAL_FEATURES: tuple[Feature, ...] = (
    Feature("return_1", "bps", 2, "1e4 ln(c / c[-1])"),
    Feature("return_2", "bps", 3, "1e4 ln(c / c[-2])"),
    Feature("return_3", "bps", 4, "1e4 ln(c / c[-3])"),
    Feature("return_5", "bps", 6, "1e4 ln(c / c[-5])"),
    Feature("return_10", "bps", 11, "1e4 ln(c / c[-10])"),
    Feature("return_15", "bps", 16, "1e4 ln(c / c[-15])"),
    Feature("return_30", "bps", 31, "1e4 ln(c / c[-30])"),
    Feature("return_60", "bps", 61, "1e4 ln(c / c[-60])"),
    Feature("return_120", "bps", 121, "1e4 ln(c / c[-120])"),
    Feature("volatility_15", "bps", 16, "deviation of the last 15 r"),
    Feature("volatility_60", "bps", 61, "deviation of the last 60 r"),
    Feature("volatility_ratio", "1", 61, "volatility_15 / volatility_60; 1 where flat"),
    Feature(
        "realised_5",
        "bps",
        5,
        "1e4 sqrt(sum over 5 bars of squared tick-to-tick moves of the mid) / c",
    ),
    Feature(
        "realised_15",
        "bps",
        15,
        "1e4 sqrt(sum over 15 bars of squared tick-to-tick moves of the mid) / c",
    ),
    Feature(
        "realised_60",
        "bps",
        60,
        "1e4 sqrt(sum over 60 bars of squared tick-to-tick moves of the mid) / c",
    ),
    Feature("range_1", "bps", 1, "1e4 ln(high / low)"),
    Feature(
        "parkinson_15", "bps", 15, "1e4 sqrt(mean15(ln(high / low)^2) / (4 ln 2)); Parkinson 1980"
    ),
    Feature("parkinson_60", "bps", 60, "the same over 60 bars"),
    Feature(
        "garman_klass_15",
        "bps",
        15,
        "1e4 sqrt(mean15(ln(high / low)^2 / 2 - (2 ln 2 - 1) ln(c / o)^2)); Garman, Klass 1980",
    ),
    Feature("garman_klass_60", "bps", 60, "the same over 60 bars"),
    Feature(
        "rogers_satchell_15",
        "bps",
        15,
        "1e4 sqrt(mean15(ln(high/o) ln(high/c) + ln(low/o) ln(low/c))); Rogers, Satchell 1991",
    ),
    Feature(
        "atr_14",
        "bps",
        15,
        "1e4 ATR14 / c; true range smoothed by 1/14, first the mean of the first 14; Wilder 1978",
    ),
    Feature("atr_ratio", "1", 29, "ATR14 / ATR28; 1 where flat"),
    Feature("ema_gap_12", "bps", 36, "1e4 (c / EMA12(c) - 1)"),
    Feature("ema_gap_26", "bps", 61, "1e4 (c / EMA26(c) - 1)"),
    Feature("ema_gap_48", "bps", 61, "1e4 (c / EMA48(c) - 1)"),
    Feature("ema_gap_120", "bps", 121, "1e4 (c / EMA120(c) - 1)"),
    Feature("macd", "bps", 61, "1e4 (EMA12(c) - EMA26(c)) / c; Appel 1979"),
    Feature("macd_signal", "bps", 61, "1e4 EMA9(EMA12(c) - EMA26(c)) / c"),
    Feature("macd_histogram", "bps", 61, "macd - macd_signal"),
    Feature(
        "efficiency_ratio_30",
        "share",
        31,
        "abs(c - c[-30]) / sum of the last 30 abs(c - c[-1]); 0 where none moved; Kaufman 1995",
    ),
    Feature(
        "rsi_5",
        "share",
        6,
        "gains / (gains + losses), smoothed by 1/5 as the ATR; 0.5 where none moved; Wilder 1978",
    ),
    Feature(
        "rsi_14",
        "share",
        15,
        "gains / (gains + losses), smoothed by 1/14 as the ATR; 0.5 where none moved; Wilder 1978",
    ),
    Feature(
        "rsi_28",
        "share",
        29,
        "gains / (gains + losses), smoothed by 1/28 as the ATR; 0.5 where none moved; Wilder 1978",
    ),
    Feature("bollinger_20", "deviations", 20, "z-score of c over 20 bars; 0 where flat"),
    Feature("bollinger_60", "deviations", 60, "z-score of c over 60 bars; 0 where flat"),
    Feature(
        "bollinger_width_20",
        "bps",
        20,
        "4e4 deviation of c over 20 bars / its mean: from two below to two above",
    ),
    Feature(
        "stochastic_14",
        "share",
        14,
        "(c - lowest low) / (highest high - lowest low) of 14 bars; 0.5 where flat; Lane 1984",
    ),
    Feature("donchian_60", "share", 60, "the same over 60 bars: the place in the Donchian channel"),
    Feature("close_location", "share", 1, "(c - low) / (high - low); 0.5 where high = low"),
    Feature("return_z_60", "deviations", 61, "z-score of r over 60 bars; 0 where constant"),
    Feature(
        "skewness_60", "1", 61, "m3 / m2^1.5 of the last 60 r, m central moments; 0 where constant"
    ),
    Feature("kurtosis_60", "1", 61, "m4 / m2^2 - 3 of the last 60 r; 0 where constant"),
    Feature(
        "autocorrelation_1_60",
        "1",
        61,
        "autocorrelation at lag 1 of the last 60 r; 0 where constant",
    ),
    Feature(
        "autocorrelation_5_60",
        "1",
        61,
        "autocorrelation at lag 5 of the last 60 r; 0 where constant",
    ),
    Feature(
        "variance_ratio_5_60",
        "1",
        61,
        "VR(5) of the last 60 r, overlapping, unbiased; 1 where constant; Lo, MacKinlay 1988",
    ),
    Feature("spread_mean", "pips", 1, "mean spread of the bar"),
    Feature("spread_max", "pips", 1, "largest spread of the bar"),
    Feature(
        "spread_z_60", "deviations", 60, "z-score of spread_mean over 60 bars; 0 where constant"
    ),
    Feature(
        "spread_to_volatility",
        "share",
        61,
        "s / (s + volatility_60), s = spread_mean in bps of c; 0.5 where both are 0",
    ),
    Feature("tick_intensity", "ln ticks", 1, "ln(ticks in the bar)"),
    Feature(
        "tick_intensity_z_60",
        "deviations",
        60,
        "z-score of tick_intensity over 60 bars; 0 where constant",
    ),
    Feature(
        "tick_imbalance_1",
        "share",
        1,
        "(ticks up - ticks down) / ticks, by the tick rule; Lee and Ready 1991",
    ),
    Feature("tick_imbalance_15", "share", 15, "the same over all ticks of 15 bars"),
    Feature(
        "flow_persistence_60",
        "1",
        60,
        "autocorrelation at lag 1 of tick_imbalance_1 over 60 bars; 0 where constant",
    ),
    Feature(
        "micro_gap",
        "pips",
        1,
        "mean micro-price less mid of the ticks with sizes; 0 where there are none; Stoikov 2018",
    ),
    Feature("sized_share", "share", 1, "ticks with sizes / ticks"),
    Feature("suspect_share_15", "share", 15, "suspect ticks / ticks over 15 bars"),
    Feature("day_sine", "1", 1, "sin of the time since 17:00 New York as a share of a day"),
    Feature("day_cosine", "1", 1, "cos of the same"),
    Feature(
        "week_sine", "1", 1, "sin of the time since Sunday 17:00 New York as a share of a week"
    ),
    Feature("week_cosine", "1", 1, "cos of the same"),
    Feature("hours_to_rollover", "hours", 1, "time to the next 17:00 New York, in (0, 24]"),
    Feature("hours_since_open", "ln hours", 1, "ln(1 + hours since the session opened)"),
)
"""Of the bars of one symbol alone."""

CROSS_FEATURES: tuple[Feature, ...] = (
    Feature(
        "dollar_factor_1",
        "bps",
        2,
        "mean r of the dollar against the others in the run's pairs, one interval before",
    ),
    Feature("dollar_factor_15", "bps", 17, "sum of the last 15 dollar_factor_1"),
    Feature(
        "base_strength_1",
        "bps",
        2,
        "mean r of the base currency in the run's other pairs, one interval before; 0 where none",
    ),
    Feature(
        "quote_strength_1",
        "bps",
        2,
        "mean r of the quote currency in the run's other pairs, one interval before; 0 where none",
    ),
    Feature(
        "triangle_gap",
        "bps",
        2,
        "mean 1e4 ln(mid / product of legs) of the run's triangles, one close before; 0 where none",
    ),
    Feature(
        "market_move_1",
        "bps",
        2,
        "root mean square of r of all pairs of the run, one interval before",
    ),
)
"""Of all symbols of the run, at the minute before."""

FEATURES: tuple[Feature, ...] = LOCAL_FEATURES + CROSS_FEATURES
"""Order is part of the schema: models read values by position."""

FEATURE_NAMES: tuple[str, ...] = tuple(f.name for f in FEATURES)

WARM_UP_BARS = max(f.warm_up_bars for f in FEATURES)
"""Bars of a session after which every feature is ready."""

SCHEMA = digest(*(part for f in FEATURES for part in f))
"""Identity of the whole list; a model of another schema is never fed with these values."""
