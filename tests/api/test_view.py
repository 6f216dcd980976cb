"""What a view keeps, how much of it, and what it tells."""

import json
from decimal import Decimal
from threading import Thread

import msgspec
import pytest
from hdrh.histogram import HdrHistogram

from api.equity import MAX_POINTS
from api.prices import MAX_CANDLES, MAX_SPARK
from api.view import MAX_ROWS, View
from domain.bars import Passed
from domain.nanos import MINUTE_NS, SECOND_NS
from domain.orders import Execution, Order, OrderStatus, Position
from domain.predictions import Side, Signal
from domain.topics import Topic, WorkerMetrics
from testkit.demo_view import START_NS, demo_bar, demo_view
from testkit.tapes import bar


def signal(number: int, symbol: str = "EURUSD", side: Side = "buy") -> Signal:
    """Return the decision of minute ``number``."""
    at = START_NS + number * MINUTE_NS
    return Signal(
        f"s{number}{symbol}", symbol, at, at, "m", "band", side, True, 0.2, 0.6, 1.0, 1.1, "why"
    )


def order(number: int, status: OrderStatus, at_ns: int, *, in_doubt: bool = False) -> Order:
    """Return an order in a status."""
    return Order(
        f"o{number}", "a", "s", "sig", "EURUSD", "buy", Decimal(1000), status, at_ns, at_ns,
        in_doubt=in_doubt,
    )  # fmt: skip


def fill(number: int) -> Execution:
    """Return a fill with an unknown conversion rate."""
    at = START_NS + number
    return Execution(
        f"x{number}", "o1", "a", "EURUSD", "buy", Decimal("1E+3"), Decimal("1.08"), at, at,
        Decimal(0), None, None,
    )  # fmt: skip


def total(number: int, equity: str | None) -> Position:
    """Return the account's total at mark ``number``, with 5 unrealised and nothing realised."""
    at = START_NS + number * SECOND_NS
    return Position(
        "a", "*", at, at, Decimal(0), None, Decimal(0), Decimal(5),
        None if equity is None else Decimal(equity),
    )  # fmt: skip


def metrics(worker: str, wall_s: int, counters: dict[str, int], *us: int) -> WorkerMetrics:
    """Return a report with these latencies in microseconds on one hop."""
    histogram = HdrHistogram(1, 60_000_000, 3)
    for value in us:
        histogram.record_value(value)
    encoded = {"tick_to_signal": histogram.encode().decode()} if us else {}
    return WorkerMetrics(worker, wall_s * SECOND_NS, counters, encoded)


def test_an_empty_view_is_whole_and_json() -> None:
    """Every section is there before any record."""
    state = View().snapshot()
    assert json.loads(json.dumps(state)) == state
    assert state["run"]["status"] == "starting"
    assert state["candles"] is None
    assert state["prices"] == state["signals"] == state["latency"] == state["equity"] == []


def test_a_full_view_is_json() -> None:
    """Nothing in a snapshot needs a special encoder, and both encoders agree."""
    state = demo_view(40).snapshot("USDJPY")
    assert json.loads(json.dumps(state)) == msgspec.json.decode(msgspec.json.encode(state))
    assert state["candles"]["symbol"] == "USDJPY"


def test_memory_is_bounded() -> None:
    """However much arrives, each section keeps its last few."""
    view = View()
    for minute in range(MAX_CANDLES + 50):
        end = START_NS + (minute + 1) * MINUTE_NS
        view.apply(Topic.BARS, demo_bar("EURUSD", "1m", end, [1.0, 1.1]))
        view.apply(Topic.SIGNALS, signal(minute))
        view.apply(Topic.ORDERS, order(minute, "filled", end))
        view.apply(Topic.EXECUTIONS, fill(minute))
    for mark in range(5_000):
        view.apply(Topic.POSITIONS, total(mark, "100"))
    state = view.snapshot()
    assert len(state["candles"]["bars"]) == MAX_CANDLES
    assert len(state["prices"][0]["spark"]) == MAX_SPARK
    assert len(state["signals"]) == len(state["orders"]) == len(state["executions"]) == MAX_ROWS
    assert len(state["markers"]["signals"]) == MAX_CANDLES
    points = state["equity"][0]["points"]
    assert MAX_POINTS // 2 <= len(points) <= MAX_POINTS
    assert points[0][0] == START_NS // 1_000_000
    assert points[-1][0] == (START_NS + 4_999 * SECOND_NS) // 1_000_000


