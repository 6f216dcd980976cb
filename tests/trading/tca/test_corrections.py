"""Executions that are taken back or corrected, as it happens and afterwards."""

from decimal import Decimal

import numpy as np
import pytest

from domain.orders import Execution
from domain.quality import ExecutionQuality, OrderQuality, QualityEvent
from tests.trading.tca.tape import beat, execution, order, quotes
from trading.tca.config import TcaConfig
from trading.tca.corrections import is_correction, known_as
from trading.tca.monitor import Quality, QualityMonitor
from trading.tca.query import evaluate

D = Decimal
CONFIG = TcaConfig("USD", ("EURUSD",))
TAPE = np.concatenate([quotes([(s, "1.1000", "1.1002") for s in range(6)]), beat(400)])
DONE = [order("pending_new", 0), order("filled", 2, filled_units=D(100_000))]


def booked(venue_id: str, revised_id: str, reference: str) -> list[Execution]:
    """Return a fill at 1.1002 that is corrected to 1.1005: taken out, and booked anew."""
    return [
        execution(2, "1.1002", execution_id=venue_id),
        execution(2, "1.1002", execution_id="out", side="sell", execution_ref=reference),
        execution(2, "1.1005", execution_id=revised_id, execution_ref=reference),
    ]


def streamed(fills: list[Execution], before: int) -> list[Quality]:
    """Return what is said where only so many fills came before their quotes."""
    monitor = QualityMonitor(CONFIG)
    found: list[Quality] = []
    for one in DONE:
        found += monitor.on_order(one)
    for fill in fills[:before]:
        found += monitor.on_execution(fill)
    found += monitor.on_quotes("EURUSD", TAPE)
    for fill in fills[before:]:
        found += monitor.on_execution(fill)
    return found + monitor.flush()


@pytest.mark.parametrize(
    "fills", [booked("x1", "x2", "x1"), booked("0001.01", "0001.02", "0001")], ids=["fix", "ib"]
)
def test_a_correction_stands_in_the_place_of_what_it_corrects(fills: list[Execution]) -> None:
    """One fill at the corrected price, in the costs of its order too; the query says the same."""
    name = fills[-1].execution_id
    for found in (streamed(fills, before=3), evaluate(CONFIG, [("EURUSD", TAPE)], DONE, fills)):
        (fill,) = (one for one in found if isinstance(one, ExecutionQuality))
        assert (fill.execution_id, fill.price) == (name, D("1.1005"))
        (done,) = (one for one in found if isinstance(one, OrderQuality))
        # 100,000 bought 4 pips above the mid.
        assert done.execution_cost_account == pytest.approx(40.0)


def test_a_correction_behind_the_record_says_which_one_to_leave_out() -> None:
    """The corrected one is measured as well: its benchmarks are remembered."""
    found = streamed(booked("x1", "x2", "x1"), before=1)
    told = [one for one in found if isinstance(one, QualityEvent) and one.code == "busted"]
    assert [one.execution_id for one in told] == ["x1"]
    names = [one.execution_id for one in found if isinstance(one, ExecutionQuality)]
    assert names == ["x1", "x2"]


def test_a_second_correction_replaces_the_first() -> None:
    """It names the first execution of all, as the venue does."""
    again = [
        execution(2, "1.1005", execution_id="out2", side="sell", execution_ref="x1"),
        execution(2, "1.1003", execution_id="x3", execution_ref="x1"),
    ]
    fills = [*booked("x1", "x2", "x1"), *again]
    for found in (streamed(fills, before=5), evaluate(CONFIG, [("EURUSD", TAPE)], DONE, fills)):
        (fill,) = (one for one in found if isinstance(one, ExecutionQuality))
        assert (fill.execution_id, fill.price) == ("x3", D("1.1003"))


def test_what_stands_for_a_reference() -> None:
    """A fill of that id, what has replaced it, or its id without the revision."""
    plain, other = execution(1, "1.1", execution_id="x1"), execution(1, "1.1", execution_id="x0")
    replaced = execution(1, "1.1", execution_id="x2", execution_ref="x1")
    assert known_as("x1", {"x0": other, "x1": plain}) == "x1"
    assert known_as("x1", {"x0": other, "x2": replaced}) == "x2"
    assert known_as("0001", {"x0": other, "0001.01": plain}) == "0001.01"
    assert known_as("x9", {"x0": other}) == "x9"


def test_of_an_order_that_is_not_known_everything_with_a_reference_is_a_bust() -> None:
    """Nothing can be measured without knowing which side it was."""
    stray = execution(1, "1.1", client_order_id="o9", execution_ref="x1")
    assert not is_correction(None, stray)
    told = streamed([stray], before=1)[0]
    assert isinstance(told, QualityEvent)
    assert (told.code, told.execution_id, told.client_order_id) == ("busted", "x1", "o9")
