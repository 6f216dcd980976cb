"""Reports by group, and the paper venue fitted from them, against numbers worked out by hand."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.nanos import HOUR_NS, MS_NS
from domain.quality import ExecutionQuality, OrderQuality
from tests.trading.tca.tape import NOON, execution, order
from trading.tca.config import TcaConfig
from trading.tca.fit import fit
from trading.tca.query import evaluate
from trading.tca.report import Rejects, report

D = Decimal


def fill(
    execution_id: str, units: int, slippage: float | None, **fields: object
) -> ExecutionQuality:
    """Return a fill's record with this slippage; nothing else of it was known."""
    (bare,) = (
        one
        for one in evaluate(
            TcaConfig("USD", ()),
            [],
            [],
            [execution(1, "1.1", str(units), execution_id, execution_id)],
        )
        if isinstance(one, ExecutionQuality)
    )
    return replace(bare, arrival_slippage_pips=slippage, **fields)


def done(name: str, filled: int, status: str = "filled", **fields: object) -> OrderQuality:
    """Return the record of an order of 1,000 units."""
    (bare,) = (
        one
        for one in evaluate(
            TcaConfig("USD", ()),
            [],
            [order("initialized", 0, name), order("rejected", 1, name)],
            [],
        )
        if isinstance(one, OrderQuality)
    )
    return replace(bare, quantity_units=D(1000), filled_units=D(filled), status=status, **fields)


def test_pips_are_weighted_with_units_and_money_is_added() -> None:
    """(1 x 1000 + 5 x 3000) / 4000 = 4; the third fill has no benchmark and is in no figure."""
    fills = [
        fill("a", 1000, 1.0, arrival_cost_account=0.1, stale_benchmarks=0),
        fill("b", 3000, 5.0, arrival_cost_account=1.5, stale_benchmarks=1),
        fill("c", 9000, None, stale_benchmarks=2),
    ]
    (group,) = report(fills, [], ("symbol",))
    assert (group.key, group.fills, group.orders) == ({"symbol": "EURUSD"}, 3, 0)
    slippage = group.measures["arrival_slippage_pips"]
    assert (slippage.count, slippage.mean, slippage.p50) == (2, 4.0, 3.0)
    cost = group.measures["arrival_cost_account"]
    assert cost.mean == pytest.approx(0.8)
    assert cost.total == pytest.approx(1.6)
    assert "delay_cost_pips" not in group.measures
    assert (group.fill_ratio, group.stale_benchmarks) == (None, 3)


def test_records_are_grouped_by_any_mix_of_keys_in_their_order() -> None:
    """Broker and hour: a fill of 12:00 UTC and one of 13:00."""
    fills = [
        fill("a", 1, 1.0, venue="oanda"),
        fill("b", 1, 2.0, venue="ib"),
        fill("c", 1, 4.0, venue="ib", ts_event_ns=NOON + HOUR_NS),
    ]
    groups = report(fills, [], ("venue", "hour"))
    assert [(g.key, g.measures["arrival_slippage_pips"].mean) for g in groups] == [
        ({"venue": "ib", "hour": "12"}, 2.0),
        ({"venue": "ib", "hour": "13"}, 4.0),
        ({"venue": "oanda", "hour": "12"}, 1.0),
    ]


def test_rejects_are_counted_by_reason_with_what_the_market_did_after() -> None:
    """Eight orders sent: two declined at a last look, one without margin; one denied by us."""
    orders = [
        *(done(f"f{n}", 1000) for n in range(4)),
        done("p", 400, "canceled", reason="no_liquidity"),
        done("l1", 0, "rejected", reason="last_look", move_1s_pips=3.0),
        done("l2", 0, "rejected", reason="last_look", move_1s_pips=-1.0),
        done("m", 0, "rejected", reason="insufficient_margin"),
        done("d", 0, "denied", reason="max_order"),
    ]
    (group,) = report([], orders, ("algorithm",))
    assert group.orders == 8
    assert group.fill_ratio == 4400 / 8000
    assert group.rejects == (
        Rejects("insufficient_margin", 1, 0.125, None, None),
        Rejects("last_look", 2, 0.25, 1.0, 0.5),
    )


def test_the_paper_venue_is_fitted_from_what_was_measured() -> None:
    """Least latency 20 ms; every 5 % of what came on top; rates by reason; scarce size."""
    orders = [
        *(done(f"f{n}", 1000, send_to_ack_ns=(20 + n) * MS_NS) for n in range(5)),
        done("p1", 400, "canceled"),
        done("p2", 600, "canceled"),
        done("r1", 0, "rejected", reason="last_look", size_bucket=">5"),
        done("r2", 0, "rejected", reason="a broker's own word", size_bucket=">5"),
        done("d", 0, "denied", send_to_ack_ns=1),
        done("bad clock", 1000, send_to_ack_ns=-5),
    ]
    fills = [
        fill("f0", 1000, 1.0, effective_spread_pips=2.0),
        fill("f1", 1000, 1.0, effective_spread_pips=4.0),
    ]
    fitted = fit(fills, orders)
    assert fitted.settings == {
        "latency_ns": 20 * MS_NS,
        # 0 to 4 ms in twenty steps.
        "extra_latency_ns": [n * MS_NS // 5 for n in range(21)],
        "reject_rates": {"last_look": 0.1, "other": 0.1},
        "liquidity": {"by_symbol": {"EURUSD": "500"}},
    }
    assert fitted.evidence == {
        "orders": 10,
        "fills": 2,
        "fill_ratio": {"<=100000": 7000 / 8000, ">5": 0.0},
        "slippage": {
            "EURUSD": {
                "fills": 2,
                "mean_pips": 1.5,
                "p50_pips": 1.5,
                "p90_pips": pytest.approx(1.9),
            }
        },
        "latency_ns": {"p50": 22e6, "p90": pytest.approx(23.6e6), "p99": pytest.approx(23.96e6)},
    }


def test_an_order_that_filled_without_an_acknowledgement_counts_by_its_first_fill() -> None:
    """Market orders only: a limit order waits for its price."""
    quick = {"signal_to_send_ns": 5, "algorithm": "market"}
    fills = [
        fill("a", 1, 1.0, signal_to_fill_ns=105, **quick),
        replace(
            fill("b", 1, 1.0, signal_to_fill_ns=905, **quick),
            client_order_id="a",
            ts_event_ns=NOON + HOUR_NS,
        ),
        fill("c", 1, 1.0, signal_to_fill_ns=9_999, signal_to_send_ns=5, algorithm="limit"),
    ]
    assert fit(fills, []).settings == {"latency_ns": 100, "extra_latency_ns": [0] * 21}


def test_without_records_nothing_is_fitted() -> None:
    """Every default stands."""
    assert fit([], []).settings == {}
