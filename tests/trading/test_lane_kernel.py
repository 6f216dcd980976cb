"""The kernel that cuts batches, against its own Python form and against the rules spelt out."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.nanos import MINUTE_NS, MS_NS, SECOND_NS, floor_ns
from domain.ticks import Kind, TickArray, Verdict, event_clock, new_records
from trading.cuts import Clocking, Cuts, Price, cut
from trading.lane_kernel import (
    LEG_COLUMNS,
    MARK_COLUMNS,
    NO_TIME,
    cut_kernel,
    first_tick_kernel,
    for_kernel,
    last_tick_kernel,
)
from trading.quotes import UNSOUND

CLOCKING = Clocking(500 * MS_NS, 300 * MS_NS, MINUTE_NS, SECOND_NS)
START = 28_320_000 * MINUTE_NS
VERDICTS = (0, int(Verdict.GAP), int(Verdict.BURST), int(Verdict.CROSSED))
PRICES = (1.1, 1.1001, np.nan, np.inf, 0.0, 1e-9, 2e9)
STEPS_NS = (-2 * SECOND_NS, 0, 1, 700 * MS_NS, 29 * SECOND_NS, MINUTE_NS, 3 * MINUTE_NS)


def draw(seed: int, count: int) -> TickArray:
    """Draw records on and around marks and boundaries, some of them no quotes."""
    rng = np.random.default_rng(seed)
    records = new_records(count)
    steps = rng.choice(STEPS_NS, count)
    times = START + np.cumsum(steps)
    near = rng.random(count) < 0.3
    # One nanosecond decides: a tick proves its time less the lateness, a beat less the grace.
    edges = rng.choice([-SECOND_NS, 0], count) + rng.choice([0, 300, 500], count) * MS_NS
    times[near] = times[near] // MINUTE_NS * MINUTE_NS + (edges + rng.integers(-1, 2, count))[near]
    records["kind"] = np.where(rng.random(count) < 0.3, int(Kind.HEARTBEAT), int(Kind.TICK))
    records["verdict"] = rng.choice(VERDICTS, count, p=[0.7, 0.1, 0.1, 0.1])
    records["ts_event_ns"], records["ts_recv_ns"] = times, times + rng.integers(0, SECOND_NS, count)
    records["bid"] = rng.choice(PRICES, count, p=[0.7, *[0.05] * 6])
    records["ask"] = rng.choice(PRICES, count, p=[0.1, 0.65, *[0.05] * 5])
    return records


def is_sound(record: np.void) -> bool:
    """Say by the rules whether a record is a quote that values something."""
    bid, ask = float(record["bid"]), float(record["ask"])
    return bool(
        record["kind"] == Kind.TICK
        and int(record["verdict"]) & UNSOUND == 0
        and 0.001 <= bid <= ask < 1e9
    )


def by_rule(records: TickArray, clock_ns: int | None, boundary_ns: int) -> Cuts:
    """Cut record by record, as the words say it."""
    clocks = event_clock(records, CLOCKING.grace_ns, CLOCKING.lateness_ns).tolist()
    if clock_ns is None:
        clock_ns, boundary_ns = clocks[0], floor_ns(clocks[0], MINUTE_NS)
    cuts = Cuts(clock_ns, boundary_ns, [], [])
    price: Price | None = None
    for row, record in enumerate(records):
        now_ns = max(clock_ns, clocks[row])
        marks = range(floor_ns(clock_ns, MINUTE_NS) - SECOND_NS, now_ns, MINUTE_NS)
        if any(clock_ns <= mark < now_ns for mark in marks):
            cuts.passages.append((row, clock_ns, now_ns, price))
        clock_ns = now_ns
        if is_sound(record):
            price = (float(record["bid"]), float(record["ask"]), int(record["ts_recv_ns"]))
        passed = floor_ns(now_ns, MINUTE_NS) != boundary_ns
        if passed or row == len(records) - 1:
            cuts.legs.append((row + 1, now_ns, price))
        boundary_ns = floor_ns(now_ns, MINUTE_NS)
    return cuts


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 60), first=st.booleans())
def test_cuts_are_those_of_the_rule(seed: int, count: int, first: bool) -> None:
    """Legs, passages and quotes are those of a reading record by record."""
    records = draw(seed, count)
    clock_ns = None if first else START + seed % MINUTE_NS
    found = cut(records, CLOCKING, clock_ns, 0 if first else START)
    assert found == by_rule(records, clock_ns, 0 if first else START)


def run(kernel: Any, records: TickArray, clock_ns: int) -> list[list[list[int]]]:
    """Cut with one form of the kernel."""
    legs = np.empty((len(records) + 1, LEG_COLUMNS), dtype=np.int64)
    marks = np.empty((len(records), MARK_COLUMNS), dtype=np.int64)
    counts = kernel(for_kernel(records), UNSOUND, *CLOCKING, clock_ns, START, legs, marks)
    return [table[:count].tolist() for table, count in zip((legs, marks), counts, strict=True)]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 60), first=st.booleans())
def test_the_compiled_form_does_what_the_python_form_does(
    seed: int, count: int, first: bool
) -> None:
    """Bit for bit, for every kernel."""
    records = draw(seed, count)
    clock_ns = NO_TIME if first else START
    assert run(cut_kernel, records, clock_ns) == run(cut_kernel.py_func, records, clock_ns)
    fixed, due_ns = for_kernel(records), int(records["ts_recv_ns"][count // 2])
    for refused in (0, UNSOUND):
        twin = first_tick_kernel.py_func(fixed, refused, due_ns)
        assert first_tick_kernel(fixed, refused, due_ns) == twin
        assert last_tick_kernel(fixed, refused) == last_tick_kernel.py_func(fixed, refused)
