"""The paper venue behind the port `trading.venues.Venue`.

Two more calls drive it: `PaperVenue.on_records` gives it the market and the time, and
`PaperVenue.on_mark` the account as a whole. All it says goes through the ``emit`` of
`PaperVenue.start`.

A command is sent at the ``ts_recv_ns`` of its order: of a cancel or a replace, the order as it
stands with the request in it.
"""

from collections.abc import Mapping
from pathlib import Path

from brokers.paper_venue import passage
from brokers.paper_venue.account import Account
from brokers.paper_venue.chance import latency_ns, refusal
from brokers.paper_venue.config import PaperVenueConfig
from brokers.paper_venue.filling import Filler
from brokers.paper_venue.lane import Lane
from brokers.paper_venue.margin import MarginCalls
from brokers.paper_venue.outbox import VENUE, Outbox, StoredEvent
from brokers.paper_venue.rolls import Rolls
from brokers.paper_venue.store import Store, open_store
from brokers.paper_venue.terms import capabilities, check_supported, refuse, venue_instruments
from brokers.paper_venue.working import Request, WorkingOrder
from domain.ids import digest, wire_id
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order, terms_of
from domain.reasons import Reason
from domain.ticks import TickArray
from trading.marks import AccountMark
from trading.venues import (
    Cancel,
    Capabilities,
    Command,
    Emit,
    LinkEvent,
    NotSent,
    OrderReport,
    Replace,
    Submit,
    VenueInstrument,
    VenueSnapshot,
)


def open_paper_venue(
    config: PaperVenueConfig, path: Path | None, *, waits: bool = False
) -> "PaperVenue":
    """Open the venue on its file, or on an empty one.

    Parameters
    ----------
    path
        The file; None for a venue in memory, which forgets all when it is closed.
    waits
        Whether submits are answered by `PaperVenue.answer`, several of them behind one wait for
        the disk; otherwise each before `PaperVenue.send` returns.

    Raises
    ------
    Corrupt
        If the file is no store of this version, or damaged.
    """
    passage.load()
    return PaperVenue(config, open_store(path), waits=waits)


