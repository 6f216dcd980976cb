"""How v20 writes names, decimals and times, and how they are read without losing a digit."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from brokers.wire_values import count_of, is_name, is_time, number_of
from domain.errors import Drop
from domain.nanos import SECOND_NS, from_ns, to_ns

Json = Mapping[str, Any]
"""One JSON object as it came."""

_FRACTION_DIGITS = 9

UNREADABLE = (Drop, LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What a document may bring about that is not as v20 documents it: a part that is missing, of
another type, no number, or zero where none can be."""


def wire_name(symbol: str) -> str:
    """Write the canonical ``EURUSD`` as ``EUR_USD``."""
    return f"{symbol[:3]}_{symbol[3:]}"


def canonical_name(name: str) -> str:
    """Write ``EUR_USD`` as the canonical ``EURUSD``.

    Raises
    ------
    Drop
        If it is no name of an instrument.
    """
    canonical = name.replace("_", "")
    if not is_name(name) or (canonical and not canonical.isalnum()):
        msg = f"an instrument has no name: {name[:40]!r}"
        raise Drop(msg)
    return canonical


def name_of(document: Json, name: str) -> str:
    """Read an id or a code; empty where the field is missing.

    Raises
    ------
    Drop
        If it is there and no text, or not in printable ASCII.
    """
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or not is_name(value):
        msg = f"{name} of a {document.get('type', 'record')} is no name"
        raise Drop(msg)
    return value


def wire_decimal(value: Decimal) -> str:
    """Write a decimal without an exponent, as v20 asks for."""
    return format(value, "f")


def decimal_of(document: Json, name: str) -> Decimal:
    """Read a field that must be a number.

    Raises
    ------
    Drop
        If it is missing, or no finite number.
    """
    value = optional_decimal(document, name)
    if value is None:
        msg = f"a {document.get('type', 'record')} without {name}"
        raise Drop(msg)
    return value


def optional_decimal(document: Json, name: str) -> Decimal | None:
    """Read a number, or None where the field is missing.

    Raises
    ------
    Drop
        If it is there and no number, not finite, or larger or finer than any venue's.
    """
    raw = document.get(name)
    if raw is None:
        return None
    value = number_of(str(raw))
    if value is None:
        msg = f"{name} of a {document.get('type', 'record')} is no number"
        raise Drop(msg)
    return value


def wire_time(ts_ns: int) -> str:
    """Write nanoseconds UTC as RFC 3339 with nine digits."""
    whole = from_ns(ts_ns - ts_ns % SECOND_NS).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{ts_ns % SECOND_NS:09d}Z"


def time_ns(document: Json, name: str = "time") -> int:
    """Read an RFC 3339 time as nanoseconds UTC, to the last of its nine digits.

    Raises
    ------
    Drop
        If it is missing or no time.
    """
    text = str(document.get(name, ""))
    whole, _, fraction = text.removesuffix("Z").partition(".")
    try:
        moment = datetime.fromisoformat(whole)
        digits = int(fraction[:_FRACTION_DIGITS].ljust(_FRACTION_DIGITS, "0") or 0)
    except ValueError as error:
        msg = f"{name} of a {document.get('type', 'record')} is no time"
        raise Drop(msg) from error
    ts_ns = to_ns(moment.replace(tzinfo=UTC)) + digits
    if not is_time(ts_ns):
        msg = f"{name} of a {document.get('type', 'record')} is before 1970 or after 2262"
        raise Drop(msg)
    return ts_ns


def integer_of(document: Json, name: str) -> int:
    """Read an id, which v20 writes as a string of digits.

    Raises
    ------
    Drop
        If it is missing or no whole number.
    """
    number = count_of(str(document.get(name, "")))
    if number is None:
        msg = f"{name} of a {document.get('type', 'record')} is no id"
        raise Drop(msg)
    return number
