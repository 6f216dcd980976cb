"""Commissions, each booked once."""

from decimal import Decimal

import ib_async
import pytest
from ib_async.util import UNSET_DOUBLE

from brokers.ib.commissions import Commissions
from brokers.ib.rows import ExecutionRow, OrderKey
from tests.brokers.ib.rig import NOON_NS


def a_fill(revision: int = 1) -> ExecutionRow:
    """Make an execution."""
    return ExecutionRow(
        OrderKey(1, 7, 555, ""),
        "DU1234567",
        "EURUSD",
        "buy",
        f"0001.{revision:02d}",
        Decimal(20_000),
        Decimal("1.1"),
        Decimal(20_000),
        None,
        NOON_NS,
    )


def a_report(commission: float, revision: int = 1) -> ib_async.CommissionReport:
    """Make a report."""
    return ib_async.CommissionReport(f"0001.{revision:02d}", commission, "USD")


@pytest.mark.parametrize("fill_first", [True, False])
def test_a_commission_is_booked_whichever_comes_first(fill_first: bool) -> None:
    """And never again."""
    booked = Commissions("ib")
    if fill_first:
        charges = booked.execution(a_fill()) + booked.report(a_report(2.5))
    else:
        charges = booked.report(a_report(2.5)) + booked.execution(a_fill())
    (charge,) = charges
    assert (charge.charge_id, charge.amount, charge.currency, charge.symbol) == (
        "commission:0001.01",
        Decimal("-2.5"),
        "USD",
        "EURUSD",
    )
    assert charge.ts_event_ns == NOON_NS
    assert booked.report(a_report(2.5)) == []
    assert booked.execution(a_fill()) == []


def test_a_correction_books_the_difference() -> None:
    """The two charges sum to what the fill cost."""
    booked = Commissions("ib")
    booked.execution(a_fill())
    (first,) = booked.report(a_report(2.5))
    booked.execution(a_fill(revision=2))
    (second,) = booked.report(a_report(2.0, revision=2))
    assert (first.amount, second.amount) == (Decimal("-2.5"), Decimal("0.5"))


def test_a_commission_that_is_not_known_yet_is_not_booked() -> None:
    """TWS's mark for that is the largest double."""
    booked = Commissions("ib")
    booked.execution(a_fill())
    assert booked.report(a_report(UNSET_DOUBLE)) == []
    assert len(booked.report(a_report(2.5))) == 1


def test_old_fills_are_forgotten() -> None:
    """A day later nothing more comes for them."""
    booked = Commissions("ib")
    booked.execution(a_fill())
    booked.forget(NOON_NS + 2 * 10**9)
    assert booked.report(a_report(2.5)) == []
