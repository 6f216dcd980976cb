"""What an order may still bring: while it is open, and as long as reports of it may be late."""

from decimal import Decimal

import pytest

from domain.order_events import OrderEvent
from tests.trading.orders.making import SECOND_NS, event, fill, order, terms
from tests.trading.orders.row_cases import ACK, CANCELED, SUBMIT
from trading.algos.placed import Placed, followed, placed
from trading.orders.machine import apply
from trading.orders.state import opened

LATE_NS = 5 * SECOND_NS
LARGER = event("replace_request", 6, request=1, terms=terms(150))
SMALLER = event("replace_request", 6, request=1, terms=terms(60))
PART = fill("e1", 40, 5)
FULL = fill("e1", 100, 7)
CANCEL = event("cancel_request", 7, request=2)


def _after(*events: OrderEvent) -> Placed:
    state = opened(order())
    known = placed(state.order, 0)
    for one in events:
        state = apply(state, one).state
        known = followed(known, state)
    return known


@pytest.mark.parametrize(
    ("told", "units"),
    [
        pytest.param((LARGER,), 150, id="a larger size may be in force"),
        pytest.param((SMALLER,), 100, id="or the old one"),
        pytest.param((LARGER, FULL), 50, id="full at the old size, it may be larger"),
        pytest.param((PART, CANCELED), 60, id="as much as it lacked"),
        pytest.param((PART, LARGER, CANCEL, CANCELED), 110, id="of what was asked for"),
        pytest.param((LARGER, FULL, CANCELED), 50, id="full at the old size, and ended"),
        pytest.param(
            (PART, LARGER, CANCEL, CANCELED, fill("e2", 80, 8)), 30, id="less what is told late"
        ),
        pytest.param(
            (LARGER, CANCEL, CANCELED, event("replaced", 8, request=1, terms=terms(150))),
            150,
            id="it was in force",
        ),
        pytest.param(
            (LARGER, event("replace_reject", 7, request=1), CANCELED), 100, id="it was refused"
        ),
        pytest.param(
            (PART, SMALLER, event("replaced", 7, request=1), CANCELED), 20, id="smaller, in force"
        ),
        pytest.param((FULL,), 0, id="filled"),
        pytest.param(
            (LARGER, fill("e1", 100, 7, cum_units=100, leaves_units=0)),
            0,
            id="filled, as the venue says",
        ),
        pytest.param((PART, SMALLER, fill("e2", 20, 7), event("replaced", 8, request=1)), 0),
    ],
)
def test_what_an_order_may_still_bring(told: tuple[OrderEvent, ...], units: int) -> None:
    """Of an end no more is known than when it was; for a while its reports may be late."""
    known = _after(SUBMIT, ACK, *told)
    ended_ns = known.ended_ns or 0
    assert known.counted_units(ended_ns, LATE_NS) == units
    after = known.counted_units(ended_ns + LATE_NS, LATE_NS)
    assert after == (units if known.is_open else Decimal(0))
