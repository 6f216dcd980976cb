"""Brackets: the exits follow the fills of the entry, and one of them is enough."""

from decimal import Decimal

import pytest
from msgspec import json
from msgspec.structs import replace

from domain.errors import BadUse
from domain.orders import OrderTerms
from tests.trading.algos.floor import ABLE, SECOND_NS, Floor
from tests.trading.contingency.grouped import Desk, bracket, request
from trading.algos.actions import AmendOrder, CancelOrder
from trading.algos.legs import member_id
from trading.contingency.working import Groups

D = Decimal
STOP = D("1.09500")
TARGET = D("1.10500")
LIMIT = OrderTerms(D(1000), "limit", "GTC", D("1.10000"))


def test_the_stop_rests_and_the_target_is_watched_here() -> None:
    """By default one exit works at a time, for exactly what was entered."""
    desk = Desk(request(bracket()), Floor())
    desk.run(0, 3)
    entry, stop = [order for _, order in desk.sent]
    assert entry.client_order_id == member_id("trend", "s1", 0, 0, 0)
    assert stop.client_order_id == member_id("trend", "s1", 0, 2, 0)
    assert (stop.side, stop.position_effect, stop.parent_id) == (
        "sell",
        "reduce_only",
        entry.client_order_id,
    )
    assert entry.group_id == stop.group_id == desk.group.group_id
    assert (stop.user, stop.model_id) == ("ann", "m1")
    assert desk.live() == [("stop_loss", 1000, STOP)]


def test_the_stop_closes_the_position_and_the_group() -> None:
    """Nothing is left working."""
    desk = Desk(request(bracket()), Floor())
    desk.run(0, 3)
    desk.at(10, "1.09490")
    desk.run(11, 13)
    assert desk.floor.position == 0
    assert (desk.view.status, desk.view.reason) == ("done", "closed")
    assert (desk.view.entered_units, desk.view.exited_units) == (D(1000), D(1000))
    assert desk.live() == []


def test_at_the_target_the_stop_goes_first_and_then_the_target_is_taken() -> None:
    """The target is an immediate limit order, no worse than its price."""
    desk = Desk(request(bracket()), Floor(lambda: SECOND_NS))
    desk.run(0, 5)
    desk.at(10, "1.10510")
    assert isinstance(desk.asked[-1][1], CancelOrder)
    assert len(desk.sent) == 2
    desk.run(11, 16)
    target = desk.sent[2][1]
    assert (target.order_type, target.time_in_force, target.limit_price) == ("limit", "IOC", TARGET)
    assert (int(desk.floor.position), desk.view.status) == (0, "done")


def test_a_target_that_is_missed_brings_the_stop_back() -> None:
    """The market has turned while the stop was withdrawn."""
    floor = Floor(lambda: SECOND_NS)
    desk = Desk(request(bracket()), floor)
    desk.run(0, 5)
    desk.at(10, "1.10510")
    desk.at(11)
    desk.at(12)
    desk.at(13, "1.10400")
    desk.run(14, 20)
    # While the target may still fill, no stop is sent beside it.
    assert [(second, order.order_type) for second, order in desk.sent[2:]] == [
        (12, "limit"),
        (14, "stop_loss"),
    ]
    assert floor.position == 1000
    assert desk.live() == [("stop_loss", 1000, STOP)]


def test_no_stop_is_sent_while_a_target_may_still_have_filled() -> None:
    """The market turns at once, and the fill of the target is heard of late."""
    delay = [SECOND_NS]
    floor = Floor(lambda: delay[0])
    desk = Desk(request(bracket()), floor)
    desk.run(0, 5)
    desk.at(10, "1.10510")
    desk.run(11, 12)
    assert desk.sent[-1] == (12, desk.sent[2][1])
    delay[0] = 10 * SECOND_NS
    desk.at(13)
    assert floor.position == 0
    desk.at(14, "1.10300")
    desk.run(15, 22)
    assert len(desk.sent) == 3
    desk.run(23, 26)
    assert (int(floor.position), desk.view.status, len(desk.sent)) == (0, "done", 3)


