"""Our book against the venue's own record of the account.

The venue is the truth on executions, quantity and position; we are the truth on what was wanted.
What explains a difference becomes events, to be journaled and applied like any other. What nothing
explains is handed back: the caller halts and a person looks. Never is it traded away.

The result does not depend on the order of anything in the record, a second run on the book that the
events have led to gives none, and from what is missing in an incomplete record nothing follows.
"""

from decimal import Decimal

import msgspec

from domain.errors import BadUse
from domain.ids import digest
from domain.order_events import EventKind, OrderEvent
from domain.orders import OPEN_STATUSES
from trading.orders.book import OrderBook
from trading.orders.canonical import canonical
from trading.orders.fills import INFERRED, unexplained
from trading.orders.moments import Moment, precedes
from trading.orders.state import ZERO, OrderState
from trading.positions import signed
from trading.venues import OrderReport, VenueSnapshot

PRICE_TOLERANCE = Decimal("0.0001")
"""Part of an entry price by which ours may differ from the venue's: venues round theirs."""


class Difference(msgspec.Struct, frozen=True):
    """A position that executions do not explain; base units, and what else is known of it."""

    symbol: str
    ours_units: Decimal
    theirs_units: Decimal
    why: str


class Reconciliation(msgspec.Struct, frozen=True):
    """What a comparison leads to.

    Attributes
    ----------
    events
        To be journaled and applied in this order.
    differences
        Not explained by any event: halt.
    price_notes
        Symbols whose entry price differs by more than `PRICE_TOLERANCE`: tell a person.
    current
        False where the record is older than what the book holds: positions were not compared, take
        a newer one.
    complete
        Whether the record was whole; a start is not ready before one was.
    """

    events: tuple[OrderEvent, ...]
    differences: tuple[Difference, ...]
    price_notes: tuple[str, ...]
    current: bool
    complete: bool

    @property
    def agrees(self) -> bool:
        """Whether book and venue agree once the events are applied, and all was compared."""
        return self.complete and self.current and not self.differences


def as_status(report: OrderReport, venue: str, ts_recv_ns: int) -> OrderEvent:
    """Return the answer to a query, or a line of a record, as the event STATUS."""
    return OrderEvent(
        kind=EventKind.STATUS,
        client_order_id=report.client_order_id,
        ts_event_ns=report.ts_event_ns,
        ts_recv_ns=ts_recv_ns,
        venue=venue,
        venue_order_id=report.venue_order_id,
        sequence=report.sequence,
        cum_units=report.filled_units,
        average_price=report.average_price,
        terms=report.terms,
        status=report.status,
        reason=report.reason,
        symbol=report.symbol,
        side=report.side,
    )


def reconcile(
    book: OrderBook, snapshot: VenueSnapshot, venue: str, ts_recv_ns: int
) -> Reconciliation:
    """Compare; the book is not changed.

    Parameters
    ----------
    book
        Of the same account.
    snapshot
        The venue's record.
    venue
        Its short name.
    ts_recv_ns
        When the record was received, nanoseconds UTC.

    Raises
    ------
    BadUse
        If the record is of another account.
    """
    if snapshot.account != book.account:
        msg = f"the venue's record is of account {snapshot.account}, the book of {book.account}"
        raise BadUse(msg)
    trial = _Trial(book)
    for event in sorted(snapshot.executions, key=_rank):
        trial.offer(_by_id(event, ts_recv_ns))
    for report in sorted(snapshot.orders, key=_report_rank):
        event = as_status(report, venue, ts_recv_ns)
        if trial.book.resolve(event) is None and (report.filled_units or _is_live(report)):
            trial.offer(event)
        trial.offer(_inferred(trial.book, event))
        if _counts_as_ours(trial.book, event):
            trial.offer(event)
    if snapshot.complete:
        for event in _gone(trial.book, snapshot, ts_recv_ns):
            trial.offer(event)
    current = _is_current(trial.book, snapshot)
    compared = snapshot.complete and current
    return Reconciliation(
        events=tuple(trial.events),
        differences=_differences(trial.book, snapshot) if compared else (),
        price_notes=_price_notes(trial.book, snapshot) if compared else (),
        current=current,
        complete=snapshot.complete,
    )


class _Trial:
    """A copy of the book that keeps only the events that change something."""

    def __init__(self, book: OrderBook) -> None:
        # All of the record is at hand: nothing that is missing is still to come.
        self.book = book.copy(hold_ns=0)
        self.events: list[OrderEvent] = []

    def offer(self, event: OrderEvent | None) -> None:
        if event is None:
            return
        event = self.book.stamped(event)
        before = self._state_of(event)
        self.book.apply(event)
        after = self._state_of(event)
        if after is before or after is None:
            return
        if before is None or canonical(after) != canonical(before):
            self.events.append(event)

    def _state_of(self, event: OrderEvent) -> OrderState | None:
        name = self.book.resolve(event)
        return None if name is None else self.book[name]


