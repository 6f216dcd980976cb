"""Connecting: one line for the person who gave the DSN, and never the password."""

import subprocess
import sys
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.connection import connect, database_of, without_password
from domain.errors import BadUse


@pytest.mark.parametrize(
    ("dsn", "says"),
    [
        ("clickhouse://aifx:hunter2@127.0.0.1:1/aifx", "no server answers there"),
        ("http://aifx:hunter2@nosuchhost.invalid:8123/aifx", "no server answers there"),
        ("clickhouse://aifx:hunter2@127.0.0.1:99999/aifx", "Port out of range"),
        ("clickhouse://aifx:hunter2@127.0.0.1:1/a;b", "no database name"),
        ("mysql://aifx:hunter2@127.0.0.1/aifx", "no DSN of a server or of chDB"),
        ("chdb://relative/folder?password=hunter2", "absolute"),
        ("chdb://", "absolute"),
        ("", "no DSN of a server or of chDB"),
    ],
)
def test_a_dsn_that_cannot_work_is_bad_use(dsn: str, says: str) -> None:
    """The message is one line, says what is wrong, and hides the password."""
    with pytest.raises(BadUse, match=says) as caught:
        connect(dsn)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_second_chdb_folder_is_bad_use(client: Client, tmp_path: Path) -> None:
    """A process holds one chDB folder, and says so."""
    assert client.database == "read_side"
    with pytest.raises(BadUse, match="already holds another chDB folder"):
        connect(f"chdb://{tmp_path / 'other'}")


def test_a_folder_of_another_process_is_bad_use(client: Client, chdb_dsn: str) -> None:
    """A folder has one process, and the second one is told what to do."""
    code = (
        "import sys; from clickhouse.connection import connect; from domain.errors import BadUse\n"
        "try: connect(sys.argv[1])\n"
        "except BadUse as error: print(error)"
    )
    assert client.command("SELECT 1") == 1
    other = subprocess.run(
        [sys.executable, "-c", code, chdb_dsn],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert "another process holds it" in other.stdout


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("clickhouse://u:p@ss:word@h:8123/d", "clickhouse://u:***@h:8123/d"),
        ("clickhouse://h:8123/d?password=p&x=1", "clickhouse://h:8123/d?password=***&x=1"),
        ("clickhouse://h:8123/d", "clickhouse://h:8123/d"),
        ("chdb:///var/lib/aifx", "chdb:///var/lib/aifx"),
    ],
)
def test_a_shown_dsn_has_no_password(dsn: str, shown: str) -> None:
    """Whatever else is in the DSN stays as it was."""
    assert without_password(dsn) == shown


@pytest.mark.parametrize(
    ("dsn", "database"),
    [
        ("clickhouse://h:8123/forex", "forex"),
        ("clickhouse://h:8123", None),
        ("chdb:///var/lib/aifx", None),
        ("chdb:///var/lib/aifx?database=forex", "forex"),
        ("chdb://memory/forex", "forex"),
    ],
)
def test_a_dsn_may_name_the_database(dsn: str, database: str | None) -> None:
    """Servers in the path, chDB behind the question mark, for its path is the folder."""
    assert database_of(dsn) == database


def test_the_database_is_created(client: Client, chdb_dsn: str) -> None:
    """Named by the DSN, or ``aifx``, and there at the first connection."""
    assert client.database == "read_side"
    for dsn, name in ((f"{chdb_dsn}?database=forex", "forex"), (chdb_dsn, "aifx")):
        other = connect(dsn)
        assert other.command("SELECT currentDatabase()") == name
        other.close()
