"""Decimals, times and the reset window."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async.util import UNSET_DOUBLE

from brokers.ib.reset_window import in_reset
from brokers.ib.rows import own_id, revision
from brokers.ib.wire_numbers import exact, optional, plain, read_time, wire_time
from domain.fx_calendar import NEW_YORK
from domain.ids import client_order_id, wire_id
from domain.nanos import to_ns


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6, allow_nan=False))
def test_a_decimal_survives_the_float_between(number: Decimal) -> None:
    """At most 15 digits: the float writes itself as those."""
    assert exact(float(str(plain(number)))) == number


@pytest.mark.parametrize("none", [None, UNSET_DOUBLE, 0.0])
def test_what_tws_does_not_send_is_none(none: float | None) -> None:
    """Zero stands for nothing too: no price is 0."""
    assert optional(none) is None


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("20260114-17:00:00", datetime(2026, 1, 14, 17, tzinfo=UTC)),
        ("20260114 12:00:00 US/Eastern", datetime(2026, 1, 14, 17, tzinfo=UTC)),
        ("20260714 12:00:00 US/Eastern", datetime(2026, 7, 14, 16, tzinfo=UTC)),
    ],
)
def test_times_of_tws_are_read_in_their_zone(text: str, utc: datetime) -> None:
    """UTC with a dash, else a named zone."""
    assert read_time(text) == to_ns(utc)


@pytest.mark.parametrize("text", ["", "20260114 12:00:00", "20260114 12:00:00 Nowhere", "noon"])
def test_a_time_without_a_zone_is_none(text: str) -> None:
    """It is never guessed."""
    assert read_time(text) is None


@given(st.integers(0, 4 * 10**18))
def test_a_time_is_written_to_the_second(ts_ns: int) -> None:
    """And read back."""
    assert read_time(wire_time(ts_ns)) == ts_ns - ts_ns % 10**9


@pytest.mark.parametrize(
    ("clock", "inside"),
    [("23:44", False), ("23:45", True), ("00:04", True), ("00:05", False), ("12:00", False)],
)
@pytest.mark.parametrize("month", [1, 7])
def test_the_reset_is_new_yorks(clock: str, inside: bool, month: int) -> None:
    """Summer and winter, over midnight."""
    at = datetime.combine(date(2026, month, 14), time.fromisoformat(clock), NEW_YORK)
    assert in_reset(to_ns(at), time(23, 45), time(0, 5)) is inside


def test_a_window_within_a_day_does_not_wrap() -> None:
    """From 1 to 2."""
    at = to_ns(datetime(2026, 1, 14, 1, 30, tzinfo=NEW_YORK))
    assert in_reset(at, time(1), time(2))
    assert not in_reset(at, time(2), time(3))


def test_an_execution_is_named_by_what_is_before_the_last_dot() -> None:
    """E1."""
    assert revision("0000e0d5.5fd2a1b3.01.02") == ("0000e0d5.5fd2a1b3.01", 2)
    assert revision("F-123") == ("F-123", 1)


def test_only_our_references_are_client_order_ids() -> None:
    """A person may write anything into that field."""
    own = client_order_id("carry", "signal", 0, 1)
    assert own_id(own) == own_id(wire_id(own, 7)) == own
    assert own_id("hedge of Tuesday") == own_id("") == ""
