"""Time as data: int64 nanoseconds since the UNIX epoch, UTC. No function here reads a clock."""

from datetime import UTC, datetime, timedelta

MS_NS = 1_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def floor_ns(ts_ns: int, step_ns: int) -> int:
    """Return the largest multiple of ``step_ns`` (> 0) that is not after ``ts_ns``."""
    return ts_ns - ts_ns % step_ns


def to_ns(moment: datetime) -> int:
    """Return the nanoseconds of an aware datetime, exactly.

    Raises
    ------
    ValueError
        If the datetime is naive: a time without a zone is not a time.
    """
    if moment.tzinfo is None:
        msg = f"{moment!r} has no time zone"
        raise ValueError(msg)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000


def from_ns(ts_ns: int) -> datetime:
    """Return the UTC datetime of ``ts_ns``, cut to whole microseconds."""
    return _EPOCH + timedelta(microseconds=ts_ns // 1_000)


def parse_ns(text: str) -> int:
    """Read an ISO 8601 date or date-time (UTC where it names no zone) as nanoseconds.

    Raises
    ------
    ValueError
        If the text is no ISO 8601 date or date-time.
    """
    moment = datetime.fromisoformat(text)
    return to_ns(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def iso(ts_ns: int) -> str:
    """Write ``ts_ns`` as ISO 8601 in UTC, to the millisecond."""
    return from_ns(ts_ns).isoformat(timespec="milliseconds").replace("+00:00", "Z")
