"""Every order type and time in force, from the adapter through HTTP to the double and back."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from domain.nanos import SECOND_NS
from domain.order_events import EventKind
from domain.orders import terms_of
from domain.reasons import Reason
from tests.brokers.oanda.rig import UNITS, OandaRig
from trading.venues import AccountCharge, Replace, Unsupported

ACK, FILL, CANCELED, EXPIRED = (
    EventKind.ACK,
    EventKind.FILL,
    EventKind.CANCELED,
    EventKind.EXPIRED,
)
CASES: list[tuple[dict[str, Any], tuple[str, str], str]] = [
    ({"order_type": "limit", "limit_price": "1.09"}, ("1.08980", "1.08990"), "1.08990"),
    ({"order_type": "stop", "trigger_price": "1.11"}, ("1.11000", "1.11010"), "1.11010"),
    (
        {"order_type": "market_if_touched", "trigger_price": "1.09"},
        ("1.08980", "1.08990"),
        "1.08990",
    ),
    (
        {"order_type": "market_if_touched", "trigger_price": "1.11"},
        ("1.11000", "1.11010"),
        "1.11010",
    ),
    # A gap goes over the trigger: the first price that can be had counts.
    ({"order_type": "stop", "trigger_price": "1.11"}, ("1.15000", "1.15010"), "1.15010"),
    (
        {"order_type": "stop", "trigger_price": "1.11", "trigger_side": "bid"},
        ("1.11000", "1.11010"),
        "1.11010",
    ),
]


def decimals(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields with their prices as decimals."""
    return {k: Decimal(v) if k.endswith("_price") else v for k, v in fields.items()}


@pytest.mark.parametrize(("fields", "market", "paid"), CASES)
def test_a_pending_order_fills_when_the_market_comes(
    rig: OandaRig, fields: dict[str, Any], market: tuple[str, str], paid: str
) -> None:
    """It waits, and then fills whole at the market's price of that moment."""
    order = rig.accepted(rig.order(time_in_force="GTC", **decimals(fields)))
    rig.server.quote("EURUSD", "1.10001", "1.10011")
    assert rig.kinds(order) == [ACK]
    rig.server.quote("EURUSD", *market)
    fill = rig.wait(order, FILL)
    assert (fill.quantity_units, fill.price) == (UNITS, Decimal(paid))
    assert (fill.symbol, fill.side, fill.cum_units) == ("EURUSD", "buy", UNITS)
    assert fill.venue_order_id == order.venue_order_id
    assert fill.sequence == rig.server.exchange.log.last_id
    assert rig.kinds(order) == [ACK, FILL]


def test_what_is_on_the_wire_says_who_answers_for_the_order(rig: OandaRig) -> None:
    """Id, strategy, user and model travel on the order and on its trade; decimals are strings."""
    order = rig.send(rig.order())
    rig.wait(order, FILL)
    created = rig.server.exchange.log.find(2)
    assert created is not None
    expected = {"id": order.client_order_id, "tag": "trend", "comment": "ann/m1"}
    assert created["clientExtensions"] == expected
    assert created["tradeClientExtensions"] == expected
    assert created["units"] == "10000"
    assert created["timeInForce"] == "FOK"


def test_a_market_order_beyond_its_bound_is_canceled(rig: OandaRig) -> None:
    """The bound is the worst price."""
    order = rig.send(rig.order(price_bound=Decimal("1.10009")))
    assert rig.wait(order, CANCELED).reason == Reason.PRICE_BOUND
    assert FILL not in rig.kinds(order)
    good = rig.send(rig.order(price_bound=Decimal("1.10010")))
    assert rig.wait(good, FILL).price == Decimal("1.10010")


def test_an_immediate_order_takes_what_there_is_and_the_rest_is_canceled(rig: OandaRig) -> None:
    """v20 says nothing of the rest: the adapter does."""
    rig.server.faults.partial_next = True
    order = rig.send(rig.order(time_in_force="IOC"))
    rest = rig.wait(order, CANCELED)
    fill = rig.wait(order, FILL)
    assert (fill.quantity_units, fill.cum_units) == (Decimal(5_000), Decimal(5_000))
    assert rest.reason == Reason.NO_LIQUIDITY
    assert (rest.cum_units, rest.leaves_units) == (Decimal(5_000), Decimal(0))
    report = rig.venue.query(order, 2)
    assert report is not None
    assert (report.status, report.filled_units) == ("canceled", Decimal(5_000))


def test_all_or_nothing_is_nothing_where_there_is_not_all(rig: OandaRig) -> None:
    """A FOK order never fills in part."""
    rig.server.faults.partial_next = True
    order = rig.send(rig.order())
    assert rig.wait(order, CANCELED).reason == Reason.NO_LIQUIDITY
    assert FILL not in rig.kinds(order)


