"""Executions by their ids: counted once, taken back, corrected, and found behind a total."""

from decimal import Decimal
from typing import Any

import pytest

from domain.order_events import OrderEvent
from tests.trading.orders.making import event, fill, last, order, played, terms
from tests.trading.orders.row_cases import CANCELED, FILLED, NEW, OPEN, PARTIAL, REPLACING
from trading.orders.effects import Booked, Effect
from trading.orders.fills import INFERRED, Execution, change, execution_base, unexplained
from trading.orders.machine import Verdict, apply
from trading.orders.moments import Moment
from trading.orders.state import EXTERNAL, Ended, OrderState, but, opened

SECOND_NS = 1_000_000_000


def booked(effects: tuple[Effect, ...]) -> list[tuple[str, str, Decimal, Decimal, str]]:
    """Return id, side, units, price and reference of what moves the position."""
    return [
        (e.execution_id, e.side, e.quantity_units, e.price, e.execution_ref)
        for e in effects
        if isinstance(e, Booked)
    ]


def correct(ref: str, name: str, quantity: int, at: int, price: str = "1.2") -> OrderEvent:
    """Return a correction at second ``at``."""
    return event(
        "correct", at, execution_id=name, execution_ref=ref, quantity_units=quantity, price=price
    )


def bust(ref: str, at: int, **fields: Any) -> OrderEvent:
    """Return a bust at second ``at``."""
    return event("bust", at, execution_ref=ref, **fields)


@pytest.mark.parametrize(
    ("venue", "name", "base", "revision"),
    [
        ("ib", "0001.02.01.03", "0001.02.01", 3),
        ("ib", "0001.x", "0001.x", 0),
        ("ib", "12", "12", 0),
        ("paper", "0001.02", "0001.02", 0),
        ("oanda", "12", "12", 0),
    ],
)
def test_only_interactive_brokers_counts_revisions(
    venue: str, name: str, base: str, revision: int
) -> None:
    """A dot in another venue's id is part of it."""
    assert execution_base(venue, name) == Execution(base, revision)


def test_a_revision_counts_if_it_is_newer_and_its_execution_stands() -> None:
    """The same and older ones are repetitions; what was taken back stays so."""
    first = fill("a.01", 40, 4, venue="ib")
    second = fill("a.02", 30, 5, venue="ib")
    state = played(*OPEN, first, second)
    assert state.cum_units == 30
    for seen in (first, second, fill("a.02", 20, 6, venue="ib")):
        assert apply(state, seen).row_id == "E1"
    busted = apply(state, bust("a.02", 7, venue="ib")).state
    assert busted.cum_units == 0
    assert apply(busted, fill("a.03", 10, 8, venue="ib")).row_id == "E1"


def test_a_fill_whose_bust_came_first_counts_for_nothing() -> None:
    """It waits for the fill; forced, it is remembered by its name."""
    state = played(*OPEN, fill("e0", 10, 3))
    early = bust("e1", 5)
    assert apply(state, early).verdict is Verdict.MISFIT
    forced = apply(state, early, forced=True)
    assert booked(forced.effects) == []
    after = apply(forced.state, fill("e1", 40, 4))
    assert (after.state.cum_units, booked(after.effects)) == (Decimal(10), [])
    assert after.state.executions["e1"].first == Moment(4 * SECOND_NS)
    assert set(after.state.executions) == {"e0", "e1"}


def test_a_fill_whose_correction_came_first_stands_corrected() -> None:
    """Under its own name, with both names known."""
    early = correct("e1", "e1b", 30, 6)
    state = played(*OPEN)
    assert apply(state, early).verdict is Verdict.MISFIT
    forced = apply(state, early, forced=True)
    assert booked(forced.effects) == [("e1b", "buy", Decimal(30), Decimal("1.2"), "e1")]
    assert set(forced.state.executions) == {"e1"}
    assert forced.state.executions["e1"].ids == ("e1", "e1b")
    assert forced.state.executions["e1"].first is None
    filled = apply(forced.state, fill("e1", 40, 4))
    assert (filled.state.cum_units, booked(filled.effects)) == (Decimal(30), [])
    assert filled.state.executions["e1"].first == Moment(4 * SECOND_NS)
    assert apply(filled.state, early).row_id == "E1"
    assert apply(filled.state, fill("e1", 40, 4)).row_id == "E1"


