"""Features beside pandas and numpy at every step, exact warm-ups, and sessions that do not mix."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from domain.bars import Bar
from domain.nanos import DAY_NS, HOUR_NS, parse_ns
from domain.predictions import FeatureVector
from domain.ticks import TickArray
from features.bars import BarConfig
from features.minute_features import FeatureConfig
from features.quality import QualityConfig
from features.spec import FEATURE_NAMES, FEATURES, SCHEMA, WARM_UP_BARS
from testkit.tapes import across_weekend, minute_bar

F64 = NDArray[np.float64]

WARM_UP = {
    "return_1": 2,
    "return_5": 6,
    "return_15": 16,
    "return_60": 61,
    "volatility_15": 16,
    "volatility_60": 61,
    "parkinson_15": 15,
    "range_1": 1,
    "close_location": 1,
    "ema_gap_12": 36,
    "ema_gap_48": 61,
    "macd": 61,
    "rsi_14": 15,
    "atr_14": 15,
    "bollinger_20": 20,
    "spread_mean": 1,
    "spread_z_60": 60,
    "tick_intensity": 1,
    "day_sine": 1,
    "day_cosine": 1,
}
"""Closed bars of the session, the present one included, from which each feature is there."""


def _minute_bars(symbol: str, ticks: TickArray) -> list[Bar]:
    log = QualityConfig((symbol,)).build(None).judge(ticks).log
    return BarConfig(("1m",)).build(symbol, None).on_records(log).bars


def _named(vector: FeatureVector) -> dict[str, float | None]:
    return dict(zip(FEATURE_NAMES, vector.values, strict=True))


def _deviation(values: pd.Series, window: int) -> F64:
    """Return the sample deviation of each full window, summed afresh for each of them."""
    out = np.full(len(values), np.nan)
    if len(values) >= window:
        windows = np.lib.stride_tricks.sliding_window_view(values.to_numpy(), window)
        out[window - 1 :] = np.std(windows, axis=1, ddof=1)
    return out


def _wilder(moves: pd.Series) -> pd.Series:
    """Return Wilder's average of 14 moves: a plain mean, then smoothing by a fourteenth."""
    if len(moves) < 15:
        return pd.Series(np.nan, index=moves.index)
    seeded = moves.copy()
    seeded.iloc[14] = moves.iloc[1:15].mean()
    smooth: pd.Series = seeded.iloc[14:].ewm(alpha=1 / 14, adjust=False).mean()
    return smooth.reindex(moves.index)


def _oracle(bars: pd.DataFrame) -> pd.DataFrame:
    """Return every feature of one session's bars, by whole columns; not masked for warm-up."""
    close, high, low = bars["mid_close"], bars["mid_high"], bars["mid_low"]
    spread = bars["spread_mean_pips"]
    change = close.diff()
    log_return = 1e4 * np.log(close).diff()
    log_range = np.log(high / low)
    true_range = pd.concat([high, close.shift()], axis=1).max(axis=1) - pd.concat(
        [low, close.shift()], axis=1
    ).min(axis=1)
    gain, loss = _wilder(change.clip(lower=0)), _wilder((-change).clip(lower=0))
    emas = {n: close.ewm(span=n, adjust=False).mean() for n in (12, 26, 48)}
    local = pd.to_datetime(bars["ts_event_ns"], utc=True).dt.tz_convert("America/New_York")
    since_roll = (local.dt.tz_localize(None) - pd.Timedelta("17h")).dt
    seconds = since_roll.hour * 3600 + since_roll.minute * 60 + since_roll.second
    angle = 2 * np.pi * seconds / 86_400
    with np.errstate(invalid="ignore", divide="ignore"):
        spread_z = (spread - spread.rolling(60).mean()) / _deviation(spread, 60)
    flat = spread.rolling(60).max() == spread.rolling(60).min()
    return pd.DataFrame(
        {
            **{f"return_{n}": 1e4 * np.log(close / close.shift(n)) for n in (1, 5, 15, 60)},
            "volatility_15": _deviation(log_return, 15),
            "volatility_60": _deviation(log_return, 60),
            "parkinson_15": 1e4 * np.sqrt((log_range**2).rolling(15).mean() / (4 * np.log(2))),
            "range_1": 1e4 * log_range,
            "close_location": ((close - low) / (high - low)).where(high > low, 0.5),
            "ema_gap_12": 1e4 * (close / emas[12] - 1),
            "ema_gap_48": 1e4 * (close / emas[48] - 1),
            "macd": 1e4 * (emas[12] - emas[26]) / close,
            "rsi_14": 1 - 1 / (1 + gain / loss),
            "atr_14": 1e4 * _wilder(true_range) / close,
            "bollinger_20": (close - close.rolling(20).mean()) / _deviation(close, 20),
            "spread_mean": spread,
            "spread_z_60": spread_z.where(~flat, 0.0),
            "tick_intensity": np.log(bars["tick_count"]),
            "day_sine": np.sin(angle),
            "day_cosine": np.cos(angle),
        }
    )[list(WARM_UP)]


