"""Time as data: exact to and fro, zones never guessed."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.nanos import SECOND_NS, floor_ns, from_ns, iso, parse_ns, to_ns

MOMENTS = st.datetimes(
    # Naive by the library's rule: it adds the zone.
    datetime(1700, 1, 1),  # noqa: DTZ001
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(moment=MOMENTS)
def test_a_moment_comes_back_exactly(moment: datetime) -> None:
    """Microseconds go through nanoseconds without a rounding."""
    assert from_ns(to_ns(moment)) == moment


@given(ts_ns=st.integers(-(10**18), 9 * 10**18), step=st.integers(1, 10**13))
def test_floor_is_the_last_multiple(ts_ns: int, step: int) -> None:
    """The result is a multiple, not after, and nearer than one step: before 1970 as well."""
    found = floor_ns(ts_ns, step)
    assert found % step == 0
    assert 0 <= ts_ns - found < step


def test_a_naive_moment_is_refused() -> None:
    """A time without a zone is not a time."""
    with pytest.raises(ValueError, match="no time zone"):
        to_ns(datetime(2024, 3, 5))  # noqa: DTZ001 - the mistake that is tested


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01", 0),
        ("2024-03-05", 1709596800 * SECOND_NS),
        ("2024-03-05T08:00", 1709625600 * SECOND_NS),
        ("2024-03-05T08:00:00Z", 1709625600 * SECOND_NS),
        ("2024-03-05T09:00+01:00", 1709625600 * SECOND_NS),
        ("2024-03-05T08:00:00.000001", 1709625600 * SECOND_NS + 1_000),
    ],
)
def test_what_a_person_writes(text: str, ns: int) -> None:
    """ISO 8601 dates and times; UTC where no zone is named."""
    assert parse_ns(text) == ns


@pytest.mark.parametrize("text", ["", "yesterday", "2024-13-01", "05.03.2024"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """Anything else is an error, not a guess."""
    with pytest.raises(ValueError, match=r".+"):
        parse_ns(text)


def test_a_time_is_written_in_utc_to_the_millisecond() -> None:
    """One spelling on every page and in every log."""
    assert iso(1709625600 * SECOND_NS) == "2024-03-05T08:00:00.000Z"
    assert iso(1709625600 * SECOND_NS + 1_999_999) == "2024-03-05T08:00:00.001Z"
    paris = datetime(2024, 3, 5, 9, tzinfo=timezone(timedelta(hours=1)))
    assert iso(to_ns(paris)) == "2024-03-05T08:00:00.000Z"
