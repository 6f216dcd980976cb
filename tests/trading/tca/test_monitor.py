"""The stream of execution quality: batching, lateness, staleness, events, memory, snapshots."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from random import Random  # noqa: TID251 - seeded below: made-up tapes

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import BadUse, Corrupt, Drop
from domain.nanos import SECOND_NS, to_ns
from domain.orders import Execution, Order, OrderSide, OrderStatus
from domain.quality import ExecutionQuality, OrderQuality, QualityCode, QualityEvent
from domain.ticks import TickArray, Verdict
from tests.trading.tca.tape import NOON, beat, execution, order, quotes
from trading.tca.config import TcaConfig
from trading.tca.monitor import Quality, QualityMonitor
from trading.tca.query import evaluate
from trading.tca.snapshots import STATE_VERSION

D = Decimal
CONFIG = TcaConfig("JPY", ("EURUSD", "USDJPY"), max_quote_age_ns=5 * SECOND_NS)
SPAN_S = 1500


def made_up(seed: int) -> tuple[dict[str, TickArray], list[Order], list[Execution]]:
    """Return 25 minutes of two markets, and some orders and fills in the first 18 of them."""
    random = Random(seed)
    tapes: dict[str, TickArray] = {}
    for symbol, points, step in (("EURUSD", 110_000, 5), ("USDJPY", 100_000, 3)):
        scale = 100_000 if symbol == "EURUSD" else 1_000
        rows, second, bid = [], 0.0, points
        while second < SPAN_S:
            bid += random.randint(-20, 20)
            rows.append((round(second, 3), str(bid / scale), str((bid + step) / scale)))
            # Now and then nothing for longer than a quote is good for.
            second += random.choice([0.0, 0.1, 0.5, 1.0, 2.0, 9.0])
        tapes[symbol] = quotes(rows, [random.choice([1e5, 1e6, 3e6]) for _ in rows])
    orders: list[Order] = []
    fills: list[Execution] = []
    for number in range(8):
        name, at = f"o{number}", random.uniform(0, 900)
        side: OrderSide = "buy" if random.random() < 0.5 else "sell"
        symbol = random.choice(["EURUSD", "USDJPY"])
        price = "1.1" if symbol == "EURUSD" else "100"
        units = random.choice([1000, 3000])
        made = [
            execution(
                at + random.uniform(1, 150),
                price,
                "1000",
                f"x{number}{part}",
                name,
                symbol,
                side,
                commission=D("0.1"),
                commission_currency="USD",
            )
            for part in range(random.randint(0, 2))
        ]
        done = sum((fill.quantity_units for fill in made), D(0))
        fills += made
        steps: list[tuple[OrderStatus, float, Decimal]] = [
            ("initialized", 0.0, D(0)),
            ("pending_new", 0.01, D(0)),
            ("accepted", 0.2, D(0)),
            ("filled" if done >= units else "canceled", 160.0, done),
        ]
        for status, later, filled in steps:
            orders.append(
                order(
                    status,
                    at + later,
                    name,
                    symbol,
                    side,
                    str(units),
                    filled_units=filled,
                    average_price=D(price) if filled else None,
                )
            )
    return tapes, orders, fills


def played(
    tapes: dict[str, TickArray],
    orders: list[Order],
    fills: list[Execution],
    batch_s: float,
    lag_s: float,
    restart: bool = False,
) -> list[Quality]:
    """Play a market in batches; orders and fills come so many seconds after (< 0: before) it."""
    monitor = QualityMonitor(CONFIG)
    found: list[Quality] = []
    waiting: list[Order | Execution] = sorted([*orders, *fills], key=lambda r: r.ts_event_ns)
    end, at = 0.0, NOON
    while end < SPAN_S:
        end += batch_s
        until = NOON + round(end * SECOND_NS)
        for symbol, records in tapes.items():
            ts_ns = records["ts_event_ns"]
            found += monitor.on_quotes(symbol, records[(ts_ns >= at) & (ts_ns < until)])
        while waiting and waiting[0].ts_event_ns < until - lag_s * SECOND_NS:
            one = waiting.pop(0)
            found += monitor.on_order(one) if isinstance(one, Order) else monitor.on_execution(one)
        at = until
        if restart:
            plain = msgspec.msgpack.decode(msgspec.msgpack.encode(monitor.snapshot()))
            monitor = QualityMonitor(CONFIG, plain)
    assert not waiting
    return found + monitor.flush()


def in_order(found: list[Quality]) -> list[Quality]:
    """Sort records of all kinds."""
    return sorted(found, key=lambda r: (type(r).__name__, msgspec.json.encode(r)))


@pytest.mark.parametrize("seed", range(4))
def test_batches_lags_and_restarts_change_nothing_and_the_query_says_the_same(seed: int) -> None:
    """By the second or by minutes, records early or late, stopped and resumed: equal records."""
    tapes, orders, fills = made_up(seed)
    once = in_order(evaluate(CONFIG, tapes.items(), orders, fills))
    assert sum(isinstance(one, ExecutionQuality) for one in once) == len(fills)
    assert sum(isinstance(one, OrderQuality) for one in once) == 8
    for batch_s, lag_s, restart in (
        (7.0, 0.0, False),
        (60.0, 200.0, False),
        (60.0, -120.0, False),
        (500.0, 0.0, False),
        (90.0, 30.0, True),
    ):
        assert in_order(played(tapes, orders, fills, batch_s, lag_s, restart)) == once


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=6), st.integers(0, 3))
def test_ticks_in_disorder_within_the_lateness_change_nothing(cuts: list[int], seed: int) -> None:
    """Neighbours swapped by less than the lateness, cut anywhere, give the ordered answer."""
    tapes, orders, fills = made_up(seed)
    config = replace(CONFIG, lateness_ns=3 * SECOND_NS, retention_ns=3600 * SECOND_NS)
    shuffled = {}
    for symbol, whole in tapes.items():
        # Of two ticks of one time the later one stands, so there disorder does matter.
        _, first = np.unique(whole["ts_event_ns"], return_index=True)
        tapes[symbol] = records = whole[first]
        keys = records["ts_event_ns"] + np.arange(len(records)) % 3 * SECOND_NS
        shuffled[symbol] = records[np.argsort(keys, kind="stable")]
    monitor = QualityMonitor(config)
    found: list[Quality] = []
    for one in orders:
        found += monitor.on_order(one)
    for fill in fills:
        found += monitor.on_execution(fill)
    for symbol, records in shuffled.items():
        edges = [0, *sorted({min(cut, len(records)) for cut in cuts}), len(records)]
        for start, end in pairwise(edges):
            found += monitor.on_quotes(symbol, records[start:end])
    found += monitor.flush()
    assert in_order(found) == in_order(evaluate(CONFIG, tapes.items(), orders, fills))


def test_a_tick_that_comes_later_than_allowed_is_left_out_and_counted() -> None:
    """An answer once given stays true."""
    monitor = QualityMonitor(CONFIG)
    monitor.on_quotes("EURUSD", quotes([(0, "1.1", "1.2"), (5, "1.1", "1.2"), (4, "1.3", "1.4")]))
    (state, _) = QualityMonitor(CONFIG, monitor.snapshot()).snapshot()["tapes"]
    assert (state["symbol"], state["late"], len(state["rows"])) == ("EURUSD", 1, 2 * 32)


def test_of_two_ticks_of_one_time_the_later_stands_however_they_come() -> None:
    """In one batch, in two, and with an older tick between them that was delayed."""
    config = TcaConfig("USD", ("EURUSD",), lateness_ns=2 * SECOND_NS)
    first, second = ("1.1000", "1.1002"), ("1.1010", "1.1012")
    tick = [quotes([(2, *first)]), quotes([(1, "1.3", "1.4")]), quotes([(2, *second)])]
    for batches in ([np.concatenate(tick)], tick, [tick[0], tick[2]]):
        for lateness_ns in (config.lateness_ns, 0):
            monitor = QualityMonitor(replace(config, lateness_ns=lateness_ns))
            monitor.on_order(order("initialized", 0))
            monitor.on_execution(execution(3, "1.1012"))
            found: list[Quality] = []
            for records in batches:
                found += monitor.on_quotes("EURUSD", records)
            found += monitor.on_quotes("EURUSD", beat(400))
            (fill,) = [one for one in found if isinstance(one, ExecutionQuality)]
            assert fill.effective_spread_pips == pytest.approx(2.0, abs=1e-9)


def measured(
    rows: TickArray, orders: list[Order], fills: list[Execution], config: TcaConfig | None = None
) -> list[Quality]:
    """Measure on EURUSD alone, for a USD account."""
    monitor = QualityMonitor(config or TcaConfig("USD", ("EURUSD",)))
    found: list[Quality] = monitor.on_quotes("EURUSD", rows)
    for one in orders:
        found += monitor.on_order(one)
    for fill in fills:
        found += monitor.on_execution(fill)
    return found + monitor.flush()


ORDER = [
    order("initialized", 0),
    order("pending_new", 0),
    order("filled", 1, filled_units=D(100000), average_price=D("1.1002")),
]


def test_a_stale_or_missing_benchmark_is_left_out_and_counted() -> None:
    """The last quote is 11 s old at 30 s; of 5 m there is none at all."""
    rows = quotes([(0, "1.1000", "1.1002"), (1, "1.1000", "1.1002"), (19, "1.1001", "1.1003")])
    found = measured(np.concatenate([rows, beat(400)]), ORDER, [execution(1, "1.1002")])
    (fill,) = [one for one in found if isinstance(one, ExecutionQuality)]
    assert fill.markout_5s_pips == pytest.approx(-1.0, abs=1e-9)
    later = (fill.markout_30s_pips, fill.markout_1m_pips, fill.markout_5m_pips)
    assert (later, fill.realised_spread_pips, fill.impact_pips) == ((None, None, None), None, None)
    assert fill.effective_spread_pips == pytest.approx(2.0, abs=1e-9)
    assert fill.stale_benchmarks == 3


def test_suspect_ticks_are_no_benchmark() -> None:
    """A price that is doubted measures nothing; the one before it stands."""
    rows = quotes([(0, "1.1000", "1.1002"), (0.9, "1.1900", "1.1902")])
    rows["verdict"][1] = Verdict.SPIKE
    found = measured(np.concatenate([rows, beat(2)]), ORDER, [execution(1, "1.1002")])
    (fill,) = [one for one in found if isinstance(one, ExecutionQuality)]
    assert fill.effective_spread_pips == pytest.approx(2.0, abs=1e-9)


FRIDAY_CLOSE = to_ns(datetime(2014, 5, 9, 21, tzinfo=UTC))
SUNDAY_OPEN = to_ns(datetime(2014, 5, 11, 21, tzinfo=UTC))


def test_markouts_skip_the_weekend() -> None:
    """Filled 20 s before the close: 30 s later is 10 s after Sunday's open."""
    friday = quotes([(-21, "1.1000", "1.1002"), (-16, "1.1001", "1.1003")], start_ns=FRIDAY_CLOSE)
    sunday = quotes(
        [(8, "1.1100", "1.1102"), (39, "1.1200", "1.1202"), (279, "1.1300", "1.1302")],
        start_ns=SUNDAY_OPEN,
    )
    rows = np.concatenate([friday, sunday, beat(400, SUNDAY_OPEN)])
    orders = [
        order("initialized", -21, start_ns=FRIDAY_CLOSE),
        order(
            "filled",
            -20,
            start_ns=FRIDAY_CLOSE,
            filled_units=D(100000),
            average_price=D("1.1002"),
        ),
    ]
    found = measured(rows, orders, [execution(-20, "1.1002", start_ns=FRIDAY_CLOSE)])
    (fill,) = [one for one in found if isinstance(one, ExecutionQuality)]
    assert fill.markout_1s_pips == pytest.approx(-1.0, abs=1e-9)
    assert fill.markout_5s_pips == pytest.approx(0.0, abs=1e-9)  # 1.1002 of 16 s before the close
    assert fill.markout_30s_pips == pytest.approx(99.0, abs=1e-9)  # 1.1101 - 1.1002
    assert fill.markout_1m_pips == pytest.approx(199.0, abs=1e-9)  # 40 s after the open
    assert fill.markout_5m_pips == pytest.approx(299.0, abs=1e-9)  # 280 s after the open


