"""What is stated of an account beside any order: its opening balance, and positions by hand.

Both are facts of the journal. A position is booked as an execution of an order that we never sent,
so that all that follows from executions follows from it too; it must lead to exactly what the venue
holds, and nothing is ever sent for it.
"""

from msgspec.structs import replace

from domain.adjustments import PositionAdjustment, fault_of
from domain.balances import OpeningBalance
from domain.errors import Reject
from domain.order_events import EventKind, OrderEvent
from domain.orders import OrderTerms
from trading.desk.care import Compared
from trading.desk.desk import Desk
from trading.desk.entries import draft_of
from trading.journal.errors import KeyReused
from trading.journal.journal import Journal
from trading.orders.book import OrderBook
from trading.orders.holdings import Holding
from trading.venues import VenueSnapshot

_NOTHING = Holding()


class Stated:
    """Writes down what is stated of one account.

    Parameters
    ----------
    desk, journal
        Of the account.
    venue
        Short name of its venue.
    """

    def __init__(self, desk: Desk, journal: Journal, venue: str) -> None:
        self._desk = desk
        self._journal = journal
        self._venue = venue

    def open(self, record: VenueSnapshot) -> None:
        """Note the balance from which statements count; the first one stands for good.

        Parameters
        ----------
        record
            With which the book agrees; one without a balance is passed over.
        """
        if record.balance is None:
            return
        opening = OpeningBalance(
            record.account,
            self._venue,
            record.currency,
            record.balance,
            record.ts_event_ns,
            record.last_sequence,
        )
        try:
            self._journal.append(draft_of(opening))
        except KeyReused:
            # It was opened in an earlier life.
            return

    def adjust(
        self, adjustment: PositionAdjustment, compared: Compared | None, now_ns: int
    ) -> None:
        """Book a position that a person answers for; a repeated one changes nothing.

        Parameters
        ----------
        compared
            The last whole record of the venue; None: there is none.
        now_ns
            Receive time of the request, nanoseconds UTC.

        Raises
        ------
        Reject
            If it would not lead to what the venue holds, or cannot be known to: nothing is booked.
        """
        if _is_booked(adjustment, self._desk.book):
            return
        record = _explained(adjustment, compared, self._desk.book)
        self._journal.append(draft_of(adjustment))
        for event in events_of(adjustment, record, self._venue, now_ns):
            self._desk.on_event(event)
        self._desk.commit()


def events_of(
    adjustment: PositionAdjustment, record: VenueSnapshot, venue: str, now_ns: int
) -> tuple[OrderEvent, OrderEvent]:
    """Return the order that stands for an adjustment, and its fill, as of a record of the venue."""
    units = abs(adjustment.units)
    introduced = OrderEvent(
        kind=EventKind.EXTERNAL,
        client_order_id="",
        ts_event_ns=record.ts_event_ns,
        ts_recv_ns=now_ns,
        venue=venue,
        venue_order_id=adjustment.execution_id,
        sequence=record.last_sequence,
        terms=OrderTerms(units),
        status="accepted",
        reason=f"{adjustment.by} answers for it ({adjustment.reason})",
        symbol=adjustment.symbol,
        side="buy" if adjustment.units > 0 else "sell",
    )
    filled = replace(
        introduced,
        kind=EventKind.FILL,
        execution_id=adjustment.execution_id,
        quantity_units=units,
        price=adjustment.price,
        leaves_units=None,
        terms=None,
        status=None,
        reason="",
    )
    return introduced, filled


def _is_booked(adjustment: PositionAdjustment, book: OrderBook) -> bool:
    at_ns, name = adjustment.ts_event_ns, adjustment.execution_id
    return (
        book.resolve(OrderEvent(EventKind.FILL, "", at_ns, at_ns, venue_order_id=name)) is not None
    )


def _explained(
    adjustment: PositionAdjustment, compared: Compared | None, book: OrderBook
) -> VenueSnapshot:
    """Return the record of the venue that an adjustment makes the book agree with."""
    symbol, account = adjustment.symbol, adjustment.account
    fault = fault_of(adjustment)
    if account != book.account:
        fault = f"it is about account {account}, this is {book.account}"
    if fault:
        raise Reject(fault)
    if compared is None:
        msg = "the venue's whole record has not come yet: ask again once it has"
        raise Reject(msg)
    differences = [one for one in compared.found.differences if one.symbol == symbol]
    if not differences:
        msg = f"book and venue agree on {symbol}: there is nothing to adjust"
        raise Reject(msg)
    working = [s.order.client_order_id for s in book.open_states() if s.order.symbol == symbol]
    if working:
        msg = f"orders of {symbol} are open ({', '.join(working)}): cancel them first"
        raise Reject(msg)
    difference = differences[0]
    ours = book.holdings().get(symbol, _NOTHING).units
    others = [one.why for one in differences if one.why != "position"]
    if others or ours != difference.ours_units:
        why = ", ".join(others) or "its position has moved since"
        msg = f"{symbol} differs in more than its position ({why}): ask again, or ask the venue"
        raise Reject(msg)
    if ours + adjustment.units != difference.theirs_units:
        msg = (
            f"{ours} {symbol} here and {adjustment.units} more are not the "
            f"{difference.theirs_units} that the venue holds: adjust by "
            f"{difference.theirs_units - ours}"
        )
        raise Reject(msg)
    return compared.record
