"""Feature values that a trader can check by hand, and markets that would break a formula."""

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.bars import BarArray
from domain.nanos import MINUTE_NS
from features.feature_kernel import COLUMNS
from features.minute_features import FeatureConfig
from features.spec import WARM_UP_BARS
from testkit.bar_rows import bar_rows, random_rows

F64 = NDArray[np.float64]


def _last(rows: BarArray, symbol: str = "EURUSD") -> dict[str, float]:
    """Return the features of the last bar by name."""
    values = FeatureConfig().build(symbol, None).on_bars(rows).values[-1]
    return dict(zip(COLUMNS, values.tolist(), strict=True))


def _path(*steps: float) -> F64:
    return 1.1 + np.cumsum(np.resize(steps, 300)) / 1e5


def _hostile_tapes() -> dict[str, BarArray]:
    rng = np.random.default_rng(5)
    jumps = 10.0 ** rng.integers(-4, 6, 400).astype(np.float64)
    one_tick = random_rows(400, 6)
    for name in ("open", "high", "low"):
        one_tick[f"mid_{name}"] = one_tick["mid_close"]
    one_tick["tick_count"] = 1
    for name in ("up_count", "down_count", "suspect_count", "sized_count"):
        one_tick[name] = 0
    one_tick["micro_gap_sum_millipips"] = one_tick["move_sq_sum_millipips2"] = 0
    wild = bar_rows(
        jumps,
        mid_high=jumps * 10,
        mid_low=jumps / 10,
        tick_count=1 + rng.integers(0, 2, 400) * 10**9,
        spread_sum_millipips=10**15,
        move_sq_sum_millipips2=10**17,
    )
    return {
        "flat": bar_rows(np.full(400, 1.1)),
        "flat without a spread": bar_rows(np.full(400, 1.1), spread_sum_millipips=0),
        "one tick a bar": one_tick,
        "jumps over ten powers of ten": wild,
        "the smallest steps of a number": bar_rows(
            np.where(np.arange(400) % 3 == 0, 1.1, np.nextafter(1.1, 2.0))
        ),
        "one return for ever": bar_rows(1.1 * 1.001 ** np.arange(400)),
        "only up": bar_rows(_path(1.0)),
        "only down": bar_rows(_path(-1.0)),
        "up and down": bar_rows(_path(7.0, -7.0)),
        "one move, then four days of silence": bar_rows(
            np.where(np.arange(7_000) < 30, 1.2, 1.1), "2024-01-14T22:00"
        ),
    }


@pytest.mark.parametrize("name", _hostile_tapes())
def test_every_feature_of_a_valid_bar_is_a_number(name: str) -> None:
    """Whatever the market does, no warm value is NaN or infinite."""
    found = FeatureConfig().build("EURUSD", None).on_bars(_hostile_tapes()[name])
    assert np.isfinite(found.values[WARM_UP_BARS - 1 :]).all()


@pytest.mark.parametrize("value", [1.1, 150.003, 0.1])
def test_a_market_that_does_not_move_has_features_too(value: float) -> None:
    """Where a share, a ratio or a deviation has no meaning the value is the one of the spec."""
    found = _last(bar_rows(np.full(WARM_UP_BARS, value), sized_count=0))
    halves = ("close_location", "rsi_5", "rsi_14", "rsi_28", "stochastic_14", "donchian_60")
    assert [found[name] for name in halves] == [0.5] * len(halves)
    ones = ("volatility_ratio", "atr_ratio", "variance_ratio_5_60", "spread_to_volatility")
    assert [found[name] for name in ones] == [1.0] * len(ones)
    neutral = [name for name in COLUMNS if name not in {*halves, *ones}]
    informing = {"spread_mean": 1.0, "spread_max": 1.0, "tick_intensity": np.log(7.0)}
    clock = neutral[neutral.index("day_sine") :]
    for name in set(neutral) - set(clock):
        assert found[name] == pytest.approx(informing.get(name, 0.0)), name


def test_returns_look_back_as_far_as_their_names_say() -> None:
    """Each bar rises by one basis point, so that a return counts bars."""
    found = _last(bar_rows(1.1 * np.exp(1e-4 * np.arange(130))))
    for bars in (1, 2, 3, 5, 10, 15, 30, 60, 120):
        assert found[f"return_{bars}"] == pytest.approx(bars)
    assert found["efficiency_ratio_30"] == pytest.approx(1.0)


@pytest.mark.parametrize(("step", "share"), [(1.0, 1.0), (-1.0, 0.0)])
def test_indices_and_places_at_their_ends(step: float, share: float) -> None:
    """A market that only rises has 1, one that only falls has 0."""
    found = _last(bar_rows(_path(step)))
    names = ("rsi_5", "rsi_14", "rsi_28", "stochastic_14", "donchian_60")
    assert [found[name] for name in names] == [share] * len(names)


def test_the_true_range_reaches_to_the_close_before() -> None:
    """A gap between two bars counts as range, up and down."""
    closes = np.append(np.ones(14), [1.014, 1.0])
    rows = bar_rows(closes)
    rows["mid_high"][14:], rows["mid_low"][14:] = (1.014, 1.001), (1.013, 1.0)
    assert _last(rows[:15])["atr_14"] == pytest.approx(1e4 * 0.014 / 14 / 1.014)
    assert _last(rows)["atr_14"] == pytest.approx(1e4 * (0.001 + (0.014 - 0.001) / 14))


