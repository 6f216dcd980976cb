"""How v20 writes things: decimals as strings, times as RFC 3339 with nine digits."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Json = dict[str, Any]

_SECOND_NS = 1_000_000_000


def rfc3339(ts_ns: int) -> str:
    """Write nanoseconds since the epoch as ``2014-05-01T00:00:00.123456789Z``."""
    seconds, rest = divmod(ts_ns, _SECOND_NS)
    whole = datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{rest:09d}Z"


def nanoseconds(text: str) -> int:
    """Read an RFC 3339 time; the digits behind the second are kept whole.

    Raises
    ------
    ValueError
        If the text is no such time.
    """
    moment = text.removesuffix("Z")
    whole, _, fraction = moment.partition(".")
    parsed = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    return int(parsed.timestamp()) * _SECOND_NS + int(fraction.ljust(9, "0")[:9] or 0)


def text(value: Decimal) -> str:
    """Write a decimal without an exponent."""
    return format(value, "f")


def money(value: Decimal) -> str:
    """Write an amount of the account currency, with v20's four decimals."""
    return format(value.quantize(Decimal("0.0001")), "f")


def present(**fields: Any) -> Json:
    """Return the fields that have a value: v20 leaves the others out."""
    return {name: value for name, value in fields.items() if value is not None}
