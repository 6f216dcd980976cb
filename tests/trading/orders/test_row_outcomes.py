"""Every row of the table leaves exactly what is written down, and asks for exactly that."""

import pytest

from tests.trading.orders.making import played
from tests.trading.orders.row_cases import CASES
from tests.trading.orders.row_outcomes import OUTCOMES, Left
from trading.orders.effects import (
    Alert,
    Booked,
    Effect,
    NeedsQuery,
    NeedsReconcile,
    Published,
    ReplaceDue,
)
from trading.orders.machine import apply
from trading.orders.state import OrderState


def _words(effect: Effect) -> str:
    match effect:
        case Published(order):
            return order.status
        case Booked():
            return f"{effect.side} {effect.quantity_units} at {effect.price}"
        case Alert(code):
            return f"alert {code}"
        case ReplaceDue(terms=terms):
            return f"replace due {terms.quantity_units}"
        case NeedsQuery():
            return "query"
        case NeedsReconcile():
            return "reconcile"
        case _:
            return type(effect).__name__


def _waits(state: OrderState) -> str:
    numbers = [f"{r.number}{'?' if r.in_doubt else ''}" for r in state.requests]
    return " ".join([*numbers, *(["all?"] if state.missing else [])])


@pytest.mark.parametrize("row_id", sorted(CASES))
def test_a_row_leaves_behind_what_is_written_down(row_id: str) -> None:
    """Quantities, what is under way, why it ended, and each effect in its place."""
    *before, one = CASES[row_id][0]
    applied = apply(played(*before), one)
    order = applied.state.order
    found = Left(
        prev=applied.state.prev or "",
        filled=int(order.filled_units),
        left=int(order.leaves_units),
        waits=_waits(applied.state),
        reason=order.reason,
        effects=", ".join(_words(effect) for effect in applied.effects),
    )
    assert found == OUTCOMES[row_id]
    assert order.in_doubt == ("?" in found.waits)


def test_every_row_has_an_outcome() -> None:
    """None is left to chance."""
    assert set(OUTCOMES) == set(CASES)