def test_friday_is_no_benchmark_of_sunday() -> None:
    """However little market time has passed, a quote of another session measures nothing."""
    friday = quotes([(-2, "1.1000", "1.1002")], start_ns=FRIDAY_CLOSE)
    rows = np.concatenate([friday, beat(400, SUNDAY_OPEN)])
    fill = execution(-1, "1.1002", start_ns=FRIDAY_CLOSE)
    found = measured(rows, [], [fill])
    (quality,) = [one for one in found if isinstance(one, ExecutionQuality)]
    assert quality.effective_spread_pips == pytest.approx(2.0, abs=1e-9)
    # 100 ms is still before the close; 5 s is not.
    assert quality.markout_100ms_pips == pytest.approx(-1.0, abs=1e-9)
    assert quality.markout_5s_pips is None


@pytest.mark.parametrize(
    ("price", "side", "bound"),
    [
        ("1.10021", "buy", 1.1002),
        ("1.09999", "buy", 1.1),
        ("1.09999", "sell", 1.1),
        ("1.10020", "buy", None),
        ("1.10000", "sell", None),
    ],
)
def test_a_fill_outside_the_spread_of_its_moment_is_told(
    price: str, side: str, bound: float | None
) -> None:
    """With the price and the side of the market that it passed; on the touch it is inside."""
    rows = np.concatenate([quotes([(0, "1.10000", "1.10020")]), beat(2)])
    fill = execution(1, price, side=side)  # type: ignore[arg-type]
    told = [one for one in measured(rows, [], [fill]) if isinstance(one, QualityEvent)]
    assert [(one.code, one.value, one.bound, one.execution_id) for one in told] == (
        [] if bound is None else [(QualityCode.OUTSIDE_SPREAD, float(price), bound, "x1")]
    )


