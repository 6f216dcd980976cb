"""The tables, as the newest migration leaves them.

Money, prices and quantities are text, as Decimal writes it: SQLite has no exact number type, and
both databases then hold the same digits. In PostgreSQL ``price::numeric`` makes a number of it.

Strict tables refuse a value of a wrong type; without a rowid, rows lie in the order of their key.
"""

import sqlalchemy as sa

metadata = sa.MetaData()

_Text = sa.Text
# SQLite's strict tables know one INTEGER of up to 64 bits.
_Int64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

journals = sa.Table(
    "journals",
    metadata,
    sa.Column("account", _Text, primary_key=True),
    sa.Column("head_seq", _Int64, nullable=False),
    sa.Column("head_hash", sa.LargeBinary, nullable=False),
    sa.Column("holder", _Text, nullable=False),
    sa.Column("fence", _Int64, nullable=False),
    sa.Column("expires_ns", _Int64, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""One row an account: where its journal ends, and who may write it until when."""

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("account", _Text, primary_key=True),
    sa.Column("seq", _Int64, primary_key=True, autoincrement=False),
    sa.Column("kind", _Text, nullable=False),
    sa.Column("key", _Text, nullable=False),
    sa.Column("ts_event_ns", _Int64, nullable=False),
    sa.Column("ts_recv_ns", _Int64, nullable=False),
    sa.Column("fence", _Int64, nullable=False),
    sa.Column("payload", _Text, nullable=False),
    sa.Column("prev_hash", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("account", "key", name="entries_account_key"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""The journal itself; nothing here updates or deletes a row."""

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("client_order_id", _Text),
    sa.Column("account", _Text),
    *(
        sa.Column(name, _Text, nullable=False)
        for name in ("strategy", "signal_id", "symbol", "side", "quantity_units", "status")
    ),
    sa.Column("ts_event_ns", _Int64, nullable=False),
    sa.Column("ts_recv_ns", _Int64, nullable=False),
    sa.Column("filled_units", _Text, nullable=False),
    sa.Column("average_price", _Text),
    sa.Column("in_doubt", sa.Boolean, nullable=False),
    *(sa.Column(name, _Text, nullable=False) for name in ("reason", "order_type", "time_in_force")),
    *(
        sa.Column(name, _Text)
        for name in ("limit_price", "trigger_price", "trailing_distance", "price_bound")
    ),
    sa.Column("expire_ns", _Int64),
    *(
        sa.Column(name, _Text, nullable=False)
        for name in (
            "trigger_side",
            "position_effect",
            "venue",
            "venue_order_id",
            "parent_id",
            "group_id",
            "user",
            "model_id",
            "overfill_units",
        )
    ),
    sa.Column("v", sa.Integer, nullable=False),
    sa.PrimaryKeyConstraint("account", "client_order_id"),
)
"""Each order as it stands: the fields of ``domain.orders.Order``, in their order."""

executions = sa.Table(
    "executions",
    metadata,
    sa.Column("execution_id", _Text),
    sa.Column("client_order_id", _Text, nullable=False),
    sa.Column("account", _Text),
    *(
        sa.Column(name, _Text, nullable=False)
        for name in ("symbol", "side", "quantity_units", "price")
    ),
    sa.Column("ts_event_ns", _Int64, nullable=False),
    sa.Column("ts_recv_ns", _Int64, nullable=False),
    sa.Column("pnl_quote", _Text, nullable=False),
    sa.Column("pnl_account", _Text),
    sa.Column("conversion_rate", _Text),
    sa.Column("commission", _Text, nullable=False),
    sa.Column("commission_currency", _Text, nullable=False),
    sa.Column("commission_account", _Text),
    sa.Column("execution_ref", _Text, nullable=False),
    sa.Column("venue", _Text, nullable=False),
    sa.Column("v", sa.Integer, nullable=False),
    sa.PrimaryKeyConstraint("account", "execution_id"),
)
"""Each fill: the fields of ``domain.orders.Execution``, in their order."""

positions = sa.Table(
    "positions",
    metadata,
    sa.Column("account", _Text),
    sa.Column("symbol", _Text),
    sa.Column("ts_event_ns", _Int64, nullable=False),
    sa.Column("ts_recv_ns", _Int64, nullable=False),
    sa.Column("units", _Text, nullable=False),
    *(
        sa.Column(name, _Text)
        for name in (
            "average_price",
            "realised_account",
            "unrealised_account",
            "equity_account",
        )
    ),
    sa.Column("v", sa.Integer, nullable=False),
    sa.PrimaryKeyConstraint("account", "symbol"),
)
"""Each position at its last mark: the fields of ``domain.orders.Position``, in their order."""
