"""Whatever is late, lost or crossed: no more is given back than was entered."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.orders import OrderTerms
from tests.trading.algos.floor import ABLE, SECOND_NS, Floor
from tests.trading.contingency.grouped import MARKET, Desk, bracket, request
from trading.contingency.requests import Bracket

D = Decimal
LIMIT = OrderTerms(D(1000), "limit", "GTC", D("1.10020"))

BRACKETS = (
    bracket(target_price=D("1.10040"), stop_price=D("1.09960")),
    bracket(entry=LIMIT, target_price=D("1.10060"), stop_price=D("1.09980")),
    bracket(target_price=D("1.10050"), stop_price=None, trailing_distance=D("0.00030")),
    bracket(
        side="sell",
        entry=replace(MARKET, time_in_force="IOC"),
        target_price=D("1.09960"),
        stop_price=D("1.10050"),
    ),
)


@pytest.mark.parametrize("guarded", [False, True])
@given(
    wanted=st.sampled_from(BRACKETS),
    seed=st.integers(0, 2**32),
    most_delay_s=st.sampled_from([0, 3, 12]),
    liquidity=st.sampled_from([None, 70, 150, 400]),
)
# A stop's size is raised; a fill under the new size is heard before the replace's own answer.
@example(wanted=BRACKETS[1], seed=8236, most_delay_s=12, liquidity=70)
@settings(max_examples=100, deadline=None)
def test_exits_never_turn_a_position_around(
    guarded: bool, wanted: Bracket, seed: int, most_delay_s: int, liquidity: int | None
) -> None:
    """At the venue itself, at every moment; only if asked for is its reduce-only relied on."""
    draw = np.random.default_rng(seed)
    most_ns = most_delay_s * SECOND_NS
    types = {kind: tifs for kind, tifs in ABLE.times_in_force.items() if kind != "trailing_stop"}
    able = replace(ABLE, reduce_only=guarded, times_in_force=types)
    floor = Floor(
        lambda: int(draw.integers(0, most_ns + 1)),
        None if liquidity is None else D(liquidity),
        able,
    )
    floor.lose = lambda _: draw.random() < 0.1
    floor.reject = lambda terms: terms != wanted.entry and draw.random() < 0.1
    asked = request(replace(wanted, both_at_venue=guarded))
    desk = Desk(asked, floor, late_fill_ns=2 * most_ns)
    sign = 1 if wanted.side == "buy" else -1
    points = 110_000
    for turn in range(200):
        points += int(draw.integers(-8, 9))
        desk.at(turn, str(D(points) / 100_000))
        assert sign * floor.position >= 0
    desk.cancel("close")
    floor.liquidity = None
    floor.reject = floor.lose = lambda _: False
    for turn in range(200, 320):
        desk.at(turn)
        assert sign * floor.position >= 0
    assert floor.position == 0
    assert desk.view.entered_units == desk.view.exited_units


class Raised:
    """A long of 1,000 whose stop the venue works at 800, and our side knows at 400."""

    def __init__(self) -> None:
        self.delays: list[int] = []
        types = {kind: t for kind, t in ABLE.times_in_force.items() if kind != "trailing_stop"}
        self.floor = Floor(
            lambda: SECOND_NS * (self.delays.pop(0) if self.delays else 0),
            D(400),
            replace(ABLE, reduce_only=False, times_in_force=types),
        )
        self.desk = Desk(request(BRACKETS[1]), self.floor, late_fill_ns=30 * SECOND_NS)
        self.desk.at(0, "1.10000")
        self.desk.at(1, "1.10015")
        # A fill of the entry and the replace go at once; the replace's answer takes 20 s.
        self.delays = [0, 0, 20]
        self.desk.at(10, "1.10000")
        assert self.desk.live() == [("stop_loss", 800, D("1.09980"))]
        stop = next(s for s in self.floor.book.states() if s.order.order_type == "stop_loss")
        assert (stop.order.quantity_units, stop.may_fill_units) == (D(400), D(800))

    def run(self, first: int, last: int) -> list[Decimal]:
        """Let seconds pass; return the positions at the venue after each."""
        positions = []
        for second in range(first, last + 1):
            self.desk.at(second)
            positions.append(self.floor.position)
        return positions


def test_a_stop_full_at_its_old_size_still_counts_at_the_one_that_its_replace_asked_for() -> None:
    """It sells 400 more under the new size, heard late: the rest to close is 200, not 600."""
    raised = Raised()
    raised.delays = [0, 20]
    raised.desk.at(11, "1.09970")
    assert set(raised.run(12, 30)) == {D(200)}
    assert raised.run(31, 34)[-1] == 0
    assert [int(order.quantity_units) for _, order in raised.desk.sent] == [1000, 400, 200]


def test_a_canceled_stop_counts_at_the_size_that_its_replace_asked_for() -> None:
    """Its fills under that size are heard 20 s after its end: the rest is closed only then."""
    raised = Raised()
    raised.desk.cancel("close")
    raised.floor.liquidity = D(700)
    raised.delays = [20]
    raised.desk.at(11, "1.09970")
    assert raised.floor.position == 100
    assert set(raised.run(12, 40)) == {D(100)}
    assert set(raised.run(41, 50)) == {D(0)}
