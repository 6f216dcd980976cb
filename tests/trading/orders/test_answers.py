"""Answers of the venue to what we asked: which request each settles, and what follows from it."""

from decimal import Decimal

import pytest

from domain.order_events import OrderEvent
from domain.reasons import Reason
from tests.trading.orders.making import NAME, event, fill, last, order, played, terms
from tests.trading.orders.row_cases import FILLED, NEW, OPEN, PARTIAL, REPLACE, REPLACING
from trading.orders.effects import NeedsQuery, Published, ReplaceDue
from trading.orders.machine import Verdict, apply
from trading.orders.moments import Moment, later, precedes
from trading.orders.state import EXTERNAL, Request

CANCEL_TOO = event("cancel_request", 7, request=2)
QUEUED = event("replace_request", 7, request=2, terms=terms(170))


def _queries(effects: tuple[object, ...]) -> list[str]:
    return [effect.why for effect in effects if isinstance(effect, NeedsQuery)]


def test_a_sequence_decides_only_where_both_have_one() -> None:
    """Else the venue's clock does; of two at the same place none is older."""
    assert precedes(Moment(9, 1), Moment(3, 2))
    assert not precedes(Moment(3, 2), Moment(9, 2))
    assert precedes(Moment(3, 7), Moment(9))
    assert precedes(Moment(3), Moment(9, 1))
    assert not precedes(Moment(9), Moment(9))
    assert not precedes(Moment(9), None)


def test_the_first_of_two_at_the_same_place_stays() -> None:
    """What is newer replaces, what is as new does not lose."""
    assert later(Moment(9), None) == Moment(9)
    assert later(Moment(3, 2), Moment(9, 2)) == Moment(3, 2)
    assert later(Moment(3, 2), Moment(9, 3)) == Moment(9, 3)


def test_a_submit_is_the_request_of_number_0() -> None:
    """It waits for its answer like any other."""
    assert played(*NEW).requests == (Request(0, "submit"),)


def test_a_doubt_says_why() -> None:
    """The reason of whoever raised it, or that no answer came."""
    lost = last([*NEW, event("send_unknown", 7, request=0, reason="http_503")])
    assert _queries(lost.effects) == ["http_503"]
    assert _queries(last([*NEW, event("send_unknown", 7, request=0)]).effects) == ["no answer came"]


def test_only_the_request_in_question_is_in_doubt() -> None:
    """The cancel's answer may still come."""
    state = played(*NEW, event("cancel_request", 6, request=1))
    state = apply(state, event("send_unknown", 7, request=0)).state
    assert [(r.number, r.asked, r.in_doubt) for r in state.requests] == [
        (0, "submit", True),
        (1, "cancel", False),
    ]
    replacing = apply(played(*REPLACING), event("send_unknown", 7, request=1)).state
    assert replacing.requests == (Request(1, "replace", terms(150), in_doubt=True),)


def test_a_replace_refused_for_an_unknown_order_is_over_and_asked_about() -> None:
    """The replace is answered; whether the order is there has to be found out."""
    applied = last([*REPLACING, event("replace_reject", 9, request=1, unknown_order=True)])
    assert (applied.state.status, applied.state.requests) == ("accepted", ())
    assert not applied.state.order.in_doubt
    assert _queries(applied.effects) == ["the venue refuses a replace: it does not know the order"]
    plain = last([*REPLACING, event("replace_reject", 9, request=1)])
    assert _queries(plain.effects) == []


def test_a_queued_replace_follows_the_question_about_a_refused_one() -> None:
    """Both are asked for, the question first."""
    applied = last([*REPLACING, QUEUED, event("replace_reject", 9, request=1, unknown_order=True)])
    asked = [effect for effect in applied.effects if not isinstance(effect, Published)]
    assert [type(effect) for effect in asked] == [NeedsQuery, ReplaceDue]
    assert asked[1] == ReplaceDue(NAME, terms(170))


