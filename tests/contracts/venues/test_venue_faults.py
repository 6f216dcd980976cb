"""What no fault may break: an order is there once or not at all, and every fill counts once.

A fault that a double cannot play is skipped by name.
"""

import itertools
from decimal import Decimal

import numpy as np
import pytest

from domain.errors import Reject
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order
from domain.reasons import Reason
from tests.contracts.venues.case import Misbehaviour
from tests.contracts.venues.rig import ASK, BID, UNITS, Rig, folded
from trading.venues import NotSent

FILL, ACK, REJECT = EventKind.FILL, EventKind.ACK, EventKind.REJECT


def test_partial_fills_add_up(rig: Rig) -> None:
    """Each has an id and a size of its own, and together they are the order."""
    rig.needs("partial_fill")
    order = rig.send(rig.resting("1.10010"))
    rig.wait(order, FILL)
    for step in range(5):
        if rig.case.settle(lambda: rig.filled(order) == UNITS, 0.5):
            break
        rig.case.quote("EURUSD", BID, ASK - step * Decimal("0.00001"))
    fills = rig.fills(order)
    assert len(fills) > 1
    assert rig.filled(order) == UNITS
    assert all(e.quantity_units != UNITS for e in fills)
    book = folded(rig, [order], rig.of(order))
    assert book[order.client_order_id].order.status == "filled"


def test_a_reply_that_is_lost_leaves_a_doubt_that_a_query_ends(rig: Rig) -> None:
    """The order was taken once: nobody sends it again."""
    rig.needs("drop_reply_after_apply")
    order = rig.send(rig.resting())
    rig.until(lambda: any(e.kind in (EventKind.SEND_UNKNOWN, ACK) for e in rig.of(order)), "answer")
    rig.until(lambda: rig.is_known(order) is True, "order at the venue")
    assert rig.case.submits().count(order.client_order_id) == 1


def test_a_refused_connection_is_no_order(rig: Rig) -> None:
    """The caller hears of it, and the venue does not."""
    rig.needs("refuse_connection")
    if "disconnect" in rig.case.can:
        # A line that stands needs no new connection.
        rig.case.misbehave("disconnect")
    order = rig.order()
    not_sent = False
    try:
        rig.send(order)
    except NotSent:
        not_sent = True
    if not not_sent:
        doubt = EventKind.SEND_UNKNOWN
        rig.until(
            lambda: rig.is_unsent(order) or any(e.kind is doubt for e in rig.of(order)),
            "that it never left, or a doubt",
        )
    assert order.client_order_id not in rig.case.submits()


def test_a_cut_in_the_middle_of_a_fill_loses_and_doubles_nothing(rig: Rig) -> None:
    """After it, the venue's record has every fill once, and so has what was said."""
    order = rig.send(rig.resting("1.09500"))
    rig.wait(order, ACK)
    rig.needs("disconnect")
    rig.case.quote("EURUSD", Decimal("1.09480"), Decimal("1.09490"))
    rig.reopen()
    rig.until(lambda: rig.position() == UNITS, "position")
    executions = list(rig.venue.snapshot(None, 5).executions)
    assert sum(e.quantity_units or 0 for e in executions) == UNITS
    book = folded(rig, [order], rig.of(order) + executions)
    assert book[order.client_order_id].order.status == "filled"
    assert book.position("EURUSD").units == UNITS


@pytest.mark.parametrize("what", ["duplicate_events", "reorder_events"])
def test_events_that_come_twice_or_crosswise_make_the_same_book(
    rig: Rig, what: Misbehaviour
) -> None:
    """Fills count once by their ids."""
    rig.needs(what)
    order = rig.send(rig.order())
    rig.until(lambda: rig.filled(order) == UNITS, "whole fill")
    book = folded(rig, [order], rig.of(order))
    book.tick(book.clock_ns + 3_000_000_000)
    assert book[order.client_order_id].order.status == "filled"
    assert book.position("EURUSD").units == UNITS


def test_what_was_said_makes_one_book_in_any_order(rig: Rig) -> None:
    """Shuffled and doubled, the events of a fill and of a cancel give the same state."""
    filled = rig.send(rig.order())
    rig.wait(filled, FILL)
    canceled = rig.send(rig.resting())
    rig.wait(canceled, ACK)
    rig.cancel(canceled)
    rig.wait(canceled, EventKind.CANCELED)
    orders = [filled, canceled]
    said = list(itertools.chain.from_iterable(rig.of(order) for order in orders))
    expected = _settled_hash(rig, orders, said)
    rng = np.random.default_rng(5)
    for _ in range(20):
        mixed = [said[row] for row in rng.permutation(len(said))]
        assert _settled_hash(rig, orders, mixed + said[:2]) == expected


def _settled_hash(rig: Rig, orders: list[Order], events: list[OrderEvent]) -> str:
    book = folded(rig, orders, events)
    book.tick(book.clock_ns + 3_000_000_000)
    return book.state_hash()


def test_a_refusal_is_an_event_and_nothing_is_held(rig: Rig) -> None:
    """The order is closed at the venue, and the reason is one of ours."""
    rig.needs("reject_next")
    order = rig.order()
    try:
        rig.send(order)
    except Reject:
        pytest.fail("a refusal of the venue is an event, not an error of the send")
    rejected = rig.wait(order, REJECT, EventKind.CANCELED)
    assert rejected.reason in set(Reason)
    assert rig.position() == 0


@pytest.mark.parametrize("what", ["server_error", "rate_limit", "delay_reply", "restart"])
def test_whatever_the_double_does_an_order_is_there_once_or_not_at_all(
    rig: Rig, what: Misbehaviour
) -> None:
    """An answer or a doubt comes, the query tells the truth, and nothing is sent twice."""
    rig.needs(what)
    order = rig.resting()
    try:
        rig.send(order)
    except NotSent:
        assert order.client_order_id not in rig.case.submits()
        return
    rig.until(lambda: bool(rig.of(order)) or rig.is_unsent(order), "answer or doubt")

    def agrees() -> bool:
        # What was on its way when the doubt came may arrive still.
        is_there = rig.case.submits().count(order.client_order_id) == 1
        refused = rig.is_unsent(order) or any(e.kind == REJECT for e in rig.of(order))
        return rig.is_known(order) is (is_there and not refused)

    rig.until(agrees, "agreement of the query with what arrived")
    assert rig.case.submits().count(order.client_order_id) <= 1
