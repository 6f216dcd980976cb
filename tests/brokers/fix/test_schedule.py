"""Sessions from 17:00 to 17:00 New York, through both changes of the clocks."""

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
