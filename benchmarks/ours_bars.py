"""``python -m benchmarks.ours_bars TICKS_FILE [--bootstrap HOST:PORT]``: 1 s bars and EMA, ours.

The bar step as it is in the product, and an EMA of every tick as a user would add it: a small
kernel in a keyed step. From memory in batches of ``BATCH`` records, or from Kafka, one tick a
message.

In the measured time: building the dataflow and running it, from records in memory (or in Kafka) to
rows of bars and arrays of EMA values in memory. Not in it: imports, the kernels' compilation,
making the records (or filling the topic), turning rows into tuples for the check.
"""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow, Stream
from bytewax.operators import KeyedStream
from bytewax.testing import TestingSource
from numba import njit
from numpy.typing import NDArray

from benchmarks.live import Tape, fill, new_run, scratch
from benchmarks.peers import tape as t
from domain.log import Polled
from domain.ticks import TickArray, TickBatch, new_records
from domain.topics import Topic
from features.bars import BarConfig
from operators import engine
from operators.decide import BarStep, Closed
from operators.decode import by_symbol, ticks_of
from operators.keyed import keyed
from sinks.collect import CollectSink
from sources.kafka import KafkaSource, KafkaSourceConfig
from sources.quiesce import Quiesce

BATCH = 10_000
BARS = BarConfig(timeframes=("1s", "1m"))
_EPOCH_MS = 10_000


@njit(cache=True)
def ema_kernel(records: TickArray, state: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Return the EMA of the mid after each tick; the first tick starts it, a heartbeat is none."""
    out = np.empty(records.size)
    kinds, bid, ask = records["kind"], records["bid"], records["ask"]
    ema = state[0]
    count = 0
    for i in range(records.size):
        if kinds[i] == 0:
            mid = (bid[i] + ask[i]) / 2
            ema = mid if np.isnan(ema) else ema + alpha * (mid - ema)
            out[count] = ema
            count += 1
    state[0] = ema
    return out[:count]


class EmaStep:
    """The EMA of one symbol's ticks."""

    def __init__(self, symbol: str, state: Mapping[str, Any] | None) -> None:
        self._symbol = symbol
        self._state = np.full(1, np.nan if state is None else state["ema"])

    def on_batch(self, values: list[TickBatch]) -> Iterable[tuple[str, NDArray[np.float64]]]:
        """Move on by some ticks."""
        for batch in values:
            yield self._symbol, ema_kernel(batch.records, self._state, t.ALPHA)

    def snapshot(self) -> Mapping[str, Any]:
        """Return the last value."""
        return {"v": 1, "ema": float(self._state[0])}


class Taken:
    """What the flow gave."""

    def __init__(self) -> None:
        self.closed: list[Closed] = []
        self.emas: list[tuple[str, NDArray[np.float64]]] = []

    def bars(self) -> list[t.Bar]:
        """Return the 1 s bars as the other engines give them; an open one counts."""
        out: list[t.Bar] = []
        for closed in self.closed:
            rows = closed.bars[closed.bars["frame"] == 0]
            prices = (rows[f"mid_{point}"].tolist() for point in ("open", "high", "low", "close"))
            columns = zip(rows["seq"].tolist(), *prices, strict=True)
            out.extend((closed.symbol, *row) for row in columns)
        return out


def wire(batches: Stream[TickBatch], taken: Taken) -> None:
    """Wire batches of ticks to bars and EMAs in memory."""
    ticks: KeyedStream[TickBatch] = op.key_on("by_symbol", batches, lambda batch: batch.symbol)
    closed = keyed("bars", ticks, lambda k, s: BarStep(BARS, k, s), lambda b: b.symbol)
    emas = keyed("ema", ticks, lambda k, s: EmaStep(k, s), lambda b: b.symbol)
    op.output("bars_out", closed, CollectSink(taken.closed.extend))
    op.output("ema_out", emas, CollectSink(taken.emas.extend))


def in_memory(records: TickArray, symbols: tuple[str, ...], taken: Taken) -> float:
    """Run from memory; return the seconds."""
    parts = [records[i : i + BATCH] for i in range(0, records.size, BATCH)]
    started = time.perf_counter()
    flow = Dataflow("ours")
    given = op.input("in", flow, TestingSource(parts, batch_size=1))
    batches = op.flat_map("split", given, lambda part: by_symbol(part, symbols, 0))
    wire(batches, taken)
    engine.run(flow, _EPOCH_MS, None)
    return time.perf_counter() - started


def from_kafka(records: TickArray, symbols: tuple[str, ...], bootstrap: str, taken: Taken) -> float:
    """Run from a filled topic; return the seconds."""
    with scratch() as folder:
        plan = new_run(bootstrap, symbols, Path(folder))
        fill(Tape(symbols, records), plan.address)
        config = KafkaSourceConfig(plan.address, (Topic.TICKS,), "ours", "ours." + plan.run)
        started = time.perf_counter()
        source = KafkaSource(config, Quiesce(), lambda _hop, _ns: None, lambda: 0)
        flow = Dataflow("ours")

        def split(polled: Polled) -> Iterable[TickBatch]:
            # A heartbeat speaks for its own partition alone.
            here = tuple(s for s in symbols if plan.address.partition(s) == polled.partition)
            return by_symbol(ticks_of(polled, symbols)[0], here, 0)

        wire(op.flat_map("split", op.input("in", flow, source), split), taken)
        engine.run(flow, _EPOCH_MS, None)
        return time.perf_counter() - started


def main() -> None:
    """Read the ticks, run once to warm up and once for the figure, print the outcome."""
    found = t.arguments("--bootstrap")
    tape = t.load(found.ticks_file)
    records = new_records(tape.size)
    codes = np.array([name.encode() for name in tape.symbols], dtype="S16")
    records["symbol"] = codes[tape.symbol]
    records["ts_event_ns"] = records["ts_recv_ns"] = tape.ts_event_ns
    records["bid"], records["ask"] = tape.bid, tape.ask
    # A last heartbeat closes the bars that are open, as the end of a feed does.
    end = new_records(1)
    end["kind"], end["ts_recv_ns"] = 1, tape.ts_event_ns[-1] + 10**10
    in_memory(records[:1_000], tape.symbols, Taken())
    taken = Taken()
    whole = np.concatenate([records, end])
    if found.bootstrap:
        seconds = from_kafka(whole, tape.symbols, found.bootstrap, taken)
    else:
        seconds = in_memory(whole, tape.symbols, taken)
    emas = {symbol: float(values[-1]) for symbol, values in taken.emas if values.size}
    t.report("aifx", tape, seconds, taken.bars(), emas)


if __name__ == "__main__":
    main()
