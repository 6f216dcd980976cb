"""Reading a run back: counts, profit, and digests that match those of the records themselves."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from clickhouse import results
from clickhouse.runs import record_run, run_facts
from domain.bars import DEFAULT_TIMEFRAMES, Bar, frame_of
from domain.canonical import bar_columns, bars_sha256, signal_columns, signals_sha256
from domain.nanos import MINUTE_NS
from domain.orders import Execution, Order, OrderStatus, Position
from domain.predictions import Signal, Vote
from domain.ticks import Verdict, new_records
from sinks.clickhouse_batch import ArchiveBatch
from sinks.clickhouse_columns import arrow_table
from testkit import tapes

SYMBOLS = ("EURUSD", "USDJPY", "AUDUSD")
FRAMES = (*DEFAULT_TIMEFRAMES, "100tick", "5pip")
REALS = (*tapes.PRICE_FIELDS, "spread_mean_pips", "spread_max_pips", "move_sq_sum_pips2")
COUNTS = ("tick_count", "suspect_count", "up_count", "down_count", "verdict")


def put(client: Client, table: str, run: str, rows: Any) -> None:
    """Insert rows as the sink would."""
    batch = ArchiveBatch(table, 0, 0, max(len(rows) - 1, 0), rows)
    client.insert_arrow(table, arrow_table(table, run, [batch]))


def bars(random: np.random.Generator) -> list[Bar]:
    """Return bars of every symbol and timeframe with random values, half of them without sizes."""
    found: list[Bar] = []
    for symbol in SYMBOLS:
        for timeframe in FRAMES:
            length = frame_of(timeframe).length_ns
            for k in range(20):
                fields: dict[str, Any] = {
                    **dict(zip(REALS, random.normal(1.1, 0.1, len(REALS)).tolist(), strict=True)),
                    **dict(
                        zip(COUNTS, random.integers(0, 2**40, len(COUNTS)).tolist(), strict=True)
                    ),
                    "micro_gap_mean_pips": float(random.normal()) if k % 2 else None,
                    # Range bars may all open at one nanosecond.
                    "seq": k,
                }
                found.append(tapes.bar(timeframe, k * length, symbol=symbol, **fields))
    return found


def signals(random: np.random.Generator) -> list[Signal]:
    """Return signals, some without a view."""
    found = []
    for symbol in SYMBOLS:
        for k in range(20):
            p_up = None if k < 5 else float(random.random())
            bid = None if k < 3 else float(random.normal(1.1, 0.1))
            found.append(
                Signal(
                    f"{symbol}{k}", symbol, k * MINUTE_NS, k * MINUTE_NS + 9, "m", "edge",
                    "flat" if p_up is None else "buy", p_up is not None, abs(2 * (p_up or 0.5) - 1),
                    p_up, bid, bid, "cold" if p_up is None else "edge", k << 16,
                    tuple(Vote("online", f"o{i}", p_up, i / 7) for i in range(k % 3)), 0.04,
                    None if p_up is None else k / 20, "s",
                )
            )  # fmt: skip
    return found


def shuffled(records: Sequence[Any], random: np.random.Generator) -> list[Any]:
    """Return records in another order."""
    return [records[place] for place in random.permutation(len(records))]


def test_the_digest_of_the_store_is_that_of_the_records(client: Client, run: str) -> None:
    """Whatever the run, the order of arrival and the number of times something was written."""
    random = np.random.default_rng(11)
    these, those = bars(random), signals(random)
    for part in (these[50:], these[:100]):
        put(client, "bars", run, shuffled(part, random))
    for one in (those[20:], those[:30]):
        put(client, "signals", run, shuffled(one, random))
    put(client, "bars", f"{run} of another", bars(random))
    assert results.sha256_bars(client, run) == bars_sha256(bar_columns(these))
    assert results.sha256_signals(client, run) == signals_sha256(signal_columns(those))
    other = msgspec.structs.replace(those[0], strength=float(np.nextafter(those[0].strength, 2)))
    changed = signals_sha256(signal_columns([other, *those[1:]]))
    assert results.sha256_signals(client, run) != changed


def test_a_run_without_records_has_digests_and_zeros(client: Client, run: str) -> None:
    """Nothing is a result too."""
    assert results.sha256_bars(client, run) == bars_sha256(bar_columns([]))
    assert results.sha256_signals(client, run) == signals_sha256(signal_columns([]))
    assert set(results.counts(client, run).values()) == {0}
    assert results.bars_by_timeframe(client, run, FRAMES) == dict.fromkeys(FRAMES, 0)
    assert results.rejected_by_reason(client, run) == {}
    assert results.pnl(client, run) == {}
    assert results.orders_sent(client, run) == results.fills(client, run) == 0


def test_counts_count_records_once(client: Client, run: str) -> None:
    """By table, by timeframe and by reason, whatever was written twice."""
    these = bars(np.random.default_rng(12))
    put(client, "bars", run, these)
    put(client, "bars", run, these[:100])
    rejected = new_records(3)
    rejected["seq"] = [1, 2, 3]
    rejected["verdict"] = [Verdict.LATE, Verdict.LATE | Verdict.CROSSED, Verdict.CROSSED]
    put(client, "ticks_rejected", run, rejected)
    put(client, "ticks_rejected", run, rejected[:2])
    found = results.counts(client, run)
    assert (found["bars"], found["ticks_rejected"], found["ticks"]) == (len(these), 3, 0)
    found = results.bars_by_timeframe(client, run, ("30s",))
    assert found == {"30s": 0, **dict.fromkeys(FRAMES, 60)}
    # Times by length, then ticks, then ranges; also what is there and was not asked for.
    assert list(found) == ["1s", "30s", "1m", "5m", "1h", "100tick", "5pip"]
    assert results.rejected_by_reason(client, run) == {"crossed": 2, "late": 1}


def test_an_order_counts_once_whatever_becomes_of_it(client: Client, run: str) -> None:
    """Its events are rows, its fills are executions."""
    events: list[OrderStatus] = ["pending_new", "accepted", "partially_filled", "filled"]
    one = Decimal(1)
    put(
        client, "orders", run,
        [
            Order(f"o{k}", "A", "s", "g", "EURUSD", "buy", one, status, 5, 4)
            for k in range(3) for status in events
        ],
    )  # fmt: skip
    fills = [
        Execution(f"x{k}", "o1", "A", "EURUSD", "buy", one, one, 5, 4, one, None, None)
        for k in (1, 2, 2)
    ]
    put(client, "executions", run, fills)
    assert (results.orders_sent(client, run), results.fills(client, run)) == (3, 2)
    assert results.counts(client, run)["orders"] == 12


def test_pnl_is_the_last_total_of_each_account(client: Client, run: str) -> None:
    """Not of a symbol, not of an earlier mark; what is not known is None."""

    def total(account: str, ts_ns: int, equity: str | None, symbol: str = "*") -> Position:
        worth = None if equity is None else Decimal(equity)
        return Position(account, symbol, ts_ns, 0, Decimal(0), None, Decimal("0.1"), worth, worth)

    marks = [
        total("A", 3, "100000.123456789"),
        total("A", 2, "5"),
        total("A", 9, "7", "EURUSD"),
        total("B", 1, None),
    ]
    put(client, "positions", run, marks)
    worth = Decimal("100000.123456789")
    assert results.pnl(client, run) == {
        "A": results.Pnl(3, Decimal("0.1"), worth, worth),
        "B": results.Pnl(1, Decimal("0.1"), None, None),
    }


@pytest.mark.parametrize("last", [{"a": 1}, None, "é"])
def test_facts_of_a_run_are_kept_as_given(client: Client, run: str, last: object) -> None:
    """The last value of a key stays, also one that it has had before."""
    for value in (last, [1.5], last):
        record_run(client, run, {"seed": 7, "settings": value})
    assert run_facts(client, run) == {"seed": 7, "settings": last}
    record_run(client, run, {})
    assert run_facts(client, f"{run} of another") == {}
