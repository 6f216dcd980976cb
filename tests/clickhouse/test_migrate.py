"""Migrations: applied once, in order, and never changed afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.migrate import MIGRATIONS, connect, load, migrate
from clickhouse.tables import TABLES
from domain.errors import Halt


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
