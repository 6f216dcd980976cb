"""The paper venue beside a log that is played again after a crash.

The venue remembers what it said; the log begins again before that. So what it said since is said
again at the records on which it was said first, and the venue plays only what is new to it.
"""

from collections import deque
from collections.abc import Callable, Mapping

from brokers.paper_venue.venue import PaperVenue
from domain.order_events import EventKind, OrderEvent
from domain.reasons import Reason
from domain.ticks import Kind, TickArray
from trading.marks import AccountMark
from trading.venues import AccountCharge, Emit, Submit, VenueEvent

_AT_ONCE = frozenset({EventKind.ACK, EventKind.PENDING_ACK, EventKind.REJECT})
"""What a submit is answered with before any record is played."""

_ON_A_TICK = frozenset({EventKind.FILL, EventKind.TRIGGERED})
"""What happens on one record, whose two times it carries; so does an end that nobody asked for."""


class PaperMarket:
    """The market of a paper venue; a ``trading.counterparty.Market``.

    Parameters
    ----------
    venue
        Not started yet.
    """

    def __init__(self, venue: PaperVenue) -> None:
        self._venue = venue
        self._emit: Emit | None = None
        self._again: dict[str, deque[OrderEvent | AccountCharge]] = {}
        self._said: dict[str, int] = {}
        self._asked: set[tuple[str, int]] = set()

    def hear(self, emit: Emit) -> Emit:
        """Return what the venue reports to: it notes how far it has come, and hands on."""
        self._emit = emit

        def take(event: VenueEvent) -> None:
            self._note(event)
            emit(event)

        return take

    def resume(self, sequences: Mapping[str, int]) -> None:
        """Begin again, each symbol behind an event: what was said since waits for its records."""
        self._said = dict(sequences)
        self._asked = {
            (command.order.client_order_id, 0 if isinstance(command, Submit) else command.request)
            for command in self._venue.commands()
        }
        self._again = {}
        for event in self._venue.events():
            if (event.sequence or 0) > sequences.get(event.symbol, 0):
                self._again.setdefault(event.symbol, deque()).append(event)

    def sequences(self) -> dict[str, int]:
        """Return the place of the last event that was said of each symbol."""
        return dict(self._said)

    def is_behind(self) -> bool:
        """Say whether something that was said before is still to be said again."""
        return any(self._again.values())

    def answers(self, client_order_id: str, request: int, by_ns: int) -> list[OrderEvent] | None:
        """Return, once, what was said at once of a request that an earlier life has sent.

        A submit is answered before any record is played; a cancel or a replace only where its way
        takes no time. None if the venue never got the request.
        """
        if (client_order_id, request) not in self._asked:
            return None
        for waiting in self._again.values():
            found = [
                event
                for event in waiting
                if isinstance(event, OrderEvent)
                and event.client_order_id == client_order_id
                and (
                    event.kind in _AT_ONCE
                    if request == 0
                    else event.request == request and event.ts_recv_ns <= by_ns
                )
            ]
            for event in found:
                waiting.remove(event)
                self._note(event)
            if found:
                return found
        return []

    def on_records(self, symbol: str, records: TickArray) -> None:
        """Play the next records of a symbol, and say again what was said on them before."""
        self._repeat(symbol, lambda event: _lies_in(event, records))
        self._venue.on_records(symbol, records)

    @property
    def calls_margin(self) -> bool:
        """Whether the venue wants to know the account as a whole."""
        return self._venue.calls_margin

    def charges(self, symbol: str) -> bool:
        """Say whether what is held of a symbol is charged as its records go by."""
        return self._venue.charges(symbol)

    def on_mark(self, symbol: str, ts_recv_ns: int, mark: AccountMark) -> None:
        """Tell a symbol how the account stood, and say again what was said at once before."""
        self._repeat(symbol, lambda event: _is_of_mark(event) and event.ts_event_ns <= ts_recv_ns)
        self._venue.on_mark(symbol, ts_recv_ns, mark)

    def checkpoint(self) -> None:
        """Put on disk what moves without an event; see `PaperVenue.checkpoint`."""
        self._venue.checkpoint()

    def _repeat(self, symbol: str, is_due: Callable[[OrderEvent | AccountCharge], bool]) -> None:
        waiting = self._again.get(symbol)
        while waiting and is_due(waiting[0]):
            event = waiting.popleft()
            self._note(event)
            if self._emit is not None:
                self._emit(event)

    def _note(self, event: VenueEvent) -> None:
        if isinstance(event, OrderEvent | AccountCharge) and event.sequence is not None:
            said = self._said.get(event.symbol, 0)
            self._said[event.symbol] = max(said, event.sequence)


def _is_of_mark(event: OrderEvent | AccountCharge) -> bool:
    """Say whether an event was said at a mark of the account, between two records."""
    if isinstance(event, AccountCharge):
        return False
    called = event.kind is EventKind.CANCELED and event.reason == Reason.MARGIN_CALL
    return called or event.kind is EventKind.EXTERNAL


def _lies_in(event: OrderEvent | AccountCharge, records: TickArray) -> bool:
    """Say whether an event was said on one of these records, or before the last of them.

    Several records may be received in one nanosecond, and a batch may end between them: what
    happened on a tick waits for a tick of both its times.
    """
    received = records["ts_recv_ns"]
    if isinstance(event, AccountCharge):
        return bool(int(received.max()) >= event.ts_event_ns)
    if _is_of_mark(event):
        return False
    unasked = event.kind is EventKind.CANCELED and event.reason != Reason.REQUESTED
    if not (unasked or event.kind in _ON_A_TICK) or int(received[-1]) > event.ts_recv_ns:
        return bool(int(received.max()) >= event.ts_recv_ns)
    # A heartbeat before it may have both as well.
    same = (received == event.ts_recv_ns) & (records["ts_event_ns"] == event.ts_event_ns)
    return bool((same & (records["kind"] == Kind.TICK)).any())
