"""Whether two ways to measure agree: counts, and the largest difference of each field."""

import pytest
from msgspec.structs import replace

from domain.nanos import MINUTE_NS, SECOND_NS
from domain.quality import ExecutionQuality, OrderQuality, QualityCode, QualityEvent
from tests.trading.tca.tape import NOON, D, execution, order, quotes
from trading.tca.agreement import Difference, compare
from trading.tca.config import TcaConfig
from trading.tca.query import evaluate

LATE = NOON + 10 * MINUTE_NS
TAPE = [("EURUSD", quotes([(second, "1.1000", "1.1002") for second in range(600)]))]
FILL, DONE = evaluate(
    TcaConfig("USD", ("EURUSD",)),
    TAPE,
    [order("pending_new", 0), order("filled", 2, filled_units=D(100_000))],
    [execution(2, "1.1002")],
)
assert isinstance(FILL, ExecutionQuality)
assert isinstance(DONE, OrderQuality)
EVENT = QualityEvent(QualityCode.OUTLIER, "x1", "o1", "A-1", "EURUSD", "ib", NOON, "m", 7.5, 6.0)


def test_equal_records_agree_in_any_order() -> None:
    """Also with the zeros that a store adds to a price."""
    padded = replace(FILL, price=D("1.10020000000000"))
    found = compare([FILL, DONE, EVENT], [EVENT, DONE, padded], LATE)
    assert found.holds
    assert (found.compared, found.differing, found.at_end) == (3, 0, 0)
    assert found.differences == []


def test_each_field_tells_its_largest_difference_and_where_it_is() -> None:
    """Once a field; a number that is not known on one side has no distance."""
    second = replace(FILL, execution_id="x2", impact_pips=None)
    third = replace(FILL, execution_id="x3")
    moved = [
        replace(FILL, arrival_slippage_pips=1.25),
        replace(second, arrival_slippage_pips=-2.0, impact_pips=0.5),
        replace(third, venue="fix"),
    ]
    found = compare([FILL, second, third], moved, LATE)
    assert not found.holds
    assert (found.compared, found.differing) == (3, 3)
    slippage, unknown, venue = found.differences
    assert (slippage.field, slippage.count, slippage.name) == ("arrival_slippage_pips", 2, "x2")
    assert slippage.largest == pytest.approx(3.0, abs=1e-9)
    assert slippage.computed == -2.0
    assert unknown == Difference("fill", "impact_pips", 1, None, "x2", "A-1", None, 0.5)
    assert venue == Difference("fill", "venue", 1, None, "x3", "A-1", "paper", "fix")


def test_money_differs_by_its_amount() -> None:
    """A Decimal as a number."""
    found = compare([DONE], [replace(DONE, filled_units=D(99_999))], LATE)
    (units,) = found.differences
    assert (units.kind, units.field, units.largest) == ("order", "filled_units", 1.0)


def test_a_record_that_only_one_has_is_named() -> None:
    """The same id in another account is another record."""
    theirs = replace(DONE, account="A-2")
    found = compare([FILL, DONE, EVENT], [FILL, theirs], LATE)
    assert not found.holds
    assert found.measured_alone == ["order o1 A-1", "event x1 A-1 outlier m"]
    assert found.computed_alone == ["order o1 A-2"]
    assert (found.compared, found.differing) == (1, 0)


def test_a_fill_that_was_taken_back_has_no_record_afterwards() -> None:
    """It is left out with all that was told of it; that of another account stays."""
    busted = replace(EVENT, code=QualityCode.BUSTED, measure="", value=0.0, bound=0.0)
    theirs = replace(FILL, account="A-2")
    assert compare([FILL, EVENT, busted, theirs, DONE], [theirs, DONE], LATE).holds


def test_what_the_archive_cannot_know_for_sure_is_no_difference() -> None:
    """A horizon behind the end of its quotes may have been answered by a heartbeat."""
    until_ns = FILL.ts_event_ns + 5 * MINUTE_NS
    changed = replace(FILL, markout_5m_pips=None)
    assert not compare([FILL], [changed], until_ns).holds
    for measured, computed in (([FILL], [changed]), ([FILL], []), ([], [FILL])):
        found = compare(measured, computed, until_ns - 1)
        assert found.holds
        assert found.at_end == 1
    assert compare([FILL], [FILL], until_ns - SECOND_NS).at_end == 0
