"""Parents whatever their algorithm: ids, ends, cancels, late news, and a life after a crash."""

from decimal import Decimal

import msgspec
import pytest

from domain.errors import BadUse, Corrupt
from domain.ids import client_order_id
from domain.order_events import EventKind, OrderEvent
from domain.orders import OrderTerms
from tests.trading.algos.floor import SECOND_NS, TUESDAY_NS, Floor
from tests.trading.algos.working import Desk, parent
from trading.algos.actions import CancelOrder, Place
from trading.algos.iceberg import Iceberg
from trading.algos.legs import child_id, member_id, own_id
from trading.algos.parents import ParentCancel, ParentOrder
from trading.algos.passive import PassiveThenCross
from trading.algos.sliced import Twap, VolumeProfile
from trading.algos.working import Parents

D = Decimal


def test_ids_are_functions_of_signal_leg_and_number() -> None:
    """No two kinds of order share a leg."""
    assert own_id("trend", "s1", 0) == client_order_id("trend", "s1", 0, 0)
    assert child_id("trend", "s1", 3, 7) == client_order_id("trend", "s1", 1003, 7)
    assert member_id("trend", "s1", 3, 2, 1) == client_order_id("trend", "s1", 2032, 1)
    with pytest.raises(BadUse, match="0 to 99"):
        child_id("trend", "s1", 100, 0)


def test_children_carry_who_answers_for_them() -> None:
    """Strategy, signal, user, model and parent are on every child."""
    desk = Desk(parent(Twap(slices=2)), Floor())
    child = desk.at(0)[0]
    assert child.client_order_id == child_id("trend", "s1", 0, 0)
    assert child.parent_id == desk.order.parent_id == own_id("trend", "s1", 0)
    assert (child.strategy, child.signal_id, child.user, child.model_id) == (
        "trend",
        "s1",
        "ann",
        "m1",
    )
    assert (child.status, child.ts_event_ns, child.ts_recv_ns) == (
        "initialized",
        TUESDAY_NS,
        TUESDAY_NS,
    )


def test_a_canceled_parent_cancels_its_children_once_and_places_no_more() -> None:
    """It is done when the last of them has ended."""
    floor = Floor(delay_ns=lambda: SECOND_NS)
    desk = Desk(parent(Twap(slices=2, style="post")), floor)
    desk.run(0, 5)
    desk.cancel(6)
    desk.at(6)
    assert desk.view.status == "ending"
    desk.run(7, 20)
    assert [(s, o) for s, o in desk.asked if isinstance(o, CancelOrder)] == [
        (6, CancelOrder(desk.sent[0][1].client_order_id))
    ]
    assert (desk.view.status, desk.view.reason) == ("done", "requested")
    assert len(desk.sent) == 1


def test_a_canceled_parent_counts_the_fill_that_won_the_race() -> None:
    """The order was filled before the cancel came."""
    floor = Floor(delay_ns=lambda: SECOND_NS)
    desk = Desk(parent(Twap(slices=2, style="post")), floor)
    desk.run(0, 5)
    desk.cancel(6)
    desk.at(6, "1.09980", "1.09990")
    desk.run(7, 20)
    assert (desk.view.status, desk.view.filled_units) == ("done", D(500))
    assert floor.position == 500


def test_a_refused_cancel_is_repeated_after_a_while_only() -> None:
    """The venue says no and the order works on: asking at every tick would be a flood."""
    floor = Floor()
    desk = Desk(parent(Twap(slices=2, style="post")), floor)
    name = desk.at(0)[0].client_order_id
    desk.cancel(1)
    asked = []
    for second in range(1, 13):
        now_ns = TUESDAY_NS + second * SECOND_NS
        outputs = desk.parents.on_clock(now_ns, floor.view)
        asked += [second for output in outputs if isinstance(output, CancelOrder)]
        if outputs:
            number = floor.book.next_request(name)
            for kind in (EventKind.CANCEL_REQUEST, EventKind.CANCEL_REJECT):
                event = OrderEvent(kind, name, now_ns, now_ns, request=number, reason="too_late")
                floor.book.apply(event)
                floor.heard(floor.book[name])
    assert asked == [1, 6, 11]


def test_a_fill_beyond_all_expectation_withdraws_what_would_come_on_top() -> None:
    """An order that counted as refused fills after all: the others make room."""
    floor = Floor()
    desk = Desk(parent(Twap(slices=2, style="post", attempts=9)), floor)
    floor.reject = lambda _: True
    first = desk.at(0)[0].client_order_id
    floor.reject = lambda _: False
    desk.run(1, 301)
    assert desk.view.working_units == 1000
    late = OrderEvent(
        EventKind.FILL,
        first,
        floor.now_ns,
        floor.now_ns,
        venue="floor",
        execution_id="late",
        quantity_units=D(500),
        price=D("1.1"),
    )
    floor.book.apply(late)
    adopted = next(s for s in floor.book.states() if s.order.parent_id == first)
    desk.parents.on_order(adopted)
    assert desk.view.filled_units == 500
    desk.at(302)
    assert not any(truth.live for truth in floor.truths.values())
    desk.run(303, 304)
    assert desk.view.working_units == 500
    assert desk.sent[-1][1].quantity_units == 500


