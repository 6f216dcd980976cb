"""One unit, one moment, one name: where a rule begins to hold."""

from decimal import Decimal

import pytest

from domain.order_events import EventKind
from tests.trading.orders.making import event, fill, last, order, played, terms
from tests.trading.orders.row_cases import (
    CANCELED,
    FILLED,
    NEW,
    OPEN,
    PARTIAL,
    REJECT,
)
from tests.trading.orders.test_executions import booked, bust, correct, inferred
from trading.orders.fills import unexplained
from trading.orders.machine import Verdict, apply
from trading.orders.moments import Moment
from trading.orders.state import EXTERNAL, Ended, opened
from trading.orders.table import ROWS

SECOND_NS = 1_000_000_000


def test_one_unit_is_something() -> None:
    """An order of one, a fill of one, a reject after a fill of one."""
    assert opened(order(quantity_units=Decimal(1))).most_units == 1
    one = played(*OPEN, fill("e1", 1, 4))
    assert one.status == "partially_filled"
    assert apply(one, REJECT).state.status == "canceled"


@pytest.mark.parametrize(
    "one",
    [
        event("status", 9, status="accepted", cum_units=0),
        event("suspended", 9),
        event("triggered", 9),
        fill("e1", 40, 9),
        event("canceled", 9),
        event("expired", 9),
        event("reject", 9),
    ],
)
def test_each_word_on_the_status_is_the_newest(one: object) -> None:
    """What is older than it tells nothing any more."""
    applied = last([*OPEN, one])  # type: ignore[list-item]  # events of several kinds
    assert applied.state.moment == Moment(9 * SECOND_NS)
    assert applied.why == ""


def test_an_answer_is_no_word_on_the_status() -> None:
    """It is about the request."""
    restated = played(*OPEN, event("replaced", 9, terms=terms(90)))
    assert restated.moment == Moment(2 * SECOND_NS)


def test_a_filled_order_that_expired_there_is_expired_without_its_fills() -> None:
    """As one that was canceled is canceled."""
    told = played(*FILLED, event("expired", 9, reason="end_of_day"))
    assert told.ended == Ended("expired", "end_of_day")
    after = apply(told, bust("e1", 10)).state
    assert (after.status, after.order.reason) == ("expired", "end_of_day")


def test_an_old_word_is_passed_over_even_with_a_total_that_does_not_fit() -> None:
    """It is not waited with: nothing would come of it."""
    applied = apply(played(*OPEN), event("suspended", 1, cum_units=40))
    assert (applied.verdict, applied.row_id) == (Verdict.IGNORED, "E5")


@pytest.mark.parametrize("status", ["canceled", "expired", "rejected", "pending_new"])
def test_an_end_of_a_refused_order_adopts_nothing(status: str) -> None:
    """It confirms that it does not work."""
    applied = apply(played(*NEW, REJECT), event("status", 20, status=status))
    assert (applied.verdict, applied.row_id) == (Verdict.APPLIED, "T45")


def test_an_answer_to_somebody_elses_cancel_leaves_ours_under_way() -> None:
    """On an order that is not ours numbers beyond our own may be another's."""
    report = event("external", 1, status="accepted", terms=terms(100))
    cancel = event("cancel_request", 6, request=1)
    state = played(report, cancel, start=order(strategy=EXTERNAL))
    applied = apply(state, event("cancel_reject", 9, request=5))
    assert (applied.row_id, applied.state, applied.effects) == ("T29", state, ())


def test_what_was_taken_back_before_it_was_seen_is_not_corrected_back() -> None:
    """By reference or by its own name: the bust stands, whatever comes after it."""
    for early in (bust("e1", 5), event("bust", 5, execution_id="e1")):
        gone = apply(played(*OPEN), early, forced=True).state
        assert set(gone.executions) == {"e1"}
        assert apply(gone, fill("e2", 10, 6, cum_units=50)).verdict is Verdict.MISFIT
        seen = apply(gone, fill("e1", 40, 4)).state
        after = apply(seen, correct("e1", "e1b", 30, 9))
        assert (after.state.cum_units, booked(after.effects)) == (Decimal(0), [])


def test_a_correction_takes_nothing_out_of_what_was_inferred() -> None:
    """It is of an execution that has not been seen: only that one would."""
    state = played(*OPEN, inferred("a", 40, 9))
    after = apply(state, correct("e1", "e1b", 10, 8), forced=True).state
    assert after.executions["inferred-a"].counted_units == 40
    assert after.cum_units == 50


def test_a_second_total_of_one_moment_adds_to_the_first() -> None:
    """What is inferred explains nothing of what is inferred."""
    state = played(*OPEN, inferred("a", 40, 9), inferred("b", 100, 9))
    counted = {key: one.counted_units for key, one in state.executions.items()}
    assert counted == {"inferred-a": Decimal(40), "inferred-b": Decimal(60)}


def test_a_correction_of_something_unseen_is_known_from_its_own_time() -> None:
    """A total of before it does not hold it."""
    state = apply(played(*OPEN), correct("e1", "e1b", 40, 6, "1.10"), forced=True).state
    told = event("status", 3, cum_units=100, average_price="1.10")
    assert unexplained(state, told) == (Decimal(100), Decimal("1.10"))


def test_a_fill_leads_where_its_row_says_while_something_is_left() -> None:
    """The rows of fills say what becomes of an order that is not filled by it."""
    rows = {row.row_id: row for row in ROWS if row.kind is EventKind.FILL}
    applied = last([*PARTIAL, fill("e2", 20, 9)])
    assert applied.state.status == rows[applied.row_id].to == "partially_filled"
    assert {row.to for row in rows.values()} == {
        "partially_filled",
        "underlying",
        "same",
        "adopted",
    }


def test_an_end_with_fills_is_told_once() -> None:
    """A second word of it changes nothing and asks for nothing."""
    ended = played(*PARTIAL, CANCELED)
    assert apply(ended, CANCELED).effects == ()
