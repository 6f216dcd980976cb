"""One insert into ClickHouse that may be tried again, and what to make of its failure."""

import time
from collections.abc import Callable

import msgspec
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from clickhouse.connection import first_line
from domain.errors import Halt, Retry

TRANSIENT_CODES = frozenset(
    {
        159,  # TIMEOUT_EXCEEDED
        160,  # TOO_SLOW
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED: the server is going down
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY
        252,  # TOO_MANY_PARTS: merges must catch up
        285,  # TOO_FEW_LIVE_REPLICAS
        319,  # UNKNOWN_STATUS_OF_INSERT: the token makes a second try safe
        394,  # QUERY_WAS_CANCELLED
        425,  # SYSTEM_ERROR
        999,  # KEEPER_EXCEPTION
    }
)
"""Codes of the server's errors that may pass without anybody's help."""

_SETTINGS = {
    # A backfill of many years is one insert into more than the 100 months that a server allows.
    "max_partitions_per_insert_block": 0,
}


class RetryPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often and how patiently an insert is tried.

    Attributes
    ----------
    attempts
        Tries in all (>= 1).
    first_delay_s, factor, longest_delay_s
        Seconds before the second try (>= 0), growth per try (>= 1), and bound of one wait. With the
        defaults the waits add up to 6 s, beside what the server itself takes to fail; then the
        process gives up and its supervisor starts it again.
    """

    attempts: int = 6
    first_delay_s: float = 0.2
    factor: float = 2.0
    longest_delay_s: float = 3.0

    def delay_s(self, attempt: int) -> float:
        """Return the seconds to wait after a failed attempt (>= 1)."""
        return min(self.first_delay_s * self.factor ** (attempt - 1), self.longest_delay_s)


def is_transient(error: Exception) -> bool:
    """Say whether the same insert may succeed later."""
    if isinstance(error, ClickHouseError):
        code = getattr(error, "code", None)
        return code in TRANSIENT_CODES if code else isinstance(error, OperationalError)
    return isinstance(error, OSError)


def insert(
    client: Client,
    table: str,
    rows: pa.Table,
    token: str,
    policy: RetryPolicy,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Insert rows under a deduplication token; a token that the table knows inserts nothing.

    Raises
    ------
    Retry
        If it failed for a passing reason, as often as the policy allows.
    Halt
        If it can never succeed as it is.
    """
    settings = {**_SETTINGS, "insert_deduplication_token": token}
    for attempt in range(1, policy.attempts + 1):
        try:
            client.insert_arrow(table, rows, settings=settings)
        except (ClickHouseError, OSError) as error:
            reason = first_line(error)
            if not is_transient(error):
                hint = "; apply the migrations" if getattr(error, "code", None) in (16, 60) else ""
                msg = f"ClickHouse refuses {rows.num_rows} rows of {table}{hint}: {reason}"
                raise Halt(msg) from error
            if attempt == policy.attempts:
                msg = f"{rows.num_rows} rows of {table} not written in {attempt} tries: {reason}"
                raise Retry(msg) from error
            sleep(policy.delay_s(attempt))
        else:
            return