def test_a_fill_outside_the_spread_is_told_at_once_and_once() -> None:
    """Not five minutes later with the record."""
    monitor = QualityMonitor(TcaConfig("USD", ("EURUSD",)))
    assert monitor.on_execution(execution(1, "1.2")) == []
    (told,) = monitor.on_quotes("EURUSD", quotes([(0, "1.1", "1.1002"), (2, "1.1", "1.1002")]))
    assert isinstance(told, QualityEvent)
    assert monitor.on_quotes("EURUSD", quotes([(3, "1.1", "1.1002")])) == []


def test_an_outlier_is_told_with_its_robust_z() -> None:
    """Forty fills at 1 pip or 3 pips of effective spread, then one of 41."""
    rows, fills = [], []
    for number in range(41):
        rows.append((number * 1.0, "1.10000", "1.10020"))
        price = "1.10030" if number == 40 else ("1.10015", "1.10025")[number % 2]
        fills.append(execution(number + 0.5, price, "1000", f"x{number:02}"))
    config = TcaConfig("USD", ("EURUSD",), outlier_least=40, outlier_z=10, spread_tolerance_pips=9)
    tape = np.concatenate([quotes(rows), beat(45)])
    assert not [o for o in measured(tape, [], fills, config) if isinstance(o, QualityEvent)]
    fills[-1] = execution(40.5, "1.10215", "1000", "x40")
    (told,) = [
        o
        for o in measured(tape, [], fills, config)
        if isinstance(o, QualityEvent)
        if (o.code is QualityCode.OUTLIER)
    ]
    # Median 2, median distance 1, so (41 - 2) / 1.4826.
    assert (told.execution_id, told.measure) == ("x40", "effective_spread_pips")
    assert told.value == pytest.approx(39 / 1.4826, abs=1e-6)
    assert told.bound == 10


