"""The ClickHouse sink on a real engine: exact, replayable, and hard to kill."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import bytewax.operators as op
import bytewax.recovery
import bytewax.testing
import msgspec
import numpy as np
import pytest
from bytewax.dataflow import Dataflow, Stream
from bytewax.testing import TestingSource
from clickhouse_connect.driver.client import Client

from clickhouse.migrate import connect, migrate
from clickhouse.results import counts
from domain.errors import BadUse, Corrupt, Halt
from domain.ticks import SUSPECT, TickArray, Verdict, new_records
from sinks.clickhouse import ArchiveBatch, ClickHouseSink, ClickHouseSinkConfig, TableWriter
from testkit.tapes import minute_bar

DATABASE = "archive"
ROOT = Path(__file__).parents[2]
START_NS = 1_700_000_000_000_000_000


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    """DSN of the one chDB folder that this process can hold, the same for every test file."""
    return f"chdb://{tmp_path_factory.getbasetemp() / 'chdb'}"


@pytest.fixture(scope="module")
def client(dsn: str) -> Iterator[Client]:
    """Client in a migrated database."""
    client = connect(dsn, DATABASE)
    migrate(client)
    yield client
    client.close()


@pytest.fixture
def run(request: pytest.FixtureRequest) -> str:
    """Name of a run that no other test writes to."""
    return str(request.node.nodeid)


def ticks(first: int, last: int) -> TickArray:
    """Return the ticks with the sequence numbers ``first`` to ``last``: a function of these."""
    records = new_records(last - first + 1)
    records["seq"] = np.arange(first, last + 1)
    records["symbol"] = np.where(records["seq"] % 2, b"EURUSD", b"USDJPY")
    # Three ticks share each moment: only the sequence number tells them apart.
    records["ts_event_ns"] = START_NS + records["seq"] // 3
    records["ts_recv_ns"] = records["ts_event_ns"] + 5
    records["bid"] = 1.1 + records["seq"] / 7
    records["ask"] = records["bid"] + 1e-5
    records["ask_size"] = np.nan
    return records


def batch(first: int, last: int) -> ArchiveBatch:
    """Return the ticks of a stretch of the log, one per offset."""
    return ArchiveBatch("ticks", 0, first, last, ticks(first, last))


def write(
    dsn: str, run: str, batches: Sequence[ArchiveBatch], table: str = "ticks", rows: int = 100_000
) -> TableWriter:
    """Write batches through a new partition, as after a start, up to its snapshot."""
    sink = ClickHouseSink(dsn, DATABASE, run, ClickHouseSinkConfig(flush_rows=rows))
    part = sink.build_part("archive", table, None)
    part.write_batch(list(batches))
    part.snapshot()
    return part


def stored(client: Client, run: str) -> int:
    """Return the rows of a run as they lie in the table, copies and all."""
    query = "SELECT count() FROM ticks WHERE run = {run:String}"
    return int(client.query(query, parameters={"run": run}).result_rows[0][0])


def test_a_snapshot_has_everything_written(client: Client, dsn: str, run: str) -> None:
    """Its state says how much, and the rows are there before it is returned."""
    part = ClickHouseSink(dsn, DATABASE, run).build_part("archive", "ticks", {"v": 1, "rows": 5})
    part.write_batch([batch(0, 9), ArchiveBatch("ticks", 0, 10, 12, ticks(0, -1))])
    assert stored(client, run) == 0
    assert part.snapshot() == {"v": 1, "rows": 15}
    assert counts(client, run)["ticks"] == 10


def test_memory_is_bounded_between_snapshots(client: Client, dsn: str, run: str) -> None:
    """A full buffer is inserted at once."""
    sink = ClickHouseSink(dsn, DATABASE, run, ClickHouseSinkConfig(flush_rows=10))
    part = sink.build_part("archive", "ticks", None)
    part.write_batch([batch(0, 5), batch(6, 11), batch(12, 13)])
    assert stored(client, run) == 12
    part.close()
    assert stored(client, run) == 14


def test_the_same_offsets_insert_nothing_twice(client: Client, dsn: str, run: str) -> None:
    """Not even for a moment: the server knows the token."""
    write(dsn, run, [batch(0, 49), batch(50, 99)])
    write(dsn, run, [batch(0, 19), batch(20, 99)])
    assert stored(client, run) == 100


@pytest.mark.parametrize("seed", range(5))
def test_replays_with_other_cuts_collapse(client: Client, dsn: str, run: str, seed: int) -> None:
    """Whatever is replayed, from wherever, in whatever pieces: every tick counts once."""
    random = np.random.default_rng(seed)
    for start in [0, *random.integers(0, 200, 4).tolist()]:
        cuts = [start, *sorted(set(random.integers(start + 1, 200, 6).tolist()) - {start}), 200]
        batches = [batch(a, b - 1) for a, b in pairwise(cuts)]
        write(dsn, run, batches, rows=int(random.integers(1, 80)))
    assert counts(client, run)["ticks"] == 200
    client.command("OPTIMIZE TABLE ticks FINAL")
    assert stored(client, run) == 200


def test_a_failed_insert_keeps_its_rows(client: Client, dsn: str, run: str) -> None:
    """The snapshot raises, and the next try has everything."""
    failures = [Halt("disk full")]
    sink = ClickHouseSink(dsn, DATABASE, run).build_part("archive", "ticks", None)

    def put(table: str, rows: object, token: str) -> None:
        if failures:
            raise failures.pop()
        sink._put(table, rows, token)

    part = TableWriter("ticks", run, put, flush_rows=100)
    part.write_batch([batch(0, 9)])
    with pytest.raises(Halt, match="disk full"):
        part.snapshot()
    assert part.snapshot() == {"v": 1, "rows": 10}
    assert counts(client, run)["ticks"] == 10


@pytest.mark.parametrize("topic", ["ticks.rejected", "ticks.late"])
def test_ticks_keep_what_is_wrong_with_them(client: Client, dsn: str, run: str, topic: str) -> None:
    """NaN prices and impossible times are stored as they came; the reasons have names."""
    records = ticks(0, 3)
    records["bid"] = [np.nan, np.inf, -0.0, 5e-324]
    records["ts_event_ns"] = [0, -1, 2**63 - 1, -(2**63)]
    records["verdict"] = [Verdict.NOT_FINITE | Verdict.LATE, 1, Verdict.LATE | Verdict.STALE, 0]
    table = topic.replace(".", "_")
    write(dsn, run, [ArchiveBatch(topic, 0, 0, 0, records)], table)
    query = (
        "SELECT reinterpretAsUInt64(bid), toUnixTimestamp64Nano(ts_event), verdict, reasons "
        "FROM {table:Identifier} FINAL WHERE run = {run:String} ORDER BY seq"
    )
    found = client.query(query, parameters={"run": run, "table": table}).result_rows
    assert [row[0] for row in found] == records["bid"].copy().view(np.uint64).tolist()
    assert [row[1] for row in found] == records["ts_event_ns"].tolist()
    assert [row[2] for row in found] == records["verdict"].tolist()
    names = [["not_finite", "late"], ["not_finite"], ["late", "stale"], []]
    assert [list(row[3]) for row in found] == names


def test_a_suspect_tick_is_in_the_store_with_its_verdict(
    client: Client, dsn: str, run: str
) -> None:
    """Who reads ticks can leave out what no new risk was taken on."""
    records = ticks(0, 4)
    records["verdict"] = [0, Verdict.STALE, Verdict.GAP, Verdict.BURST | Verdict.LOCKED, 0]
    write(dsn, run, [ArchiveBatch("ticks", 0, 0, 4, records)])
    query = (
        "SELECT seq FROM ticks FINAL WHERE run = {run:String} AND bitAnd(verdict, {bits:UInt32}) "
        "ORDER BY seq"
    )
    found = client.query(query, parameters={"run": run, "bits": SUSPECT}).result_rows
    assert [row[0] for row in found] == [1, 3]


def test_a_backfill_of_many_years_is_one_insert(client: Client, dsn: str, run: str) -> None:
    """More months than a server allows by default."""
    records = ticks(0, 199)
    records["ts_event_ns"] = np.arange(200) * 31 * 86_400 * 10**9
    write(dsn, run, [ArchiveBatch("ticks", 0, 0, 199, records)])
    assert counts(client, run)["ticks"] == 200


def flow_of(sink: ClickHouseSink, items: list[Any]) -> Dataflow:
    """Return a dataflow that sends items to the sink, three at a time."""
    flow = Dataflow("archive")
    stream: Stream[tuple[str, ArchiveBatch]] = op.input(
        "in", flow, TestingSource(items, batch_size=3)
    )
    op.output("out", stream, sink)
    return flow


def test_an_aborted_dataflow_goes_on_without_loss(
    client: Client, dsn: str, run: str, tmp_path: Path
) -> None:
    """Both tables, through the engine's own recovery."""
    bars = [minute_bar(i) for i in range(30)]
    items: list[Any] = []
    for i in range(30):
        items += [("ticks", batch(10 * i, 10 * i + 9))]
        items += [("bars", ArchiveBatch("bars", 2, i, i, [bars[i]]))]
        items += [TestingSource.ABORT()] if i in (7, 20) else []
    # The engine's own entry points have no types.
    store: Any = bytewax.recovery
    engine: Any = bytewax.testing
    store.init_db_dir(tmp_path, 1)
    sink = ClickHouseSink(dsn, DATABASE, run, ClickHouseSinkConfig(flush_rows=25))
    for _ in range(3):
        engine.run_main(
            flow_of(sink, items),
            epoch_interval=timedelta(0),
            recovery_config=store.RecoveryConfig(str(tmp_path)),
        )
    found = counts(client, run)
    assert {table: count for table, count in found.items() if count} == {"bars": 30, "ticks": 300}


