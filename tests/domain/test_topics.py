"""Topics: the bytes of every record, and the dropping of bytes that are none."""

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bars import Bar, Passed
from domain.control import ControlEvent, ControlKind, TradingState
from domain.deployments import ModelEvent
from domain.errors import Drop
from domain.orders import Execution, Order, Position
from domain.predictions import FeatureVector, Prediction, Signal, Vote
from domain.quality import ExecutionQuality, OrderQuality, QualityCode, QualityEvent
from domain.topics import (
    RECORD_TYPES,
    RECORD_VERSIONS,
    DeadLetter,
    Topic,
    WorkerMetrics,
    decode,
    decode_as,
    encode,
    partition_of,
)
from testkit.tapes import minute_bar

UNITS = Decimal(18181)

GOLDEN: dict[Topic, tuple[msgspec.Struct, str]] = {
    Topic.BARS: (
        minute_bar(0),
        (
            '{"type":"bar","symbol":"EURUSD","timeframe":"1m","seq":28493760,'
            '"ts_open_ns":1709625600000000000,"ts_event_ns":1709625660000000000,'
            '"ts_recv_ns":1709625660000000000,'
            '"bid_open":1.1,"bid_high":1.1,"bid_low":1.1,"bid_close":1.1,'
            '"ask_open":1.1,"ask_high":1.1,"ask_low":1.1,"ask_close":1.1,'
            '"mid_open":1.1,"mid_high":1.1,"mid_low":1.1,"mid_close":1.1,'
            '"tick_count":7,"suspect_count":0,"up_count":3,"down_count":2,"spread_mean_pips":1.0,'
            '"spread_max_pips":1.0,"move_sq_sum_pips2":0.25,"micro_gap_mean_pips":null,'
            '"verdict":0,"v":2}'
        ),
    ),
    Topic.FEATURES: (
        FeatureVector("EURUSD", 60, 61, "s", (1.5, None), False, 1.1, 0.9, 65536),
        (
            '{"symbol":"EURUSD","ts_event_ns":60,"ts_recv_ns":61,"schema":"s","values":[1.5,null],'
            '"ready":false,"mid_close":1.1,"spread_mean_pips":0.9,"verdict":65536,"v":2}'
        ),
    ),
    Topic.PREDICTIONS: (
        Prediction("EURUSD", 60, 61, "online", "m", 300, 0.5, True),
        (
            '{"symbol":"EURUSD","ts_event_ns":60,"ts_recv_ns":61,"model":"online","model_id":"m",'
            '"horizon_ns":300,"p_up":0.5,"ready":true,"reason":"","v":1}'
        ),
    ),
    Topic.SIGNALS: (
        Signal(
            "id",
            "EURUSD",
            60,
            61,
            "m",
            "edge-hold",
            "buy",
            True,
            0.5,
            0.75,
            1.1,
            None,
            "edge",
            9,
            (Vote("online", "o", 0.75, 1.0), Vote("rules", "r", None, 0.0)),
            0.125,
            1.0,
            "s",
        ),
        (
            '{"signal_id":"id","symbol":"EURUSD","ts_event_ns":60,"ts_recv_ns":61,"model_id":"m",'
            '"rule":"edge-hold","side":"buy","actionable":true,"strength":0.5,"p_up":0.75,"bid":1.1,'
            '"ask":null,"reason":"edge","verdict":9,"votes":[["online","o",0.75,1.0],["rules","r",null,0.0]],'
            '"threshold":0.125,"agreement":1.0,"schema":"s","v":3}'
        ),
    ),
    Topic.MODELS: (
        ModelEvent("EURUSD", 60, "rollback", "lstm", "a", "b", "champion", "it raised", "hash"),
        (
            '{"symbol":"EURUSD","ts_event_ns":60,"kind":"rollback","slot":"lstm","artefact_id":"a",'
            '"before_id":"b","stage":"champion","reason":"it raised","golden_sha256":"hash","v":1}'
        ),
    ),
    Topic.ORDERS: (
        Order(
            "ax",
            "paper-1",
            "edge-hold",
            "id",
            "EURUSD",
            "buy",
            UNITS,
            "filled",
            60,
            61,
            UNITS,
            Decimal("1.10010"),
            order_type="stop_limit",
            time_in_force="GTD",
            limit_price=Decimal("1.10020"),
            trigger_price=Decimal("1.10000"),
            expire_ns=90,
            venue="oanda",
            venue_order_id="6372",
            user="ann",
            model_id="m",
        ),
        (
            '{"client_order_id":"ax","account":"paper-1","strategy":"edge-hold","signal_id":"id",'
            '"symbol":"EURUSD","side":"buy","quantity_units":"18181","status":"filled",'
            '"ts_event_ns":60,"ts_recv_ns":61,"filled_units":"18181","average_price":"1.10010",'
            '"in_doubt":false,"reason":"","order_type":"stop_limit","time_in_force":"GTD",'
            '"limit_price":"1.10020","trigger_price":"1.10000","trailing_distance":null,'
            '"price_bound":null,"expire_ns":90,"trigger_side":"default","position_effect":"default",'
            '"venue":"oanda","venue_order_id":"6372","parent_id":"","group_id":"","user":"ann",'
            '"model_id":"m","overfill_units":"0","v":2}'
        ),
    ),
    Topic.EXECUTIONS: (
        Execution(
            "px",
            "ax",
            "paper-1",
            "EURUSD",
            "sell",
            Decimal(5),
            Decimal("1.1"),
            60,
            61,
            Decimal("-0.5"),
            None,
            None,
            Decimal("0.25"),
            "USD",
            Decimal("0.25"),
            "p0",
            "fix",
        ),
        (
            '{"execution_id":"px","client_order_id":"ax","account":"paper-1","symbol":"EURUSD",'
            '"side":"sell","quantity_units":"5","price":"1.1","ts_event_ns":60,"ts_recv_ns":61,'
            '"pnl_quote":"-0.5","pnl_account":null,"conversion_rate":null,"commission":"0.25",'
            '"commission_currency":"USD","commission_account":"0.25","execution_ref":"p0","venue":"fix","v":2}'
        ),
    ),
    Topic.POSITIONS: (
        Position(
            "paper-1", "*", 60, 61, Decimal(0), None, Decimal("1.5"), None, Decimal("100001.5")
        ),
        (
            '{"account":"paper-1","symbol":"*","ts_event_ns":60,"ts_recv_ns":61,"units":"0",'
            '"average_price":null,"realised_account":"1.5","unrealised_account":null,'
            '"equity_account":"100001.5","v":1}'
        ),
    ),
    Topic.CONTROL: (
        ControlEvent(
            "cx",
            "paper-1",
            "edge-hold",
            ControlKind.KILL,
            TradingState.HALTED,
            "ann",
            "risk",
            "fat finger",
            60,
        ),
        (
            '{"control_id":"cx","account":"paper-1","strategy":"edge-hold","kind":"kill",'
            '"to":"halted","by":"ann","role":"risk","reason":"fat finger","ts_event_ns":60,"v":1}'
        ),
    ),
    Topic.QUALITY_FILLS: (
        ExecutionQuality(
            "px",
            "ax",
            "paper-1",
            "EURUSD",
            "buy",
            "fix",
            "edge-hold",
            "market",
            "overlap",
            "<=100000",
            60,
            61,
            Decimal(18181),
            Decimal("1.10010"),
            0.5,
            0.45,
            0.909,
            0.1,
            0.2,
            None,
            1.5,
            None,
            None,
            -0.5,
            None,
            0.0,
            0.25,
            1.0,
            -1.0,
            None,
            None,
            0,
            5,
            None,
            60,
            2,
        ),
        (
            '{"execution_id":"px","client_order_id":"ax","account":"paper-1","symbol":"EURUSD'
            '","side":"buy","venue":"fix","strategy":"edge-hold","algorithm":"market","sessio'
            'n":"overlap","size_bucket":"<=100000","ts_event_ns":60,"ts_recv_ns":61,"quantity'
            '_units":"18181","price":"1.10010","arrival_slippage_pips":0.5,"arrival_slippage_'
            'bps":0.45,"arrival_cost_account":0.909,"delay_cost_pips":0.1,"quoted_spread_pips'
            '":0.2,"effective_spread_pips":null,"realised_spread_pips":1.5,"impact_pips":null'
            ',"spread_capture":null,"markout_100ms_pips":-0.5,"markout_1s_pips":null,"markout'
            '_5s_pips":0.0,"markout_30s_pips":0.25,"markout_1m_pips":1.0,"markout_5m_pips":-1'
            '.0,"stop_slippage_pips":null,"gap_cost_pips":null,"signal_to_send_ns":0,"send_to'
            '_ack_ns":5,"ack_to_fill_ns":null,"signal_to_fill_ns":60,"stale_benchmarks":2,"v"'
            ":1}"
        ),
    ),
    Topic.QUALITY_ORDERS: (
        OrderQuality(
            "ax",
            "paper-1",
            "EURUSD",
            "buy",
            "fix",
            "edge-hold",
            "market",
            "london",
            "<=100000",
            "market",
            "canceled",
            "gone",
            60,
            61,
            Decimal(18181),
            Decimal("0.5"),
            0.25,
            None,
            0.5,
            1.5,
            None,
            None,
            None,
            None,
            0.5,
            None,
            None,
            -1.0,
            2.0,
            0,
            5,
            None,
            3,
        ),
        (
            '{"client_order_id":"ax","account":"paper-1","symbol":"EURUSD","side":"buy","venu'
            'e":"fix","strategy":"edge-hold","algorithm":"market","session":"london","size_bu'
            'cket":"<=100000","order_type":"market","status":"canceled","reason":"gone","ts_e'
            'vent_ns":60,"ts_recv_ns":61,"quantity_units":"18181","filled_units":"0.5","fill_'
            'ratio":0.25,"vwap_slippage_pips":null,"execution_cost_account":0.5,"opportunity_'
            'cost_account":1.5,"fees_account":null,"shortfall_account":null,'
            '"shortfall_bps":null,"move_100ms_pips":null,"move_1s_pips":0.5,"move_5s'
            '_pips":null,"move_30s_pips":null,"move_1m_pips":-1.0,"move_5m_pips":2.0,"signal_'
            'to_send_ns":0,"send_to_ack_ns":5,"lifetime_ns":null,"stale_benchmarks":3,"v":1}'
        ),
    ),
    Topic.QUALITY_EVENTS: (
        QualityEvent(
            QualityCode.OUTLIER,
            "px",
            "ax",
            "paper-1",
            "EURUSD",
            "fix",
            60,
            "effective_spread_pips",
            7.5,
            6.0,
        ),
        (
            '{"code":"outlier","execution_id":"px","client_order_id":"ax","account":"paper-1"'
            ',"symbol":"EURUSD","venue":"fix","ts_event_ns":60,"measure":"effective_spread_pi'
            'ps","value":7.5,"bound":6.0,"v":1}'
        ),
    ),
    Topic.METRICS: (
        WorkerMetrics("trading", 1, {"bars": 2}, {"hop": "HIST"}),
        '{"worker":"trading","wall_ns":1,"counters":{"bars":2},"histograms":{"hop":"HIST"},"v":1}',
    ),
    Topic.DEAD_LETTER: (
        DeadLetter("ticks", 3, 9, "short", b"\x00\xff"),
        '{"topic":"ticks","partition":3,"offset":9,"reason":"short","value":"AP8=","v":1}',
    ),
}

