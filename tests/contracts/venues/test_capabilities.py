"""What a venue says that it can do, done: every type of order with every time in force.

And the other way round: what its table leaves out never reaches it.
"""

from decimal import Decimal
from typing import Any, get_args

import pytest

from domain.order_events import EventKind
from domain.orders import Order, OrderType, TimeInForce, terms_of
from tests.contracts.venues.rig import ASK, UNITS, Rig
from trading.venues import Unsupported

EXPIRES_NS = 2_000_000_000_000_000_000
"""In 2033: to the second, which is all that some venues keep."""

IMMEDIATE = frozenset({"IOC", "FOK"})

AWAY: dict[OrderType, dict[str, Decimal]] = {
    "market": {},
    "limit": {"limit_price": Decimal("1.12000")},
    "stop": {"trigger_price": Decimal("1.08000")},
    "stop_limit": {"trigger_price": Decimal("1.08000"), "limit_price": Decimal("1.07900")},
    "market_if_touched": {"trigger_price": Decimal("1.12000")},
    "take_profit": {"limit_price": Decimal("1.12000")},
    "stop_loss": {"trigger_price": Decimal("1.08000")},
    "trailing_stop": {"trailing_distance": Decimal("0.02000")},
}
"""Prices of a sell at which the market is not, by type."""

TRIGGERS: dict[OrderType, tuple[str, str]] = {
    "limit": ("1.12000", "1.12010"),
    "stop": ("1.07990", "1.08000"),
    "stop_limit": ("1.07990", "1.08000"),
    "market_if_touched": ("1.12000", "1.12010"),
    "take_profit": ("1.12000", "1.12010"),
    "stop_loss": ("1.07990", "1.08000"),
    "trailing_stop": ("1.07990", "1.08000"),
}
"""The quote at which each of them fills."""

PLAIN: dict[OrderType, OrderType] = {"take_profit": "limit", "stop_loss": "stop"}
"""What a protective order may be called at a venue that has no word for it."""


def _closing(rig: Rig, kind: OrderType, time: TimeInForce) -> Order:
    """Return an order that sells what another has just bought, away from the market."""
    bought = rig.send(rig.order())
    rig.wait(bought, EventKind.FILL)
    return _order(rig, kind, time, bought.client_order_id)


def _order(rig: Rig, kind: OrderType, time: TimeInForce, parent_id: str = "parent") -> Order:
    fields: dict[str, Any] = {"order_type": kind, "time_in_force": time, **AWAY[kind]}
    if time == "GTD":
        fields["expire_ns"] = EXPIRES_NS
    return rig.order(side="sell", parent_id=parent_id, **fields)


def _times(rig: Rig, kind: OrderType) -> list[TimeInForce]:
    """Return the times in force of a type at the venue, the lasting ones first."""
    able = rig.venue.capabilities.times_in_force.get(kind, frozenset())
    if not able:
        pytest.skip(f"{rig.case.name} has no {kind}")
    return sorted(able, key=lambda time: (time in IMMEDIATE, time))


@pytest.mark.parametrize("kind", get_args(OrderType))
def test_each_pair_of_its_table_is_taken(rig: Rig, kind: OrderType) -> None:
    """A lasting order rests under the terms that were asked and is canceled; others end at once."""
    for time in _times(rig, kind):
        order = rig.send(_closing(rig, kind, time))
        if kind == "market":
            assert rig.wait(order, EventKind.FILL).quantity_units == UNITS
            continue
        if time in IMMEDIATE:
            rig.wait(order, EventKind.CANCELED, EventKind.EXPIRED)
            assert rig.fills(order) == []
            continue
        rig.wait(order, EventKind.ACK)
        report = rig.venue.query(rig.known(order), 5)
        assert report is not None
        wanted, found = terms_of(order), report.terms
        assert report.status in {"accepted", "triggered"}
        assert found.order_type in {kind, PLAIN.get(kind)}
        assert (found.time_in_force, found.quantity_units) == (time, UNITS)
        assert found.expire_ns == wanted.expire_ns
        assert found.trailing_distance == wanted.trailing_distance
        if kind != "trailing_stop":
            asked = {wanted.limit_price, wanted.trigger_price} - {None}
            assert {found.limit_price, found.trigger_price} - {None} == asked
        rig.cancel(order)
        rig.wait(order, EventKind.CANCELED)


@pytest.mark.parametrize("kind", list(TRIGGERS))
def test_each_waiting_type_fills_when_its_price_comes(rig: Rig, kind: OrderType) -> None:
    """A limit no worse than its price, all others at the market of that moment."""
    time = _times(rig, kind)[0]
    order = rig.send(_closing(rig, kind, time))
    rig.wait(order, EventKind.ACK)
    assert not rig.case.settle(lambda: bool(rig.fills(order)), 0.05)
    bid, ask = (Decimal(price) for price in TRIGGERS[kind])
    rig.case.quote("EURUSD", bid, ask)
    rig.until(lambda: rig.filled(order) == UNITS, "whole fill")
    prices = {fill.price for fill in rig.fills(order)}
    better = kind in {"limit", "take_profit"}
    assert all(price == bid or (better and price and price > bid) for price in prices)
    rig.until(lambda: rig.position() == 0, "flat position")


def test_a_trailing_stop_follows_the_market_up_and_not_down(rig: Rig) -> None:
    """It sells its distance below the best price there was."""
    order = rig.send(_closing(rig, "trailing_stop", _times(rig, "trailing_stop")[0]))
    rig.wait(order, EventKind.ACK)
    for bid in ("1.12000", "1.10500"):
        rig.case.quote("EURUSD", Decimal(bid), Decimal(bid) + Decimal("0.00010"))
    assert not rig.case.settle(lambda: bool(rig.fills(order)), 0.05)
    rig.case.quote("EURUSD", Decimal("1.09990"), ASK)
    assert rig.wait(order, EventKind.FILL).price == Decimal("1.09990")


@pytest.mark.parametrize("kind", get_args(OrderType))
def test_what_its_table_leaves_out_never_leaves(rig: Rig, kind: OrderType) -> None:
    """Each missing pair is refused by the adapter, and the venue never hears of it."""
    able = rig.venue.capabilities.times_in_force.get(kind, frozenset())
    for time in sorted(set(get_args(TimeInForce)) - able):
        order = _order(rig, kind, time)
        with pytest.raises(Unsupported):
            rig.send(order)
    assert rig.case.submits() == []
