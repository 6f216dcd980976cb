"""What we ask about an order, and how the venue's answers and reports settle it."""

from decimal import Decimal
from itertools import permutations

import pytest

from domain.order_events import OrderEvent
from domain.orders import OrderStatus
from tests.trading.orders.making import NAME, event, fill, last, played, terms
from tests.trading.orders.row_cases import ACK, HELD, NEW, OPEN, PARTIAL, SUBMIT, TRIGGERED
from trading.orders.effects import Alert, AlertCode, NeedsQuery, ReplaceDue
from trading.orders.machine import Verdict, apply

CANCEL = event("cancel_request", 6, request=1)
REPLACE = event("replace_request", 6, request=1, terms=terms(150))
UNDER: dict[OrderStatus, tuple[OrderEvent, ...]] = {
    "pending_new": NEW,
    "accepted": OPEN,
    "triggered": (*OPEN, TRIGGERED),
    "partially_filled": PARTIAL,
}


@pytest.mark.parametrize("under", UNDER)
@pytest.mark.parametrize(
    ("request_", "refusal", "pending"),
    [(CANCEL, "cancel_reject", "pending_cancel"), (REPLACE, "replace_reject", "pending_replace")],
)
def test_a_refused_request_leads_back_to_what_stood_under_it(
    under: OrderStatus, request_: OrderEvent, refusal: str, pending: OrderStatus
) -> None:
    """I7: a pending change has a prev, and a refusal returns to it, with nothing left of it."""
    asked = played(*UNDER[under], request_)
    assert (asked.status, asked.prev) == (pending, under)
    back = apply(asked, event(refusal, 9, request=1)).state
    assert (back.status, back.prev) == (under, None)
    assert all(request.number == 0 for request in back.requests)
    assert back.order.quantity_units == 100


def test_a_fill_under_a_cancel_is_what_a_refusal_returns_to() -> None:
    """The fill crossed the cancel: prev has moved on meanwhile."""
    state = played(*OPEN, CANCEL, fill("e1", 40, 7))
    assert (state.status, state.prev) == ("pending_cancel", "partially_filled")
    assert apply(state, event("cancel_reject", 9, request=1)).state.status == "partially_filled"


def test_a_refused_cancel_is_asked_about_and_not_repeated() -> None:
    """Too late means that something has happened which we may not know."""
    applied = last([*OPEN, CANCEL, event("cancel_reject", 9, request=1)])
    assert [type(e) for e in applied.effects if isinstance(e, NeedsQuery)] == [NeedsQuery]


def test_a_refusal_after_the_end_is_no_mistake() -> None:
    """The last fill and the refusal of the cancel cross every day: nothing is quarantined."""
    filled = played(*OPEN, CANCEL, fill("e1", 100, 7))
    applied = apply(filled, event("cancel_reject", 8, request=1))
    assert (applied.verdict, applied.row_id) == (Verdict.IGNORED, "OVERTAKEN")
    assert applied.state is filled


def test_a_cancel_on_the_heels_of_a_replace_refers_to_it() -> None:
    """The chain of names: the replace under way is what the cancel names as the original."""
    replacing = played(*OPEN, REPLACE)
    assert (replacing.known_request, replacing.previous_request) == (0, 1)
    canceling = apply(replacing, event("cancel_request", 7, request=2)).state
    refused = apply(canceling, event("replace_reject", 8, request=1)).state
    assert (refused.status, refused.previous_request) == ("pending_cancel", 0)
    accepted = apply(canceling, event("replaced", 8, request=1, terms=terms(150))).state
    assert (accepted.status, accepted.previous_request) == ("pending_cancel", 1)
    assert accepted.order.quantity_units == 150


def test_a_cancel_refused_before_the_replace_is_answered_leaves_the_replace_pending() -> None:
    """One answer settles one request."""
    both = played(*OPEN, REPLACE, event("cancel_request", 7, request=2))
    state = apply(both, event("cancel_reject", 8, request=2)).state
    assert (state.status, state.prev) == ("pending_replace", "accepted")


def test_new_terms_with_nothing_left_fill_the_order() -> None:
    """A quantity at or below what is filled ends the order as filled; that is no overfill."""
    small = event("replace_request", 6, request=1, terms=terms(30))
    state = played(*PARTIAL, small, event("replaced", 9, request=1))
    assert (state.status, state.order.overfill_units) == ("filled", Decimal(0))


def test_an_answer_without_a_number_settles_the_oldest_request_of_its_kind() -> None:
    """Some venues do not repeat our number."""
    state = played(*OPEN, CANCEL, event("cancel_reject", 9))
    assert (state.status, state.requests) == ("accepted", ())


