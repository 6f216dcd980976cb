"""The keyed step of the account: whole batches in, events out, and latencies of what was sent."""

from collections.abc import Mapping
from typing import Any

import pytest

from brokers.paper import PaperConfig
from domain.nanos import parse_ns
from domain.predictions import Side, Signal
from domain.ticks import TickBatch
from operators.execute import ExecuteStep, Heard, kind_of
from testkit.tapes import START, ticks
from trading.engine import ExecutionConfig
from trading.ledger import Ledger

CONFIG = ExecutionConfig(symbols=("EURUSD",))
T0 = parse_ns(START)
MINUTE_S = 60


class Desk:
    """A step on stores in memory, with a clock that stands still and a list of latencies."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self.seen: list[tuple[str, int]] = []
        self.step = ExecuteStep(
            CONFIG,
            state,
            Ledger.open(None),
            PaperConfig().open(None),
            lambda: 1_000,
            lambda name, value: self.seen.append((name, value)),
        )

    def take(self, *values: TickBatch | Heard) -> list[str]:
        """Give one batch; return the kinds of what came out."""
        happened = self.step.on_batch(list(values))
        return [kind_of(record) for one in happened for record in one.records]


def heard(minute: int, side: Side, wall_ns: int) -> Heard:
    """Make the signal of a minute after the start."""
    boundary_ns = T0 + minute * MINUTE_S * 1_000_000_000
    signal = Signal(
        signal_id=f"signal-{minute}",
        symbol="EURUSD",
        ts_event_ns=boundary_ns,
        ts_recv_ns=boundary_ns,
        model_id="m",
        rule="r",
        side=side,
        actionable=True,
        strength=1.0,
        p_up=0.9,
        bid=1.1,
        ask=1.1001,
        reason="edge",
    )
    return Heard([signal], wall_ns)


def tape(*seconds: float) -> TickBatch:
    """Make a batch of ticks at these seconds after the start."""
    return TickBatch("EURUSD", ticks("EURUSD", [(s, 1.1, 1.1001) for s in seconds]))


def test_a_signal_that_becomes_an_order_is_timed_once() -> None:
    """One that asks for nothing is not, nor one that has no time of entry."""
    desk = Desk()
    bought = ["positions", "orders", "orders", "executions", "orders", "positions"]
    assert desk.take(tape(0, 60, 61), heard(1, "buy", 400)) == bought
    assert desk.seen == [("signal_to_order", 600)]
    assert desk.take(tape(120, 121), heard(2, "buy", 500)) == ["positions"]
    assert desk.take(tape(180, 181), heard(3, "flat", 0)) == bought
    assert len(desk.seen) == 1


@pytest.mark.parametrize("apart", [False, True])
def test_how_a_batch_is_cut_changes_nothing(apart: bool) -> None:
    """All in one call, or value by value, signals before the ticks that they belong to."""
    values: list[TickBatch | Heard] = [
        heard(1, "buy", 0),
        tape(0, 30, 60),
        heard(2, "flat", 0),
        tape(61, 120, 121),
    ]
    desk = Desk()
    kinds = [kind for v in values for kind in desk.take(v)] if apart else desk.take(*values)
    assert kinds.count("executions") == 2
    assert Desk(desk.step.snapshot()).take(tape(150)) == []
