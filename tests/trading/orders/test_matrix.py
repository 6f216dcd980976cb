"""Every event in every status, as one table that can be laid beside the contract."""

from itertools import product
from typing import get_args

import pytest

from domain.order_events import EventKind
from domain.orders import OrderStatus
from tests.trading.orders.making import event
from tests.trading.orders.statuses import STATES, plain_fields
from trading.orders.machine import Verdict, apply

COLUMNS: tuple[OrderStatus, ...] = get_args(OrderStatus)

MATRIX = """
risk_deny          T01  -    -    -    -    -    -    -    -    -    -    -    -
submit             T02  -    -    -    -    -    -    -    -    -    -    -    -
cancel_request     -    -    T10a T19  T19  T19  T36  T26b A09  -    -    -    -
replace_request    -    -    T10b T20  T20  T20  T38  -    -    -    -    -    -
send_unknown       -    -    T11  A12  A12  A12  T39  T32  A12  -    -    -    -
not_found          -    OVER OVER OVER OVER OVER OVER OVER OVER OVER OVER OVER OVER
pending_ack        -    -    T05  E8   E8   E8   E8   E8   E8   -    -    -    -
ack                -    T44b T04  E8   E8   T25  E8   E8   T23a -    -    -    T44b
reject             -    -    T06  T16  T16  A11  A10  T31b -    T41c T41c T41c E8
fill               -    T44a T07  T15  T15  T24  T34  T28  T23b A15  T40  T40  T44a
triggered          -    -    -    T14  E8   -    A03  A03  -    -    -    -    -
canceled           -    -    T08  T17  T17  T17  T37a T27  T17  T41a T41a T41a -
expired            -    -    T09  T18  T18  T18  T37b T31a T18  T41b T41b T41b -
suspended          -    -    -    T22  A20  T22  A04  A04  E8   -    -    -    -
pending_cancel_ack -    -    -    -    -    -    OVER T26a -    -    -    -    -
replaced           -    -    -    T21  T21  T21  A17a A05  A17b A16b A16c A16c -
cancel_reject      -    -    -    -    -    -    OVER T29  -    -    -    -    -
replace_reject     -    -    -    -    -    -    T35  OVER -    -    -    -    -
bust               -    -    A18  A18  A18  T42  A07  A07  A18  T42  T42  T42  -
correct            -    -    A19  A19  A19  T43  A08  A08  A19  T43  T43  T43  -
status             -    T45  T45  T45  T45  T45  T45  T45  T45  T45  T45  T45  T45
external           T03  -    -    -    -    -    -    -    -    -    -    -    -
"""
"""By kind and status: the row, or the rule before the table, that takes the event; ``-`` if none.

OVER is OVERTAKEN. Answers come without a number, a fill and a correction are of an execution that
is new, a bust and a correction are about execution e1, terms are those of 120 units.
"""

TAKERS: dict[tuple[OrderStatus, EventKind], str] = {
    (status, EventKind(kind)): "OVERTAKEN" if taker == "OVER" else taker
    for kind, *takers in (line.split() for line in MATRIX.strip().splitlines())
    for status, taker in zip(COLUMNS, takers, strict=True)
}


def test_the_matrix_is_whole() -> None:
    """Every status, every kind."""
    assert set(TAKERS) == set(product(COLUMNS, EventKind))
    assert set(COLUMNS) == set(STATES)


@pytest.mark.parametrize(("status", "kind"), sorted(TAKERS))
def test_an_event_is_taken_by_what_the_matrix_says(status: OrderStatus, kind: EventKind) -> None:
    """No row reaches into a status that it is not for, and none is missing where it is."""
    request = 9 if kind in (EventKind.CANCEL_REQUEST, EventKind.REPLACE_REQUEST) else -1
    one = event(kind, 20, **plain_fields(kind) | {"request": request})
    applied = apply(STATES[status], one)
    taker = TAKERS[status, kind]
    assert (applied.row_id or "-") == taker
    assert (applied.verdict is Verdict.INVALID) == (taker == "-")
