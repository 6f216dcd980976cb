"""Orders from the adapter to the gateway and back, over the socket."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from domain.order_events import EventKind
from domain.orders import terms_of
from domain.reasons import Reason
from tests.brokers.ib.rig import ASK, BID, NOON_NS, Rig, a_market_order, an_order
from trading.venues import Cancel, NotSent, Replace, Submit, Unsupported


def test_a_market_order_is_taken_and_filled_once_however_often_its_state_is_told(rig: Rig) -> None:
    """E8: four states of one order arrive, two events leave."""
    order = rig.submit(a_market_order())
    rig.until_kinds(order, "ack", "fill")
    fill = rig.last(order, EventKind.FILL)
    assert (fill.quantity_units, fill.price) == (Decimal(20_000), ASK)
    assert (fill.cum_units, fill.leaves_units, fill.average_price) == (
        Decimal(20_000),
        Decimal(0),
        ASK,
    )
    assert fill.ts_event_ns == NOON_NS
    assert fill.venue_order_id.isdigit()


def test_a_commission_is_a_charge_beside_the_fill(rig: Rig) -> None:
    """The fill is passed on before its commission is known."""
    order = rig.submit(a_market_order())
    rig.until(lambda: len(rig.charges()) == 1)
    (charge,) = rig.charges()
    assert (charge.kind, charge.symbol, charge.amount, charge.currency) == (
        "commission",
        "EURUSD",
        Decimal(-2),
        "USD",
    )
    assert rig.last(order, EventKind.FILL).commission == 0


RESTING: list[tuple[str, dict[str, Any], Decimal]] = [
    ("limit", {"limit_price": Decimal("1.09")}, Decimal("1.089")),
    ("take_profit", {"limit_price": Decimal("1.09")}, Decimal("1.089")),
    (
        "market_if_touched",
        {"limit_price": None, "trigger_price": Decimal("1.09")},
        Decimal("1.089"),
    ),
    ("stop", {"limit_price": None, "trigger_price": Decimal("1.11")}, Decimal("1.112")),
    ("stop_loss", {"limit_price": None, "trigger_price": Decimal("1.11")}, Decimal("1.112")),
    (
        "stop_limit",
        {"limit_price": Decimal("1.12"), "trigger_price": Decimal("1.11")},
        Decimal("1.112"),
    ),
    (
        "trailing_stop",
        {"limit_price": None, "trailing_distance": Decimal("0.01")},
        Decimal("1.112"),
    ),
]


@pytest.mark.parametrize(("order_type", "prices", "ask"), RESTING)
def test_every_type_rests_and_trades_where_it_should(
    rig: Rig, order_type: str, prices: dict[str, Any], ask: Decimal
) -> None:
    """A resting order is accepted, and fills at the price that touches it, not before."""
    order = rig.submit(an_order(order_type=order_type, **prices))
    rig.until_kinds(order, "ack")
    report = rig.venue.query(order, 3.0)
    assert report is not None
    assert report.status == "accepted"
    rig.gateway.quote("EURUSD", ask - Decimal("0.00005"), ask)
    rig.until(lambda: "fill" in rig.kinds(order))
    waits = order_type not in {"limit", "take_profit"}
    assert rig.kinds(order)[0] == "ack"
    assert rig.kinds(order)[-1] == "fill"
    assert rig.last(order, EventKind.FILL).price == ask
    # A stop that triggers and fills at once tells its fill first; the trigger is no news then.
    assert len(rig.kinds(order)) == 2 or (waits and rig.kinds(order)[1] == "triggered")


def test_a_stop_limit_that_triggers_and_rests_is_triggered_once(rig: Rig) -> None:
    """From PreSubmitted to Submitted, told twice."""
    price = Decimal("1.11")
    order = rig.submit(an_order(order_type="stop_limit", limit_price=price, trigger_price=price))
    rig.until_kinds(order, "ack")
    rig.gateway.quote("EURUSD", Decimal("1.11995"), Decimal("1.12"))
    rig.until_kinds(order, "ack", "triggered")
    report = rig.venue.query(order, 3.0)
    assert report is not None
    assert report.status == "triggered"


def test_a_trailing_stop_follows_the_market_and_sells_when_it_turns(rig: Rig) -> None:
    """The stop of a sale rises with the bid."""
    order = rig.submit(
        an_order(
            side="sell",
            order_type="trailing_stop",
            limit_price=None,
            trailing_distance=Decimal("0.001"),
        )
    )
    rig.until_kinds(order, "ack")
    rig.gateway.quote("EURUSD", Decimal("1.105"), Decimal("1.10505"))
    rig.gateway.quote("EURUSD", Decimal("1.1045"), Decimal("1.10455"))
    rig.until_kinds(order, "ack")
    rig.gateway.quote("EURUSD", Decimal("1.104"), Decimal("1.10405"))
    rig.until_kinds(order, "ack", "fill")
    assert rig.last(order, EventKind.FILL).price == Decimal("1.104")


@pytest.mark.parametrize("time_in_force", ["IOC", "FOK"])
def test_what_finds_no_price_at_once_is_canceled_for_want_of_liquidity(
    rig: Rig, time_in_force: str
) -> None:
    """A limit below the market that may not rest."""
    order = rig.submit(an_order(time_in_force=time_in_force))
    rig.until_kinds(order, "ack", "canceled")
    ended = rig.last(order, EventKind.CANCELED)
    assert (ended.reason, ended.leaves_units) == ("no_liquidity", Decimal(0))


def test_an_ioc_order_keeps_its_part_and_loses_the_rest(rig: Rig) -> None:
    """Part fills, the rest is canceled with the fill counted."""
    rig.gateway.faults.partial = "5000"
    order = rig.submit(a_market_order())
    rig.until_kinds(order, "ack", "fill", "canceled")
    assert rig.last(order, EventKind.FILL).leaves_units == Decimal(15_000)
    assert rig.last(order, EventKind.CANCELED).cum_units == Decimal(5_000)


def test_a_gtd_order_expires_by_its_own_time(rig: Rig) -> None:
    """TWS says canceled; the order's time says expired."""
    order = rig.submit(an_order(time_in_force="GTD", expire_ns=NOON_NS + 60 * 10**9))
    rig.until_kinds(order, "ack")
    rig.clock.advance(61)
    rig.gateway.quote("EURUSD", BID, ASK)
    rig.until_kinds(order, "ack", "expired")


