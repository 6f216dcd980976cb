"""What fills, when, and at which price: tapes in, events out."""

from decimal import Decimal
from typing import Any

import pytest

from domain.errors import BadUse
from domain.nanos import MS_NS
from domain.orders import OrderTerms
from domain.ticks import Verdict
from tests.brokers.paper_venue.market import Desk, ms, tape
from trading.venues import Unsupported


@pytest.mark.parametrize(("side", "fill"), [("buy", "1000@1.10030"), ("sell", "1000@1.10020")])
def test_by_default_an_order_fills_whole_at_the_first_tick_that_is_due(
    side: str, fill: str
) -> None:
    """A tick at the due time fills, a buy at the ask and a sell at the bid; one before does not."""
    desk = Desk()
    desk.submit(side=side)
    tape_ = "10 1.1 1.1001\n49 1.1 1.1001\n50 1.1002 1.1003\n60 1.2 1.3"
    assert desk.play(tape_) == [f"50 fill {fill}"]
    assert desk.said() == ["50 ack", f"50 fill {fill}"]


def test_heartbeats_and_rejected_ticks_do_not_fill_and_suspect_ones_do() -> None:
    """A venue fills on its own market, whatever is thought of it here."""
    desk = Desk()
    desk.submit()
    records = tape("60 *\n61 1.1 1.1001\n62 1.2 1.2001")
    records["verdict"][1:] = int(Verdict.SPIKE), int(Verdict.SPREAD_BLOWOUT)
    desk.venue.on_records("EURUSD", records)
    fill = desk.events()[-1]
    assert (fill.ts_event_ns, fill.ts_recv_ns) == (ms(60), ms(62))


MARKET = "100 1.1000 1.1002\n200 1.1010 1.1012\n300 1.0990 1.0992\n400 1.1020 1.1022"


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"order_type": "limit", "limit_price": "1.1001"}, ["300 fill 1000@1.09920"]),
        (
            {"order_type": "limit", "side": "sell", "limit_price": "1.1010"},
            ["200 fill 1000@1.10100"],
        ),
        (
            {"order_type": "limit", "limit_price": "1.1002", "time_in_force": "IOC"},
            ["100 fill 1000@1.10020"],
        ),
        (
            {"order_type": "limit", "limit_price": "1.1001", "time_in_force": "FOK"},
            ["100 canceled no_liquidity"],
        ),
        (
            {"order_type": "stop", "trigger_price": "1.1011"},
            ["200 triggered", "200 fill 1000@1.10120"],
        ),
        (
            {"order_type": "stop_loss", "side": "sell", "trigger_price": "1.0995"},
            ["300 triggered", "300 fill 1000@1.09900"],
        ),
        (
            {"order_type": "stop", "trigger_price": "1.1011", "price_bound": "1.1011"},
            ["200 triggered", "200 canceled price_bound"],
        ),
        (
            {"order_type": "stop_limit", "trigger_price": "1.1011", "limit_price": "1.1000"},
            ["200 triggered", "300 fill 1000@1.09920"],
        ),
        (
            {"order_type": "market_if_touched", "trigger_price": "1.0995"},
            ["300 triggered", "300 fill 1000@1.09920"],
        ),
        (
            {"order_type": "take_profit", "side": "sell", "trigger_price": "1.1015"},
            ["400 triggered", "400 fill 1000@1.10200"],
        ),
        (
            {"order_type": "take_profit", "side": "sell", "limit_price": "1.1015"},
            ["400 fill 1000@1.10200"],
        ),
        (
            {"order_type": "trailing_stop", "side": "sell", "trailing_distance": "0.0015"},
            ["300 triggered", "300 fill 1000@1.09900"],
        ),
        (
            {"order_type": "trailing_stop", "trailing_distance": "0.0020"},
            ["400 triggered", "400 fill 1000@1.10220"],
        ),
        (
            {
                "order_type": "trailing_stop",
                "trailing_distance": "0.0050",
                "trigger_price": "1.1002",
            },
            ["100 triggered", "100 fill 1000@1.10020"],
        ),
        (
            {"order_type": "market", "price_bound": "1.1001", "time_in_force": "FOK"},
            ["100 canceled price_bound"],
        ),
        (
            {"order_type": "market", "position_effect": "reduce_only", "time_in_force": "IOC"},
            ["100 canceled reduce_only"],
        ),
    ],
)
def test_every_type_of_order_on_one_tape(terms: dict[str, Any], said: list[str]) -> None:
    """Each waits for its price, and fills at the side it trades with."""
    desk = Desk()
    desk.submit(**({"time_in_force": "GTC"} | terms))
    assert desk.play(MARKET) == said


def test_a_trailing_stop_hits_its_distance_exactly() -> None:
    """1.1010 less 0.0010 is 1.1000 on the grid, whatever floats make of it."""
    desk = Desk()
    desk.submit(
        order_type="trailing_stop", side="sell", trailing_distance="0.001", time_in_force="GTC"
    )
    assert desk.play("60 1.1010 1.1012\n70 1.10001 1.1002") == []
    assert desk.play("80 1.1 1.1002") == ["80 triggered", "80 fill 1000@1.10000"]


