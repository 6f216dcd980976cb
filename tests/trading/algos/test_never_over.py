"""Whatever is late, lost or crossed: children never come to more than their parent."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.algos.floor import SECOND_NS, TUESDAY_NS, Floor
from tests.trading.algos.working import Desk, parent
from trading.algos.iceberg import Iceberg
from trading.algos.parents import Algorithm
from trading.algos.passive import PassiveThenCross
from trading.algos.sliced import Twap, VolumeProfile
from trading.quotes import Quote

D = Decimal

ALGORITHMS: tuple[Algorithm, ...] = (
    Twap(slices=6, style="post", at_end="cross"),
    Twap(slices=4, attempts=5, catch_up=D(4)),
    VolumeProfile(weights=(1, 0, 4, 2), style="post"),
    Iceberg(display_units=D(170), variation=D("0.5"), seed=1),
    PassiveThenCross(patience_ns=200 * SECOND_NS, repeg_pips=D("0.5")),
)


@given(
    algorithm=st.sampled_from(ALGORITHMS),
    seed=st.integers(0, 2**32),
    most_delay_s=st.sampled_from([0, 4, 25]),
    liquidity=st.sampled_from([None, 35, 90, 400]),
    cancel_at=st.sampled_from([None, 150, 420]),
)
@settings(max_examples=120, deadline=None)
def test_filled_and_able_to_fill_never_exceed_the_quantity(
    algorithm: Algorithm,
    seed: int,
    most_delay_s: int,
    liquidity: int | None,
    cancel_at: int | None,
) -> None:
    """At the venue itself, at every moment, with fills that are reported after the cancel."""
    draw = np.random.default_rng(seed)
    most_ns = most_delay_s * SECOND_NS
    size = None if liquidity is None else D(liquidity)
    floor = Floor(lambda: int(draw.integers(0, most_ns + 1)), size)
    floor.lose = lambda _: draw.random() < 0.2
    floor.reject = lambda _: draw.random() < 0.2
    order = parent(algorithm, limit_price=D("1.10100"))
    desk = Desk(order, floor, late_fill_ns=2 * most_ns)
    points = 110_000
    for second in range(0, 700, 3):
        points += int(draw.integers(-8, 9))
        if cancel_at is not None and second == cancel_at:
            desk.cancel(second)
        bid = D(points) / 100_000
        desk.at(second, str(bid), str(bid + D("0.0001")))
        may_be = sum((t.filled + t.leaves for t in floor.truths.values()), D(0))
        assert may_be <= order.quantity_units
        assert desk.view.filled_units + desk.view.working_units <= order.quantity_units
    for second in (800, 900):
        floor.step(TUESDAY_NS + second * SECOND_NS)
    assert desk.view.filled_units == floor.position


@pytest.mark.parametrize(("late_fill_s", "position"), [(30, 1000), (0, 1400)])
def test_what_an_ended_child_left_is_placed_again_only_when_no_fill_of_it_can_come(
    late_fill_s: int, position: int
) -> None:
    """400 fill, and the end of the order is heard of before them: without waiting, over."""
    delay = [0]
    floor = Floor(lambda: delay[0], D(400))
    algorithm = PassiveThenCross(patience_ns=60 * SECOND_NS)
    desk = Desk(parent(algorithm), floor, late_fill_ns=late_fill_s * SECOND_NS)
    desk.run(0, 50)
    delay[0] = 20 * SECOND_NS
    floor.step(floor.now_ns, "1.09990", "1.10000")
    delay[0] = 0
    floor.liquidity = None
    floor.quote = Quote(D("1.10000"), D("1.10010"))
    desk.run(51, 120)
    assert floor.position == position
    assert desk.view.filled_units == position
