"""The features of a closed 1 m bar: name, unit, warm-up and formula of each, in model order.

``b`` is a bar, ``c`` its mid close, bps are ten-thousandths. Windows count bars of one market
session: the state starts anew with each session, so nothing spans a weekend.
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


FEATURES: tuple[Feature, ...] = (
    Feature("return_1", "bps", 2, "1e4 ln(c / c[-1])"),
    Feature("return_5", "bps", 6, "1e4 ln(c / c[-5])"),
    Feature("return_15", "bps", 16, "1e4 ln(c / c[-15])"),
    Feature("return_60", "bps", 61, "1e4 ln(c / c[-60])"),
    Feature("volatility_15", "bps", 16, "sample deviation of the last 15 return_1"),
    Feature("volatility_60", "bps", 61, "sample deviation of the last 60 return_1"),
    Feature(
        "parkinson_15",
        "bps",
        15,
        "1e4 sqrt(mean over 15 bars of ln(high / low)^2 / (4 ln 2)); Parkinson 1980",
    ),
    Feature("range_1", "bps", 1, "1e4 ln(high / low) of the mid"),
    Feature("close_location", "share", 1, "(c - low) / (high - low); 0.5 where high = low"),
    Feature("ema_gap_12", "bps", 36, "1e4 (c / EMA12(c) - 1), EMA started at the first close"),
    Feature("ema_gap_48", "bps", 61, "1e4 (c / EMA48(c) - 1)"),
    Feature("macd", "bps", 61, "1e4 (EMA12(c) - EMA26(c)) / c; Appel 1979"),
    Feature(
        "rsi_14", "share", 15, "Wilder's RSI over 14 changes, in [0, 1]; 0.5 where nothing moved"
    ),
    Feature("atr_14", "bps", 15, "Wilder's average true range over 14 bars, relative to c"),
    Feature(
        "bollinger_20", "deviations", 20, "(c - mean20(c)) / sample deviation20(c); 0 where flat"
    ),
    Feature("spread_mean", "pips", 1, "mean spread of the bar"),
    Feature(
        "spread_z_60", "deviations", 60, "z-score of spread_mean over 60 bars; 0 where constant"
    ),
    Feature("tick_intensity", "ln ticks", 1, "ln(ticks in the bar)"),
    Feature("day_sine", "1", 1, "sin of the time since 17:00 New York as a share of a day"),
    Feature("day_cosine", "1", 1, "cos of the same"),
)
"""Order is part of the schema: models read values by position."""

FEATURE_NAMES: tuple[str, ...] = tuple(f.name for f in FEATURES)

WARM_UP_BARS = max(f.warm_up_bars for f in FEATURES)
"""Bars of a session after which every feature is ready."""

SCHEMA = digest(*(part for f in FEATURES for part in f))
"""Identity of the whole list; a model of another schema is never fed with these values."""
