"""``python -m benchmarks.peers.bars_csp TICKS_FILE``: 1 s bars and EMA with Point72's csp.

One graph for all pairs: bids and asks enter as two NumPy-backed ``csp.curve`` a pair, the mid is
``(bid + ask) / 2`` in the graph, and everything after it is ``csp.stats``, that is C++ nodes; no
Python runs per tick. A window of ``csp.stats`` includes its end, so the timer that asks for the
bar stands 1 us before the whole second. A second without a tick gives no bar (``csp.filter``).

A NumPy-backed curve of csp 0.19 keeps only the last of several values of one instant, so the k-th
tick of one pair and instant is set k ns later; a curve from a list keeps them and is much slower.

In the measured time: ``csp.run``, that is building the graph, the replay, and the outputs of every
tick's EMA and of every bar as NumPy arrays. Not in it: imports, reading the file,
splitting its columns by pair, and turning the arrays into rows for the check.
"""

import time
from datetime import UTC, datetime, timedelta

import csp
import numpy as np
from csp import stats, ts

from benchmarks.peers import tape as t

SECOND = timedelta(seconds=1)
BEFORE_THE_SECOND = timedelta(microseconds=1)
POINTS = ("open", "high", "low", "close")

Columns = dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]


@csp.graph(memoize=False)  # type: ignore[untyped-decorator]
def bars_and_ema(columns: Columns) -> None:
    """Wire every pair: its name to times, bids and asks."""
    end_of_second = csp.timer(SECOND)
    for name, (when, bid, ask) in columns.items():
        mid: ts[float] = (csp.curve(float, (when, bid)) + csp.curve(float, (when, ask))) / 2.0
        window = {"interval": SECOND, "min_window": BEFORE_THE_SECOND, "trigger": end_of_second}
        has_tick = stats.count(mid, **window) > 0.0
        of_points = (stats.first, stats.max, stats.min, stats.last)
        for point, of_point in zip(POINTS, of_points, strict=True):
            value = csp.filter(has_tick, of_point(mid, **window))
            csp.add_graph_output(f"{name} {point}", value)
        csp.add_graph_output(f"{name} ema", stats.ema(mid, span=t.SPAN, adjust=False))


def strictly_rising(ts_ns: np.ndarray) -> np.ndarray:
    """Set the k-th of several equal times k ns later."""
    at = np.arange(ts_ns.size)
    is_first = np.diff(ts_ns, prepend=ts_ns[0] - 1) > 0
    return ts_ns + at - np.maximum.accumulate(np.where(is_first, at, 0))


def main() -> None:
    """Run and report."""
    tape = t.load(t.arguments().ticks_file)
    columns: Columns = {}
    for code, name in enumerate(tape.symbols):
        ts_ns, bid, ask = tape.of(code)
        if ts_ns.size:
            columns[name] = (strictly_rising(ts_ns).astype("datetime64[ns]"), bid, ask)
    first_s = int(tape.ts_event_ns[0]) // t.BAR_NS
    last_s = int(tape.ts_event_ns[-1]) // t.BAR_NS
    start = datetime.fromtimestamp(first_s, UTC) - BEFORE_THE_SECOND
    end = datetime.fromtimestamp(last_s + 1, UTC)

    started = time.perf_counter()
    out = csp.run(bars_and_ema, columns, starttime=start, endtime=end, output_numpy=True)
    seconds = time.perf_counter() - started

    bars: list[t.Bar] = []
    for name in columns:
        at = out[f"{name} open"][0].astype("datetime64[ns]").astype(np.int64) // t.BAR_NS
        points = (out[f"{name} {point}"][1].tolist() for point in POINTS)
        bars.extend((name, *row) for row in zip(at.tolist(), *points, strict=True))
    ema = {name: float(out[f"{name} ema"][1][-1]) for name in columns}
    t.report("csp", tape, seconds, bars, ema)


if __name__ == "__main__":
    main()
