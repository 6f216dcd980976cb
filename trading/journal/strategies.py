"""Which strategies an account's journal knows, for whoever has to name one."""

from pathlib import Path

import sqlalchemy as sa

from trading.journal.database import Database
from trading.journal.schema import require_revision
from trading.journal.tables import orders


def strategies_in(dsn: str, account: str) -> frozenset[str]:
    """Return the strategies of which an account has ever had an order; none without a journal.

    The journal may be written meanwhile; its chain is not checked, and nothing is written to it.

    Parameters
    ----------
    dsn
        As of `trading.journal.journal.Journal.open`.

    Raises
    ------
    Halt, Retry
        If the store cannot be used.
    """
    url = sa.make_url(dsn)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return frozenset()
    database = Database.open(dsn)
    try:
        require_revision(database)
        query = sa.select(orders.c.strategy).where(orders.c.account == account).distinct()
        found = database.read(lambda connection: connection.execute(query).scalars().all())
        return frozenset(str(name) for name in found)
    finally:
        database.close()