TOPICS = sorted(RECORD_TYPES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def _fields(topic: Topic) -> dict[str, object]:
    content: dict[str, object] = json.loads(GOLDEN[topic][1])
    return content


def test_every_json_topic_has_a_golden_record() -> None:
    """A new topic comes with its bytes; those of ticks carry no JSON."""
    assert GOLDEN.keys() == RECORD_TYPES.keys()
    ticks = {Topic.TICKS, Topic.TICKS_REJECTED, Topic.TICKS_LATE}
    assert set(Topic) - RECORD_TYPES.keys() == ticks


@pytest.mark.parametrize("topic", TOPICS)
def test_the_bytes_of_a_record(topic: Topic) -> None:
    """Written as stored logs hold it, and read back equal."""
    record, raw = GOLDEN[topic]
    assert encode(record).decode() == raw
    assert decode(topic, raw.encode()) == record


def test_the_versions_of_the_records() -> None:
    """A changed record counts its own version up, and no other; it is the last field."""
    versions = {
        Topic.BARS: 2,
        Topic.FEATURES: 2,
        Topic.SIGNALS: 3,
        Topic.ORDERS: 2,
        Topic.EXECUTIONS: 2,
    }
    assert {topic: versions.get(topic, 1) for topic in RECORD_TYPES} == RECORD_VERSIONS
    for topic, type_ in RECORD_TYPES.items():
        assert type_.__struct_fields__[-1] == "v"
        assert getattr(GOLDEN[topic][0], "v", None) == RECORD_VERSIONS[topic]


def test_the_bytes_of_a_boundary_without_a_bar() -> None:
    """It stands among the bars and has a version of its own."""
    raw = b'{"type":"passed","symbol":"EURUSD","ts_event_ns":60,"v":1}'
    assert encode(Passed("EURUSD", 60)) == raw
    assert decode_as(Topic.BARS, raw, Passed) == Passed("EURUSD", 60)
    with pytest.raises(Drop, match="bars record version 2; this reader knows version 1"):
        decode(Topic.BARS, raw.replace(b'"v":1', b'"v":2'))
    with pytest.raises(Drop, match="no bars record: Invalid value 'bridge'"):
        decode(Topic.BARS, raw.replace(b"passed", b"bridge"))


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("step", [-2, -1, 1])
def test_another_version_is_dropped(topic: Topic, step: int) -> None:
    """A record of tomorrow is not read as one of today, nor one of yesterday."""
    known = RECORD_VERSIONS[topic]
    raw = json.dumps({**_fields(topic), "v": known + step}).encode()
    words = f"{topic} record version {known + step}; this reader knows version {known}"
    with pytest.raises(Drop, match=words):
        decode(topic, raw)


@pytest.mark.parametrize("topic", TOPICS)
def test_an_unknown_field_is_dropped(topic: Topic) -> None:
    """What this code does not know may have changed what the rest means."""
    raw = json.dumps({**_fields(topic), "surprise": 1}).encode()
    with pytest.raises(Drop, match="surprise"):
        decode(topic, raw)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_missing_field_is_dropped(topic: Topic) -> None:
    """A part of a record is none."""
    first = next(iter(_fields(topic)))
    raw = json.dumps({k: v for k, v in _fields(topic).items() if k != first}).encode()
    with pytest.raises(Drop, match=f"no {topic} record: .*{first}"):
        decode(topic, raw)


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("raw", [b"", b"{", b"null", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_record_is_dropped(topic: Topic, raw: bytes) -> None:
    """Empty, torn, of another shape, of another alphabet, or nested without end."""
    with pytest.raises(Drop, match=f"no {topic} record"):
        decode(topic, raw)


@settings(max_examples=300, deadline=None)
@given(topic=st.sampled_from(TOPICS), raw=st.binary(max_size=200))
def test_any_bytes_are_dropped(topic: Topic, raw: bytes) -> None:
    """Nothing but Drop is ever raised."""
    with pytest.raises(Drop):
        decode(topic, raw)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), topic=st.sampled_from(TOPICS), value=JSON)
def test_a_field_of_any_value_is_read_or_dropped(
    data: st.DataObject, topic: Topic, value: object
) -> None:
    """Put anything into one field: what can be read can be written, all else is dropped."""
    name = data.draw(st.sampled_from(sorted(_fields(topic))))
    try:
        record = decode(topic, json.dumps({**_fields(topic), name: value}).encode())
    except Drop:
        return
    assert decode(topic, encode(record)) == record


@settings(max_examples=300, deadline=None)
@given(topic=st.sampled_from(TOPICS), at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_changed_byte_is_read_or_dropped(topic: Topic, at: int, byte: int) -> None:
    """One byte of a good record becomes another: no error but Drop."""
    raw = bytearray(GOLDEN[topic][1].encode())
    raw[at % len(raw)] = byte
    try:
        decode(topic, bytes(raw))
    except Drop as error:
        assert str(topic) in str(error)  # noqa: PT017 - most changes are readable, few are not


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_money_that_is_no_number_is_dropped(text: str) -> None:
    """A price of NaN would pass every comparison by failing it."""
    fields = {**_fields(Topic.ORDERS), "average_price": text}
    with pytest.raises(Drop, match="average_price"):
        decode(Topic.ORDERS, json.dumps(fields).encode())


def test_a_number_that_is_none_is_written_as_null() -> None:
    """JSON has no NaN; a reader gets None for a feature that is not ready."""
    vector = FeatureVector("EURUSD", 60, 61, "s", (float("nan"),), False, 1.1, 0.9, 0)
    assert decode_as(Topic.FEATURES, encode(vector), FeatureVector).values == (None,)


def test_money_keeps_its_digits() -> None:
    """Decimals go through as text: no digit is lost and none is added."""
    price = Decimal("1.23456789012345678901234567890")
    order = msgspec.structs.replace(GOLDEN[Topic.ORDERS][0], average_price=price)
    assert decode_as(Topic.ORDERS, encode(order), Order).average_price == price


def test_the_caller_who_expects_another_type_is_wrong() -> None:
    """A mistake in our own wiring is a TypeError, not a bad record."""
    raw = encode(GOLDEN[Topic.BARS][0])
    assert decode_as(Topic.BARS, raw, Bar) == GOLDEN[Topic.BARS][0]
    with pytest.raises(TypeError, match="bars carries Bar, not Signal"):
        decode_as(Topic.BARS, raw, Signal)


def test_keys_keep_their_partitions() -> None:
    """Where a symbol lives is on the disk of every cluster: the hash must not change."""
    found = {key: partition_of(key, 12) for key in ("EURUSD", "GBPUSD", "USDJPY", "paper-1", "")}
    assert found == {"EURUSD": 7, "GBPUSD": 5, "USDJPY": 4, "paper-1": 7, "": 0}


@given(key=st.text(max_size=20), partitions=st.integers(1, 200))
def test_every_key_has_a_partition(key: str, partitions: int) -> None:
    """It is one of those that there are."""
    assert 0 <= partition_of(key, partitions) < partitions


def test_the_names_of_the_topics() -> None:
    """They are on every cluster and in every consumer group: never renamed."""
    assert [topic.value for topic in Topic] == [
        "ticks",
        "ticks.rejected",
        "ticks.late",
        "bars",
        "features",
        "predictions",
        "signals",
        "models",
        "orders",
        "executions",
        "positions",
        "control",
        "quality.fills",
        "quality.orders",
        "quality.events",
        "metrics",
        "dead-letter",
    ]
