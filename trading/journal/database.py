"""One connection to a journal's store, SQLite or PostgreSQL, with what differs between them.

Statements are built with SQLAlchemy and, where they run for every order, given to the driver as
text: what SQLAlchemy does around a statement costs more than the statement.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, Self

import sqlalchemy as sa

from domain.errors import BadUse, Corrupt
from trading.journal.errors import reaction_to
from trading.journal.wal import check_wal

BUSY_TIMEOUT_S = 5.0
"""How long a write waits for another process before it fails: longer than any commit of ours, and
short enough for a takeover to be reported while it still matters."""

_IDLE_TIMEOUT_S = 2.0
"""After this PostgreSQL ends a transaction whose process has stopped in its middle: before one who
takes over and waits for its row gives up. SQLite cannot: there the process must go on or die."""

_MEMORY = ":memory:"

_MOST_LOG_PAGES = 10_000
"""After so many pages (40 MB) in the write-ahead log of SQLite the commit at hand folds it into the
file: only where nobody calls `Database.fold_log`, for such a commit takes many times as long."""


class Cursor(Protocol):
    """What both drivers' cursors have."""

    @property
    def rowcount(self) -> int:
        """Rows that the last statement changed."""
        ...

    def execute(self, statement: str, parameters: Sequence[Any] = ...) -> Any:
        """Run a statement."""
        ...

    def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> Any:
        """Run a statement once for each row of parameters."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        ...


class Database:
    """An open store; not for several threads at once.

    Nothing is in a transaction but what `transaction` and `snapshot` hold.

    Attributes
    ----------
    connection
        For what SQLAlchemy itself runs.
    cursor
        The driver's, for statements of `text`.
    shown
        The store's name for messages, without its password.
    is_sqlite
        Whether it is an SQLite file, or one in memory; else it is PostgreSQL.
    in_memory
        Whether it is gone when it is closed, and nobody else can see it.
    """

    def __init__(self, engine: sa.Engine, connection: sa.Connection) -> None:
        self.connection = connection
        self.shown = engine.url.render_as_string(hide_password=True)
        self._engine = engine
        driver: Any = connection.connection.driver_connection
        self.cursor: Cursor = driver.cursor()
        self._driver = driver
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.in_memory = self.is_sqlite and engine.url.database == _MEMORY
        self._begin, self._begin_snapshot = (
            # SQLite asks for the write lock at once: a reader that becomes a writer may be refused.
            ("BEGIN IMMEDIATE", "BEGIN")
            if self.is_sqlite
            else ("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        )
        # Both drivers take their parameters by place.
        style = "qmark" if self.is_sqlite else "format"
        self._dialect = type(engine.dialect)(paramstyle=style)  # type: ignore[call-arg]

    @classmethod
    def open(cls, dsn: str) -> Self:
        """Connect to a store; an SQLite file that does not exist is made.

        Parameters
        ----------
        dsn
            ``sqlite:///PATH``, ``sqlite://`` for one in memory, or ``postgresql+psycopg://...``.

        Raises
        ------
        BadUse
            If the DSN names neither.
        Corrupt
            If commits of an SQLite file were lost: see `trading.journal.wal`.
        Halt, Retry
            If the store cannot be used: see `trading.journal.errors`.
        """
        engine = _engine(dsn)
        shown = engine.url.render_as_string(hide_password=True)
        file = engine.url.database
        if engine.dialect.name == "sqlite" and file and file != _MEMORY:
            check_wal(Path(file))
        with _translated(engine, shown):
            database = cls(engine, engine.connect())
        try:
            database.set_up()
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Let go of the store; a transaction that is open is rolled back, as by a kill."""
        # A server that is gone cannot be told; there is nothing left to lose then.
        with suppress(sa.exc.DBAPIError):
            self.connection.close()
        self._driver.close()
        self._engine.dispose()

    def set_up(self) -> None:
        """Make commits durable, and refuse a store where they cannot be.

        Raises
        ------
        BadUse
            If a PostgreSQL server runs without fsync.
        """
        with self.translated():
            if self.is_sqlite:
                # Bytes that are no UTF-8 must reach the check of the chain, which says where.
                self._driver.text_factory = _text
                for pragma in (
                    "journal_mode=WAL",
                    "synchronous=FULL",
                    "cell_size_check=ON",
                    f"wal_autocheckpoint={_MOST_LOG_PAGES}",
                ):
                    self.cursor.execute(f"PRAGMA {pragma}")
                return
            for name, value in (
                ("lock_timeout", f"{BUSY_TIMEOUT_S}s"),
                ("idle_in_transaction_session_timeout", f"{_IDLE_TIMEOUT_S}s"),
            ):
                self.cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
            self.cursor.execute("SHOW synchronous_commit")
            # Anything above `on` waits for a standby too, and is the server's own choice.
            if self.cursor.fetchone()[0] in ("off", "local"):
                self.cursor.execute("SET synchronous_commit = on")
            self.cursor.execute("SHOW fsync")
            if self.cursor.fetchone()[0] != "on":
                msg = f"journal {self.shown}: the server runs with fsync=off; turn it on"
                raise BadUse(msg)

    def check(self) -> None:
        """Refuse an SQLite file that is not sound, its indexes included; PostgreSQL sees to itself.

        Raises
        ------
        Corrupt
            If a page, a row or an index is not as SQLite wrote it.
        """
        if not self.is_sqlite:
            return
        (verdict,) = self.one("PRAGMA integrity_check(1)", ())
        if verdict != "ok":
            told = " ".join(str(verdict).split())
            msg = f"journal {self.shown} cannot be used: {told}; restore it from a backup"
            raise Corrupt(msg)

    def fold_log(self) -> None:
        """Fold SQLite's write-ahead log into its file; PostgreSQL sees to itself.

        Of what others still read nothing is folded, and nobody waits for them.
        """
        if self.is_sqlite:
            self.one("PRAGMA wal_checkpoint(PASSIVE)", ())

    def text(self, statement: sa.sql.ClauseElement, columns: Sequence[str] | None = None) -> str:
        """Return a statement as the driver takes it, its parameters in the order of their names.

        Parameters
        ----------
        statement
            Its parameters, if it is no insert, are taken in the order in which they stand in it.
        columns
            Of an insert or an update: those that get a parameter, in order.
        """
        return str(statement.compile(dialect=self._dialect, column_keys=columns))

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Hold a write transaction: committed and durable at the end, or as if it had never been.

        Raises
        ------
        Halt, Retry
            If the store cannot take it: see `trading.journal.errors`.
        """
        with self._held(self._begin) as cursor:
            yield cursor

    @contextmanager
    def snapshot(self) -> Iterator[Cursor]:
        """Hold one state of the store for several reads."""
        with self._held(self._begin_snapshot) as cursor:
            yield cursor

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the driver's errors into those of `trading.journal.errors`."""
        with _translated(self._engine, self.shown):
            yield

    def one(self, statement: str, parameters: Sequence[Any]) -> Any:
        """Return the one row of a query outside of a transaction, or None."""
        with self.translated():
            self.cursor.execute(statement, parameters)
            return self.cursor.fetchone()

    def read(self, ask: Callable[[sa.Connection], Any]) -> Any:
        """Run queries of SQLAlchemy outside of a transaction."""
        with self.translated():
            return ask(self.connection)

    @contextmanager
    def _held(self, begin: str) -> Iterator[Cursor]:
        with self.translated():
            self.cursor.execute(begin)
            try:
                yield self.cursor
                self.cursor.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        # A failed commit may have ended the transaction already, and a lost connection has.
        if self.is_sqlite:
            if self._driver.in_transaction:
                self.cursor.execute("ROLLBACK")
        elif not self._driver.closed and self._driver.info.transaction_status != 0:
            self.cursor.execute("ROLLBACK")