def test_a_bust_or_correction_may_name_its_execution_as_its_own() -> None:
    """Without a reference, the id is the execution's."""
    taken = apply(played(*FILLED), event("bust", 9, execution_id="e1"))
    assert taken.state.cum_units == 60
    assert booked(taken.effects) == [("e1-bust", "sell", Decimal(40), Decimal("1.10"), "e1")]
    bare = event("correct", 9, execution_id="e1", quantity_units=30, price="1.2")
    assert apply(played(*FILLED), bare).state.cum_units == 90
    alone = event("correct", 9, execution_id="e7", quantity_units=30, price="1.2")
    state = apply(played(*OPEN), alone, forced=True).state
    assert (set(state.executions), state.executions["e7"].ids) == ({"e7"}, ("e7",))


def test_a_correction_replaces_one_of_several_executions() -> None:
    """It is booked as the opposite, then anew; the others stand."""
    applied = last([*FILLED, correct("e1", "e1b", 30, 9)])
    assert applied.state.cum_units == 90
    assert booked(applied.effects) == [
        ("e1b-replaces", "sell", Decimal(40), Decimal("1.10"), "e1"),
        ("e1b", "buy", Decimal(30), Decimal("1.2"), "e1"),
    ]
    assert applied.state.executions["e1"].ids == ("e1", "e1b")


@pytest.mark.parametrize(("quantity", "price"), [(30, "1.10"), (40, "1.2")])
def test_a_correction_of_price_or_quantity_alone_is_one(quantity: int, price: str) -> None:
    """Also under the name of the execution itself, but not twice."""
    same_name = correct("e1", "e1", quantity, 9, price)
    state = played(*PARTIAL, same_name)
    assert state.cum_units == quantity
    assert state.order.average_price == Decimal(price)
    assert apply(state, same_name).row_id == "E1"
    assert apply(state, correct("e1", "e1", 20, 10)).state.cum_units == 20


def test_a_correction_is_known_by_its_name() -> None:
    """The same name again is a copy, whatever it says; another one corrects anew."""
    state = played(*PARTIAL, correct("e1", "e1b", 30, 9))
    assert apply(state, correct("e1", "e1b", 20, 10)).row_id == "E1"
    assert apply(state, correct("e1b", "e1c", 20, 10)).state.cum_units == 20


def test_a_correction_that_comes_late_leaves_its_name_and_nothing_else() -> None:
    """Older than the newest word, or of what was taken back: it moves nothing."""
    newest = played(*FILLED, correct("e1", "e1c", 20, 12))
    late = apply(newest, correct("e1", "e1b", 30, 10))
    assert (late.verdict, booked(late.effects)) == (Verdict.APPLIED, [])
    assert late.state.cum_units == 80
    assert late.state.executions["e1"].ids == ("e1", "e1b", "e1c")
    assert apply(late.state, correct("e1", "e1b", 30, 10)).row_id == "E1"
    assert apply(late.state, bust("e1b", 13)).state.cum_units == 60
    gone = apply(played(*FILLED, bust("e1", 9, leaves_units=40)), correct("e1", "e1b", 30, 12))
    assert (gone.state.cum_units, booked(gone.effects)) == (Decimal(60), [])
    assert gone.state.executions["e1"].ids == ("e1", "e1b")


def test_a_bust_takes_back_what_was_booked() -> None:
    """Once; by its size and price as they stand, in the other direction."""
    applied = last([*FILLED, correct("e1", "e1b", 30, 9), bust("e1b", 10)])
    assert booked(applied.effects) == [("e1-bust", "sell", Decimal(30), Decimal("1.2"), "e1")]
    assert applied.state.executions["e1"].moment == Moment(10 * SECOND_NS)
    assert apply(applied.state, bust("e1", 11)).row_id == "E1"


def test_a_sell_is_taken_back_by_a_buy() -> None:
    """Bookings are in the direction of the order, or against it."""
    applied = last([*PARTIAL, bust("e1", 9)], start=order(side="sell"))
    assert booked(applied.effects) == [("e1-bust", "buy", Decimal(40), Decimal("1.10"), "e1")]
    one = last([*OPEN, fill("e1", 1, 4)], start=order(side="sell"))
    assert booked(one.effects) == [("e1", "sell", Decimal(1), Decimal("1.10"), "")]