def test_a_repeated_fill_is_measured_once_and_a_bust_before_its_record_removes_it() -> None:
    """Later, when the record is out, an event says to leave it out."""
    rows = quotes([(0, "1.1000", "1.1002"), (1, "1.1000", "1.1002")])
    bust = execution(2, "1.1002", execution_id="b1", side="sell", execution_ref="x1")
    fill = execution(1, "1.1002")
    found = measured(np.concatenate([rows, beat(400)]), ORDER[:2], [fill, fill])
    assert [type(one) for one in found] == [ExecutionQuality]
    monitor = QualityMonitor(TcaConfig("USD", ("EURUSD",)))
    assert [*monitor.on_execution(fill), *monitor.on_execution(bust)] == []
    assert monitor.on_quotes("EURUSD", np.concatenate([rows, beat(400)])) == []
    monitor = QualityMonitor(TcaConfig("USD", ("EURUSD",)))
    monitor.on_order(ORDER[0])
    monitor.on_execution(fill)
    monitor.on_quotes("EURUSD", np.concatenate([rows, beat(400)]))
    (told,) = monitor.on_execution(bust)
    assert isinstance(told, QualityEvent)
    assert (told.code, told.execution_id) == (QualityCode.BUSTED, "x1")


def test_a_fill_without_its_order_waits_and_is_then_reported_alone() -> None:
    """After the retention it is a stranger: its own benchmarks, no decision, no delay."""
    config = TcaConfig("USD", ("EURUSD",), retention_ns=60 * SECOND_NS)
    monitor = QualityMonitor(config)
    monitor.on_execution(execution(1, "1.1002"))
    rows = quotes([(0.5, "1.1000", "1.1002")])
    assert monitor.on_quotes("EURUSD", np.concatenate([rows, beat(360)])) == []
    (fill,) = monitor.on_quotes("EURUSD", beat(361))
    assert isinstance(fill, ExecutionQuality)
    assert (fill.arrival_slippage_pips, fill.strategy) == (None, "")
    assert fill.effective_spread_pips == pytest.approx(2.0, abs=1e-9)
    assert monitor.stranger_fills == 1
    assert monitor.snapshot()["orders"] == []


