"""Market time and the parts of the day, against clocks worked out by hand."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.fx_calendar import is_open
from domain.nanos import HOUR_NS, MINUTE_NS, SECOND_NS, to_ns
from trading.tca.market_time import after_market_time, is_fresh, session_of


def utc(*when: int) -> int:
    """Return a moment of UTC."""
    return to_ns(datetime(*when, tzinfo=UTC))  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("start", "delta_ns", "end"),
    [
        (utc(2014, 5, 7, 12), MINUTE_NS, utc(2014, 5, 7, 12, 1)),
        # Friday 21:00 UTC to Sunday 21:00 UTC the market is closed (New York is on summer time).
        (utc(2014, 5, 9, 20, 59, 50), 30 * SECOND_NS, utc(2014, 5, 11, 21, 0, 20)),
        (utc(2014, 5, 9, 20, 59), MINUTE_NS, utc(2014, 5, 11, 21)),
        (utc(2014, 5, 10, 12), MINUTE_NS, utc(2014, 5, 11, 21, 1)),
        (utc(2014, 5, 9, 20), 122 * HOUR_NS, utc(2014, 5, 18, 22)),
        # Christmas: 22:00 UTC of the 24th to 22:00 UTC of the 25th.
        (utc(2014, 12, 24, 21, 59), 2 * MINUTE_NS, utc(2014, 12, 25, 22, 1)),
    ],
)
def test_only_open_hours_count(start: int, delta_ns: int, end: int) -> None:
    """The weekend, Christmas, and a count that begins while the market is closed."""
    assert after_market_time(start, delta_ns) == end


@given(
    st.integers(utc(2014, 1, 5), utc(2014, 12, 20)),
    st.integers(0, 72 * HOUR_NS),
    st.integers(0, 72 * HOUR_NS),
)
def test_market_time_adds_up(start: int, one: int, other: int) -> None:
    """Two steps are one, no step leads into a closed market, none goes back."""
    half = after_market_time(start, one)
    assert after_market_time(half, other) == after_market_time(start, one + other)
    assert is_open(half)
    assert half >= start + one


@pytest.mark.parametrize(
    ("when", "session"),
    [
        (utc(2014, 5, 7, 3), "asia"),
        (utc(2014, 5, 7, 7), "london"),  # 8:00 summer time
        (utc(2014, 5, 7, 6, 59), "asia"),
        (utc(2014, 5, 7, 12), "overlap"),  # 8:00 in New York
        (utc(2014, 5, 7, 16), "new_york"),  # 17:00 in London
        (utc(2014, 5, 7, 20, 55), "rollover"),  # 16:55 in New York
        (utc(2014, 5, 7, 21, 59), "rollover"),
        (utc(2014, 5, 7, 22), "asia"),
        (utc(2014, 1, 8, 21, 55), "rollover"),  # winter time
        (utc(2014, 3, 12, 12, 30), "overlap"),  # New York is on summer time, London not yet
        (utc(2014, 5, 10, 12), "closed"),
    ],
)
def test_the_part_of_the_day_goes_by_local_clocks(when: int, session: str) -> None:
    """London and New York change their clocks on different days."""
    assert session_of(when) == session


def test_a_quote_is_fresh_within_its_age_and_its_session() -> None:
    """Neither older than allowed nor from before the opening, and never in a closed market."""
    opening = utc(2014, 5, 11, 21)
    assert is_fresh(opening, opening + 10, 10)
    assert not is_fresh(opening, opening + 11, 10)
    assert not is_fresh(opening - 1, opening + 5, 10)
    assert not is_fresh(opening - 10, opening - 5, 10)
