"""What comes before the table, what is noted beside it, and what is refused with a reason."""

from decimal import Decimal
from typing import Any

import pytest

from domain.order_events import OrderEvent
from tests.trading.orders.making import NAME, event, fill, last, order, played, terms
from tests.trading.orders.row_cases import (
    CANCELED,
    CANCELING,
    FILLED,
    HELD,
    NEW,
    OPEN,
    PARTIAL,
    REPLACING,
    TRIGGERED,
)
from trading.orders.effects import Alert, AlertCode, Published
from trading.orders.machine import RULES, Verdict, apply
from trading.orders.moments import Moment
from trading.orders.state import EXTERNAL, Ended, opened

SECOND_NS = 1_000_000_000


def test_the_rules_have_the_names_that_are_counted() -> None:
    """A count of a rule that is not listed would be taken for a row's."""
    assert RULES == ("E1", "E5", "E8", "OVERTAKEN")


@pytest.mark.parametrize(
    ("before", "one", "rule", "verdict"),
    [
        (PARTIAL, fill("e1", 40, 9), "E1", "ignored"),
        (OPEN, event("suspended", 1), "E5", "ignored"),
        (OPEN, event("status", 1, status="suspended"), "E5", "ignored"),
        ((*OPEN, CANCELED), event("suspended", 9), "E5", "ignored"),
        (OPEN, event("ack", 9), "E8", "applied"),
        (OPEN, event("ack", 2), "E8", "ignored"),
        ((*OPEN, TRIGGERED), event("ack", 9), "E8", "applied"),
        (OPEN, event("pending_ack", 9), "E8", "applied"),
        (OPEN, event("send_unknown", 9, request=0), "OVERTAKEN", "ignored"),
        (OPEN, event("not_found", 9), "OVERTAKEN", "ignored"),
        (CANCELING, event("cancel_request", 9, request=1), "OVERTAKEN", "ignored"),
        (
            REPLACING,
            event("replace_request", 9, request=1, terms=terms(150)),
            "OVERTAKEN",
            "ignored",
        ),
        (REPLACING, event("pending_cancel_ack", 9, request=1), "OVERTAKEN", "ignored"),
        (CANCELING, event("replace_reject", 9, request=1), "OVERTAKEN", "ignored"),
    ],
)
def test_what_tells_nothing_new_is_passed_over(
    before: tuple[OrderEvent, ...], one: OrderEvent, rule: str, verdict: str
) -> None:
    """By its rule, without an effect; "applied" where a time or a name of it is kept."""
    state = played(*before)
    applied = apply(state, one)
    assert (applied.row_id, applied.verdict, applied.effects) == (rule, verdict, ())
    assert applied.state.order == state.order
    assert (applied.state == state) == (verdict == "ignored")


def test_a_word_repeated_later_is_the_newest_word() -> None:
    """What is older than the repetition is no news any more."""
    state = played(*OPEN, event("ack", 9))
    assert state.moment == Moment(9 * SECOND_NS)
    assert last([*OPEN, event("ack", 9), event("suspended", 5)]).row_id == "E5"


def test_a_repeated_word_that_counts_other_fills_waits_for_them() -> None:
    """The state is known, the fills are not; an older word is passed over whatever it counts."""
    state = played(*OPEN)
    applied = apply(state, event("ack", 9, cum_units=40))
    assert (applied.verdict, applied.row_id, applied.effects) == (Verdict.MISFIT, "E8", ())
    assert applied.state is state
    assert applied.why == "ack counts 40 filled, 0 are known"
    forced = apply(state, event("ack", 9, cum_units=40), forced=True)
    assert (forced.verdict, forced.row_id) == (Verdict.APPLIED, "E8")
    assert apply(state, event("suspended", 1, cum_units=40)).row_id == "E5"


def test_a_fill_whose_total_does_not_fit_is_a_misfit_until_forced() -> None:
    """It says which row it will take."""
    state = played(*OPEN)
    applied = apply(state, fill("e2", 30, 9, cum_units=70))
    assert (applied.verdict, applied.row_id, applied.state) == (Verdict.MISFIT, "T15", state)
    assert applied.why == "fill counts 70 filled, 0 are known"
    forced = apply(state, fill("e2", 30, 9, cum_units=70), forced=True)
    assert forced.state.cum_units == 30


