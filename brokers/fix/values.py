"""Numbers and times as FIX writes them, and back, exactly."""

from datetime import datetime
from decimal import Decimal

from brokers.wire_values import is_time, number_of
from domain.errors import Drop
from domain.nanos import SECOND_NS, from_ns, to_ns

_TIME_DIGITS = 17
"""``YYYYMMDD-HH:MM:SS``; what follows is a fraction of up to nine digits."""
_NS_DIGITS = 9


def decimal_of(value: str, tag: int) -> Decimal:
    """Read a number of FIX: digits with a point, no exponent.

    Raises
    ------
    Drop
        If it is none, not finite, or larger or finer than any venue's.
    """
    number = number_of(value)
    if number is None:
        msg = f"FIX field {tag} is no number: {value[:40]!r}"
        raise Drop(msg)
    return number


def decimal_text(value: Decimal) -> str:
    """Write a number as FIX wants it: never with an exponent."""
    return format(value, "f")


def time_ns_of(value: str, tag: int) -> int:
    """Read a UTCTimestamp with up to nine digits of a second's fraction, as nanoseconds.

    Raises
    ------
    Drop
        If it is none.
    """
    whole, _, fraction = value.partition(".")
    digits = whole.replace("-", "", 1).replace(":", "")
    readable = len(whole) == _TIME_DIGITS and digits.isascii() and digits.isdigit()
    fine = not fraction or (fraction.isascii() and fraction.isdigit())
    if not readable or not fine or len(fraction) > _NS_DIGITS:
        msg = f"FIX field {tag} is no UTC time: {value[:40]!r}"
        raise Drop(msg)
    try:
        # A leap second (60) has no datetime of its own: it counts as one more than 59.
        leap = digits.endswith("60")
        stamp = (digits[:-2] + "59" if leap else digits) + "+0000"
        moment = datetime.strptime(stamp, "%Y%m%d%H%M%S%z")
    except ValueError as error:
        msg = f"FIX field {tag} is no UTC time: {value[:40]!r}"
        raise Drop(msg) from error
    seconds_ns = to_ns(moment) + leap * SECOND_NS
    ts_ns = seconds_ns + int(fraction.ljust(_NS_DIGITS, "0") or 0)
    if not is_time(ts_ns):
        msg = f"FIX field {tag} is before 1970 or after 2262: {value[:40]!r}"
        raise Drop(msg)
    return ts_ns


def time_text(ts_ns: int) -> str:
    """Write nanoseconds as a UTCTimestamp to the millisecond, which every counterparty reads."""
    moment = from_ns(ts_ns)
    return f"{moment:%Y%m%d-%H:%M:%S}.{moment.microsecond // 1_000:03d}"