def test_ranges_tell_the_volatility_of_one_shape_of_bar() -> None:
    """Bars that open and close in the middle of 20 bps: all estimators have their closed form."""
    half = np.exp(1e-3)
    found = _last(bar_rows(np.ones(60), mid_high=half, mid_low=1 / half))
    assert found["range_1"] == pytest.approx(20.0)
    assert found["parkinson_15"] == pytest.approx(found["parkinson_60"])
    assert found["parkinson_60"] == pytest.approx(20.0 / np.sqrt(4 * np.log(2)))
    assert found["garman_klass_15"] == pytest.approx(20.0 / np.sqrt(2))
    assert found["rogers_satchell_15"] == pytest.approx(10.0 * np.sqrt(2))


@pytest.mark.parametrize(("symbol", "price"), [("EURUSD", 1.0), ("USDJPY", 100.0)])
def test_pips_are_those_of_the_instrument(symbol: str, price: float) -> None:
    """A squared move of 9 pips in each bar: 3 pips, of the price, are 3 bps here for both."""
    rows = bar_rows(np.full(61, price), move_sq_sum_millipips2=9_000_000)
    found = _last(rows, symbol)
    assert found["realised_5"] == pytest.approx(3.0 * np.sqrt(5))
    assert found["realised_15"] == pytest.approx(3.0 * np.sqrt(15))
    assert found["realised_60"] == pytest.approx(3.0 * np.sqrt(60))


def test_a_bars_ticks_tell_who_presses() -> None:
    """Ten ticks a bar: up, down, with sizes and suspect, and the micro-price above the mid."""
    rows = bar_rows(
        np.full(15, 1.1),
        tick_count=10,
        up_count=6,
        down_count=2,
        sized_count=4,
        micro_gap_sum_millipips=2_000,
        suspect_count=1,
        spread_sum_millipips=15_000,
        spread_max_millipips=4_000,
    )
    rows["up_count"][-1] = 9
    found = _last(rows)
    wanted = {
        "tick_imbalance_1": 0.7,
        "tick_imbalance_15": (14 * 4 + 7) / 150,
        "micro_gap": 0.5,
        "sized_share": 0.4,
        "suspect_share_15": 0.1,
        "spread_mean": 1.5,
        "spread_max": 4.0,
        "tick_intensity": np.log(10),
    }
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)


def test_a_market_that_turns_at_every_bar_does_not_persist() -> None:
    """Alternating moves have autocorrelation near -1 at lags 1 and 5, and a variance ratio near 0.

    Of alternating signs one sum of five is left over: a fifth of the variance of one, twentyfive
    times less than that of five in a row.
    """
    rows = bar_rows(_path(5.0, -5.0), tick_count=10)
    rows["up_count"][::2] = rows["down_count"][1::2] = 10
    found = _last(rows)
    assert found["autocorrelation_1_60"] == pytest.approx(-59 / 60, rel=1e-3)
    assert found["autocorrelation_5_60"] == pytest.approx(-55 / 60, rel=1e-3)
    assert found["flow_persistence_60"] == pytest.approx(-59 / 60)
    assert 0.15 < found["variance_ratio_5_60"] < 0.25
    assert found["efficiency_ratio_30"] == pytest.approx(0.0, abs=1e-9)
    assert found["kurtosis_60"] == pytest.approx(-2.0, rel=1e-3)


def test_one_jump_in_an_hour_is_far_out() -> None:
    """The largest z-score that 60 values allow is 59 / sqrt(60)."""
    closes = np.full(121, 1.1)
    closes[-1] = 1.2
    found = _last(bar_rows(closes))
    for name in ("bollinger_60", "return_z_60"):
        assert found[name] == pytest.approx(59 / np.sqrt(60))
    assert found["bollinger_20"] == pytest.approx(19 / np.sqrt(20))


@pytest.mark.parametrize(
    ("end", "hours_since_open", "hours_to_rollover", "day_cosine", "week_cosine"),
    [
        ("2024-01-15T22:00", 24.0, 24.0, 1.0, np.cos(2 * np.pi / 7)),
        ("2024-07-15T21:00", 24.0, 24.0, 1.0, np.cos(2 * np.pi / 7)),
        ("2024-01-16T10:00", 36.0, 12.0, -1.0, np.cos(3 * np.pi / 7)),
        ("2024-01-18T10:00", 84.0, 12.0, -1.0, -1.0),
        # The close of the week.
        ("2024-01-19T22:00", 120.0, 24.0, 1.0, np.cos(10 * np.pi / 7)),
        # Clocks changed on the Sunday on which this week opened, at 21:00 UTC.
        ("2024-03-10T22:00", 1.0, 23.0, np.cos(np.pi / 12), np.cos(np.pi / 84)),
        # Christmas cuts the week: a session opens on the Wednesday.
        ("2024-12-25T23:00", 1.0, 23.0, np.cos(np.pi / 12), np.cos(73 * np.pi / 84)),
    ],
)
def test_the_clocks_of_the_market(
    end: str,
    hours_since_open: float,
    hours_to_rollover: float,
    day_cosine: float,
    week_cosine: float,
) -> None:
    """Days and weeks turn at 17:00 New York, sessions begin where the market opens."""
    row = bar_rows([1.1], end)
    for name in ("ts_open_ns", "ts_event_ns"):
        row[name] -= MINUTE_NS
    found = _last(row)
    assert found["hours_since_open"] == pytest.approx(np.log1p(hours_since_open))
    assert found["hours_to_rollover"] == pytest.approx(hours_to_rollover)
    assert found["day_cosine"] == pytest.approx(day_cosine)
    assert found["week_cosine"] == pytest.approx(week_cosine)
