"""Migrations: applied once, in order, and never changed afterwards."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.migrate import MIGRATIONS, connect, load, migrate
from clickhouse.tables import TABLES
from domain.errors import Halt
from sinks.clickhouse_batch import ArchiveBatch
from sinks.clickhouse_columns import arrow_table
from testkit.tapes import bar


@pytest.fixture
def empty(chdb_dsn: str, tmp_path: Path) -> Iterator[Client]:
    """Client in a database of this test's own."""
    client = connect(chdb_dsn, f"migrate_{tmp_path.name}")
    yield client
    client.command(f"DROP DATABASE {client.database}")
    client.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder with two migrations."""
    (tmp_path / "0001_a.sql").write_text("CREATE TABLE IF NOT EXISTS a (x Int8) ENGINE = Memory;")
    (tmp_path / "0002_b.sql").write_text(
        "CREATE TABLE IF NOT EXISTS b (x Int8) ENGINE = Memory; INSERT INTO b VALUES (1);"
    )
    return tmp_path


def test_all_are_applied_and_then_none(empty: Client) -> None:
    """The second time there is nothing to do."""
    said: list[str] = []
    names = [path.name for path in sorted(MIGRATIONS.glob("*.sql"))]
    assert migrate(empty, said.append) == names
    assert len(said) == len(names)
    assert migrate(empty, said.append) == []
    assert len(said) == len(names)


def test_every_table_is_there_with_run_first_in_its_key(empty: Client) -> None:
    """And every column but the obvious says what it holds."""
    migrate(empty)
    found = empty.query(
        "SELECT name, sorting_key, engine FROM system.tables "
        "WHERE database = currentDatabase() AND name != 'schema_migrations'"
    ).result_rows
    assert {name for name, _, _ in found} == {*TABLES, "runs"}
    assert all(key.split(", ")[0] == "run" for _, key, _ in found)
    assert {engine for _, _, engine in found} == {"ReplacingMergeTree"}
    silent = empty.query(
        "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND comment = ''"
    ).result_rows
    assert list(silent) == []


OLD_BARS = """
INSERT INTO bars (run, symbol, timeframe, ts_open, tick_count, mid_close)
SELECT 'old', 'EURUSD', '1m', fromUnixTimestamp64Nano(60000000000 * number, 'UTC'), number, 1.5
FROM numbers({})
"""
"""Consecutive minutes, in the columns of the first five migrations."""

OLD_TICKS = """
INSERT INTO {} (run, symbol, ts_event, seq, bid, ask)
SELECT 'old', 'EURUSD', fromUnixTimestamp64Nano(number, 'UTC'), number, 1.5, 1.5 FROM numbers(5)
"""


@pytest.fixture
def before(empty: Client, tmp_path: Path) -> Client:
    """Client in a database with the first five migrations and some rows, in several parts."""
    folder = tmp_path / "first"
    folder.mkdir()
    for path in sorted(MIGRATIONS.glob("*.sql"))[:5]:
        shutil.copy(path, folder)
    assert len(migrate(empty, folder=folder)) == 5
    # Parts that are merged later, and rows that were written twice.
    for rows in (10, 4):
        empty.command(OLD_BARS.format(rows))
    for table in ("ticks", "ticks_rejected"):
        empty.command(OLD_TICKS.format(table))
    empty.command("INSERT INTO features (run, symbol, ready) VALUES ('old', 'EURUSD', true)")
    empty.command("INSERT INTO signals (run, signal_id, side) VALUES ('old', 'a', 'buy')")
    return empty


def put(client: Client, table: str, run: str, rows: Any) -> None:
    """Insert rows as the sink would."""
    batch = ArchiveBatch(table, 0, 0, len(rows) - 1, rows)
    client.insert_arrow(table, arrow_table(table, run, [batch]))


def value(client: Client, query: str) -> Any:
    """Return the one value of a query."""
    return client.query(query).result_rows[0][0]


def test_an_old_database_keeps_its_rows(before: Client) -> None:
    """New columns are zero or null there; merges over both kinds of parts lose nothing."""
    assert migrate(before) == [
        "0006_quality_and_more_bars.sql",
        "0007_models.sql",
        "0008_order_terms.sql",
        "0009_quality.sql",
        "0010_fills_by_account.sql",
        "0011_shortfall.sql",
    ]
    for _ in range(2):
        assert value(before, "SELECT count() FROM bars FINAL") == 10
        assert value(before, "SELECT sum(tick_count) FROM bars FINAL") == 45
        empty = "seq = 0 AND verdict = 0 AND micro_gap_mean_pips IS NULL AND up_count = 0"
        assert value(before, f"SELECT countIf({empty}) FROM bars FINAL") == 10  # noqa: S608
        for table, count in (("ticks", 5), ("ticks_rejected", 5), ("features", 1), ("signals", 1)):
            found = f"SELECT countIf(verdict = 0 AND run = 'old') FROM {table} FINAL"  # noqa: S608
            assert value(before, found) == count
        unexplained = "empty(vote_role) AND empty(vote_p_up) AND agreement IS NULL AND schema = ''"
        assert value(before, f"SELECT countIf({unexplained}) FROM signals FINAL") == 1  # noqa: S608
        before.command("OPTIMIZE TABLE bars FINAL")
        before.command("OPTIMIZE TABLE ticks FINAL")
    assert migrate(before) == []


def test_the_sixth_may_be_repeated(before: Client) -> None:
    """Killed before it was noted down, it is applied again, and rows of the new kind stay."""
    migrate(before)
    put(before, "bars", "new", [bar("5pip", 7, 9, seq=seq) for seq in (1, 2)])
    before.command("TRUNCATE TABLE schema_migrations")
    assert len(migrate(before)) == 11
    assert value(before, "SELECT count() FROM bars FINAL") == 12


def test_fills_move_to_their_new_key(empty: Client, tmp_path: Path) -> None:
    """None is lost, also where the move is repeated; two accounts may then number fills alike."""
    for file in MIGRATIONS.glob("000*.sql"):
        (tmp_path / file.name).write_text(file.read_text())
    migrate(empty, folder=tmp_path)
    row = "INSERT INTO executions (run, account, execution_id, ts_event) VALUES ('r', '{}', '7', 0)"
    empty.command(row.format("a"))
    for _ in range(2):
        migrate(empty)
        empty.command(row.format("a"))
        empty.command(row.format("b"))
        assert value(empty, "SELECT count() FROM executions FINAL") == 2
        empty.command("ALTER TABLE schema_migrations DELETE WHERE version = 10")
        leftover = "CREATE TABLE IF NOT EXISTS executions_by_account AS executions"
        empty.command(leftover)


@pytest.mark.parametrize("kind", ["from scratch", "from an old one"])
def test_bars_of_one_nanosecond_are_two_rows(
    kind: str, request: pytest.FixtureRequest, empty: Client
) -> None:
    """Two range bars that open together both stay; one that is written twice stays once."""
    client: Client = empty if kind == "from scratch" else request.getfixturevalue("before")
    migrate(client)
    twins = [bar("5pip", 7, 9, seq=seq, price=1.0 + seq) for seq in (1, 2)]
    for rows in (twins, twins[:1], twins[1:]):
        put(client, "bars", "new", rows)
    query = "SELECT seq, mid_close FROM bars FINAL WHERE run = 'new' ORDER BY seq"
    for _ in range(2):
        assert list(client.query(query).result_rows) == [(1, 2.0), (2, 3.0)]
        client.command("OPTIMIZE TABLE bars FINAL")


def test_old_and_new_databases_have_one_schema(before: Client, chdb_dsn: str) -> None:
    """Whatever a database began with: the same tables, columns, types, codecs and keys."""
    migrate(before)
    fresh = connect(chdb_dsn, f"{before.database}_fresh")
    try:
        migrate(fresh)
        columns = (
            "SELECT table, name, type, comment, compression_codec, is_in_sorting_key, position "
            "FROM system.columns WHERE database = currentDatabase() ORDER BY table, position"
        )
        assert before.query(columns).result_rows == fresh.query(columns).result_rows
        key = "SELECT sorting_key FROM system.tables WHERE database = currentDatabase() "
        for client in (before, fresh):
            found = value(client, f"{key} AND name = 'bars'")
            assert found == "run, symbol, timeframe, ts_open, seq"
    finally:
        fresh.command(f"DROP DATABASE {fresh.database}")
        fresh.close()


def test_late_ticks_have_a_table_like_that_of_rejected_ones(empty: Client) -> None:
    """The same columns, key and parts, and a window for tokens."""
    migrate(empty)
    columns = (
        "SELECT name, type, comment, compression_codec FROM system.columns "
        "WHERE database = currentDatabase() AND table = '{}' ORDER BY position"
    )
    tables = (
        "SELECT engine, sorting_key, partition_key, position(create_table_query, "
        "'non_replicated_deduplication_window = 1000') > 0 AS window FROM system.tables "
        "WHERE database = currentDatabase() AND name = '{}'"
    )
    for query in (columns, tables):
        late, rejected = (
            empty.query(query.format(name)).result_rows for name in ("ticks_late", "ticks_rejected")
        )
        assert late == rejected
        assert len(late) > 0
    assert late[0][-1] == 1


def test_only_missing_ones_are_applied(empty: Client, folder: Path) -> None:
    """A new file is applied alone, whatever came before it."""
    migrate(empty, folder=folder)
    (folder / "0003_c.sql").write_text("CREATE TABLE c (x Int8) ENGINE = Memory")
    assert migrate(empty, folder=folder) == ["0003_c.sql"]
    assert empty.command("SELECT count() FROM b") == 1


def test_a_changed_file_is_refused(empty: Client, folder: Path) -> None:
    """Before anything else is applied."""
    migrate(empty, folder=folder)
    (folder / "0001_a.sql").write_text("CREATE TABLE IF NOT EXISTS a (x Int16) ENGINE = Memory;")
    (folder / "0003_c.sql").write_text("CREATE TABLE c (x Int8) ENGINE = Memory")
    with pytest.raises(Halt, match=r"0001_a\.sql differs"):
        migrate(empty, folder=folder)
    assert empty.command("EXISTS TABLE c") == 0


def test_line_ends_are_no_change(empty: Client, folder: Path) -> None:
    """A checkout may write them in another way."""
    (folder / "0001_a.sql").write_bytes(b"CREATE TABLE a (x Int8)\n ENGINE = Memory")
    migrate(empty, folder=folder)
    (folder / "0001_a.sql").write_bytes(b"CREATE TABLE a (x Int8)\r\n ENGINE = Memory")
    assert migrate(empty, folder=folder) == []


def test_a_failed_one_is_tried_again(empty: Client, folder: Path) -> None:
    """It is not recorded, and those before it are."""
    (folder / "0002_b.sql").write_text("CREATE TABLE b (x NoSuchType) ENGINE = Memory")
    with pytest.raises(Halt, match=r"0002_b\.sql failed"):
        migrate(empty, folder=folder)
    (folder / "0002_b.sql").write_text("CREATE TABLE b (x Int8) ENGINE = Memory")
    assert migrate(empty, folder=folder) == ["0002_b.sql"]


@pytest.mark.parametrize("name", ["0001_again.sql", "three.sql"])
def test_a_name_without_a_number_of_its_own_is_refused(folder: Path, name: str) -> None:
    """Order must not be a matter of taste."""
    (folder / name).write_text("SELECT 1")
    with pytest.raises(Halt, match="want a number"):
        load(folder)