def test_a_day_order_expires_at_five_in_new_york(rig: Rig) -> None:
    """GFD is IB's DAY."""
    order = rig.submit(an_order(time_in_force="GFD"))
    rig.until_kinds(order, "ack")
    rig.clock.set(17, 0)
    rig.gateway.quote("EURUSD", BID, ASK)
    rig.until_kinds(order, "ack", "expired")


def test_a_cancel_is_answered_with_its_number(rig: Rig) -> None:
    """Asked, pending, gone; 202 and three states make one event."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    rig.venue.send(Cancel(order, request=3))
    rig.until_kinds(order, "ack", "pending_cancel_ack", "canceled")
    ended = rig.last(order, EventKind.CANCELED)
    assert (ended.request, ended.reason) == (3, Reason.REQUESTED)


def test_a_cancel_right_behind_its_submit_arrives_behind_it(rig: Rig) -> None:
    """No answer is waited for."""
    order = an_order()
    rig.venue.send(Submit(order))
    rig.venue.send(Cancel(order, request=1))
    rig.until_kinds(order, "ack", "pending_cancel_ack", "canceled")


def test_a_cancel_of_a_filled_order_is_too_late(rig: Rig) -> None:
    """10148."""
    order = rig.submit(a_market_order())
    rig.until_kinds(order, "ack", "fill")
    rig.venue.send(Cancel(order, request=1))
    rig.until_kinds(order, "ack", "fill", "cancel_reject")
    rejected = rig.last(order, EventKind.CANCEL_REJECT)
    assert (rejected.reason, rejected.unknown_order) == (Reason.TOO_LATE, False)


def test_a_cancel_of_an_order_that_nobody_knows_says_so(rig: Rig) -> None:
    """Without an order id there is nothing to send; the answer is an event all the same."""
    order = an_order(9)
    rig.venue.send(Cancel(order, request=1))
    rig.until(lambda: rig.kinds(order) == ["cancel_reject"])
    assert rig.last(order, EventKind.CANCEL_REJECT).unknown_order


def test_a_replace_changes_price_and_quantity_under_the_same_id(rig: Rig) -> None:
    """The echo of the new terms is the answer; the old ones told again are none."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    wanted = replace(terms_of(order), limit_price=Decimal("1.095"), quantity_units=Decimal(30_000))
    rig.venue.send(Replace(order, wanted, request=1))
    rig.until_kinds(order, "ack", "replaced")
    told = rig.last(order, EventKind.REPLACED)
    assert (told.request, told.terms) == (1, wanted)
    (held,) = rig.gateway.book.orders
    assert (held.fields["lmtPrice"], held.fields["totalQuantity"]) == ("1.095", "30000")
    assert rig.gateway.book.submits == [order.client_order_id]


