"""The hash-chained entries, and one row an account for their end and their writer."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Int64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make both tables, without a row."""
    op.create_table(
        "journals",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("head_seq", _Int64, nullable=False),
        sa.Column("head_hash", sa.LargeBinary, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("fence", _Int64, nullable=False),
        sa.Column("expires_ns", _Int64, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "entries",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("seq", _Int64, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("ts_event_ns", _Int64, nullable=False),
        sa.Column("ts_recv_ns", _Int64, nullable=False),
        sa.Column("fence", _Int64, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("prev_hash", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("account", "key", name="entries_account_key"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
