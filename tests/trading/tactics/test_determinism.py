"""Parents and groups follow from the log: no batch, snapshot or death changes any order."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from domain.nanos import SECOND_NS
from domain.orders import Order
from tests.trading.tape import Killed, account, streams
from tests.trading.test_engine_determinism import CONFIG, Desks, arrivals, in_order, make_log
from trading.desk.ports import Out
from trading.tactics.config import Tactics

TACTICS = {
    "twap": Tactics("twap", work_ns=30 * SECOND_NS, slices=3),
    "bracket": Tactics(stop_pips=Decimal(15), target_pips=Decimal(15)),
    "twap in a bracket": Tactics(
        "twap",
        work_ns=90 * SECOND_NS,
        slices=3,
        stop_pips=Decimal(15),
        target_pips=Decimal(25),
    ),
    "passive, with a target": Tactics(
        "passive_cross",
        work_ns=60 * SECOND_NS,
        patience_ns=20 * SECOND_NS,
        target_pips=Decimal(10),
    ),
    "iceberg, with a stop": Tactics("iceberg", work_ns=60 * SECOND_NS, stop_pips=Decimal(30)),
    "tick profile": Tactics("tick_profile", work_ns=60 * SECOND_NS),
}
FEW = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


def stored(snapshot: dict[str, Any]) -> dict[str, Any]:
    """Return a snapshot as it comes back from where it is kept."""
    plain: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(snapshot))
    return plain


@pytest.mark.parametrize("tactics", TACTICS.values(), ids=TACTICS)
@FEW
@given(seed=st.integers(0, 10**6), at_once=st.integers(1, 40), cut=st.floats(0, 1))
def test_no_arrival_no_batch_and_no_snapshot_changes_an_order(
    tactics: Tactics, seed: int, at_once: int, cut: float
) -> None:
    """Every stream and all books are equal for any cutting, and for a life that began anew."""
    config = replace(CONFIG, tactics=tactics)
    log = make_log(seed, 120, config)
    mixed_events = arrivals(log, seed + 1)
    place = int(cut * len(mixed_events))
    with Desks() as desks:
        plain, mixed = desks.new(config), desks.new(config)
        plain.feed(in_order(log))
        mixed.feed(mixed_events[:place], at_once)
        snapshot = stored(mixed.logic.snapshot())
        mixed.stop()
        mixed.start(snapshot)
        mixed.feed(mixed_events[place:], at_once)
        assert streams(mixed.out) == streams(plain.out)
        assert mixed.books() == plain.books()


@pytest.mark.parametrize("tactics", TACTICS.values(), ids=TACTICS)
@FEW
@given(seed=st.integers(0, 10**6), snapshot_at=st.floats(0, 1), killed_after=st.integers(0, 60))
# A replace that the gate refused: the number of the next request is not that of a replace.
@example(seed=377096, snapshot_at=0.0, killed_after=42)
# A target whose position is gone, on the second of two records that were received at once.
@example(seed=7325, snapshot_at=0.0, killed_after=11)
def test_a_kill_and_a_replay_send_nothing_twice(
    tactics: Tactics, seed: int, snapshot_at: float, killed_after: int
) -> None:
    """After a death behind any command to the venue, a replay ends in the same books."""
    config = replace(CONFIG, tactics=tactics)
    events = arrivals(make_log(seed, 120, config), seed + 1)
    saved = int(snapshot_at * len(events))
    with Desks() as desks:
        plain, crashed = desks.new(config), desks.new(config)
        plain.feed(events)
        crashed.feed(events[:saved])
        snapshot = stored(crashed.logic.snapshot())
        before = list(crashed.out)
        crashed.stop()
        crashed.start(snapshot, after={killed_after: Killed()})
        try:
            crashed.feed(events[saved:])
        except Killed:
            crashed.out = list(before)
        crashed.stop()
        crashed.start(snapshot)
        crashed.out = before
        crashed.feed(events[saved:])
        assert streams(crashed.out) == streams(plain.out)
        assert crashed.books() == plain.books()
        commands = crashed.venue.commands()
        assert len(commands) == len(plain.venue.commands())


def kinds(out: Iterable[Out]) -> set[str]:
    """Return type and end of each order."""
    ended = [record for record in out if isinstance(record, Order)]
    return {f"{order.order_type} {order.status}" for order in ended}


def test_the_drawn_logs_work_and_protect() -> None:
    """The properties above are not empty: children rest, stops and targets fill and are sized."""
    seen: set[str] = set()
    with Desks() as desks:
        for tactics in TACTICS.values():
            for seed in (3, 11):
                config = replace(CONFIG, tactics=tactics)
                desk = desks.new(config)
                desk.feed(in_order(make_log(seed, 150, config)))
                seen |= kinds(desk.out)
    assert {"limit filled", "limit canceled", "limit pending_replace"} <= seen
    assert {"stop_loss filled", "stop_loss canceled", "stop_loss pending_replace"} <= seen
    assert {"take_profit filled", "take_profit canceled"} <= seen


def test_plain_settings_leave_no_trace_in_a_snapshot() -> None:
    """Where a signal is one market order, nothing is kept of what would work it."""
    with Desks() as desks:
        config = account("EURUSD")
        desk = desks.new(config)
        assert "handlers" not in desk.logic.snapshot()
        worked = desks.new(replace(config, tactics=TACTICS["twap"]))
        assert list(worked.logic.snapshot()["handlers"]) == ["EURUSD"]
