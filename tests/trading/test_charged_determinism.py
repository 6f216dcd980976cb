"""With swap and margin calls on, in every position mode: the same log gives the same books."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from domain.orders import Order
from tests.trading.tape import Desk, Killed, streams
from tests.trading.test_engine_determinism import (
    CONFIG,
    SLOW,
    Desks,
    arrivals,
    in_order,
    make_log,
)
from trading.desk.entries import fact_of
from trading.venues import AccountCharge, PositionMode

RATES = {"long_rate": "-0.05", "short_rate": "0.02", "margin_rate": "1"}
PAPER: dict[str, Any] = {"terms": RATES, "margin": {"call_level": "2", "closeout_level": "1.9"}}
"""Each position ties up all of its notional, a fifth of the equity: three of them are too many."""

MODES: list[PositionMode] = ["netting", "fifo", "hedging"]


def charges(desk: Desk) -> dict[str, AccountCharge]:
    """Return what the journal has of charges, by id, without their place among other symbols."""
    facts = [fact_of(entry) for entry in desk.journal.read()]
    found = [fact for fact in facts if isinstance(fact, AccountCharge)]
    return {charge.charge_id: structs.replace(charge, sequence=None) for charge in found}


def agree(one: Desk, other: Desk) -> None:
    """Hold the books of two desks against each other."""
    assert streams(one.out) == streams(other.out)
    assert one.books() == other.books()
    assert charges(one) == charges(other)
    assert one.venue.snapshot(None, 1).positions == other.venue.snapshot(None, 1).positions


@SLOW
@given(
    seed=st.integers(0, 10**6),
    arrival=st.integers(0, 10**6),
    at_once=st.integers(1, 40),
    mode=st.sampled_from(MODES),
)
def test_no_arrival_order_changes_a_charge_or_a_call(
    seed: int, arrival: int, at_once: int, mode: PositionMode
) -> None:
    """Whose records come first, and how they are cut, makes no difference."""
    config = replace(CONFIG, position_mode=mode)
    log = make_log(seed, 150, config)
    with Desks() as desks:
        plain, mixed = desks.new(config, **PAPER), desks.new(config, **PAPER)
        plain.feed(in_order(log))
        mixed.feed(arrivals(log, arrival), at_once)
        agree(mixed, plain)


@SLOW
@given(
    seed=st.integers(0, 10**6),
    snapshot_at=st.floats(0, 1),
    life=st.floats(0, 1),
    killed_after=st.integers(0, 60),
    mode=st.sampled_from(MODES),
)
def test_a_kill_and_a_replay_charge_and_call_once(
    seed: int, snapshot_at: float, life: float, killed_after: int, mode: PositionMode
) -> None:
    """Before or after the snapshot, in the middle of a call to the broker or between two."""
    config = replace(CONFIG, position_mode=mode)
    events = arrivals(make_log(seed, 150, config), seed + 1)
    saved = int(snapshot_at * len(events))
    killed = saved + int(life * (len(events) - saved))
    with Desks() as desks:
        plain, crashed = desks.new(config, **PAPER), desks.new(config, **PAPER)
        plain.feed(events)
        crashed.feed(events[:saved])
        snapshot = crashed.logic.snapshot()
        before = list(crashed.out)
        crashed.stop()
        crashed.start(snapshot, after={killed_after: Killed()})
        try:
            crashed.feed(events[saved:killed])
        except Killed:
            crashed.out = list(before)
        crashed.stop()
        crashed.start(snapshot)
        crashed.out = before
        crashed.feed(events[saved:])
        agree(crashed, plain)


@pytest.mark.parametrize("mode", MODES)
def test_the_drawn_logs_are_charged_and_called(mode: PositionMode) -> None:
    """The properties above are not empty."""
    config = replace(CONFIG, position_mode=mode)
    charged = 0
    seen: set[tuple[str, str]] = set()
    with Desks() as desks:
        for seed in range(12):
            desk = desks.new(config, **PAPER)
            desk.feed(in_order(make_log(seed, 150, config)))
            charged += len(charges(desk))
            orders: list[Order] = desk.journal.orders()
            seen |= {(order.strategy, order.status) for order in orders}
    assert charged > len(MODES)
    assert {("EXTERNAL", "filled"), ("edge-hold", "filled")} <= seen
