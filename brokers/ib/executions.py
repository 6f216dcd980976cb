"""Fills and their corrections as events."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from msgspec.structs import replace

from brokers.ib.rows import ExecutionRow, OrderKey, revision
from domain.order_events import EventKind, OrderEvent


def execution_event(
    row: ExecutionRow,
    client_order_id: str,
    venue: str,
    now_ns: int,
    total: Decimal | None = None,
    *,
    known: bool = False,
) -> OrderEvent:
    """Return a fill, or what becomes of one: a later revision corrects it, one to 0 units busts it.

    Ids are TWS's own, revision and all. A revision whose forerunners never came is a fill: there is
    nothing that it could correct.

    Parameters
    ----------
    row
        What TWS reported.
    client_order_id
        Our id of the order; empty where it has none.
    now_ns
        Receive time.
    total
        Quantity of the order in base units; None where unknown.
    known
        An earlier revision was reported already.
    """
    filled = OrderEvent(
        EventKind.FILL,
        client_order_id,
        row.at_ns,
        now_ns,
        venue=venue,
        venue_order_id=str(row.key.perm_id or ""),
        execution_id=row.execution_id,
        quantity_units=row.units,
        price=row.price,
        cum_units=row.cum_units,
        leaves_units=None if total is None else max(Decimal(0), total - row.cum_units),
        average_price=row.average,
        symbol=row.symbol,
        side=row.side,
    )
    first = f"{revision(row.execution_id)[0]}.01"
    if not row.units:
        kind = EventKind.BUST
        return replace(filled, kind=kind, execution_ref=first, quantity_units=None, price=None)
    return replace(filled, kind=EventKind.CORRECT, execution_ref=first) if known else filled


def executions_of(
    rows: Iterable[ExecutionRow], name: Callable[[OrderKey], str], venue: str, now_ns: int
) -> list[OrderEvent]:
    """Return the events of a whole report, oldest first, corrections in the order of revisions."""
    seen: set[str] = set()
    events: list[OrderEvent] = []
    for row in sorted(rows, key=lambda each: (each.at_ns, revision(each.execution_id))):
        base = revision(row.execution_id)[0]
        events.append(execution_event(row, name(row.key), venue, now_ns, known=base in seen))
        seen.add(base)
    return events
