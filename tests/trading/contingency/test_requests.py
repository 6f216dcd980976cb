"""Groups that cannot do what they are for, dumps, and the end of the day."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import BadUse, Corrupt
from domain.nanos import to_ns
from tests.trading.contingency.grouped import MARKET, bracket, request
from trading.contingency.expiry import gfd_expiry_ns
from trading.contingency.requests import BadGroup, GroupCancel, Oco, Oto, Pace, check
from trading.contingency.working import Groups

D = Decimal


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"target_price": None, "stop_price": None}, "plain order"),
        ({"stop_price": D("1.106")}, "its stop at 1.106 and its target"),
        ({"side": "sell"}, "a sell with its stop at 1.09500"),
        ({"stop_price": D(0)}, "above 0"),
        ({"stop_price": D("NaN")}, "above 0"),
        ({"quantity_units": D(5)}, "not that of its entry"),
        ({"entry": None, "quantity_units": D(0)}, "above 0"),
        ({"trailing_step": D(0)}, "above 0"),
    ],
)
def test_a_bracket_that_protects_nothing_is_refused(changes: dict[str, Any], problem: str) -> None:
    """And the message says why."""
    check(request(bracket()))
    with pytest.raises(BadGroup, match=problem):
        check(request(bracket(**changes)))


def test_pairs_need_sizes_and_paces_need_times() -> None:
    """Zero is none of either."""
    nothing = type(MARKET)(D(0))
    for orders in (Oco("buy", MARKET, "sell", nothing), Oto("buy", nothing, "sell", MARKET)):
        with pytest.raises(BadGroup, match="size above 0"):
            check(request(orders))
    with pytest.raises(BadGroup, match="times above 0"):
        check(request(bracket(), pace=Pace(retry_ns=0)))


def test_strangers_and_other_versions_are_refused() -> None:
    """A group that was never requested, a dump that cannot be read."""
    with pytest.raises(BadUse, match="no group"):
        Groups().apply(GroupCancel("nobody", 0))
    plain = Groups().dump()
    for wrong in ({**plain, "v": 2}, {"v": 1}):
        with pytest.raises(Corrupt):
            Groups.load(wrong)


@pytest.mark.parametrize(
    ("now", "expiry"),
    [
        ((2014, 5, 6, 12, 0), (2014, 5, 6, 21, 0)),
        ((2014, 5, 6, 20, 59), (2014, 5, 6, 21, 0)),
        ((2014, 5, 6, 21, 0), (2014, 5, 7, 21, 0)),
        ((2014, 1, 7, 21, 30), (2014, 1, 7, 22, 0)),
        ((2014, 5, 9, 21, 0), (2014, 5, 12, 21, 0)),
        ((2014, 5, 10, 12, 0), (2014, 5, 12, 21, 0)),
        ((2014, 5, 11, 22, 0), (2014, 5, 12, 21, 0)),
        ((2014, 12, 24, 23, 0), (2014, 12, 26, 22, 0)),
    ],
)
def test_a_day_order_expires_at_the_next_17_new_york_of_an_open_day(
    now: tuple[int, ...], expiry: tuple[int, ...]
) -> None:
    """In summer and winter, over a weekend and over Christmas."""
    moments = [to_ns(datetime(*parts, tzinfo=UTC)) for parts in (now, expiry)]  # type: ignore[misc,arg-type]
    assert gfd_expiry_ns(moments[0]) == moments[1]