def test_a_queued_replace_waits_for_the_answer_and_not_for_a_restatement() -> None:
    """The venue changed the terms by itself: our replace is still under way."""
    restated = last([*REPLACING, QUEUED, event("replaced", 9, terms=terms(90))])
    assert (restated.state.status, restated.state.queued) == ("pending_replace", terms(170))
    assert not [effect for effect in restated.effects if isinstance(effect, ReplaceDue)]
    answered = apply(restated.state, event("replaced", 10, request=1))
    assert ReplaceDue(NAME, terms(170)) in answered.effects
    assert (answered.state.queued, answered.state.last_request) == (None, 2)


@pytest.mark.parametrize("told", [None, terms(150)])
@pytest.mark.parametrize("number", [-1, 1])
def test_a_replace_is_in_force_under_its_number(told: object, number: int) -> None:
    """However much of our request the venue repeats; the next one names it as the original."""
    state = played(
        *REPLACING, event("replaced", 9, request=number, terms=told, venue_order_id="v2")
    )
    assert (state.status, state.order.quantity_units) == ("accepted", Decimal(150))
    assert (state.known_request, state.last_request, state.previous_request) == (1, 1, 1)
    assert (state.order.venue_order_id, state.requests) == ("v2", ())


def test_terms_that_are_older_than_those_in_force_answer_and_change_nothing_else() -> None:
    """The answer was overtaken by a restatement: its terms and its name are those of before."""
    restated = played(*REPLACING, event("replaced", 12, terms=terms(90), venue_order_id="v3"))
    answered = apply(restated, event("replaced", 9, request=1, venue_order_id="v2")).state
    assert (answered.status, answered.requests, answered.known_request) == ("accepted", (), 1)
    assert (answered.order.quantity_units, answered.order.venue_order_id) == (Decimal(90), "v3")


def test_a_replaced_order_that_names_no_order_id_keeps_its_own() -> None:
    """An empty name is no name."""
    assert played(*REPLACING, event("replaced", 9, request=1)).order.venue_order_id == "v1"


def test_the_answer_to_a_replace_acknowledges_the_order() -> None:
    """It was quicker than the ack of the submit: the order works, and nothing waits any more."""
    state = played(*NEW, REPLACE, event("replaced", 9, request=1))
    assert (state.status, state.prev, state.requests) == ("accepted", None, ())
    canceling = played(*NEW, REPLACE, CANCEL_TOO, event("replaced", 9, request=1))
    assert (canceling.status, canceling.prev) == ("pending_cancel", "accepted")
    assert [request.number for request in canceling.requests] == [2]


@pytest.mark.parametrize(("quantity", "status"), [(39, "filled"), (40, "filled"), (41, "open")])
def test_an_order_that_is_replaced_down_to_what_is_filled_is_filled(
    quantity: int, status: str
) -> None:
    """Nothing is left at exactly the filled quantity."""
    state = played(*PARTIAL, event("replaced", 9, terms=terms(quantity)))
    assert state.status == ("partially_filled" if status == "open" else status)


def test_larger_terms_told_late_end_as_the_venue_has_told() -> None:
    """Filled by our count, canceled by the venue's word: with more asked for, it was canceled."""
    told = played(*FILLED, event("canceled", 9, reason="requested"))
    state = apply(told, event("replaced", 3, terms=terms(150))).state
    assert (state.status, state.order.reason, state.cum_units) == (
        "canceled",
        "requested",
        Decimal(100),
    )


def test_terms_told_late_of_exactly_what_is_filled_leave_it_filled() -> None:
    """A restatement of another price, after the end."""
    state = played(*FILLED, event("replaced", 3, terms=terms(100, "1.20")))
    assert (state.status, state.order.limit_price) == ("filled", Decimal("1.20"))


def test_terms_told_late_leave_an_end_as_it_is() -> None:
    """Canceled stays canceled, expired expired; enough filled is filled."""
    ended = played(*PARTIAL, event("expired", 9))
    more = apply(ended, event("replaced", 3, terms=terms(150))).state
    assert (more.status, more.order.quantity_units) == ("expired", Decimal(150))
    enough = apply(ended, event("replaced", 3, terms=terms(40))).state
    assert enough.status == "filled"


