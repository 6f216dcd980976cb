"""The venue's own record on disk: what it was told, what it said, how its orders stand.

A command is in the file before it is answered, and an answer before it is given: after a crash the
venue knows both, like a real one.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from brokers.paper_venue.account import AccountState
from brokers.paper_venue.outbox import StoredEvent
from brokers.paper_venue.working import WorkingOrder
from domain.errors import Corrupt
from domain.order_events import OrderEvent
from trading.venues import AccountCharge, Command

SCHEMA_VERSION = 1

_MOST_LOG_PAGES = 10_000
_TIDY_COMMITS = 100
"""After so many commits `Store.tidy` folds the write-ahead log into the file; after so many pages
(40 MB), where nobody calls it, a commit does, and takes many times as long."""

_SCHEMA = f"""
BEGIN;
CREATE TABLE commands (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, client_order_id TEXT NOT NULL,
    payload TEXT NOT NULL
);
CREATE TABLE orders (
    venue_order_id TEXT PRIMARY KEY, client_order_id TEXT NOT NULL, is_live INTEGER NOT NULL,
    sequence INTEGER NOT NULL, payload TEXT NOT NULL
);
CREATE UNIQUE INDEX orders_by_client ON orders (client_order_id) WHERE client_order_id != '';
CREATE INDEX live_orders ON orders (is_live) WHERE is_live = 1;
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY, is_charge INTEGER NOT NULL, kind TEXT NOT NULL,
    payload TEXT NOT NULL
);
CREATE TABLE account (id INTEGER PRIMARY KEY CHECK (id = 1), payload TEXT NOT NULL);
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""

_SAVE_ORDER = """
INSERT INTO orders VALUES (?, ?, ?, ?, ?) ON CONFLICT (venue_order_id) DO UPDATE SET
    is_live = excluded.is_live, sequence = excluded.sequence, payload = excluded.payload
"""
_SAVE_ACCOUNT = """
INSERT INTO account VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET payload = excluded.payload
"""


class Store:
    """One file of one account; made by `open_store`. Not for two processes at once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._commands: list[Command] = []
        self._is_durable = True
        self._commits = 0

    def close(self) -> None:
        """Close the file; what was answered is in it."""
        self._db.close()

    def log(self, command: Command) -> None:
        """Add a command to what the next `commit` writes."""
        self._commands.append(command)

    def commit(
        self,
        events: Iterable[StoredEvent],
        orders: Iterable[WorkingOrder],
        account: AccountState,
        *,
        is_durable: bool = True,
    ) -> None:
        """Write everything that belongs together.

        Parameters
        ----------
        is_durable
            Whether to wait until the disk has it, and all that was written before. Otherwise it
            outlives this process, but not a power cut before the next commit that waits.
        """
        if is_durable != self._is_durable:
            self._db.execute(f"PRAGMA synchronous={'FULL' if is_durable else 'NORMAL'}")
            self._is_durable = is_durable
        commands, self._commands = self._commands, []
        with self._db:
            self._db.executemany(
                "INSERT INTO commands (kind, client_order_id, payload) VALUES (?, ?, ?)",
                [(type(c).__name__, c.order.client_order_id, _text(c)) for c in commands],
            )
            self._db.executemany(
                "INSERT INTO events VALUES (?, ?, ?, ?)",
                [(e.sequence, isinstance(e, AccountCharge), str(e.kind), _text(e)) for e in events],
            )
            self._db.executemany(_SAVE_ORDER, [_row(order) for order in orders])
            self._db.execute(_SAVE_ACCOUNT, (_text(account),))
        self._commits += 1

    def tidy(self) -> None:
        """Do the file's own work that is due; call it often, where no order waits for it."""
        if self._commits >= _TIDY_COMMITS:
            self._commits = 0
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def account(self) -> AccountState | None:
        """Return the account as it was left, or None in a new file."""
        row = self._db.execute("SELECT payload FROM account").fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=AccountState)

    def live_orders(self) -> list[WorkingOrder]:
        """Return the orders that something may still happen to, by turn."""
        return sorted(self._orders("WHERE is_live = 1"), key=lambda order: order.turn)

    def order(self, client_order_id: str, venue_order_id: str) -> WorkingOrder | None:
        """Return an order by either of its names, the client's first.

        Orders of the venue's own have no name of the client's, whatever the client calls them.
        """
        found = (
            self._orders("WHERE client_order_id = ?", client_order_id) if client_order_id else []
        )
        if not found and venue_order_id:
            found = self._orders("WHERE venue_order_id = ?", venue_order_id)
        return found[0] if found else None

    def orders_after(self, sequence: int) -> list[WorkingOrder]:
        """Return the orders that something has happened to after a place in the events."""
        return self._orders("WHERE sequence > ? ORDER BY sequence", sequence)

    def events_after(self, sequence: int) -> list[StoredEvent]:
        """Return all events after a place in their order."""
        rows = self._db.execute(
            "SELECT is_charge, payload FROM events WHERE sequence > ? ORDER BY sequence",
            (sequence,),
        )
        events: list[StoredEvent] = []
        for is_charge, payload in rows:
            if is_charge:
                events.append(msgspec.json.decode(payload, type=AccountCharge))
            else:
                events.append(msgspec.json.decode(payload, type=OrderEvent))
        return events

    def last_sequence(self) -> int:
        """Return the place of the last event; 0 before the first."""
        return int(self._db.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()[0])

    def commands(self) -> list[Command]:
        """Return every command ever received, in order of arrival."""
        rows = self._db.execute("SELECT payload FROM commands ORDER BY id")
        return [*(msgspec.json.decode(row[0], type=Command) for row in rows), *self._commands]

    def _orders(self, where: str, *values: Any) -> list[WorkingOrder]:
        rows = self._db.execute(f"SELECT payload FROM orders {where}", values)  # noqa: S608 - own
        return [msgspec.json.decode(row[0], type=WorkingOrder) for row in rows]


def open_store(path: Path | None) -> Store:
    """Open a venue's file, or make an empty one; None: in memory, forgotten when it is closed.

    Raises
    ------
    Corrupt
        If the file is no store of this version, or damaged.
    """
    db = sqlite3.connect(path or ":memory:", check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(f"PRAGMA wal_autocheckpoint={_MOST_LOG_PAGES}")
        verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if verdict == "ok" and version == 0 and tables == 0:
            db.executescript(_SCHEMA)
            version = SCHEMA_VERSION
    except sqlite3.DatabaseError as error:
        db.close()
        msg = f"paper venue {path} cannot be used: {error}"
        raise Corrupt(msg) from error
    if verdict != "ok" or version != SCHEMA_VERSION:
        db.close()
        verdict = " ".join(str(verdict).split())
        msg = f"paper venue {path} cannot be used: {verdict}, version {version}"
        raise Corrupt(msg)
    return Store(db)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _row(order: WorkingOrder) -> tuple[str, str, bool, int, str]:
    is_live = order.is_open or bool(order.requests)
    name, client = order.venue_order_id, order.client_order_id
    return name, client, is_live, order.sequence, _text(order)