def test_a_booking_says_what_it_costs_and_where_it_was() -> None:
    """The commission is on the execution itself; the venue is the event's, else the order's."""
    charged: dict[str, Any] = {"commission": Decimal("0.5"), "commission_currency": "EUR"}
    named, unnamed = fill("e1", 40, 4, venue="x", **charged), fill("e1", 40, 4, venue="", **charged)
    for one, venue in ((named, "x"), (unnamed, "paper")):
        (entry,) = [e for e in last([*OPEN, one]).effects if isinstance(e, Booked)]
        assert (entry.commission, entry.commission_currency) == (Decimal("0.5"), "EUR")
        assert (entry.venue, entry.account, entry.strategy) == (venue, "001-1", "trend")
        assert (entry.ts_event_ns, entry.ts_recv_ns) == (4 * SECOND_NS, 4 * SECOND_NS)
    again = event(
        "correct", 9, execution_id="e1b", execution_ref="e1", quantity_units=30, price=1, **charged
    )
    out, anew = (e for e in last([*OPEN, named, again]).effects if isinstance(e, Booked))
    assert (out.commission, out.commission_currency) == (Decimal(0), "")
    assert (anew.commission, anew.commission_currency) == (Decimal("0.5"), "EUR")


def test_a_fill_without_figures_is_never_counted() -> None:
    """Whoever asks past the check is told."""
    halves: list[dict[str, Any]] = [{"price": 1}, {"quantity_units": 1}]
    for lacking in halves:
        with pytest.raises(ValueError, match="has no quantity or price"):
            change(played(*OPEN), event("fill", 9, execution_id="e", **lacking))


@pytest.mark.parametrize(
    ("before", "one"),
    [
        (FILLED, bust("e1", 9, cum_units=60)),
        (FILLED, event("correct", 9, execution_id="x", execution_ref="e1", quantity_units=30,
                       price=1, cum_units=90)),
        (OPEN, fill("e1", 40, 4, cum_units=40, leaves_units=60)),
        (PARTIAL, fill("e2", 20, 5, cum_units=60, leaves_units=40)),
        (OPEN, fill("e1", 110, 4, cum_units=110, leaves_units=0)),
        ((*OPEN, CANCELED), fill("e1", 40, 10, cum_units=40, leaves_units=0)),
        ((*PARTIAL,), event("canceled", 9, cum_units=40, leaves_units=0)),
        ((*OPEN, fill("e2", 60, 5)), fill("e1", 40, 4, cum_units=40, leaves_units=60)),
        ((*FILLED, bust("e1", 10, leaves_units=40)), fill("e3", 5, 9, cum_units=105)),
    ],
)  # fmt: skip
def test_totals_that_follow_from_what_is_known_fit(
    before: tuple[OrderEvent, ...], one: OrderEvent
) -> None:
    """Those after the event; those of before something that is known already need not."""
    assert last([*before, one]).verdict is Verdict.APPLIED


@pytest.mark.parametrize(
    ("before", "one"),
    [
        (FILLED, bust("e1", 9, cum_units=100)),
        (FILLED, bust("e9", 9)),
        (OPEN, fill("e1", 40, 4, cum_units=50)),
        (OPEN, fill("e1", 40, 4, leaves_units=40)),
        (OPEN, fill("e1", 40, 4, leaves_units=0)),
        (OPEN, event("canceled", 9, cum_units=40)),
        (PARTIAL, event("expired", 9, cum_units=0)),
    ],
)
def test_totals_that_do_not_follow_wait(before: tuple[OrderEvent, ...], one: OrderEvent) -> None:
    """Fills, terms or an execution of before have not come."""
    assert last([*before, one]).verdict is Verdict.MISFIT


# What only a total is known of.


def inferred(name: str, cum: int, at: int, average: str = "1.10") -> OrderEvent:
    """Return the execution that a total of ``cum`` at second ``at`` stands for."""
    return fill(f"{INFERRED}{name}", 1, at, average, cum_units=cum, average_price=average)


def test_a_total_beyond_what_is_known_is_an_execution_of_its_own() -> None:
    """Its price is the one that makes the average come out."""
    applied = last([*PARTIAL, inferred("a", 100, 9, "1.16")])
    assert booked(applied.effects) == [
        ("inferred-a", "buy", Decimal(60), Decimal("1.200000000000"), "")
    ]
    assert (applied.state.status, applied.state.order.average_price) == ("filled", Decimal("1.16"))
    assert applied.state.executions["inferred-a"].inferred