def test_a_second_order_refused_while_the_first_is_unanswered_puts_that_in_doubt() -> None:
    """The id is known there, so the order probably is: never sent again, asked for."""
    applied = last([*NEW, event("reject", 9, reason=Reason.DUPLICATE_ID)])
    assert (applied.row_id, applied.state.status) == ("A21", "pending_new")
    assert applied.state.requests == (Request(0, "submit", in_doubt=True),)
    assert _queries(applied.effects) == [Reason.DUPLICATE_ID]
    known = last([*OPEN, event("reject", 9, reason=Reason.DUPLICATE_ID)])
    assert _queries(known.effects) == ["the venue knows its id already"]


def test_terms_without_a_number_that_nobody_asked_for_are_a_restatement() -> None:
    """The replace under way stays open."""
    state = played(*REPLACING, event("replaced", 9, terms=terms(151)))
    assert [request.number for request in state.requests] == [1]
    assert state.known_request == 0


def test_an_answer_to_nothing_is_invalid_and_one_to_something_settled_is_late() -> None:
    """An order about which nothing was ever asked can have no late answers."""
    assert last([*OPEN, event("cancel_reject", 9)]).verdict is Verdict.INVALID
    late = last([*REPLACING, event("replaced", 9, request=1), event("replace_reject", 10)])
    assert (late.verdict, late.row_id) == (Verdict.IGNORED, "OVERTAKEN")


def _twice_replaced() -> tuple[OrderEvent, ...]:
    second = event("replace_request", 10, request=2, terms=terms(170))
    return (
        *REPLACING,
        event("replaced", 9, request=1),
        second,
        event("replaced", 11, request=2),
    )


@pytest.mark.parametrize(
    ("request_", "wanted", "row_id", "quantity"),
    [
        (1, 150, "OVERTAKEN", 170),
        (2, 170, "OVERTAKEN", 170),
        (2, None, "OVERTAKEN", 170),
        (0, 170, "OVERTAKEN", 170),
        (-1, 170, "T21", 170),
        (2, 180, "T21", 180),
        (0, 180, "T21", 180),
    ],
)
def test_terms_told_again_under_an_old_number_are_old_news(
    request_: int, wanted: int | None, row_id: str, quantity: int
) -> None:
    """Those of an earlier replace, and those in force; other ones under a known number count."""
    told = None if wanted is None else terms(wanted)
    applied = last([*_twice_replaced(), event("replaced", 12, request=request_, terms=told)])
    assert applied.row_id == row_id
    assert applied.state.order.quantity_units == quantity
    assert applied.state.known_request == 2


def test_terms_restated_as_they_are_count_from_now_on() -> None:
    """What is older than that restatement is no news, however different."""
    state = played(*OPEN, event("replaced", 12, terms=terms(100)))
    assert state.terms_moment == Moment(12 * 10**9)
    older = apply(state, event("replaced", 10, terms=terms(60)))
    assert (older.row_id, older.state.order.quantity_units) == ("OVERTAKEN", Decimal(100))


def test_an_order_of_somebody_elses_has_numbers_of_its_own() -> None:
    """What the venue answers under a number that we never used is counted as used."""
    foreign = order(strategy=EXTERNAL)
    report = event("external", 1, status="accepted", terms=terms(100))
    applied = last([report, event("replaced", 9, request=3, terms=terms(80))], start=foreign)
    assert applied.row_id == "T21"
    assert (applied.state.known_request, applied.state.last_request) == (3, 3)


def test_a_fill_between_two_replaces_leaves_the_second_in_the_queue() -> None:
    """It goes out after the answer, under a number of its own, and only the newest wish does."""
    newer = event("replace_request", 8, request=3, terms=terms(180))
    state = played(*REPLACING, QUEUED, newer, fill("e1", 40, 8))
    assert (state.queued, state.last_request) == (terms(180), 3)
    assert [request.number for request in state.requests] == [1]
