"""The table of transitions: every row is taken, and what has no row changes nothing."""

from decimal import Decimal
from itertools import product

import pytest

from domain.order_events import EventKind, OrderEvent
from domain.orders import OrderStatus
from tests.trading.orders.making import event, fill, played, terms
from tests.trading.orders.row_cases import (
    CANCEL,
    CASES,
    FILLED,
    LOST,
    NEW,
    NOT_FOUND,
    OPEN,
    PART,
    REPLACE,
)
from tests.trading.orders.statuses import STATES, plain_fields
from trading.orders.machine import RULES, Verdict, apply
from trading.orders.state import working
from trading.orders.table import ROWS, Row

GONE = event("send_unknown", 8, request=-1)
CANCEL_LOST = event("send_unknown", 8, request=1)


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


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.row_id)
def test_a_row_says_where_it_leads(row: Row) -> None:
    """What stands in the table is what happens; a fill that leaves nothing leads to filled."""
    *before, one = CASES[row.row_id][0]
    state = played(*before)
    after = apply(state, one).state
    leads = {
        "same": state.status,
        "prev": state.prev,
        "underlying": state.status,
        "working": working(after),
    }
    kinds = {
        "report": {EventKind.STATUS, EventKind.EXTERNAL},
        "remainder": {EventKind.BUST, EventKind.CORRECT, EventKind.REPLACED},
        "adopted": {EventKind.FILL, EventKind.ACK},
    }
    if row.to in kinds:
        assert row.kind in kinds[row.to]
    elif row.kind is EventKind.FILL and not after.order.leaves_units and after.is_open is False:
        assert after.status in ("filled", leads.get(row.to))
    else:
        assert after.status == leads.get(row.to, row.to)
    assert (row.to == "underlying") <= (after.prev is not None)


@pytest.mark.parametrize(
    ("before", "status", "row_id"),
    [
        ((*NEW, LOST), "rejected", "T13"),
        ((*OPEN, GONE), "canceled", "A14"),
        ((*NEW, LOST, PART, GONE), "canceled", "A14"),
        ((*NEW, CANCEL, LOST), "rejected", "A13"),
        ((*OPEN, CANCEL, CANCEL_LOST), "canceled", "A14"),
        ((*NEW, CANCEL, CANCEL_LOST, PART), "canceled", "A14"),
    ],
)
def test_not_found_ends_an_order_by_what_was_ever_seen_of_it(
    before: tuple[OrderEvent, ...], status: OrderStatus, row_id: str
) -> None:
    """One that never showed was rejected; one that was taken or filled is gone."""
    applied = apply(played(*before), NOT_FOUND)
    assert (applied.row_id, applied.state.status) == (row_id, status)


@pytest.mark.parametrize(("quantity", "row_id"), [(99, "A16a"), (100, "A16a"), (101, "A16b")])
def test_terms_of_a_filled_order_open_it_only_with_something_left(
    quantity: int, row_id: str
) -> None:
    """At exactly what is filled nothing is."""
    assert apply(played(*FILLED), event("replaced", 3, terms=terms(quantity))).row_id == row_id


def test_a_replaced_without_terms_brings_those_that_were_asked_for() -> None:
    """Told after a fill of all of the old size: what is left is that of the new one."""
    later = (*OPEN, REPLACE, fill("e1", 100, 9), event("replaced", 8))
    state = apply(played(*later[:-1]), later[-1]).state
    assert (state.status, state.order.quantity_units) == ("partially_filled", Decimal(150))
    assert state.may_fill_units == 50


@pytest.mark.parametrize(("status", "kind"), list(product(STATES, EventKind)))
def test_what_has_no_row_changes_nothing(status: OrderStatus, kind: EventKind) -> None:
    """Every status with every kind: a row or a rule takes the event, or the state is as it was."""
    state = STATES[status]
    assert state.status == status
    applied = apply(state, event(kind, 20, **plain_fields(kind)))
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
        applied = apply(denied, event(kind, 20, **plain_fields(kind)))
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
