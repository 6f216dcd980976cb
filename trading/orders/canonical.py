"""One byte form of what a book holds, for comparing two of them.

It depends on what happened and not on how it came in: no receive time, no clock of ours, nothing
that only says which report was the last. Numbers are written without trailing zeros.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec

from domain.orders import Order
from trading.orders.state import OrderState

_FORM = "aifx order book 1"
_PASSING = frozenset({"ts_event_ns", "ts_recv_ns"})
_FIELDS = tuple(name for name in Order.__struct_fields__ if name not in _PASSING)


def canonical(state: OrderState) -> list[Any]:
    """Return what an order comes down to, as plain values."""
    fills = sorted(
        [key, _text(f.counted_units), _text(f.price if f.counted_units else Decimal(0)), f.busted]
        for key, f in state.executions.items()
    )
    requests = [
        [r.number, r.asked, r.in_doubt, None if r.terms is None else _plain(r.terms)]
        for r in state.requests
    ]
    return [
        [_value(getattr(state.order, name)) for name in _FIELDS],
        state.prev,
        fills,
        requests,
        None if state.queued is None else _plain(state.queued),
        [state.known_request, state.last_request, state.triggered, state.missing, state.guessed],
    ]


def state_hash(states: Iterable[OrderState], positions: Mapping[str, tuple[Decimal, ...]]) -> str:
    """Return the digest of orders, in the order of their ids, and of positions that are not 0."""
    orders = sorted((canonical(state) for state in states), key=lambda plain: str(plain[0][0]))
    held = sorted(
        [symbol, *(_text(value) for value in values)]
        for symbol, values in positions.items()
        if any(values)
    )
    return blake2b(msgspec.json.encode([_FORM, orders, held]), digest_size=16).hexdigest()


def _value(value: Any) -> Any:
    return _text(value) if isinstance(value, Decimal) else value


def _plain(record: msgspec.Struct) -> list[Any]:
    return [_value(getattr(record, name)) for name in record.__struct_fields__]


def _text(value: Decimal) -> str:
    return format(value.normalize(), "f") if value else "0"
