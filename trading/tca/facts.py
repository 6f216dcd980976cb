"""What the records of an order say of its life, as far as execution quality needs it."""

from decimal import Decimal

import msgspec

from domain.adjustments import ADJUSTED
from domain.orders import CLOSED_STATUSES, Execution, Order, OrderSide, OrderStatus, OrderType
from trading.tca.config import TcaConfig

_DECIDED: frozenset[OrderStatus] = frozenset({"initialized", "denied", "pending_new"})
_ACKNOWLEDGED: frozenset[OrderStatus] = frozenset({"accepted", "triggered", "suspended"})


class OrderFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One order, folded from its records.

    Attributes
    ----------
    parent_id
        The order that it is a slice of, if that has the same side, or that it protects.
    decided_ns
        Earliest record of ours; None for an order that was never ours.
    sent_ns, acked_ns
        When it went out, which is not before the market data behind it had come, and when the venue
        first answered other than with its end.
    ended_ns, ended_recv_ns
        When it closed; None while it is open.
    """

    client_order_id: str
    account: str
    symbol: str
    side: OrderSide
    venue: str
    strategy: str
    algorithm: str
    order_type: OrderType
    quantity_units: Decimal
    trigger_price: Decimal | None
    status: OrderStatus
    reason: str
    filled_units: Decimal
    average_price: Decimal | None
    parent_id: str = ""
    decided_ns: int | None = None
    sent_ns: int | None = None
    acked_ns: int | None = None
    ended_ns: int | None = None
    ended_recv_ns: int = 0

    @property
    def sign(self) -> int:
        """Return 1 for a buy, -1 for a sell."""
        return 1 if self.side == "buy" else -1

    @property
    def signal_to_send_ns(self) -> int | None:
        """Return the time from decision to send; None where one of them is not known."""
        return span_ns(self.decided_ns, self.sent_ns)

    @property
    def send_to_ack_ns(self) -> int | None:
        """Return the time from send to acknowledgement; None where one of them is not known."""
        return span_ns(self.sent_ns, self.acked_ns)

    @property
    def unfilled_units(self) -> Decimal:
        """Wanted and not filled: base units (>= 0)."""
        return max(Decimal(0), self.quantity_units - self.filled_units)


def fold(facts: OrderFacts | None, order: Order, algorithm: str = "") -> OrderFacts:
    """Return the facts after a record; a repeated record changes nothing.

    Parameters
    ----------
    algorithm
        Name of what worked the order; empty: what was said before, or else its type.
    """
    before = facts
    at = order.ts_event_ns
    closed = order.status in CLOSED_STATUSES
    decided = at if order.status in _DECIDED else None
    # The decision is of a boundary; it could be acted on when a record had passed that.
    sent = max(at, order.ts_recv_ns) if order.status == "pending_new" else None
    acked = at if order.status in _ACKNOWLEDGED else None
    if before is not None and not algorithm:
        algorithm = before.algorithm
    ended = before.ended_ns if before is not None else None
    ended_recv = before.ended_recv_ns if before is not None else 0
    if closed and ended is None:
        ended, ended_recv = at, order.ts_recv_ns
    return OrderFacts(
        client_order_id=order.client_order_id,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        venue=order.venue or (before.venue if before else ""),
        strategy=order.strategy,
        algorithm=algorithm or order.order_type,
        order_type=order.order_type,
        quantity_units=order.quantity_units,
        trigger_price=_trigger(order, before),
        status=order.status,
        reason=order.reason,
        filled_units=order.filled_units,
        average_price=order.average_price,
        parent_id=order.parent_id,
        decided_ns=_earliest(before.decided_ns if before else None, decided),
        sent_ns=_earliest(before.sent_ns if before else None, sent),
        acked_ns=_earliest(before.acked_ns if before else None, acked),
        ended_ns=ended,
        ended_recv_ns=ended_recv,
    )


def _trigger(order: Order, before: OrderFacts | None) -> Decimal | None:
    if order.trigger_price is not None:
        return order.trigger_price
    return before.trigger_price if before is not None else None


def _earliest(one: int | None, other: int | None) -> int | None:
    known = [ts_ns for ts_ns in (one, other) if ts_ns is not None]
    return min(known, default=None)


def slicer(order: Order, config: TcaConfig) -> str:
    """Return the algorithm of the settings if the order is a slice of it; empty for any other."""
    return config.algorithm if order.parent_id and not order.group_id else ""


def was_dealt(record: Order | Execution) -> bool:
    """Say whether a record is of a deal; one that stands for an adjustment has cost nothing."""
    name = record.venue_order_id if isinstance(record, Order) else record.execution_id
    return not name.startswith(ADJUSTED)


def span_ns(start_ns: int | None, end_ns: int | None) -> int | None:
    """Return the time between two moments; None where one of them is not known."""
    return None if start_ns is None or end_ns is None else end_ns - start_ns
