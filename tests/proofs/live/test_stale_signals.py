"""A signal that was long on its way opens nothing; what ends a position still passes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from domain.nanos import MINUTE_NS, MS_NS, parse_ns
from domain.orders import Order
from domain.predictions import Side, Signal
from domain.ticks import TickBatch
from operators.execute import ExecuteStep, Heard
from testkit.tapes import ticks
from testkit.venues.oanda.server import OandaServer
from tests.proofs.live.scene import (
    SYMBOL,
    TICKS_FROM,
    Life,
    Where,
    assert_at_peace,
    living,
    oanda_scene,
)
from tests.trading.tape import signal
from trading.desk.ports import Out
from trading.engine import ExecutionLogic

AGE_NS = 5_000 * MS_NS
"""The default of ``execution.max_signal_age_ms``."""

NOW_NS = 10**15
"""Of a clock that a test moves: when a signal entered the log, and when it is acted on."""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[tuple[OandaServer, Where]]:
    """Start a broker with a market."""
    with oanda_scene(tmp_path) as found:
        yield found


class Step:
    """The step of the execution dataflow around a life."""

    def __init__(self, life: Life) -> None:
        self.now_ns = NOW_NS
        self.life = life
        self._step = ExecuteStep("account", self, None, lambda: self.now_ns, lambda *_: None)

    @property
    def ready(self) -> bool:
        """Whether the life is."""
        return self.life.account.ready

    @property
    def opens(self) -> bool:
        """Whether the life may open anything."""
        return self.life.account.opens

    @property
    def max_signal_age_ns(self) -> int | None:
        """What the settings say."""
        return self.life.account.max_signal_age_ns

    def build(self, _: Mapping[str, Any] | None) -> ExecutionLogic:
        """Go on with the life's own."""
        return self.life.logic

    def attend(self, *, records: bool, heard_ns: Mapping[str, int]) -> list[Out]:
        """Let the life attend."""
        return self.life.account.attend(records=records, heard_ns=heard_ns)

    def take(self, *values: TickBatch | Heard) -> list[Order]:
        """Give one batch; return the orders that were decided, each as it was last."""
        out = [one for happened in self._step.on_batch(list(values)) for one in happened.records]
        orders = {o.client_order_id: o for o in out if isinstance(o, Order)}
        return list(orders.values())


def wish(minute: int, side: Side) -> Signal:
    """Return the signal of a minute of the tape."""
    at_ns = parse_ns(TICKS_FROM) + minute * MINUTE_NS
    return signal(SYMBOL, at_ns, at_ns, side)


def market(minute: int) -> TickBatch:
    """Return the ticks that pass a minute."""
    rows = [(60.0 * minute + second, 1.1, 1.1001) for second in (5.0, 10.0)]
    return TickBatch(SYMBOL, ticks(SYMBOL, rows, TICKS_FROM))


def decided(orders: list[Order]) -> list[tuple[str, str, str]]:
    """Return side of each, whether it was sent, and the reason why not."""
    return [
        (order.side, "denied" if order.status == "denied" else "sent", order.reason)
        for order in orders
    ]


def test_a_signal_that_is_replayed_after_a_crash_opens_nothing(
    scene: tuple[OandaServer, Where],
) -> None:
    """One moment younger, and it is traded."""
    oanda, where = scene
    with living(where) as life:
        life.rest()
        step = Step(life)
        old = step.take(market(3), Heard([wish(3, "buy")], NOW_NS - AGE_NS - 1))
        assert decided(old) == [("buy", "denied", "stale_signal")]
        assert oanda.submits == []
        young = step.take(market(4), Heard([wish(4, "buy")], NOW_NS - AGE_NS))
        assert decided(young) == [("buy", "sent", "")]
        life.rest()
    assert assert_at_peace(oanda, where).submits == [young[0].client_order_id]


def test_what_ends_a_position_passes_however_late(scene: tuple[OandaServer, Where]) -> None:
    """Of a late flip only the half that closes; a late wish for nothing at all closes too."""
    oanda, where = scene
    with living(where) as life:
        life.rest()
        step = Step(life)
        for minute, late in ((3, "sell"), (5, "flat")):
            step.take(market(minute), Heard([wish(minute, "buy")], NOW_NS))
            life.rest()
            held = life.book.position(SYMBOL).units
            assert held > 0
            side: Side = "sell" if late == "sell" else "flat"
            orders = step.take(market(minute + 1), Heard([wish(minute + 1, side)], 1))
            sent = [order for order in orders if order.status != "denied"]
            assert [(order.side, order.quantity_units) for order in sent] == [("sell", held)]
            denied = [order.reason for order in orders if order.status == "denied"]
            assert denied == (["stale_signal"] if late == "sell" else [])
            life.rest()
            assert life.book.position(SYMBOL).units == 0
    assert_at_peace(oanda, where)


def test_a_signal_grows_old_while_it_waits_for_its_records(
    scene: tuple[OandaServer, Where],
) -> None:
    """It came in time, and the market that it is about came too late."""
    oanda, where = scene
    with living(where) as life:
        life.rest()
        step = Step(life)
        assert step.take(Heard([wish(3, "buy")], NOW_NS)) == []
        step.now_ns += AGE_NS + 1
        assert decided(step.take(market(3))) == [("buy", "denied", "stale_signal")]
        # Late once is late for ever, in whatever batch it is decided.
        assert step.take(Heard([wish(4, "buy")], 1)) == []
        assert decided(step.take(market(4))) == [("buy", "denied", "stale_signal")]
        assert step.take(Heard([wish(5, "buy")], step.now_ns)) == []
        assert decided(step.take(market(5))) == [("buy", "sent", "")]
        life.rest()
    assert len(oanda.submits) == 1


def test_a_signal_that_a_snapshot_kept_is_as_old_as_the_crash(
    scene: tuple[OandaServer, Where],
) -> None:
    """Nobody knows how long ago it came: it opens nothing."""
    oanda, where = scene
    with living(where) as life:
        life.rest()
        step = Step(life)
        assert step.take(Heard([wish(3, "buy")], NOW_NS)) == []
        state = life.logic.snapshot()
    with living(where, state=state) as life:
        life.rest()
        assert decided(Step(life).take(market(3))) == [("buy", "denied", "stale_signal")]
    assert oanda.submits == []
