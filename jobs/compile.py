"""Compiles the kernels into their cache: ``python -m jobs.compile``; no first tick pays.

What an older version of the code has left in the cache is removed first: numba looks at the file of
a kernel alone, not at the constants that it takes from others.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import features
import trading
from domain.bars import BarArray
from domain.log import Polled, Stamp
from domain.ticks import TickArray, new_records
from domain.topics import Topic
from features.bars import BarConfig
from features.minute_features import FeatureConfig
from features.panel import PanelConfig, PanelInput
from features.quality import QualityConfig
from operators.decode import by_symbol, ticks_of
from trading import lane_kernel

SYMBOL = "EURUSD"


def main() -> None:
    """Call every kernel once on a few records."""
    started = time.monotonic()
    for stale in _cached():
        stale.unlink()
    ticks = _ticks()
    QualityConfig((SYMBOL,)).build(None).judge(ticks)
    polled = Polled(Topic.TICKS, 0, 0, 0, [ticks.tobytes()], Stamp(0, 0, 0, ""))
    records, _ = ticks_of(polled, (SYMBOL,))
    (batch,) = by_symbol(records, (SYMBOL,), 0)
    config = BarConfig()
    out = config.build(SYMBOL, None).on_records(batch.records)
    # What cannot be written to is another type for the compiler.
    config.build(SYMBOL, None).on_records(np.frombuffer(ticks.tobytes(), dtype=ticks.dtype))
    minutes: BarArray = out.bars[out.bars["frame"] == config.decision_frame]
    FeatureConfig().build(SYMBOL, None).on_bars(minutes)
    passed_ns = int(out.edges["ts_event_ns"][-1])
    news = PanelInput(SYMBOL, minutes["ts_event_ns"], minutes["mid_close"], passed_ns)
    PanelConfig((SYMBOL,)).build(None).on_inputs([news])
    lane_kernel.load()
    print(f"kernels compiled in {time.monotonic() - started:.1f} s")


def _ticks() -> TickArray:
    """Return a quote every ten seconds for two minutes of an open market."""
    ticks = new_records(12)
    ticks["symbol"] = SYMBOL.encode()
    ticks["ts_event_ns"] = 1_709_625_600_000_000_000 + np.arange(12) * 10_000_000_000
    ticks["ts_recv_ns"] = ticks["ts_event_ns"]
    ticks["bid"], ticks["ask"] = 1.1, 1.1001
    return ticks


def _cached() -> Iterator[Path]:
    for room in (features, trading):
        folder = Path(str(room.__file__)).parent / "__pycache__"
        yield from folder.glob("*.nbi")
        yield from folder.glob("*.nbc")


if __name__ == "__main__":
    main()
