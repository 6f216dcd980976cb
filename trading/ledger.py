"""The order ledger: what was meant, what became of it, on disk before anything is sent.

SQLite in WAL mode with ``synchronous=FULL``. An intent is a commit of its own; everything else that
one call of the engine learns is one commit, so that a kill at any moment leaves whole calls. Money
is text, as Decimal writes it.

What is written for every order is one prepared statement of the driver; what is read is not.
"""

import sqlite3
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert

from domain.errors import Corrupt
from domain.orders import Execution, Order

SCHEMA_VERSION = 1
"""Kept in the file's ``user_version``; a ledger of another version is refused."""

_BUSY_TIMEOUT_S = 5.0
"""How long a commit waits for another reader or writer of the file before it fails."""

_metadata = sa.MetaData()

_Text, _Int = sa.Text, sa.Integer
_T = TypeVar("_T")

orders = sa.Table(
    "orders",
    _metadata,
    sa.Column("client_order_id", _Text, primary_key=True),
    *(sa.Column(n, _Text, nullable=False) for n in ("account", "strategy", "signal_id", "symbol")),
    sa.Column("side", _Text, nullable=False),
    sa.Column("quantity_units", _Text, nullable=False),
    sa.Column("status", _Text, nullable=False),
    sa.Column("ts_event_ns", _Int, nullable=False),
    sa.Column("ts_recv_ns", _Int, nullable=False),
    sa.Column("filled_units", _Text, nullable=False),
    sa.Column("average_price", _Text),
    sa.Column("in_doubt", sa.Boolean, nullable=False),
    sa.Column("reason", _Text, nullable=False),
    sa.Column("v", _Int, nullable=False),
    # How far the order has come: a replay from an older snapshot never takes it back.
    sa.Column("progress", _Int, nullable=False),
)

order_events = sa.Table(
    "order_events",
    _metadata,
    sa.Column("id", _Int, primary_key=True, autoincrement=True),
    sa.Column("client_order_id", _Text, nullable=False),
    sa.Column("status", _Text, nullable=False),
    sa.Column("in_doubt", sa.Boolean, nullable=False),
    sa.Column("filled_units", _Text, nullable=False),
    sa.Column("average_price", _Text),
    sa.Column("ts_event_ns", _Int, nullable=False),
    sa.Column("ts_recv_ns", _Int, nullable=False),
    sa.Column("reason", _Text, nullable=False),
    # An order passes each of its states once: a replayed event is the same row.
    sa.UniqueConstraint("client_order_id", "status", "in_doubt", "filled_units"),
)

executions = sa.Table(
    "executions",
    _metadata,
    sa.Column("execution_id", _Text, primary_key=True),
    *(sa.Column(n, _Text, nullable=False) for n in ("client_order_id", "account", "symbol")),
    *(sa.Column(n, _Text, nullable=False) for n in ("side", "quantity_units", "price")),
    sa.Column("ts_event_ns", _Int, nullable=False),
    sa.Column("ts_recv_ns", _Int, nullable=False),
    sa.Column("pnl_quote", _Text, nullable=False),
    sa.Column("pnl_account", _Text),
    sa.Column("conversion_rate", _Text),
    sa.Column("v", _Int, nullable=False),
)

_order_columns = [c.name for c in orders.columns if c.name != "progress"]
_event_columns = [c.name for c in order_events.columns if c.name != "id"]


def _prepared(statement: sa.Insert, columns: Sequence[str]) -> str:
    """Return the text of an insert, with one place per column in the order of the table."""
    return str(statement.compile(dialect=sqlite.dialect(), column_keys=list(columns)))


_upsert = insert(orders)
_NEW_ORDER = _prepared(insert(orders).on_conflict_do_nothing(), orders.columns.keys())
_PUT_ORDER = _prepared(
    _upsert.on_conflict_do_update(
        index_elements=[orders.c.client_order_id],
        set_={name: _upsert.excluded[name] for name in [*_order_columns, "progress"]},
        where=_upsert.excluded.progress > orders.c.progress,
    ),
    orders.columns.keys(),
)
_PUT_EVENT = _prepared(insert(order_events).on_conflict_do_nothing(), _event_columns)
_PUT_EXECUTION = _prepared(insert(executions).on_conflict_do_nothing(), executions.columns.keys())
_select_orders = sa.select(*(orders.c[name] for name in _order_columns))


def _progress(order: Order) -> int:
    if order.status == "pending_new":
        return 1 if order.in_doubt else 0
    return {"accepted": 2, "partially_filled": 3}.get(order.status, 4)


def _row(record: Order | Execution) -> list[Any]:
    """Return a record's fields as the columns of its table hold them, which are in their order."""
    return [str(v) if type(v) is Decimal else v for v in msgspec.structs.astuple(record)]


def _event_row(order: Order) -> tuple[Any, ...]:
    price = order.average_price
    return (
        order.client_order_id,
        order.status,
        order.in_doubt,
        str(order.filled_units),
        None if price is None else str(price),
        order.ts_event_ns,
        order.ts_recv_ns,
        order.reason,
    )


def _plain(row: sa.RowMapping) -> dict[str, Any]:
    # SQLAlchemy's column names are a subclass of str, which msgspec does not take for a key.
    return {str(name): value for name, value in row.items()}