def test_a_leg_that_has_gone_silent_is_waited_for_so_long_and_no_longer() -> None:
    """Without USDJPY the cost in yen is unavailable; the rest is told after the retention."""
    monitor = QualityMonitor(replace(CONFIG, retention_ns=60 * SECOND_NS))
    monitor.on_execution(execution(1, "1.1002"))
    monitor.on_order(ORDER[0])
    rows = quotes([(0, "1.1000", "1.1002"), (1, "1.1000", "1.1002")])
    assert monitor.on_quotes("EURUSD", np.concatenate([rows, beat(360)])) == []
    (fill,) = monitor.on_quotes("EURUSD", beat(361))
    assert isinstance(fill, ExecutionQuality)
    assert fill.arrival_cost_account is None
    assert fill.arrival_slippage_pips == pytest.approx(1.0, abs=1e-9)


def test_memory_does_not_grow_with_the_tape() -> None:
    """Hours of quotes with a resting order, and orders that come and go: the state stays small."""
    monitor = QualityMonitor(TcaConfig("USD", ("EURUSD",), retention_ns=30 * SECOND_NS))
    monitor.on_order(order("initialized", 0, "resting", order_type="limit"))
    found: list[Quality] = []
    for minute in range(300):
        start = minute * 60
        bid, ask = ("1.1000", "1.1002") if minute < 299 else ("1.1002", "1.1004")
        rows = [(start + s, bid, ask) for s in range(60)]
        found += monitor.on_quotes("EURUSD", quotes(rows))
        name = f"o{minute}"
        found += monitor.on_order(order("initialized", start, name))
        found += monitor.on_order(
            order("filled", start + 1, name, filled_units=D(100000), average_price=D("1.1002"))
        )
        found += monitor.on_execution(
            execution(start + 1, "1.1002", execution_id=name, client_order_id=name)
        )
    state = monitor.snapshot()
    (tape,) = state["tapes"]
    assert len(tape["rows"]) <= 32 * 200
    assert len(state["orders"]) <= 9
    assert len(state["fills"]) <= 7
    assert len(found) >= 290 + 299
    found = monitor.on_order(order("canceled", 299 * 60 + 59, "resting", order_type="limit"))
    found += monitor.on_quotes("EURUSD", beat(300 * 60 + 300))
    (resting,) = [
        o for o in found if isinstance(o, OrderQuality) and o.client_order_id == "resting"
    ]
    # From 1.1001 to 1.1003 on 100,000.
    assert resting.opportunity_cost_account == pytest.approx(20.0, abs=1e-9)


def test_the_mean_mid_of_a_long_life_counts_quotes_that_are_long_forgotten() -> None:
    """An hour at 1.1001, an hour at 1.1003: the mean is 1.1002, whatever is still kept."""
    monitor = QualityMonitor(TcaConfig("USD", ("EURUSD",), retention_ns=30 * SECOND_NS))
    monitor.on_order(order("initialized", 0))
    for minute in range(120):
        bid, ask = ("1.1000", "1.1002") if minute < 60 else ("1.1002", "1.1004")
        rows = [(minute * 60 + s + 1, bid, ask) for s in range(60)]
        monitor.on_quotes("EURUSD", quotes(rows))
    monitor.on_execution(execution(7200, "1.1004"))
    found = monitor.on_order(
        order("filled", 7200, filled_units=D(100000), average_price=D("1.1004"))
    )
    found += monitor.on_quotes("EURUSD", beat(7201))
    (whole,) = [one for one in found if isinstance(one, OrderQuality)]
    assert whole.vwap_slippage_pips == pytest.approx(2.0, abs=1e-9)


def test_what_cannot_be_measured_is_refused_with_a_reason() -> None:
    """Unknown symbols, settings out of bounds, snapshots of another version."""
    monitor = QualityMonitor(CONFIG)
    assert monitor.on_quotes("GBPUSD", quotes([(0, "1", "2")])) == []
    with pytest.raises(Drop, match="EURXXX"):
        monitor.on_order(order("initialized", 0, symbol="EURXXX"))
    with pytest.raises(Drop, match="EURXXX"):
        monitor.on_execution(execution(0, "1.1", symbol="EURXXX"))
    with pytest.raises(BadUse, match="EURXXX"):
        evaluate(CONFIG, [], [order("initialized", 0, symbol="EURXXX")], [])
    with pytest.raises(BadUse, match="outlier_z, size_buckets out of bounds"):
        replace(CONFIG, outlier_z=0, size_buckets=(2, 1))
    with pytest.raises(Corrupt, match="version 9"):
        QualityMonitor(CONFIG, {"v": 9})
    with pytest.raises(Corrupt, match="cannot be read"):
        QualityMonitor(CONFIG, {"v": STATE_VERSION})
