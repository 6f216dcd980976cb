"""``python -m benchmarks.ours_backtest TICKS_FILE [--symbol EURUSD] [--fills OUT.json]``.

The EMA cross of ``peers/backtest_nautilus.py`` on our parts: the bar step, a keyed step with the
two EMAs that gives a signal a minute, and the account on paper: execution engine, risk gate,
journal and venue (no latency, both stores in memory). A market order fills at the first quote after
the decision. Every check of the gate is made, at bounds that let all of these orders pass.

In the measured time: building the flow and running it from records in memory. Not in it: imports,
compilation, reading the file, making records.
"""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.operators import KeyedStream
from bytewax.testing import TestingSource

from benchmarks.peers import tape as t
from config.settings import settings_of
from dataflows.paper_account import PaperAccount
from domain.ids import digest, signal_id
from domain.orders import Execution
from domain.predictions import Signal
from domain.ticks import TickArray, TickBatch, new_records
from features.bars import BarConfig
from operators import engine
from operators.decide import BarStep, Closed
from operators.execute import ExecuteStep, Happened, Heard, Nudge
from operators.keyed import keyed
from sinks.collect import CollectSink
from trading.orders.effects import Alert

FAST_BARS, SLOW_BARS = 10, 20
UNITS = 100_000
BATCH = 20_000
BARS = BarConfig(timeframes=("1m",))
RULE = "ema-cross"
MODEL_ID = digest(RULE, FAST_BARS, SLOW_BARS)
_EPOCH_MS = 10_000
_LARGE = 10**9
SETTINGS = settings_of(
    {
        "execution": {"start_balance": 1_000_000, "fraction": 1},
        "paper": {"latency_ms": 0},
        "risk": {
            "max_position_units": UNITS,
            "trade_rollover": True,
            "after_open_ms": 1,
            "before_close_ms": 1,
            "max_price_age_ms": 7 * 86_400_000,
            "max_spread_pips": 10_000,
            "rollover_spread_pips": 10_000,
            "max_through_spreads": 10_000,
            "max_order_notional": _LARGE,
            "max_position_notional": _LARGE,
            "max_gross_notional": _LARGE,
            "max_currency_gross": _LARGE,
            "max_currency_net": _LARGE,
            "max_daily_loss_fraction": "0.99",
            "max_rolling_loss_fraction": "0.99",
            "max_drawdown_fraction": "0.99",
        },
    }
)


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
    clock = time.time_ns  # noqa: TID251 - the edge: the lease of the journal alone reads it
    paper = PaperAccount(SETTINGS, (symbol,), None, "bench", clock, _no_alert, print)
    parts = [TickBatch(symbol, records[i : i + BATCH]) for i in range(0, records.size, BATCH)]
    happened: list[Happened] = []
    started = time.perf_counter()
    flow = Dataflow("ours")
    ticks: KeyedStream[TickBatch] = op.key_on(
        "key", op.input("in", flow, TestingSource(parts)), lambda b: b.symbol
    )
    closed = keyed("bars", ticks, lambda k, s: BarStep(BARS, k, s), lambda b: b.symbol)
    heard = keyed("cross", closed, lambda k, s: EmaCross(k, s), lambda c: c.symbol)
    events: KeyedStream[TickBatch | Heard | Nudge] = op.merge("events", ticks, heard)
    out: KeyedStream[Happened] = keyed(
        "execute",
        events,
        lambda k, s: ExecuteStep(k, paper, s, lambda: 0, lambda _h, _n: None),
        lambda _: symbol,
    )
    op.output("out", out, CollectSink(happened.extend))
    engine.run(flow, _EPOCH_MS, None)
    seconds = time.perf_counter() - started
    paper.close()
    told = [record for one in happened for record in one.records]
    return seconds, [record for record in told if isinstance(record, Execution)]


def _no_alert(alert: Alert, ts_ns: int) -> None:
    msg = f"at {ts_ns}: {alert.text}"
    raise RuntimeError(msg)


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
