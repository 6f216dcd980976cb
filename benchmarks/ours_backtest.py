"""``python -m benchmarks.ours_backtest TICKS_FILE [--symbol EURUSD] [--fills OUT.json]``.

The EMA cross of ``peers/backtest_nautilus.py`` on our parts: the bar step, a keyed step with the
two EMAs that gives a signal a minute, and the account's execution engine with risk checks, order
ledger and paper venue (no latency, both stores in memory). A market order fills at the first quote
after the decision.

In the measured time: building the flow and running it from records in memory. Not in it: imports,
compilation, reading the file, making records.
"""

import json
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.operators import KeyedStream
from bytewax.testing import TestingSource

from benchmarks.peers import tape as t
from brokers.paper import PaperConfig
from domain.ids import digest, signal_id
from domain.orders import Execution
from domain.predictions import Signal
from domain.ticks import TickArray, TickBatch, new_records
from features.bars import BarConfig
from operators import engine
from operators.decide import BarStep, Closed
from operators.execute import ExecuteStep, Happened, Heard
from operators.keyed import keyed
from sinks.collect import CollectSink
from trading.engine import ExecutionConfig
from trading.ledger import Ledger
from trading.risk import RiskLimits

FAST_BARS, SLOW_BARS = 10, 20
UNITS = 100_000
BATCH = 20_000
BARS = BarConfig(timeframes=("1m",))
RULE = "ema-cross"
MODEL_ID = digest(RULE, FAST_BARS, SLOW_BARS)
_EPOCH_MS = 10_000
_DAY_NS = 86_400_000_000_000


class EmaCross:
    """Long while fast is above slow, short while it is below; a signal at each minute."""

    def __init__(self, symbol: str, _state: Mapping[str, Any] | None) -> None:
        self._symbol = symbol
        self._fast = self._slow = 0.0
        self._bars = 0

    def on_batch(self, values: list[Closed]) -> Iterable[Heard]:
        """Decide at each boundary."""
        for closed in values:
            signals: list[Signal] = []
            closes = closed.bars["mid_close"].tolist()
            for ts_event, ts_recv, bar, bid, ask, _ in closed.edges.tolist():
                if bar >= 0:
                    self._take(closes[bar])
                signals.append(self._signal(ts_event, ts_recv, bid, ask))
            yield Heard(signals, 0)

    def snapshot(self) -> Mapping[str, Any]:
        """Return nothing: a backtest is not resumed."""
        return {"v": 1}

    def _take(self, close: float) -> None:
        if not self._bars:
            self._fast = self._slow = close
        self._bars += 1
        self._fast += 2.0 / (FAST_BARS + 1) * (close - self._fast)
        self._slow += 2.0 / (SLOW_BARS + 1) * (close - self._slow)

    def _signal(self, ts_event: int, ts_recv: int, bid: float, ask: float) -> Signal:
        ready = self._bars >= SLOW_BARS and self._fast != self._slow
        return Signal(
            signal_id=signal_id(MODEL_ID, self._symbol, ts_event, RULE),
            symbol=self._symbol,
            ts_event_ns=ts_event,
            ts_recv_ns=ts_recv,
            model_id=MODEL_ID,
            rule=RULE,
            side="buy" if self._fast > self._slow else "sell",
            actionable=ready,
            strength=1.0,
            p_up=None,
            bid=bid,
            ask=ask,
            reason="cross",
        )


def run(records: TickArray, symbol: str) -> tuple[float, list[Execution]]:
    """Run the backtest; return the seconds and the fills."""
    limits = RiskLimits(
        max_position_notional=Decimal(10**9),
        max_order_notional=Decimal(10**9),
        max_position_units=Decimal(UNITS),
        max_price_age_ns=7 * _DAY_NS,
        max_spread_pips=Decimal(10_000),
        max_daily_loss_fraction=Decimal("0.99"),
    )
    config = ExecutionConfig(
        (symbol,), start_balance=Decimal(1_000_000), fraction=Decimal(1), limits=limits
    )
    ledger, broker = Ledger.open(None), PaperConfig(0).open(None)
    parts = [TickBatch(symbol, records[i : i + BATCH]) for i in range(0, records.size, BATCH)]
    happened: list[Happened] = []
    started = time.perf_counter()
    flow = Dataflow("ours")
    ticks: KeyedStream[TickBatch] = op.key_on(
        "key", op.input("in", flow, TestingSource(parts)), lambda b: b.symbol
    )
    closed = keyed("bars", ticks, lambda k, s: BarStep(BARS, k, s), lambda b: b.symbol)
    heard = keyed("cross", closed, lambda k, s: EmaCross(k, s), lambda c: c.symbol)
    events: KeyedStream[TickBatch | Heard] = op.merge("events", ticks, heard)
    out: KeyedStream[Happened] = keyed(
        "execute",
        events,
        lambda _k, s: ExecuteStep(config, s, ledger, broker, lambda: 0, lambda _h, _n: None),
        lambda _: symbol,
    )
    op.output("out", out, CollectSink(happened.extend))
    engine.run(flow, _EPOCH_MS, None)
    seconds = time.perf_counter() - started
    ledger.close()
    broker.close()
    told = [record for one in happened for record in one.records]
    return seconds, [record for record in told if isinstance(record, Execution)]


def main() -> None:
    """Run once to warm up and once for the figure, print the outcome."""
    found = t.arguments("--symbol", "--fills")
    symbol = found.symbol or "EURUSD"
    tape = t.load(found.ticks_file)
    ts_ns, bid, ask = tape.of(tape.symbols.index(symbol))
    records = new_records(ts_ns.size)
    records["symbol"] = symbol.encode()
    records["ts_event_ns"] = records["ts_recv_ns"] = ts_ns
    records["bid"], records["ask"] = bid, ask
    records["bid_size"] = records["ask_size"] = np.nan
    run(records[:50_000], symbol)
    seconds, fills = run(records, symbol)
    rows = [(f.ts_event_ns, "BUY" if f.side == "buy" else "SELL", float(f.price)) for f in fills]
    if found.fills:
        Path(found.fills).write_text(json.dumps(rows))
    t.say({"ticks": int(ts_ns.size), "seconds": seconds, "fills": len(rows)})


if __name__ == "__main__":
    main()
