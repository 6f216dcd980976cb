"""``bars-vs-pandas``: 1 s, 1 m, 5 m and 1 h bars of 500,000 seeded ticks, in batches of 1,000.

Ours goes tick by tick as it must on a stream; pandas sees the whole tape at once and resamples the
three prices. Both give open, high, low and close of bid, ask and mid.
"""

import numpy as np
import pandas as pd

from benchmarks.result import Measured, alternately
from domain.nanos import parse_ns
from domain.ticks import TickArray, new_records
from features.bars import BarConfig

TICKS = 500_000
BATCH = 1_000
SEED = 1
FRAMES = ("1s", "1min", "5min", "1h")


def tape() -> TickArray:
    """Return a seeded random walk of EURUSD, about five ticks a second."""
    rng = np.random.default_rng(SEED)
    ticks = new_records(TICKS)
    ticks["symbol"] = b"EURUSD"
    gaps_ns = rng.exponential(0.2, TICKS) * 1e9
    ticks["ts_event_ns"] = parse_ns("2026-01-12") + np.cumsum(gaps_ns.astype(np.int64))
    ticks["ts_recv_ns"] = ticks["ts_event_ns"]
    mid = 1.1 + np.cumsum(rng.integers(-1, 2, TICKS)) * 1e-5
    ticks["bid"] = np.round(mid - 5e-5, 5)
    ticks["ask"] = np.round(mid + 5e-5, 5)
    return ticks


def measure() -> Measured:
    """Return ticks per second of both."""
    ticks = tape()
    frame = pd.DataFrame(
        {
            "bid": ticks["bid"],
            "ask": ticks["ask"],
            "mid": (ticks["bid"] + ticks["ask"]) / 2,
        },
        index=pd.to_datetime(ticks["ts_event_ns"], utc=True),
    )

    def ours() -> int:
        logic = BarConfig().build("EURUSD", None)
        for at in range(0, TICKS, BATCH):
            logic.on_records(ticks[at : at + BATCH])
        return TICKS

    def resample() -> int:
        for length in FRAMES:
            frame.resample(length).ohlc()
        return TICKS

    return alternately(ours, {"pandas": resample}, "ticks/s", rounds=5)