KILLED = """
import os, sys
sys.path.insert(0, sys.argv[3])
from test_clickhouse import *
dsn, death = sys.argv[1], sys.argv[2]
migrate(connect(dsn, DATABASE))
sink = ClickHouseSink(dsn, DATABASE, "r", ClickHouseSinkConfig(flush_rows=25))
part = sink.build_part("archive", "ticks", None)
part.write_batch([batch(0, 9), batch(10, 29), batch(30, 39)])
if death == "before":
    os._exit(9)  # 30 rows are in, 10 are not, and there is no snapshot
part.snapshot()
if death == "after":
    os._exit(9)  # all 40 are in, but the snapshot never became durable
part.write_batch([batch(40, 49)])
part.close()
print(counts(connect(dsn, DATABASE), "r")["ticks"])
"""


def test_a_killed_process_leaves_nothing_lost_or_doubled(tmp_path: Path) -> None:
    """Between insert and snapshot, then between snapshot and commit, then to the end."""
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", KILLED, f"chdb://{tmp_path / 'killed'}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    codes, output = [], ""
    for death in ("before", "after", "never"):
        done = subprocess.run(
            [*command, death, here], capture_output=True, text=True, check=False, env=environment
        )
        codes.append(done.returncode)
        output = done.stdout
    assert codes == [9, 9, 0]
    assert output.strip() == "50"


