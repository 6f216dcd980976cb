"""A margin call through a paper run: what the venue closes is taken over, and halts nothing."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.control import ControlKind, TradingState
from domain.orders import Order
from tests.trading.tape import Desk, Event, Sides, account, at, positions, read, with_signals
from trading.orders.effects import AlertCode
from trading.risk.control import control_event

D = Decimal
CONFIG = account("EURUSD", "GBPUSD", start_balance=D(1_000), fraction=D(1))
"""A thousand dollars, all of it in each position."""
PAPER: dict[str, Any] = {
    "terms": {"margin_rate": "0.5"},
    "margin": {"call_level": "0.995", "closeout_level": "0.99"},
}
TAPE = """
    00:00:30.000 EURUSD 1.00000 1.00000
    00:00:30.000 GBPUSD 1.00000 1.00000
    00:01:00.000 EURUSD 1.00000 1.00000
    00:01:00.000 GBPUSD 1.00000 1.00000
    00:01:01.000 EURUSD 1.00000 1.00000
    00:01:01.000 GBPUSD 1.00000 1.00000
    00:02:00.000 EURUSD 1.00000 1.00000
    00:02:00.000 GBPUSD 1.00000 1.00000
    00:02:30.000 GBPUSD 0.98000 0.98000
    00:03:00.000 EURUSD 1.00000 1.00000
    00:03:00.000 GBPUSD 0.98000 0.98000
    00:03:00.500 GBPUSD 0.97000 0.97000
    00:04:00.000 EURUSD 1.00000 1.00000
    00:04:00.000 GBPUSD 0.97000 0.97000
    00:05:00.000 EURUSD 1.00000 1.00000
    00:05:00.000 GBPUSD 0.97000 0.97000
"""
SIDES: Sides = {("EURUSD", "00:01"): "buy", ("GBPUSD", "00:01"): "buy"}


def log() -> list[Event]:
    """Return the tape with its signals."""
    return with_signals(read(TAPE, CONFIG.symbols), SIDES, CONFIG)


def closing(desk: Desk) -> list[Order]:
    """Return the records of the venue's own orders, as they came out."""
    return [one for one in desk.out if isinstance(one, Order) and one.strategy == "EXTERNAL"]


def test_the_larger_loss_is_closed_at_the_mark_and_the_rest_is_left(tmp_path: Path) -> None:
    """Two positions of 1,000 at 50 % tie up all of 1,000 dollars; 20 lost is below 99 %.

    980 over 990: GBPUSD goes at the first tick after its boundary, at 0.97. 970 over 500 is enough
    for EURUSD.
    """
    desk = Desk(CONFIG, tmp_path, **PAPER)
    desk.feed(log())
    accepted, *_, filled = closing(desk)
    assert (accepted.symbol, accepted.side, accepted.status) == ("GBPUSD", "sell", "accepted")
    assert accepted.ts_event_ns == at("00:03:00.002")
    assert (filled.status, filled.quantity_units, filled.average_price) == (
        "filled",
        D(1_000),
        D("0.97"),
    )
    assert positions(desk.out, "GBPUSD")[-1].units == 0
    assert positions(desk.out, "GBPUSD")[-1].realised_account == D(-30)
    assert positions(desk.out, "EURUSD")[-1].units == 1_000
    assert positions(desk.out, "*")[-1].equity_account == 970
    desk.stop()


def test_a_person_is_told_and_the_account_goes_on(tmp_path: Path) -> None:
    """One alert, no halt: what the venue closed is explained, and signals trade as before."""
    desk = Desk(CONFIG, tmp_path, **PAPER)
    desk.feed(log())
    assert [alert.code for alert in desk.alerts] == [AlertCode.EXTERNAL_ORDER]
    assert desk.logic.controls().state(CONFIG.strategy) is TradingState.ACTIVE
    held = {one.symbol: one.units for one in desk.venue.snapshot(None, 1).positions}
    assert held == {"EURUSD": D(1_000)}
    desk.stop()


def test_a_kill_does_not_reach_what_the_venue_closes(tmp_path: Path) -> None:
    """Its own order cannot be canceled: it stays open, is in no doubt, and fills."""
    desk = Desk(CONFIG, tmp_path, **PAPER)
    events = log()
    while not closing(desk):
        desk.feed([events.pop(0)])
    desk.logic.control(
        control_event(
            ControlKind.KILL,
            TradingState.HALTED,
            account=CONFIG.account,
            by="ann",
            reason="enough",
            ts_event_ns=desk.logic.now_ns,
        )
    )
    desk.feed(events)
    statuses = [(order.status, order.in_doubt) for order in closing(desk)]
    assert statuses[-1] == ("filled", False)
    assert not any(in_doubt for _, in_doubt in statuses)
    assert positions(desk.out, "GBPUSD")[-1].units == 0
    desk.stop()


def test_without_levels_nothing_is_closed(tmp_path: Path) -> None:
    """The default: the loss is carried."""
    desk = Desk(CONFIG, tmp_path, terms=PAPER["terms"])
    desk.feed(log())
    assert closing(desk) == []
    assert positions(desk.out, "*")[-1].equity_account == 970
    assert "profits" not in desk.logic.snapshot()["marks"]["marks"][-1]
    desk.stop()


@pytest.mark.parametrize("snapshot_at", range(0, 28, 4))
@pytest.mark.parametrize("dies_at", range(0, 28, 4))
def test_a_crash_calls_nothing_twice(snapshot_at: int, dies_at: int, tmp_path: Path) -> None:
    """However the log is cut by deaths: one order of the venue, one fill."""
    events = log()
    whole, died = Desk(CONFIG, tmp_path / "whole", **PAPER), Desk(CONFIG, tmp_path / "d", **PAPER)
    whole.feed(events)
    died.feed(events[:snapshot_at])
    snapshot, kept = died.logic.snapshot(), list(died.out)
    died.feed(events[snapshot_at:dies_at])
    died.stop()
    died.start(snapshot)
    died.out = kept
    died.feed(events[snapshot_at:])
    assert died.out == whole.out
    assert died.books() == whole.books()
    whole.stop()
    died.stop()