def test_records_read_twice_change_nothing() -> None:
    """After a restart of the reader the same records give the same state and no new revision."""
    view = View()
    records = [
        (Topic.BARS, demo_bar("EURUSD", "1s", START_NS + SECOND_NS, [1.0])),
        (Topic.SIGNALS, signal(1)),
        (Topic.ORDERS, order(1, "filled", START_NS)),
        (Topic.EXECUTIONS, fill(1)),
        (Topic.METRICS, metrics("w", 1, {"ticks_in": 5})),
    ]
    for topic, record in records:
        view.apply(topic, record)
    before, revision = view.snapshot(), view.revision
    for topic, record in records:
        view.apply(topic, record)
    assert view.revision == revision
    assert view.snapshot() == {**before, "idle_s": view.idle_s}


def test_an_order_stands_as_its_newest_record_says() -> None:
    """One row per order; an older status that comes late does not undo a newer one."""
    view = View()
    view.apply(Topic.ORDERS, order(1, "pending_new", 10_000_000, in_doubt=True))
    assert view.snapshot()["orders"][0]["in_doubt"]
    view.apply(Topic.ORDERS, order(1, "filled", 30_000_000))
    view.apply(Topic.ORDERS, order(1, "accepted", 20_000_000))
    assert [row["status"] for row in view.snapshot()["orders"]] == ["filled"]


def test_the_forming_candle_grows_and_gives_way_to_the_closed_one() -> None:
    """1 s bars make the candle of the present minute; the 1 m bar takes its place."""
    view = View()
    for second, mids in enumerate(([1.5, 1.7], [1.6, 1.2], [1.3])):
        end = START_NS + (second + 1) * SECOND_NS
        view.apply(Topic.BARS, demo_bar("EURUSD", "1s", end, mids))
    tile = view.snapshot()["prices"][0]
    assert tile["forming"][1:] == (1.5, 1.7, 1.2, 1.3, 20)
    assert tile["direction"] == "up"
    closing = demo_bar("EURUSD", "1m", START_NS + MINUTE_NS, [1.5, 1.7, 1.2, 1.4])
    view.apply(Topic.BARS, closing)
    state = view.snapshot()
    assert state["prices"][0]["forming"] is None
    assert [bar[4] for bar in state["candles"]["bars"]] == [1.4]


def test_quotes_are_on_the_grid_of_their_symbol() -> None:
    """Spread and change are counted in the pip of the instrument."""
    view = View()
    view.apply(Topic.BARS, demo_bar("USDJPY", "1s", START_NS + SECOND_NS, [156.0]))
    view.apply(Topic.BARS, demo_bar("USDJPY", "1s", START_NS + 2 * SECOND_NS, [156.1]))
    tile = view.snapshot()["prices"][0]
    assert (tile["name"], tile["digits"], tile["pip_digits"]) == ("USD/JPY", 3, 2)
    assert (tile["spread_pips"], tile["change_pips"]) == (0.8, 10.0)


@pytest.mark.parametrize("timeframe", ["30s", "60s", "5m", "1h", "100tick", "5pip"])
def test_bars_that_no_panel_shows_change_nothing(timeframe: str) -> None:
    """A page has one-second quotes and one-minute candles, whatever else a run builds."""
    view = demo_view(5)
    before, revision = view.snapshot(), view.revision
    end = START_NS + 10 * MINUTE_NS
    view.apply(Topic.BARS, bar(timeframe, end, end + MINUTE_NS, price=2.0))
    view.apply(Topic.BARS, Passed("EURUSD", end))
    assert view.revision == revision
    assert {**view.snapshot(), "idle_s": 0} == {**before, "idle_s": 0}


def test_metrics_of_workers_are_added_and_histograms_merged() -> None:
    """Counters are summed over workers, and percentiles are of all values together."""
    view = View()
    view.apply(Topic.METRICS, metrics("a", 1, {"ticks_in": 5}))
    view.apply(Topic.METRICS, metrics("a", 3, {"ticks_in": 105, "rejected.late": 2}, *[1_000] * 99))
    view.apply(Topic.METRICS, metrics("b", 1, {"rejected.late": 1, "rejected.crossed": 9}, 20_000))
    view.apply(Topic.METRICS, metrics("a", 2, {"ticks_in": 1}))
    state = view.snapshot()
    assert state["counters"]["totals"]["ticks_in"] == 105
    assert state["counters"]["ticks_per_s"] == 50.0
    assert state["counters"]["rejects"] == [
        {"reason": "crossed", "count": 9},
        {"reason": "late", "count": 3},
    ]
    (hop,) = state["latency"]
    assert (hop["count"], hop["within"], hop["budget_ms"]) == (100, True, 10.0)
    assert hop["p50_ms"] == pytest.approx(1.0, rel=0.01)


