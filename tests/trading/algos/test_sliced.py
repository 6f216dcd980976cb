"""Slices over time: sizes, catching up, deadlines, closed markets."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.nanos import to_ns
from domain.orders import with_terms
from tests.trading.algos.floor import MINUTE_NS, SECOND_NS, TUESDAY_NS, Floor
from tests.trading.algos.working import Desk, parent
from trading.algos.actions import Cancel, Place
from trading.algos.parent_state import ParentState
from trading.algos.parents import Unworkable, check, child_of
from trading.algos.placed import placed
from trading.algos.sliced import Twap, VolumeProfile

D = Decimal


def test_ten_slices_of_a_thousand_are_a_hundred_each_at_the_begin_of_each_minute() -> None:
    """Nothing but the schedule decides when and how much."""
    desk = Desk(parent(Twap(slices=10)), Floor())
    desk.run(0, 600)
    assert desk.sizes() == [(60 * n, 100) for n in range(10)]
    assert desk.view.status == "done"
    assert desk.view.reason == "filled"
    assert desk.view.filled_units == 1000
    assert desk.view.average_price == D("1.10010")
    assert desk.view.remaining_units == 0


def test_sizes_that_do_not_divide_are_rounded_and_still_come_to_the_whole() -> None:
    """1,000 in seven: what was cut off is in a later slice, and nothing is lost."""
    desk = Desk(parent(Twap(slices=7)), Floor())
    desk.run(0, 600)
    sizes = [units for _, units in desk.sizes()]
    assert sizes == [142, 143, 143, 143, 143, 143, 143]
    assert sum(sizes) == 1000


@given(
    units=st.integers(1, 10**9),
    step=st.sampled_from(["0.01", "1", "1000"]),
    weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(sum),
)
def test_what_is_due_grows_by_whole_steps_to_exactly_the_quantity(
    units: int, step: str, weights: list[int]
) -> None:
    """For every size, grid and profile."""
    grid = D(step)
    work = parent(VolumeProfile(weights=tuple(weights)), quantity_units=units * grid).work
    algorithm = VolumeProfile(weights=tuple(weights))
    due = [algorithm.due_units(work, number, grid) for number in range(len(weights))]
    assert due == sorted(due)
    assert all(part % grid == 0 for part in due)
    assert due[-1] == work.quantity_units


def test_weights_size_the_slices() -> None:
    """A slice of three times the weight is three times as large."""
    desk = Desk(parent(VolumeProfile(weights=(1, 3, 0, 1), catch_up=D(4))), Floor())
    desk.run(0, 600)
    assert desk.sizes() == [(0, 200), (150, 600), (450, 200)]


def test_refused_slices_are_made_up_for_without_a_burst() -> None:
    """After two slices were refused the next children are twice a slice, not all at once."""
    floor = Floor()
    desk = Desk(parent(Twap(slices=10, attempts=2)), floor)
    floor.reject = lambda _: True
    desk.run(0, 119)
    assert desk.sizes() == [(0, 100), (1, 100), (60, 200), (61, 200)]
    floor.reject = lambda _: False
    desk.run(120, 600)
    assert desk.sizes()[4:] == [(120, 200), (121, 100), *[(60 * n, 100) for n in range(3, 10)]]
    assert desk.view.reason == "filled"


def test_five_refusals_in_a_row_end_a_parent() -> None:
    """Whatever is wrong does not pass by asking on."""
    floor = Floor()
    floor.deny = lambda _: True
    desk = Desk(parent(Twap(slices=10)), floor)
    desk.run(0, 600)
    assert len(desk.sent) == 5
    assert (desk.view.status, desk.view.reason) == ("done", "refused")
    assert desk.view.remaining_units == 1000


def test_the_rest_of_a_partial_fill_comes_with_the_next_slices() -> None:
    """A child that found too little is repeated within its slice, and then caught up."""
    desk = Desk(parent(Twap(slices=2, attempts=2)), Floor(liquidity=D(200)))
    desk.run(0, 310)
    assert desk.sizes() == [(0, 500), (1, 300), (300, 600), (301, 400)]
    assert desk.view.filled_units == 800


def test_posted_slices_are_withdrawn_when_the_next_begins_and_left_at_the_deadline() -> None:
    """Children rest at the bid; nothing trades there, so at the end all is left."""
    desk = Desk(parent(Twap(slices=2, style="post")), Floor())
    desk.run(0, 601)
    first, second = [order for _, order in desk.sent]
    assert (first.order_type, first.limit_price, first.time_in_force) == ("limit", D("1.1"), "GTC")
    assert desk.sizes() == [(0, 500), (301, 1000)]
    assert second.limit_price == D("1.1")
    assert (desk.view.status, desk.view.reason) == ("done", "deadline")
    assert desk.view.filled_units == 0
    assert not any(truth.live for truth in desk.floor.truths.values())


def test_at_the_deadline_the_rest_may_cross_the_spread() -> None:
    """The posted child is withdrawn first, then one takes all that is left."""
    desk = Desk(parent(Twap(slices=2, style="post", at_end="cross")), Floor())
    desk.run(0, 610)
    last = desk.sent[-1]
    assert last[0] == 601
    assert (last[1].order_type, last[1].time_in_force) == ("market", "IOC")
    assert last[1].quantity_units == 1000
    assert (desk.view.reason, desk.view.filled_units) == ("filled", D(1000))


def test_crossing_at_the_deadline_gives_up_after_its_attempts() -> None:
    """A market beyond the limit is not chased."""
    order = parent(Twap(slices=1, at_end="cross"), limit_price=D("1.09"))
    desk = Desk(order, Floor())
    desk.run(0, 700)
    assert [order.price_bound for _, order in desk.sent] == [D("1.09")] * 6
    assert [second for second, _ in desk.sent] == [0, 1, 2, 600, 601, 602]
    assert (desk.view.status, desk.view.reason) == ("done", "exhausted")


def test_a_child_in_doubt_counts_whole_and_does_not_stop_the_others() -> None:
    """What may be filled is not placed again; what is not due from it goes on."""
    algorithm = Twap(slices=4, style="post")
    order = parent(algorithm)
    doubtful = replace(
        placed(with_terms(child_of(order, 0, TUESDAY_NS), order.work.post(D(250), D("1.1"))), 0),
        status="pending_new",
        in_doubt=True,
    )
    state = ParentState(order, (doubtful,))
    now_ns = TUESDAY_NS + 150 * SECOND_NS
    progress = state.progress(now_ns, 0)
    assert progress.free_units == 750
    assert state.view().in_doubt_units == 250
    cancel, place = algorithm.on_clock(order.work, now_ns, Floor().view(), progress)
    assert cancel == Cancel(doubtful.client_order_id)
    assert isinstance(place, Place)
    assert place.terms.quantity_units == 250


def test_nothing_is_placed_before_the_start_without_a_quote_or_in_a_closed_market() -> None:
    """Then the slices are caught up."""
    floor = Floor()
    desk = Desk(parent(Twap(slices=2), start_ns=TUESDAY_NS + 10 * SECOND_NS), floor)
    statuses = []
    desk.at(9)
    statuses.append(desk.view.status)
    floor.is_open = False
    desk.at(10)
    statuses.append(desk.view.status)
    assert statuses == ["waiting", "working"]
    floor.is_open, floor.is_blind = True, True
    desk.at(11)
    floor.is_blind = False
    assert desk.sent == []
    desk.at(12)
    assert desk.sizes() == [(12, 500)]


def test_the_weekend_is_no_time_to_trade() -> None:
    """Over a weekend the slices count the open minutes of Friday and Sunday."""
    friday = to_ns(datetime(2014, 5, 9, 20, 50, tzinfo=UTC))
    sunday = to_ns(datetime(2014, 5, 11, 21, 10, tzinfo=UTC))
    order = parent(Twap(slices=4), start_ns=friday, end_ns=sunday)
    algorithm = Twap(slices=4)
    opening = to_ns(datetime(2014, 5, 11, 21, 0, tzinfo=UTC))
    moments = [friday, friday + 5 * MINUTE_NS, opening, opening + 5 * MINUTE_NS, sunday]
    assert [algorithm.slice_at(order.work, ts_ns) for ts_ns in moments] == [0, 1, 2, 3, 4]
    assert algorithm.slice_at(order.work, opening - MINUTE_NS) == 2


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"quantity_units": D("0.5")}, "no less than 1 units"),
        ({"quantity_units": D("10.5")}, "step of 1"),
        ({"quantity_units": D("NaN")}, "no less than 1 units"),
        ({"limit_price": D(0)}, "is no price"),
        ({"end_ns": TUESDAY_NS}, "market is closed"),
        ({"algorithm": Twap(slices=0)}, "at least one slice"),
        ({"algorithm": VolumeProfile(weights=(0, 0))}, "at least one slice"),
        ({"algorithm": Twap(slices=2, catch_up=D("0.5"))}, "begin at 1"),
    ],
)
def test_what_cannot_come_out_even_is_refused_at_once(
    changes: dict[str, Any], problem: str
) -> None:
    """And the message says why."""
    order = parent(Twap(slices=2))
    check(order, Floor().view())
    with pytest.raises(Unworkable, match=problem):
        check(replace(parent(Twap(slices=2)), **changes), Floor().view())
