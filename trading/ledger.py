"""The order ledger: what was meant, what became of it, on disk before anything is sent.

SQLite in WAL mode with ``synchronous=FULL``. An intent is a commit of its own; everything else that
one call of the engine learns is one commit, so that a kill at any moment leaves whole calls. Money
is text, as Decimal writes it.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
import sqlalchemy as sa
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
_new_order = insert(orders).on_conflict_do_nothing()
_upsert = insert(orders)
_put_order = _upsert.on_conflict_do_update(
    index_elements=[orders.c.client_order_id],
    set_={name: _upsert.excluded[name] for name in [*_order_columns, "progress"]},
    where=_upsert.excluded.progress > orders.c.progress,
)
_put_event = insert(order_events).on_conflict_do_nothing()
_put_execution = insert(executions).on_conflict_do_nothing()
_select_orders = sa.select(*(orders.c[name] for name in _order_columns))
_event_columns = [column.name for column in order_events.columns if column.name != "id"]


def _progress(order: Order) -> int:
    if order.status == "pending_new":
        return 1 if order.in_doubt else 0
    return {"accepted": 2, "partially_filled": 3}.get(order.status, 4)


def _row(record: Order | Execution) -> dict[str, Any]:
    fields = msgspec.structs.asdict(record)
    return {k: str(v) if isinstance(v, Decimal) else v for k, v in fields.items()}


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
        self._dirty = False

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the ledger at ``path``, or make an empty one.

        Raises
        ------
        Corrupt
            If the file is no ledger, is damaged, or has another version.
        """
        engine = sa.create_engine(
            f"sqlite+pysqlite:///{path}",
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
        self._connection.rollback()
        self._connection.close()
        self._engine.dispose()

    def record_intent(self, order: Order) -> bool:
        """Put an order that is about to be sent on disk, with all that waits for a commit.

        Returns
        -------
        bool
            False if the id is known: the order has been through here before, do not send it.
        """
        added = self._connection.execute(_new_order, {**_row(order), "progress": _progress(order)})
        if added.rowcount != 1:
            self._dirty = True
            return False
        self._connection.execute(_put_event, _row(order))
        self._connection.commit()
        self._dirty = False
        return True

    def record(self, order: Order) -> None:
        """Note the state that an order has reached; one that it is past already changes nothing."""
        row = _row(order)
        self._connection.execute(_put_order, {**row, "progress": _progress(order)})
        self._connection.execute(_put_event, row)
        self._dirty = True

    def record_execution(self, execution: Execution) -> None:
        """Note a fill; one that is known by its id changes nothing."""
        self._connection.execute(_put_execution, _row(execution))
        self._dirty = True

    def commit(self) -> None:
        """Make all that was recorded durable; without new records this costs nothing."""
        if self._dirty:
            self._connection.commit()
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

    def _read(self, ask: Callable[[sa.Connection], _T]) -> _T:
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