def test_a_total_explains_itself_only_with_an_average() -> None:
    """Without one a price would be a guess; and nothing is beyond what is known."""
    state = played(*PARTIAL)
    halves: list[dict[str, Any]] = [
        {"cum_units": 100},
        {"average_price": 1},
        {"cum_units": 40, "average_price": 1},
    ]
    for told in halves:
        assert unexplained(state, event("status", 9, **told)) is None
    found = unexplained(state, event("status", 9, cum_units=41, average_price="1.10"))
    assert found == (Decimal(1), Decimal("1.10"))


def test_a_total_counts_what_was_filled_up_to_its_time() -> None:
    """By the fill's own time: a later correction of it does not take it out."""
    state = played(*PARTIAL, correct("e1", "e1b", 40, 12, "1.10"))
    told = event("status", 9, cum_units=100, average_price="1.10")
    assert unexplained(state, told) == (Decimal(60), Decimal("1.10"))
    before = event("status", 3, cum_units=100, average_price="1.10")
    assert unexplained(state, before) == (Decimal(100), Decimal("1.10"))
    corrected_first = apply(played(*OPEN), correct("e1", "e1b", 40, 6, "1.10"), forced=True).state
    assert unexplained(corrected_first, told) == (Decimal(60), Decimal("1.10"))


def test_a_reported_fill_takes_the_place_of_what_was_inferred_for_it() -> None:
    """All of it, with the cost of the rest kept: the total does not move."""
    state = played(*OPEN, inferred("a", 40, 9, "1.10"))
    applied = apply(state, fill("e1", 10, 8, "1.14"))
    assert booked(applied.effects) == [
        ("inferred-a-e1-out", "sell", Decimal(40), Decimal("1.100000000000"), "inferred-a"),
        ("inferred-a-e1-rest", "buy", Decimal(30), Decimal("1.086666666667"), "inferred-a"),
        ("e1", "buy", Decimal(10), Decimal("1.14"), ""),
    ]
    assert applied.state.cum_units == 40
    whole = apply(applied.state, fill("e2", 30, 8, "1.10"))
    assert [entry[0] for entry in booked(whole.effects)] == ["inferred-a-e2-out", "e2"]
    gone = whole.state.executions["inferred-a"]
    assert (gone.busted, gone.quantity_units, whole.state.cum_units) == (
        True,
        Decimal(0),
        Decimal(40),
    )
    more = apply(whole.state, fill("e3", 5, 8, "1.10"))
    assert [entry[0] for entry in booked(more.effects)] == ["e3"]


def test_a_reported_fill_is_taken_out_of_several_inferred_ones_in_turn() -> None:
    """As much as it explains, and no more."""
    state = played(*OPEN, inferred("a", 40, 8), inferred("b", 100, 9))
    after = apply(state, fill("e1", 70, 7)).state
    counted = {key: one.counted_units for key, one in after.executions.items()}
    assert counted == {"inferred-a": 0, "inferred-b": 30, "e1": 70}
    small = apply(state, fill("e1", 40, 7)).state
    counted = {key: one.counted_units for key, one in small.executions.items()}
    assert counted == {"inferred-a": 0, "inferred-b": 60, "e1": 40}
    after = apply(after, fill("e2", 10, 7)).state
    assert after.executions["inferred-b"].counted_units == 20


def test_a_fill_of_after_the_total_is_not_explained_by_it() -> None:
    """It came on top."""
    state = played(*OPEN, inferred("a", 40, 9))
    after = apply(state, fill("e1", 10, 10)).state
    assert (after.cum_units, after.executions["inferred-a"].counted_units) == (
        Decimal(50),
        Decimal(40),
    )
    both = apply(apply(state, fill("e1", 10, 10)).state, fill("e2", 10, 8)).state
    assert (both.cum_units, both.executions["inferred-a"].counted_units) == (
        Decimal(50),
        Decimal(30),
    )


def test_a_fill_that_was_corrected_before_it_was_seen_also_takes_its_place() -> None:
    """The correction is no fill: the inferred one stands until the fill itself is there."""
    state = played(*OPEN, inferred("a", 40, 9))
    corrected = apply(state, correct("e1", "e1b", 10, 12), forced=True).state
    assert corrected.executions["inferred-a"].counted_units == 40
    seen = apply(corrected, fill("e1", 15, 8))
    assert seen.state.executions["inferred-a"].counted_units == 25
    assert seen.state.executions["e1"].counted_units == 10
    assert [entry[0] for entry in booked(seen.effects)] == [
        "inferred-a-e1-out",
        "inferred-a-e1-rest",
    ]


