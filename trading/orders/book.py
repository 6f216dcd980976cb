"""The order book of one account: every order, every position, folded from events and nothing else.

The caller journals an entry, hands it to `OrderBook.apply`, and acts on the effects. The same
entries give the same book, and events that come late, twice or in another order give the same book
once all have come.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

import msgspec

from domain.errors import BadUse
from domain.order_events import OURS, EventKind, OrderEvent
from domain.orders import Order
from trading.orders import adoption, machine
from trading.orders.canonical import state_hash
from trading.orders.closed import Closed, named, over
from trading.orders.effects import (
    Alert,
    AlertCode,
    Booked,
    Effect,
    NeedsQuery,
    NeedsReconcile,
    Quarantined,
)
from trading.orders.held import HOLD_NS, Held, HoldingPen
from trading.orders.holdings import Exposure, Holding, booked, exposed
from trading.orders.machine import Applied, Verdict
from trading.orders.shelf import Recall, Shelf
from trading.orders.snapshots import BOOK_VERSION, BookState, dump, load
from trading.orders.state import OrderState, opened
from trading.positions import NetPosition

Entry = Order | OrderEvent
"""What a book is folded from: an order as it was built, or something that happened to one."""


class OrderBook:
    """Orders and positions of one account. Not for several threads at once.

    Parameters
    ----------
    account
        The broker's id of the account.
    opening
        Positions from before the first order, by symbol.
    hold_ns
        How long a report that does not fit may wait for what came before it (>= 0), in received
        time.
    recall
        Reads an order that was put away; None for a book that keeps all at hand.
    """

    def __init__(
        self,
        account: str,
        opening: Mapping[str, NetPosition] | None = None,
        hold_ns: int = HOLD_NS,
        recall: Recall | None = None,
    ) -> None:
        self.account = account
        self.counts: Counter[str] = Counter()
        """How often each row of the table, and each rule before it, was taken in this process."""
        self._opening = dict(opening or {})
        self._hold_ns = hold_ns
        self._clock_ns = 0
        self._recall = recall
        self._orders = Shelf(recall, self._opening)
        self._open: dict[str, None] = {}
        self._aliases: dict[str, str] = {}
        self._by_venue: dict[str, str] = {}
        self._held = HoldingPen([])
        self._holdings = self._orders.holdings()

    # What happens.

    def add(self, order: Order) -> bool:
        """Take in an order that is built and not sent.

        Returns
        -------
        bool
            False if its id is known: it has been through here before, do not send it.

        Raises
        ------
        BadUse
            If it is of another account.
        ValueError
            If it is not ``initialized``, or asks for no positive quantity.
        """
        if order.account != self.account:
            msg = f"order {order.client_order_id} is of account {order.account}, not {self.account}"
            raise BadUse(msg)
        state = opened(order)
        if order.client_order_id in self._orders:
            return False
        self._orders[order.client_order_id] = state
        return True

    def apply(self, entry: Entry) -> tuple[Effect, ...]:
        """Take in one entry; see `stamped` for the times of live events.

        Returns
        -------
        tuple of Effect
            What is to be done now, in this order.
        """
        if isinstance(entry, Order):
            self.add(entry)
            return ()
        return (*self.tick(entry.ts_recv_ns), *self._take(entry))

    def fold(self, entries: Iterable[Entry]) -> Self:
        """Take in entries whose effects were acted on before: a replay; return this book."""
        for entry_ in entries:
            self.apply(entry_)
        return self

    def tick(self, now_ns: int) -> tuple[Effect, ...]:
        """Let time pass: what has waited long enough is applied by force, or quarantined.

        Parameters
        ----------
        now_ns
            Receive time, nanoseconds UTC; one that goes back changes nothing.
        """
        self._clock_ns = max(self._clock_ns, now_ns)
        effects: list[Effect] = []
        for held in self._held.take_due(self._clock_ns):
            effects.extend(self._take(held.event, until_ns=0))
        return tuple(effects)

    def stamped(self, event: OrderEvent) -> OrderEvent:
        """Return the event as received no earlier than what is in the book.

        Adapters stamp in threads of their own. Stamped anew before it is journaled, an event makes
        a replay let go of waiting reports at the same places.
        """
        if event.ts_recv_ns >= self._clock_ns:
            return event
        return msgspec.structs.replace(event, ts_recv_ns=self._clock_ns)

    # What is so.

    def __len__(self) -> int:
        return len(self._orders)

    def __contains__(self, client_order_id: str) -> bool:
        return client_order_id in self._orders

    def __getitem__(self, client_order_id: str) -> OrderState:
        return self._orders[client_order_id]

    def states(self) -> Iterator[OrderState]:
        """Return the orders at hand, in the order of their coming: all but those put away."""
        return self._orders.at_hand()

    def open_states(self) -> list[OrderState]:
        """Return the orders that may still fill."""
        return [self._orders[name] for name in self._open]

    def in_doubt(self) -> list[OrderState]:
        """Return the orders about which the venue has to be asked."""
        return [state for state in self.open_states() if state.order.in_doubt]

    def resolve(self, event: OrderEvent) -> str | None:
        """Return the client order id of the order that an event is about; None if unknown."""
        name = event.client_order_id
        name = self._aliases.get(name, name)
        return name if name in self._orders else self._by_venue.get(event.venue_order_id)

    def next_request(self, client_order_id: str) -> int:
        """Return the number of the next request about an order."""
        return self._orders[client_order_id].last_request + 1

    def exposure(self) -> dict[str, Exposure]:
        """Return what may still fill by symbol: pending and doubtful orders at their worst."""
        return exposed(self.open_states())

    def holdings(self) -> dict[str, Holding]:
        """Return what the account holds by symbol."""
        return dict(self._holdings)

    def position(self, symbol: str) -> NetPosition:
        """Return the net position with its entry price; see `trading.orders.shelf.Shelf.entry`."""
        return self._orders.entry(symbol)

    def waiting(self) -> list[Held]:
        """Return the reports that do not fit yet."""
        return self._held.snapshot()

    @property
    def clock_ns(self) -> int:
        """Latest receive time seen."""
        return self._clock_ns

    @property
    def due_ns(self) -> int | None:
        """When `tick` has something to do; None where nothing waits."""
        return self._held.next_ns()

    def lost_answers(self, now_ns: int, reason: str) -> list[OrderEvent]:
        """Return the doubts to journal and apply where no answer can be expected any more.

        Due at every start, and whenever a connection came back with a gap.
        """
        return [
            OrderEvent(
                kind=EventKind.SEND_UNKNOWN,
                client_order_id=state.order.client_order_id,
                ts_event_ns=now_ns,
                ts_recv_ns=now_ns,
                request=request.number,
                reason=reason,
            )
            for state in self.open_states()
            for request in state.requests
            if not request.in_doubt
        ]

    def state_hash(self) -> str:
        """Return the digest of all orders and positions; arrival does not enter into it."""
        positions = {s: (h.units, h.cash_quote) for s, h in self._holdings.items()}
        return state_hash(self._orders.all(), positions)

    # What closed long ago.

    def done_before(self, ts_ns: int) -> list[Closed]:
        """Return what is at hand, is done, and has heard nothing since before a time."""
        done = over(self._orders.at_hand(), self.open_states(), ts_ns)
        return named(done, self._aliases, self._by_venue) if done else []

    def put_away(self, name: str, place: int) -> None:
        """Put an order away that is done, and that ``recall`` reads again by its place."""
        self._orders.put_away(self._orders[name], place)

    def restore(self, closed: Iterable[tuple[Closed, int]]) -> None:
        """Take in orders that an earlier life has put away, each with its place."""
        for one, place in closed:
            self._orders.put_away(one.state, place)
            self._aliases |= dict.fromkeys(one.aliases, one.name)
            self._by_venue |= dict.fromkeys(one.venue_ids, one.name)
        self._holdings = self._orders.holdings()

    # Out and in.

    def dump(self) -> dict[str, Any]:
        """Write the book as a plain, versioned mapping."""
        return dump(
            BookState(
                v=BOOK_VERSION,
                account=self.account,
                hold_ns=self._hold_ns,
                clock_ns=self._clock_ns,
                opening=self._opening,
                orders=list(self._orders.at_hand()),
                aliases=self._aliases,
                by_venue=self._by_venue,
                held=self._held.snapshot(),
                away=self._orders.away(),
            )
        )

    @classmethod
    def load(cls, plain: Mapping[str, Any], recall: Recall | None = None) -> Self:
        """Read what `dump` wrote.

        Parameters
        ----------
        recall
            Reads an order that was put away.

        Raises
        ------
        Corrupt
            If it is of another version, or not whole.
        """
        return cls._restored(load(plain), recall)

    def copy(self, hold_ns: int | None = None) -> Self:
        """Return a book that may be changed without changing this one.

        Parameters
        ----------
        hold_ns
            How long reports may wait in it; None: as long as in this one.
        """
        hold_ns = self._hold_ns if hold_ns is None else hold_ns
        other = type(self)(self.account, self._opening, hold_ns, self._recall)
        other._clock_ns = self._clock_ns
        other._orders = self._orders.copy()
        other._open = dict(self._open)
        other._aliases = dict(self._aliases)
        other._by_venue = dict(self._by_venue)
        other._held = HoldingPen(self._held.snapshot())
        other._holdings = dict(self._holdings)
        return other

    @classmethod
    def _restored(cls, state: BookState, recall: Recall | None) -> Self:
        book = cls(state.account, state.opening, state.hold_ns, recall)
        book._clock_ns = state.clock_ns
        book._orders = Shelf(recall, book._opening, state.orders, state.away)
        book._open = {one.order.client_order_id: None for one in state.orders if one.is_open}
        book._aliases = dict(state.aliases)
        book._by_venue = dict(state.by_venue)
        book._held = HoldingPen(state.held)
        book._holdings = book._orders.holdings()
        return book

    # How it is done.

    def _take(self, event: OrderEvent, until_ns: int | None = None) -> list[Effect]:
        """Apply an event, or let it wait until ``until_ns`` of received time (0: no longer)."""
        name = self.resolve(event)
        if name is None:
            return self._take_over(event)
        if event.kind is EventKind.EXTERNAL:
            event = msgspec.structs.replace(event, kind=EventKind.STATUS)
        state = self._orders[name]
        applied = machine.apply(state, event)
        self.counts[applied.row_id or applied.verdict] += 1
        if applied.verdict in (Verdict.APPLIED, Verdict.IGNORED):
            return self._keep(applied, event)
        if applied.verdict is Verdict.ADOPT:
            return self._adopt(adoption.revive(self.account, state, event), event)
        if adoption.must_not_wait(state, event):
            return self._adopt(adoption.revive(self.account, state, event), event)
        until_ns = self._clock_ns + self._hold_ns if until_ns is None else until_ns
        if event.kind not in OURS and until_ns > self._clock_ns:
            self._held.put(Held(name, event, until_ns))
            return []
        if applied.verdict is Verdict.MISFIT:
            return self._force(state, event)
        return self._refuse(name, event, applied.why)

    def _keep(self, applied: Applied, event: OrderEvent) -> list[Effect]:
        order = applied.state.order
        name = order.client_order_id
        if event.venue_order_id:
            self._by_venue.setdefault(event.venue_order_id, name)
        before = self._orders.get(name)
        self._orders[name] = applied.state
        if applied.state.is_open:
            self._open[name] = None
        else:
            self._open.pop(name, None)
        for effect in applied.effects:
            if isinstance(effect, Booked):
                holding = self._holdings.get(effect.symbol, Holding())
                self._holdings[effect.symbol] = booked(holding, effect)
        effects = list(applied.effects)
        if applied.state is not before:
            for held in self._held.take(name):
                effects.extend(self._take(held.event, held.until_ns))
        return effects

    def _force(self, state: OrderState, event: OrderEvent) -> list[Effect]:
        """Apply by execution id a report whose time to fit is over, and ask for the whole truth."""
        name = state.order.client_order_id
        applied = machine.apply(state, event, forced=True)
        text = f"{event.kind} still counts {event.cum_units} filled, {state.cum_units} were known"
        asked: list[Effect] = [Alert(AlertCode.MISFIT, text, name), NeedsReconcile(name, text)]
        return [*self._keep(applied, event), *asked]

    def _refuse(self, name: str, event: OrderEvent, why: str) -> list[Effect]:
        alert = Alert(AlertCode.INVALID, why, name)
        return [Quarantined(event, why), alert, NeedsQuery(name, why)]

    def _take_over(self, event: OrderEvent) -> list[Effect]:
        """Open an order for an event that names none we know."""
        event = adoption.as_external(event)
        why = adoption.lacking(event)
        if not why:
            return self._adopt(adoption.take_over(self.account, event), event)
        name = event.client_order_id or event.venue_order_id
        alert = Alert(AlertCode.UNKNOWN_ORDER, why, name)
        return [Quarantined(event, why), alert, NeedsReconcile(name, why)]

    def _adopt(self, adopted: adoption.Adopted, event: OrderEvent) -> list[Effect]:
        name = adopted.state.order.client_order_id
        if event.client_order_id:
            self._aliases[event.client_order_id] = name
        if event.venue_order_id:
            self._by_venue[event.venue_order_id] = name
        effects: list[Effect] = []
        state = self._orders.get(name) or adopted.state
        for told in adopted.events:
            applied = machine.apply(state, told, forced=True)
            self.counts[applied.row_id or applied.verdict] += 1
            effects.extend(self._keep(applied, told))
            state = self._orders[name]
        return [*effects, *adopted.effects]
