"""The fold of repeated states into events, without any socket."""

import itertools
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from brokers.ib.errors import Notice
from brokers.ib.rows import ExecutionRow, OrderKey, OrderRow, StatusRow
from brokers.ib.tracker import Tracker
from domain.order_events import EventKind, OrderEvent
from domain.orders import terms_of
from domain.reasons import Reason
from tests.brokers.ib.rig import NOON_NS, an_order

ORDER = an_order()
KEY = OrderKey(1, 7, 555, ORDER.client_order_id)
NOW_NS = NOON_NS + 5


def a_tracker() -> Tracker:
    """Make one that has just sent `ORDER` as number 7."""
    tracker = Tracker(1)
    tracker.submitted(7, ORDER, terms_of(ORDER), NOON_NS)
    return tracker


def a_status(status: str, filled: int = 0) -> StatusRow:
    """Make a state of `ORDER`."""
    return StatusRow(KEY, status, Decimal(filled), Decimal(20_000 - filled), None)


def a_row(status: str, **changes: Any) -> OrderRow:
    """Make a description of `ORDER`."""
    terms = replace(terms_of(ORDER), **changes)
    return OrderRow(KEY, "DU1234567", "EURUSD", "buy", terms, status)


def a_fill(number: int, units: int, cum: int, revision: int = 1) -> ExecutionRow:
    """Make an execution of `ORDER`."""
    return ExecutionRow(
        KEY,
        "DU1234567",
        "EURUSD",
        "buy",
        f"0000e0d5.5fd2a1b3.{number:02d}.{revision:02d}",
        Decimal(units),
        Decimal("1.1"),
        Decimal(cum),
        Decimal("1.1"),
        NOON_NS + number,
    )


def kinds(events: list[OrderEvent]) -> list[str]:
    """Return the kinds."""
    return [event.kind.value for event in events]


def test_states_before_the_acceptance_are_told_once() -> None:
    """PendingSubmit says that TWS has it, not that it took it."""
    tracker = a_tracker()
    told = [tracker.status_row(a_status(s), NOW_NS) for s in ["PendingSubmit"] * 3 + ["ApiPending"]]
    assert [kinds(events) for events in told] == [["pending_ack"], [], [], []]
    assert kinds(tracker.cut(NOW_NS)) == ["send_unknown"]


def test_an_accepted_order_waits_for_nothing() -> None:
    """Neither a cut nor a time-out puts it in doubt."""
    tracker = a_tracker()
    assert kinds(tracker.status_row(a_status("Submitted"), NOW_NS)) == ["ack"]
    one = tracker.find(ORDER)
    assert one is not None
    assert tracker.unanswered(one, 0, NOW_NS, Reason.OTHER) == []
    assert tracker.cut(NOW_NS) == []


def test_a_fill_before_the_acceptance_stands_for_it() -> None:
    """No acknowledgement of an order that is filled already."""
    tracker = a_tracker()
    assert kinds(tracker.execution(a_fill(1, 20_000, 20_000), NOW_NS)) == ["fill"]
    assert tracker.status_row(a_status("Filled", 20_000), NOW_NS) == []
    assert tracker.order_row(a_row("Filled"), NOW_NS) == []


def test_a_state_that_counts_fills_is_no_fill() -> None:
    """Executions alone move the position."""
    tracker = a_tracker()
    assert kinds(tracker.status_row(a_status("Filled", 20_000), NOW_NS)) == ["ack"]
    one = tracker.find(ORDER)
    assert one is not None
    assert one.reported_units > one.filled_units


FILLS = [a_fill(1, 5_000, 5_000), a_fill(2, 15_000, 20_000), a_fill(2, 14_000, 19_000, revision=2)]


@pytest.mark.parametrize("order", list(itertools.permutations(FILLS)))
def test_fills_and_corrections_give_one_sum_in_any_order(order: list[ExecutionRow]) -> None:
    """Each twice over."""
    tracker = a_tracker()
    for row in [*order, *order]:
        tracker.execution(row, NOW_NS)
    one = tracker.find(ORDER)
    assert one is not None
    assert one.filled_units == 19_000


def test_a_correction_seen_first_is_a_fill_with_the_corrected_values() -> None:
    """There is nothing yet that it could correct; what it corrected is no news behind it."""
    tracker = a_tracker()
    (told,) = tracker.execution(a_fill(1, 9_000, 9_000, revision=2), NOW_NS)
    assert (told.kind, told.execution_id) == ("fill", "0000e0d5.5fd2a1b3.01.02")
    assert tracker.execution(a_fill(1, 10_000, 10_000), NOW_NS) == []
    (again,) = tracker.execution(a_fill(1, 8_000, 8_000, revision=3), NOW_NS)
    assert (again.kind, again.execution_ref) == ("correct", "0000e0d5.5fd2a1b3.01.01")


def test_a_late_fill_of_a_canceled_order_is_told() -> None:
    """It is in the position, whatever the order's state."""
    tracker = a_tracker()
    tracker.status_row(a_status("Submitted"), NOW_NS)
    assert kinds(tracker.status_row(a_status("Cancelled"), NOW_NS)) == ["canceled"]
    assert kinds(tracker.execution(a_fill(1, 5_000, 5_000), NOW_NS)) == ["fill"]


def test_the_end_of_an_order_is_told_once() -> None:
    """202 and two states."""
    tracker = a_tracker()
    tracker.status_row(a_status("Submitted"), NOW_NS)
    assert kinds(tracker.notice(Notice(7, 202, "Order Canceled - reason:"), NOW_NS)) == ["canceled"]
    assert tracker.status_row(a_status("Cancelled"), NOW_NS) == []
    assert tracker.status_row(a_status("ApiCancelled"), NOW_NS) == []


