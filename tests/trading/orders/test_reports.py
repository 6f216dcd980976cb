"""The venue's own report of an order: what it settles, what it changes, and what it cannot say."""

from decimal import Decimal
from typing import Any

import pytest

from domain.order_events import OrderEvent
from domain.orders import OrderStatus
from tests.trading.orders.making import NAME, event, fill, last, order, played, terms
from tests.trading.orders.row_cases import (
    CANCEL,
    CANCELED,
    CANCELING,
    FILLED,
    HELD,
    LOST,
    NEW,
    OPEN,
    PARTIAL,
    REJECT,
    REPLACING,
)
from trading.orders.effects import Alert, AlertCode, Effect, NeedsReconcile
from trading.orders.machine import Applied, Verdict, apply
from trading.orders.state import EXTERNAL, OrderState, but, opened

GONE = event("send_unknown", 8, request=-1)
"""The venue's record has it no more."""


def _told(status: str | None, at: int = 9, cum: int | None = 0, **fields: Any) -> Applied:
    return apply(played(*OPEN), event("status", at, status=status, cum_units=cum, **fields))


def _reconciles(effects: tuple[Effect, ...]) -> list[NeedsReconcile]:
    return [effect for effect in effects if isinstance(effect, NeedsReconcile)]


def test_a_report_names_the_order_by_its_newest_id() -> None:
    """An id of after the terms in force; one of before them is that of an order replaced since."""
    assert _told("accepted", venue_order_id="v7").state.order.venue_order_id == "v7"
    assert _told("accepted").state.order.venue_order_id == "v1"
    restated = played(*OPEN, event("replaced", 12, terms=terms(90), venue_order_id="v3"))
    old = event("status", 11, status="accepted", venue_order_id="v1", terms=terms(100))
    state = apply(restated, old).state
    assert (state.order.venue_order_id, state.order.quantity_units) == ("v3", Decimal(90))


def test_terms_reported_as_they_are_do_not_count_as_new() -> None:
    """They are in force since they were put in force."""
    assert _told("accepted", terms=terms(100)).state.terms_moment is None
    assert _told("accepted", terms=terms(90)).state.terms_moment is not None


@pytest.mark.parametrize(("quantity", "known"), [(150, 1), (90, 0)])
def test_only_the_terms_of_a_replace_show_that_it_is_in_force(quantity: int, known: int) -> None:
    """Other terms are somebody else's."""
    report = event("status", 9, status="accepted", terms=terms(quantity), cum_units=0)
    assert apply(played(*REPLACING), report).state.known_request == known


def test_a_cancel_is_no_replace_whatever_terms_are_reported() -> None:
    """Its number names no terms."""
    report = event("status", 9, status="accepted", terms=terms(90), cum_units=0)
    assert apply(played(*CANCELING), report).state.known_request == 0


@pytest.mark.parametrize("status", ["pending_new", "accepted"])
def test_an_order_that_is_reported_is_not_missing(status: OrderStatus) -> None:
    """It was gone from a record, and is there: nothing is in doubt any more."""
    missing = played(*OPEN, GONE)
    assert (missing.missing, missing.order.in_doubt) == (True, True)
    found = apply(missing, event("status", 9, status=status, cum_units=0)).state
    assert (found.missing, found.order.in_doubt) == (False, False)


def test_a_report_acknowledges_a_submit_that_was_not_in_doubt() -> None:
    """The venue shows that it has the order: its answer is not waited for."""
    state = apply(played(*NEW), event("status", 9, status="accepted", cum_units=0)).state
    assert (state.status, state.requests) == ("accepted", ())


@pytest.mark.parametrize("status", ["pending_new", None])
def test_a_report_that_says_no_state_leaves_the_order_as_it_was(status: str | None) -> None:
    """It is there, and no more is known."""
    state = apply(played(*NEW, LOST), event("status", 9, status=status, cum_units=0)).state
    assert (state.status, state.order.in_doubt) == ("pending_new", False)


@pytest.mark.parametrize("status", ["pending_new", None, "accepted"])
def test_an_order_taken_over_works_unless_its_end_is_reported(status: str | None) -> None:
    """What is in a record of open orders is open."""
    report = event("external", 1, status=status, terms=terms(100))
    assert apply(opened(order(strategy=EXTERNAL)), report).state.status == "accepted"


