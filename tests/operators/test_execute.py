"""The keyed step of the account: whole batches in, events out, and latencies of what was sent."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from config.settings import settings_of
from dataflows.paper_account import PaperAccount
from domain.control import ControlEvent, ControlKind, TradingState
from domain.nanos import MINUTE_NS, SECOND_NS, parse_ns
from domain.orders import Order
from domain.predictions import Side, Signal
from domain.ticks import TickBatch
from operators.execute import NUDGE, ExecuteStep, Happened, Heard, Nudge, kind_of
from testkit.tapes import START, ticks
from trading.desk.ports import Out
from trading.engine import ExecutionLogic
from trading.risk.control import control_event

T0 = parse_ns(START)
NOW_NS = 1_000
ACCOUNT = "paper-1"


class Live:
    """An account as at a real venue: it asks a clock, and hears what nobody has sent it."""

    def __init__(self, paper: PaperAccount) -> None:
        self._paper = paper
        self.ready = self.opens = True
        self.max_signal_age_ns: int | None = 300
        self.heard: list[Out] = []
        self.attended: list[bool] = []
        self.aged: dict[str, int] = {}

    def build(self, state: Mapping[str, Any] | None) -> ExecutionLogic:
        """Build the engine of the paper account."""
        return self._paper.build(state)

    def attend(self, *, records: bool, heard_ns: Mapping[str, int]) -> list[Out]:
        """Say what was heard, once."""
        self.aged |= heard_ns
        self.attended.append(records)
        heard, self.heard = self.heard, []
        return heard


class Desk:
    """A step on stores in memory, with a clock that stands still and a list of latencies."""

    def __init__(
        self, account: PaperAccount | Live, state: Mapping[str, Any] | None = None
    ) -> None:
        self.seen: list[tuple[str, int]] = []
        self.step = ExecuteStep(
            ACCOUNT,
            account,
            state,
            lambda: NOW_NS,
            lambda name, value: self.seen.append((name, value)),
        )

    def take(self, *values: TickBatch | Heard | Nudge) -> list[str]:
        """Give one batch; return the kinds of what came out."""
        return [kind_of(record) for record in self.records(*values)]

    def records(self, *values: TickBatch | Heard | Nudge) -> list[Out]:
        """Give one batch; return what came out."""
        happened: list[Happened] = list(self.step.on_batch(list(values)))
        assert all(one.account == ACCOUNT and one.records for one in happened)
        return [record for one in happened for record in one.records]


@pytest.fixture
def paper() -> Iterator[PaperAccount]:
    """Open an account on paper, its journal in memory."""
    account = PaperAccount(
        settings_of({}),
        ("EURUSD",),
        None,
        "test",
        lambda: 0,
        lambda alert, _: pytest.fail(alert.text),
        pytest.fail,
    )
    yield account
    account.close()


def heard(minute: int, side: Side, wall_ns: int) -> Heard:
    """Make the signal of a minute after the start."""
    boundary_ns = T0 + minute * MINUTE_NS
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


BOUGHT = ["positions", "orders", "orders", "executions", "positions", "orders"]
"""The mark, an order that is sent and acknowledged, its fill and what it makes of both."""


def statuses(records: list[Out]) -> list[str]:
    """Return how the orders among some records stand, with their reasons."""
    return [f"{r.status} {r.reason}".strip() for r in records if isinstance(r, Order)]


def test_a_signal_that_becomes_an_order_is_timed_once(paper: PaperAccount) -> None:
    """One that asks for nothing is not, nor one that has no time of entry."""
    desk = Desk(paper)
    assert desk.take(tape(0, 60, 61), heard(1, "buy", 400)) == BOUGHT
    assert desk.seen == [("signal_to_order", 600)]
    assert desk.take(tape(120, 121), heard(2, "buy", 500)) == ["positions"]
    assert desk.take(tape(180, 181), heard(3, "flat", 0)) == BOUGHT
    assert len(desk.seen) == 1


@pytest.mark.parametrize("apart", [False, True])
def test_how_a_batch_is_cut_changes_nothing(paper: PaperAccount, apart: bool) -> None:
    """All in one call, or value by value, signals before the ticks that they belong to."""
    values: list[TickBatch | Heard] = [
        heard(1, "buy", 0),
        tape(0, 30, 60),
        heard(2, "flat", 0),
        tape(61, 120, 121),
    ]
    desk = Desk(paper)
    kinds = [kind for v in values for kind in desk.take(v)] if apart else desk.take(*values)
    assert kinds.count("executions") == 2
    assert Desk(paper, desk.step.snapshot()).take(tape(150)) == []


def test_on_paper_no_signal_is_too_old(paper: PaperAccount) -> None:
    """A replay comes long after its market: what it does depends on no clock."""
    sent = Desk(paper).records(tape(0, 60, 61), heard(1, "buy", 1))
    assert statuses(sent) == ["pending_new", "accepted", "filled"]


def test_at_a_venue_an_old_signal_opens_nothing(paper: PaperAccount) -> None:
    """One that was written exactly as long ago as it may be still does; a later way out is open."""
    desk = Desk(Live(paper))
    assert statuses(desk.records(tape(0, 60, 61), heard(1, "buy", 699))) == ["denied stale_signal"]
    sent = ["pending_new", "accepted", "filled"]
    assert statuses(desk.records(tape(120, 121), heard(2, "buy", 700))) == sent
    assert statuses(desk.records(tape(180, 181), heard(3, "flat", 1))) == sent


def test_nothing_leaves_before_the_account_is_ready(paper: PaperAccount) -> None:
    """A signal of that time is denied and not kept for later."""
    live = Live(paper)
    desk = Desk(live)
    live.ready = False
    early = desk.records(tape(0, 60, 61), heard(1, "buy", NOW_NS))
    assert statuses(early) == ["denied not_reconciled"]
    live.ready = True
    assert desk.take(tape(90)) == []


def test_a_nudge_lets_the_account_say_what_it_has_heard(paper: PaperAccount) -> None:
    """Without any record of the log; what it says comes before what new records lead to."""
    live = Live(paper)
    desk = Desk(live)
    said: ControlEvent = control_event(
        ControlKind.LOWER,
        TradingState.REDUCING,
        account=ACCOUNT,
        by="ann",
        role="risk",
        reason="a test",
        ts_event_ns=T0 + SECOND_NS,
    )
    assert desk.records(NUDGE) == []
    live.heard = [said]
    assert desk.records(NUDGE) == [said]
    live.heard = [said]
    assert desk.take(tape(0, 60, 61), heard(1, "buy", NOW_NS)) == ["control", *BOUGHT]
    assert live.attended == [False, False, True]
