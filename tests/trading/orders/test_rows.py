"""The table of transitions: every row is taken, and what has no row changes nothing."""

from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from domain.order_events import EventKind
from domain.orders import OrderStatus
from tests.trading.orders.making import event, fill, order, played, terms
from tests.trading.orders.row_cases import (
    CANCELED,
    CANCELING,
    CASES,
    EXPIRED,
    FILLED,
    HELD,
    NEW,
    OPEN,
    PARTIAL,
    REJECT,
    REPLACING,
    TRIGGERED,
)
from trading.orders.machine import RULES, Verdict, apply
from trading.orders.state import OrderState, opened
from trading.orders.table import ROWS

STATES: dict[OrderStatus, OrderState] = {
    "initialized": opened(order()),
    "denied": played(event("risk_deny", 1)),
    "pending_new": played(*NEW),
    "accepted": played(*OPEN),
    "triggered": played(*OPEN, TRIGGERED),
    "partially_filled": played(*PARTIAL),
    "pending_replace": played(*REPLACING),
    "pending_cancel": played(*CANCELING),
    "suspended": played(*HELD),
    "filled": played(*FILLED),
    "canceled": played(*OPEN, CANCELED),
    "expired": played(*OPEN, EXPIRED),
    "rejected": played(*NEW, REJECT),
}


def test_every_row_has_a_life_that_takes_it() -> None:
    """A row that nothing takes is a row that nothing proves."""
    assert sorted(CASES) == sorted(row.row_id for row in ROWS)


def test_no_row_is_hidden_behind_another_of_the_same_name() -> None:
    """Ids are counted and looked for: they are unique, and no rule has the name of a row."""
    ids = [*RULES, *(row.row_id for row in ROWS)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("row_id", sorted(CASES))
def test_a_row_leads_where_the_contract_says(row_id: str) -> None:
    """The last event of the life takes this row and no other, to this status."""
    events, status = CASES[row_id]
    *before, one = events
    state = played(*before)
    applied = apply(state, one)
    assert (applied.row_id, applied.state.status) == (row_id, status)
    adopted = row_id in ("T44a", "T44b")
    assert applied.verdict is (Verdict.ADOPT if adopted else Verdict.APPLIED)


def _of(kind: EventKind) -> dict[str, Any]:
    fields: dict[str, Any] = {"request": 2}
    if kind in (EventKind.FILL, EventKind.CORRECT):
        fields |= {"execution_id": "e9", "quantity_units": 5, "price": "1.1"}
    if kind in (EventKind.BUST, EventKind.CORRECT):
        fields |= {"execution_ref": "e1"}
    if kind in (EventKind.REPLACE_REQUEST, EventKind.REPLACED, EventKind.EXTERNAL):
        fields |= {"terms": terms(120)}
    if kind in (EventKind.STATUS, EventKind.EXTERNAL):
        fields |= {"status": "accepted"}
    return fields


@pytest.mark.parametrize(("status", "kind"), list(product(STATES, EventKind)))
def test_what_has_no_row_changes_nothing(status: OrderStatus, kind: EventKind) -> None:
    """Every status with every kind: a row or a rule takes the event, or the state is as it was."""
    state = STATES[status]
    assert state.status == status
    applied = apply(state, event(kind, 20, **_of(kind)))
    has_row = any(status in row.origins and row.kind is kind for row in ROWS)
    if applied.verdict is Verdict.INVALID:
        assert applied.state is state
        assert applied.effects == ()
        assert applied.why
    if not has_row:
        assert applied.row_id in ("", *RULES)
        assert applied.effects == ()
        assert (applied.state.order, applied.state.prev) == (state.order, state.prev)


def test_nothing_but_the_first_event_of_an_order_leaves_denied() -> None:
    """A denied order is denied for good, whatever comes."""
    denied = STATES["denied"]
    for kind in EventKind:
        applied = apply(denied, event(kind, 20, **_of(kind)))
        assert applied.state is denied


def test_an_event_with_no_number_is_no_execution() -> None:
    """A fill without id, quantity or price is refused with a reason, in every status."""
    for state in STATES.values():
        for bad in (
            event("fill", 20, execution_id="e9", price="1.1"),
            event("fill", 20, quantity_units=1, price="1.1"),
            fill("e9", -5, 20),
            fill("e9", 5, 20, price="NaN"),
            fill("e9", 5, 20, price="0"),
        ):
            applied = apply(state, bad)
            assert (applied.verdict, applied.state) == (Verdict.INVALID, state)


def test_the_average_price_is_exact() -> None:
    """The average is the quotient of two exact sums, whatever the sizes."""
    state = played(*OPEN, fill("e1", 1, 4, "1.10001"), fill("e2", 2, 5, "1.10002"))
    assert state.order.average_price == Decimal("3.30005") / 3
    assert state.order.filled_units == Decimal(3)
