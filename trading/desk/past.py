"""What the journal knows beyond the point from which a replay begins.

A deterministic account begins again at its snapshot and plays the log from there: what it decided
and heard before the crash is in the journal and at the venue, and is repeated from there. A live
account begins at the end of its journal and has no such past.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec.structs import replace

from domain.control import ControlEvent
from domain.order_events import OURS, EventKind, OrderEvent
from domain.orders import Execution, Order
from trading.algos.parents import ParentCancel
from trading.contingency.requests import GroupCancel
from trading.desk.entries import Fact, HandlingRequest, fact_of, order_of
from trading.desk.ports import Accounts, Out
from trading.desk.putting_away import kept_in, recall_from
from trading.journal.journal import Journal
from trading.orders.book import OrderBook
from trading.orders.effects import Booked, Published
from trading.risk.gate import RiskGate
from trading.venues import AccountCharge

Decided = tuple[Order, tuple[OrderEvent, ...]]
"""An order as it was built, and what was decided about it: SUBMIT or RISK_DENY."""

_ANSWERS = frozenset({EventKind.STATUS, EventKind.EXTERNAL})
_DECISIONS = frozenset({EventKind.SUBMIT, EventKind.RISK_DENY})
_REQUESTS = frozenset({EventKind.CANCEL_REQUEST, EventKind.REPLACE_REQUEST})


def _nothing(_name: str, _request: int, _by_ns: int) -> list[OrderEvent] | None:
    return None


class Past:
    """Decisions of the life before.

    Parameters
    ----------
    facts
        What was journaled beyond the point of the snapshot, in order.
    known_seq
        Where the journal ended when this life began.
    from_seq
        Place from which the replay began.
    answers
        What the venue answered to a request of this number about an order, no later than a receive
        time; None if it never got the request. Asked by `answers` and `replies`.
    """

    def __init__(
        self,
        facts: Iterable[Fact] = (),
        known_seq: int = 0,
        from_seq: int = 0,
        answers: Callable[[str, int, int], list[OrderEvent] | None] = _nothing,
    ) -> None:
        self.known_seq = known_seq
        self.from_seq = from_seq
        self.until_ns = 0
        """Receive time of the last act of the life before."""
        self._answers = answers
        self._orders: dict[str, Order] = {}
        self._decisions: dict[str, list[OrderEvent]] = {}
        self._requests: dict[str, int] = {}
        self._replaces: set[tuple[str, int]] = set()
        for fact in facts:
            if isinstance(fact, Order):
                self._orders[fact.client_order_id] = fact
            elif isinstance(fact, OrderEvent) and fact.kind in _DECISIONS:
                self._decisions.setdefault(fact.client_order_id, []).append(fact)
            elif isinstance(fact, OrderEvent) and fact.kind in _REQUESTS:
                self._requests[fact.client_order_id] = fact.request
                if fact.kind is EventKind.REPLACE_REQUEST:
                    self._replaces.add((fact.client_order_id, fact.request))
            self.until_ns = max(self.until_ns, _acted_ns(fact))

    def reached(self, book: OrderBook) -> bool:
        """Say whether a book has taken in every decision of the life before."""
        while self._decisions:
            name = next(iter(self._decisions))
            if name not in book:
                return False
            del self._decisions[name]
        while self._requests:
            name, number = next(iter(self._requests.items()))
            if name not in book or book[name].last_request < number:
                return False
            del self._requests[name]
        return True

    def replaces(self, client_order_id: str, request: int) -> bool:
        """Say whether the request of this number was a replace that was let through."""
        return (client_order_id, request) in self._replaces

    def answers(self, order: Order) -> list[OrderEvent]:
        """Return, once, what the venue answered at once to an order's submit."""
        return self._answers(order.client_order_id, 0, order.ts_recv_ns) or []

    def replies(self, asked: OrderEvent) -> list[OrderEvent]:
        """Return, once, what followed at once from a request of the life before.

        One that never arrived is in doubt.
        """
        found = self._answers(asked.client_order_id, asked.request, asked.ts_recv_ns)
        lost = replace(asked, kind=EventKind.SEND_UNKNOWN, terms=None)
        return [lost] if found is None else found

    def decision(self, client_order_id: str) -> Decided | None:
        """Return what was decided about an order; None if it never came to a decision.

        An order that was journaled without its SUBMIT was never sent: it is decided anew.
        """
        events = self._decisions.get(client_order_id)
        order = self._orders.get(client_order_id)
        return None if events is None or order is None else (order, tuple(events))


