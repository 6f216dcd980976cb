"""Orders, executions and positions as they stand, for people and queries."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_Int64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the three tables, without a row: they are rebuilt from the entries."""
    op.create_table(
        "orders",
        sa.Column("client_order_id", sa.Text),
        sa.Column("account", sa.Text),
        sa.Column("strategy", sa.Text, nullable=False),
        sa.Column("signal_id", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("quantity_units", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("ts_event_ns", _Int64, nullable=False),
        sa.Column("ts_recv_ns", _Int64, nullable=False),
        sa.Column("filled_units", sa.Text, nullable=False),
        sa.Column("average_price", sa.Text),
        sa.Column("in_doubt", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("order_type", sa.Text, nullable=False),
        sa.Column("time_in_force", sa.Text, nullable=False),
        sa.Column("limit_price", sa.Text),
        sa.Column("trigger_price", sa.Text),
        sa.Column("trailing_distance", sa.Text),
        sa.Column("price_bound", sa.Text),
        sa.Column("expire_ns", _Int64),
        sa.Column("trigger_side", sa.Text, nullable=False),
        sa.Column("position_effect", sa.Text, nullable=False),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("venue_order_id", sa.Text, nullable=False),
        sa.Column("parent_id", sa.Text, nullable=False),
        sa.Column("group_id", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("model_id", sa.Text, nullable=False),
        sa.Column("overfill_units", sa.Text, nullable=False),
        sa.Column("v", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("account", "client_order_id"),
    )
    op.create_table(
        "executions",
        sa.Column("execution_id", sa.Text),
        sa.Column("client_order_id", sa.Text, nullable=False),
        sa.Column("account", sa.Text),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("quantity_units", sa.Text, nullable=False),
        sa.Column("price", sa.Text, nullable=False),
        sa.Column("ts_event_ns", _Int64, nullable=False),
        sa.Column("ts_recv_ns", _Int64, nullable=False),
        sa.Column("pnl_quote", sa.Text, nullable=False),
        sa.Column("pnl_account", sa.Text),
        sa.Column("conversion_rate", sa.Text),
        sa.Column("commission", sa.Text, nullable=False),
        sa.Column("commission_currency", sa.Text, nullable=False),
        sa.Column("commission_account", sa.Text),
        sa.Column("execution_ref", sa.Text, nullable=False),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("v", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("account", "execution_id"),
    )
    op.create_table(
        "positions",
        sa.Column("account", sa.Text),
        sa.Column("symbol", sa.Text),
        sa.Column("ts_event_ns", _Int64, nullable=False),
        sa.Column("ts_recv_ns", _Int64, nullable=False),
        sa.Column("units", sa.Text, nullable=False),
        sa.Column("average_price", sa.Text),
        sa.Column("realised_account", sa.Text),
        sa.Column("unrealised_account", sa.Text),
        sa.Column("equity_account", sa.Text),
        sa.Column("v", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("account", "symbol"),
    )