def test_partial_fills_of_the_entry_size_the_stop() -> None:
    """What has filled is protected at once, and what fills later as it comes."""
    floor = Floor(liquidity=D(300))
    desk = Desk(request(bracket(entry=LIMIT)), floor)
    desk.at(0)
    desk.at(1, "1.09990")
    desk.at(2, "1.10010")
    assert desk.floor.position > 0
    assert desk.live()[1] == ("stop_loss", int(desk.floor.position), STOP)
    first = int(desk.floor.position)
    floor.liquidity = D(100)
    desk.at(5, "1.09990")
    desk.at(6, "1.10010")
    desk.run(7, 10)
    assert desk.floor.position > first
    assert desk.live()[1] == ("stop_loss", int(desk.floor.position), STOP)


def test_once_an_exit_has_filled_the_entry_is_not_worked_any_further() -> None:
    """The rest of the entry is canceled, or it would open what nobody wants any more."""
    floor = Floor(liquidity=D(400))
    desk = Desk(request(bracket(entry=LIMIT)), floor)
    desk.at(0)
    desk.at(1, "1.09990")
    floor.liquidity = None
    floor.truths[desk.sent[0][1].client_order_id].terms = replace(LIMIT, limit_price=D("1.0"))
    desk.at(2, "1.10010")
    desk.at(3, "1.09490")
    desk.run(4, 6)
    assert floor.position == 0
    assert desk.live() == []
    assert desk.view.status == "done"


def test_both_exits_rest_where_that_is_asked_for_and_each_is_cut_by_the_other() -> None:
    """The venue's reduce-only guards the race; a partial fill of one reduces the other."""
    floor = Floor()
    desk = Desk(request(bracket(both_at_venue=True)), floor)
    desk.run(0, 3)
    assert desk.live() == [("stop_loss", 1000, STOP), ("take_profit", 1000, TARGET)]
    floor.liquidity = D(150)
    floor.step(floor.now_ns + SECOND_NS, "1.10500", "1.10510")
    desk.at(5, "1.10400")
    assert desk.floor.position == 850
    assert desk.live() == [("stop_loss", 850, STOP), ("take_profit", 850, TARGET)]
    floor.liquidity = None
    desk.at(20, "1.09400")
    desk.run(21, 24)
    assert (int(floor.position), desk.live(), desk.view.status) == (0, [], "done")


def test_without_reduce_only_both_are_never_worked_whatever_is_asked_for() -> None:
    """The venue could not keep them from selling what is not held."""
    floor = Floor(capabilities=replace(ABLE, reduce_only=False))
    desk = Desk(request(bracket(both_at_venue=True)), floor)
    desk.run(0, 5)
    assert desk.live() == [("stop_loss", 1000, STOP)]
    assert desk.sent[1][1].position_effect == "default"


def test_a_venue_without_stop_loss_orders_gets_a_plain_stop() -> None:
    """And one without take-profit orders a limit."""
    types = {
        kind: tifs
        for kind, tifs in ABLE.times_in_force.items()
        if kind in ("market", "limit", "stop")
    }
    floor = Floor(capabilities=replace(ABLE, times_in_force=types))
    desk = Desk(request(bracket(both_at_venue=True)), floor)
    desk.run(0, 5)
    assert desk.live() == [("stop", 1000, STOP), ("limit", 1000, TARGET)]


def test_an_entry_that_comes_to_nothing_ends_the_group() -> None:
    """No exit is ever sent."""
    floor = Floor()
    floor.reject = lambda _: True
    desk = Desk(request(bracket()), floor)
    desk.run(0, 3)
    assert len(desk.sent) == 1
    assert (desk.view.status, desk.view.reason) == ("done", "entry_rejected")