def test_an_unreachable_server_is_bad_use() -> None:
    """Before the first row, and not after a minute of retries."""
    sink = ClickHouseSink("clickhouse://127.0.0.1:1", None, "r")
    with pytest.raises(BadUse, match="no server answers there"):
        sink.build_part("archive", "ticks", None)


def test_a_state_of_another_version_is_refused(dsn: str, run: str) -> None:
    """A guess at its meaning could lose rows."""
    with pytest.raises(Corrupt, match="version 1"):
        ClickHouseSink(dsn, DATABASE, run).build_part("archive", "ticks", {"v": 2, "rows": 1})


def test_partitions_are_tables_in_the_engine_s_order(dsn: str, run: str) -> None:
    """The engine looks a partition up by its place among the sorted names."""
    sink = ClickHouseSink(dsn, DATABASE, run)
    parts = sink.list_parts()
    assert parts == sorted(parts)
    assert [sink.part_fn(table) for table in parts] == list(range(len(parts)))
    with pytest.raises(Halt, match="no table 'nope'"):
        sink.part_fn("nope")


def test_rows_of_the_wrong_kind_stop_the_process(client: Client, dsn: str, run: str) -> None:
    """A record in the wrong table is a fault of the program, not of the data."""
    for table, rows in (
        ("orders", [minute_bar(0)]),
        ("ticks", [minute_bar(0)]),
        ("bars", ticks(0, 1)),
    ):
        with pytest.raises(Halt, match=f"does not fit table {table}"):
            write(dsn, run, [ArchiveBatch("x", 0, 0, 0, rows)], table)
    assert not any(counts(client, run).values())


def test_the_configuration_refuses_what_it_does_not_know() -> None:
    """A misspelt setting must not be a silent default."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"flush_row": 1}, ClickHouseSinkConfig)
