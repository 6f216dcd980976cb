"""The schema: made, brought up to date from wherever it was, or refused."""

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from domain.errors import Corrupt
from tests.trading.journal.stores import ACCOUNT, ORDER, file_of, filled, keys, meddle, opened
from trading.journal.database import Database
from trading.journal.journal import Journal
from trading.journal.schema import migrate, require_revision, revisions
from trading.journal.tables import metadata
from trading.journal.verification import verify_file

ALL = revisions()


def at_revision(dsn: str, revision: str) -> None:
    """Make a store as the version of that revision left it, without entries."""
    database = Database.open(dsn)
    migrate(database, revision)
    assert require_revision(database) == revision
    database.close()


def test_the_migrations_end_in_the_tables_of_the_code(dsn: str) -> None:
    """Types, nullability and keys included: alembic sees nothing left to do."""
    with opened(dsn) as journal:
        context = MigrationContext.configure(
            journal._database.connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _: kind != "table" or name in metadata.tables,
            },
        )
        assert compare_metadata(context, metadata) == []
        for name, table in metadata.tables.items():
            found = sa.inspect(journal._database.connection).get_pk_constraint(name)
            wanted = table.primary_key.columns.keys()
            assert sorted(found["constrained_columns"]) == sorted(wanted)


@pytest.mark.parametrize("revision", ALL)
def test_every_earlier_version_is_brought_up_to_date(dsn: str, revision: str) -> None:
    """With its entries, and a chain that goes on."""
    at_revision(dsn, revision)
    # The entries of this version are those of all before it: the tables of 0001 have not changed.
    row = "'paper-1', 1, 'lease', 'lease-1', 0, 0, 1, '{payload}', {prev}, {own}"
    with opened("sqlite://") as journal:
        journal.acquire("writer", 0, 1)
        entry = next(journal.read())
    blob = "X'{}'" if dsn.startswith("sqlite") else "decode('{}', 'hex')"
    prev, own = (blob.format(value.hex()) for value in (entry.prev_hash, entry.hash))
    engine = sa.create_engine(dsn, poolclass=sa.NullPool)
    with engine.begin() as connection:
        values = row.format(payload=entry.payload.decode(), prev=prev, own=own)
        connection.exec_driver_sql(f"INSERT INTO entries VALUES ({values})")  # noqa: S608
        connection.exec_driver_sql(
            f"INSERT INTO journals VALUES ('paper-1', 1, {own}, 'writer', 1, 1)"  # noqa: S608
        )
    assert verify_file(dsn)[ACCOUNT].hash == entry.hash
    with opened(dsn) as journal:
        assert list(journal.read()) == [entry]
        journal.acquire("writer", 2, 1)
        journal.project(ORDER)
        journal.commit()
        assert (journal.orders(), journal.head.seq) == ([ORDER], 2)


def test_a_store_that_is_up_to_date_is_only_looked_at(dsn: str) -> None:
    """Opening it again writes nothing: a reader gets in while a writer is at it."""
    filled(dsn, 1)
    engine = sa.create_engine(dsn, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE" if dsn.startswith("sqlite") else "BEGIN")
        other.exec_driver_sql("UPDATE journals SET holder = 'somebody'")
        with opened(dsn) as journal:
            assert keys(journal) == ["lease-1", "fact-1"]
        other.exec_driver_sql("ROLLBACK")


@pytest.mark.parametrize("revision", ["0999", "ae1027a6acf"])
def test_a_version_that_is_not_known_is_refused(dsn: str, revision: str) -> None:
    """A later AIFX, or another program's: nothing of it is touched."""
    filled(dsn, 1)
    meddle(dsn, f"UPDATE journal_revision SET version_num = '{revision}'")  # noqa: S608
    for act in (lambda: Journal.open(dsn, ACCOUNT), lambda: verify_file(dsn)):
        with pytest.raises(Corrupt, match=f"revision {revision} is not known here"):
            act()


def test_two_versions_at_once_are_refused(dsn: str) -> None:
    """A store is at one revision."""
    filled(dsn, 1)
    meddle(dsn, "INSERT INTO journal_revision VALUES ('0001')")
    with pytest.raises(Corrupt, match="its revision 0001, 0002 is not known here"):
        Journal.open(dsn, ACCOUNT)


def test_another_program_s_tables_are_refused(dsn: str) -> None:
    """A table of one of our names without a revision of ours is none of ours."""
    meddle(dsn, "CREATE TABLE orders (id INTEGER)")
    with pytest.raises(Corrupt, match="a table 'orders' and no revision, so it is no journal"):
        Journal.open(dsn, ACCOUNT)


def test_other_tables_beside_ours_are_left_alone(dsn: str) -> None:
    """A database may hold more than a journal, another program's alembic included."""
    meddle(dsn, "CREATE TABLE alembic_version (version_num TEXT)", "CREATE TABLE weather (t TEXT)")
    filled(dsn, 1)
    assert verify_file(dsn)[ACCOUNT].seq == 2


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_a_lost_table_is_missed(dsn: str, table: str) -> None:
    """Each of them, before anything is read."""
    filled(dsn, 1)
    meddle(dsn, f"DROP TABLE {table}")
    with pytest.raises(Corrupt, match=f"its table '{table}' is gone"):
        Journal.open(dsn, ACCOUNT)


def test_a_migration_that_is_cut_off_leaves_the_store_as_it_was(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All steps are one commit: the next start begins anew."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    database = Database.open(dsn)
    with monkeypatch.context() as patch:
        patch.setattr("alembic.runtime.migration.HeadMaintainer.update_to_step", stop)
        with pytest.raises(KeyboardInterrupt):
            migrate(database)
    assert sa.inspect(database.connection).get_table_names() == []
    database.close()
    filled(dsn, 1)
    assert verify_file(dsn)[ACCOUNT].seq == 2


def test_a_path_may_have_any_name(sqlite_dsn: str) -> None:
    """Signs that mean something to others mean nothing here."""
    folder = file_of(sqlite_dsn).parent / "100 % (sure)"
    folder.mkdir()
    dsn = f"sqlite:///{folder / 'a b.db'}"
    filled(dsn, 1)
    assert (folder / "a b.db").is_file()
    assert verify_file(dsn)[ACCOUNT].seq == 2
