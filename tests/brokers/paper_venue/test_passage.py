"""The kernels that look ahead, against the words they stand for."""

from typing import Any

import numpy as np
import pytest

from brokers.paper_venue.passage import (
    ASK,
    BID,
    MID,
    Passage,
    find_moment,
    find_passage,
    moment_kernel,
    passage_kernel,
)
from domain.ticks import REJECTED, Kind, TickArray, new_records
from trading.lane_kernel import for_kernel

COUNT = 60


def draw(seed: int) -> TickArray:
    """Draw ticks around one price, some of them of no use, and other records between."""
    rng = np.random.default_rng(seed)
    records = new_records(COUNT)
    records["kind"] = rng.choice([0, 0, 0, int(Kind.HEARTBEAT), int(Kind.SWITCH)], COUNT)
    records["verdict"] = rng.choice([0, 0, 0, 1, 1 << 16], COUNT)
    records["ts_recv_ns"] = np.cumsum(rng.integers(0, 3, COUNT))
    records["bid"] = rng.choice([1.1, 1.1005, 1.101, np.nan], COUNT)
    records["ask"] = records["bid"] + rng.choice([0.0, 0.0002, -0.0001], COUNT)
    return records


def by_words(records: TickArray, start: int, stop: int, from_ns: int, wanted: Passage) -> Any:
    """Find the passage record by record."""
    level = wanted.level
    for row in range(start, stop):
        record = records[row]
        bid, ask = float(record["bid"]), float(record["ask"])
        usable = record["kind"] == Kind.TICK and not int(record["verdict"]) & REJECTED
        if record["ts_recv_ns"] < from_ns or not usable or not 0.001 <= bid <= ask:
            continue
        price = {BID: bid, ASK: ask, MID: (bid + ask) / 2}[wanted.source]
        if wanted.trail and wanted.above:
            level = price + wanted.trail if np.isnan(level) else min(level, price + wanted.trail)
        elif wanted.trail:
            level = price - wanted.trail if np.isnan(level) else max(level, price - wanted.trail)
        if price >= level if wanted.above else price <= level:
            return row, level
    return -1, level


@pytest.mark.parametrize("source", [BID, ASK, MID])
@pytest.mark.parametrize("above", [True, False])
@pytest.mark.parametrize(("level", "trail"), [(1.1006, 0.0), (1.1006, 0.0004), (np.nan, 0.0006)])
def test_a_passage_is_found_where_the_words_say(
    source: int, above: bool, level: float, trail: float
) -> None:
    """Compiled and plain, from any row and time on."""
    wanted = Passage(source, above, level, trail)
    for seed in range(25):
        records = for_kernel(draw(seed))
        start, from_ns = seed % 7, seed % 11
        expected = by_words(records, start, COUNT - seed % 5, from_ns, wanted)
        found = find_passage(records, start, COUNT - seed % 5, from_ns, wanted)
        plain = passage_kernel.py_func(records, REJECTED, start, COUNT - seed % 5, from_ns, *wanted)
        np.testing.assert_equal(found, expected)
        np.testing.assert_equal(plain, expected)


def test_a_moment_is_told_by_ticks_and_heartbeats() -> None:
    """A switch of models tells no time; a tick of no use does."""
    records = new_records(4)
    records["kind"] = [0, int(Kind.SWITCH), int(Kind.HEARTBEAT), 0]
    records["verdict"][3] = 1
    records["ts_recv_ns"] = [5, 9, 9, 12]
    view = for_kernel(records)
    for start, moment_ns, row in [(0, 5, 0), (0, 6, 2), (3, 6, 3), (0, 13, -1)]:
        assert find_moment(view, start, moment_ns) == row
        assert moment_kernel.py_func(view, start, moment_ns) == row