def test_a_report_shows_whether_a_doubtful_replace_took_effect() -> None:
    """New terms in the report: it did, and later answers are old news. Old ones: it did not."""
    doubtful = played(*OPEN, REPLACE, event("send_unknown", 8, request=1))
    assert doubtful.order.in_doubt
    did = apply(
        doubtful, event("status", 9, status="accepted", cum_units=0, terms=terms(150))
    ).state
    assert (did.status, did.order.quantity_units, did.known_request) == (
        "accepted",
        Decimal(150),
        1,
    )
    assert not did.order.in_doubt
    did_not = apply(
        doubtful, event("status", 9, status="accepted", cum_units=0, terms=terms(100))
    ).state
    assert (did_not.status, did_not.order.quantity_units, did_not.known_request) == (
        "accepted",
        Decimal(100),
        0,
    )


def test_a_report_leaves_a_request_alone_whose_answer_is_under_way() -> None:
    """Only what is in doubt is settled by a query; a race with an answer decides nothing."""
    state = played(*OPEN, CANCEL)
    after = apply(state, event("status", 9, status="accepted", cum_units=0)).state
    assert (after.status, [r.number for r in after.requests]) == ("pending_cancel", [1])


def test_a_cancel_of_an_order_that_the_venue_does_not_know_is_in_doubt() -> None:
    """102=1: neither canceled nor working until the truth is read."""
    refusal = event("cancel_reject", 9, request=1, unknown_order=True)
    state = played(*OPEN, CANCEL, refusal)
    assert (state.status, state.order.in_doubt) == ("pending_cancel", True)
    ended = apply(state, event("status", 10, status="canceled", cum_units=0)).state
    assert (ended.status, ended.order.in_doubt) == ("canceled", False)


@pytest.mark.parametrize(("sequence", "status"), [(4, "accepted"), (6, "suspended")])
def test_a_report_older_than_the_last_event_is_ignored(sequence: int, status: str) -> None:
    """E5: the venue's own sequence decides, whatever its clock says."""
    state = played(SUBMIT, event("ack", 2, sequence=5))
    late = event("status", 99, status="suspended", cum_units=0, sequence=sequence)
    assert apply(state, late).state.status == status


def test_a_time_out_after_the_answer_raises_no_doubt() -> None:
    """The timer and the acknowledgement cross: the answer is known."""
    applied = last([*OPEN, event("send_unknown", 9, request=0)])
    assert (applied.verdict, applied.state.order.in_doubt) == (Verdict.IGNORED, False)


def test_any_sign_of_life_ends_the_doubt_about_a_submit() -> None:
    """A fill, an acknowledgement or an end shows that the order has arrived."""
    doubtful = (*NEW, event("send_unknown", 2, request=0))
    for sign in (fill("e1", 40, 3), ACK, event("canceled", 3), event("expired", 3)):
        after = apply(played(*doubtful), sign)
        assert after.verdict is Verdict.APPLIED
        assert not after.state.order.in_doubt


def test_a_working_report_of_a_canceled_order_opens_it_again_only_when_newer() -> None:
    """E5: the venue is the truth on state; a word of the same moment as the end is not newer."""
    ended = played(*OPEN, event("canceled", 9, sequence=9, reason="requested"))
    same = event("status", 9, status="accepted", cum_units=0, sequence=9)
    assert apply(ended, same).state.status == "canceled"
    newer = apply(ended, event("status", 9, status="accepted", cum_units=0, sequence=10))
    assert (newer.state.status, newer.state.order.reason) == ("accepted", "")
    assert [e.code for e in newer.effects if isinstance(e, Alert)] == [AlertCode.REOPENED]


def test_times_of_an_order_never_go_back() -> None:
    """I15: a late fill of an earlier venue time leaves the published time where it was."""
    state = played(*OPEN, event("canceled", 9), fill("e1", 40, 4, ts_recv_ns=11 * 10**9))
    assert state.order.ts_event_ns == 9 * 10**9
    assert state.ts_own_ns == 11 * 10**9
    assert state.executions["e1"].moment.ts_ns == 4 * 10**9


def test_a_suspended_order_can_be_canceled() -> None:
    """A kill switch cancels all that may fill, held orders too."""
    assert played(*HELD, CANCEL).prev == "suspended"


def test_not_found_means_nothing_about_an_order_that_is_not_in_doubt() -> None:
    """The acknowledgement was quicker than the conclusion."""
    applied = last([*OPEN, event("not_found", 9)])
    assert (applied.verdict, applied.state.status) == (Verdict.IGNORED, "accepted")


