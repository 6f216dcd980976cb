"""Every record comes back as it went in: each float bit, nanosecond and decimal digit."""

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from math import isnan
from typing import Any

import msgspec
import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clickhouse.migrate import connect, migrate
from clickhouse.tables import TABLE_OF, TICK_TABLES
from domain.canonical import VOTE_COLUMNS
from domain.control import ControlEvent, ControlKind, TradingState
from domain.deployments import ModelEvent
from domain.errors import Halt
from domain.orders import Execution, Order, Position
from domain.predictions import FeatureVector, Prediction, Signal, Vote
from domain.quality import ExecutionQuality, OrderQuality, QualityCode, QualityEvent
from domain.ticks import TICK_DTYPE, new_records
from domain.topics import RECORD_TYPES, DeadLetter, Topic, WorkerMetrics
from sinks.clickhouse_batch import ArchiveBatch
from sinks.clickhouse_columns import arrow_table
from testkit.tapes import PRICE_FIELDS, bar

THIRD = Decimal(1) / Decimal(3)
TINY = Decimal("1E-38")
NOW_NS = 1_700_000_000_123_456_789

SEVENTHS = {name: k / 7 for k, name in enumerate(PRICE_FIELDS)}


def measured(record: Any, rest: float | None, **fields: Any) -> msgspec.Struct:
    """Return a record of execution quality; ``rest`` is every figure that is not named."""
    always: dict[str, Any] = {
        "account": "A", "symbol": "EURUSD", "side": "sell", "venue": "fix", "strategy": "s",
        "algorithm": "é", "session": "asia", "size_bucket": ">5000000", "ts_event_ns": NOW_NS,
        "ts_recv_ns": 2, "quantity_units": Decimal("1E+9"), "price": THIRD, "filled_units": TINY,
        "client_order_id": "o", "order_type": "limit", "status": "canceled", "reason": "why",
        "fill_ratio": 1 / 3, "stale_benchmarks": 7, "v": 1,
    }  # fmt: skip
    values = dict.fromkeys(record.__struct_fields__, rest) | always | fields
    made: msgspec.Struct = record(**{name: values[name] for name in record.__struct_fields__})
    return made