def _assert_like_the_oracle(bars: list[Bar], min_sessions: int) -> None:
    logic = FeatureConfig().build("EURUSD", None)
    found = pd.DataFrame([_named(logic.on_bar(bar)) for bar in bars], dtype="float64")
    fields = ("ts_event_ns", "mid_close", "mid_high", "mid_low", "spread_mean_pips", "tick_count")
    table = pd.DataFrame({name: [getattr(bar, name) for bar in bars] for name in fields})
    # A day without a bar is a weekend: seen on the tape, not asked of the calendar.
    session = (table["ts_event_ns"].diff() > DAY_NS).cumsum()
    assert session.nunique() >= min_sessions
    for _, rows in table.groupby(session):
        wanted = _oracle(rows)
        for name, bars_needed in WARM_UP.items():
            wanted.iloc[: bars_needed - 1, wanted.columns.get_loc(name)] = np.nan
        np.testing.assert_allclose(
            found.loc[rows.index].to_numpy(), wanted.to_numpy(), rtol=1e-9, atol=1e-9
        )


@pytest.mark.real_data
def test_features_of_recorded_bars_follow_the_oracle(
    real_ticks: Mapping[str, TickArray],
) -> None:
    """On every minute of two weeks each of the 20 features is what whole columns give."""
    _assert_like_the_oracle(_minute_bars("EURUSD", real_ticks["EURUSD"]), min_sessions=3)


def test_features_of_a_walk_follow_the_oracle() -> None:
    """The same without recorded data, over a weekend in which the clocks change."""
    bars = _minute_bars("EURUSD", across_weekend("EURUSD", 40_000, 3))
    _assert_like_the_oracle(bars, min_sessions=2)


def test_the_table_of_warm_ups_is_that_of_the_spec() -> None:
    """Order, names and warm-up of all features, as models know them."""
    assert {feature.name: feature.warm_up_bars for feature in FEATURES} == WARM_UP
    assert tuple(WARM_UP) == FEATURE_NAMES
    assert max(WARM_UP.values()) == WARM_UP_BARS


def test_each_feature_is_ready_exactly_at_its_warm_up() -> None:
    """Not a bar sooner and not a bar later, and "not ready" is None, never a number."""
    logic = FeatureConfig().build("EURUSD", None)
    rng = np.random.default_rng(1)
    first: dict[str, int] = {}
    for count in range(1, 65):
        vector = logic.on_bar(minute_bar(count, float(np.round(1.1 + rng.normal() / 1e3, 5))))
        for name, value in _named(vector).items():
            if value is not None:
                assert math.isfinite(value)
                first.setdefault(name, count)
            else:
                assert name not in first
        assert vector.ready == (count >= WARM_UP_BARS)
    assert first == WARM_UP


def test_a_market_that_does_not_move_has_features_too() -> None:
    """Where a share or a deviation has no meaning the value is the one that the spec names."""
    logic = FeatureConfig().build("EURUSD", None)
    vector = [logic.on_bar(minute_bar(minute)) for minute in range(WARM_UP_BARS)][-1]
    values = _named(vector)
    assert vector.ready
    assert [values[name] for name in ("close_location", "rsi_14")] == [0.5, 0.5]
    neutral = (
        "return_60",
        "volatility_60",
        "parkinson_15",
        "atr_14",
        "bollinger_20",
        "spread_z_60",
    )
    assert [values[name] for name in neutral] == [0.0] * len(neutral)


