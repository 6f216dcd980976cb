"""Questions to a venue, put one after the other beside the flow; every one ends in a report.

Nobody waits for the thread in which they are put, so an error that left it would be lost: whatever
keeps a venue from answering comes among the reports too.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Literal, TypeVar

from msgspec.structs import replace

from domain.errors import Halt, Retry
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order
from domain.reasons import Reason
from trading.orders.reconcile import as_status
from trading.venues import Unanswered, Venue, VenueSnapshot

_T = TypeVar("_T")
Cause = Literal["later", "barred", "defect"]
Tell = Callable[[OrderEvent | VenueSnapshot | Unanswered], None]

_RECORD = ""
"""Under this name the venue's whole record is asked for; orders are under their ids."""

_log = logging.getLogger(__name__)


class Questions:
    """Asks one venue; from the thread of the flow, and from an adapter's.

    Parameters
    ----------
    venue
        Who is asked.
    tell
        Takes the answers, from any thread.
    wall_ns
        Clock of their receive times.
    timeout_s, record_timeout_s
        Longest wait for the answer about an order, and for the whole record (> 0).
    inline
        Whether a question is answered before it returns: for a venue in this process.
    """

    def __init__(
        self,
        venue: Venue,
        tell: Tell,
        wall_ns: Callable[[], int],
        timeout_s: float,
        record_timeout_s: float,
        *,
        inline: bool,
    ) -> None:
        self._venue = venue
        self._tell = tell
        self._wall_ns = wall_ns
        self._timeout_s = timeout_s
        self._record_timeout_s = record_timeout_s
        # Those that wait for their turn.
        self._asked: set[str] = set()
        self._asking: Executor | None = None
        if not inline:
            self._asking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="venue-questions")

    @property
    def are_apart(self) -> bool:
        """Whether they are put beside the flow, so that the flow may go on meanwhile."""
        return self._asking is not None

    def stop(self) -> None:
        """Put no more of them."""
        if self._asking is not None:
            self._asking.shutdown(wait=False, cancel_futures=True)

    def about(self, order: Order) -> None:
        """Ask about an order; while one question about it waits for its turn, not again."""
        self._ask(order.client_order_id, lambda: self._query(order))

    def record(self, since: int | None) -> None:
        """Ask for the whole record, with events from after a place in the venue's order."""
        self._ask(_RECORD, lambda: self._snapshot(since))

    def _ask(self, about: str, question: Callable[[], None]) -> None:
        def ask() -> None:
            self._asked.discard(about)
            question()

        if self._asking is None:
            question()
        elif about not in self._asked:
            self._asked.add(about)
            self._asking.submit(ask)

    def _query(self, order: Order) -> None:
        name = order.client_order_id
        answer = self._answer(name, lambda: (self._venue.query(order, self._timeout_s),))
        if answer is None:
            return
        report, now_ns = answer[0], self._wall_ns()
        if report is None:
            reason = Reason.NOT_FOUND.value
            self._tell(OrderEvent(EventKind.NOT_FOUND, name, now_ns, now_ns, reason=reason))
        else:
            status = as_status(report, self._venue.name, now_ns)
            self._tell(replace(status, client_order_id=name))

    def _snapshot(self, since: int | None) -> None:
        record = self._answer(_RECORD, lambda: self._venue.snapshot(since, self._record_timeout_s))
        if record is not None:
            self._tell(record)

    def _answer(self, about: str, question: Callable[[], _T]) -> _T | None:
        """Return what a question gave; None where it gave nothing, and that is told."""
        cause: Cause
        try:
            return question()
        except Retry as error:
            cause, why = "later", str(error)
        except Halt as error:
            cause, why = "barred", str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told and logged
            _log.exception("a question about %s broke off", about or "the whole record")
            cause, why = "defect", f"{type(error).__name__}: {error}"
        self._tell(Unanswered(about, cause, why, self._wall_ns()))
        return None
