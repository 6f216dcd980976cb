"""The forex week in winter, in summer, in the weeks of change, and around holidays."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bars import DEFAULT_TIMEFRAMES, frame_of
from domain.fx_calendar import (
    is_open,
    roll_ns,
    rolls,
    session_open_ns,
    sessions,
    trade_date,
    trade_day_start_ns,
)
from domain.nanos import DAY_NS, HOUR_NS, from_ns, parse_ns

WEEKS = [
    # Sunday opening, Friday closing (UTC)
    ("2024-01-07T22:00", "2024-01-12T22:00"),
    ("2024-07-07T21:00", "2024-07-12T21:00"),
    # New York changes its clocks on 10 March and 3 November 2024, between two weeks.
    ("2024-03-03T22:00", "2024-03-08T22:00"),
    ("2024-03-10T21:00", "2024-03-15T21:00"),
    ("2024-10-27T21:00", "2024-11-01T21:00"),
    ("2024-11-03T22:00", "2024-11-08T22:00"),
    # London's change on 31 March moves nothing.
    ("2024-03-31T21:00", "2024-04-05T21:00"),
    # Christmas and New Year cut a week in two.
    ("2024-12-22T22:00", "2024-12-24T22:00"),
    ("2024-12-25T22:00", "2024-12-27T22:00"),
    ("2024-12-29T22:00", "2024-12-31T22:00"),
    ("2025-01-01T22:00", "2025-01-03T22:00"),
    # A Christmas on a Sunday shortens no week; one on a Monday opens it late.
    ("2022-12-25T22:00", "2022-12-30T22:00"),
    ("2023-12-25T22:00", "2023-12-29T22:00"),
]

ANY_TIME = st.integers(parse_ns("1990-01-01"), parse_ns("2060-01-01"))
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(("opens", "closes"), WEEKS)
def test_a_week_opens_and_closes(opens: str, closes: str) -> None:
    """Open from the first nanosecond, closed from the last, one session all between."""
    first, end = parse_ns(opens), parse_ns(closes)
    assert [is_open(first - 1), is_open(first), is_open(end - 1), is_open(end)] == [
        False,
        True,
        True,
        False,
    ]
    for ts_ns in range(first, end, HOUR_NS):
        assert session_open_ns(ts_ns) == first
    assert session_open_ns(end) is None


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2024-01-10T21:59:59.999999", "2024-01-10"),
        ("2024-01-10T22:00", "2024-01-11"),
        ("2024-07-10T20:59:59.999999", "2024-07-10"),
        ("2024-07-10T21:00", "2024-07-11"),
        ("2024-07-11T03:59", "2024-07-11"),
        ("2024-07-11T04:00", "2024-07-11"),
        ("2024-03-10T20:59", "2024-03-10"),
        ("2024-03-10T21:00", "2024-03-11"),
        ("2024-12-31T22:00", "2025-01-01"),
        ("2024-02-28T22:00", "2024-02-29"),
    ],
)
def test_the_trade_date_rolls_at_five_in_new_york(moment: str, day: str) -> None:
    """From 17:00 New York on it is the next day, whatever UTC says."""
    assert trade_date(parse_ns(moment)) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("day", "moment"),
    [("2024-01-10", "2024-01-10T22:00"), ("2024-07-10", "2024-07-10T21:00")],
)
def test_the_roll_of_a_day(day: str, moment: str) -> None:
    """17:00 New York is 22:00 UTC in winter and 21:00 in summer."""
    assert roll_ns(date.fromisoformat(day)) == parse_ns(moment)


@given(ts_ns=ANY_TIME)
def test_a_trade_day_holds_its_moments(ts_ns: int) -> None:
    """It starts at the last roll, lasts 23 to 25 hours, and its start has the same date."""
    start = trade_day_start_ns(ts_ns)
    assert 0 <= ts_ns - start < 25 * HOUR_NS
    assert trade_date(start) == trade_date(ts_ns)
    assert trade_date(start - 1) == trade_date(ts_ns) - timedelta(days=1)


@settings(max_examples=200, deadline=None)
@given(ts_ns=ANY_TIME)
def test_the_calendar_is_the_rule_of_new_york(ts_ns: int) -> None:
    """Open is: a weekday's trade date that is neither Christmas nor New Year."""
    local: datetime = from_ns(ts_ns).astimezone(NEW_YORK)
    day = local.date() + timedelta(days=1 if local.hour >= 17 else 0)
    holiday = (day.month, day.day) in {(12, 25), (1, 1)}
    assert is_open(ts_ns) == (day.weekday() < 5 and not holiday)
    opened = session_open_ns(ts_ns)
    assert (opened is not None) == is_open(ts_ns)
    if opened is not None:
        assert 0 <= ts_ns - opened < 5 * DAY_NS
        assert is_open(opened)
        assert not is_open(opened - 1)