def test_an_order_given_up_is_told_of() -> None:
    """A person hears that something was sent which the venue does not know."""
    lost = event("send_unknown", 2, request=0)
    applied = last([*NEW, lost, event("not_found", 9, reason="not_found")])
    assert [e.code for e in applied.effects if isinstance(e, Alert)] == [AlertCode.NOT_FOUND]
    canceled = last([*OPEN, event("canceled", 9)])
    assert [e for e in canceled.effects if isinstance(e, Alert)] == []


def test_an_answer_to_what_was_never_asked_is_no_transition() -> None:
    """Number 2 of an order with one request is a mistake somewhere; number 1 is late."""
    replacing = played(*OPEN, REPLACE, event("send_unknown", 8, request=1))
    settled = apply(
        replacing, event("status", 9, status="accepted", cum_units=0, terms=terms(100))
    ).state
    late = apply(settled, event("replaced", 10, request=1, terms=terms(150)))
    assert (late.verdict, late.state.order.quantity_units) == (Verdict.APPLIED, Decimal(150))
    never = apply(settled, event("replaced", 10, request=2, terms=terms(150)))
    assert (never.verdict, never.state) == (Verdict.INVALID, settled)


def test_a_bust_after_a_crossed_cancel_leads_to_the_cancel() -> None:
    """The last fill crossed the cancel; taken back, the order is canceled, as the venue said."""
    crossed = played(*OPEN, CANCEL, fill("e1", 100, 7))
    told = apply(crossed, event("canceled", 7, reason="requested")).state
    assert told.status == "filled"
    after = apply(told, event("bust", 9, execution_ref="e1", leaves_units=100)).state
    assert (after.status, after.order.reason) == ("canceled", "requested")


def test_a_trigger_told_late_is_still_a_trigger() -> None:
    """A hold and its release were told first: the order that works again has fired."""
    state = played(*HELD, event("ack", 8), event("triggered", 3))
    assert state.status == "triggered"
    ended = played(*OPEN, event("canceled", 9))
    assert apply(ended, event("triggered", 3)).state.status == "canceled"


def test_of_one_instant_progress_comes_before_an_end_and_changes_an_open_order() -> None:
    """A clock in milliseconds gives several events one time."""
    assert played(*OPEN, event("suspended", 2)).status == "suspended"
    ended = played(*OPEN, event("canceled", 9))
    applied = apply(ended, event("suspended", 9))
    assert (applied.verdict, applied.row_id) == (Verdict.IGNORED, "E5")


def test_a_report_that_the_venue_still_thinks_about_a_submit_ends_the_doubt_about_it_only() -> None:
    """It has the order and has not decided: the answer is under way."""
    doubtful = played(
        *NEW, CANCEL, event("send_unknown", 7, request=0), event("send_unknown", 7, request=1)
    )
    state = apply(doubtful, event("status", 9, status="pending_new", cum_units=0)).state
    assert [(r.number, r.in_doubt) for r in state.requests] == [(0, False), (1, True)]
    assert state.status == "pending_cancel"


def test_a_report_of_a_pending_change_leaves_a_held_order_held() -> None:
    """What stands under the venue's pending state it does not say."""
    held = played(*HELD, CANCEL, event("send_unknown", 7, request=1))
    for status in ("pending_cancel", "pending_replace"):
        state = apply(held, event("status", 9, status=status, cum_units=0)).state
        assert (state.status, state.prev) == ("suspended", None)
    working = played(*OPEN, CANCEL, event("send_unknown", 7, request=1))
    state = apply(working, event("status", 9, status="pending_cancel", cum_units=0)).state
    assert state.status == "accepted"


def test_a_report_that_agrees_asks_for_nothing() -> None:
    """Only a total that differs sends somebody to read the record."""
    assert last([*PARTIAL, event("status", 9, status="accepted", cum_units=40)]).effects == ()
    differs = apply(
        played(*PARTIAL), event("status", 9, status="accepted", cum_units=60), forced=True
    )
    assert [type(effect).__name__ for effect in differs.effects] == ["NeedsReconcile"]


def test_a_queued_replace_dies_with_a_cancel_and_outlives_a_refusal() -> None:
    """Whoever cancels wants no new terms; a refused replace makes way for the next wish."""
    queued = (*OPEN, REPLACE, event("replace_request", 7, request=2, terms=terms(170)))
    assert played(*queued, event("cancel_request", 8, request=3)).queued is None
    refused = last([*queued, event("replace_reject", 8, request=1)])
    assert ReplaceDue(NAME, terms(170)) in refused.effects
    assert refused.state.queued is None