@pytest.mark.parametrize(
    ("quantity", "status"), [(39, "filled"), (40, "filled"), (41, "partially_filled")]
)
def test_reported_terms_with_nothing_left_fill_the_order(quantity: int, status: str) -> None:
    """As a replace would."""
    report = event("status", 9, status="accepted", cum_units=40, terms=terms(quantity))
    assert apply(played(*PARTIAL), report).state.status == status


@pytest.mark.parametrize(
    ("status", "before", "after"),
    [
        ("rejected", OPEN, "rejected"),
        ("rejected", PARTIAL, "canceled"),
        ("canceled", PARTIAL, "canceled"),
        ("expired", OPEN, "expired"),
    ],
)
def test_a_reported_end_is_the_end(status: str, before: tuple[OrderEvent, ...], after: str) -> None:
    """With the venue's reason; an order with fills was not rejected."""
    report = event("status", 9, status=status, reason="expired_there")
    applied = apply(played(*before), report)
    assert (applied.state.status, applied.state.order.reason) == (after, "expired_there")
    assert _reconciles(applied.effects) == []


def test_an_end_that_counts_other_fills_sends_somebody_to_read_the_record() -> None:
    """The order is over; what it has filled is not known here."""
    report = event("status", 9, status="canceled", cum_units=60)
    applied = apply(played(*PARTIAL), report, forced=True)
    assert applied.state.status == "canceled"
    assert _reconciles(applied.effects) == [
        NeedsReconcile(NAME, "the venue reports canceled with 60, known are 40")
    ]


def test_an_order_reported_as_filled_stays_open_until_its_fills_are_here() -> None:
    """It counts as exposure, and the record is asked for, whether a total is told or not."""
    applied = apply(played(*PARTIAL), event("status", 9, status="filled"))
    assert (applied.state.status, applied.state.order.leaves_units) == (
        "partially_filled",
        Decimal(60),
    )
    assert _reconciles(applied.effects) == [
        NeedsReconcile(NAME, "the venue reports filled with None, known are 40")
    ]


def test_a_reported_trigger_stays_fired_under_a_fill() -> None:
    """Taken back, the fill leaves a triggered order and not an accepted one."""
    assert _told("triggered").state.status == "triggered"
    report = event("status", 9, status="triggered", cum_units=40)
    state = apply(played(*PARTIAL), report).state
    assert (state.status, state.triggered) == ("partially_filled", True)
    bust = event("bust", 10, execution_ref="e1")
    assert apply(state, bust).state.status == "triggered"


def test_a_held_order_that_is_reported_as_working_works() -> None:
    """Its release was missed."""
    report = event("status", 9, status="accepted", cum_units=0)
    assert apply(played(*HELD), report).state.status == "accepted"


def _guessed() -> OrderState:
    """Return an order of somebody else's of which one fill of 40 has been seen."""
    begun = but(opened(order(strategy=EXTERNAL, quantity_units=Decimal(40))), guessed=True)
    introduced = apply(begun, event("external", 1, status="accepted")).state
    return apply(introduced, fill("e1", 40, 4)).state


def test_the_first_terms_of_an_order_known_by_its_fills_open_it_again() -> None:
    """Its quantity was the sum of what was seen: the venue says how much it really is."""
    assert _guessed().status == "filled"
    report = event("status", 4, status="partially_filled", cum_units=40, terms=terms(100))
    state = apply(_guessed(), report).state
    assert (state.status, state.order.leaves_units, state.guessed) == (
        "partially_filled",
        Decimal(60),
        False,
    )


def test_without_terms_an_order_known_by_its_fills_stays_done() -> None:
    """Nobody knows that more is asked for."""
    report = event("status", 4, status="partially_filled", cum_units=40)
    assert apply(_guessed(), report).state == _guessed()


def test_what_we_concluded_to_be_filled_is_opened_by_a_word_as_new() -> None:
    """Our terms were old: under the venue's, the same moment leaves something to fill."""
    report = event("status", 5, status="partially_filled", cum_units=100, terms=terms(150))
    applied = apply(played(*FILLED), report)
    assert (applied.state.status, applied.state.order.quantity_units) == (
        "partially_filled",
        Decimal(150),
    )
    assert [e.code for e in applied.effects if isinstance(e, Alert)] == [AlertCode.REOPENED]


