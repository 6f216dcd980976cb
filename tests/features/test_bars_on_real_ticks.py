"""Bars of recorded ticks beside pandas, and beside the minute bars that the venue published."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from domain.bars import TIMEFRAMES, Bar, Timeframe
from domain.ticks import TickArray
from features.bars import BarConfig
from features.quality import QualityConfig
from tests.features.oracle import POINTS, accepted, assert_same_bars, expected_bars, table

pytestmark = pytest.mark.real_data

SYMBOLS = ("EURUSD", "NZDUSD")

# Bid and ask of the venue's minute bars are ours to the last bit. Its mid highs and lows are not a
# price that was ever quoted but (bid_high + ask_high) / 2: measured, all four mid prices agree in
# 42.4 % (EURUSD) and 21.3 % (NZDUSD) of the bars.
SHARE_OF_EQUAL_MIDS = {"EURUSD": 0.42, "NZDUSD": 0.21}


class Built(NamedTuple):
    """What became of all recorded ticks of one symbol."""

    ticks: TickArray
    bars: list[Bar]
    clock_ns: int


@pytest.fixture(scope="module")
def built(real_ticks: Mapping[str, TickArray]) -> dict[str, Built]:
    """Judge all days, build every bar, and let a last heartbeat close what it can."""
    found = {}
    for symbol in SYMBOLS:
        rules, bars = QualityConfig((symbol,)).build(None), BarConfig().build(symbol, None)
        log = rules.judge(real_ticks[symbol]).log
        last = rules.last_heartbeat()
        closed = bars.on_records(log).bars + bars.on_records(last).bars
        found[symbol] = Built(accepted(log), closed, int(last["ts_recv_ns"][0]))
    return found


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_only_an_exact_copy_is_rejected(
    symbol: str, built: dict[str, Built], real_ticks: Mapping[str, TickArray]
) -> None:
    """The recording is clean: what is missing repeats the quote and the time of the row above."""
    raw = real_ticks[symbol]
    same = np.ones(raw.size, dtype=np.bool_)
    for name in ("ts_event_ns", "bid", "ask"):
        same &= np.concatenate([[False], raw[name][1:] == raw[name][:-1]])
    assert (raw["seq"][same] == np.setdiff1d(raw["seq"], built[symbol].ticks["seq"])).all()
    assert raw.size - built[symbol].ticks.size == same.sum()


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_every_closed_bar_is_the_one_that_pandas_makes(
    symbol: str, timeframe: Timeframe, built: dict[str, Built]
) -> None:
    """Equal in every field, and none missing but the one still open at the end of the tape."""
    ticks, bars, clock_ns = built[symbol]
    wanted = expected_bars(symbol, ticks, timeframe)
    still_open = wanted["ts_event_ns"] > clock_ns
    assert still_open.sum() == 1
    assert_same_bars(table(bars, timeframe), wanted[~still_open])


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_minute_bars_are_those_of_the_venue(
    symbol: str, built: dict[str, Built], real_data: Path
) -> None:
    """Every minute has a bar in both; bid, ask, and the mid at open and close are the same."""
    (path,) = (real_data / "bars").glob(f"{symbol}_M1_oanda_*.parquet")
    venue = pd.read_parquet(path)
    venue["ts_open_ns"] = venue["ts"].astype("datetime64[ns, UTC]").astype("int64")
    ours = table(built[symbol].bars, "1m")
    both = ours.merge(venue, on="ts_open_ns", suffixes=("", "_venue"), validate="1:1")
    # The venue's last minute is still open on the tape.
    assert len(both) == len(ours) == len(venue) - 1 > 15_000
    for side in ("bid", "ask"):
        for point in POINTS:
            assert (both[f"{side}_{point}"] == both[f"{side}_{point}_venue"]).all()
    same = {point: (both[f"mid_{point}"] - both[point]).abs() < 1e-9 for point in POINTS}
    assert same["open"].all()
    assert same["close"].all()
    # A high or low of the mid lies within the mean of the highs or lows, and mostly is less wide.
    assert (both["mid_high"] <= both["high"] + 1e-9).all()
    assert (both["mid_low"] >= both["low"] - 1e-9).all()
    assert pd.DataFrame(same).all(axis=1).mean() > SHARE_OF_EQUAL_MIDS[symbol]
