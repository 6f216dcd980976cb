"""Execution quality and what a statement needs, read back from the store."""

from decimal import Decimal
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client
from msgspec.structs import replace

from clickhouse import quality
from clickhouse.settlement import last_balance, last_prices
from domain.canonical_quality import quality_sha256
from domain.nanos import DAY_NS, SECOND_NS
from domain.orders import Position
from domain.quality import ExecutionQuality, OrderQuality, QualityCode, QualityEvent
from domain.ticks import Verdict
from sinks.clickhouse_batch import ArchiveBatch
from sinks.clickhouse_columns import arrow_table
from tests.trading.tca.tape import NOON, execution, order, quotes
from trading.tca.config import TcaConfig
from trading.tca.query import evaluate

D = Decimal
TAPE = {"EURUSD": quotes([(second, "1.1000", "1.1002") for second in range(600)])}
FILL, DONE = evaluate(
    TcaConfig("USD", ("EURUSD",)),
    TAPE.items(),
    [order("pending_new", 0), order("filled", 2, filled_units=D(100_000))],
    [execution(2, "1.10021")],
)[1:]
EVENT = QualityEvent(QualityCode.OUTLIER, "x1", "o1", "A-1", "EURUSD", "ib", NOON, "m", 1 / 3, 6.0)


def put(client: Client, table: str, run: str, rows: Any) -> None:
    """Insert rows as the sink would."""
    batch = ArchiveBatch(table, 0, 0, len(rows) - 1, rows)
    client.insert_arrow(table, arrow_table(table, run, [batch]))


def test_what_was_measured_comes_back(client: Client, run: str) -> None:
    """Equal in every bit and of one digest, also where it was written twice."""
    assert isinstance(FILL, ExecutionQuality)
    assert isinstance(DONE, OrderQuality)
    later = replace(FILL, execution_id="x0", ts_event_ns=FILL.ts_event_ns + 1)
    put(client, "quality_fills", run, [later, FILL])
    put(client, "quality_fills", run, [FILL])
    put(client, "quality_orders", run, [DONE])
    put(client, "quality_events", run, [EVENT])
    assert quality.fills(client, run) == [FILL, later]
    assert quality.orders(client, run) == [DONE]
    assert quality.events(client, run) == [EVENT]
    whole = quality.records(client, run)
    assert quality_sha256(whole) == quality_sha256([EVENT, DONE, later, FILL])
    assert quality.records(client, f"{run} of another") == []


def test_what_accounts_have_cost_is_read_of_all_runs(client: Client, run: str) -> None:
    """The newest of each kind and account, oldest first; accounts may number fills alike."""
    assert isinstance(FILL, ExecutionQuality)
    assert isinstance(DONE, OrderQuality)
    mine, theirs = f"{run}-a", f"{run}-b"
    fills = [
        replace(FILL, account=account, ts_event_ns=FILL.ts_event_ns + n)
        for n, account in enumerate((mine, theirs, mine, mine))
    ]
    for n, fill in enumerate(fills):
        put(client, "quality_fills", f"{run}-{n}", [fill])
    done = replace(DONE, account=theirs, ts_event_ns=FILL.ts_event_ns + 9)
    put(client, "quality_orders", run, [done])
    event = replace(EVENT, account=mine, ts_event_ns=FILL.ts_event_ns - 1)
    put(client, "quality_events", run, [event])
    found = quality.of_accounts(client, [mine, theirs], 2)
    assert found == [event, fills[1], fills[2], fills[3], done]
    assert quality.of_accounts(client, [theirs], 1) == [fills[1], done]
    assert quality.of_accounts(client, [], 1) == []


def test_the_last_sound_prices_before_a_moment(client: Client, run: str) -> None:
    """Not those of the moment itself, nor suspect ones, nor those of the week before."""
    rows = [(0, "1.1", "1.2"), (1, "1.3", "1.4"), (2, "1.5", "1.6"), (3, "1.7", "1.8")]
    ticks = quotes(rows)
    ticks["symbol"] = b"EURUSD"
    ticks["seq"] = np.arange(4)
    ticks["verdict"][2] = int(Verdict.STALE)
    put(client, "ticks", run, ticks)
    assert last_prices(client, run, NOON + 3 * SECOND_NS) == {"EURUSD": (1.3, 1.4)}
    assert last_prices(client, run, NOON + 3 * SECOND_NS + 1) == {"EURUSD": (1.7, 1.8)}
    assert last_prices(client, run, NOON) == {}
    assert last_prices(client, run, NOON + 8 * DAY_NS) == {}


def test_the_balance_at_the_last_mark_before_a_moment(client: Client, run: str) -> None:
    """Equity less what is open; unknown where a part of it is, or without a mark."""
    total = Position("A-1", "*", NOON, NOON, D(0), None, D(5), D("-2.5"), D("100002.5"))
    unknown = replace(total, ts_event_ns=NOON + 1, unrealised_account=None, equity_account=None)
    of_a_symbol = replace(total, symbol="EURUSD", ts_event_ns=NOON + 2, equity_account=None)
    put(client, "positions", run, [total, unknown, of_a_symbol])
    assert last_balance(client, run, "A-1", NOON + 1) == D(100_005)
    assert last_balance(client, run, "A-1", NOON + 9) is None
    assert last_balance(client, run, "A-1", NOON) is None
    assert last_balance(client, run, "A-2", NOON + 1) is None