def test_a_late_p99_is_over_its_budget() -> None:
    """A hop whose p99 is above its budget says so."""
    view = View()
    view.apply(Topic.METRICS, metrics("a", 1, {}, 30_000))
    assert view.snapshot()["latency"][0]["within"] is False


@pytest.mark.parametrize("text", ["", "nonsense", "HISTFAAAAA==", "é"])
def test_an_unreadable_histogram_is_named_not_guessed(text: str) -> None:
    """Bytes that are no histogram give a row without figures, and never an error."""
    view = View()
    view.apply(Topic.METRICS, WorkerMetrics("a", 1, {}, {"hop": text}))
    (hop,) = view.snapshot()["latency"]
    assert not hop["readable"]
    assert hop["p99_ms"] is None


def test_drawdown_counts_every_mark() -> None:
    """A fall between two kept points of the curve is not lost, and an unknown equity is unknown."""
    view = View()
    for mark in range(3_000):
        view.apply(Topic.POSITIONS, total(mark, "70" if mark == 2_501 else "100"))
    view.apply(Topic.POSITIONS, total(3_001, None))
    (curve,) = view.snapshot()["equity"]
    assert (curve["max_drawdown"], curve["start"], curve["equity"]) == ("30", "95", None)
    assert curve["points"][-1][1] == 100.0


def test_unknown_money_stays_unknown() -> None:
    """A result without a conversion rate is None, and units are written without an exponent."""
    view = View()
    view.apply(Topic.EXECUTIONS, fill(1))
    (row,) = view.snapshot()["executions"]
    assert (row["pnl"], row["units"], row["price"]) == (None, "1000", "1.08")


def test_a_change_laid_over_the_old_state_is_the_new_state() -> None:
    """Only changed sections are sent, and together with the old ones they are everything."""
    view = demo_view(10)
    old = view.snapshot("GBPUSD")
    view.apply(Topic.SIGNALS, signal(500, "GBPUSD"))
    change = view.snapshot("GBPUSD", since=old["revision"])
    assert change.keys() == {"revision", "symbol", "idle_s", "signals", "models", "markers"}
    assert {**old, **change} == view.snapshot("GBPUSD") | {"idle_s": change["idle_s"]}
    assert view.snapshot("GBPUSD", since=view.revision).keys() == {"revision", "symbol", "idle_s"}


def test_progress_has_a_rate_and_a_time_to_go_only_while_running() -> None:
    """Rate and rest come from the monotonic clock that was given."""
    now = [0.0]
    view = View(clock=lambda: now[0])
    view.set_status("running")
    for second in range(4):
        now[0] = float(second)
        view.progress(second * 100, 1_000, START_NS)
    progress = view.snapshot()["progress"]
    assert (progress["rate_per_s"], progress["eta_s"], progress["fraction"]) == (100.0, 7.0, 0.3)
    now[0] = 10.0
    assert view.idle_s == 7.0
    view.set_status("finished")
    assert view.snapshot()["progress"]["eta_s"] is None


def test_progress_without_an_end_has_no_fraction() -> None:
    """A live feed has rows and a rate, and no made-up end."""
    view = View()
    view.progress(10, None, None)
    progress = view.snapshot()["progress"]
    assert (progress["fraction"], progress["eta_s"], progress["event_ms"]) == (None, None, None)


def test_an_unknown_status_is_refused() -> None:
    """A word that the page does not know is a mistake of the caller."""
    with pytest.raises(ValueError, match="none of starting"):
        View().set_status("fine")  # type: ignore[arg-type]


def test_readers_and_the_writer_do_not_disturb_each_other() -> None:
    """Snapshots taken while records arrive are whole."""
    view = View()
    failures: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(200):
                msgspec.json.encode(view.snapshot())
        except BaseException as error:  # noqa: BLE001 - it is told below
            failures.append(error)

    readers = [Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for minute in range(300):
        view.apply(Topic.SIGNALS, signal(minute))
        view.apply(Topic.POSITIONS, total(minute, "100"))
    for reader in readers:
        reader.join()
    assert failures == []