SAMPLES: dict[Topic, list[msgspec.Struct]] = {
    Topic.BARS: [
        bar(
            "1s", NOW_NS, NOW_NS + 1, ts_recv_ns=NOW_NS - 1, suspect_count=2, up_count=3,
            down_count=4, spread_mean_pips=0.1, spread_max_pips=9.0, move_sq_sum_pips2=1 / 3,
            micro_gap_mean_pips=-0.0, verdict=2**32 - 1, **SEVENTHS,
        ),
        bar(
            "1h", 0, 1, 5e-324, symbol="USDJPY", seq=-(2**63), ts_recv_ns=2**62, tick_count=2**62,
            spread_mean_pips=1e308, spread_max_pips=-0.0, move_sq_sum_pips2=5e-324,
        ),
        bar("5pip", NOW_NS, NOW_NS, seq=0),
        bar("5pip", NOW_NS, NOW_NS, seq=1),
    ],
    Topic.FEATURES: [
        FeatureVector("EURUSD", NOW_NS, 2, "s", (0.1, None, -0.0), False, 1.1, 0.3, 2**32 - 1),
        FeatureVector("EURUSD", NOW_NS, 2, "other", (), True, 1.1, 0.3, 0),
    ],
    Topic.PREDICTIONS: [
        Prediction("EURUSD", NOW_NS, 2, "online", "id", 300, None, False, "warm-up"),
        Prediction("EURUSD", NOW_NS, 2, "batch", "id", 300, 0.0, True),
    ],
    Topic.SIGNALS: [
        Signal(
            "a", "EURUSD", NOW_NS, 2, "m", "r", "buy", True, 0.5, 0.75, 1.1, 1.2, "é", 3,
            (Vote("online", "o", 1 / 3, 0.1), Vote("é", "", None, -0.0)), 1e-308, 2 / 3, "s",
        ),
        Signal("b", "EURUSD", NOW_NS, 2, "m", "r", "flat", False, 0.0, None, None, None, ""),
    ],
    Topic.MODELS: [
        ModelEvent("EURUSD", NOW_NS, "switch", "lstm", "a" * 32, "", "canary", "why: 1/3 é", "g"),
        ModelEvent("EURUSD", NOW_NS, "switch", "lstm", "b" * 32, "", "canary", "why: 1/3 é", "g"),
    ],
    Topic.ORDERS: [
        Order("o", "A", "s", "a", "EURUSD", "buy", Decimal(1000), "accepted", NOW_NS, 2),
        Order(
            "o", "A", "s", "a", "EURUSD", "buy", Decimal(1000), "filled", NOW_NS, 2,
            Decimal("999.5"), THIRD, True, "why", "trailing_stop", "GTD", THIRD, TINY,
            Decimal("0.0025"), THIRD, NOW_NS, "mid", "reduce_only", "ib", "17", "p", "g", "ann",
            "m", TINY,
        ),
    ],
    Topic.EXECUTIONS: [
        Execution(
            "e1", "o", "A", "EURUSD", "sell", Decimal("1E+9"), Decimal("1.10450"), NOW_NS, 2,
            -THIRD, THIRD * 1000, TINY, -TINY, "EUR", None, "e0", "fix",
        ),
        Execution(
            "e2", "o", "A", "EURUSD", "buy", Decimal(1), Decimal(2), 0, 2, Decimal(0), None, None
        ),
    ],
    Topic.POSITIONS: [
        Position("A", "EURUSD", NOW_NS, 2, Decimal(-5), THIRD, Decimal("-0.01"), None),
        Position("A", "*", NOW_NS, 2, Decimal(0), None, THIRD, -THIRD, Decimal("1e6") + THIRD),
    ],
    Topic.CONTROL: [
        ControlEvent(
            "c1", "A", "", ControlKind.KILL, TradingState.HALTED, "ann", "risk", "é", NOW_NS
        ),
        ControlEvent(
            "c2", "A", "s", ControlKind.LOWER, TradingState.CANCEL_ONLY, "system:loss", "",
            "daily_loss", 0,
        ),
    ],
    Topic.QUALITY_FILLS: [
        measured(
            ExecutionQuality, 1 / 3, execution_id="e1", arrival_slippage_bps=-1e-308,
            arrival_cost_account=5e-324, delay_cost_pips=1e308, gap_cost_pips=None,
            signal_to_send_ns=-1, send_to_ack_ns=0, ack_to_fill_ns=None, signal_to_fill_ns=2**62,
        ),
        measured(ExecutionQuality, None, execution_id="e2", ts_event_ns=0),
    ],
    Topic.QUALITY_ORDERS: [
        measured(
            OrderQuality, -2 / 3, client_order_id="o1", signal_to_send_ns=-5,
            send_to_ack_ns=2**62, lifetime_ns=None,
        ),
        measured(OrderQuality, None, client_order_id="o2", ts_event_ns=0, fill_ratio=5e-324),
    ],
    Topic.QUALITY_EVENTS: [
        QualityEvent(
            QualityCode.OUTLIER, "e1", "o", "A", "EURUSD", "ib", NOW_NS, "é", 1 / 3, -1 / 3
        ),
        QualityEvent(QualityCode.BUSTED, "e1", "o", "A", "EURUSD", "ib", NOW_NS, "", 0.0, 0.0),
    ],
    Topic.METRICS: [
        WorkerMetrics("trading", NOW_NS, {"ticks": 2**60, "late": 0}, {"hop": "SGRy=="}),
        WorkerMetrics("archive", 0, {}, {}),
    ],
    Topic.DEAD_LETTER: [
        DeadLetter("bars", 3, 2**40, "no bars record: 'é'\n", bytes(range(256))),
        DeadLetter("bars", 3, 0, "", b""),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Client in a migrated database of the one chDB folder that this process can hold."""
    client = connect(f"chdb://{tmp_path_factory.getbasetemp() / 'chdb'}", "columns")
    migrate(client)
    yield client
    client.close()


def insert(client: Client, table: str, run: str, rows: Any, first: int = 0) -> None:
    """Insert rows from one batch."""
    batch = ArchiveBatch("topic", 0, first, first + len(rows) - 1, rows)
    client.insert_arrow(table, arrow_table(table, run, [batch]))


def column(field: str) -> str:
    """Return the expression that reads a field back exactly."""
    names = {"ts_open_ns": "ts_open", "ts_event_ns": "ts_event", "ts_recv_ns": "ts_recv"}
    moment = {**names, "wall_ns": "ts_wall", "expire_ns": "ts_expire"}.get(field)
    return f"toUnixTimestamp64Nano({moment})" if moment else f"`{field}`"


def read(client: Client, topic: Topic, run: str) -> list[msgspec.Struct]:
    """Read the records of a run back, in no order."""
    record = RECORD_TYPES[topic]
    fields = [name for name in record.__struct_fields__ if name != "v"]
    if "votes" in fields:
        fields[fields.index("votes") : fields.index("votes") + 1] = VOTE_COLUMNS
    binary = {"value": "hex(value)"} if topic is Topic.DEAD_LETTER else {}
    expressions = ", ".join(binary.get(name, column(name)) for name in fields)
    found = client.query(
        f"SELECT {expressions} FROM {TABLE_OF[topic]} FINAL WHERE run = {{run:String}}",  # noqa: S608
        parameters={"run": run},
    )
    records = []
    for row in found.result_rows:
        values = dict(zip(fields, row, strict=True))
        if "values" in values:
            values["values"] = tuple(None if isnan(x) else x for x in values["values"])
        if "vote_role" in values:
            votes = zip(*(values.pop(name) for name in VOTE_COLUMNS), strict=True)
            values["votes"] = tuple(
                Vote(role, name, None if isnan(p) else p, weight) for role, name, p, weight in votes
            )
        if binary:
            values["value"] = bytes.fromhex(values["value"])
        records.append(record(**values))
    return records


def in_order(records: list[msgspec.Struct]) -> list[str]:
    """Return records as text that shows every bit, decimals by their value, in one order."""

    def text(value: Any) -> str:
        if isinstance(value, StrEnum):
            return repr(value.value)
        return str(value.normalize()) if isinstance(value, Decimal) else repr(value)

    return sorted(
        repr({name: text(getattr(r, name)) for name in r.__struct_fields__}) for r in records
    )


def test_there_is_a_sample_of_every_record() -> None:
    """A new topic must prove its way into the store and back."""
    assert set(SAMPLES) == set(RECORD_TYPES)


@pytest.mark.parametrize("topic", list(SAMPLES))
def test_a_record_comes_back_as_it_went_in(client: Client, topic: Topic) -> None:
    """With awkward values, and none collapsed with the other."""
    insert(client, TABLE_OF[topic], "sample", SAMPLES[topic])
    assert in_order(read(client, topic, "sample")) == in_order(SAMPLES[topic])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1),
            st.floats(width=64),
            st.floats(width=32),
            st.sampled_from([b"EURUSD", b"USDJPY", b"SIXTEEN_LETTERS_", b""]),
            st.integers(0, 2**32 - 1),
        ),
        min_size=1,
        max_size=30,
    ),
    st.integers(0, 2**32),
    st.sampled_from(sorted(TICK_TABLES)),
)
def test_any_tick_comes_back_bit_by_bit(
    client: Client, rows: list[tuple[int, float, float, bytes, int]], name: int, table: str
) -> None:
    """Any nanosecond of 64 bits, any double, any symbol that fits, any verdict; in every table."""
    ticks = new_records(len(rows))
    ticks["seq"] = np.arange(len(rows))
    for place, (ts_ns, price, size, symbol, verdict) in enumerate(rows):
        tick = ticks[place]
        tick["ts_event_ns"], tick["bid"], tick["ask"] = ts_ns, price, -price
        tick["bid_size"], tick["ask_size"], tick["symbol"] = size, -size, symbol
        tick["verdict"] = verdict
    insert(client, table, f"any {name}", ticks)
    found = client.query_arrow(
        "SELECT symbol, toUnixTimestamp64Nano(ts_event) AS ts_event_ns, seq, bid, ask, bid_size, "
        "ask_size, source, verdict FROM {table:Identifier} FINAL "
        "WHERE run = {run:String} ORDER BY seq",
        parameters={"run": f"any {name}", "table": table},
    )
    for field in found.column_names:
        there = found[field].to_numpy().astype(TICK_DTYPE[field])
        assert there.tobytes() == ticks[field].tobytes(), field
    client.command(f"TRUNCATE TABLE {table}")


def test_a_decimal_that_would_be_rounded_is_refused() -> None:
    """Money is exact or it is an error."""
    for value in (Decimal("1E-39"), Decimal("1E+40"), Decimal("NaN"), Decimal("Infinity")):
        order = msgspec.structs.replace(SAMPLES[Topic.ORDERS][0], quantity_units=value)
        with pytest.raises(Halt, match="does not fit table orders"):
            arrow_table("orders", "r", [ArchiveBatch("orders", 0, 0, 0, [order])])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_log_decides_between_two_records_of_one_key(
    client: Client, order: tuple[int, int]
) -> None:
    """Two fills of one moment change a position twice; the later one stays, however it arrives."""
    before = Position("A", "EURUSD", 1, 2, Decimal(1), None, None, None)
    after = msgspec.structs.replace(before, units=Decimal(2))
    run = f"log {order}"
    for place in order:
        insert(client, "positions", run, [(before, after)[place]], first=10 + place)
    assert read(client, Topic.POSITIONS, run) == [after]
