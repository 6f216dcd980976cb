"""Bring a database to the schema of this program: numbered SQL files, each applied once."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from clickhouse.connection import connect, first_line
from clickhouse.statements import split_statements
from domain.errors import Halt

__all__ = ["MIGRATIONS", "Migration", "connect", "load", "migrate"]

MIGRATIONS = Path(__file__).parent / "migrations"
"""Folder of the schema of this program."""

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    version UInt32 COMMENT 'number of the file',
    name String COMMENT 'name of the file',
    sha256 String COMMENT 'of the text of the file, hexadecimal'
)
ENGINE = ReplacingMergeTree ORDER BY version
"""


class Migration(NamedTuple):
    """One file of the schema.

    Attributes
    ----------
    version
        Its number (> 0).
    name
        Its file name.
    sha256
        Digest of its text, the same for every kind of line ends.
    statements
        What it says, in order.
    """

    version: int
    name: str
    sha256: str
    statements: tuple[str, ...]


def load(folder: Path = MIGRATIONS) -> list[Migration]:
    """Read the migrations of a folder in the order of their numbers.

    Raises
    ------
    Halt
        If a name has no number, a number occurs twice, or a file cannot be split into statements.
    """
    found: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None or int(match[1]) in found:
            msg = f"migration {path.name}: want a number of its own, as in 0001_ticks.sql"
            raise Halt(msg)
        text = path.read_text(encoding="utf-8")
        try:
            statements = tuple(split_statements(text))
        except ValueError as error:
            msg = f"migration {path.name}: {error}"
            raise Halt(msg) from error
        digest = hashlib.sha256(text.encode()).hexdigest()
        found[int(match[1])] = Migration(int(match[1]), path.name, digest, statements)
    return [found[version] for version in sorted(found)]


def migrate(
    client: Client, say: Callable[[str], None] | None = None, folder: Path = MIGRATIONS
) -> list[str]:
    """Apply the migrations that the client's database lacks; return their names.

    Versions in the database that this program does not know are left alone: an older program may
    come back beside a schema that only added to its own.

    Raises
    ------
    Halt
        If an applied file has changed since, or a statement fails.
    """
    tell = say or (lambda _line: None)
    client.command(_LEDGER)
    ledger = client.query("SELECT version, name, sha256 FROM schema_migrations FINAL")
    applied = {int(version): (name, sha256) for version, name, sha256 in ledger.result_rows}
    wanted = load(folder)
    for migration in wanted:
        name, sha256 = applied.get(migration.version, (migration.name, migration.sha256))
        if sha256 != migration.sha256:
            msg = (
                f"migration {migration.name} differs from {name} as it was applied to "
                f"{client.database}; put the file back and write a new migration"
            )
            raise Halt(msg)
    missing = [migration for migration in wanted if migration.version not in applied]
    for migration in missing:
        tell(f"{client.database}: {migration.name}")
        _apply(client, migration)
    return [migration.name for migration in missing]


def _apply(client: Client, migration: Migration) -> None:
    try:
        for statement in migration.statements:
            client.command(statement)
        client.insert(
            "schema_migrations",
            [[migration.version, migration.name, migration.sha256]],
            column_names=["version", "name", "sha256"],
        )
    except ClickHouseError as error:
        msg = f"migration {migration.name} failed: {first_line(error)}"
        raise Halt(msg) from error
