"""Passive, then cross: the near touch is followed, and at last the spread is paid."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from domain.nanos import SECOND_NS
from tests.trading.algos.floor import ABLE, Floor
from tests.trading.algos.working import Desk, parent
from trading.algos.actions import AmendOrder, CancelOrder
from trading.algos.iceberg import Iceberg
from trading.algos.market import taking
from trading.algos.parents import Algorithm, Unworkable, check
from trading.algos.passive import PassiveThenCross
from trading.algos.sliced import Twap
from trading.venues import Unsupported

D = Decimal
PATIENT = PassiveThenCross(patience_ns=300 * SECOND_NS)


def amended(desk: Desk) -> list[tuple[int, Decimal | None]]:
    """Return second and new price of each change of terms."""
    return [(s, o.terms.limit_price) for s, o in desk.asked if isinstance(o, AmendOrder)]


def test_it_rests_at_the_bid_and_is_filled_there() -> None:
    """The spread is earned: no order crosses."""
    desk = Desk(parent(PATIENT), Floor())
    desk.at(0)
    assert desk.sent[0][1].limit_price == D("1.1")
    desk.at(5, "1.09990", "1.10000")
    desk.at(6)
    assert (desk.view.status, desk.view.average_price) == ("done", D("1.1"))
    assert len(desk.sent) == 1


def test_it_follows_the_touch_by_whole_pips_both_ways_but_not_beyond_its_limit() -> None:
    """Half a pip is not worth the place in the queue."""
    desk = Desk(parent(PATIENT, limit_price=D("1.10040")), Floor())
    desk.at(0)
    desk.at(10, "1.10005", "1.10015")
    assert amended(desk) == []
    desk.at(20, "1.10010", "1.10020")
    desk.at(30, "1.10100", "1.10110")
    desk.at(40, "1.10080", "1.10090")
    desk.at(50, "1.10020", "1.10045")
    assert amended(desk) == [(20, D("1.10010")), (30, D("1.10040")), (50, D("1.10020"))]
    assert len(desk.sent) == 1


def test_changes_of_price_are_paced() -> None:
    """Two in one second are one too many, and none is asked while one is under way."""
    slow = [0]
    floor = Floor(delay_ns=lambda: slow[0])
    desk = Desk(parent(PATIENT), floor)
    desk.at(0)
    slow[0] = 3 * SECOND_NS
    desk.at(10, "1.10010", "1.10020")
    desk.at(12, "1.10030", "1.10040")
    assert amended(desk) == [(10, D("1.10010"))]
    desk.run(13, 20)
    assert amended(desk) == [(10, D("1.10010")), (16, D("1.10030"))]


def test_out_of_patience_it_withdraws_and_then_crosses_within_bounds() -> None:
    """Never both at once: the crossing child follows on the end of the resting one."""
    floor = Floor(delay_ns=lambda: SECOND_NS)
    desk = Desk(parent(PATIENT), floor)
    desk.run(0, 299, by=5)
    desk.run(300, 310)
    assert [(s, type(o)) for s, o in desk.asked[1:]] == [
        (300, CancelOrder),
        (302, type(desk.asked[0][1])),
    ]
    cross = desk.sent[1][1]
    assert (cross.order_type, cross.time_in_force, cross.price_bound) == (
        "market",
        "IOC",
        D("1.10030"),
    )
    assert (desk.view.filled_units, desk.view.average_price) == (D(1000), D("1.10010"))


def test_the_parents_limit_is_tighter_than_the_bound() -> None:
    """Whichever is stricter holds; a market beyond it is tried so often and left."""
    desk = Desk(parent(PATIENT, limit_price=D("1.10005")), Floor())
    desk.run(0, 320)
    assert [o.price_bound for _, o in desk.sent[1:]] == [D("1.10005")] * 3
    assert (desk.view.status, desk.view.reason) == ("done", "exhausted")
    assert desk.view.remaining_units == 1000


def test_a_fill_that_outruns_the_cancel_leaves_only_the_rest_to_cross() -> None:
    """Half of it fills while the cancel is under way."""
    floor = Floor(delay_ns=lambda: SECOND_NS, liquidity=D(500))
    desk = Desk(parent(PATIENT), floor)
    desk.run(0, 300)
    floor.step(floor.now_ns, "1.09990", "1.10000")
    desk.at(301, "1.10000", "1.10010")
    desk.run(302, 310)
    assert [int(order.quantity_units) for _, order in desk.sent] == [1000, 500]
    assert desk.view.filled_units == 1000
    assert floor.position == 1000


def test_sells_mirror_buys() -> None:
    """A sell rests at the ask, and crosses at the bid less its bound."""
    desk = Desk(parent(PATIENT, side="sell"), Floor())
    desk.run(0, 305, by=1)
    assert desk.sent[0][1].limit_price == D("1.10010")
    assert desk.sent[1][1].price_bound == D("1.09980")


def test_a_venue_without_price_bounds_gets_an_immediate_limit() -> None:
    """And one without any immediate order with a worst price says so."""
    no_bound = replace(ABLE, price_bound=False)
    terms = taking(D(5), D("1.1"), no_bound)
    assert (terms.order_type, terms.time_in_force, terms.limit_price) == ("limit", "IOC", D("1.1"))
    assert taking(D(5), None, no_bound).order_type == "market"
    resting = replace(no_bound, times_in_force={"limit": frozenset({"GTC"})})
    with pytest.raises(Unsupported, match="post limits"):
        taking(D(5), D("1.1"), resting)
    all_or_none = replace(ABLE, times_in_force={"market": frozenset({"FOK"})})
    assert taking(D(5), D("1.1"), all_or_none).time_in_force == "FOK"


@pytest.mark.parametrize(
    "algorithm",
    [
        PassiveThenCross(patience_ns=600 * SECOND_NS),
        PassiveThenCross(patience_ns=-1),
        PassiveThenCross(patience_ns=1, repeg_pips=D(0)),
        PassiveThenCross(patience_ns=1, attempts=0),
        PassiveThenCross(patience_ns=1, repeg_ns=0),
    ],
)
def test_settings_under_which_it_would_never_cross_are_refused(algorithm: PassiveThenCross) -> None:
    """Before its first child."""
    with pytest.raises(Unworkable):
        check(parent(algorithm), Floor().view())


@pytest.mark.parametrize(
    ("algorithm", "types"),
    [
        (PATIENT, {"limit": frozenset({"GTC"})}),
        (Twap(slices=2), {"limit": frozenset({"GTC"})}),
        (Twap(slices=2, style="post", at_end="cross"), {"market": frozenset({"GTC"})}),
        (Iceberg(display_units=D(10)), {"market": frozenset({"IOC"})}),
    ],
)
def test_a_venue_without_the_orders_that_an_algorithm_needs_is_found_out_at_once(
    algorithm: Algorithm, types: Any
) -> None:
    """Not when patience has run out."""
    order = parent(algorithm, limit_price=D("1.1"))
    check(order, Floor().view())
    floor = Floor(capabilities=replace(ABLE, times_in_force=types))
    with pytest.raises(Unworkable, match="the venue"):
        check(order, floor.view())
