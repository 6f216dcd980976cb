"""Retrying an insert: patiently where it can help, and not at all where it cannot."""

from typing import Any

import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, OperationalError

from domain.errors import AifxError, Halt, Retry
from sinks.clickhouse_insert import RetryPolicy, insert, is_transient

ROWS = pa.table({"x": [1, 2]})


class FakeClient:
    """Fails as told, then takes everything."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.tokens: list[str] = []

    def insert_arrow(self, _table: str, _rows: pa.Table, settings: dict[str, Any]) -> None:
        """Take rows, or raise the next failure."""
        self.tokens.append(settings["insert_deduplication_token"])
        if self.failures:
            raise self.failures.pop(0)


def put(client: Any, waited: list[float] | None = None, attempts: int = 3) -> None:
    """Insert the rows with a policy of few tries and no real waiting."""
    waits: list[float] = [] if waited is None else waited
    policy = RetryPolicy(attempts=attempts, first_delay_s=1.0, longest_delay_s=3.0)
    insert(client, "bars", ROWS, "t", policy, waits.append)


def test_a_passing_failure_is_tried_again_under_the_same_token() -> None:
    """The token makes the second try safe even if the first one had arrived."""
    client = FakeClient(OperationalError("connection refused"), DatabaseError("busy", code=202))
    waited: list[float] = []
    put(client, waited)
    assert client.tokens == ["t", "t", "t"]
    assert waited == [1.0, 2.0]


def test_tries_are_bounded() -> None:
    """After the last one the caller must decide."""
    client = FakeClient(*[OperationalError("connection refused")] * 5)
    waited: list[float] = []
    with pytest.raises(Retry, match="2 rows of bars not written in 5 tries: connection refused"):
        put(client, waited, attempts=5)
    assert waited == [1.0, 2.0, 3.0, 3.0]


def test_what_can_never_succeed_is_not_tried_again() -> None:
    """A missing table stops the process and says what to do."""
    client = FakeClient(DatabaseError("Unknown table bars", code=60))
    with pytest.raises(Halt, match="apply the migrations: Unknown table bars"):
        put(client)
    assert client.tokens == ["t"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OperationalError("timed out"), Retry),
        (ConnectionResetError("reset"), Retry),
        (DatabaseError("", code=252), Retry),
        (DatabaseError("type mismatch", code=53), Halt),
        (OperationalError("wrong password", code=516), Halt),
        (ClickHouseError(), Halt),
    ],
)
def test_every_failure_becomes_an_error_of_ours(error: Exception, kind: type[AifxError]) -> None:
    """Named by what is to be done about it."""
    assert is_transient(error) is (kind is Retry)
    with pytest.raises(kind):
        put(FakeClient(error), attempts=1)
