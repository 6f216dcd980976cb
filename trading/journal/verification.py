"""Checking a whole store, all accounts of it, without writing to it."""

from pathlib import Path

import sqlalchemy as sa

from domain.errors import BadUse
from trading.journal.database import Database
from trading.journal.entries import Head
from trading.journal.lease import Lease
from trading.journal.reading import Reader
from trading.journal.schema import require_revision
from trading.journal.tables import entries, journals


def verify_file(dsn: str) -> dict[str, Head]:
    """Check every account's journal in a store, and return where each of them ends.

    Parameters
    ----------
    dsn
        As of `trading.journal.journal.Journal.open`; the store stays at its revision.

    Raises
    ------
    BadUse
        If there is no such file.
    Corrupt
        If the store is no journal or is damaged; a ``ChainBroken`` says where.
    """
    url = sa.make_url(dsn)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        msg = f"there is no journal {url.database}"
        raise BadUse(msg)
    database = Database.open(dsn)
    try:
        database.check()
        require_revision(database)
        accounts: list[str] = database.read(_accounts)
        return {
            account: Reader(database, account).verify(Lease(database, account))
            for account in accounts
        }
    finally:
        database.close()


def _accounts(connection: sa.Connection) -> list[str]:
    # Entries whose account has no row of its own must be found too.
    both = sa.union(sa.select(journals.c.account), sa.select(entries.c.account))
    return sorted(connection.execute(both).scalars())