def test_inactive_without_an_error_is_held_and_may_come_back() -> None:
    """After the wait for an error."""
    tracker = a_tracker()
    assert tracker.status_row(a_status("Inactive"), NOW_NS) == []
    one = tracker.find(ORDER)
    assert one is not None
    assert kinds(tracker.settle_inactive(one, NOW_NS)) == ["ack", "suspended"]
    assert tracker.settle_inactive(one, NOW_NS) == []
    assert kinds(tracker.status_row(a_status("Submitted"), NOW_NS)) == ["ack"]


def test_inactive_with_an_error_is_rejected() -> None:
    """Whichever comes first."""
    tracker = a_tracker()
    assert tracker.status_row(a_status("Inactive"), NOW_NS) == []
    rejected = tracker.notice(Notice(7, 201, "Order rejected - reason:margin"), NOW_NS)
    assert kinds(rejected) == ["reject"]
    one = tracker.find(ORDER)
    assert one is not None
    assert tracker.settle_inactive(one, NOW_NS) == []


def test_a_reject_with_fills_is_a_cancel() -> None:
    """E4."""
    tracker = a_tracker()
    tracker.execution(a_fill(1, 5_000, 5_000), NOW_NS)
    (ended,) = tracker.notice(Notice(7, 201, "Order rejected - reason:margin"), NOW_NS)
    assert (ended.kind, ended.reason) == (EventKind.CANCELED, "insufficient_margin")
    assert ended.cum_units == 5_000


def test_the_answer_to_a_replace_is_the_order_with_the_new_terms() -> None:
    """The old ones told again, or the new ones not yet taken, are none."""
    tracker = a_tracker()
    tracker.order_row(a_row("Submitted"), NOW_NS)
    one = tracker.find(ORDER)
    assert one is not None
    wanted = replace(terms_of(ORDER), limit_price=Decimal("1.08"))
    tracker.replace_asked(one, 2, wanted)
    assert tracker.order_row(a_row("Submitted"), NOW_NS) == []
    assert tracker.order_row(a_row("PendingSubmit", limit_price=Decimal("1.08")), NOW_NS) == []
    (told,) = tracker.order_row(a_row("Submitted", limit_price=Decimal("1.08")), NOW_NS)
    assert (told.kind, told.request, told.terms) == ("replaced", 2, wanted)


@pytest.mark.parametrize(
    ("asked", "code", "answer", "unknown"),
    [
        ("cancel", 10147, "cancel_reject", True),
        ("cancel", 135, "cancel_reject", True),
        ("cancel", 10148, "cancel_reject", False),
        ("cancel", 161, "cancel_reject", False),
        ("cancel", 136, "cancel_reject", False),
        ("replace", 135, "replace_reject", True),
        ("replace", 104, "replace_reject", False),
        ("replace", 105, "replace_reject", False),
        ("replace", 110, "replace_reject", False),
        ("replace", 201, "replace_reject", False),
        ("replace", 329, "replace_reject", False),
        ("replace", 2102, "replace_reject", False),
    ],
)
def test_an_error_answers_the_command_it_is_about(
    asked: str, code: int, answer: str, unknown: bool
) -> None:
    """And leaves the order as it was."""
    tracker = a_tracker()
    tracker.order_row(a_row("Submitted"), NOW_NS)
    one = tracker.find(ORDER)
    assert one is not None
    if asked == "cancel":
        tracker.cancel_asked(one, 3)
    else:
        tracker.replace_asked(one, 3, terms_of(ORDER))
    (told,) = tracker.notice(Notice(7, code, ""), NOW_NS)
    assert (told.kind, told.request, told.unknown_order) == (answer, 3, unknown)
    assert not one.closed
    assert tracker.notice(Notice(7, code, ""), NOW_NS) == [] or code == 201


def test_an_order_that_ends_answers_all_that_waits() -> None:
    """A cancel and a replace on their way."""
    tracker = a_tracker()
    tracker.order_row(a_row("Submitted"), NOW_NS)
    one = tracker.find(ORDER)
    assert one is not None
    tracker.replace_asked(one, 1, terms_of(ORDER))
    tracker.cancel_asked(one, 2)
    assert kinds(tracker.execution(a_fill(1, 20_000, 20_000), NOW_NS)) == ["fill"]
    assert tracker.notice(Notice(7, 10148, "state: Filled"), NOW_NS) == []
    assert tracker.cut(NOW_NS) == []


def test_errors_about_other_numbers_are_not_ours() -> None:
    """Of requests, of orders of other clients, of nothing."""
    tracker = a_tracker()
    for number in (-1, 8, 2**30 + 1):
        assert tracker.notice(Notice(number, 201, ""), NOW_NS) == []


def test_a_fill_of_an_order_that_nobody_knows_names_symbol_and_side() -> None:
    """E3: the position first."""
    row = a_fill(1, 5_000, 5_000)._replace(key=OrderKey(0, 0, 777, "by hand"))
    (told,) = Tracker(1).execution(row, NOW_NS)
    assert (told.client_order_id, told.venue_order_id) == ("", "777")
    assert (told.symbol, told.side, told.ts_event_ns) == ("EURUSD", "buy", NOON_NS + 1)


def test_closed_orders_of_earlier_days_are_forgotten_and_open_ones_are_not() -> None:
    """Or a year of trading would be kept in memory."""
    tracker = a_tracker()
    other = an_order(2)
    tracker.submitted(8, other, terms_of(other), NOON_NS)
    tracker.execution(a_fill(1, 20_000, 20_000), NOW_NS)
    tracker.forget_closed(NOON_NS + 1)
    assert tracker.find(ORDER) is None
    assert tracker.find(other) is not None
