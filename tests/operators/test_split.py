"""The split by symbol: each symbol's own ticks and every heartbeat, in log order."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from domain.deployments import SLOTS
from domain.switch_records import IN_FLOW_BITS, switch_record
from domain.ticks import TICK_DTYPE, Kind, TickArray, decode_ticks, heartbeat, new_records
from features.split_kernel import check_kernel, split_kernel, symbol_table, words_of
from operators.decode import by_symbol
from testkit.switches import a_switch
from testkit.tapes import ticks

SYMBOLS = ("EURUSD", "USDJPY", "NZDUSD", "GBPUSD", "EURGBP")
FLOW = len(SLOTS), IN_FLOW_BITS


def oracle(records: TickArray, symbols: tuple[str, ...]) -> dict[str, bytes]:
    """Split by masks, a symbol at a time."""
    shared = records["kind"] != Kind.TICK
    rows = {s: records[(records["symbol"] == s.encode()) & ~shared | shared] for s in symbols}
    return {symbol: mine.tobytes() for symbol, mine in rows.items() if mine.size}


def found(records: TickArray, symbols: tuple[str, ...]) -> dict[str, bytes]:
    """Split as it is done."""
    return {b.symbol: b.records.tobytes() for b in by_symbol(records, symbols, 0)}


def tape(seed: int, count: int, names: tuple[str, ...], beats: float) -> TickArray:
    """Draw ticks of some symbols, a share of them for all symbols; every field is something."""
    rng = np.random.default_rng(seed)
    records = np.frombuffer(rng.bytes(count * TICK_DTYPE.itemsize), TICK_DTYPE).copy()
    records["version"] = 1
    for_all = rng.choice([Kind.HEARTBEAT, Kind.SWITCH], count, p=[0.8, 0.2])
    records["kind"] = np.where(rng.random(count) < beats, for_all, Kind.TICK)
    records["symbol"] = np.array(names, "S16")[rng.integers(0, len(names), count)]
    return records


@pytest.mark.parametrize("beats", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("count", [0, 1, 2, 5, 300])
@pytest.mark.parametrize("symbols", [SYMBOLS, SYMBOLS[:1], SYMBOLS[1:3], ()])
def test_it_is_what_masks_would_give(beats: float, count: int, symbols: tuple[str, ...]) -> None:
    """For few and many records, with and without heartbeats and symbols of other partitions."""
    for seed in range(4):
        for names in (SYMBOLS, symbols or SYMBOLS, SYMBOLS[1:2]):
            records = tape(seed, count, names, beats)
            assert found(records, symbols) == oracle(records, symbols)


def test_the_kernels_do_what_they_do_as_plain_python() -> None:
    """Compiled and not, on symbols of the table, others, and none."""
    records = tape(7, 200, (*SYMBOLS, "", "\x01", "ABCDEFGHIJKLMNOP"), 0.1)
    records["version"][150:] = np.arange(50)
    records["kind"][50:60] = np.arange(10)
    for row in range(60, 80):
        records[row] = switch_record(a_switch(row), row)[0]
    rng = np.random.default_rng(8)
    for row in range(80, 120):
        # A switch of which one byte is another.
        raw = bytearray(switch_record(a_switch(row), row).tobytes())
        raw[int(rng.integers(2, 48))] = int(rng.integers(256))
        records[row] = np.frombuffer(bytes(raw), TICK_DTYPE)[0]
    table = symbol_table(SYMBOLS)
    plain: Callable[..., Any] = check_kernel.py_func
    for at in range(200):
        words = words_of(records[at : at + 1])
        for any_symbol in (False, True):
            for judged in (False, True):
                args = (words, *table, any_symbol, judged, *FLOW)
                assert check_kernel(*args) == plain(*args)
    words = words_of(records)
    args = (words, *table, False, False, *FLOW)
    assert check_kernel(*args) == plain(*args)
    starts, rows = split_kernel(words, *table, len(SYMBOLS))
    plain_starts, plain_rows = split_kernel.py_func(words, *table, len(SYMBOLS))
    assert starts.tolist() == plain_starts.tolist()
    assert rows.tolist() == plain_rows.tolist()


@pytest.mark.parametrize("count", [0, 1, 2, 28, 500])
def test_every_symbol_has_its_place_in_the_table(count: int) -> None:
    """Also where many fall into one slot, and where names fill both words."""
    rng = np.random.default_rng(count)
    names = {"".join(rng.choice(list("ABCD"), int(rng.integers(1, 17)))) for _ in range(count)}
    symbols = tuple(sorted(names))
    records = new_records(len(symbols))
    records["symbol"] = [symbol.encode() for symbol in symbols]
    batches = by_symbol(records, symbols, 0)
    assert [(b.symbol, b.records["symbol"][0].decode()) for b in batches] == [
        (symbol, symbol) for symbol in symbols
    ]


def test_a_part_of_an_array_is_split_too() -> None:
    """Records that do not lie side by side."""
    records = tape(3, 90, SYMBOLS, 0.1)
    assert found(records[::3], SYMBOLS) == oracle(records[::3], SYMBOLS)


def test_records_of_one_symbol_are_not_copied() -> None:
    """Nor is a row of heartbeats for every symbol."""
    mine = np.concatenate([ticks("EURUSD", [(0, 1.1, 1.2)]), heartbeat(3)])
    (batch,) = by_symbol(mine, ("EURUSD",), 0)
    assert np.shares_memory(batch.records, mine)
    beats = heartbeat(3)
    assert all(np.shares_memory(b.records, beats) for b in by_symbol(beats, SYMBOLS, 0))


def test_each_symbol_gets_its_ticks_and_every_heartbeat() -> None:
    """In log order; the ticks of others are not in its batch."""
    log = np.concatenate(
        [
            ticks("EURUSD", [(0, 1.1, 1.2)]),
            heartbeat(1),
            ticks("USDJPY", [(1, 150, 151)]),
            heartbeat(2),
            ticks("EURUSD", [(2, 1.1, 1.2)]),
        ]
    )
    found = list(by_symbol(log, ("EURUSD", "USDJPY", "NZDUSD"), 9))
    assert [(batch.symbol, batch.wall_ns) for batch in found] == [
        ("EURUSD", 9),
        ("USDJPY", 9),
        ("NZDUSD", 9),
    ]
    assert [batch.records["kind"].tolist() for batch in found] == [
        [Kind.TICK, Kind.HEARTBEAT, Kind.HEARTBEAT, Kind.TICK],
        [Kind.HEARTBEAT, Kind.TICK, Kind.HEARTBEAT],
        [Kind.HEARTBEAT, Kind.HEARTBEAT],
    ]


def test_each_symbol_gets_every_switch() -> None:
    """Between its own ticks, where it stands in the log; the artefact id is no symbol."""
    switch = switch_record(a_switch(artefact_id=b"USDJPY".ljust(16, b"\0").hex()), 5)
    log = np.concatenate(
        [ticks("EURUSD", [(0, 1.1, 1.2)]), switch, ticks("USDJPY", [(1, 150, 151)])]
    )
    found = by_symbol(log, ("EURUSD", "USDJPY", "NZDUSD"), 9)
    assert [batch.records["kind"].tolist() for batch in found] == [
        [Kind.TICK, Kind.SWITCH],
        [Kind.SWITCH, Kind.TICK],
        [Kind.SWITCH],
    ]
    assert all(switch.tobytes() in batch.records.tobytes() for batch in found)


def test_without_heartbeats_a_quiet_symbol_gets_no_batch() -> None:
    """There is nothing to tell it."""
    log = ticks("EURUSD", [(0, 1.1, 1.2)])
    assert [batch.symbol for batch in by_symbol(log, ("EURUSD", "USDJPY"), 0)] == ["EURUSD"]
    assert list(by_symbol(decode_ticks(b""), ("EURUSD",), 0)) == []
