"""Valid messages, spoiled in every way that a line, a proxy or a broker's own defect may spoil one.

What an adapter makes of them is held against `unsound`: an event is either fit to be journaled and
counted, or there must be none.
"""

import math
import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, get_args

import msgspec
import numpy as np

from domain.order_events import EventKind, OrderEvent
from domain.orders import OrderStatus, OrderTerms
from trading.orders.book import OrderBook
from trading.venues import AccountCharge, LinkEvent

SLOW = os.environ.get("AIFX_SLOW") == "1"
SHARE = 1_000_000 // 20 if SLOW else 1_000
"""A twentieth of all inputs: 20,000 in every run, 1,000,000 in the long one."""

HOSTILE = (
    *("", " ", "NaN", "-NaN", "sNaN", "inf", "-Infinity", "1e308", "-1e308", "1E+999999999"),
    *("1E-999999999", "1.7976931348623157E308", "4.9E-324", "-1", "0", "-0", "1_000", "1,5"),
    *("1.1.1", "９９", "²", "0x10", "None", "null", "true", "\x00", "a\x00b", "\n", "\x1b[2J"),
    *("é", "\u202e", "\u20ac"),
    *("\ud800", "9" * 40, "9" * 5_000, "-" + "9" * 400, "0." + "1" * 400, str(2**63), str(2**64)),
    *("99991231-23:59:59", "00010101-00:00:00", "20260105-25:61:61", "9999-12-31T23:59:59Z"),
    *("1969-12-31T23:59:59Z", "20261332 10:00:00 UTC", "x" * 10_000, "'; DROP TABLE orders; --"),
)  # fmt: skip
"""What may stand where a number, a time, an id or a name should."""

_JSON: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, -1e308, 1e308, 10**30, 2**63, [], {}, [[]], [{}], {"a": 1}),
    *([None], {"price": "NaN"}, [{"price": "-1"}], [{"price": []}]),
)

_LARGEST = Decimal(10) ** 18
_INT64 = 2**63
_STATUSES = frozenset(get_args(OrderStatus))


class Spoiler:
    """Spoils messages; the same seed spoils them in the same way.

    Parameters
    ----------
    seed
        Any whole number (>= 0).
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def pick(self, among: Any) -> Any:
        """Return one of some things."""
        return among[int(self._rng.integers(len(among)))]

    def fields(self, fields: list[tuple[Any, str]]) -> list[tuple[Any, str]]:
        """Return fields of which some are hostile, missing, doubled, exchanged or renamed."""
        found = list(fields)
        for _ in range(int(self._rng.integers(1, 4))):
            if not found:
                break
            at, other = (int(self._rng.integers(len(found))) for _ in range(2))
            how = int(self._rng.integers(6))
            name, value = found[at]
            if how <= 1:
                found[at] = (name, self.pick(HOSTILE))
            elif how == 2:
                del found[at]
            elif how == 3:
                found.insert(other, (name, self.pick((value, self.pick(HOSTILE)))))
            elif how == 4:
                found[at], found[other] = (name, found[other][1]), (found[other][0], value)
            else:
                found[at] = (found[other][0], value)
        return found

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return a JSON object of which some members are hostile, missing or exchanged."""
        found = dict(document)
        for _ in range(int(self._rng.integers(1, 4))):
            name = self.pick(sorted(found)) if found else "id"
            how = int(self._rng.integers(6))
            if how == 0:
                found.pop(name, None)
            elif how == 1:
                found[name] = self.pick(_JSON)
            elif how == 2 and found:
                found[name] = found[self.pick(sorted(found))]
            elif how == 3 and isinstance(found.get(name), dict):
                found[name] = self.document(found[name])
            elif how == 3 and isinstance(found.get(name), list):
                found[name] = [self.document(i) if isinstance(i, dict) else i for i in found[name]]
            else:
                found[name] = self.pick(HOSTILE)
        return found

    def raw(self, raw: bytes) -> bytes:
        """Return bytes of which some are flipped, lost, doubled or foreign; most often none are."""
        for _ in range(int(self._rng.integers(4)) if self._rng.random() < 0.25 else 0):
            at, end = sorted(int(self._rng.integers(len(raw) + 1)) for _ in range(2))
            how = int(self._rng.integers(4))
            if how == 0:
                raw = raw[:at] + bytes([int(self._rng.integers(256))]) + raw[at + 1 :]
            elif how == 1:
                raw = raw[:at] + raw[min(end, at + 8) :]
            elif how == 2:
                raw = raw[:end] + raw[at:end] + raw[end:]
            else:
                raw = raw[:at]
        return raw


def written(document: dict[str, Any]) -> bytes:
    """Return a JSON object as bytes; what no UTF-8 can hold is written as broken UTF-8."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        if isinstance(value, int) and abs(value) >= 2**64:
            return msgspec.Raw(str(value).encode())
        return "\ufffe" if value == "\ud800" else value

    return msgspec.json.encode(plain(document)).replace("\ufffe".encode(), b"\xff\xfe")


def unsound(event: object) -> str:
    """Return why an event must not get past an adapter; empty if it may."""
    if isinstance(event, LinkEvent):
        return ""
    if not isinstance(event, OrderEvent | AccountCharge):
        return f"{type(event).__name__} is no event"
    for name, value in _values(event):
        if isinstance(value, Decimal) and not _is_plain(value):
            return f"{name} is {str(value)[:40]}"
        if isinstance(value, int) and not -_INT64 <= value < _INT64:
            return f"{name} does not fit into 64 bits"
        if isinstance(value, str) and not (value.isprintable() and len(value) <= 256):
            return f"{name} is no name: {value[:40]!r}"
        if name.endswith("_ns") and isinstance(value, int) and value < 0:
            return f"{name} is {value}"
    if isinstance(event, AccountCharge):
        return ""
    return _unsound_order_event(event)


def _unsound_order_event(event: OrderEvent) -> str:
    if event.kind in (EventKind.FILL, EventKind.CORRECT):
        for name, value in (("quantity", event.quantity_units), ("price", event.price)):
            if value is None or value <= 0:
                return f"{event.kind} with {name} {value}"
    for name in ("cum_units", "leaves_units", "average_price"):
        value = getattr(event, name)
        if value is not None and value < 0:
            return f"{name} is {value}"
    if event.status is not None and event.status not in _STATUSES:
        return f"status {event.status!r}"
    if event.terms is not None:
        for name in ("quantity_units", "limit_price", "trigger_price", "trailing_distance"):
            value = getattr(event.terms, name)
            if value is not None and value <= 0:
                return f"terms with {name} {value}"
    return ""


def survives(event: OrderEvent, book: OrderBook) -> None:
    """Apply an event to a book and let its time run out: nothing may break."""
    book.apply(book.stamped(event))
    book.tick(book.clock_ns + 10**10)


def _values(record: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, OrderTerms):
            yield from _values(value)
        else:
            yield name, value


def _is_plain(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return math.isfinite(value) and abs(value) <= _LARGEST and int(exponent) >= -40
