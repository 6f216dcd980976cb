"""The bar kernel beside its own plain-Python form and beside a slow builder of bars."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from domain.bars import TIMEFRAMES, Bar, Timeframe
from domain.nanos import MINUTE_NS, MS_NS
from domain.ticks import Kind, TickArray
from features import bars as bars_module
from features.bar_kernel import bar_kernel
from features.bars import BarConfig, BarOut, Boundary
from features.quality import QualityConfig
from operators.decode import by_symbol
from testkit.tapes import across_weekend, arrivals, spoil, walk

SYMBOLS = ("EURUSD", "NZDUSD", "USDJPY")
PIP = {"EURUSD": Decimal("0.0001"), "NZDUSD": Decimal("0.0001"), "USDJPY": Decimal("0.01")}
GRACE_NS = 500 * MS_NS


@dataclass
class OpenBar:
    """The ticks of a bar that has not closed."""

    start_ns: int
    quotes: list[tuple[float, float]] = field(default_factory=list)
    recv_ns: int = 0

    def close(self, symbol: str, timeframe: Timeframe) -> Bar:
        """Make the bar of these ticks, spreads by decimal arithmetic."""
        sides = {
            "bid": [bid for bid, _ in self.quotes],
            "ask": [ask for _, ask in self.quotes],
            "mid": [(bid + ask) / 2 for bid, ask in self.quotes],
        }
        prices: dict[str, Any] = {}
        for side, values in sides.items():
            prices |= {f"{side}_open": values[0], f"{side}_close": values[-1]}
            prices |= {f"{side}_high": max(values), f"{side}_low": min(values)}
        spreads = [
            round((Decimal(str(ask)) - Decimal(str(bid))) / PIP[symbol] * 1000)
            for bid, ask in self.quotes
        ]
        return Bar(
            symbol=symbol,
            timeframe=timeframe,
            ts_open_ns=self.start_ns,
            ts_event_ns=self.start_ns + TIMEFRAMES[timeframe],
            ts_recv_ns=self.recv_ns,
            tick_count=len(self.quotes),
            spread_mean_pips=sum(spreads) / (len(spreads) * 1000),
            spread_max_pips=max(spreads) / 1000,
            **prices,
        )


def _slow_bars(symbol: str, records: TickArray) -> BarOut:
    """Build bars and boundaries one record at a time, as one would say it."""
    out = BarOut([], [])
    open_bars: dict[Timeframe, OpenBar] = {}
    now: int | None = None
    quote: tuple[float, float] | None = None
    for record in records:
        tick = record["kind"] == Kind.TICK
        event, recv = int(record["ts_event_ns"]), int(record["ts_recv_ns"])
        proven = event if tick else recv - GRACE_NS
        before, now = now, proven if now is None else max(now, proven)
        minute_bar: Bar | None = None
        for timeframe, length in TIMEFRAMES.items():
            if timeframe in open_bars and open_bars[timeframe].start_ns + length <= now:
                bar = open_bars.pop(timeframe).close(symbol, timeframe)
                minute_bar = bar if timeframe == "1m" else minute_bar
                out.bars.append(bar)
        if before is not None and before // MINUTE_NS < now // MINUTE_NS:
            bid, ask = (None, None) if quote is None else quote
            boundary = now // MINUTE_NS * MINUTE_NS
            out.boundaries.append(Boundary(symbol, boundary, recv, minute_bar, bid, ask))
        if tick:
            quote = (float(record["bid"]), float(record["ask"]))
            for timeframe, length in TIMEFRAMES.items():
                bar_of = open_bars.setdefault(timeframe, OpenBar(event // length * length))
                bar_of.quotes.append(quote)
                bar_of.recv_ns = recv
    return out


def _records(seed: int) -> dict[str, TickArray]:
    tape = arrivals(
        spoil(across_weekend("EURUSD", 700, seed), 0.2, seed),
        spoil(across_weekend("NZDUSD", 300, seed + 50), 0.2, seed + 1),
        spoil(walk("USDJPY", 400, seed, "2024-03-08T20:00", 9_000.0), 0.2, seed + 2),
    )
    rules = QualityConfig(SYMBOLS, grace_ns=GRACE_NS).build(None)
    log = np.concatenate([rules.judge(tape).log, rules.last_heartbeat()])
    return {batch.symbol: batch.records for batch in by_symbol(log, SYMBOLS, 0)}


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("seed", range(3))
def test_the_kernel_builds_what_a_slow_builder_builds(symbol: str, seed: int) -> None:
    """Bars, their order, and boundaries are the same, from the log of a tape with every defect."""
    records = _records(seed)[symbol]
    found = BarConfig(grace_ns=GRACE_NS).build(symbol, None).on_records(records)
    wanted = _slow_bars(symbol, records)
    assert found.bars == wanted.bars
    assert found.boundaries == wanted.boundaries
    assert len(found.bars) > 80


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_compiled_and_plain_python_agree(symbol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results and the state left behind are the same to the bit."""
    records = _records(9)[symbol]
    compiled = BarConfig().build(symbol, None)
    out = compiled.on_records(records)
    monkeypatch.setattr(bars_module, "bar_kernel", bar_kernel.py_func)
    plain = BarConfig().build(symbol, None)
    assert plain.on_records(records) == out
    assert plain.snapshot() == compiled.snapshot()
