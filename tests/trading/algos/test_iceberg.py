"""Icebergs: a part shows, and the next comes up when it has gone."""

from decimal import Decimal

import pytest

from tests.trading.algos.floor import INSTRUMENT, SECOND_NS, TUESDAY_NS, Floor
from tests.trading.algos.working import Desk, parent
from trading.algos.iceberg import Iceberg
from trading.algos.parents import Unworkable, check

D = Decimal


def iceberg(units: int = 1000, **changes: object) -> Desk:
    """Return a desk with an iceberg to buy at 1.1 that shows 300."""
    algorithm = Iceberg(display_units=D(300), **changes)  # type: ignore[arg-type]
    return Desk(parent(algorithm, units, limit_price=D("1.10000")), Floor())


def test_only_the_display_shows_and_it_is_refilled_as_it_goes() -> None:
    """1,000 show as 300, 300, 300 and 100."""
    desk = iceberg()
    desk.run(0, 5)
    assert desk.sizes() == [(0, 300)]
    assert desk.view.working_units == 300
    for second in (10, 20, 30, 40):
        desk.at(second, "1.09990", "1.10000")
        desk.at(second + 1, "1.10000", "1.10010")
    assert [units for _, units in desk.sizes()] == [300, 300, 300, 100]
    assert all(order.limit_price == D("1.1") for _, order in desk.sent)
    assert (desk.view.status, desk.view.filled_units) == ("done", D(1000))


def test_a_part_that_is_filled_in_part_is_not_refilled() -> None:
    """What shows stays until it has gone whole."""
    desk = iceberg()
    desk.at(0)
    desk.floor.liquidity = D(100)
    desk.at(10, "1.09990", "1.10000")
    assert desk.sizes() == [(0, 300)]
    assert desk.view.filled_units in (100, 200)


def test_varied_displays_differ_within_bounds_and_are_the_same_again() -> None:
    """By seed: another one gives other sizes."""
    sizes = {
        seed: [
            Iceberg(display_units=D(1000), variation=D("0.2"), seed=seed).display("p", n)
            for n in range(50)
        ]
        for seed in (1, 2)
    }
    again = [
        Iceberg(display_units=D(1000), variation=D("0.2"), seed=1).display("p", n)
        for n in range(50)
    ]
    assert again == sizes[1]
    assert sizes[1] != sizes[2]
    assert len(set(sizes[1])) == 50
    assert all(800 <= size <= 1200 for size in sizes[1])


def test_no_part_is_left_that_the_venue_would_not_take() -> None:
    """With a least size of 250, 1,000 shown as 300 go as 300, 300 and 400."""
    least = Decimal(250)
    instrument = type(INSTRUMENT)(
        **{name: getattr(INSTRUMENT, name) for name in INSTRUMENT.__struct_fields__}
        | {"min_units": least}
    )
    order = parent(Iceberg(display_units=D(300)), limit_price=D("1.2"))
    desk = Desk(order, Floor(instrument=instrument))
    desk.run(0, 10)
    assert [units for _, units in desk.sizes()] == [300, 300, 400]


def test_at_the_deadline_what_shows_is_withdrawn() -> None:
    """A GTD child carries the deadline to the venue as well."""
    algorithm = Iceberg(display_units=D(300))
    order = parent(algorithm, limit_price=D("1.10000"), resting="GTD")
    desk = Desk(order, Floor())
    desk.run(0, 600, by=10)
    assert desk.sent[0][1].expire_ns == TUESDAY_NS + 600 * SECOND_NS
    desk.at(601)
    assert (desk.view.status, desk.view.reason) == ("done", "deadline")
    assert not any(truth.live for truth in desk.floor.truths.values())


@pytest.mark.parametrize(
    ("algorithm", "limit", "problem"),
    [
        (Iceberg(display_units=D(10)), None, "name one"),
        (Iceberg(display_units=D(0)), D(1), "more than 0 units"),
        (Iceberg(display_units=D(10), variation=D(1)), D(1), "more than 0 units"),
    ],
)
def test_an_iceberg_without_price_or_size_is_refused(
    algorithm: Iceberg, limit: Decimal | None, problem: str
) -> None:
    """Before its first child."""
    with pytest.raises(Unworkable, match=problem):
        check(parent(algorithm, limit_price=limit), Floor().view())
