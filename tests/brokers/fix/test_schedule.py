"""Sessions from 17:00 to 17:00 New York, through both changes of the clocks."""

from datetime import time

import pytest

from brokers.fix.schedule import SessionKind, session_start_ns
from domain.nanos import iso, parse_ns


@pytest.mark.parametrize(
    ("kind", "now", "start"),
    [
        ("continuous", "2026-01-03T12:00:00", "1970-01-01T00:00:00.000Z"),
        ("daily", "2026-01-05T21:59:59", "2026-01-04T22:00:00.000Z"),
        ("daily", "2026-01-05T22:00:00", "2026-01-05T22:00:00.000Z"),
        ("daily", "2026-03-09T20:59:59", "2026-03-08T21:00:00.000Z"),
        ("daily", "2026-03-09T21:00:00", "2026-03-09T21:00:00.000Z"),
        ("weekly", "2026-03-06T12:00:00", "2026-03-01T22:00:00.000Z"),
        ("weekly", "2026-03-08T21:00:00", "2026-03-08T21:00:00.000Z"),
        ("weekly", "2026-03-13T20:59:59", "2026-03-08T21:00:00.000Z"),
        ("weekly", "2025-12-26T12:00:00", "2025-12-21T22:00:00.000Z"),
    ],
)
def test_session_begins_at_the_roll(kind: SessionKind, now: str, start: str) -> None:
    """One start for all moments of a session, in winter and in summer."""
    found = session_start_ns(kind, parse_ns(now))

    assert found is not None
    assert iso(found) == start


@pytest.mark.parametrize("kind", ["daily", "weekly"])
@pytest.mark.parametrize(
    "now", ["2026-01-02T22:00:00", "2026-01-03T12:00:00", "2025-12-25T12:00:00"]
)
def test_no_session_while_the_market_is_closed(kind: SessionKind, now: str) -> None:
    """From Friday 17:00 on, at the weekend, at Christmas."""
    assert session_start_ns(kind, parse_ns(now)) is None


@pytest.mark.parametrize(
    ("kind", "now", "start"),
    [
        ("daily", "2026-01-05T21:54:59", "2026-01-04T22:05:00.000Z"),
        ("daily", "2026-01-05T21:55:00", None),
        ("daily", "2026-01-05T22:04:59", None),
        ("daily", "2026-01-05T22:05:00", "2026-01-05T22:05:00.000Z"),
        ("daily", "2026-01-04T22:04:59", None),
        ("daily", "2026-03-09T21:04:59", None),
        ("daily", "2026-03-09T21:05:00", "2026-03-09T21:05:00.000Z"),
        ("weekly", "2026-01-04T22:04:59", None),
        ("weekly", "2026-01-04T22:05:00", "2026-01-04T22:05:00.000Z"),
        ("weekly", "2026-01-06T22:00:00", "2026-01-04T22:05:00.000Z"),
        ("weekly", "2026-01-09T21:54:59", "2026-01-04T22:05:00.000Z"),
        ("weekly", "2026-01-09T21:55:00", None),
    ],
)
def test_session_keeps_the_hours_that_were_agreed(
    kind: SessionKind, now: str, start: str | None
) -> None:
    """From 17:05 to 16:55 New York: a break every day, or one from Friday to Sunday."""
    found = session_start_ns(kind, parse_ns(now), time(17, 5), time(16, 55))

    assert (None if found is None else iso(found)) == start


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-01-05T12:59:59", None),
        ("2026-01-05T13:00:00", "2026-01-05T13:00:00.000Z"),
        ("2026-01-05T20:59:59", "2026-01-05T13:00:00.000Z"),
        ("2026-01-05T21:00:00", None),
    ],
)
def test_session_within_one_day_ends_on_it(now: str, start: str | None) -> None:
    """From 08:00 to 16:00 New York."""
    found = session_start_ns("daily", parse_ns(now), time(8), time(16))

    assert (None if found is None else iso(found)) == start
