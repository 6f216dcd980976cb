"""A paper venue with a memory of its own: it fills market orders on the quotes of the log.

An order that arrived ``latency_ns`` after it was sent fills whole at the first tick received from
then on, a buy at the ask and a sell at the bid. Every request is on disk before it is answered, so
that after a crash the venue knows what it was told, like a real one.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

import msgspec

from domain.errors import BadUse, Corrupt
from domain.ids import execution_id
from domain.instruments import INSTRUMENTS
from domain.nanos import MS_NS
from domain.orders import Order
from domain.ticks import TickArray
from trading.ports import DUPLICATE, BrokerReport, Fill
from trading.quotes import first_tick_from, quote_of

SCHEMA_VERSION = 1

_SCHEMA = f"""
BEGIN;
CREATE TABLE requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT, client_order_id TEXT NOT NULL, payload TEXT NOT NULL
);
CREATE TABLE orders (
    client_order_id TEXT PRIMARY KEY, payload TEXT NOT NULL, due_ns INTEGER NOT NULL,
    reason TEXT NOT NULL
);
CREATE TABLE fills (
    client_order_id TEXT PRIMARY KEY, payload TEXT NOT NULL
);
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""


@dataclass(frozen=True)
class PaperConfig:
    """Settings of the paper venue; ``latency_ns`` (>= 0) is the way of an order to it."""

    latency_ns: int = 50 * MS_NS

    def __post_init__(self) -> None:
        """Refuse an order that arrives before it was sent."""
        if self.latency_ns < 0:
            msg = "latency_ns must not be below 0"
            raise BadUse(msg)

    def open(self, path: Path | None) -> "PaperBroker":
        """Open the venue's store, or make an empty one.

        Parameters
        ----------
        path
            The file; None for a venue in memory, which forgets all when it is closed.

        Raises
        ------
        Corrupt
            If the file is no store of this version, or damaged.
        """
        store = sqlite3.connect(path or ":memory:", check_same_thread=False)
        try:
            store.execute("PRAGMA journal_mode=WAL")
            store.execute("PRAGMA synchronous=FULL")
            verdict = store.execute("PRAGMA quick_check(1)").fetchone()[0]
            version = store.execute("PRAGMA user_version").fetchone()[0]
            tables = store.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            if verdict == "ok" and version == 0 and tables == 0:
                store.executescript(_SCHEMA)
                version = SCHEMA_VERSION
        except sqlite3.DatabaseError as error:
            store.close()
            msg = f"paper venue {path} cannot be used: {error}"
            raise Corrupt(msg) from error
        if verdict != "ok" or version != SCHEMA_VERSION:
            store.close()
            verdict = " ".join(str(verdict).split())
            msg = f"paper venue {path} cannot be used: {verdict}, version {version}"
            raise Corrupt(msg)
        return PaperBroker(self, store)


class PaperBroker:
    """The paper venue; a `trading.ports.Broker`. Made by `PaperConfig.open`."""

    def __init__(self, config: PaperConfig, store: sqlite3.Connection) -> None:
        self._config = config
        self._store = store
        # Working orders with their due times; filled from the store as they are asked for.
        self._working: dict[str, tuple[Order, int]] = {}

    def close(self) -> None:
        """Close the store; what was answered is in it."""
        self._store.close()

    def submit(self, order: Order, sent_ns: int) -> BrokerReport:
        """Take an order in; a second one of a known id is logged and refused."""
        payload = msgspec.json.encode(order).decode()
        name = order.client_order_id
        with self._store:
            self._store.execute(
                "INSERT INTO requests (client_order_id, payload) VALUES (?, ?)", (name, payload)
            )
            reason = _refusal(order)
            due_ns = sent_ns + self._config.latency_ns
            added = self._store.execute(
                "INSERT INTO orders VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (name, payload, due_ns, reason),
            )
            if added.rowcount != 1:
                return BrokerReport(name, "rejected", DUPLICATE)
        if reason:
            return BrokerReport(name, "rejected", reason)
        self._working[name] = (order, due_ns)
        return BrokerReport(name, "accepted")

    def query(self, client_order_id: str) -> BrokerReport | None:
        """Return the state of an order; None if it never arrived."""
        found = self._find(client_order_id)
        if found is None:
            return None
        reason = found[2]
        if reason:
            return BrokerReport(client_order_id, "rejected", reason)
        filled = self._stored_fill(client_order_id) is not None
        return BrokerReport(client_order_id, "filled" if filled else "accepted")

    def match(self, client_order_id: str, records: TickArray) -> Fill | None:
        """Fill a working order on the first usable tick that is due; a known fill comes again."""
        working = self._working.get(client_order_id)
        if working is None:
            stored = self._stored_fill(client_order_id)
            found = self._find(client_order_id) if stored is None else None
            if found is None or found[2]:
                return stored
            working = msgspec.json.decode(found[0], type=Order), found[1]
            self._working[client_order_id] = working
        order, due_ns = working
        row = first_tick_from(records, due_ns)
        if row is None:
            return None
        record = records[row]
        instrument = INSTRUMENTS[order.symbol]
        quote = quote_of(float(record["bid"]), float(record["ask"]), instrument)
        if quote is None:  # pragma: no cover - a usable tick always has a quote
            return None
        fill = Fill(
            execution_id=execution_id(client_order_id, 0),
            client_order_id=client_order_id,
            quantity_units=order.quantity_units,
            price=quote.ask if order.side == "buy" else quote.bid,
            ts_event_ns=int(record["ts_event_ns"]),
            ts_recv_ns=int(record["ts_recv_ns"]),
        )
        with self._store:
            self._store.execute(
                "INSERT INTO fills VALUES (?, ?)",
                (client_order_id, msgspec.json.encode(fill).decode()),
            )
        del self._working[client_order_id]
        return fill

    def requests(self) -> list[str]:
        """Return the client order id of every submit ever received, in order of arrival."""
        rows = self._store.execute("SELECT client_order_id FROM requests ORDER BY id").fetchall()
        return [str(row[0]) for row in rows]

    def fills(self) -> list[Fill]:
        """Return all fills, by client order id."""
        rows = self._store.execute("SELECT payload FROM fills ORDER BY client_order_id").fetchall()
        return [msgspec.json.decode(row[0], type=Fill) for row in rows]

    def _find(self, client_order_id: str) -> tuple[str, int, str] | None:
        row: tuple[str, int, str] | None = self._store.execute(
            "SELECT payload, due_ns, reason FROM orders WHERE client_order_id = ?",
            (client_order_id,),
        ).fetchone()
        return row

    def _stored_fill(self, client_order_id: str) -> Fill | None:
        row = self._store.execute(
            "SELECT payload FROM fills WHERE client_order_id = ?", (client_order_id,)
        ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Fill)


def _refusal(order: Order) -> str:
    if order.symbol not in INSTRUMENTS:
        return "unknown_symbol"
    return "" if order.quantity_units > 0 else "bad_quantity"
