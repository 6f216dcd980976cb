"""Orders, fills and quotes of a run, read back as they were on its log."""

from decimal import Decimal
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client
from msgspec.structs import replace

from clickhouse import dealings
from domain.nanos import DAY_NS, HOUR_NS, MINUTE_NS
from domain.predictions import Signal
from domain.ticks import Verdict
from sinks.clickhouse_batch import ArchiveBatch
from sinks.clickhouse_columns import arrow_table
from tests.trading.tca.tape import NOON, execution, order, quotes

D = Decimal


def put(client: Client, table: str, run: str, rows: Any) -> None:
    """Insert rows as the sink would."""
    batch = ArchiveBatch(table, 0, 0, len(rows) - 1, rows)
    client.insert_arrow(table, arrow_table(table, run, [batch]))


def test_orders_come_in_the_order_of_the_log(client: Client, run: str) -> None:
    """Of one moment too; with all their terms, and none of another account."""
    first = order("pending_new", 1, order_type="stop_limit", trigger_price=D("1.1"))
    records = [
        replace(first, time_in_force="GTD", expire_ns=NOON + HOUR_NS, limit_price=D("1.2")),
        order("accepted", 1),
        order("filled", 1, filled_units=D(100_000), average_price=D("1.10021")),
    ]
    put(client, "orders", run, [*records, replace(first, account="A-2")])
    assert dealings.orders(client, run, "A-1") == records
    assert dealings.orders(client, run, "A-3") == []


def test_fills_come_in_the_order_of_the_log(client: Client, run: str) -> None:
    """A bust before the fill that stands in its place, whatever their ids."""
    records = [
        execution(1, "1.10021", execution_id="z"),
        execution(1, "1.10021", execution_id="y", side="sell", execution_ref="z"),
        replace(execution(1, "1.1003", execution_id="x"), pnl_account=None, commission=D("0.1")),
    ]
    put(client, "executions", run, records)
    assert dealings.executions(client, run, "A-1") == records


def test_quotes_come_by_symbol_and_day_bit_for_bit(client: Client, run: str) -> None:
    """Within a day in the order of the log, suspect ones among them, each once."""
    ticks = quotes(
        [(0, "1.1", "1.2"), (2, "1.3", "1.4"), (1, "1.5", "1.6"), (3, "1.7", "1.8")],
        [1e5, np.nan, 3e6, 4e6],
    )
    ticks["symbol"] = [b"EURUSD", b"EURUSD", b"EURUSD", b"AUDUSD"]
    ticks["seq"] = np.arange(4)
    ticks["ts_recv_ns"] += 7
    ticks["verdict"][1] = int(Verdict.STALE)
    later = ticks[:1].copy()
    later["ts_event_ns"] += DAY_NS
    later["seq"] = 9
    put(client, "ticks", run, ticks)
    put(client, "ticks", run, later)
    put(client, "ticks", run, later)
    found = list(dealings.quotes(client, run))
    assert [symbol for symbol, _ in found] == ["AUDUSD", "EURUSD", "EURUSD"]
    for (_, records), expected in zip(found, (ticks[3:], ticks[:3], later), strict=True):
        assert records.tobytes() == expected.tobytes()
    assert list(dealings.quotes(client, f"{run} of another")) == []


def test_quotes_are_whole_up_to_the_last_decision_of_the_slowest_symbol(
    client: Client, run: str
) -> None:
    """Without any nothing is known."""
    signals = [
        Signal(f"{symbol}{minute}", symbol, at, at, "m", "r", "flat", True, 1.0, 0.9, 1.1, 1.2, "e")
        for symbol, last in (("EURUSD", 3), ("USDJPY", 2))
        for minute in range(last)
        for at in [NOON + minute * MINUTE_NS]
    ]
    assert dealings.passed_ns(client, run) == 0
    put(client, "signals", run, signals)
    assert dealings.passed_ns(client, run) == NOON + MINUTE_NS
