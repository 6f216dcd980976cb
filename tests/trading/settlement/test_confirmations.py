"""Confirmations against fills: matched, different, missing on either side."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.orders import Execution
from trading.settlement.confirmations import Confirmation, Difference, match, standing

D = Decimal


def execution(execution_id: str) -> Execution:
    """Return a booked fill."""
    return Execution(
        execution_id,
        "o",
        "A-1",
        "EURUSD",
        "buy",
        D(1000),
        D("1.10"),
        1,
        2,
        D(0),
        D(0),
        D(1),
        commission=D("0.5"),
        commission_currency="USD",
    )


def confirmation(execution_id: str) -> Confirmation:
    """Return the broker's confirmation of the same."""
    return Confirmation(
        execution_id,
        "A-1",
        "EURUSD",
        "buy",
        D(1000),
        D("1.100"),
        date(2014, 5, 9),
        D("0.5"),
        "USD",
    )


def test_what_is_equal_matches_and_the_rest_is_listed_both_ways() -> None:
    """Same numbers in other digits are equal; b is unconfirmed, c unknown."""
    found = match([execution("a"), execution("b")], [confirmation("a"), confirmation("c")])
    assert found.matched == ("a",)
    assert (found.unconfirmed, found.unknown, found.differences) == (("b",), ("c",), ())
    assert found.unmatched == 2
    assert match([execution("a")], [confirmation("a"), confirmation("a")]).unmatched == 0


@pytest.mark.parametrize(
    ("field", "value", "ours"),
    [
        ("account", "A-2", "A-1"),
        ("symbol", "EURJPY", "EURUSD"),
        ("side", "sell", "buy"),
        ("quantity_units", D("1000.01"), "1000"),
        ("price", D("1.10001"), "1.10"),
        ("commission", D("0.51"), "0.5"),
        ("commission_currency", "EUR", "USD"),
        ("value_date", date(2014, 5, 12), "2014-05-09"),
    ],
)
def test_there_is_no_tolerance(field: str, value: object, ours: str) -> None:
    """Every field that differs by anything is named with both values."""
    theirs = replace(confirmation("a"), **{field: value})
    found = match([execution("a")], [theirs], {"a": date(2014, 5, 9)})
    assert found.differences == (Difference("a", field, ours, str(value)),)
    assert (found.matched, found.unmatched) == ((), 1)


def test_a_confirmation_that_says_nothing_of_costs_and_days_is_not_held_against_them() -> None:
    """Only what is confirmed is compared."""
    bare = replace(confirmation("a"), commission=None, commission_currency="", value_date=None)
    assert match([execution("a")], [bare], {"a": date(2014, 5, 9)}).unmatched == 0


def test_a_fill_that_cost_nothing_has_no_currency_to_compare() -> None:
    """A cost that the broker does name is found, and so is the currency of any other."""
    free = replace(execution("a"), commission=D(0), commission_currency="")
    assert match([free], [replace(confirmation("a"), commission=D(0))]).unmatched == 0
    (found,) = match([free], [confirmation("a")]).differences
    assert found == Difference("a", "commission", "0", "0.5")
    unnamed = replace(execution("a"), commission_currency="")
    (found,) = match([unnamed], [confirmation("a")]).differences
    assert found == Difference("a", "commission_currency", "", "USD")


def test_what_was_taken_back_stands_no_more() -> None:
    """A bust leaves nothing, a correction leaves the corrected fill, whatever its id."""
    kept, gone, wrong = execution("kept"), execution("gone"), execution("wrong")
    bust = replace(execution("gone-bust"), side="sell", execution_ref="gone")
    out = replace(execution("right-replaces"), side="sell", execution_ref="wrong")
    right = replace(execution("right"), price=D("1.2"), execution_ref="wrong")
    assert standing([kept, gone, wrong, bust, out, right]) == [kept, right]
    again = replace(execution("right-bust"), side="sell", execution_ref="wrong")
    assert standing([kept, gone, wrong, bust, out, right, again]) == [kept]


def test_a_revision_of_interactive_brokers_stands_for_what_it_corrects() -> None:
    """There the number behind the last dot counts revisions, and the booking names what stays."""
    first = replace(execution("0e.01.01"), venue="ib")
    out = replace(execution("0e.01.02-replaces"), side="sell", venue="ib", execution_ref="0e.01")
    second = replace(execution("0e.01.02"), venue="ib", execution_ref="0e.01")
    assert standing([first, out, second]) == [second]


def test_what_nobody_dealt_is_not_to_be_confirmed() -> None:
    """An adjustment is a person's word."""
    assert standing([execution("adjusted-1"), execution("a")]) == [execution("a")]


def test_two_confirmations_of_one_deal_that_disagree_are_found() -> None:
    """One of them is right, and that does not hide the other."""
    wrong = replace(confirmation("a"), price=D("1.2"))
    found = match([execution("a")], [confirmation("a"), wrong])
    assert found.differences == (Difference("a", "price", "1.10", "1.2"),)
    assert found.matched == ()


@given(st.lists(st.sampled_from("abcdefgh")), st.lists(st.sampled_from("abcdefgh")))
def test_every_deal_is_in_exactly_one_list(booked: list[str], confirmed: list[str]) -> None:
    """Nothing is lost, nothing counted twice, whatever the order."""
    found = match(map(execution, booked), map(confirmation, confirmed))
    lists = [*found.matched, *found.unconfirmed, *found.unknown]
    assert sorted(lists) == sorted({*booked, *confirmed})
