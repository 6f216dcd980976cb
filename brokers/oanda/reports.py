"""Orders as the broker's record tells them: open ones by document, ended ones by their end."""

from decimal import Decimal

from brokers.oanda.errors import REASONS
from brokers.oanda.fills import average_price, fill_parts
from brokers.oanda.known import KnownOrder
from brokers.oanda.wire import Json, integer_of, time_ns
from domain.orders import OrderStatus
from trading.venues import OrderReport


def open_report(known: KnownOrder, document: Json) -> OrderReport:
    """Return the report of an order that is still at work.

    Raises
    ------
    Drop
        If the document cannot be read.
    """
    status: OrderStatus = "triggered" if document.get("state") == "TRIGGERED" else "accepted"
    return OrderReport(
        client_order_id=known.client_order_id,
        venue_order_id=known.venue_order_id,
        symbol=known.symbol,
        side=known.side,
        terms=known.terms,
        status=status,
        filled_units=Decimal(0),
        average_price=None,
        ts_event_ns=time_ns(document, "createTime"),
        sequence=integer_of(document, "id"),
    )


def ended_report(known: KnownOrder, last: Json) -> OrderReport:
    """Return the report of an order that a transaction ended.

    Parameters
    ----------
    last
        Its ``ORDER_FILL`` or ``ORDER_CANCEL``: v20 fills an order at most once, so that the fill is
        an end too, and what it left is canceled.

    Raises
    ------
    Drop
        If the transaction cannot be read.
    """
    filled, average, reason = Decimal(0), None, ""
    status: OrderStatus = "canceled"
    if last["type"] == "ORDER_FILL":
        parts = fill_parts(last)
        filled, average = sum((p.units for p in parts), Decimal(0)), average_price(parts)
        status = "filled" if filled >= known.units else "canceled"
    else:
        code = str(last.get("reason"))
        is_expiry = code == "TIME_IN_FORCE_EXPIRED"
        status = "expired" if is_expiry else "canceled"
        reason = "" if is_expiry else REASONS[code].reason
    return OrderReport(
        client_order_id=known.client_order_id,
        venue_order_id=known.venue_order_id,
        symbol=known.symbol,
        side=known.side,
        terms=known.terms,
        status=status,
        filled_units=filled,
        average_price=average,
        ts_event_ns=time_ns(last),
        sequence=integer_of(last, "id"),
        reason=reason,
    )
