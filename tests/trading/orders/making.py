"""Orders and events with few words, for the tests of orders."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from domain.order_events import EventKind, OrderEvent
from domain.orders import Order, OrderTerms
from trading.orders.machine import Applied, apply
from trading.orders.state import OrderState, opened

ACCOUNT = "001-1"
NAME = "ax" + "0" * 32
SECOND_NS = 1_000_000_000


def order(name: str = NAME, **changes: Any) -> Order:
    """Return a limit order to buy 100 EURUSD, not sent."""
    fields: dict[str, Any] = {
        "client_order_id": name,
        "account": ACCOUNT,
        "strategy": "trend",
        "signal_id": "s1",
        "symbol": "EURUSD",
        "side": "buy",
        "quantity_units": Decimal(100),
        "status": "initialized",
        "ts_event_ns": 1,
        "ts_recv_ns": 1,
        "order_type": "limit",
        "time_in_force": "GTC",
        "limit_price": Decimal("1.10"),
        "venue": "paper",
        "user": "ann",
        "model_id": "m1",
    }
    return Order(**(fields | changes))


def terms(quantity: int, price: str = "1.10") -> OrderTerms:
    """Return the terms of `order` with another quantity or price."""
    return OrderTerms(Decimal(quantity), "limit", "GTC", Decimal(price))


def event(kind: str, at: int, name: str = NAME, **fields: Any) -> OrderEvent:
    """Return an event at second ``at`` of the venue's clock, received at once."""
    for key in ("quantity_units", "price", "cum_units", "leaves_units", "average_price"):
        if fields.get(key) is not None:
            fields[key] = Decimal(str(fields[key]))
    fields.setdefault("ts_recv_ns", at * SECOND_NS)
    fields.setdefault("venue", "paper")
    return OrderEvent(EventKind(kind), name, at * SECOND_NS, **fields)


def fill(execution: str, quantity: int, at: int, price: str = "1.10", **fields: Any) -> OrderEvent:
    """Return a fill at second ``at``."""
    return event("fill", at, execution_id=execution, quantity_units=quantity, price=price, **fields)


def played(*events: OrderEvent, start: Order | None = None) -> OrderState:
    """Return the state of an order after events, each of which must change it."""
    state = opened(start or order())
    for one in events:
        applied = apply(state, one)
        assert applied.state is not state, (one.kind, applied)
        state = applied.state
    return state


def last(events: Iterable[OrderEvent], start: Order | None = None) -> Applied:
    """Return what the last of some events does."""
    *before, one = events
    return apply(played(*before, start=start), one)