@pytest.mark.parametrize(
    ("trigger_side", "said"),
    [
        ("default", "60 triggered"),
        ("bid", "60 triggered"),
        ("mid", "70 triggered"),
        ("ask", "80 triggered"),
    ],
)
def test_a_wide_spread_triggers_at_the_side_that_was_asked_for(
    trigger_side: str, said: str
) -> None:
    """At the roll the bid falls and the market does not: a stop on the mid or the ask stays."""
    desk = Desk()
    desk.submit(
        side="sell",
        order_type="stop_loss",
        trigger_price="1.1",
        trigger_side=trigger_side,
        time_in_force="GTC",
    )
    assert desk.play("60 1.0990 1.1030\n70 1.0990 1.1010\n80 1.0990 1.1")[0] == said


def test_a_stop_fills_at_the_first_price_after_the_weekend() -> None:
    """Nothing trades in the gap: the fill is where the market opens, far beyond the stop."""
    desk = Desk()
    desk.submit(side="sell", order_type="stop_loss", trigger_price="1.09", time_in_force="GTC")
    weekend_ms = 5 * 86_400_000
    said = desk.play(f"60 1.1 1.1002\n{weekend_ms} 1.0500 1.0510")
    assert said == [f"{weekend_ms:g} triggered", f"{weekend_ms:g} fill 1000@1.05000"]


def test_size_is_shared_and_comes_anew_with_every_tick() -> None:
    """Who came first is served first; the rest waits for the next tick."""
    desk = Desk(liquidity={"quoted": True, "units": "300"})
    desk.submit(time_in_force="GTC")
    desk.submit(client_order_id="ax2", time_in_force="IOC")
    said = desk.play("60 1.1 1.1001 9 1200\n70 1.1 1.1002\n80 1.1 1.1002 500 500")
    assert said == [
        "60 fill 1000@1.10010",
        "60 fill 200@1.10010",
        "60 canceled no_liquidity",
    ]
    desk.submit(100, client_order_id="ax3", time_in_force="GTC", side="sell")
    said = desk.play("150 1.1 1.1001\n160 1.2 1.2001 600 0\n170 1.3 1.3001")
    assert said == ["150 fill 300@1.10000", "160 fill 600@1.20000", "170 fill 100@1.30000"]
    report = desk.venue.query(desk.submit(200, client_order_id="ax3"), 1)
    assert report is not None
    assert (report.status, report.average_price) == ("filled", Decimal("1.18"))


def test_all_or_none_takes_none_of_too_little() -> None:
    """Fill or kill does not fill in parts."""
    desk = Desk(liquidity={"by_symbol": {"EURUSD": "999"}})
    desk.submit(time_in_force="FOK")
    assert desk.play("60 1.1 1.1001") == ["60 canceled no_liquidity"]


def test_reduce_only_closes_and_never_opens() -> None:
    """The part beyond the position ends."""
    desk = Desk()
    desk.submit()
    desk.play("60 1.1 1.1001")
    desk.submit(
        100,
        client_order_id="ax2",
        side="sell",
        quantity_units="1500",
        position_effect="reduce_only",
        time_in_force="GTC",
    )
    assert desk.play("150 1.1 1.1001") == ["150 fill 1000@1.10000", "150 canceled reduce_only"]
    assert desk.venue.snapshot(None, 1).positions == ()


def test_a_provider_declines_what_moved_against_it() -> None:
    """More than a pip up while it looked at a buy: declined. A pip or less: filled as seen."""
    look = {"hold_ns": 100 * MS_NS, "tolerance_pips": "1"}
    desk = Desk(last_look=look)
    desk.submit()
    desk.submit(client_order_id="ax2", time_in_force="GTC")
    tape_ = "60 1.1 1.1001\n150 1.1003 1.1004\n170 1.1003 1.1004\n260 1.1004 1.1005\n280 *"
    assert desk.play(tape_) == [
        "160 canceled last_look",
        "270 fill 1000@1.10040",
    ]
    sell = Desk(last_look=look)
    sell.submit(side="sell")
    assert sell.play("60 1.1 1.1001\n150 1.0998 1.0999\n170 *") == ["160 canceled last_look"]


def test_a_cancel_does_not_reach_what_the_provider_looks_at() -> None:
    """The fill wins, the cancel is too late."""
    desk = Desk(last_look={"hold_ns": 100 * MS_NS})
    order = desk.submit()
    desk.play("60 1.1 1.1001")
    desk.cancel(order, 70)
    assert desk.time(165) == ["160 fill 1000@1.10010", "160 cancel_reject too_late"]


