"""Quotes, orders and fills for the tests of execution quality."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from domain.nanos import SECOND_NS, to_ns
from domain.orders import Execution, Order, OrderSide, OrderStatus
from domain.ticks import Kind, TickArray, new_records

D = Decimal
NOON = to_ns(datetime(2014, 5, 7, 12, tzinfo=UTC))
"""Noon UTC of a Wednesday: London and New York both work."""


def quotes(
    rows: Sequence[tuple[float, str, str]],
    sizes: list[float] | None = None,
    start_ns: int = NOON,
) -> TickArray:
    """Return ticks from (seconds after the start, bid, ask)."""
    records = new_records(len(rows))
    for row, (seconds, bid, ask) in enumerate(rows):
        records["ts_event_ns"][row] = start_ns + round(seconds * SECOND_NS)
        records["bid"][row], records["ask"][row] = float(bid), float(ask)
    records["ts_recv_ns"] = records["ts_event_ns"]
    records["bid_size"] = records["ask_size"] = np.nan if sizes is None else np.array(sizes)
    return records


def beat(seconds: float, start_ns: int = NOON) -> TickArray:
    """Return one heartbeat."""
    records = new_records(1)
    records["kind"] = Kind.HEARTBEAT
    records["ts_recv_ns"] = start_ns + round(seconds * SECOND_NS)
    return records


def order(
    status: OrderStatus,
    seconds: float,
    client_order_id: str = "o1",
    symbol: str = "EURUSD",
    side: OrderSide = "buy",
    units: str = "100000",
    start_ns: int = NOON,
    **fields: Any,
) -> Order:
    """Return an order as it stands some seconds after the start."""
    at = start_ns + round(seconds * SECOND_NS)
    return Order(
        client_order_id,
        "A-1",
        "trend",
        "s1",
        symbol,
        side,
        D(units),
        status,
        at,
        at,
        venue=fields.pop("venue", "paper"),
        **fields,
    )


def execution(
    seconds: float,
    price: str,
    units: str = "100000",
    execution_id: str = "x1",
    client_order_id: str = "o1",
    symbol: str = "EURUSD",
    side: OrderSide = "buy",
    start_ns: int = NOON,
    **fields: Any,
) -> Execution:
    """Return a fill some seconds after the start."""
    at = start_ns + round(seconds * SECOND_NS)
    return Execution(
        execution_id,
        client_order_id,
        "A-1",
        symbol,
        side,
        D(units),
        D(price),
        at,
        at,
        D(0),
        D(0),
        D(1),
        venue="paper",
        **fields,
    )