@settings(max_examples=50, deadline=None)
@given(ts_ns=ANY_TIME, days=st.integers(0, 60))
def test_a_span_has_the_sessions_of_its_moments(ts_ns: int, days: int) -> None:
    """A table for many days says of each moment what a look-up of that moment says."""
    opens, closes = sessions(ts_ns, ts_ns + days * DAY_NS)
    assert (opens < closes).all()
    assert (closes[:-1] < opens[1:]).all()
    for moment in {ts_ns, ts_ns + days * DAY_NS // 2, ts_ns + days * DAY_NS}:
        at = int(np.searchsorted(opens, moment, side="right")) - 1
        found = int(opens[at]) if at >= 0 and moment < closes[at] else None
        assert found == session_open_ns(moment)


def test_no_bar_can_span_a_break() -> None:
    """Sessions open and close on a multiple of every usual timeframe, for forty years."""
    opens, closes = sessions(parse_ns("1995-01-01"), parse_ns("2035-01-01"))
    for length in (frame_of(name).length_ns for name in DEFAULT_TIMEFRAMES):
        assert (opens % length == 0).all()
        assert (closes % length == 0).all()


@pytest.mark.parametrize(
    "ts_ns", [-(2**63), parse_ns("1950-03-07"), parse_ns("2250-03-07"), 2**63 - 1]
)
def test_a_time_that_only_a_broken_clock_gives_is_closed(ts_ns: int) -> None:
    """Any number is answered, to the ends of the range, and beside any other."""
    assert session_open_ns(ts_ns) is None
    now = parse_ns("2024-03-05")
    opens, closes = sessions(min(ts_ns, now), max(ts_ns, now))
    at = int(np.searchsorted(opens, now, side="right")) - 1
    assert opens[at] == session_open_ns(now)
    far = int(np.searchsorted(opens, ts_ns, side="right")) - 1
    assert far < 0 or ts_ns >= closes[far]


@settings(max_examples=50, deadline=None)
@given(ts_ns=ANY_TIME, days=st.integers(0, 60))
def test_the_rolls_of_a_span_are_those_of_its_days(ts_ns: int, days: int) -> None:
    """Each moment finds the start and the end of its trade day, and the Sunday of its week."""
    table = rolls(ts_ns, ts_ns + days * DAY_NS)
    assert (np.diff(table) >= 23 * HOUR_NS).all()
    assert (np.diff(table) <= 25 * HOUR_NS).all()
    for moment in {ts_ns, ts_ns + days * DAY_NS // 2, ts_ns + days * DAY_NS}:
        at = int(np.searchsorted(table, moment, side="right")) - 1
        assert table[at] == trade_day_start_ns(moment)
        assert table[at + 1] > moment
        week = table[at - at % 7 :][:8]
        assert [trade_date(int(roll)).weekday() for roll in week] == [0, 1, 2, 3, 4, 5, 6, 0]
        assert week[0] <= moment < week[7]
