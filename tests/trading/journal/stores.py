"""What the tests of the journal share: drafts, records, an open writer, and a hand in the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from domain.orders import Execution, Order, Position
from trading.journal.entries import Draft
from trading.journal.journal import Journal

ACCOUNT = "paper-1"
SECOND_NS = 1_000_000_000
TTL_NS = 10 * SECOND_NS

ORDER = Order(
    client_order_id="ax1",
    account=ACCOUNT,
    strategy="s",
    signal_id="g",
    symbol="EURUSD",
    side="buy",
    quantity_units=Decimal(18181),
    status="pending_new",
    ts_event_ns=1,
    ts_recv_ns=2,
)
EXECUTION = Execution(
    execution_id="px1",
    client_order_id="ax1",
    account=ACCOUNT,
    symbol="EURUSD",
    side="buy",
    quantity_units=Decimal(18181),
    price=Decimal("1.10020"),
    ts_event_ns=3,
    ts_recv_ns=4,
    pnl_quote=Decimal(0),
    pnl_account=None,
    conversion_rate=None,
)
POSITION = Position(
    account=ACCOUNT,
    symbol="EURUSD",
    ts_event_ns=5,
    ts_recv_ns=6,
    units=Decimal(-18181),
    average_price=Decimal("1.10020"),
    realised_account=None,
    unrealised_account=Decimal("-0.50"),
)


def draft(number: int, key: str | None = None, **changes: Any) -> Draft:
    """Return the draft of a fact with this number."""
    made = Draft(
        kind="order_event",
        key=f"fact-{number}" if key is None else key,
        ts_event_ns=1_000 + number,
        ts_recv_ns=2_000 + number,
        payload=msgspec.json.encode({"fact": number}),
    )
    return msgspec.structs.replace(made, **changes)


@contextmanager
def opened(dsn: str, account: str = ACCOUNT) -> Iterator[Journal]:
    """Open a journal, and close it afterwards."""
    journal = Journal.open(dsn, account)
    try:
        yield journal
    finally:
        journal.close()


@contextmanager
def writing(dsn: str, account: str = ACCOUNT, holder: str = "writer") -> Iterator[Journal]:
    """Open a journal as its writer, from time 0 on, and close it afterwards."""
    with opened(dsn, account) as journal:
        journal.acquire(holder, 0, TTL_NS)
        yield journal


def filled(dsn: str, count: int, account: str = ACCOUNT) -> None:
    """Write facts 1 to ``count``: entries 2 to ``count`` + 1, behind the lease."""
    with writing(dsn, account) as journal:
        journal.append_many([draft(number) for number in range(1, count + 1)])
        journal.commit()


def keys(journal: Journal, after_seq: int = 0) -> list[str]:
    """Return the keys of the committed entries."""
    return [entry.key for entry in journal.read(after_seq)]


def meddle(dsn: str, *statements: str, **parameters: Any) -> None:
    """Change a store behind the journal's back."""
    engine = sa.create_engine(dsn, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement), parameters)
    engine.dispose()


def file_of(dsn: str) -> Path:
    """Return the path of an SQLite store."""
    return Path(sa.make_url(dsn).database or "")