def _rank(event: OrderEvent) -> tuple[int, int, str, str]:
    sequence = -1 if event.sequence is None else event.sequence
    return sequence, event.ts_event_ns, event.execution_id, event.kind


def _report_rank(report: OrderReport) -> tuple[int, int, str, str]:
    sequence = -1 if report.sequence is None else report.sequence
    return sequence, report.ts_event_ns, report.venue_order_id, report.client_order_id


def _by_id(event: OrderEvent, ts_recv_ns: int) -> OrderEvent:
    """Return an execution to be applied by its id alone: what came before it is in the record."""
    leaves = None if event.kind is EventKind.FILL else event.leaves_units
    return msgspec.structs.replace(
        event, ts_recv_ns=ts_recv_ns, cum_units=None, leaves_units=leaves
    )


def _is_live(report: OrderReport) -> bool:
    return report.status in OPEN_STATUSES


def _counts_as_ours(book: OrderBook, event: OrderEvent) -> bool:
    """Whether a report of a known order counts what is counted here; else it is a difference."""
    name = book.resolve(event)
    return name is not None and book[name].cum_units == event.cum_units


def _inferred(book: OrderBook, event: OrderEvent) -> OrderEvent | None:
    """Return the fill that a report counts and no execution tells of; None where there is none.

    An execution that comes later takes its place.
    """
    name = book.resolve(event)
    if name is None or precedes(Moment(event.ts_event_ns, event.sequence), book[name].moment):
        return None
    rest = unexplained(book[name], event)
    if rest is None or event.cum_units is None:
        return None
    quantity, price = rest
    total = format(event.cum_units.normalize(), "f")
    return msgspec.structs.replace(
        event,
        kind=EventKind.FILL,
        execution_id=f"{INFERRED}{digest(book.account, name, total)}",
        quantity_units=quantity,
        price=price,
        terms=None,
        status=None,
    )


def _gone(book: OrderBook, snapshot: VenueSnapshot, ts_recv_ns: int) -> list[OrderEvent]:
    """Return the doubts about open orders that a complete record does not have.

    One of which something was heard after the record was made is left alone.
    """
    own = {report.client_order_id for report in snapshot.orders}
    theirs = {report.venue_order_id for report in snapshot.orders}
    return [
        OrderEvent(
            kind=EventKind.SEND_UNKNOWN,
            client_order_id=state.order.client_order_id,
            ts_event_ns=ts_recv_ns,
            ts_recv_ns=ts_recv_ns,
            request=-1,
            reason="the venue's record does not have it",
        )
        for state in book.open_states()
        if state.order.client_order_id not in own
        and state.order.venue_order_id not in theirs
        and not state.missing
        and not _heard_after(state, snapshot)
    ]


def _heard_after(state: OrderState, snapshot: VenueSnapshot) -> bool:
    made = Moment(snapshot.ts_event_ns, snapshot.last_sequence)
    return state.moment is None or precedes(made, state.moment)


def _is_current(book: OrderBook, snapshot: VenueSnapshot) -> bool:
    made = Moment(snapshot.ts_event_ns, snapshot.last_sequence)
    newest = (f.moment for s in book.states() for f in s.executions.values())
    return not any(precedes(made, moment) for moment in newest)


def _differences(book: OrderBook, snapshot: VenueSnapshot) -> tuple[Difference, ...]:
    theirs = {position.symbol: position.units for position in snapshot.positions}
    ours = {symbol: holding.units for symbol, holding in book.holdings().items()}
    found = [
        Difference(symbol, ours.get(symbol, ZERO), theirs.get(symbol, ZERO), "position")
        for symbol in sorted({*ours, *theirs})
        if ours.get(symbol, ZERO) != theirs.get(symbol, ZERO)
    ]
    for report in sorted(snapshot.orders, key=_report_rank):
        name = book.resolve(as_status(report, "", 0))
        if name is None or book[name].cum_units == report.filled_units:
            continue
        order = book[name].order
        if not _is_newer(report, book[name]):
            units = signed(order.side, order.filled_units), signed(order.side, report.filled_units)
            found.append(Difference(order.symbol, *units, f"filled of order {name}"))
    return tuple(found)


def _is_newer(report: OrderReport, state: OrderState) -> bool:
    """Whether our word on an order is newer than the record's."""
    return precedes(Moment(report.ts_event_ns, report.sequence), state.moment)


def _price_notes(book: OrderBook, snapshot: VenueSnapshot) -> tuple[str, ...]:
    notes = []
    for held in sorted(snapshot.positions, key=lambda position: position.symbol):
        ours = book.position(held.symbol).average_price
        if ours is None or held.average_price is None:
            continue
        if abs(ours - held.average_price) > held.average_price * PRICE_TOLERANCE:
            notes.append(f"{held.symbol}: {ours:.6f} here, {held.average_price} there")
    return tuple(notes)