def test_what_the_venue_has_ended_is_opened_by_a_newer_word_alone() -> None:
    """Filled by our count and canceled by its own: of the same moment, the end stands."""
    ended = played(*FILLED, event("canceled", 9, reason="requested"))
    works: dict[str, Any] = {"status": "partially_filled", "cum_units": 100, "terms": terms(150)}
    assert apply(ended, event("status", 9, **works)).state.status == "filled"
    assert apply(ended, event("status", 10, **works)).state.status == "partially_filled"


def test_terms_with_nothing_left_open_nothing() -> None:
    """Filled at exactly the reported quantity; the price of the terms is taken over."""
    report = event("status", 9, status="accepted", cum_units=100, terms=terms(100, "1.20"))
    applied = apply(played(*FILLED), report)
    assert (applied.state.status, applied.state.order.limit_price) == ("filled", Decimal("1.20"))
    assert [e for e in applied.effects if isinstance(e, Alert)] == []


def test_an_end_whose_moment_nobody_knows_is_opened_by_any_word() -> None:
    """An order that was taken over as canceled, and works."""
    taken = event("external", 9, status="canceled", terms=terms(100))
    state = apply(opened(order(strategy=EXTERNAL)), taken).state
    assert (state.status, state.moment) == ("canceled", None)
    assert apply(state, event("status", 3, status="accepted")).state.status == "accepted"


def test_an_order_opened_again_with_other_fills_is_reconciled_as_well() -> None:
    """A person hears of it first."""
    report = event("status", 10, status="accepted", cum_units=60)
    applied = apply(played(*OPEN, CANCELED), report, forced=True)
    assert applied.state.status == "accepted"
    kinds = [type(effect) for effect in applied.effects]
    assert kinds.index(Alert) < kinds.index(NeedsReconcile)


@pytest.mark.parametrize("status", [None, "canceled", "rejected", "expired", "pending_new"])
def test_a_refused_order_stays_refused_by_any_report_that_it_does_not_work(
    status: str | None,
) -> None:
    """Rejected is rejected, denied is denied."""
    for refused in (played(*NEW, REJECT), played(event("risk_deny", 1, reason="spread"))):
        after = apply(refused, event("status", 20, status=status)).state
        assert after.order == refused.order
        assert after.prev is None


@pytest.mark.parametrize(
    "status", ["accepted", "triggered", "partially_filled", "suspended", "filled"]
)
def test_a_refused_order_that_works_after_all_is_adopted(status: str) -> None:
    """E3: whatever it does there, another order is opened for it."""
    for refused in (played(*NEW, REJECT), played(event("risk_deny", 1, reason="spread"))):
        applied = apply(refused, event("status", 20, status=status))
        assert (applied.verdict, applied.state) == (Verdict.ADOPT, refused)


@pytest.mark.parametrize(
    ("status", "after", "reason"),
    [
        ("expired", "expired", "told"),
        ("canceled", "canceled", "requested"),
        ("filled", "canceled", "requested"),
        ("rejected", "canceled", "requested"),
        (None, "canceled", "requested"),
    ],
)
def test_an_end_is_corrected_by_another_end_alone(
    status: str | None, after: str, reason: str
) -> None:
    """The same end again brings no other reason; filled brings no fills."""
    report = event("status", 20, status=status, reason="told", cum_units=40)
    state = apply(played(*PARTIAL, CANCELED), report).state
    assert (state.status, state.order.reason, state.cum_units) == (after, reason, Decimal(40))


def test_a_report_under_a_request_leaves_it_and_what_stands_under_it() -> None:
    """A cancel is under way and not in doubt: its answer decides."""
    report = event("status", 9, status="triggered", cum_units=0)
    state = apply(played(*OPEN, CANCEL), report).state
    assert (state.status, state.prev, state.triggered) == ("pending_cancel", "triggered", True)


def test_a_report_that_counts_other_fills_is_kept_for_a_while() -> None:
    """They may be under way."""
    applied = last([*OPEN, event("status", 9, status="partially_filled", cum_units=40)])
    assert (applied.verdict, applied.row_id) == (Verdict.MISFIT, "T45")
    assert applied.why == "status counts 40 filled, 0 are known"
