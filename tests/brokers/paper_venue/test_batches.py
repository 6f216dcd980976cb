"""Where the tape is cut, and whether the venue has died on the way, makes no difference."""

from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.nanos import MS_NS
from domain.order_events import OrderEvent
from domain.orders import Order
from domain.ticks import Kind, TickArray, heartbeat, new_records
from tests.brokers.paper_venue.market import Desk, ms

COUNT = 240
SETTINGS: dict[str, Any] = {
    "seed": 3,
    "extra_latency_ns": (0, 40 * MS_NS, 200 * MS_NS),
    "liquidity": {"quoted": True, "units": "2500"},
    "last_look": {"hold_ns": 15 * MS_NS, "tolerance_pips": "0.3", "decline_rate": 0.2},
    "reject_rates": {"other": 0.05},
}
TYPES: tuple[dict[str, Any], ...] = (
    {"time_in_force": "IOC"},
    {"time_in_force": "FOK", "price_bound": "1.1005"},
    {"time_in_force": "GTC", "quantity_units": "9000"},
    {"order_type": "limit", "limit_price": "1.0995"},
    {"order_type": "limit", "limit_price": "1.1000", "time_in_force": "IOC"},
    {"order_type": "stop", "trigger_price": "1.1005", "trigger_side": "mid"},
    {"order_type": "stop_limit", "trigger_price": "1.1005", "limit_price": "1.1003"},
    {"order_type": "market_if_touched", "trigger_price": "1.0990"},
    {"order_type": "trailing_stop", "trailing_distance": "0.0007"},
    {"order_type": "trailing_stop", "trailing_distance": "0.0004", "trigger_price": "1.1010"},
    {"order_type": "stop", "trigger_price": "1.1007", "time_in_force": "GTD", "expire_ns": ms(900)},
    {"position_effect": "reduce_only", "quantity_units": "4000", "time_in_force": "GTC"},
)


def walk(seed: int) -> TickArray:
    """Make a random walk with heartbeats, sizes, equal receive times and some bad ticks."""
    rng = np.random.default_rng(seed)
    records = new_records(COUNT)
    records["kind"] = np.where(rng.random(COUNT) < 0.1, int(Kind.HEARTBEAT), int(Kind.TICK))
    records["verdict"] = np.where(rng.random(COUNT) < 0.05, 4, 0)
    records["ts_recv_ns"] = ms(0) + np.cumsum(rng.choice([0, 1, 4, 9], COUNT)) * MS_NS
    records["ts_event_ns"] = records["ts_recv_ns"] - MS_NS
    mid = 110_000 + np.cumsum(rng.integers(-25, 26, COUNT))
    records["bid"] = (mid - rng.integers(0, 6, COUNT)) / 100_000
    records["ask"] = (mid + rng.integers(1, 6, COUNT)) / 100_000
    sizes = rng.choice([np.nan, 300.0, 800.0, 5000.0], (2, COUNT))
    records["bid_size"], records["ask_size"] = sizes
    return records


def work(desk: Desk, seed: int) -> list[Order]:
    """Send one order of every type, half of them sells, and requests about some."""
    rng = np.random.default_rng(seed)
    orders = []
    for number, terms in enumerate(TYPES):
        side = "sell" if rng.random() < 0.5 else "buy"
        fields = {"time_in_force": "GTC"} | terms | {"side": side}
        at_ms = int(rng.integers(0, 300))
        orders.append(desk.submit(at_ms, client_order_id=f"ax{number}", **fields))
    for order in orders:
        if order.time_in_force == "GTC" and rng.random() < 0.4:
            desk.cancel(order, int(rng.integers(300, 900)), request=2)
        if order.order_type == "trailing_stop":
            desk.replace(
                order, int(rng.integers(300, 500)), quantity_units=order.quantity_units * 3
            )
    return orders


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(0, COUNT), max_size=12),
    timed=st.booleans(),
)
def test_any_cut_of_the_tape_gives_the_same_events(seed: int, cuts: list[int], timed: bool) -> None:
    """One batch or many, told the time between or not: the same events, ids and numbers."""
    records = walk(seed)
    whole, parts = Desk(**SETTINGS), Desk(**SETTINGS)
    work(whole, seed)
    work(parts, seed)
    whole.venue.on_records("EURUSD", records)
    for part in np.split(records, sorted(cuts)):
        parts.venue.on_records("EURUSD", part)
        if timed and len(part):
            parts.venue.on_records("EURUSD", heartbeat(int(part["ts_recv_ns"].max())))
    assert len(whole.events()) > 2 * len(TYPES) - 4
    if timed:
        # Told the time, an order may hear of its end before another's tick of the same moment.
        assert _by_order(parts.events()) == _by_order(whole.events())
    else:
        assert parts.events() == whole.events()


def _by_order(said: list[OrderEvent]) -> dict[str, list[OrderEvent]]:
    lives: dict[str, list[OrderEvent]] = {}
    for event in said:
        lives.setdefault(event.client_order_id, []).append(replace(event, sequence=None))
    return lives


def _lives_and_dies(path: Path, seed: int, dies_at: int, resumes_at: int) -> list[OrderEvent]:
    """Play a tape on a file, die after a row, and play on from an earlier one."""
    records = walk(seed)
    first = Desk(path, **SETTINGS)
    work(first, seed)
    for row in range(dies_at):
        first.venue.on_records("EURUSD", records[row : row + 1])
        if row + 1 == resumes_at:
            first.venue.checkpoint()
    # No stop: the process is gone.
    second = Desk(path, **SETTINGS)
    second.venue.on_records("EURUSD", records[resumes_at:])
    told = [e for e in second.venue.events() if isinstance(e, OrderEvent)]
    first.venue.close()
    second.venue.close()
    return told


def test_a_crash_and_records_that_come_again_change_nothing(tmp_path: Path) -> None:
    """Whatever row it dies at, and however far back the records begin again."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        dies_at = int(rng.integers(20, COUNT))
        resumes_at = int(rng.integers(0, dies_at))
        path = tmp_path / f"{seed}.db"
        whole = Desk(**SETTINGS)
        work(whole, seed)
        whole.venue.on_records("EURUSD", walk(seed))
        assert _lives_and_dies(path, seed, dies_at, resumes_at) == whole.events()