def test_an_order_good_till_a_time_expires_then(rig: OandaRig) -> None:
    """The expiry is no cancel."""
    now_ns = rig.server.exchange.wall_ns()
    order = rig.accepted(
        rig.resting(time_in_force="GTD", expire_ns=now_ns + SECOND_NS // 5),
    )
    document = rig.server.exchange.account.find_order(order.venue_order_id)
    assert document is not None
    assert document.gtd_ns == now_ns + SECOND_NS // 5
    rig.until(lambda: rig.server.exchange.wall_ns() > now_ns + SECOND_NS // 5)
    rig.server.quote("EURUSD", "1.10000", "1.10010")
    assert rig.wait(order, EXPIRED).reason == ""
    report = rig.venue.query(order, 2)
    assert report is not None
    assert report.status == "expired"


def test_an_order_for_the_day_is_native(rig: OandaRig) -> None:
    """v20 ends it at 17:00 New York by itself."""
    order = rig.accepted(rig.resting(time_in_force="GFD"))
    document = rig.server.exchange.account.find_order(order.venue_order_id)
    assert document is not None
    assert document.time_in_force == "GFD"


def protected(rig: OandaRig, kind: str, **fields: Any) -> Any:
    """Open a position and put an order on its trade."""
    parent = rig.send(rig.order())
    rig.wait(parent, FILL)
    return rig.accepted(
        rig.order(
            order_type=kind,
            side="sell",
            parent_id=parent.client_order_id,
            time_in_force="GTC",
            **fields,
        )
    )


@pytest.mark.parametrize(
    ("kind", "fields", "market", "paid"),
    [
        ("stop_loss", {"trigger_price": Decimal("1.09")}, ("1.08990", "1.09000"), "1.08990"),
        ("take_profit", {"limit_price": Decimal("1.11")}, ("1.11000", "1.11010"), "1.11000"),
    ],
)
def test_a_stop_or_target_of_a_trade_closes_it(
    rig: OandaRig, kind: str, fields: dict[str, Any], market: tuple[str, str], paid: str
) -> None:
    """It is addressed by the parent's id, and sells what the parent bought."""
    order = protected(rig, kind, **fields)
    trade_order = rig.server.exchange.account.find_order(order.venue_order_id)
    assert trade_order is not None
    assert trade_order.kind == kind.upper()
    rig.server.quote("EURUSD", *market)
    fill = rig.wait(order, FILL)
    assert (fill.side, fill.quantity_units, fill.price) == ("sell", UNITS, Decimal(paid))
    assert rig.venue.snapshot(None, 2).positions == ()


def test_a_trailing_stop_follows_the_market_and_sells_when_it_turns(rig: OandaRig) -> None:
    """Its level only ever rises."""
    order = protected(rig, "trailing_stop", trailing_distance=Decimal("0.00200"))
    rig.server.quote("EURUSD", "1.11000", "1.11010")
    rig.server.quote("EURUSD", "1.10810", "1.10820")
    assert FILL not in rig.kinds(order)
    rig.server.quote("EURUSD", "1.10790", "1.10800")
    assert rig.wait(order, FILL).price == Decimal("1.10790")


def test_the_other_orders_of_a_trade_end_with_it(rig: OandaRig) -> None:
    """v20 links them; the reason says so."""
    stop = protected(rig, "stop_loss", trigger_price=Decimal("1.09"))
    closing = rig.send(rig.order(side="sell"))
    rig.wait(closing, FILL)
    assert rig.wait(stop, CANCELED).reason == Reason.LINKED


def test_a_stop_without_a_parent_protects_the_position(rig: OandaRig) -> None:
    """It goes out as a stop that only reduces."""
    opened = rig.send(rig.order())
    rig.wait(opened, FILL)
    order = rig.accepted(
        rig.order(
            order_type="stop_loss",
            side="sell",
            quantity_units=Decimal(4_000),
            trigger_price=Decimal("1.09"),
            time_in_force="GTC",
        )
    )
    document = rig.server.exchange.account.find_order(order.venue_order_id)
    assert document is not None
    assert (document.kind, document.position_fill) == ("STOP", "REDUCE_ONLY")
    rig.server.quote("EURUSD", "1.08990", "1.09000")
    assert rig.wait(order, FILL).quantity_units == Decimal(4_000)
    assert rig.venue.snapshot(None, 2).positions[0].units == Decimal(6_000)


def test_what_only_reduces_opens_nothing(rig: OandaRig) -> None:
    """Without a position it is canceled, and it never turns one round."""
    lonely = rig.send(rig.order(side="sell", position_effect="reduce_only"))
    assert rig.wait(lonely, CANCELED).reason == Reason.REDUCE_ONLY
    opened = rig.send(rig.order(quantity_units=Decimal(3_000)))
    rig.wait(opened, FILL)
    closing = rig.send(rig.order(side="sell", position_effect="reduce_only"))
    rest = rig.wait(closing, CANCELED)
    assert (rest.reason, rest.cum_units) == (Reason.REDUCE_ONLY, Decimal(3_000))
    assert rig.venue.snapshot(None, 2).positions == ()


def test_a_replace_is_a_cancel_and_a_new_order_with_a_name_of_its_own(rig: OandaRig) -> None:
    """Two ids at the broker, one order here; the cancel of the old one is no event."""
    order = rig.accepted(rig.resting("1.05000"))
    terms = replace(terms_of(order), limit_price=Decimal("1.06"), quantity_units=Decimal(7_000))
    rig.venue.send(Replace(order, terms, request=1))
    replaced = rig.wait(order, EventKind.REPLACED)
    assert (replaced.request, replaced.terms) == (1, terms)
    assert replaced.venue_order_id != order.venue_order_id
    new = rig.server.exchange.account.find_order(replaced.venue_order_id)
    assert new is not None
    assert new.client_id == order.client_order_id + "01"
    assert rig.kinds(order) == [ACK, EventKind.REPLACED]
    report = rig.venue.query(order, 2)
    assert report is not None
    assert (report.venue_order_id, report.terms) == (replaced.venue_order_id, terms)
    rig.server.quote("EURUSD", "1.05980", "1.05990")
    assert rig.wait(order, FILL).quantity_units == Decimal(7_000)


def test_a_replace_that_the_broker_refuses_leaves_the_order_as_it_was(rig: OandaRig) -> None:
    """The refusal names the request and the reason."""
    order = rig.accepted(rig.resting())
    rig.server.faults.reject_next = "PRICE_INVALID"
    rig.venue.send(Replace(order, replace(terms_of(order), limit_price=Decimal("1.06")), 1))
    refused = rig.wait(order, EventKind.REPLACE_REJECT)
    assert (refused.request, refused.reason) == (1, Reason.BAD_PRICE)
    report = rig.venue.query(order, 2)
    assert report is not None
    assert (report.status, report.terms) == ("accepted", terms_of(order))


def test_a_replace_of_a_filled_order_is_refused_as_too_late(rig: OandaRig) -> None:
    """The broker calls it unknown; the adapter has seen its end."""
    order = rig.accepted(rig.resting())
    rig.server.quote("EURUSD", "1.04980", "1.04990")
    rig.wait(order, FILL)
    rig.venue.send(Replace(order, replace(terms_of(order), limit_price=Decimal("1.06")), 1))
    refused = rig.wait(order, EventKind.REPLACE_REJECT)
    assert (refused.reason, refused.unknown_order) == (Reason.TOO_LATE, False)


def test_a_cancel_of_an_order_that_the_broker_does_not_know_says_so(rig: OandaRig) -> None:
    """It is a doubt, not an answer."""
    never = rig.order()
    rig.cancel(never)
    refused = rig.wait(never, EventKind.CANCEL_REJECT)
    assert (refused.request, refused.unknown_order) == (1, True)


def test_a_cancel_right_behind_its_submit_does_not_overtake_it(rig: OandaRig) -> None:
    """Commands about one order leave in turn, however slow the first."""
    rig.server.faults.delay_s = 0.1
    order = rig.send(rig.resting())
    rig.cancel(order)
    rig.wait(order, CANCELED)
    assert rig.kinds(order) == [ACK, CANCELED]


def test_prices_off_the_grid_are_rounded_and_the_book_is_told(rig: OandaRig) -> None:
    """The order stands with five digits; REPLACED says which."""
    order = rig.send(rig.resting("1.0500049"))
    restated = rig.wait(order, EventKind.REPLACED)
    assert rig.kinds(order) == [ACK, EventKind.REPLACED]
    assert restated.request == -1
    assert restated.terms == replace(terms_of(order), limit_price=Decimal("1.05000"))


@pytest.mark.parametrize(
    "fields",
    [
        {"order_type": "stop_limit", "time_in_force": "GTC"},
        {"order_type": "trailing_stop", "time_in_force": "GTC"},
        {"time_in_force": "GTC"},
        {"order_type": "stop", "time_in_force": "IOC"},
        {"symbol": "XAUUSD"},
        {"strategy": "s" * 129},
        {"user": "u" * 64, "model_id": "m" * 64},
    ],
)
def test_what_v20_cannot_do_is_refused_before_it_is_sent(
    rig: OandaRig, fields: dict[str, Any]
) -> None:
    """Nothing arrives."""
    with pytest.raises(Unsupported):
        rig.send(rig.order(**fields))
    assert rig.server.submits == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"quantity_units": Decimal("1000.5")}, Reason.BAD_QUANTITY),
        ({"quantity_units": Decimal("0.5")}, Reason.BAD_QUANTITY),
        ({"quantity_units": Decimal("1E12")}, Reason.BAD_QUANTITY),
        ({"price_bound": Decimal("NaN")}, Reason.BAD_PRICE),
    ],
)
def test_what_does_not_fit_the_grid_is_refused_by_an_event(
    rig: OandaRig, fields: dict[str, Any], reason: Reason
) -> None:
    """Nothing arrives."""
    order = rig.send(rig.order(**fields))
    assert rig.wait(order, EventKind.REJECT).reason == reason
    assert rig.server.submits == []