def test_a_refused_stop_is_tried_again_and_then_the_position_is_closed() -> None:
    """A person is told; what cannot be protected is not held."""
    floor = Floor()
    floor.reject = lambda terms: terms.order_type == "stop_loss"
    desk = Desk(request(bracket()), floor)
    desk.run(0, 10)
    kinds = [(second, order.order_type) for second, order in desk.sent]
    assert kinds == [
        (0, "market"),
        (1, "stop_loss"),
        (2, "stop_loss"),
        (3, "stop_loss"),
        (5, "market"),
    ]
    assert desk.codes() == ["unprotected"]
    assert floor.position == 0
    assert (desk.view.status, desk.view.exited_units) == ("done", D(1000))


def test_a_stop_that_the_venue_cancels_is_placed_again_and_again_only_so_often() -> None:
    """Canceled unasked three times is as good as refused."""
    floor = Floor()
    desk = Desk(request(bracket()), floor)
    desk.run(0, 2)
    for second in (5, 10, 15):
        floor.end(next(name for name, truth in floor.truths.items() if truth.live))
        desk.run(second, second + 3)
    assert desk.codes() == ["unprotected"]
    assert floor.position == 0


def test_a_close_that_is_refused_is_tried_on_and_told() -> None:
    """There is nothing else to do: the position is real."""
    floor = Floor()
    floor.reject = lambda terms: terms.position_effect == "reduce_only"
    desk = Desk(request(bracket()), floor)
    desk.run(0, 20)
    assert desk.codes() == ["unprotected", "cannot_close"]
    assert floor.position == 1000
    floor.reject = lambda _: False
    desk.run(21, 24)
    assert (int(floor.position), desk.view.status) == (0, "done")


def test_a_stop_that_the_market_has_passed_is_not_sent_but_the_position_closed() -> None:
    """It would be on the wrong side: the loss that it was to end is there already."""
    floor = Floor()
    desk = Desk(request(bracket()), floor)
    desk.at(0)
    desk.at(1, "1.09400")
    desk.run(2, 4)
    assert [order.order_type for _, order in desk.sent] == ["market", "market"]
    assert desk.codes() == ["stop_passed"]
    assert floor.position == 0


def test_a_stop_in_doubt_is_not_sent_again_and_told() -> None:
    """It may work: another one beside it might sell twice."""
    floor = Floor()
    floor.lose = lambda terms: terms.order_type == "stop_loss"
    desk = Desk(request(bracket()), floor)
    desk.run(0, 30)
    assert len(desk.sent) == 2
    assert desk.codes() == ["protection_in_doubt"]
    desk.at(31, "1.09400")
    desk.run(32, 33)
    assert (int(floor.position), desk.view.status) == (0, "done")


def test_a_person_may_end_the_entry_the_position_or_the_whole_group() -> None:
    """Protection stays unless it is asked to go."""
    floor = Floor()
    desk = Desk(request(bracket(entry=LIMIT)), floor)
    desk.at(0)
    desk.cancel("entry")
    desk.run(1, 3)
    assert (desk.live(), desk.view.status) == ([], "done")

    floor = Floor()
    desk = Desk(request(bracket()), floor)
    desk.run(0, 3)
    desk.cancel("close")
    desk.run(4, 7)
    assert (int(floor.position), desk.view.status, desk.view.reason) == (0, "done", "closed")

    floor = Floor()
    desk = Desk(request(bracket()), floor)
    desk.run(0, 3)
    desk.cancel("all")
    desk.run(4, 7)
    assert (floor.position, desk.live(), desk.view.status) == (D(1000), [], "done")


def test_the_exits_of_a_position_that_exists_need_no_entry() -> None:
    """They name the order that opened it."""
    floor = Floor()
    floor.position = D(1000)
    desk = Desk(request(bracket(entry=None), protects="ax-entry"), floor)
    desk.run(0, 3)
    assert desk.live() == [("stop_loss", 1000, STOP)]
    assert desk.sent[0][1].parent_id == "ax-entry"


