"""One contract for every venue: what a command brings about, and what cannot be.

A venue is tested through its adapter, against a double that speaks its protocol.
"""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.order_events import EventKind
from domain.orders import CLOSED_STATUSES, terms_of
from domain.reasons import Reason
from tests.contracts.venues.rig import ASK, BID, UNITS, Rig, folded
from trading.venues import Submit, Unsupported

FILL, ACK, REJECT = EventKind.FILL, EventKind.ACK, EventKind.REJECT


# Orders.


def test_a_venue_starts_and_stops_more_than_once(rig: Rig) -> None:
    """Stopping twice is stopping; a new adapter finds the account as it was."""
    rig.venue.stop()
    rig.reopen()
    assert rig.venue.snapshot(None, 5).orders == ()
    assert rig.position() == 0


def test_it_tells_its_pairs_in_decimals(rig: Rig) -> None:
    """Prices and sizes are rounded by these."""
    pair = rig.venue.instruments()["EURUSD"]
    assert pair.symbol == "EURUSD"
    assert pair.price_step > 0
    assert pair.units_step > 0
    assert 0 < pair.min_units <= UNITS <= pair.max_units
    assert 0 < pair.margin_rate <= 1
    assert isinstance(pair.price_step, Decimal)


@pytest.mark.parametrize(("side", "price", "sign"), [("buy", ASK, 1), ("sell", BID, -1)])
def test_a_market_order_is_accepted_and_fills(
    rig: Rig, side: str, price: Decimal, sign: int
) -> None:
    """A buy at the ask, a sell at the bid, exactly, and the position is there."""
    order = rig.send(rig.order(side=side))
    fill = rig.wait(order, FILL)
    assert (fill.quantity_units, fill.price) == (UNITS, price)
    assert isinstance(fill.price, Decimal)
    assert fill.execution_id
    assert fill.venue_order_id
    report = rig.venue.query(rig.known(order), 5)
    assert report is not None
    assert (report.status, report.filled_units) == ("filled", UNITS)
    rig.until(lambda: rig.position() == sign * UNITS, "position")


def test_a_limit_rests_and_fills_when_the_market_comes(rig: Rig) -> None:
    """Not before, and never worse than its price."""
    order = rig.send(rig.resting("1.09500"))
    rig.wait(order, ACK)
    assert not rig.case.settle(lambda: bool(rig.fills(order)), 0.1)
    rig.case.quote("EURUSD", Decimal("1.09480"), Decimal("1.09490"))
    assert (rig.wait(order, FILL).price or 0) <= Decimal("1.09500")
    rig.until(lambda: rig.filled(order) == UNITS, "whole fill")


def test_a_stop_waits_for_its_trigger(rig: Rig) -> None:
    """A sell below the market fills once the bid is there."""
    order = rig.send(
        rig.order(
            side="sell",
            order_type="stop",
            trigger_price=Decimal("1.09500"),
            time_in_force="GTC",
        )
    )
    rig.wait(order, ACK)
    assert not rig.case.settle(lambda: bool(rig.fills(order)), 0.1)
    rig.case.quote("EURUSD", Decimal("1.09400"), Decimal("1.09410"))
    assert rig.wait(order, FILL).price == Decimal("1.09400")


def test_a_resting_order_is_canceled(rig: Rig) -> None:
    """The answer names the request."""
    order = rig.send(rig.resting())
    rig.wait(order, ACK)
    rig.cancel(order)
    canceled = rig.wait(order, EventKind.CANCELED)
    assert canceled.request in (1, -1)
    report = rig.venue.query(rig.known(order), 5)
    assert report is not None
    assert (report.status, report.filled_units) == ("canceled", Decimal(0))
    assert rig.fills(order) == []


