"""``aifx tca --recompute`` over the records of a run in its archive."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from msgspec.structs import replace
from typer.testing import CliRunner, Result

from clickhouse.runs import record_run
from config.settings import settings_of, without_secrets
from dataflows.quality import tca_config
from domain.nanos import SECOND_NS
from domain.orders import Execution, Order
from domain.predictions import Signal
from domain.quality import ExecutionQuality, OrderQuality
from domain.topics import Topic
from jobs.cli import app
from sinks.clickhouse_batch import ArchiveBatch
from sinks.clickhouse_columns import arrow_table
from tests.trading.tca.tape import NOON, D, beat, execution, order, quotes
from trading.tca.monitor import Quality, QualityMonitor

Aifx = Callable[..., Result]

TREES: dict[str, Any] = {"execution": {"account": "A-1", "account_currency": "USD"}}
LAST_S = 600
TICKS = quotes([(second, "1.1000", "1.1002") for second in range(LAST_S)])
TICKS["symbol"], TICKS["seq"] = b"EURUSD", range(LAST_S)
ORDERS: list[Order] = [
    order("pending_new", 1),
    order("filled", 2, filled_units=D(100_000)),
    order("pending_new", 90_000, "foreign", symbol="XAUXAG"),
]
FILLS: list[Execution] = [execution(2, "1.10025")]


def put(client: Client, topic: Topic, run: str, rows: Any) -> None:
    """Insert rows as the sink would."""
    table = topic.value.replace(".", "_")
    client.insert_arrow(table, arrow_table(table, run, [ArchiveBatch(table, 0, 0, 0, rows)]))


def measured_as_it_happened() -> list[Quality]:
    """Return what the stream said of these records."""
    monitor = QualityMonitor(tca_config(settings_of(TREES), ("EURUSD",)))
    found: list[Quality] = []
    for one in ORDERS[:2]:
        found += monitor.on_order(one)
    for fill in FILLS:
        found += monitor.on_execution(fill)
    found += monitor.on_quotes("EURUSD", TICKS)
    return found + monitor.on_quotes("EURUSD", beat(LAST_S)) + monitor.flush()


def archived(client: Client, run: str, *, quality: bool = True) -> None:
    """Write a run of one fill, with or without what was measured."""
    tree = TREES | {"execution": {**TREES["execution"], "quality": quality}}
    facts = {"settings": without_secrets(settings_of(tree)), "symbols": ["EURUSD"]}
    record_run(client, run, facts)
    put(client, Topic.TICKS, run, TICKS)
    put(client, Topic.ORDERS, run, ORDERS)
    put(client, Topic.EXECUTIONS, run, FILLS)
    at = NOON + LAST_S * SECOND_NS
    sign = Signal("s", "EURUSD", at, at, "m", "r", "flat", True, 1.0, 0.9, 1.1, 1.2, "edge")
    put(client, Topic.SIGNALS, run, [sign])
    if quality:
        measured(client, run, measured_as_it_happened())


def measured(client: Client, run: str, records: list[Quality]) -> None:
    """Write what was measured."""
    for one in records:
        topics = {ExecutionQuality: Topic.QUALITY_FILLS, OrderQuality: Topic.QUALITY_ORDERS}
        put(client, topics.get(type(one), Topic.QUALITY_EVENTS), run, [one])


@pytest.fixture
def aifx(chdb_dsn: str, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Aifx:
    """Ask for the costs of a run in the store of the tests."""
    monkeypatch.setenv("AIFX__CLICKHOUSE__DSN", chdb_dsn)
    monkeypatch.setenv("AIFX__CLICKHOUSE__DATABASE", client.database or "")
    monkeypatch.setenv("COLUMNS", "200")

    def ask(run: str, *options: str) -> Result:
        return CliRunner().invoke(app, ["tca", "--run", run, "--data", str(tmp_path), *options])

    return ask


def test_what_was_measured_is_what_the_archive_says(client: Client, run: str, aifx: Aifx) -> None:
    """The same report twice, and all records equal: fill, order and what was remarkable."""
    archived(client, run)
    ended = aifx(run, "--recompute", "--json")
    assert ended.exit_code == 0, ended.output
    again = json.loads(ended.stdout)
    agreement = again.pop("agreement")
    assert agreement == {
        "compared": 3,
        "differing": 0,
        "at_end": 0,
        "measured_alone": [],
        "computed_alone": [],
        "differences": [],
    }
    plain = json.loads(aifx(run, "--json").stdout)
    assert plain.pop("agreement") is None
    assert again == plain
    assert again["groups"][0]["fills"] == 1
    ended = aifx(run, "--recompute")
    assert "3 records as it happened and from the archive: all are equal" in ended.stdout


def test_a_difference_is_told_and_ends_in_1(client: Client, run: str, aifx: Aifx) -> None:
    """By field with both values; a record that is gone too."""
    archived(client, run)
    (fill,) = (one for one in measured_as_it_happened() if isinstance(one, ExecutionQuality))
    slippage = fill.arrival_slippage_pips
    assert slippage is not None
    measured(client, run, [replace(fill, execution_id="x9")])
    client.command(
        "ALTER TABLE quality_fills UPDATE arrival_slippage_pips = {off:Float64} "
        "WHERE run = {run:String} AND execution_id = 'x1' SETTINGS mutations_sync = 2",
        parameters={"run": run, "off": slippage + 0.25},
    )
    ended = aifx(run, "--recompute", "--json")
    assert ended.exit_code == 1, ended.output
    found = json.loads(ended.stdout)["agreement"]
    assert (found["compared"], found["differing"]) == (3, 1)
    assert found["measured_alone"] == ["fill x9 A-1"]
    (difference,) = found["differences"]
    assert difference["field"] == "arrival_slippage_pips"
    assert difference["largest"] == pytest.approx(0.25, abs=1e-9)
    assert difference["computed"] == slippage
    ended = aifx(run, "--recompute")
    assert ended.exit_code == 1
    assert "1 records only as it happened, the first is fill x9 A-1" in ended.stdout
    assert "from the archive: 1 differ" in ended.stdout
    (line,) = (text for text in ended.stdout.splitlines() if "arrival_slippage_pips" in text)
    assert line.split() == ["fill", "arrival_slippage_pips", "1", "0.25", "x1", "1.75", "1.5"]


def test_a_run_that_measured_nothing_has_its_report_afterwards(
    client: Client, run: str, aifx: Aifx
) -> None:
    """There is nothing to compare it with; without the option it says how."""
    archived(client, run, quality=False)
    ended = aifx(run)
    assert ended.exit_code != 0
    assert "give --recompute" in str(ended.exception)
    ended = aifx(run, "--recompute", "--json")
    assert ended.exit_code == 0, ended.output
    found = json.loads(ended.stdout)
    assert found["agreement"] is None
    (group,) = found["groups"]
    assert (group["key"], group["fills"]) == ({"symbol": "EURUSD"}, 1)
    assert group["measures"]["arrival_slippage_pips"]["mean"] == pytest.approx(1.5, abs=1e-9)
    ended = aifx(run, "--recompute")
    assert "nothing was measured as it happened" in ended.stdout


def test_an_archive_that_does_not_have_the_run_says_so(run: str, aifx: Aifx) -> None:
    """Its settings are in the archive, and without them nothing can be measured."""
    ended = aifx(f"{run} gone", "--recompute")
    assert "the archive has no run" in str(ended.exception)