def test_what_is_too_little_for_an_exit_is_told_and_left() -> None:
    """Five units were filled where the venue takes no less than ten."""
    instrument = replace(Floor().view().instrument, min_units=D(10))
    floor = Floor(lambda: SECOND_NS, liquidity=D(5), instrument=instrument)
    desk = Desk(request(bracket()), floor)
    desk.run(0, 6)
    assert floor.position == 5
    assert desk.codes() == ["too_small"]
    assert (desk.view.status, desk.view.reason) == ("done", "below_minimum")


def test_an_emulated_trailing_stop_follows_the_best_price_and_never_goes_back() -> None:
    """Ten pips behind the best bid, in steps worth a request."""
    types = {kind: tifs for kind, tifs in ABLE.times_in_force.items() if kind != "trailing_stop"}
    floor = Floor(capabilities=replace(ABLE, times_in_force=types))
    trailing = bracket(target_price=None, stop_price=None, trailing_distance=D("0.00100"))
    desk = Desk(request(trailing), floor)
    desk.run(0, 2)
    assert desk.live() == [("stop_loss", 1000, D("1.09900"))]
    for second, bid in ((5, "1.10003"), (10, "1.10050"), (15, "1.10020"), (20, "1.10090")):
        desk.at(second, bid)
    moves = [
        (second, order.terms.trigger_price)
        for second, order in desk.asked
        if isinstance(order, AmendOrder)
    ]
    assert moves == [(10, D("1.09950")), (20, D("1.09990"))]
    desk.at(25, "1.09985")
    desk.run(26, 28)
    assert (int(floor.position), desk.view.status) == (0, "done")


def test_a_trailing_stop_begins_at_its_first_level_and_mirrors_for_a_short() -> None:
    """A short is stopped above the best ask; with a first level the venue does not trail."""
    short = bracket(
        side="sell", target_price=None, stop_price=D("1.10050"), trailing_distance=D("0.00100")
    )
    desk = Desk(request(short), Floor())
    desk.run(0, 2)
    assert desk.live() == [("stop_loss", 1000, D("1.1005"))]
    desk.at(5, "1.09900", "1.09910")
    assert desk.live() == [("stop_loss", 1000, D("1.1001"))]


def test_a_venue_that_trails_is_left_to_it() -> None:
    """One order with a distance, and no request as the market moves."""
    trailing = bracket(target_price=None, stop_price=None, trailing_distance=D("0.00100"))
    floor = Floor()
    desk = Desk(request(trailing), floor)
    desk.at(0)
    order = desk.at(1)[0]
    assert (order.order_type, order.trailing_distance) == ("trailing_stop", D("0.00100"))
    assert order.trigger_price is None


@pytest.mark.parametrize("second", [0, 1, 4, 11, 13, 30])
def test_a_life_after_a_crash_is_the_life_without_one(second: int) -> None:
    """From a snapshot and from the journal the same orders follow, under the same ids."""
    prices = {10: "1.10510", 12: "1.10400", 25: "1.10050", 31: "1.09490"}
    lives = []
    for way in ("none", "snapshot", "journal"):
        floor = Floor(liquidity=D(350))
        desk = Desk(request(bracket()), floor)
        for now in range(40):
            desk.at(now, prices.get(now))
            if now == second and way == "snapshot":
                desk.groups = Groups.load(json.decode(json.encode(desk.groups.dump())))
            elif now == second and way == "journal":
                built = [order for _, order in desk.sent]
                desk.groups = Groups.rebuilt([desk.group, *built], floor.book.states(), 0)
            floor.heard = desk.groups.on_order
        lives.append((desk.sent, desk.view, floor.book.state_hash(), floor.position))
    assert lives[0] == lives[1] == lives[2]
    assert lives[0][3] == 0


def test_groups_that_have_ended_are_forgotten() -> None:
    """And are then unknown."""
    desk = Desk(request(bracket()), Floor())
    desk.run(0, 3)
    desk.groups.forget(desk.floor.now_ns + SECOND_NS)
    assert desk.view.status == "working"
    desk.cancel("all")
    desk.run(4, 7)
    desk.groups.forget(desk.floor.now_ns + SECOND_NS)
    with pytest.raises(BadUse, match="no group"):
        desk.groups.state(desk.group.group_id)