def test_a_cancel_after_the_fill_is_refused(rig: Rig) -> None:
    """The fill stands."""
    order = rig.send(rig.order())
    rig.wait(order, FILL)
    rig.cancel(order)
    refused = rig.wait(order, EventKind.CANCEL_REJECT)
    assert refused.unknown_order or refused.reason in (Reason.TOO_LATE, Reason.NOT_FOUND)
    assert rig.filled(order) == UNITS


def test_a_resting_order_is_replaced_and_then_canceled(rig: Rig) -> None:
    """The venue has the new terms, digit for digit; the cancel finds the order under them."""
    order = rig.send(rig.resting("1.05000"))
    rig.wait(order, ACK)
    wanted = replace(terms_of(order), limit_price=Decimal("1.06010"))
    rig.replace(order, wanted)
    rig.wait(order, EventKind.REPLACED)
    report = rig.venue.query(rig.known(order), 5)
    assert report is not None
    assert report.terms.limit_price == Decimal("1.06010")
    assert report.status not in CLOSED_STATUSES
    rig.cancel(order, request=2, previous=1)
    rig.wait(order, EventKind.CANCELED, EventKind.CANCEL_REJECT)
    report = rig.venue.query(rig.known(order), 5)
    assert report is not None
    assert report.status == "canceled"


def test_terms_come_back_digit_for_digit(rig: Rig) -> None:
    """Decimals go to the wire and come back as what they were."""
    order = rig.send(rig.resting("1.04999", quantity_units=Decimal(31_000)))
    rig.wait(order, ACK)
    report = rig.venue.query(rig.known(order), 5)
    assert report is not None
    assert (report.client_order_id, report.symbol, report.side) == (
        order.client_order_id,
        "EURUSD",
        "buy",
    )
    assert report.terms.limit_price == Decimal("1.04999")
    assert isinstance(report.terms.limit_price, Decimal)
    assert report.terms.quantity_units == 31_000
    assert (report.terms.order_type, report.terms.time_in_force) == ("limit", "GTC")


def test_prices_off_its_grid_are_rounded_to_the_better_side(rig: Rig) -> None:
    """The book is told: the order stands under the terms that were sent."""
    order = rig.resting("1.0500049")
    if rig.case.name == "paper":
        assert rig.refused(order) == Reason.BAD_PRICE
        return
    rig.send(order)
    rig.wait(order, ACK)
    told = rig.wait(order, EventKind.REPLACED)
    assert told.terms is not None
    assert (told.request, told.terms.limit_price) == (-1, Decimal("1.05000"))
    rig.replace(order, replace(terms_of(order), limit_price=Decimal("1.0600099")))
    again = rig.wait(order, EventKind.REPLACED, request=1)
    assert again.terms is not None
    assert again.terms.limit_price == Decimal("1.06000")
    report = rig.venue.query(rig.known(order), 5)
    assert report is not None
    assert report.terms.limit_price == Decimal("1.06000")
    first = [e for e in rig.of(order) if e.kind in (ACK, EventKind.REPLACED) and e.request != 1]
    book = folded(rig, [order], first)
    assert book[order.client_order_id].order.limit_price == Decimal("1.05000")
    assert book[order.client_order_id].order.status == "accepted"


# What cannot be.


@pytest.mark.parametrize("price", ["NaN", "-1.05", "0.000001"])
def test_a_price_that_is_none_is_refused(rig: Rig, price: str) -> None:
    """By the adapter: nothing leaves."""
    assert rig.refused(rig.resting(price)) == Reason.BAD_PRICE
    assert rig.case.name == "paper" or rig.case.submits() == []


def test_a_second_order_of_one_id_is_refused(rig: Rig) -> None:
    """One order is at the venue, and one position comes of it."""
    if not rig.venue.capabilities.client_ids:
        pytest.skip("the venue keeps no client ids")
    order = rig.send(rig.order())
    rig.wait(order, FILL)
    rig.venue.send(Submit(order))
    assert rig.wait(order, REJECT).reason == Reason.DUPLICATE_ID
    assert len(rig.fills(order)) == 1
    assert rig.position() == UNITS


