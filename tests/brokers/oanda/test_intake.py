"""Transactions come from three ways, and leave in one order, each once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.oanda.intake import Intake
from domain.errors import Drop


def transaction(number: int) -> dict[str, Any]:
    """Return a transaction of some id."""
    return {"id": str(number)}


@given(st.permutations(range(11, 21)), st.lists(st.integers(1, 20), max_size=20))
def test_any_order_and_any_doubles_leave_in_order_once(first: list[int], more: list[int]) -> None:
    """What was accounted for before does not come again."""
    left: list[int] = []
    intake = Intake(10, lambda t: left.append(int(t["id"])))
    for number in [n for pair in zip(first, [*more, *first], strict=False) for n in pair]:
        intake.offer(transaction(number))
    for number in first:
        intake.offer(transaction(number))
    assert left == list(range(11, 21))
    assert intake.last == 20
    assert not intake.is_waiting


def test_what_is_beyond_a_gap_waits_until_the_gap_is_shown_to_be_none() -> None:
    """A number that was never given to a transaction holds nothing up for ever."""
    left: list[int] = []
    intake = Intake(10, lambda t: left.append(int(t["id"])))
    intake.offer(transaction(12))
    intake.offer(transaction(14))
    intake.offer(transaction(15))
    assert (left, intake.last, intake.is_waiting) == ([], 10, True)
    intake.complete(13)
    assert (left, intake.last, intake.is_waiting) == ([12, 14, 15], 15, False)


def test_a_transaction_without_a_number_is_unusable() -> None:
    """It has no place."""
    with pytest.raises(Drop):
        Intake(0, print).offer({"type": "ORDER_FILL"})