def test_a_replace_off_the_grid_is_refused_and_the_order_stays(rig: Rig) -> None:
    """110 on a change leaves the order as it was; the grid has become coarser since the logon."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    rig.gateway.book.pip_parts = 1
    wanted = replace(terms_of(order), limit_price=Decimal("1.09505"))
    rig.venue.send(Replace(order, wanted, request=1))
    rig.until_kinds(order, "ack", "replace_reject")
    assert rig.last(order, EventKind.REPLACE_REJECT).reason == Reason.BAD_PRICE
    report = rig.venue.query(order, 3.0)
    assert report is not None
    assert report.terms.limit_price == Decimal("1.09")


def test_a_replace_of_a_filled_order_is_too_late(rig: Rig) -> None:
    """104."""
    order = rig.submit(an_order(limit_price=Decimal("1.2")))
    rig.until_kinds(order, "ack", "fill")
    wanted = replace(terms_of(order), limit_price=Decimal("1.19"))
    rig.venue.send(Replace(order, wanted, request=1))
    rig.until_kinds(order, "ack", "fill", "replace_reject")
    assert rig.last(order, EventKind.REPLACE_REJECT).reason == Reason.TOO_LATE


def test_a_change_by_a_person_is_an_unasked_replace(rig: Rig) -> None:
    """TWS's own window changed the price."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    (held,) = rig.gateway.book.orders
    held.fields["lmtPrice"] = "1.08"
    rig.gateway.desk.tell(held.client_id, rig.gateway.desk.state(held))
    rig.until_kinds(order, "ack", "replaced")
    told = rig.last(order, EventKind.REPLACED)
    assert told.request == -1
    assert told.terms is not None
    assert told.terms.limit_price == Decimal("1.08")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"limit_price": Decimal("1.09005")}, Reason.BAD_PRICE),
        ({"quantity_units": Decimal(0)}, Reason.BAD_QUANTITY),
    ],
)
def test_an_order_that_tws_refuses_is_rejected_with_our_word(
    rig: Rig, changes: dict[str, Any], reason: Reason
) -> None:
    """110, where the grid has become coarser since the logon, and 434 of a new order."""
    rig.gateway.book.pip_parts = 1
    order = rig.submit(an_order(**changes))
    rig.until_kinds(order, "reject")
    assert (rig.last(order, EventKind.REJECT).reason, rig.gateway.book.orders) == (reason, [])


def test_a_reject_for_margin_says_margin(rig: Rig) -> None:
    """201 tells its reason in words; the Inactive behind it is no second event."""
    rig.gateway.faults.reject = "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN MARGIN ..."
    order = rig.submit(an_order())
    rig.until_kinds(order, "reject")
    assert rig.last(order, EventKind.REJECT).reason == Reason.INSUFFICIENT_MARGIN


def test_the_venue_may_end_an_order_by_itself(rig: Rig) -> None:
    """202 without a request."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    rig.gateway.cancel_by_venue(rig.gateway.book.orders[0], "margin deficiency")
    rig.until_kinds(order, "ack", "canceled")
    assert rig.last(order, EventKind.CANCELED).reason == Reason.INSUFFICIENT_MARGIN


def test_model_strategy_and_user_are_on_the_wire(rig: Rig) -> None:
    """RTS 6: each order says who answers for it."""
    rig.until_kinds(rig.submit(an_order()), "ack")
    fields = rig.gateway.book.orders[0].fields
    assert fields["orderRef"] == an_order().client_order_id
    assert (fields["mifid2DecisionAlgo"], fields["mifid2ExecutionAlgo"], fields["extOperator"]) == (
        "model-7",
        "carry",
        "ann",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"price_bound": Decimal("1.2")},
        {"position_effect": "reduce_only"},
        {"trigger_side": "bid"},
        {"symbol": "GBPUSD"},
        {"order_type": "stop", "time_in_force": "IOC", "trigger_price": Decimal("1.2")},
        {"order_type": "trailing_stop"},
        {"order_type": "limit", "limit_price": None},
        {"order_type": "stop_limit", "trigger_price": None},
    ],
)
def test_what_ib_cannot_do_is_refused_before_it_leaves(rig: Rig, changes: dict[str, Any]) -> None:
    """Nothing reaches the gateway."""
    with pytest.raises(Unsupported):
        rig.submit(an_order(**changes))
    assert rig.gateway.book.submits == []


def test_a_replace_cannot_change_the_type(rig: Rig) -> None:
    """TWS would refuse it by 329."""
    order = rig.submit(an_order())
    wanted = replace(terms_of(order), order_type="market", time_in_force="IOC", limit_price=None)
    with pytest.raises(Unsupported, match="cancel it and send another"):
        rig.venue.send(Replace(order, wanted, request=1))


def test_an_adapter_that_is_not_started_sends_nothing(rig: Rig) -> None:
    """Provably so."""
    with pytest.raises(NotSent):
        rig.open(client_id=2).send(Submit(an_order()))


def test_an_order_at_mid_triggers_at_mid(rig: Rig) -> None:
    """Trigger method 8."""
    order = rig.submit(
        an_order(
            order_type="stop",
            limit_price=None,
            trigger_price=Decimal("1.105"),
            trigger_side="mid",
        )
    )
    rig.until_kinds(order, "ack")
    rig.gateway.quote("EURUSD", Decimal("1.104"), Decimal("1.10595"))
    rig.until_kinds(order, "ack")
    rig.gateway.quote("EURUSD", Decimal("1.1045"), Decimal("1.1055"))
    rig.until(lambda: "fill" in rig.kinds(order))
