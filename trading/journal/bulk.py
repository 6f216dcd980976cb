"""Writing many rows of one table with one statement."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from trading.journal.database import Cursor, Database


class BulkInsert:
    """Inserts rows of one table: a prepared statement on SQLite, one array a column on PostgreSQL.

    PostgreSQL's driver would send many rows as a pipeline, after which the server no more ends the
    transaction of a process that has stopped; and an array a column is one round trip.

    Parameters
    ----------
    database
        The store.
    table
        The table; a row is its columns' values, in their order.
    replace
        Whether a row takes the place of one that has its key; otherwise that is an error.
    """

    def __init__(self, database: Database, table: sa.Table, *, replace: bool = False) -> None:
        self._is_sqlite = database.is_sqlite
        names = table.columns.keys()
        insert: sqlite.Insert | postgresql.Insert
        if self._is_sqlite:
            insert = sqlite.insert(table)
        else:
            arrays = sa.func.unnest(
                *(
                    sa.cast(sa.bindparam(f"all_{column.name}"), postgresql.ARRAY(column.type))
                    for column in table.columns
                )
            )
            rows = sa.select(*arrays.table_valued(*names).render_derived().columns)
            insert = postgresql.insert(table).from_select(names, rows)
        if replace:
            insert = insert.on_conflict_do_update(
                index_elements=list(table.primary_key.columns),
                set_={c.name: insert.excluded[c.name] for c in table.columns if not c.primary_key},
            )
        self._text = database.text(insert, names if self._is_sqlite else None)

    def write(self, cursor: Cursor, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows (at least one; with ``replace``, each of another key) in a transaction."""
        if self._is_sqlite:
            cursor.executemany(self._text, rows)
        else:
            cursor.execute(self._text, [list(column) for column in zip(*rows, strict=True)])
