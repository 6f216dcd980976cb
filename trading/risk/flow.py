"""What was let through lately: how fast, what exactly, how large, and what came of it."""

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from statistics import median
from typing import Any

import msgspec

from domain.errors import Corrupt
from domain.nanos import DAY_NS
from domain.orders import Order
from trading.risk.buckets import Bucket
from trading.risk.limits import AccountLimits, RateLimits, RepeatLimits

STATE_VERSION = 1
_FORGET_NS = DAY_NS
"""How long the id of a closed order is known."""


class Passed(msgspec.Struct, forbid_unknown_fields=True):
    """One order that was let through; ``closed_ns`` is None while it is open."""

    strategy: str
    executed: bool = False
    closed_ns: int | None = None


class _State(msgspec.Struct, forbid_unknown_fields=True):
    """Keys are strategy, or strategy, symbol and side with a slash between them."""

    orders: dict[str, Bucket] = {}
    messages: dict[str, Bucket] = {}
    passed: dict[str, Passed] = {}
    recent: dict[str, list[tuple[int, Decimal]]] = {}
    sizes: dict[str, list[Decimal]] = {}
    executions: dict[str, list[int]] = {}


_ALL = ""
"""Key of the buckets that all strategies of the account share."""


class Flow:
    """The memory of the gate; `note` and its like write it, the checks only read."""

    def __init__(self) -> None:
        self._state = _State()
        self._closed: deque[str] = deque()

    def knows(self, client_order_id: str) -> bool:
        """Say whether an order of this id was let through; closed ones are known for a day."""
        return client_order_id in self._state.passed

    def may_order(self, strategy: str, now_ns: int, limits: AccountLimits) -> bool:
        """Say whether the strategy and the account have a token left for an order."""
        return _room(self._state.orders, strategy, now_ns, limits, orders=True)

    def may_message(self, strategy: str, now_ns: int, limits: AccountLimits) -> bool:
        """Say whether the strategy and the account have a token left for a message."""
        return _room(self._state.messages, strategy, now_ns, limits, orders=False)

    def is_repeat(self, order: Order, now_ns: int, window_ns: int) -> bool:
        """Say whether the same strategy has asked for the same within a time."""
        sent = self._state.recent.get(_like(order), ())
        return any(
            now_ns - ts_ns < window_ns and units == order.quantity_units for ts_ns, units in sent
        )

    def usual_units(self, order: Order, last: int, least: int) -> Decimal | None:
        """Return the median of the strategy's last sizes; None where there are too few."""
        sizes = self._state.sizes.get(_line(order), [])[-last:]
        return median(sizes) if len(sizes) >= least else None

    def note(self, order: Order, now_ns: int, limits: AccountLimits, *, exits: bool) -> None:
        """Note an order that was let through; the size of an exit says nothing of the usual one."""
        state = self._state
        self.message(order.strategy, now_ns, limits)
        for key, rates in _scopes(order.strategy, limits):
            bucket = state.orders.setdefault(key, Bucket())
            bucket.take(now_ns, rates.orders_per_min, rates.order_burst)
        state.passed[order.client_order_id] = Passed(order.strategy)
        window_ns = limits.repeat.duplicate_window_ns
        recent = state.recent.setdefault(_like(order), [])
        recent[:] = [sent for sent in recent if now_ns - sent[0] < window_ns]
        recent.append((now_ns, order.quantity_units))
        if not exits:
            sizes = state.sizes.setdefault(_line(order), [])
            sizes.append(order.quantity_units)
            del sizes[: -limits.order.median_orders]

    def message(self, strategy: str, now_ns: int, limits: AccountLimits) -> None:
        """Note a message to the venue: an order, a replace or a cancel."""
        for key, rates in _scopes(strategy, limits):
            bucket = self._state.messages.setdefault(key, Bucket())
            bucket.take(now_ns, rates.messages_per_min, rates.message_burst)

    def executed(
        self, client_order_id: str, strategy: str, now_ns: int, limits: RepeatLimits
    ) -> bool:
        """Note a fill; say whether the strategy has executed too many orders within the window.

        An order counts with its first fill. One that was never let through here counts each time.
        """
        state = self._state
        order = state.passed.get(client_order_id)
        if order is not None:
            if order.executed:
                return False
            order.executed = True
        times = state.executions.setdefault(strategy, [])
        times[:] = [ts_ns for ts_ns in times if now_ns - ts_ns < limits.execution_window_ns]
        times.append(now_ns)
        return len(times) >= limits.max_executions

    def forgive(self, strategy: str) -> None:
        """Count the strategy's executions anew: a person has let it go on."""
        self._state.executions.pop(strategy, None)

    def closed(self, client_order_id: str, now_ns: int) -> None:
        """Note the end of an order, and forget those that ended long ago."""
        state = self._state
        order = state.passed.get(client_order_id)
        if order is not None and order.closed_ns is None:
            order.closed_ns = now_ns
            self._closed.append(client_order_id)
        while self._closed:
            oldest = state.passed[self._closed[0]].closed_ns
            if oldest is None or now_ns - oldest < _FORGET_NS:
                return
            del state.passed[self._closed.popleft()]

    def snapshot(self) -> dict[str, Any]:
        """Return what must be kept over a restart, as a plain mapping."""
        kept: dict[str, Any] = msgspec.to_builtins(self._state)
        return {"v": STATE_VERSION, **kept}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what was kept.

        Raises
        ------
        Corrupt
            If it was kept by a version that is not known here, or is none of ours.
        """
        kept = dict(state)
        if (version := kept.pop("v", None)) != STATE_VERSION:
            msg = f"the flow of orders was kept in version {version}; this reads {STATE_VERSION}"
            raise Corrupt(msg)
        try:
            self._state = msgspec.convert(kept, _State)
        except msgspec.ValidationError as error:
            msg = f"the flow of orders that was kept cannot be read: {error}"
            raise Corrupt(msg) from error
        ended = [
            (order.closed_ns, name)
            for name, order in self._state.passed.items()
            if order.closed_ns is not None
        ]
        self._closed = deque(name for _, name in sorted(ended))


def _line(order: Order) -> str:
    return f"{order.strategy}/{order.symbol}"


def _like(order: Order) -> str:
    return f"{order.strategy}/{order.symbol}/{order.side}"


def _scopes(strategy: str, limits: AccountLimits) -> tuple[tuple[str, RateLimits], ...]:
    return ((f"/{strategy}", limits.rates), (_ALL, limits.account_rates))


def _room(
    buckets: Mapping[str, Bucket],
    strategy: str,
    now_ns: int,
    limits: AccountLimits,
    *,
    orders: bool,
) -> bool:
    for key, rates in _scopes(strategy, limits):
        bucket = buckets.get(key)
        if bucket is None:
            continue
        per_min, burst = (
            (rates.orders_per_min, rates.order_burst)
            if orders
            else (rates.messages_per_min, rates.message_burst)
        )
        if not bucket.has_room(now_ns, per_min, burst):
            return False
    return True