def test_totals_are_not_looked_at_while_something_is_inferred() -> None:
    """They may be of before or after it: nobody can say."""
    state = played(*OPEN, inferred("a", 40, 9))
    assert apply(state, fill("e1", 10, 10, cum_units=10)).verdict is Verdict.APPLIED


# What follows for the order.


def test_an_order_known_by_its_fills_grows_with_them() -> None:
    """Its quantity is their sum where that is more; nothing of it is overfill."""
    begun = but(opened(order(strategy=EXTERNAL, quantity_units=Decimal(60))), guessed=True)
    works = apply(begun, event("external", 1, status="accepted")).state
    first = apply(works, fill("e1", 40, 4)).state
    assert (first.status, first.order.quantity_units) == ("partially_filled", Decimal(60))
    second = apply(first, fill("e2", 50, 5)).state
    assert (second.order.quantity_units, second.most_units) == (Decimal(90), Decimal(90))
    assert second.order.overfill_units == 0


def test_overfill_is_what_is_beyond_the_largest_quantity_ever_asked_for() -> None:
    """A quantity that was taken down later was still asked for."""
    larger, smaller = event("replaced", 5, terms=terms(150)), event("replaced", 6, terms=terms(80))
    assert played(*OPEN, larger, smaller, fill("e1", 120, 7)).order.overfill_units == 0
    assert played(*OPEN, larger, smaller, fill("e1", 170, 7)).order.overfill_units == 20


def test_a_new_order_has_nothing_but_its_terms() -> None:
    """Nothing filled, asked, queued, known or in doubt."""
    assert opened(order()) == OrderState(
        order(),
        prev=None,
        executions={},
        requests=(),
        queued=None,
        known_request=0,
        last_request=0,
        most_units=Decimal(100),
        triggered=False,
        missing=False,
        guessed=False,
        ended=None,
        moment=None,
        terms_moment=None,
        ts_own_ns=0,
    )
    assert played(*NEW).known_request == played(*NEW).last_request == 0
    assert EXTERNAL == "EXTERNAL"


@pytest.mark.parametrize("changes", [{"status": "accepted"}, {"quantity_units": Decimal(0)}])
def test_an_order_begins_unsent_and_asks_for_something(changes: dict[str, Any]) -> None:
    """Anything else is a mistake of the caller."""
    with pytest.raises(ValueError, match="a new order is initialized and asks for more than 0"):
        opened(order(**changes))


def test_an_order_may_fill_as_far_as_the_largest_quantity_asked_for() -> None:
    """A replace under way counts until it is answered; what is closed fills no more."""
    assert played(*REPLACING).may_fill_units == 150
    assert played(*REPLACING, fill("e1", 40, 9)).may_fill_units == 110
    smaller = event("replace_request", 6, request=1, terms=terms(50))
    assert played(*OPEN, smaller).may_fill_units == 100
    assert played(*PARTIAL, CANCELED).may_fill_units == Decimal(0)
    overfilled = played(*OPEN, fill("e1", 110, 9), bust("e1", 10))
    assert overfilled.may_fill_units == 0


def test_an_execution_is_found_under_each_of_its_names() -> None:
    """And under no other."""
    state = played(*FILLED, correct("e1", "e1b", 30, 9))
    assert [state.find(name) for name in ("e1", "e1b", "e2", "e9")] == ["e1", "e1", "e2", None]


def test_a_sign_of_life_ends_the_doubt_about_a_missing_order() -> None:
    """It was gone from a record, and is held: it is there."""
    missing = event("send_unknown", 8, request=-1)
    state = played(*OPEN, missing, event("suspended", 9))
    assert (state.missing, state.order.in_doubt) == (False, False)


def test_an_end_leaves_nothing_under_way() -> None:
    """No request, no wish for later; how it ended is kept, until it works again."""
    queued = event("replace_request", 7, request=2, terms=terms(170))
    state = played(*REPLACING, queued, CANCELED)
    assert (state.requests, state.queued, state.ended) == ((), None, Ended("canceled", "requested"))
    works = event("status", 10, status="accepted", cum_units=0)
    assert apply(state, works).state.ended is None
    rejected = played(*NEW, event("reject", 9, reason="bad_price"))
    assert rejected.ended is None