def test_terms_told_out_of_order_leave_the_newest_in_force() -> None:
    """A restatement that is older than the terms in force changes nothing; a repeat neither."""
    state = played(*OPEN, event("replaced", 9, terms=terms(80)))
    older = apply(state, event("replaced", 5, terms=terms(60)))
    repeat = apply(state, event("replaced", 12, terms=terms(80), request=0))
    assert (older.row_id, repeat.row_id) == ("OVERTAKEN", "OVERTAKEN")
    assert older.state.order.quantity_units == repeat.state.order.quantity_units == 80
    newer = apply(state, event("replaced", 12, terms=terms(90)))
    assert newer.state.order.quantity_units == 90


def test_the_ends_of_a_canceled_order_and_of_a_filled_one() -> None:
    """The venue's own end wins over one that was concluded, and not over what was filled."""
    concluded = played(*OPEN, fill("e1", 100, 3), event("bust", 4, execution_ref="e1"))
    assert concluded.status == "canceled"
    expired = apply(concluded, event("status", 9, status="expired", cum_units=0)).state
    assert expired.status == "expired"
    filled = played(*OPEN, fill("e1", 100, 3))
    assert apply(filled, event("status", 9, status="expired", cum_units=100)).state == (
        apply(filled, event("status", 9, status="filled", cum_units=100)).state
    )


def test_an_order_full_at_its_old_size_is_open_while_a_larger_one_may_be_in_force() -> None:
    """The fill may have come under the new terms: the venue would then go on filling."""
    full = played(*OPEN, REPLACE, fill("e1", 100, 7))
    assert (full.status, full.prev) == ("pending_replace", "partially_filled")
    assert (full.may_fill_units, full.is_whole) == (Decimal(50), False)
    larger = apply(full, event("replaced", 8, request=1, terms=terms(150))).state
    assert (larger.status, larger.may_fill_units) == ("partially_filled", Decimal(50))
    refused = apply(full, event("replace_reject", 8, request=1, reason="too_late")).state
    assert (refused.status, refused.requests) == ("filled", ())
    assert (refused.prev, refused.may_fill_units) == (None, Decimal(0))
    both = apply(full, event("cancel_request", 8, request=2)).state
    assert apply(both, event("replace_reject", 9, request=1)).state.status == "filled"


@pytest.mark.parametrize(
    "word",
    [
        fill("e2", 60, 8, cum_units=100, leaves_units=0),
        event("status", 9, status="filled", cum_units=100),
    ],
)
def test_the_venues_own_word_that_nothing_is_left_fills_an_order_under_a_replace(
    word: OrderEvent,
) -> None:
    """It knows which terms were in force: the refusal that follows is old news."""
    before = (fill("e1", 40, 7),) if word.kind == "fill" else (fill("e1", 100, 7),)
    state = played(*OPEN, REPLACE, *before, word)
    assert (state.status, state.may_fill_units) == ("filled", Decimal(0))
    late = apply(state, event("replace_reject", 10, request=1))
    assert (late.state, late.row_id) == (state, "OVERTAKEN")


def test_a_replace_under_way_that_asks_for_no_more_than_is_filled_holds_nothing_open() -> None:
    """Nothing can follow, under whichever terms."""
    small = event("replace_request", 6, request=1, terms=terms(90))
    assert played(*OPEN, small, fill("e1", 100, 7)).status == "filled"


TOLD = (
    fill("e1", 100, 7),
    event("replaced", 8, request=1, terms=terms(150)),
    event("canceled", 9, reason="administrative"),
)


@pytest.mark.parametrize("told", list(permutations(TOLD)))
def test_full_at_the_old_size_and_canceled_at_the_larger_one_is_canceled(
    told: tuple[OrderEvent, ...],
) -> None:
    """In whatever order it is heard."""
    state = played(*OPEN, REPLACE, *told)
    assert (state.status, state.order.reason) == ("canceled", "administrative")
    assert (state.cum_units, state.order.quantity_units) == (Decimal(100), Decimal(150))


@pytest.mark.parametrize("told", list(permutations((TOLD[0], TOLD[2]))))
def test_an_end_told_of_an_order_full_at_its_known_size_leaves_it_filled(
    told: tuple[OrderEvent, ...],
) -> None:
    """Until the larger size is told: then that end is what holds."""
    filled = played(*OPEN, REPLACE, *told)
    assert (filled.status, filled.requests, filled.order.in_doubt) == ("filled", (), False)
    assert apply(filled, TOLD[1]).state.status == "canceled"