def test_an_unknown_symbol_is_refused(rig: Rig) -> None:
    """By the adapter or by the venue; nothing fills."""
    order = rig.order(symbol="XXXYYY")
    assert rig.refused(order)
    assert rig.fills(order) == []


@pytest.mark.parametrize("units", ["0", "-1000", "30000.5"])
def test_a_bad_quantity_is_refused(rig: Rig, units: str) -> None:
    """By the adapter or by the venue; nothing fills."""
    order = rig.order(quantity_units=Decimal(units))
    assert rig.refused(order)
    assert rig.fills(order) == []


def test_what_is_not_among_its_capabilities_is_refused_before_it_is_sent(rig: Rig) -> None:
    """The venue never hears of it."""
    known = rig.venue.capabilities.times_in_force
    stop = {"order_type": "stop", "trigger_price": Decimal("1.20000")}
    times = ("FOK", "IOC", "GTD", "GFD")
    missing = [time for time in times if time not in known.get("stop", frozenset())]
    if not missing:
        pytest.skip("the venue can do every stop")
    with pytest.raises(Unsupported):
        rig.send(rig.order(**stop, time_in_force=missing[0]))
    assert rig.case.submits() == []


# Its own record.


def test_an_order_that_never_was_is_not_known(rig: Rig) -> None:
    """None is an answer."""
    assert rig.venue.query(rig.order(), 5) is None


def test_the_snapshot_is_what_the_events_add_up_to(rig: Rig) -> None:
    """Orders, fills and positions; and the events make a book that agrees."""
    bought = rig.send(rig.order())
    rig.wait(bought, FILL)
    sold = rig.send(rig.order(side="sell", quantity_units=UNITS * 2))
    rig.wait(sold, FILL)
    waiting = rig.send(rig.resting())
    rig.wait(waiting, ACK)
    rig.until(lambda: rig.position() == -UNITS, "position")
    snapshot = rig.venue.snapshot(None, 5)
    assert snapshot.complete
    if snapshot.last_sequence is not None:
        assert rig.venue.snapshot(snapshot.last_sequence, 5).executions == ()
    assert snapshot.account == rig.venue.account
    assert {e.execution_id for e in snapshot.executions} == {
        e.execution_id for o in (bought, sold) for e in rig.fills(o)
    }
    by_id = {report.client_order_id: report for report in snapshot.orders}
    assert by_id[waiting.client_order_id].status == "accepted"
    orders = [bought, sold, waiting]
    book = folded(rig, orders, [e for order in orders for e in rig.of(order)])
    assert [book[o.client_order_id].order.status for o in orders] == [
        "filled",
        "filled",
        "accepted",
    ]
    assert book.position("EURUSD").units == -UNITS


def test_fills_while_nobody_listened_are_in_the_snapshot(rig: Rig) -> None:
    """A new adapter on the account recovers every fill by its id, none twice."""
    order = rig.send(rig.resting("1.09500"))
    rig.wait(order, ACK)
    rig.venue.stop()
    rig.case.quote("EURUSD", Decimal("1.09480"), Decimal("1.09490"))
    rig.reopen()
    rig.until(lambda: rig.position() == UNITS, "position")
    executions = rig.venue.snapshot(None, 5).executions
    assert len({e.execution_id for e in executions}) == len(executions)
    assert sum(e.quantity_units or 0 for e in executions) == UNITS
    report = rig.venue.query(order, 5)
    assert report is not None
    assert report.status == "filled"


def test_strategy_user_and_model_are_on_the_wire(rig: Rig) -> None:
    """Every order says who answers for it."""
    read = getattr(rig.case, "attribution", None)
    if read is None:
        pytest.skip(f"the case of {rig.case.name} does not show who an order is attributed to")
    order = rig.send(rig.order())
    rig.wait(order, FILL)
    assert read(order.client_order_id) == ("trend", "ann", "m1")