def _acted_ns(fact: Fact) -> int:
    """Return when we did something; 0 for what others did."""
    match fact:
        case Order():
            return fact.ts_recv_ns
        case OrderEvent():
            return fact.ts_recv_ns if fact.kind in OURS else 0
        case ParentCancel() | GroupCancel():
            return fact.ts_ns
        case _:
            return 0


class Resumed(NamedTuple):
    """An account as its journal has it at one place.

    Attributes
    ----------
    book
        Folded up to the place.
    before
        Executions, charges and changes of the trading state up to the place.
    beyond
        All facts behind it.
    last_sequence
        Place in the venue's own order of events up to which the journal knows them all, beyond
        included.
    handling
        Requests for parents and groups, and the orders that came of them as built, beyond included.
    away
        The orders that were put away and are not in the book's memory.
    """

    book: OrderBook
    before: list[Fact]
    beyond: list[Fact]
    last_sequence: int | None
    handling: list[HandlingRequest | Order]
    away: dict[str, Order]

    def order(self, client_order_id: str) -> Order:
        """Return an order; one that was put away stays away."""
        found = self.away.get(client_order_id)
        return self.book[client_order_id].order if found is None else found


def later_place(last: int | None, fact: Fact) -> int | None:
    """Return the place in the venue's own order of events up to which all is known.

    Events come in that order. The answer to a question does not: it may overtake some.
    """
    if not isinstance(fact, OrderEvent | AccountCharge) or fact.sequence is None:
        return last
    if isinstance(fact, OrderEvent) and fact.kind in _ANSWERS:
        return last
    return fact.sequence if last is None else max(last, fact.sequence)


def resume(journal: Journal, account: str, until_seq: int | None) -> Resumed:
    """Fold an account from its journal alone; orders that it holds whole are not folded again.

    Parameters
    ----------
    until_seq
        Place at which it is wanted; None for the end.
    """
    kept = {
        name: (one, place)
        for name, (one, place) in kept_in(journal, until_seq).items()
        # Parents and groups are made anew from all of their orders.
        if not (one.closed.state.order.parent_id or one.closed.state.order.group_id)
    }
    book = OrderBook(account, recall=recall_from(journal))
    book.restore((one.closed, place) for one, place in kept.values())
    before: list[Fact] = []
    beyond: list[Fact] = []
    handling: list[HandlingRequest | Order] = []
    last = max((k.sequence for k, _ in kept.values() if k.sequence is not None), default=None)

    def is_away(name: str | None, seq: int) -> bool:
        """Say whether what is said of an order at a place is in what was kept of it."""
        return name in kept and seq < kept[name][1]

    for entry in journal.read():
        if is_away(order_of(entry), entry.seq):
            book.tick(entry.ts_recv_ns)
            continue
        fact = fact_of(entry)
        if fact is None:
            continue
        last = later_place(last, fact)
        if isinstance(fact, HandlingRequest) or (
            isinstance(fact, Order) and (fact.parent_id or fact.group_id)
        ):
            handling.append(fact)
        if until_seq is not None and entry.seq > until_seq:
            beyond.append(fact)
        elif isinstance(fact, OrderEvent) and is_away(book.resolve(fact), entry.seq):
            book.tick(fact.ts_recv_ns)
        elif isinstance(fact, Order | OrderEvent):
            book.apply(fact)
        else:
            before.append(fact)
    away = {name: one.closed.state.order for name, (one, _) in kept.items()}
    return Resumed(book, before, beyond, last, handling, away)


def repeated(
    facts: Iterable[Fact], book: OrderBook, gates: Iterable[RiskGate], accounts: Accounts
) -> list[Out]:
    """Take in what was journaled and perhaps not handed on; return it, word for word.

    Nothing is journaled, sent or asked.
    """
    facts, gates = list(facts), list(gates)
    executions = {fact.execution_id: fact for fact in facts if isinstance(fact, Execution)}
    out: list[Out] = []
    for fact in facts:
        if isinstance(fact, ControlEvent):
            for gate in gates:
                gate.control(fact)
            out.append(fact)
        elif isinstance(fact, Order | OrderEvent):
            for effect in book.apply(fact):
                if isinstance(effect, Published):
                    out.append(effect.order)
                elif isinstance(effect, Booked):
                    execution = executions[effect.execution_id]
                    order = book[effect.client_order_id].order
                    out += [execution, accounts.restore(execution, order)]
    return out