def test_what_is_too_small_to_order_ends_a_parent() -> None:
    """10 of 1,000 are left, and the venue takes no less than 100."""
    instrument = msgspec.structs.replace(Floor().view().instrument, min_units=D(100))
    floor = Floor(instrument=instrument, liquidity=D(990))
    desk = Desk(parent(Twap(slices=1)), floor)
    desk.run(0, 3)
    assert (desk.view.status, desk.view.reason) == ("done", "below_minimum")
    assert desk.view.remaining_units == 10


class Greedy(msgspec.Struct, frozen=True):
    """An algorithm that asks for more than is free."""

    def on_clock(self, *_: object) -> tuple[Place, ...]:
        """Ask for the whole, each time."""
        return (Place(OrderTerms(D(600), "limit", "GTC", D("1.1"))),)


def test_an_algorithm_that_asks_for_too_much_is_stopped() -> None:
    """Twice 600 of 1,000: the second is not placed, the first is withdrawn."""
    order = msgspec.structs.replace(parent(Twap(slices=1)), algorithm=Greedy())
    desk = Desk(order, Floor())
    desk.run(0, 3)
    assert desk.sizes() == [(0, 600)]
    assert (desk.view.status, desk.view.reason) == ("done", "faulty_algorithm")


def test_requests_are_idempotent_and_a_stranger_cannot_be_canceled() -> None:
    """A replay hands in the same request again."""
    desk = Desk(parent(Twap(slices=2)), Floor())
    desk.at(0)
    desk.parents.apply(desk.order)
    assert desk.view.children == 1
    with pytest.raises(BadUse, match="no parent"):
        desk.parents.apply(ParentCancel("nobody", 0))
    with pytest.raises(BadUse, match="no parent"):
        desk.parents.state("nobody")


@pytest.mark.parametrize(
    "algorithm",
    [
        Twap(slices=5),
        VolumeProfile(weights=(1, 2, 3)),
        Iceberg(display_units=D(100), variation=D("0.3"), seed=4),
        PassiveThenCross(patience_ns=200 * SECOND_NS),
    ],
)
@pytest.mark.parametrize("crash", [0, 35, 130, 210, 330])
def test_a_life_after_a_crash_is_the_life_without_one(algorithm: Twap, crash: int) -> None:
    """From a snapshot and from the journal alone the same orders follow, under the same ids."""
    order = parent(algorithm, limit_price=D("1.10050"))
    lives = []
    for way in ("none", "snapshot", "journal"):
        floor = Floor(liquidity=D(90))
        desk = Desk(order, floor)
        desk.run(0, crash, by=5)
        if way == "snapshot":
            plain = msgspec.json.decode(msgspec.json.encode(desk.parents.dump()))
            desk.parents = Parents.load(plain)
        elif way == "journal":
            facts: list[ParentOrder | ParentCancel] = [order]
            built = [child for _, child in desk.sent]
            desk.parents = Parents.rebuilt([*facts, *built], floor.book.states(), 0)
        floor.heard = desk.parents.on_order
        desk.run(crash + 5, 650, by=5)
        lives.append((desk.sent, desk.asked, desk.view, floor.book.state_hash()))
    assert lives[0] == lives[1] == lives[2]
    assert lives[0][2].status == "done"


def test_a_dump_of_another_version_is_refused() -> None:
    """Rather than read as something else."""
    plain = Parents().dump()
    for wrong in ({**plain, "v": 2}, {"v": 1}):
        with pytest.raises(Corrupt):
            Parents.load(wrong)


def test_parents_that_have_ended_are_forgotten_and_no_others() -> None:
    """What works stays, whatever its age."""
    desk = Desk(parent(Twap(slices=1)), Floor())
    desk.run(0, 2)
    working = parent(Twap(slices=2), signal_id="s2")
    desk.parents.apply(working)
    desk.at(3)
    desk.parents.forget(TUESDAY_NS + SECOND_NS)
    assert desk.view.status == "done"
    desk.parents.forget(TUESDAY_NS + 100 * SECOND_NS)
    assert not desk.parents.knows(desk.order.parent_id)
    assert [state.parent for state in desk.parents.working()] == [working]
    assert Parents.load(desk.parents.dump()).dump() == desk.parents.dump()
