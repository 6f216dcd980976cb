"""``python -m benchmarks.peers.bars_bytewax TICKS_FILE``: 1 s bars and EMA with plain Bytewax.

The stock operators as the guide shows them: ``fold_window`` on an ``EventClock`` with a
``TumblingWindower`` for the bars, ``stateful_map`` for the EMA, one value per tick, one worker.
``ordered=False``, since the ticks come in order (the default sorts each window and is slower).
The clock waits ten seconds, so that no tick is late while its watermark follows the wall clock.
Values are tuples: an item holds the time as an aware ``datetime`` and the mid.

In the measured time: building the dataflow and running it, from a list of tuples in memory to lists
of bars and of EMA values in memory. No recovery store. Not in it: imports, reading the file, making
the tuples, turning the windows into rows for the check.
"""

import gc
import time
from datetime import UTC, datetime, timedelta

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main

from benchmarks.peers import tape as t

BATCH = 1_000
"""Ticks a poll of the source; larger is not faster."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Tick = tuple[datetime, float]
Ohlc = tuple[float, float, float, float]
Window = tuple[str, tuple[int, Ohlc | None]]


def ts_of(tick: Tick) -> datetime:
    """Return the time of a tick."""
    return tick[0]


def no_bar() -> Ohlc | None:
    """Begin a window."""
    return None


def ema(last: float | None, tick: Tick) -> tuple[float, float]:
    """Move the EMA by one tick; return it as state and as output."""
    value = tick[1] if last is None else last + t.ALPHA * (tick[1] - last)
    return value, value


def fold(bar: Ohlc | None, tick: Tick) -> Ohlc:
    """Add a tick to a bar."""
    mid = tick[1]
    if bar is None:
        return mid, mid, mid, mid
    opened, high, low, _ = bar
    return opened, (mid if mid > high else high), (mid if mid < low else low), mid


def merge(one: Ohlc | None, other: Ohlc | None) -> Ohlc | None:
    """Join two bars; tumbling windows never ask for it."""
    if one is None or other is None:
        return one or other
    return one[0], max(one[1], other[1]), min(one[2], other[2]), other[3]


def build(
    ticks: list[tuple[str, Tick]],
    bars: list[Window],
    emas: list[tuple[str, float]],
) -> Dataflow:
    """Wire the dataflow from a list to two lists."""
    flow = Dataflow("bars")
    up = op.input("ticks", flow, TestingSource(ticks, batch_size=BATCH))
    clock = win.EventClock(ts_of, wait_for_system_duration=timedelta(seconds=10))
    windower = win.TumblingWindower(length=timedelta(seconds=1), align_to=EPOCH)
    windows = win.fold_window("bars", up, clock, windower, no_bar, fold, merge, ordered=False)
    op.output("bars_out", windows.down, TestingSink(bars))
    op.output("emas_out", op.stateful_map("ema", up, ema), TestingSink(emas))
    return flow


def main() -> None:
    """Run and report."""
    tape = t.load(t.arguments().ticks_file)
    mids = ((tape.bid + tape.ask) / 2).tolist()
    moments = (EPOCH + timedelta(microseconds=us) for us in (tape.ts_event_ns // 1_000).tolist())
    ticks = list(zip(tape.names(), zip(moments, mids, strict=True), strict=True))
    windows: list[Window] = []
    emas: list[tuple[str, float]] = []

    gc.freeze()  # or the collector would walk the whole input again and again
    started = time.perf_counter()
    run_main(build(ticks, windows, emas))  # type: ignore[no-untyped-call]
    seconds = time.perf_counter() - started

    assert len(emas) == tape.size
    bars = [(name, second, *points) for name, (second, points) in windows if points]
    t.report("bytewax", tape, seconds, bars, dict(emas))


if __name__ == "__main__":
    main()
