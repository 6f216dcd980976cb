"""The steps as the dataflows wire them, in the engine: what the pure logic gives, in any order."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bytewax.operators as op
import numpy as np
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource

from dataflows.graph import consider, decide
from domain.ticks import TickBatch, heartbeat
from features.bars import BarConfig
from features.quality import QualityConfig
from operators import engine
from operators.decide import Closed, Decided
from operators.decode import by_symbol
from sinks.collect import CollectSink
from testkit.tapes import across_weekend, arrivals, batches, spoil
from tests.operators.decision_steps import CONFIG, Out, Way

SYMBOLS = ("EURUSD", "NZDUSD")
BARS = BarConfig(("1s", "1m", "50tick"))

Outs = dict[str, Out]


def _both(size: int) -> dict[str, list[TickBatch]]:
    """Judge both symbols together, split and cut the log, and tell where it ends."""
    tape = arrivals(
        spoil(across_weekend("EURUSD", 11_000, 3, mean_gap_ms=1_900.0), 0.02, 3),
        spoil(across_weekend("NZDUSD", 5_000, 4, mean_gap_ms=4_100.0), 0.02, 4),
    )
    rules = QualityConfig(SYMBOLS).build(None)
    end = rules.judge(tape).log, heartbeat(int(tape["ts_recv_ns"].max()))
    log = np.concatenate(end)
    found: dict[str, list[TickBatch]] = {symbol: [] for symbol in SYMBOLS}
    for part in batches(log, size):
        for batch in by_symbol(part, SYMBOLS, 5):
            found[batch.symbol].append(batch)
    for own in found.values():
        own[-1] = own[-1]._replace(last=True)
    return found


def _mixed(queues: dict[str, list[TickBatch]], order: str) -> list[TickBatch]:
    """Put the batches of both in one line, each symbol's in its own order."""
    first, second = (list(queues[symbol]) for symbol in SYMBOLS)
    match order:
        case "one by one":
            return first + second
        case "other one first":
            return second + first
        case _:
            turns = np.array([True] * len(first) + [False] * len(second))
            np.random.default_rng(int(order)).shuffle(turns)
            return [(first if turn else second).pop(0) for turn in turns]


def _flow(items: Sequence[Any], outs: Outs, batch_size: int = 1) -> Dataflow:
    def bars(values: list[Closed]) -> None:
        for closed in values:
            outs[closed.symbol].closed(closed, BARS.ordered)

    def decisions(values: list[Decided]) -> None:
        for decided in values:
            outs[decided.symbol].decided(decided)

    flow = Dataflow("decisions")
    source: TestingSource[TickBatch] = TestingSource(items, batch_size=batch_size)
    ticks = op.key_on("by_symbol", op.input("ticks", flow, source), lambda batch: batch.symbol)
    closed, considered = consider(BARS, SYMBOLS, SYMBOLS, ticks, None)
    op.output("bars_out", closed, CollectSink(bars))
    op.output("decided_out", decide(CONFIG, considered), CollectSink(decisions))
    return flow


@pytest.fixture(scope="module")
def queues() -> dict[str, list[TickBatch]]:
    """Give the log of both in polls of 97 records."""
    return _both(97)


@pytest.fixture(scope="module")
def wanted() -> Outs:
    """Give what the steps make of whole logs, without an engine."""
    way = Way(SYMBOLS, bars=BARS)
    way.feed([batch for own in _both(1_000_000).values() for batch in own])
    for symbol in SYMBOLS:
        # All boundaries have been decided: nothing waits at the end of the log.
        assert way.joins[symbol].snapshot()["pending"] == []
        assert len(way.out[symbol].signals) > 300
    actionable = [
        (signal.reason, signal.side)
        for decided in way.all
        for signal in decided.signals
        if signal.actionable
    ]
    assert len(set(actionable)) > 4
    return way.out


@pytest.mark.parametrize("order", ["one by one", "other one first", "1", "2"])
def test_without_an_engine_any_order_gives_the_same(
    order: str, queues: dict[str, list[TickBatch]], wanted: Outs
) -> None:
    """Bars, features, predictions and signals of each symbol are the same bytes."""
    way = Way(SYMBOLS, bars=BARS)
    way.feed(_mixed(queues, order))
    assert way.out == wanted


@pytest.mark.parametrize("batch_size", [1, 50])
@pytest.mark.parametrize("order", ["one by one", "other one first", "3"])
def test_the_engine_gives_what_the_logic_gives(
    order: str, batch_size: int, queues: dict[str, list[TickBatch]], wanted: Outs
) -> None:
    """However its steps take turns."""
    outs = {symbol: Out() for symbol in SYMBOLS}
    engine.run(_flow(_mixed(queues, order), outs, batch_size), 10_000, None)
    assert outs == wanted


def test_stopped_and_started_again_it_goes_on(
    tmp_path: Path, queues: dict[str, list[TickBatch]], wanted: Outs
) -> None:
    """Every step's state comes back from the engine's store, and what waits in the join too."""
    items: list[Any] = list(_mixed(queues, "3"))
    # The longest queue of one symbol alone: the join must hold what waits for the other.
    for at in (len(items) * 4 // 5, len(items) // 2, 40):
        items.insert(at, TestingSource.EOF())
    outs = {symbol: Out() for symbol in SYMBOLS}
    for _ in range(4):
        engine.run(_flow(items, outs), 10_000, tmp_path / "recovery")
    assert outs == wanted
