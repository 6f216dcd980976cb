"""What a driver's error means: each has a reaction, and no message shows a secret."""

import sqlite3

import psycopg
import pytest
import sqlalchemy as sa

from domain.errors import BadUse, Corrupt, Halt, Retry
from tests.trading.journal.conftest import NewStore
from tests.trading.journal.stores import ACCOUNT, draft, file_of, keys, opened, writing
from trading.journal import database as module
from trading.journal.errors import JournalBusy, JournalFull, JournalUnavailable, reaction_to
from trading.journal.journal import Journal
from trading.journal.verification import verify_file

CODES = sorted(
    (value, name)
    for name, value in vars(sqlite3).items()
    if name.startswith("SQLITE_") and type(value) is int and value & 0xFF
)
REACTIONS = {
    "SQLITE_FULL": JournalFull,
    "SQLITE_IOERR_WRITE": JournalUnavailable,
    "SQLITE_READONLY": JournalUnavailable,
    "SQLITE_CANTOPEN": JournalUnavailable,
    "SQLITE_BUSY": JournalBusy,
    "SQLITE_BUSY_SNAPSHOT": JournalBusy,
    "SQLITE_CORRUPT": Corrupt,
    "SQLITE_NOTADB": Corrupt,
    "SQLITE_CONSTRAINT_UNIQUE": Corrupt,
    "SQLITE_ERROR": Corrupt,
    psycopg.errors.DiskFull: JournalFull,
    psycopg.errors.LockNotAvailable: JournalBusy,
    psycopg.errors.SerializationFailure: JournalBusy,
    psycopg.errors.AdminShutdown: JournalUnavailable,
    psycopg.errors.ReadOnlySqlTransaction: JournalUnavailable,
    psycopg.errors.IdleInTransactionSessionTimeout: JournalUnavailable,
    psycopg.OperationalError: JournalUnavailable,
    psycopg.errors.UndefinedTable: Corrupt,
    psycopg.errors.UniqueViolation: Corrupt,
    psycopg.errors.DataCorrupted: Corrupt,
}


def sqlite_error(code: int) -> sqlite3.Error:
    """Return an error as the driver raises it."""
    error = sqlite3.OperationalError("told so")
    error.sqlite_errorcode = code
    return error


def test_every_code_of_sqlite_has_a_reaction() -> None:
    """A Halt or a Retry, that names the store and what the driver said."""
    assert len(CODES) > 80
    for code, _ in CODES:
        reaction = reaction_to(sqlite_error(code), "sqlite:///x.db")
        assert isinstance(reaction, Halt | Retry)
        assert "journal sqlite:///x.db cannot be used: told so; " in str(reaction)
    assert type(reaction_to(sqlite3.ProgrammingError("closed"), "x")) is JournalUnavailable


def test_every_state_of_postgresql_has_a_reaction() -> None:
    """All that the driver knows by name."""
    classes = [
        error for error in vars(psycopg.errors).values()
        if isinstance(error, type) and issubclass(error, psycopg.Error)
    ]  # fmt: skip
    assert len(classes) > 250
    for error in classes:
        assert isinstance(reaction_to(error(), "x"), Halt | Retry)


@pytest.mark.parametrize("cause", REACTIONS, ids=str)
def test_the_reaction_is_the_right_one(cause: str | type[psycopg.Error]) -> None:
    """Full and unreachable halt, busy may be tried again, anything odd is not trusted."""
    error = sqlite_error(getattr(sqlite3, cause)) if isinstance(cause, str) else cause()
    assert type(reaction_to(error, "x")) is REACTIONS[cause]


def test_a_server_that_is_not_there_is_unavailable() -> None:
    """The message names the host and not the password."""
    with pytest.raises(JournalUnavailable, match=r"u:\*\*\*@127\.0\.0\.1:9/d") as caught:
        Journal.open("postgresql+psycopg://u:secret@127.0.0.1:9/d", ACCOUNT)
    assert "secret" not in str(caught.value)


def test_a_file_that_cannot_be_made_is_unavailable(sqlite_dsn: str) -> None:
    """A folder that is not there is said in one line."""
    path = file_of(sqlite_dsn).parent / "no" / "journal.db"
    with pytest.raises(JournalUnavailable, match="unable to open database file; mend its store"):
        Journal.open(f"sqlite:///{path}", ACCOUNT)


def test_a_store_that_is_held_is_tried_again(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits still waits, and the next commit takes it; readers are not kept out."""
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.1)
    with writing(dsn) as journal:
        engine = sa.create_engine(dsn, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as other:
            other.exec_driver_sql("BEGIN IMMEDIATE" if dsn.startswith("sqlite") else "BEGIN")
            other.exec_driver_sql("UPDATE journals SET holder = holder")
            with pytest.raises(JournalBusy, match="try again"):
                journal.append_durable(draft(1))
            journal.check(1)
            with opened(dsn) as reader:
                assert keys(reader) == ["lease-1"]
            other.exec_driver_sql("ROLLBACK")
        journal.append(draft(2))
        journal.commit()
        assert keys(journal) == ["lease-1", "fact-1", "fact-2"]
    assert verify_file(dsn)[ACCOUNT].seq == 3


def test_a_lost_server_halts(new_postgresql: NewStore) -> None:
    """A connection that was cut is not mended in secret: what became of a commit is unknown."""
    dsn = new_postgresql()
    with writing(dsn) as journal:
        (process,) = journal._database.one("SELECT pg_backend_pid()", ())
        engine = sa.create_engine(dsn, poolclass=sa.NullPool)
        with engine.connect() as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({process}, 5000)")
        for act in (lambda: journal.append_durable(draft(1)), lambda: journal.check(1)):
            with pytest.raises(JournalUnavailable):
                act()
    with writing(dsn) as journal:
        assert keys(journal) == ["lease-1", "lease-2"]


def test_one_stopped_within_a_commit_does_not_keep_the_next_out(
    new_postgresql: NewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends its transaction after a while; one who takes over need not wait for it."""
    dsn = new_postgresql()
    monkeypatch.setattr(module, "_IDLE_TIMEOUT_S", 0.2)
    with writing(dsn, holder="one") as first, opened(dsn) as second:
        first.append(draft(1))
        write = first._pending.write

        def fall_asleep(cursor: module.Cursor) -> None:
            write(cursor)
            # Its row is locked now.
            assert second.acquire("two", 10**18, 1) == 2

        monkeypatch.setattr(first._pending, "write", fall_asleep)
        with pytest.raises(JournalUnavailable):
            first.commit()
        assert keys(second) == ["lease-1", "lease-2"]


def test_a_server_without_fsync_is_refused(
    new_postgresql: NewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There no commit is durable, whatever it says."""
    dsn, run = new_postgresql(), module.Database.set_up

    class Answering:
        """A cursor that hears the server say that it does not sync."""

        def __init__(self, cursor: module.Cursor) -> None:
            self._cursor, self._off = cursor, False

        def execute(self, statement: str, parameters: tuple[object, ...] = ()) -> None:
            self._off = statement == "SHOW fsync"
            self._cursor.execute(statement, parameters)

        def fetchone(self) -> object:
            return ("off",) if self._off else self._cursor.fetchone()

    def set_up(self: module.Database) -> None:
        self.cursor = Answering(self.cursor)  # type: ignore[assignment]
        run(self)

    monkeypatch.setattr(module.Database, "set_up", set_up)
    with pytest.raises(BadUse, match="runs with fsync=off; turn it on"):
        Journal.open(dsn, ACCOUNT)
