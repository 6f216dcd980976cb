"""The archive keeps what cannot be read: among the rejected ticks with a reason, and whole."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.migrate import connect, migrate
from clickhouse.tables import TICK_TOPICS
from config.plan import READS, Plan, RecordedPlan
from config.settings import settings_of
from dataflows import archive
from dataflows.context import Context
from domain.log import LogAddress
from domain.ticks import TICK_DTYPE
from domain.topics import DeadLetter, Topic, decode_as
from operators import engine
from operators.meter import Meter
from sinks.kafka_end import end_topics
from sources.quiesce import Quiesce
from testkit.tapes import walk
from tests.kafka.log import read, wall, write

RUN = "malformed"
SIZE = TICK_DTYPE.itemsize


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    """DSN of the one chDB folder that this process can hold, the same for every test file."""
    return f"chdb://{tmp_path_factory.getbasetemp() / 'chdb'}"


@pytest.fixture(scope="module")
def client(dsn: str) -> Iterator[Client]:
    """Client in a migrated database."""
    client = connect(dsn, settings_of({}).clickhouse.database)
    migrate(client)
    yield client
    client.close()


def context(address: LogAddress, folder: Path) -> Context:
    """Make the context of a run with two symbols."""
    feed = RecordedPlan(("EURUSD", "USDJPY"), "")
    plan = Plan(RUN, str(folder), str(folder), address, feed, "f", None, (), {})
    return Context(plan, settings_of({}), Quiesce(), Meter("archive", wall), wall)


def bad_values(good: bytes) -> dict[bytes, list[str]]:
    """Make malformed values and say why each must be refused."""
    return {
        good[:40]: ["truncated"],
        good + good[:3]: ["truncated"],
        b"torn": ["truncated"],
        b"": ["truncated"],
        b"\x09" + good[1:]: ["unknown_version"],
        good[:1] + b"\x05" + good[2:]: ["unknown_kind"],
        good[:8] + b"XAUUSD" + good[14:]: ["unknown_symbol"],
        good[:8] + b"\xff\xfe" + good[10:]: ["unknown_symbol"],
        np.random.default_rng(5).bytes(SIZE): ["unknown_version"],
    }


def test_each_malformed_tick_is_a_rejected_tick_and_a_dead_letter(
    embedded: LogAddress, tmp_path: Path, client: Client, dsn: str
) -> None:
    """On every topic of ticks, in every partition at the same offsets; good ones stay good."""
    tape = walk("EURUSD", 20, seed=1)
    good = [tape[at : at + 1].tobytes() for at in range(tape.size)]
    bad = bad_values(good[7])
    for topic in TICK_TOPICS:
        for partition in range(embedded.partitions):
            values = [*good[:5], *bad, *good[5:]] if partition == 0 else list(bad)
            write(embedded, topic, [(partition, b"k", value) for value in values])
    end_topics(embedded, READS["archive"])
    for _ in range(2):
        # The second time nothing is resumed: every row is written again.
        flow = archive.build(context(embedded, tmp_path), dsn)
        engine.run(flow, 100, None)

    def rows(table: str, columns: str) -> list[tuple[object, ...]]:
        query = f"SELECT {columns} FROM {table} FINAL WHERE run = '{RUN}'"  # noqa: S608 - a constant
        return [tuple(row) for row in client.query(query).result_rows]

    assert sorted(rows("ticks", "seq")) == [(at,) for at in range(20)]
    found = rows("ticks_rejected", "arraySort(reasons), seq")
    wanted: list[tuple[object, ...]] = []
    for _ in TICK_TOPICS:
        for partition in range(embedded.partitions):
            first = 5 if partition == 0 else 0
            wanted += [(why, first + n) for n, why in enumerate(bad.values())]
    # The good records of the topic of rejected ticks are there too; they were made without reasons.
    assert sorted(row for row in found if row[0]) == sorted(wanted)
    assert sorted(row for row in found if not row[0]) == [([], at) for at in range(20)]
    assert {row[0] for row in rows("ticks_rejected", "symbol")} == {"", "EURUSD", "XAUUSD"}
    letters = [
        decode_as(Topic.DEAD_LETTER, record.value, DeadLetter)
        for record in read(embedded, Topic.DEAD_LETTER)
    ]
    assert len(letters) == len(wanted)
    assert {letter.value for letter in letters} == set(bad)