def test_a_reject_of_the_broker_carries_our_word_for_it(rig: OandaRig) -> None:
    """The order never was."""
    rig.server.faults.reject_next = "PENDING_ORDERS_ALLOWED_EXCEEDED"
    order = rig.send(rig.resting())
    assert rig.wait(order, EventKind.REJECT).reason == Reason.TOO_MANY_ORDERS
    assert rig.kinds(order) == [EventKind.REJECT]


def test_a_position_beyond_the_margin_is_canceled(rig: OandaRig) -> None:
    """v20 takes the order and cancels it."""
    order = rig.send(rig.order(quantity_units=Decimal(9_000_000)))
    assert rig.wait(order, CANCELED).reason == Reason.INSUFFICIENT_MARGIN


def test_a_halted_market_cancels_market_orders(rig: OandaRig) -> None:
    """``tradeable`` wins over any calendar."""
    rig.server.quote("EURUSD", "1.10000", "1.10010", tradeable=False)
    order = rig.send(rig.order())
    assert rig.wait(order, CANCELED).reason == Reason.MARKET_CLOSED


def test_a_fill_over_several_trades_at_one_price_is_one_execution(rig: OandaRig) -> None:
    """The parts add up to the transaction."""
    for _ in range(2):
        rig.wait(rig.send(rig.order()), FILL)
    closing = rig.send(rig.order(side="sell", quantity_units=UNITS * 3))
    fill = rig.wait(closing, FILL)
    assert (fill.quantity_units, fill.price) == (UNITS * 3, Decimal("1.10000"))
    assert [p.units for p in rig.venue.snapshot(None, 2).positions] == [-UNITS]