@pytest.mark.parametrize(
    ("closes", "share"),
    [([1.0 + i / 1e3 for i in range(20)], 1.0), ([2.0 - i / 1e3 for i in range(20)], 0.0)],
)
def test_wilders_index_at_its_ends(closes: list[float], share: float) -> None:
    """A market that only rises has 1, one that only falls has 0."""
    logic = FeatureConfig().build("EURUSD", None)
    vectors = [logic.on_bar(minute_bar(minute, close)) for minute, close in enumerate(closes)]
    assert _named(vectors[-1])["rsi_14"] == share


def test_the_true_range_reaches_to_the_close_before() -> None:
    """A gap between two bars counts as range, up and down."""
    logic = FeatureConfig().build("EURUSD", None)
    for minute in range(14):
        logic.on_bar(minute_bar(minute, 1.0))
    up = _named(logic.on_bar(minute_bar(14, 1.014, mid_high=1.014, mid_low=1.013)))
    assert up["atr_14"] == pytest.approx(1e4 * 0.014 / 14 / 1.014, rel=1e-9)
    down = _named(logic.on_bar(minute_bar(15, 1.0, mid_high=1.001, mid_low=1.0)))
    assert down["atr_14"] == pytest.approx(1e4 * (0.001 + (0.014 - 0.001) / 14), rel=1e-9)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2024-01-12T20:00", "2024-01-14T22:00"),
        ("2024-03-08T20:00", "2024-03-10T21:00"),
        ("2024-12-24T20:00", "2024-12-25T22:00"),
    ],
)
def test_a_new_session_starts_cold(before: str, after: str) -> None:
    """After a weekend or a holiday nothing of the time before is left in any value."""
    logic = FeatureConfig().build("EURUSD", None)
    last = [logic.on_bar(minute_bar(minute, 1.1 + minute / 1e4, before)) for minute in range(120)][
        -1
    ]
    assert last.ready
    assert last.ts_event_ns == parse_ns(before) + 2 * HOUR_NS
    fresh = FeatureConfig().build("EURUSD", None)
    for minute in range(65):
        bar = minute_bar(minute, 1.3 - minute / 1e4, after)
        vector = logic.on_bar(bar)
        assert vector == fresh.on_bar(bar)
        assert vector.ready == (minute + 1 >= WARM_UP_BARS)
    assert logic.snapshot() == fresh.snapshot()


def test_a_quiet_spell_within_a_session_keeps_the_windows() -> None:
    """Windows count bars, not minutes: an hour without ticks does not start anew."""
    logic = FeatureConfig().build("EURUSD", None)
    for minute in range(61):
        logic.on_bar(minute_bar(minute))
    assert logic.on_bar(minute_bar(61 + 60, 1.2)).ready


def test_the_day_turns_at_five_in_new_york() -> None:
    """The angle is 0 at 17:00 New York, in winter and in summer, and half a turn at 05:00."""
    for start in ("2024-01-16T21:59", "2024-07-16T20:59"):
        values = _named(FeatureConfig().build("EURUSD", None).on_bar(minute_bar(0, start=start)))
        assert (values["day_sine"], values["day_cosine"]) == (0.0, 1.0)
    values = _named(
        FeatureConfig().build("EURUSD", None).on_bar(minute_bar(0, start="2024-01-16T09:59"))
    )
    assert values["day_cosine"] == pytest.approx(-1.0)


def test_a_vector_carries_the_times_and_prices_of_its_bar() -> None:
    """What labels and readers need stands beside the values."""
    bar = minute_bar(0, 1.25)
    vector = FeatureConfig().build("EURUSD", None).on_bar(bar)
    assert (vector.symbol, vector.schema) == ("EURUSD", SCHEMA)
    assert (vector.ts_event_ns, vector.ts_recv_ns) == (bar.ts_event_ns, bar.ts_recv_ns)
    assert (vector.mid_close, vector.spread_mean_pips) == (1.25, 1.0)


def test_the_schema_is_the_one_that_stored_models_were_trained_on() -> None:
    """Another list, order, unit or formula is another schema: then every model is trained anew."""
    assert SCHEMA == "9236172730d9a59679039aaa997ce0ce"
