"""Numbers and times of the wire: TWS sends text, the library makes floats of it."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ib_async.util import UNSET_DOUBLE

from brokers.wire_values import is_time, number_of
from domain.errors import Drop
from domain.nanos import from_ns, to_ns

_WIRE_UTC = "%Y%m%d-%H:%M:%S"
_WIRE_ZONED = "%Y%m%d %H:%M:%S"


def exact(value: float | Decimal | str) -> Decimal:
    """Return the decimal that was on the wire.

    A float read from at most 15 digits writes itself as those digits, and no price or size here has
    more; whole numbers lose their ``.0``.

    Raises
    ------
    Drop
        If it is no number, not finite, or larger or finer than any price, size or amount.
    """
    number = number_of(str(value))
    if number is None:
        msg = f"TWS sent {str(value)[:40]!r} where a number belongs"
        raise Drop(msg)
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number


def optional(value: float | Decimal | None) -> Decimal | None:
    """Return a price as decimal; None where TWS sent none (its mark is the largest double).

    Raises
    ------
    Drop
        As `exact`.
    """
    if value is None or float(value) in {UNSET_DOUBLE, 0.0}:
        return None
    return exact(value)


def checked(value: float) -> float:
    """Return a price or a size as it came.

    Raises
    ------
    Drop
        As `exact`.
    """
    exact(value)
    return value


def plain(value: Decimal) -> Decimal:
    """Return the same number so that it writes itself without an exponent."""
    return Decimal(format(value, "f"))


def wire_time(ts_ns: int) -> str:
    """Write a time as TWS reads it, in UTC, cut to the second."""
    return from_ns(ts_ns).strftime(_WIRE_UTC)


def read_time(text: str) -> int | None:
    """Read ``20260114-10:00:00`` (UTC) or ``20260114 10:00:00 US/Eastern`` as nanoseconds.

    None for anything else: TWS also writes times without a zone, and those are no times.
    """
    try:
        if "-" in text[:9]:
            found = datetime.strptime(text, _WIRE_UTC).replace(tzinfo=UTC)
        else:
            moment, _, zone = text.rpartition(" ")
            found = datetime.strptime(moment, _WIRE_ZONED).replace(tzinfo=ZoneInfo(zone))
        ts_ns = to_ns(found)
        return ts_ns if is_time(ts_ns) else None
    except (ValueError, ZoneInfoNotFoundError):
        return None
