"""Features of hourly bars: against plain arithmetic, and without a look ahead."""

import math
import statistics
from typing import Any

import numpy as np
import pytest

from domain.errors import BadUse
from domain.fx_calendar import new_york_clock
from features.hour_features import HourBars, dollar_sign, hour_features
from features.hour_spec import HISTORY_BARS, HOUR_FEATURE_NAMES, HOUR_FEATURES, HOUR_SCHEMA
from models.evaluation.leaks import lookahead

HOUR_NS = 3_600_000_000_000
START_NS = 1_578_261_600_000_000_000
"""Sunday 5 January 2020, 17:00 New York."""


def bars(seed: int, n: int, *, mid_known: bool = True) -> HourBars:
    """Return bars of a walk, five days a week."""
    generator = np.random.default_rng(seed)
    hours = np.arange(n)
    close_ns = START_NS + (hours // 120 * 168 + hours % 120 + 1) * HOUR_NS
    close = 1.1 * np.exp(np.cumsum(generator.normal(0, 1e-3, n)))
    open_ = np.concatenate([[1.1], close[:-1]]) * np.exp(generator.normal(0, 1e-4, n))
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    return HourBars(
        close_ns,
        *new_york_clock(close_ns),
        open_,
        top * (1 + generator.uniform(0, 1e-3, n)),
        bottom * (1 - generator.uniform(0, 1e-3, n)),
        close,
        np.full(n, 1e-4) if mid_known else np.full(n, np.nan),
        generator.integers(1, 900, n).astype(float),
        mid_known,
    )


PAIRS = {"EURUSD": bars(1, 900), "USDJPY": bars(2, 880, mid_known=False), "GBPUSD": bars(3, 700)}


def test_rows_are_ready_after_their_history_and_then_finite() -> None:
    """Nothing is answered before there is a history, and everything after it."""
    for symbol, rows in hour_features(PAIRS).items():
        assert np.isnan(rows[:HISTORY_BARS]).all(), symbol
        late = rows[HISTORY_BARS + 120 :]
        names = [HOUR_FEATURE_NAMES[at] for at in np.flatnonzero(~np.isfinite(late).all(axis=0))]
        assert not names, symbol


def test_values_follow_their_formulas() -> None:
    """Some features of one bar, computed by hand from the bars before it."""
    own, at = PAIRS["EURUSD"], 850
    row = dict(zip(HOUR_FEATURE_NAMES, hour_features(PAIRS)["EURUSD"][at], strict=True))
    c = own.close.tolist()
    r = [1e4 * math.log(c[k] / c[k - 1]) for k in range(at - 130, at + 1)]
    vol = statistics.stdev(r[-120:])
    assert row["return_lag_0"] == pytest.approx(r[-1] / vol)
    assert row["return_lag_3"] == pytest.approx(r[-4] / vol)
    assert row["return_sum_12"] == pytest.approx(sum(r[-12:]) / (vol * math.sqrt(12)))
    assert row["volatility_ratio_short"] == pytest.approx(statistics.stdev(r[-24:]) / vol)
    assert row["range"] == pytest.approx(1e4 * math.log(own.high[at] / own.low[at]) / vol)
    gains = [c[k] - c[k - 1] for k in range(at - 13, at + 1)]
    up, down = sum(g for g in gains if g > 0), -sum(g for g in gains if g < 0)
    assert row["rsi_14"] == pytest.approx(up / (up + down))
    lows, highs = own.low[at - 59 : at + 1], own.high[at - 59 : at + 1]
    assert row["donchian_60"] == pytest.approx((c[at] - lows.min()) / (highs.max() - lows.min()))
    assert row["spread_ratio"] == 1.0
    assert row["mid_known"] == 1.0
    same = np.flatnonzero(own.new_york_hour[:at] == own.new_york_hour[at])[-20:]
    usual = np.mean([abs(1e4 * math.log(c[k] / c[k - 1])) for k in same])
    assert row["return_to_hour"] == pytest.approx(r[-1] / usual)


def test_others_are_turned_into_the_direction_of_the_pair() -> None:
    """A rising USDJPY is a rising dollar: for EURUSD that is a fall."""
    rows = hour_features(PAIRS)["EURUSD"]
    own, yen, pound = PAIRS["EURUSD"], PAIRS["USDJPY"], PAIRS["GBPUSD"]
    at = 690
    move = [1e4 * math.log(one.close[at] / one.close[at - 1]) for one in (yen, pound)]
    vol = np.std(np.diff(1e4 * np.log(own.close[at - 120 : at + 1])), ddof=1)
    expected = (-move[0] + move[1]) / 2 / vol
    assert rows[at, HOUR_FEATURE_NAMES.index("others_move")] == pytest.approx(expected)
    assert [dollar_sign(s) for s in ("EURUSD", "USDJPY", "EURGBP")] == [1, -1, 0]


def test_a_tape_that_ends_earlier_gives_the_same_rows() -> None:
    """No feature looks ahead: not one bit differs where the tape is cut."""
    whole = hour_features(PAIRS)

    def until(end_ns: int) -> dict[str, HourBars]:
        cut = {}
        for symbol, one in PAIRS.items():
            keep = one.close_ns <= end_ns
            columns: list[Any] = [v[keep] if isinstance(v, np.ndarray) else v for v in one]
            cut[symbol] = HourBars(*columns)
        return cut

    for at in (650, 777, 899):
        found = hour_features(until(int(PAIRS["EURUSD"].close_ns[at])))
        for symbol, rows in found.items():
            np.testing.assert_array_equal(rows, whole[symbol][: len(rows)])


def test_the_detector_finds_a_planted_look_ahead() -> None:
    """The same comparison names a column that uses the next bar."""
    own = PAIRS["EURUSD"]

    def compute(close: np.ndarray) -> np.ndarray:
        honest = np.diff(close, prepend=np.nan)
        ahead = np.append(np.diff(close), np.nan)
        return np.column_stack([honest, ahead])

    found = lookahead(compute, own.close, (300, 500), ("honest", "ahead"))
    assert tuple(found) == ("ahead",)


def test_bars_out_of_order_or_without_a_price_are_refused() -> None:
    """Features of such bars would be of nothing."""
    own = PAIRS["GBPUSD"]
    with pytest.raises(BadUse, match="order"):
        hour_features({"GBPUSD": own._replace(close_ns=own.close_ns[::-1].copy())})
    with pytest.raises(BadUse, match="price"):
        hour_features({"GBPUSD": own._replace(low=np.zeros(700))})


def test_the_schema_names_every_feature_once() -> None:
    """Names are distinct, and the schema is what artefacts of hourly bars carry."""
    assert len(set(HOUR_FEATURE_NAMES)) == len(HOUR_FEATURES)
    assert len(HOUR_SCHEMA) == 32
