"""Reports that do not fit yet: kept for a while, since what they wait for may be under way."""

import msgspec

from domain.nanos import SECOND_NS
from domain.order_events import OrderEvent

HOLD_NS = 2 * SECOND_NS
"""How long a report may wait, in received time. Longer, and positions stay wrong for longer;
shorter, and reordered reports on a slow line are taken for lost ones."""


class Held(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A report that waits; applied by force, or quarantined, at ``until_ns`` of received time."""

    client_order_id: str
    event: OrderEvent
    until_ns: int


class HoldingPen:
    """Waiting reports by order, in the venue's own order.

    Parameters
    ----------
    waiting
        What a snapshot had kept.
    """

    def __init__(self, waiting: list[Held]) -> None:
        self._waiting = list(waiting)

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, held: Held) -> None:
        """Keep a report; the same one twice is kept once."""
        if all(_content(h.event) != _content(held.event) for h in self._waiting):
            self._waiting.append(held)
            self._waiting.sort(key=_rank)

    def take(self, client_order_id: str) -> list[Held]:
        """Take out all that waits for one order."""
        taken = [h for h in self._waiting if h.client_order_id == client_order_id]
        self._waiting = [h for h in self._waiting if h.client_order_id != client_order_id]
        return taken

    def take_due(self, clock_ns: int) -> list[Held]:
        """Take out all whose time is over."""
        due = [h for h in self._waiting if h.until_ns <= clock_ns]
        self._waiting = [h for h in self._waiting if h.until_ns > clock_ns]
        return due

    def next_ns(self) -> int | None:
        """Return when the first one's time is over; None where nothing waits."""
        return min((h.until_ns for h in self._waiting), default=None)

    def snapshot(self) -> list[Held]:
        """Return all that waits."""
        return list(self._waiting)


def _content(event: OrderEvent) -> OrderEvent:
    return msgspec.structs.replace(event, ts_recv_ns=0)


def _rank(held: Held) -> tuple[int, int, str]:
    event = held.event
    sequence = -1 if event.sequence is None else event.sequence
    return sequence, event.ts_event_ns, event.execution_id
