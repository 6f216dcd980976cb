"""Orders, executions and positions as they stand, beside the entries that they follow from.

They are for people and queries: nothing is decided by them, and they can be thrown away and made
again by folding the entries.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from domain.orders import Execution, Order, Position
from trading.journal.bulk import BulkInsert
from trading.journal.database import Cursor, Database
from trading.journal.tables import executions, orders, positions

Record = Order | Execution | Position
_R = TypeVar("_R", Order, Execution, Position)

_TABLES: dict[type[Record], sa.Table] = {
    Order: orders,
    Execution: executions,
    Position: positions,
}
_KEYS = {kind: tuple(table.primary_key.columns.keys()) for kind, table in _TABLES.items()}


def key_of(record: Record) -> tuple[str, ...]:
    """Return what a record is found by: a later one of the same key takes its place."""
    kind = type(record)
    return (kind.__name__, *(getattr(record, name) for name in _KEYS[kind]))


class Projections:
    """The three tables of one account in one store.

    Nobody else can read a store in memory: there they are written when they are read.
    """

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account
        self._unwritten: dict[tuple[str, ...], Record] = {}
        self._upsert = {
            kind: BulkInsert(database, table, replace=True) for kind, table in _TABLES.items()
        }
        self._delete = {
            kind.__name__: database.text(
                sa.delete(table).where(
                    *(table.c[name] == sa.bindparam(f"by_{name}") for name in _KEYS[kind])
                )
            )
            for kind, table in _TABLES.items()
        }

    def write(self, cursor: Cursor, records: Iterable[Record]) -> None:
        """Put records, each of another key, in the place of those of theirs, in a transaction."""
        if self._database.in_memory:
            self._unwritten |= {key_of(record): record for record in records}
        else:
            self._write(cursor, records)

    def replace(self, cursor: Cursor, records: Iterable[Record]) -> int:
        """Make the tables hold exactly these records, within a transaction.

        Returns
        -------
        int
            Records that were missing, different or too many before: 0 says that all was right.
        """
        self._catch_up(cursor)
        wanted = {key_of(record): record for record in records}
        found: dict[tuple[str, ...], Record | None] = {}
        for kind in _TABLES:
            for row in self._rows(kind):
                key = (kind.__name__, *(row[name] for name in _KEYS[kind]))
                found[key] = _record(kind, row)
        stale = found.keys() - wanted.keys()
        for gone in sorted(stale):
            cursor.execute(self._delete[gone[0]], gone[1:])
        changed = [record for key, record in wanted.items() if found.get(key) != record]
        self._write(cursor, changed)
        return len(stale) + len(changed)

    def read(self, kind: type[_R]) -> list[_R]:
        """Return all committed records of a kind, by their key."""
        if self._unwritten:
            with self._database.transaction() as cursor:
                self._catch_up(cursor)
        return [msgspec.convert(row, kind) for row in self._rows(kind)]

    def _write(self, cursor: Cursor, records: Iterable[Record]) -> None:
        rows: dict[type[Record], list[Sequence[Any]]] = {}
        for record in records:
            rows.setdefault(type(record), []).append(_row(record))
        for kind, several in rows.items():
            self._upsert[kind].write(cursor, several)

    def _catch_up(self, cursor: Cursor) -> None:
        """Write what the tables of a store in memory lack, within a transaction."""
        records, self._unwritten = self._unwritten, {}
        self._write(cursor, records.values())

    def _rows(self, kind: type[Record]) -> list[dict[str, Any]]:
        table = _TABLES[kind]
        query = (
            sa.select(table)
            .where(table.c.account == self._account)
            .order_by(*table.primary_key.columns)
        )
        rows: Sequence[sa.RowMapping] = self._database.read(
            lambda connection: connection.execute(query).mappings().all()
        )
        # SQLAlchemy's column names are a subclass of str, which msgspec does not take for a key.
        return [{str(name): value for name, value in row.items()} for row in rows]


def _record(kind: type[Record], row: dict[str, Any]) -> Record | None:
    """Return the record of a row; None of one that was damaged, which is like no other."""
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError:
        return None


def _row(record: Record) -> list[Any]:
    """Return a record's fields as the columns of its table hold them, which are in their order."""
    return [str(v) if type(v) is Decimal else v for v in msgspec.structs.astuple(record)]