def test_an_order_that_was_made_elsewhere_is_taken_over(rig: OandaRig) -> None:
    """It has no id of ours: its fill says which order, which pair and which side."""
    opened = rig.send(rig.order())
    rig.wait(opened, FILL)
    rig.server.exchange.close_trade("@" + opened.client_order_id, "ALL", "r1")
    rig.settled()
    external, fill = rig.heard[-2:]
    assert external.kind == EventKind.EXTERNAL  # type: ignore[union-attr]
    assert external.status == "accepted"  # type: ignore[union-attr]
    assert (fill.client_order_id, fill.side, fill.symbol) == ("", "sell", "EURUSD")  # type: ignore[union-attr]
    assert fill.venue_order_id == external.venue_order_id  # type: ignore[union-attr]


@pytest.mark.parametrize("began", ["before the logon", "after it"])
def test_a_cancel_of_an_order_that_was_made_elsewhere_is_answered_once(
    rig: OandaRig, began: str
) -> None:
    """Under the name that it has here, and with the number of the request: nothing is in doubt."""
    if began == "before the logon":
        rig.venue.stop()
    request = {
        "type": "LIMIT",
        "instrument": "EUR_USD",
        "units": "10",
        "price": "1.05000",
        "timeInForce": "GTC",
    }
    _, reply = rig.server.exchange.create(request, "r1")
    theirs = rig.resting(venue_order_id=reply["orderCreateTransaction"]["id"])
    if began == "before the logon":
        rig.venue = rig.new_venue()
        rig.start()
    else:
        rig.settled()
    rig.cancel(theirs, request=7)
    canceled = rig.wait(theirs, EventKind.CANCELED)
    assert (canceled.request, canceled.venue_order_id) == (7, theirs.venue_order_id)
    rig.venue.stop()
    assert rig.kinds(theirs) == [EventKind.CANCELED]


def test_financing_is_a_charge_beside_any_fill(rig: OandaRig) -> None:
    """It names the pair, the amount and the account's currency."""
    rig.server.exchange.finance("EUR_USD", Decimal("-1.2345"))
    rig.until(lambda: any(isinstance(e, AccountCharge) for e in rig.heard))
    charge = next(e for e in rig.heard if isinstance(e, AccountCharge))
    assert (charge.kind, charge.symbol, charge.amount, charge.currency) == (
        "financing",
        "EURUSD",
        Decimal("-1.2345"),
        "USD",
    )
    assert charge.sequence == 2
