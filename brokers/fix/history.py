"""The executions that a session has reported, on disk before anybody is told.

FIX has no query for the fills of the past, so what was reported is kept here: its row number is the
sequence by which a restart asks for what it may have missed.
"""

import sqlite3
import threading
from decimal import Decimal
from pathlib import Path

import msgspec

from domain.errors import Corrupt
from domain.instruments import canonical
from domain.order_events import EventKind, OrderEvent
from trading.positions import NetPosition, net, signed
from trading.venues import VenuePosition

SCHEMA_VERSION = 1

_SCHEMA = f"""
BEGIN;
CREATE TABLE executions (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    venue_order_id TEXT NOT NULL, execution_id TEXT NOT NULL, payload TEXT NOT NULL,
    UNIQUE (venue_order_id, execution_id)
);
CREATE TABLE names (client_order_id TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE session (id INTEGER PRIMARY KEY CHECK (id = 1), start_ns INTEGER NOT NULL);
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""


class History:
    """Executions, the confirmed names of orders, and the session that the numbers belong to.

    Parameters
    ----------
    path
        The file; made if there is none.

    Raises
    ------
    Corrupt
        If the file is no history of this version, or damaged.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._store = sqlite3.connect(path, check_same_thread=False)
        try:
            self._store.execute("PRAGMA journal_mode=WAL")
            self._store.execute("PRAGMA synchronous=FULL")
            verdict = self._store.execute("PRAGMA quick_check(1)").fetchone()[0]
            version = self._store.execute("PRAGMA user_version").fetchone()[0]
            tables = self._store.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            if verdict == "ok" and version == 0 and tables == 0:
                self._store.executescript(_SCHEMA)
                version = SCHEMA_VERSION
        except sqlite3.DatabaseError as error:
            self._store.close()
            msg = f"FIX history {path} cannot be used: {error}"
            raise Corrupt(msg) from error
        if verdict != "ok" or version != SCHEMA_VERSION:
            self._store.close()
            msg = f"FIX history {path} cannot be used: {verdict}, version {version}"
            raise Corrupt(msg)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._store.close()

    def record(self, event: OrderEvent) -> OrderEvent:
        """Keep an execution; return it with its sequence, the first one's for a copy."""
        key = (event.venue_order_id, event.execution_id)
        with self._lock, self._store:
            self._store.execute(
                "INSERT OR IGNORE INTO executions (venue_order_id, execution_id, payload) "
                "VALUES (?, ?, ?)",
                (*key, msgspec.json.encode(event).decode()),
            )
            row = self._store.execute(
                "SELECT sequence FROM executions WHERE venue_order_id = ? AND execution_id = ?", key
            ).fetchone()
        return msgspec.structs.replace(event, sequence=int(row[0]))

    def executions(self, since: int | None) -> tuple[OrderEvent, ...]:
        """Return executions after a sequence, in order; all of them for None."""
        with self._lock:
            rows = self._store.execute(
                "SELECT sequence, payload FROM executions WHERE sequence > ? ORDER BY sequence",
                (since or 0,),
            ).fetchall()
        return tuple(
            msgspec.structs.replace(msgspec.json.decode(raw, type=OrderEvent), sequence=sequence)
            for sequence, raw in rows
        )

    def last_sequence(self) -> int:
        """Return the sequence of the newest execution, 0 before the first."""
        with self._lock:
            row = self._store.execute("SELECT max(sequence) FROM executions").fetchone()
        return int(row[0] or 0)

    def confirm(self, client_order_id: str, name: str) -> None:
        """Keep the name under which the counterparty knows an order from now on."""
        with self._lock, self._store:
            self._store.execute(
                "INSERT OR REPLACE INTO names VALUES (?, ?)", (client_order_id, name)
            )

    def name_of(self, client_order_id: str) -> str:
        """Return the confirmed name of an order: that of its submit until there is another."""
        with self._lock:
            row = self._store.execute(
                "SELECT name FROM names WHERE client_order_id = ?", (client_order_id,)
            ).fetchone()
        return client_order_id if row is None else str(row[0])

    def session_start_ns(self) -> int | None:
        """Return the start of the session whose sequence numbers are on disk, None before any."""
        with self._lock:
            row = self._store.execute("SELECT start_ns FROM session").fetchone()
        return None if row is None else int(row[0])

    def begin_session(self, start_ns: int) -> None:
        """Keep the start of a session, once its sequence numbers have begun."""
        with self._lock, self._store:
            self._store.execute("INSERT OR REPLACE INTO session VALUES (1, ?)", (start_ns,))


def positions(executions: tuple[OrderEvent, ...]) -> tuple[VenuePosition, ...]:
    """Return the netted positions that all executions of an account amount to, flat ones left out.

    A bust takes its execution away, a correction puts other figures in its place.
    """
    # Counterparties number executions by order, some of them: the order belongs to the key.
    fills: dict[tuple[str, str], OrderEvent] = {}
    for event in executions:
        key = (event.venue_order_id, event.execution_id)
        changed = (event.venue_order_id, event.execution_ref)
        if event.kind is EventKind.FILL:
            fills[key] = event
        elif (before := fills.pop(changed, None)) is not None and event.kind is EventKind.CORRECT:
            fills[key] = msgspec.structs.replace(
                before, quantity_units=event.quantity_units, price=event.price
            )
    held: dict[str, NetPosition] = {}
    for fill in fills.values():
        if fill.side is None or fill.quantity_units is None or fill.price is None:
            continue
        symbol = canonical(fill.symbol)
        change = signed(fill.side, fill.quantity_units)
        held[symbol], _ = net(held.get(symbol, NetPosition()), change, fill.price)
    return tuple(
        VenuePosition(symbol, one.units, one.average_price)
        for symbol, one in sorted(held.items())
        if one.units != Decimal(0)
    )