class PaperVenue:
    """The paper venue; made by `open_paper_venue`."""

    def __init__(self, config: PaperVenueConfig, store: Store, *, waits: bool) -> None:
        self._config = config
        self._store = store
        self._waits = waits
        # Answers that a killed process would find in the file, and a power cut might not leave.
        self._unsaid: list[StoredEvent] = []
        self._emit: Emit | None = None
        self._outbox = Outbox(store.last_sequence())
        self._account = Account(config, store.account())
        self._filler = Filler(config, self._account, self._outbox)
        self._lanes: dict[str, Lane] = {}
        self._rolls = Rolls(config, self._account, self._outbox)
        self._calls = MarginCalls(config, self._account, self._outbox)
        self._instruments = venue_instruments(config)
        for order in store.live_orders():
            self._lane(order.symbol).resume(order)
        for symbol, price in self._account.state.prices.items():
            self._lane(symbol).resume_price(*price)

    @property
    def name(self) -> str:
        """Always ``paper``."""
        return VENUE

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        return self._config.account

    @property
    def capabilities(self) -> Capabilities:
        """All types, times and sides."""
        return capabilities(self._config.position_mode)

    @property
    def calls_margin(self) -> bool:
        """Whether it wants to know the account as a whole."""
        return self._config.margin is not None

    def charges(self, symbol: str) -> bool:
        """Say whether holding a pair over a roll costs or earns anything."""
        return self._config.charges(symbol)

    def start(self, emit: Emit) -> None:
        """Begin to report; a venue that has a past says that events may have been missed."""
        self._emit = emit
        emit(
            LinkEvent(
                "orders",
                up=True,
                ts_recv_ns=self._clock_ns(),
                venue=VENUE,
                gap=self._outbox.sequence > 0,
            )
        )

    def stop(self) -> None:
        """Cease to report; idempotent. Orders stay as they are, on disk."""
        if self._emit is not None:
            self.checkpoint()
        self._emit = None

    def close(self) -> None:
        """Stop for good and close the file."""
        self.stop()
        self._store.close()

    def checkpoint(self) -> None:
        """Put on disk what moves without an event: trailing stops, prices, and the last marks.

        A caller that will give the records from here on again after a crash calls it here.
        """
        self._commit()

    def instruments(self) -> Mapping[str, VenueInstrument]:
        """Return every pair by canonical symbol."""
        return self._instruments

    def send(self, command: Command) -> None:
        """Take a command in; a submit is answered now or by `answer`, a request at its time.

        Raises
        ------
        NotSent
            If the venue has not been started.
        Unsupported
            If it has no words for the terms.
        """
        if self._emit is None:
            msg = "the paper venue is not started: call start first"
            raise NotSent(msg)
        if not isinstance(command, Cancel):
            check_supported(
                terms_of(command.order) if isinstance(command, Submit) else command.terms,
                self._config.position_mode,
            )
        self._store.log(command)
        if not isinstance(command, Submit):
            self._request(command)
            self._deliver()
            return
        self._submit(command.order)
        if self._waits:
            self._unsaid += self._commit(is_durable=False)
        else:
            self._deliver()

    def answer(self) -> None:
        """Answer the submits that wait for it, once the disk has all of them."""
        if self._unsaid:
            self._deliver()

    def on_records(self, symbol: str, records: TickArray) -> list[StoredEvent]:
        """Play the next records of a symbol; return what was emitted.

        Parameters
        ----------
        records
            Ticks, heartbeats and switches of the symbol in log order. Their receive times are the
            venue's clock: by them orders expire, requests arrive, providers decide, days roll.
        """
        lane = self._lane(symbol)
        if len(records):
            lane.add(records)
            self._rolls.play(lane)
        events = self._deliver()
        self._store.tidy()
        return events

    def on_mark(self, symbol: str, ts_recv_ns: int, mark: AccountMark) -> list[StoredEvent]:
        """Tell a symbol how the account stood at a mark; return what was emitted.

        Parameters
        ----------
        ts_recv_ns
            Receive time of the record behind which the symbol stands.
        """
        self._calls.on_mark(self._lane(symbol), ts_recv_ns, mark)
        return self._deliver()

    def query(self, order: Order, timeout_s: float) -> OrderReport | None:  # noqa: ARG002 - port
        """Return an order as the venue has it; None if it never arrived."""
        self.answer()
        found = self._store.order(order.client_order_id, order.venue_order_id)
        return None if found is None else found.report()

    def snapshot(self, since: int | None, timeout_s: float) -> VenueSnapshot:  # noqa: ARG002 - port
        """Return the account: open orders, and those touched after ``since``, with their fills.

        Its money is the owner's to count.
        """
        self.answer()
        after = since or 0
        orders = [*self._store.live_orders(), *self._store.orders_after(after)]
        reports = {order.venue_order_id: order.report() for order in orders}
        events = self._store.events_after(after)
        return VenueSnapshot(
            account=self.account,
            currency=self._config.currency,
            ts_event_ns=self._clock_ns(),
            orders=tuple(reports.values()),
            executions=tuple(
                e for e in events if isinstance(e, OrderEvent) and e.kind == EventKind.FILL
            ),
            positions=self._account.positions(),
            last_sequence=self._outbox.sequence,
        )

    def events(self, since: int = 0) -> list[StoredEvent]:
        """Return everything that the venue has said after a place in its events."""
        return self._store.events_after(since)

    def commands(self) -> list[Command]:
        """Return every command ever received, in order of arrival."""
        return self._store.commands()

    def requests(self) -> list[str]:
        """Return the client order id of every submit ever received, in order of arrival."""
        return [c.order.client_order_id for c in self.commands() if isinstance(c, Submit)]

    def _submit(self, order: Order) -> None:
        config, terms, name = self._config, terms_of(order), order.client_order_id
        known = self._store.order(name, "") if name else None
        if known is not None:
            self._outbox.tell_of(
                known, EventKind.REJECT, order.ts_recv_ns, reason=Reason.DUPLICATE_ID, request=0
            )
            return
        live_ns = order.ts_recv_ns + latency_ns(config, name)
        working = WorkingOrder(
            client_order_id=name,
            venue_order_id="po" + digest("order", config.account, name),
            symbol=order.symbol,
            side=order.side,
            terms=terms,
            turn=0,
            live_ns=live_ns,
            from_ns=live_ns,
        )
        reason = refuse(order, config.account) or refusal(config, name)
        if reason is not None:
            working.status, working.reason = "rejected", reason
            self._outbox.tell(working, EventKind.REJECT, live_ns, reason=reason)
            return
        self._lane(order.symbol).open(working)
        self._outbox.tell(working, EventKind.ACK, live_ns)

    def _request(self, command: Cancel | Replace) -> None:
        order = command.order
        name = order.client_order_id
        due_ns = order.ts_recv_ns + latency_ns(self._config, wire_id(name, command.request))
        terms = command.terms if isinstance(command, Replace) else None
        request = Request(due_ns, command.request, terms)
        lane = self._lanes.get(order.symbol)
        working = None if lane is None else lane.find(name)
        if lane is not None and working is not None:
            working.requests = sorted([*working.requests, request], key=lambda r: r.due_ns)
            self._outbox.touch(working)
            # One that was sent too long ago to be waited for has arrived.
            lane.until(lane.clock_ns)
            return
        done = self._store.order(name, order.venue_order_id)
        if done is None:
            self._outbox.tell_unknown(command, due_ns)
            return
        kind = EventKind.CANCEL_REJECT if terms is None else EventKind.REPLACE_REJECT
        self._outbox.tell(done, kind, due_ns, request=request.number, reason=Reason.TOO_LATE)

    def _deliver(self) -> list[StoredEvent]:
        """Put on disk what is new, then say it."""
        if not (self._outbox.events or self._outbox.touched or self._unsaid):
            return []
        events = [*self._unsaid, *self._commit()]
        self._unsaid = []
        if self._emit is not None:
            for event in events:
                self._emit(event)
        return events

    def _commit(self, *, is_durable: bool = True) -> list[StoredEvent]:
        outbox = self._outbox
        for lane in self._lanes.values():
            for order in lane.trailing():
                outbox.touch(order)
        stored = [
            self._lanes[order.symbol].stored(order) if order.symbol in self._lanes else order
            for order in outbox.touched.values()
        ]
        self._account.state.prices = {
            symbol: lane.price for symbol, lane in self._lanes.items() if lane.price is not None
        }
        if is_durable:
            # Where nothing else is new, this is what makes the file wait for the disk.
            self._account.state.said = outbox.sequence
        self._store.commit(outbox.events, stored, self._account.state, is_durable=is_durable)
        return outbox.take()

    def _lane(self, symbol: str) -> Lane:
        lane = self._lanes.get(symbol)
        if lane is None:
            lane = self._lanes[symbol] = Lane(symbol, self._config, self._filler, self._outbox)
        return lane

    def _clock_ns(self) -> int:
        return max((lane.clock_ns for lane in self._lanes.values()), default=0)
