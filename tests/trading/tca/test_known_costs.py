"""Fills whose cost is known by hand, through both ways to measure them, exact to 1e-9."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest

from domain.nanos import MS_NS, SECOND_NS
from domain.orders import Execution, Order
from domain.quality import ExecutionQuality, OrderQuality
from domain.ticks import TickArray
from tests.trading.tca.tape import beat, execution, order, quotes
from trading.tca.config import TcaConfig
from trading.tca.monitor import Quality, QualityMonitor
from trading.tca.query import evaluate

D = Decimal
CONFIG = TcaConfig("USD", ("EURUSD", "USDJPY"), max_quote_age_ns=400 * 10**9)

EURUSD = quotes(
    [
        (0, "1.10000", "1.10020"),  # mid 1.10010: the decision
        (1, "1.10004", "1.10024"),  # mid 1.10014: the send, spread 2.0
        (2, "1.10010", "1.10030"),  # mid 1.10020: the fill
        (2.1, "1.10012", "1.10032"),  # mid 1.10022: 100 ms after
        (3, "1.10000", "1.10020"),  # mid 1.10010: 1 s
        (7, "1.10030", "1.10050"),  # mid 1.10040: 5 s
        (32, "1.10020", "1.10040"),  # mid 1.10030: 30 s
        (62, "1.09990", "1.10010"),  # mid 1.10000: 1 m
        (302, "1.10050", "1.10070"),  # mid 1.10060: 5 m
    ]
)
FIVE_MINUTES_ON = beat(700)
BUY = [
    order("initialized", 0),
    order("pending_new", 1),
    order("accepted", 1.5),
    order("filled", 2, filled_units=D(100000), average_price=D("1.10030")),
]
BOUGHT = [execution(2, "1.10030", commission=D("3.5"), commission_currency="USD")]
BUY_COSTS: dict[str, object] = {
    "arrival_slippage_pips": 2.0,  # 1.10030 - 1.10010
    "arrival_slippage_bps": 0.0002 / 1.1001 * 10_000,
    "arrival_cost_account": 20.0,  # 0.0002 x 100,000
    "delay_cost_pips": 0.4,  # 1.10014 - 1.10010
    "quoted_spread_pips": 2.0,
    "effective_spread_pips": 2.0,  # 2 x (1.10030 - 1.10020)
    "realised_spread_pips": -6.0,  # 2 x (1.10030 - 1.10060)
    "impact_pips": 8.0,
    "spread_capture": 1.0,
    "markout_100ms_pips": -0.8,  # 1.10022 - 1.10030
    "markout_1s_pips": -2.0,
    "markout_5s_pips": 1.0,
    "markout_30s_pips": 0.0,
    "markout_1m_pips": -3.0,
    "markout_5m_pips": 3.0,
    "stop_slippage_pips": None,
    "gap_cost_pips": None,
    "signal_to_send_ns": 1_000_000_000,
    "send_to_ack_ns": 500_000_000,
    "ack_to_fill_ns": 500_000_000,
    "signal_to_fill_ns": 2_000_000_000,
    "stale_benchmarks": 0,
    "session": "overlap",
    "size_bucket": "<=100000",
    "algorithm": "market",
}
BUY_TOTALS: dict[str, object] = {
    "fill_ratio": 1.0,
    "execution_cost_account": 20.0,
    "opportunity_cost_account": 0.0,
    "fees_account": 3.5,
    "shortfall_account": 23.5,
    "shortfall_bps": 23.5 / 110_010 * 10_000,
    # Mids from the decision to the end: 1.10014 and 1.10020, so 1.10017.
    "vwap_slippage_pips": 1.3,
    "move_1s_pips": None,
    "lifetime_ns": 2_000_000_000,
    "stale_benchmarks": 0,
}

# A sell of 50,000 in two fills, 10,000 left over: decided at mid 1.10010, ended at 7 s.
SELL = [
    order("initialized", 0.5, side="sell", units="50000"),
    order("pending_new", 1, side="sell", units="50000"),
    order(
        "canceled",
        7,
        side="sell",
        units="50000",
        filled_units=D(40000),
        average_price=D("1.10009"),
        reason="requested",
    ),
]
SOLD = [
    execution(2, "1.10010", "30000", "x1", side="sell"),
    execution(3, "1.10006", "10000", "x2", side="sell"),
]
SELL_COSTS: dict[str, object] = {
    "arrival_slippage_pips": 0.0,  # -(1.10010 - 1.10010)
    "delay_cost_pips": -0.4,  # -(1.10014 - 1.10010): waiting helped
    "effective_spread_pips": 2.0,  # -2 x (1.10010 - 1.10020)
    "realised_spread_pips": 10.0,  # -2 x (1.10010 - 1.10060)
    "impact_pips": -8.0,
    "markout_100ms_pips": -1.2,  # -(1.10022 - 1.10010)
    "markout_5m_pips": -5.0,
    "send_to_ack_ns": None,
    "ack_to_fill_ns": None,
}
SELL_TOTALS: dict[str, object] = {
    "fill_ratio": 0.8,
    # 30,000 x 0 + 10,000 x (1.10010 - 1.10006)
    "execution_cost_account": 0.4,
    # 10,000 x -(1.10040 - 1.10010): the rest could be sold higher.
    "opportunity_cost_account": -3.0,
    "fees_account": 0.0,
    "shortfall_account": -2.6,
    "shortfall_bps": -2.6 / (50_000 * 1.1001) * 10_000,
    # After the end, against the mid 1.10040: -(1.10040 - 1.10040), then -(1.10000 - 1.10040) ...
    "move_1s_pips": 0.0,
    "move_30s_pips": 1.0,  # 37 s: 1.10030
    "move_1m_pips": 4.0,  # 67 s: 1.10000
    "move_5m_pips": -2.0,  # 307 s: 1.10060
    # (1.10014 + 1.10020 + 1.10022 + 1.10010 + 1.10040) / 5 = 1.100212, less 1.10009.
    "vwap_slippage_pips": 1.22,
    "status": "canceled",
    "reason": "requested",
}

# A stop at 1.10025 that the market jumped over: filled at 1.10034 while the ask was 1.10032.
STOP = [
    order("initialized", 0, order_type="stop", trigger_price=D("1.10025")),
    order("pending_new", 0, order_type="stop", trigger_price=D("1.10025")),
    order("filled", 2.1, order_type="stop", filled_units=D(100000), average_price=D("1.10034")),
]
STOPPED = [execution(2.1, "1.10034")]
STOP_COSTS: dict[str, object] = {
    "stop_slippage_pips": 0.9,  # 1.10034 - 1.10025
    "gap_cost_pips": 0.7,  # 1.10032 - 1.10025
    "algorithm": "stop",
    "signal_to_send_ns": 0,
}

Measure = Callable[[TcaConfig, dict[str, TickArray], list[Order], list[Execution]], list[Quality]]
Case = tuple[list[Order], list[Execution], dict[str, object], dict[str, object]]
CASES: list[Case] = [
    (BUY, BOUGHT, BUY_COSTS, BUY_TOTALS),
    (SELL, SOLD, SELL_COSTS, SELL_TOTALS),
    (STOP, STOPPED, STOP_COSTS, {}),
]


def streamed(
    config: TcaConfig, tapes: dict[str, TickArray], orders: list[Order], fills: list[Execution]
) -> list[Quality]:
    """Give the quotes first, then orders and fills, then the end."""
    monitor = QualityMonitor(config)
    found: list[Quality] = []
    for symbol, records in tapes.items():
        found += monitor.on_quotes(symbol, records)
    for one in orders:
        found += monitor.on_order(one)
    for fill in fills:
        found += monitor.on_execution(fill)
    for symbol in tapes:
        found += monitor.on_quotes(symbol, FIVE_MINUTES_ON)
    return found + monitor.flush()


def queried(
    config: TcaConfig, tapes: dict[str, TickArray], orders: list[Order], fills: list[Execution]
) -> list[Quality]:
    """Ask for all at once."""
    last_ns = int(FIVE_MINUTES_ON["ts_recv_ns"][0])
    return evaluate(config, tapes.items(), orders, fills, until_ns=last_ns)


def agrees(record: ExecutionQuality | OrderQuality, expected: dict[str, object]) -> None:
    """Assert that every named field is as expected, numbers to 1e-9."""
    for name, value in expected.items():
        got = getattr(record, name)
        if isinstance(value, float):
            assert got == pytest.approx(value, abs=1e-9, rel=0), name
        else:
            assert got == value, name


@pytest.mark.parametrize("measure", [streamed, queried])
@pytest.mark.parametrize("case", CASES, ids=["buy", "sell", "stop"])
def test_costs_are_those_worked_out_by_hand(measure: Measure, case: Case) -> None:
    """Arrival, delay, spreads, markouts, shortfall, stop and latency, all to 1e-9."""
    orders, fills, costs, totals = case
    found = measure(CONFIG, {"EURUSD": EURUSD}, orders, fills)
    records = [one for one in found if isinstance(one, ExecutionQuality)]
    (whole,) = [one for one in found if isinstance(one, OrderQuality)]
    assert [one.execution_id for one in records] == [fill.execution_id for fill in fills]
    agrees(records[0], costs)
    agrees(whole, totals)


@pytest.mark.parametrize("measure", [streamed, queried])
def test_costs_in_another_currency_are_at_the_mid_rate_of_the_fill(measure: Measure) -> None:
    """20 USD at 2,000 JPY; without quotes of USDJPY they are unavailable, never 20."""
    config = replace(CONFIG, account_currency="JPY")
    usdjpy = quotes([(1, "99.990", "100.010"), (2.5, "90.000", "90.020")])
    tapes = {"EURUSD": EURUSD, "USDJPY": usdjpy}
    found = measure(config, tapes, BUY, BOUGHT)
    (fill,) = [one for one in found if isinstance(one, ExecutionQuality)]
    (whole,) = [one for one in found if isinstance(one, OrderQuality)]
    assert fill.arrival_cost_account == pytest.approx(2000.0, abs=1e-9)
    assert whole.fees_account == pytest.approx(350.0, abs=1e-9)
    assert whole.shortfall_account == pytest.approx(2350.0, abs=1e-9)
    found = measure(config, {"EURUSD": EURUSD}, BUY, BOUGHT)
    (fill,) = [one for one in found if isinstance(one, ExecutionQuality)]
    (whole,) = [one for one in found if isinstance(one, OrderQuality)]
    assert (fill.arrival_cost_account, whole.shortfall_account) == (None, None)
    assert fill.arrival_slippage_pips == pytest.approx(2.0, abs=1e-9)


@pytest.mark.parametrize("measure", [streamed, queried])
def test_the_mean_mid_is_weighted_with_the_sizes_that_are_quoted(measure: Measure) -> None:
    """(1.10014 x 1 + 1.10020 x 3) / 4 = 1.100185: 1.15 pips below the fill at 1.10030."""
    sized = EURUSD.copy()
    sized["bid_size"] = sized["ask_size"] = [9, 1, 3, 1, 1, 1, 1, 1, 1]
    found = measure(CONFIG, {"EURUSD": sized}, BUY, BOUGHT)
    (whole,) = [one for one in found if isinstance(one, OrderQuality)]
    assert whole.vwap_slippage_pips == pytest.approx(1.15, abs=1e-9)


@pytest.mark.parametrize("measure", [streamed, queried])
def test_a_refused_order_tells_what_the_market_did_after(measure: Measure) -> None:
    """A buy refused at 2 s: five minutes later the market was 4 pips higher: it would have paid."""
    refused = [*BUY[:2], order("rejected", 2, reason="last_look")]
    (whole,) = measure(CONFIG, {"EURUSD": EURUSD}, refused, [])
    assert isinstance(whole, OrderQuality)
    agrees(
        whole,
        {
            "status": "rejected",
            "reason": "last_look",
            "fill_ratio": 0.0,
            "move_100ms_pips": 0.2,  # 1.10022 - 1.10020
            "move_1s_pips": -1.0,
            "move_5m_pips": 4.0,
            "execution_cost_account": 0.0,
            "opportunity_cost_account": 10.0,  # 100,000 x (1.10020 - 1.10010)
            "shortfall_account": 10.0,
            "vwap_slippage_pips": None,
        },
    )


@pytest.mark.parametrize("measure", [streamed, queried])
@pytest.mark.parametrize("late", [False, True])
def test_a_parent_answers_for_the_fills_of_its_slices_and_not_for_its_stop(
    measure: Measure, late: bool
) -> None:
    """Two slices of 40,000 and 60,000 are the parent's shortfall; the stop's sale is not."""
    orders = [
        order("initialized", 0, "p"),
        order("initialized", 1, "c1", units="40000", parent_id="p"),
        order("initialized", 1, "c2", units="60000", parent_id="p"),
        order("initialized", 1, "stop", side="sell", units="100000", parent_id="p"),
        order("filled", 7, "p", filled_units=D(100000), average_price=D("1.10036")),
    ]
    fills = [
        execution(2, "1.10030", "40000", "x1", "c1", commission=D(1), commission_currency="USD"),
        execution(7, "1.10040", "60000", "x2", "c2", commission=D(2), commission_currency="USD"),
        execution(8, "1.10000", "100000", "x3", "stop", side="sell"),
    ]
    if late:
        orders = [*orders[1:4], orders[0], orders[4]]
    found = measure(CONFIG, {"EURUSD": EURUSD}, orders, fills)
    (whole,) = [one for one in found if isinstance(one, OrderQuality)]
    agrees(
        whole,
        {
            "client_order_id": "p",
            # 40,000 x (1.10030 - 1.10010) + 60,000 x (1.10040 - 1.10010)
            "execution_cost_account": 26.0,
            "fees_account": 3.0,
            "shortfall_account": 29.0,
            "vwap_slippage_pips": 1.48,  # 1.10036 - (1.10014 + 20 + 22 + 10 + 40) / 5
        },
    )
    assert sum(isinstance(one, ExecutionQuality) for one in found) == 3


@pytest.mark.parametrize("measure", [streamed, queried])
def test_an_order_is_sent_once_the_record_behind_its_decision_has_come(measure: Measure) -> None:
    """Decided at the boundary; the first record after it comes 3 s later, half a pip higher."""
    rows = [(0, "1.10000", "1.10020"), (3, "1.10005", "1.10025"), (4, "1.10005", "1.10025")]
    sent = order("pending_new", 0)
    orders = [
        msgspec.structs.replace(sent, ts_recv_ns=sent.ts_event_ns + 3 * SECOND_NS),
        order("accepted", 3.05),
        order("filled", 4, filled_units=D(100_000)),
    ]
    found = measure(CONFIG, {"EURUSD": quotes(rows)}, orders, [execution(4, "1.10025")])
    (fill,) = [one for one in found if isinstance(one, ExecutionQuality)]
    assert fill.delay_cost_pips == pytest.approx(0.5, abs=1e-9)
    assert fill.arrival_slippage_pips == pytest.approx(1.5, abs=1e-9)
    assert (fill.signal_to_send_ns, fill.send_to_ack_ns) == (3 * SECOND_NS, 50 * MS_NS)