def _engine(dsn: str) -> sa.Engine:
    try:
        url = sa.make_url(dsn)
    except sa.exc.ArgumentError as error:
        # Without the text: whatever it is, a password may be in it.
        msg = "the DSN of the journal cannot be read; write sqlite:///PATH or postgresql+psycopg://"
        raise BadUse(msg) from error
    connect: dict[str, Any]
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        url = url.set(database=url.database or _MEMORY)
        connect = {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
    elif url.drivername == "postgresql+psycopg":
        connect = {"connect_timeout": int(BUSY_TIMEOUT_S)}
    else:
        msg = (
            f"a journal is kept in sqlite:///PATH or postgresql+psycopg://..., "
            f"not in {url.drivername}"
        )
        raise BadUse(msg)
    return sa.create_engine(
        url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool, connect_args=connect
    )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


@contextmanager
def _translated(engine: sa.Engine, shown: str) -> Iterator[None]:
    driver: Any = engine.dialect.loaded_dbapi
    try:
        yield
    except sa.exc.DBAPIError as error:
        original = error.orig
        raise reaction_to(original if isinstance(original, Exception) else error, shown) from error
    except driver.Error as error:
        raise reaction_to(error, shown) from error
    except UnicodeDecodeError as error:
        # SQLite's own message quotes the damaged schema, and Python cannot read it.
        msg = f"journal {shown} cannot be used: it is garbled; restore it from a backup"
        raise Corrupt(msg) from error