def test_chance_rejects_by_seed_and_id_and_not_by_turn() -> None:
    """About a third is refused, the same ones in any order of arrival."""
    names = [f"ax{number}" for number in range(60)]
    rates = {"account_blocked": 0.1, "no_liquidity": 0.2}
    outcomes = []
    for order in (names, names[::-1]):
        desk = Desk(seed=7, reject_rates=rates)
        for name in order:
            desk.submit(client_order_id=name)
        outcomes.append({e.client_order_id: str(e.reason) for e in desk.events()})
    assert outcomes[0] == outcomes[1]
    refused = [reason for reason in outcomes[0].values() if reason]
    assert set(refused) == {"account_blocked", "no_liquidity"}
    assert 8 <= len(refused) <= 30


def test_latency_follows_its_quantiles() -> None:
    """Every command has its own, within the quantiles and never below the least."""
    desk = Desk(latency_ns=10, extra_latency_ns=(0, 100, 1000))
    for number in range(50):
        desk.submit(client_order_id=f"ax{number}")
    late = sorted(e.ts_recv_ns - ms(0) - 10 for e in desk.events())
    assert late[0] >= 0
    assert late[-1] <= 1000
    assert 15 <= sum(ns <= 100 for ns in late) <= 35


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"symbol": "XXXYYY"}, "unknown_symbol"),
        ({"account": "other"}, "not_authorised"),
        ({"quantity_units": "0"}, "bad_quantity"),
        ({"quantity_units": "1.5"}, "bad_quantity"),
        ({"quantity_units": "NaN"}, "bad_quantity"),
        ({"quantity_units": "20000000"}, "bad_quantity"),
        ({"price_bound": "1.100001"}, "bad_price"),
        ({"price_bound": "-1"}, "bad_price"),
        ({"order_type": "limit"}, "bad_terms"),
        ({"time_in_force": "GTD"}, "bad_terms"),
        ({"order_type": "stop", "time_in_force": "GTC"}, "bad_terms"),
        ({"order_type": "trailing_stop", "time_in_force": "GTC"}, "bad_terms"),
        ({"order_type": "take_profit", "time_in_force": "GTC"}, "bad_terms"),
    ],
)
def test_what_can_never_work_is_rejected_for_good(fields: dict[str, Any], reason: str) -> None:
    """It is on record, and never fills."""
    desk = Desk()
    order = desk.submit(**fields)
    assert desk.said() == [f"50 reject {reason}"]
    assert desk.play("100 1.1 1.1001") == []
    report = desk.venue.query(order, 1)
    assert report is not None
    assert (report.status, report.reason) == ("rejected", reason)


def test_what_it_has_no_words_for_is_refused_before_it_is_taken() -> None:
    """A stop cannot be immediate, and netting cannot promise to open only."""
    desk = Desk()
    with pytest.raises(Unsupported, match="stop order that is FOK"):
        desk.submit(order_type="stop", trigger_price="1.1")
    with pytest.raises(Unsupported, match="netting account nets"):
        desk.submit(position_effect="open_only")
    assert desk.venue.requests() == []


def test_settings_that_cannot_be_are_refused() -> None:
    """Each names itself."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"latency_ns": -1}, "latency_ns"),
        ({"extra_latency_ns": (5, 1)}, "extra_latency_ns"),
        ({"reject_rates": {"other": 0.7, "no_liquidity": 0.7}}, "reject_rates"),
        ({"reject_rates": {"nonsense": 0.1}}, "nonsense"),
        ({"liquidity": {"units": "0"}}, "liquidity"),
        ({"last_look": {"decline_rate": 2}}, "decline_rate"),
        ({"terms": {"margin_rate": "0"}}, "margin_rate"),
        ({"terms": {"days_charged": [1, 2]}}, "seven days"),
        ({"margin": {"call_level": "0.4"}}, "closeout_level"),
        ({"unknown": 1}, "unknown"),
    ]
    for settings, match in wrong:
        with pytest.raises(BadUse, match=match):
            Desk(**settings)


def test_terms_stand_in_the_report() -> None:
    """The venue tells the terms in force."""
    desk = Desk()
    order = desk.submit(order_type="limit", limit_price="1.05", time_in_force="GTC")
    (report,) = desk.venue.snapshot(None, 1).orders
    assert report.terms == OrderTerms(
        order.quantity_units, "limit", time_in_force="GTC", limit_price=Decimal("1.05")
    )
    assert (report.status, report.average_price) == ("accepted", None)
    assert report.filled_units == 0


def test_a_provider_that_declines_everything_ends_what_cannot_wait() -> None:
    """An immediate order is gone; one that may wait asks again at the next tick."""
    desk = Desk(last_look={"decline_rate": 1})
    desk.submit()
    desk.submit(client_order_id="ax2", time_in_force="GTC")
    assert desk.play("60 1.1 1.1001\n70 1.1 1.1001\n80 *") == ["60 canceled last_look"]
    (working,) = (o for o in desk.venue.snapshot(None, 1).orders if o.client_order_id == "ax2")
    assert (working.status, working.filled_units) == ("accepted", Decimal(0))