def test_an_order_taken_over_need_not_fit() -> None:
    """Its fills are those of before anybody looked: the record brings them."""
    report = event("external", 1, status="partially_filled", cum_units=40, terms=terms(100))
    applied = apply(opened(order(strategy=EXTERNAL)), report)
    assert (applied.verdict, applied.state.status) == (Verdict.APPLIED, "accepted")


@pytest.mark.parametrize(
    ("before", "one", "why"),
    [
        (NEW, event("triggered", 9), "triggered (request -1) does not follow on pending_new"),
        (OPEN, event("fill", 9, quantity_units=1, price=1), "fill with no execution id"),
        (
            OPEN,
            event("fill", 9, execution_id="e", price=1),
            "fill with quantity None, which must be above 0",
        ),
        (OPEN, fill("e", 1, 9, "-1"), "fill with price -1, which must be above 0"),
        (OPEN, event("bust", 9), "bust with no execution id"),
        (OPEN, event("cancel_request", 9), "cancel_request (request -1) does not follow on"),
        (OPEN, event("cancel_request", 9, request=0), "cancel_request (request 0) does not"),
        (
            OPEN,
            event("cancel_request", 9, request=1, terms=terms(1)),
            "cancel_request (request 1) does not follow on accepted",
        ),
        (
            OPEN,
            event("replace_request", 9, request=1),
            "replace_request (request 1) does not follow on accepted",
        ),
        (
            OPEN,
            event("replace_request", 9, request=0, terms=terms(1)),
            "replace_request (request 0) does not follow on accepted",
        ),
        (CANCELING, event("cancel_reject", 9, request=5), "cancel_reject (request 5) does not"),
        (REPLACING, event("replace_reject", 9, request=5), "replace_reject (request 5) does"),
        (
            REPLACING,
            event("replaced", 9, request=5, terms=terms(9)),
            "replaced (request 5) does not follow on pending_replace",
        ),
        (CANCELING, event("send_unknown", 9, request=5), "send_unknown (request 5) does not"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(
    before: tuple[OrderEvent, ...], one: OrderEvent, why: str
) -> None:
    """No row, no number, or none that was ever asked: the state is as it was."""
    state = played(*before)
    applied = apply(state, one)
    assert (applied.verdict, applied.state, applied.effects) == (Verdict.INVALID, state, ())
    assert applied.why.startswith(why)


def test_nothing_can_be_unknown_of_an_order_that_was_never_sent() -> None:
    """No request of it went out."""
    for kind in ("send_unknown", "not_found"):
        applied = apply(opened(order()), event(kind, 9, request=0))
        assert applied.verdict is Verdict.INVALID


def test_only_answers_need_a_number_that_was_asked() -> None:
    """A fill is a fill, whatever request its report names."""
    assert last([*OPEN, fill("e1", 40, 9, request=7)]).state.cum_units == 40


def test_a_third_party_may_answer_under_numbers_of_its_own() -> None:
    """An order that is not ours has requests that we know nothing of."""
    report = event("external", 1, status="accepted", terms=terms(100))
    applied = last(
        [report, event("replaced", 9, request=5, terms=terms(80))], order(strategy=EXTERNAL)
    )
    assert applied.state.order.quantity_units == 80


@pytest.mark.parametrize("one", [fill("e1", 40, 4), event("pending_ack", 4)])
def test_the_first_name_that_the_venue_gives_is_kept(one: OrderEvent) -> None:
    """Another one on a later report is not the order's; an empty one is none."""
    named: dict[str, Any] = {"venue_order_id": "v9"}
    state = played(*NEW)
    unnamed = apply(state, one).state
    assert unnamed.order.venue_order_id == ""
    state = played(*NEW, event("pending_ack", 3, **named))
    assert state.order.venue_order_id == "v9"
    later = fill("e2", 10, 5, venue_order_id="v10")
    assert apply(state, later).state.order.venue_order_id == "v9"


def test_a_trigger_told_after_a_fill_is_noted_under_it() -> None:
    """The order stays partially filled; a bust leads back to triggered."""
    state = apply(played(*PARTIAL), event("triggered", 3)).state
    assert (state.status, state.triggered) == ("partially_filled", True)
    assert apply(state, event("bust", 9, execution_ref="e1")).state.status == "triggered"
    canceled = apply(played(*OPEN, CANCELED), event("triggered", 3)).state
    assert (canceled.status, canceled.triggered) == ("canceled", True)


def test_the_first_end_that_the_venue_tells_of_a_filled_order_is_kept() -> None:
    """A bust brings it back."""
    state = played(*FILLED, event("canceled", 9, reason="requested"), event("expired", 10))
    assert state.ended == Ended("canceled", "requested")
    after = apply(state, event("bust", 11, execution_ref="e1")).state
    assert (after.status, after.order.reason) == ("canceled", "requested")


def test_an_overtaken_replace_is_known_by_its_number_all_the_same() -> None:
    """Its terms are old, but it was in force: the next request names it as the original."""
    lost = event("send_unknown", 8, request=1)
    report = event("status", 12, status="accepted", cum_units=0, terms=terms(90))
    applied = last([*REPLACING, lost, report, event("replaced", 9, request=1, terms=terms(150))])
    assert applied.row_id == "OVERTAKEN"
    assert (applied.state.known_request, applied.state.order.quantity_units) == (1, Decimal(90))


def test_the_ack_that_a_fill_implies_is_of_the_time_of_the_fill() -> None:
    """It has an order that works, without a request."""
    applied = last([*NEW, fill("e1", 40, 4)])
    ack, after = (effect.order for effect in applied.effects if isinstance(effect, Published))
    assert (ack.status, ack.filled_units, ack.ts_event_ns) == (
        "accepted",
        Decimal(0),
        4 * SECOND_NS,
    )
    assert (after.status, after.filled_units) == ("partially_filled", Decimal(40))


@pytest.mark.parametrize(("at", "status"), [(3, "suspended"), (4, "partially_filled")])
def test_a_fill_of_before_the_hold_leaves_the_order_held(at: int, status: str) -> None:
    """It was filled first; one that comes after shows that the order works."""
    state = apply(played(*HELD), fill("e1", 40, at)).state
    assert (state.status, state.cum_units) == (status, Decimal(40))


def test_a_fill_of_before_the_newest_word_is_a_fill() -> None:
    """Only a hold is left as it is."""
    state = apply(played(*OPEN, event("ack", 9)), fill("e1", 40, 3)).state
    assert state.status == "partially_filled"


@pytest.mark.parametrize(("units", "status"), [(99, "partially_filled"), (100, "filled")])
def test_a_correction_up_to_the_whole_fills_the_order(units: int, status: str) -> None:
    """At exactly the quantity nothing is left."""
    more = event(
        "correct", 10, execution_id="x", execution_ref="e1", quantity_units=units, price="1.1"
    )
    assert apply(played(*PARTIAL), more).state.status == status


@pytest.mark.parametrize(
    ("leaves", "status"), [(None, "canceled"), (0, "canceled"), (1, "partially_filled")]
)
def test_a_bust_of_a_filled_order_opens_it_only_where_the_venue_says_so(
    leaves: int | None, status: str
) -> None:
    """Nothing left at the venue: it is over, with what is still filled."""
    bust = event("bust", 10, execution_ref="e1", leaves_units=leaves, reason="busted")
    state = apply(played(*FILLED), bust).state
    assert (state.status, state.cum_units) == (status, Decimal(60))
    assert state.order.reason == ("busted" if status == "canceled" else "")


def test_a_bust_leaves_an_end_and_a_hold_as_they_are() -> None:
    """Only what is filled changes."""
    bust = event("bust", 10, execution_ref="e1", leaves_units=40)
    assert apply(played(*PARTIAL, CANCELED), bust).state.status == "canceled"
    held = played(*PARTIAL, event("suspended", 5))
    assert apply(held, bust).state.status == "suspended"


def test_an_overfill_is_told_with_its_size_once() -> None:
    """What is beyond the largest quantity that was ever in force."""
    applied = last([*FILLED, fill("e3", 10, 12)])
    texts = {e.code: e.text for e in applied.effects if isinstance(e, Alert)}
    assert texts == {
        AlertCode.LATE_FILL: "execution e3 of 10 at 1.10 after filled",
        AlertCode.OVERFILL: "execution e3 of 10 at 1.10: 10 beyond 100 in all",
    }
    assert all(e.client_order_id == NAME for e in applied.effects if isinstance(e, Alert))
    again = apply(applied.state, event("bust", 13, execution_ref="e1"))
    assert [e.code for e in again.effects if isinstance(e, Alert)] == [AlertCode.BUST]


def test_an_event_that_changes_nothing_gives_the_same_state() -> None:
    """The very object: whoever compares need not look into it."""
    state = played(*OPEN, CANCELED)
    applied = apply(state, CANCELED)
    assert applied.state is state
    assert (applied.verdict, applied.row_id) == (Verdict.APPLIED, "T41a")
