"""``python -m benchmarks.peers.bars_pathway TICKS_FILE``: 1 s bars and EMA with Pathway.

The ticks enter as a stream, one ``next`` a tick, through a Python connector that commits every
100 ms of wall time; ``windowby`` with a tumbling window gives the bars. Within one commit Pathway
promises no order, so a tick carries its row number, and the first, the last and the EMA come from
``pw.reducers.stateful_many``, which sorts the rows of a commit by it. That was faster than the
built-in reducers over ``(row number, mid)`` pairs, and than a static table of the same rows.

What differs from the others, by design of Pathway: a result is a table that is amended at each
commit. Every tick moves the EMA, but its value comes out once per pair and commit, not once per
tick; a bar comes out with the commit in which it began and again if a later one adds to it (to have
it once, when it is complete, ``exactly_once_behavior`` takes about twice as long).

In the measured time: from the connector's first tick to the return of ``pw.run``, with Python
callbacks on both results. Not in it: imports, reading the file, building the graph, and the start
of the engine. One worker thread.
"""

import time
from typing import Any

import pathway as pw

from benchmarks.peers import tape as t

COMMIT_MS = 100
"""Wall time between commits; 20 and 1,000 take as long."""

Ohlc = tuple[float, float, float, float]
Rows = list[tuple[tuple[int, float], int]]
"""Row number and mid of each new tick of a group, and its multiplicity, here always 1."""


class Tick(pw.Schema):  # type: ignore[misc]
    """A tick with its number in the file."""

    seq: int
    symbol: str
    ts_event_ns: int
    mid: float


class Ticks(pw.io.python.ConnectorSubject):  # type: ignore[misc]
    """Feeds a tape."""

    def __init__(self, tape: t.Tape) -> None:
        super().__init__()
        mid = (tape.bid + tape.ask) / 2
        self._columns = (tape.names(), tape.ts_event_ns.tolist(), mid.tolist())
        self.started = 0.0

    def run(self) -> None:
        """Feed every tick, as fast as they are taken."""
        self.started = time.perf_counter()
        for seq, (name, ts_ns, mid) in enumerate(zip(*self._columns, strict=True)):
            self.next(seq=seq, symbol=name, ts_event_ns=ts_ns, mid=mid)


def mids_in_order(rows: Rows) -> list[float]:
    """Return the mids of new rows by row number."""
    return [mid for _, mid in sorted(row for row, _ in rows)]


@pw.reducers.stateful_many  # type: ignore[untyped-decorator]
def ohlc(state: Ohlc | None, rows: Rows) -> Ohlc:
    """Add ticks to a bar."""
    mids = mids_in_order(rows)
    if state is None:
        return mids[0], max(mids), min(mids), mids[-1]
    return state[0], max(state[1], *mids), min(state[2], *mids), mids[-1]


@pw.reducers.stateful_many  # type: ignore[untyped-decorator]
def ema(state: float | None, rows: Rows) -> float:
    """Move the EMA tick by tick."""
    mids = mids_in_order(rows)
    value = mids[0] if state is None else state
    for mid in mids:
        value += t.ALPHA * (mid - value)
    return value


def main() -> None:
    """Run and report."""
    tape = t.load(t.arguments().ticks_file)
    feed = Ticks(tape)
    ticks = pw.io.python.read(feed, schema=Tick, autocommit_duration_ms=COMMIT_MS)
    windows = ticks.windowby(
        ticks.ts_event_ns, window=pw.temporal.tumbling(duration=t.BAR_NS), instance=ticks.symbol
    ).reduce(
        symbol=pw.this._pw_instance,
        start_ns=pw.this._pw_window_start,
        ohlc=ohlc(pw.this.seq, pw.this.mid),
    )
    emas = ticks.groupby(ticks.symbol).reduce(ticks.symbol, ema=ema(ticks.seq, ticks.mid))

    last_bars: dict[tuple[str, int], Ohlc] = {}
    last_emas: dict[str, float] = {}

    def on_bar(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:  # noqa: ARG001
        if is_addition:
            last_bars[row["symbol"], row["start_ns"] // t.BAR_NS] = row["ohlc"]

    def on_ema(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:  # noqa: ARG001
        if is_addition:
            last_emas[row["symbol"]] = row["ema"]

    pw.io.subscribe(windows, on_bar)
    pw.io.subscribe(emas, on_ema)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    seconds = time.perf_counter() - feed.started

    bars = [(name, second, *points) for (name, second), points in last_bars.items()]
    t.report("pathway", tape, seconds, bars, last_emas)


if __name__ == "__main__":
    main()
