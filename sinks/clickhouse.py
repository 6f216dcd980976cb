"""The archive's way out: a Bytewax sink with one partition per ClickHouse table.

Nothing is lost: a partition's ``snapshot()`` returns only when the server has all of its rows, and
the engine lets the source forget its offsets only after that. Nothing is doubled: what is replayed
has the deduplication token of the same offsets, and where the cuts differ the table's key collapses
the copies (read with ``FINAL``).
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from clickhouse_connect.driver.client import Client

from clickhouse.connection import connect
from clickhouse.tables import TABLES
from domain.errors import Corrupt, Halt
from sinks.clickhouse_batch import ArchiveBatch, Stretches, deduplication_token
from sinks.clickhouse_columns import arrow_table
from sinks.clickhouse_insert import RetryPolicy, insert

__all__ = ["ArchiveBatch", "ClickHouseSink", "ClickHouseSinkConfig", "RetryPolicy"]

State = dict[str, int]
"""Snapshot of a partition: version ``v`` and ``rows`` written since the start of the run."""

STATE_VERSION = 1


class ClickHouseSinkConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the sink buffers and retries.

    Attributes
    ----------
    flush_rows
        Rows of a table that are held before they are inserted ahead of the snapshot (> 0). Bounds
        memory, 100 to 700 bytes a row; ClickHouse wants inserts of 10,000 rows or more.
    retry
        What to do when the server does not take an insert.
    """

    flush_rows: int = 100_000
    retry: RetryPolicy = RetryPolicy()


class _SharedClient:
    """The client of all partitions in this process, open while one of them is."""

    def __init__(self, open_client: Callable[[], Client]) -> None:
        self._open_client = open_client
        self._client: Client | None = None
        self._users = 0
        self._lock = threading.Lock()

    def acquire(self) -> Client:
        with self._lock:
            if self._client is None:
                self._client = self._open_client()
            self._users += 1
            return self._client

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._client is not None:
                self._client.close()
                self._client = None


class TableWriter(StatefulSinkPartition[ArchiveBatch, State]):
    """Buffers the batches of one table and inserts them, few and large.

    Parameters
    ----------
    table
        Name of the table.
    run
        Run that the rows belong to. A run names one log: the same run over another log would have
        its offsets taken for a replay.
    put
        Inserts an Arrow table under a deduplication token: ``put(table, rows, token)``.
    flush_rows
        Rows that are held at most (> 0).
    rows
        Rows written before (>= 0).
    on_close
        Called once after the last flush.
    """

    def __init__(
        self,
        table: str,
        run: str,
        put: Callable[[str, Any, str], None],
        flush_rows: int,
        rows: int = 0,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self._table = table
        self._run = run
        self._put = put
        self._flush_rows = flush_rows
        self._rows = rows
        self._on_close = on_close
        self._batches: list[ArchiveBatch] = []
        self._buffered = 0
        self._stretches = Stretches()

    def write_batch(self, values: list[ArchiveBatch]) -> None:
        """Take batches; insert when enough rows are held."""
        for batch in values:
            self._stretches.follow(batch)
            self._batches.append(batch)
            self._buffered += len(batch.rows)
            if self._buffered >= self._flush_rows:
                self._flush()

    def snapshot(self) -> State:
        """Insert all that is held; return what was written so far."""
        self._flush()
        return {"v": STATE_VERSION, "rows": self._rows}

    def close(self) -> None:
        """Insert what is left at the end of finite input."""
        self._flush()
        self._on_close()

    def _flush(self) -> None:
        if self._buffered:
            token = deduplication_token(self._run, self._batches)
            filled = [batch for batch in self._batches if len(batch.rows)]
            self._put(self._table, arrow_table(self._table, self._run, filled), token)
        # Only now, when the insert has succeeded, may the rows be forgotten.
        self._rows += self._buffered
        self._batches = []
        self._buffered = 0


class ClickHouseSink(FixedPartitionedSink[ArchiveBatch, State]):
    """Writes ``(table, ArchiveBatch)`` items to ClickHouse or chDB.

    Parameters
    ----------
    dsn, database
        As for `clickhouse.connection.connect`; the schema must be there already.
    run
        Run that the rows belong to; not empty, and of one log only.
    config
        Buffering and retries.
    sleep
        Waits some seconds between two tries.
    """

    def __init__(
        self,
        dsn: str,
        database: str | None,
        run: str,
        config: ClickHouseSinkConfig = ClickHouseSinkConfig(),  # noqa: B008 - frozen
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = _SharedClient(lambda: connect(dsn, database))
        self._run = run
        self._config = config
        self._sleep = sleep

    def list_parts(self) -> list[str]:
        """Return the tables; every worker can reach all of them."""
        return list(TABLES)

    def part_fn(self, item_key: str) -> int:
        """Return the place of a table among the partitions, which the engine orders by name.

        Raises
        ------
        Halt
            If there is no such table.
        """
        try:
            return TABLES.index(item_key)
        except ValueError as error:
            msg = f"no table {item_key!r}; tables: {', '.join(TABLES)}"
            raise Halt(msg) from error

    def build_part(self, step_id: str, for_part: str, resume_state: State | None) -> TableWriter:
        """Return the writer of a table.

        Raises
        ------
        Corrupt
            If the stored state is of another version.
        BadUse
            If ClickHouse cannot be reached.
        """
        state = resume_state or {"v": STATE_VERSION, "rows": 0}
        if state.get("v") != STATE_VERSION:
            msg = f"{step_id}/{for_part}: state {state} is not of version {STATE_VERSION}"
            raise Corrupt(msg)
        client = self._client.acquire()

        def put(table: str, rows: Any, token: str) -> None:
            insert(client, table, rows, token, self._config.retry, self._sleep)

        return TableWriter(
            for_part,
            self._run,
            put,
            self._config.flush_rows,
            state["rows"],
            self._client.release,
        )