class Ledger:
    """The ledger of one account. Not for several threads at once; other processes may read.

    Writes wait for `commit`, but for `record_intent`, which is durable when it returns.
    """

    def __init__(self, engine: sa.Engine, connection: sa.Connection) -> None:
        self._engine = engine
        self._connection = connection
        driver = connection.connection.driver_connection
        if not isinstance(driver, sqlite3.Connection):  # pragma: no cover - see `open`
            msg = f"a ledger is an SQLite file, not {driver!r}"
            raise TypeError(msg)
        self._driver: sqlite3.Connection = driver
        self._cursor = driver.cursor()
        # Orders whose state waits for a commit: only how far each has come is written.
        self._waiting: dict[str, Order] = {}
        self._dirty = False

    @classmethod
    def open(cls, path: Path | None) -> Self:
        """Open the ledger at ``path``, or make an empty one.

        Parameters
        ----------
        path
            The file; None for a ledger in memory, which is gone when it is closed.

        Raises
        ------
        Corrupt
            If the file is no ledger, is damaged, or has another version.
        """
        engine = sa.create_engine(
            f"sqlite+pysqlite:///{path or ':memory:'}",
            poolclass=sa.StaticPool,
            connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
        )
        try:
            connection = engine.connect()
            try:
                _prepare(connection)
            except BaseException:
                connection.close()
                raise
        except sa.exc.DatabaseError as error:
            engine.dispose()
            msg = f"ledger {path} cannot be used: {error.orig}; restore it from a backup"
            raise Corrupt(msg) from error
        except Corrupt as error:
            engine.dispose()
            msg = f"ledger {path} cannot be used: {error}; restore it from a backup"
            raise Corrupt(msg) from error
        return cls(engine, connection)

    def close(self) -> None:
        """Close the file; what was not committed is dropped, as by a kill."""
        self._driver.rollback()
        self._connection.close()
        self._engine.dispose()

    def record_intent(self, order: Order) -> bool:
        """Put an order that is about to be sent on disk, with all that waits for a commit.

        Returns
        -------
        bool
            False if the id is known: the order has been through here before, do not send it.
        """
        self._write_orders()
        added = self._cursor.execute(_NEW_ORDER, [*_row(order), _progress(order)])
        if added.rowcount != 1:
            self._dirty = True
            return False
        self._cursor.execute(_PUT_EVENT, _event_row(order))
        self._driver.commit()
        self._dirty = False
        return True

    def record(self, order: Order) -> None:
        """Note the state that an order has reached; one that it is past already changes nothing."""
        known = self._waiting.get(order.client_order_id)
        if known is None or _progress(order) > _progress(known):
            self._waiting[order.client_order_id] = order
        self._cursor.execute(_PUT_EVENT, _event_row(order))
        self._dirty = True

    def record_execution(self, execution: Execution) -> None:
        """Note a fill; one that is known by its id changes nothing."""
        self._cursor.execute(_PUT_EXECUTION, _row(execution))
        self._dirty = True

    def commit(self) -> None:
        """Make all that was recorded durable; without new records this costs nothing."""
        if self._dirty:
            self._write_orders()
            self._driver.commit()
            self._dirty = False

    def was_in_doubt(self, client_order_id: str) -> bool:
        """Say whether the outcome of this order's send was ever unknown."""
        query = sa.select(order_events.c.id).where(
            order_events.c.client_order_id == client_order_id, order_events.c.in_doubt
        )
        return self._read(lambda c: c.execute(query).first() is not None)

    def orders(self) -> list[Order]:
        """Return all orders as they stand, by client order id."""
        query = _select_orders.order_by(orders.c.client_order_id)
        rows = self._read(lambda c: c.execute(query).mappings().all())
        return [msgspec.convert(_plain(row), Order) for row in rows]

    def events(self) -> list[dict[str, Any]]:
        """Return every state that every order passed, in the order of writing within one order."""
        query = sa.select(*(order_events.c[name] for name in _event_columns)).order_by(
            order_events.c.client_order_id, order_events.c.id
        )
        rows = self._read(lambda c: c.execute(query).mappings().all())
        return [_plain(row) for row in rows]

    def executions(self) -> list[Execution]:
        """Return all fills, by execution id."""
        query = sa.select(executions).order_by(executions.c.execution_id)
        rows = self._read(lambda c: c.execute(query).mappings().all())
        return [msgspec.convert(_plain(row), Execution) for row in rows]

    def _write_orders(self) -> None:
        for order in self._waiting.values():
            self._cursor.execute(_PUT_ORDER, [*_row(order), _progress(order)])
        self._waiting.clear()

    def _read(self, ask: Callable[[sa.Connection], _T]) -> _T:
        self._write_orders()
        answer = ask(self._connection)
        if not self._dirty:
            # End the read, or its snapshot would keep the WAL from being folded back.
            self._connection.rollback()
        return answer


def _prepare(connection: sa.Connection) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.exec_driver_sql(f"PRAGMA {pragma}")
    verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if verdict != "ok":
        raise Corrupt(" ".join(str(verdict).split()))
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    tables = sa.inspect(connection).get_table_names()
    if version == 0 and not tables:
        _metadata.create_all(connection)
        connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")
    elif version != SCHEMA_VERSION or not set(_metadata.tables) <= set(tables):
        msg = f"it is no ledger of version {SCHEMA_VERSION} (found version {version})"
        raise Corrupt(msg)
    connection.commit()
