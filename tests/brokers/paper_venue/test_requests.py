"""Time, cancels, replaces, and their races."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from domain.nanos import parse_ns
from tests.brokers.paper_venue.market import START_NS, Desk, ms
from trading.venues import NotSent

REST: dict[str, Any] = {"order_type": "limit", "limit_price": "1.09", "time_in_force": "GTC"}


def test_a_cancel_takes_its_way_and_a_fill_may_win() -> None:
    """A tick before it arrives fills; then it is too late."""
    desk = Desk()
    order = desk.submit(**REST)
    desk.cancel(order, 100)
    assert desk.play("149 1.08 1.0801\n150 1.08 1.0801") == [
        "149 fill 1000@1.08010",
        "150 cancel_reject too_late",
    ]


def test_a_cancel_that_arrives_wins_over_the_tick_of_its_moment() -> None:
    """Nothing fills at or after it."""
    desk = Desk()
    order = desk.submit(**REST)
    desk.cancel(order, 100)
    assert desk.play("149 1.1 1.1001\n150 1.08 1.0801") == ["150 canceled requested"]
    report = desk.venue.query(order, 1)
    assert report is not None
    assert (report.status, report.reason) == ("canceled", "requested")


def test_time_alone_brings_a_cancel_home() -> None:
    """No tick is needed."""
    desk = Desk()
    order = desk.submit(**REST)
    desk.cancel(order, 100, request=3)
    assert desk.time(149) == []
    assert desk.time(150) == ["150 canceled requested"]
    last = desk.events()[-1]
    assert (last.request, last.leaves_units) == (3, Decimal(0))


def test_a_cancel_of_what_is_done_or_unknown_is_answered_at_once() -> None:
    """The two are told apart."""
    desk = Desk()
    order = desk.submit()
    desk.play("60 1.1 1.1001")
    desk.cancel(order, 100)
    desk.cancel(replace(order, client_order_id="ax9"), 100)
    assert desk.said()[2:] == ["150 cancel_reject too_late", "150 cancel_reject not_found"]
    assert [e.unknown_order for e in desk.events()[2:]] == [False, True]


def test_a_replace_keeps_what_is_filled_and_fills_on_old_terms_until_it_arrives() -> None:
    """Quantity is the total; the new price counts from its arrival on."""
    desk = Desk(liquidity={"units": "400"})
    order = desk.submit(**REST)
    desk.replace(order, 100, limit_price=Decimal("1.10"), quantity_units=Decimal(700))
    assert desk.play("140 1.08 1.0801\n145 1.095 1.0951\n150 1.095 1.0951") == [
        "140 fill 400@1.08010",
        "150 replaced",
        "150 fill 300@1.09510",
    ]
    report = desk.venue.query(order, 1)
    assert report is not None
    assert (report.status, report.filled_units) == ("filled", Decimal(700))
    assert [e.request for e in desk.events()] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("units", "said"),
    [("400", "150 replaced"), ("300", "150 replace_reject too_late")],
)
def test_a_replace_down_to_what_is_filled_ends_the_order(units: str, said: str) -> None:
    """Below that there is nothing left to change."""
    desk = Desk(liquidity={"units": "400"})
    order = desk.submit(**REST)
    desk.replace(order, 100, quantity_units=Decimal(units))
    assert desk.play("140 1.08 1.0801\n150 1.1 1.1001") == ["140 fill 400@1.08010", said]
    report = desk.venue.query(order, 1)
    assert report is not None
    assert report.status == ("filled" if units == "400" else "partially_filled")


def test_a_replace_with_bad_terms_leaves_the_order_as_it_was() -> None:
    """The old terms go on."""
    desk = Desk()
    order = desk.submit(**REST)
    desk.replace(order, 10, limit_price=Decimal("1.0000001"))
    assert desk.play("60 1.1 1.1001\n70 1.08 1.0801") == [
        "60 replace_reject bad_price",
        "70 fill 1000@1.08010",
    ]


def test_a_trailing_stop_that_is_refused_a_change_trails_on() -> None:
    """What it has seen before the request still counts."""
    desk = Desk()
    order = desk.submit(
        side="sell", order_type="trailing_stop", trailing_distance="0.001", time_in_force="GTC"
    )
    desk.replace(order, 100, trailing_distance=Decimal("-1"))
    said = desk.play("60 1.2 1.2001\n150 1.1995 1.1996\n160 1.199 1.1991")
    assert said == ["150 replace_reject bad_price", "160 triggered", "160 fill 1000@1.19900"]


def test_a_changed_trailing_stop_begins_anew() -> None:
    """Its distance counts from the first price after the change."""
    desk = Desk()
    order = desk.submit(
        side="sell", order_type="trailing_stop", trailing_distance="0.001", time_in_force="GTC"
    )
    desk.replace(order, 100, trailing_distance=Decimal("0.002"))
    said = desk.play("60 1.2 1.2001\n150 1.1995 1.1996\n160 1.1976 1.1977\n170 1.1975 1.1976")
    assert said == ["150 replaced", "170 triggered", "170 fill 1000@1.19750"]


def test_requests_arrive_in_the_order_of_their_arrival() -> None:
    """A cancel after a replace ends the order that was replaced."""
    desk = Desk()
    order = desk.submit(**REST)
    desk.replace(order, 100, limit_price=Decimal("1.08"))
    desk.cancel(order, 110, request=2)
    assert desk.time(500) == ["150 replaced", "160 canceled requested"]


def test_an_order_expires_at_its_time_with_or_without_a_market() -> None:
    """The tick of that moment finds it gone; a cancel on its way is too late."""
    for driven_by_time in (True, False):
        desk = Desk()
        order = desk.submit(**REST | {"time_in_force": "GTD"}, expire_ns=ms(500))
        desk.cancel(order, 460)
        said = desk.time(600) if driven_by_time else desk.play("499 1.1 1.2\n600 1.08 1.0801")
        assert said == ["500 expired", "510 cancel_reject too_late"]


def test_good_for_day_ends_at_17_new_york() -> None:
    """In March before the change of the clocks that is 22:00 UTC."""
    desk = Desk()
    desk.submit(**REST | {"time_in_force": "GFD"})
    roll_ms = (parse_ns("2024-03-05T22:00:00") - START_NS) / 1e6
    assert desk.time(roll_ms - 1) == []
    assert desk.time(roll_ms) == [f"{roll_ms:g} expired"]


def test_good_for_day_over_a_weekend_ends_with_the_first_day_of_trading() -> None:
    """Asked for on Saturday it lives to Monday, when New York has changed its clocks."""
    desk = Desk()
    saturday_ms, monday_ms = (
        (parse_ns(text) - START_NS) / 1e6 for text in ("2024-03-09T12:00:00", "2024-03-11T21:00:00")
    )
    desk.submit(saturday_ms, **REST | {"time_in_force": "GFD"})
    assert desk.time(monday_ms - 1) == []
    assert desk.time(monday_ms) == [f"{monday_ms:g} expired"]


def test_a_known_id_is_refused_and_the_first_order_stands() -> None:
    """The second request is on record all the same."""
    desk = Desk()
    desk.submit()
    desk.submit(9)
    assert desk.said() == ["50 ack", "9 reject duplicate_client_order_id"]
    assert desk.venue.requests() == ["ax1", "ax1"]
    assert desk.play("60 1.1 1.1001") == ["60 fill 1000@1.10010"]
    desk.submit(99)
    assert desk.said()[-1] == "99 reject duplicate_client_order_id"


def test_a_venue_that_is_not_started_takes_nothing() -> None:
    """The command never left."""
    desk = Desk()
    desk.venue.stop()
    desk.venue.stop()
    with pytest.raises(NotSent):
        desk.submit()
    assert desk.venue.requests() == []
