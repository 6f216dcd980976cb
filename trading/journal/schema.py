"""The version of a store's tables: brought up to date, or refused."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from domain.errors import Corrupt
from trading.journal.database import Database
from trading.journal.tables import metadata

_FOLDER = Path(__file__).with_name("migrations")
_VERSION_TABLE = "journal_revision"
"""Not alembic's own name: a PostgreSQL database may hold the tables of other programs."""

_LOCK = 0x61696678
"""Number of PostgreSQL's advisory lock on migrations, "aifx": two processes never run the same."""


def migrate(database: Database, target: str = "head") -> None:
    """Bring the tables of a store to a revision, in one commit; a new store gets them all.

    Parameters
    ----------
    database
        The store.
    target
        The revision; any but the newest is for tests of the way there.

    Raises
    ------
    Corrupt
        If the store has no revision that is known here, or lost a table.
    """
    config = _config()
    try:
        revision = _revision(database, config)
    except Corrupt:
        # Another process may be making the tables between two looks: the lock tells.
        revision = None
    if revision == ScriptDirectory.from_config(config).get_current_head():
        _require_tables(database)
        return
    with database.transaction() as cursor:
        if not database.is_sqlite:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        # Again, now that nobody else can be at it.
        _revision(database, config)
        config.attributes["connection"] = database.connection
        config.attributes["version_table"] = _VERSION_TABLE
        command.upgrade(config, target)
    if target == "head":
        _require_tables(database)


def require_revision(database: Database) -> str:
    """Return the revision of a store as it is, without bringing it up to date.

    Raises
    ------
    Corrupt
        If the store holds no journal, or one whose revision is not known here.
    """
    revision = _revision(database, _config())
    if revision is None:
        msg = f"journal {database.shown} is empty: it was never opened for writing"
        raise Corrupt(msg)
    return revision


def revisions() -> list[str]:
    """Return all revisions, oldest first."""
    script = ScriptDirectory.from_config(_config())
    return [step.revision for step in script.walk_revisions()][::-1]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _revision(database: Database, config: Config) -> str | None:
    """Return the revision that a store has; None of a store without a journal."""
    with database.translated():
        context = MigrationContext.configure(
            database.connection, opts={"version_table": _VERSION_TABLE}
        )
        found = context.get_current_heads()
        tables = set(sa.inspect(database.connection).get_table_names())
    if not found:
        strange = sorted(tables & {*metadata.tables, _VERSION_TABLE})
        if strange:
            msg = (
                f"journal {database.shown} cannot be used: it has a table {strange[0]!r} and no "
                "revision, so it is no journal; name another store, or restore it from a backup"
            )
            raise Corrupt(msg)
        return None
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if len(found) > 1 or found[0] not in known:
        msg = (
            f"journal {database.shown} cannot be used: its revision {', '.join(sorted(found))} is "
            f"not known here (newest: {max(known)}); run the version of AIFX that wrote it, or a "
            "later one"
        )
        raise Corrupt(msg)
    return found[0]


def _require_tables(database: Database) -> None:
    with database.translated():
        tables = set(sa.inspect(database.connection).get_table_names())
    missing = sorted(set(metadata.tables) - tables)
    if missing:
        msg = (
            f"journal {database.shown} cannot be used: its table {missing[0]!r} is gone; "
            "restore it from a backup"
        )
        raise Corrupt(msg)
