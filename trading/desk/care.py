"""Care of a live account: doubts are asked about, gaps are read up, differences halt.

A start and a lost connection go the same way: take the venue's whole record, reconcile, and only
when book and venue agree is the account ready. What nothing explains halts it; nothing is ever
traded away.
"""

from collections.abc import Callable

from domain.control import ControlEvent, TradingState
from domain.nanos import SECOND_NS
from domain.order_events import OrderEvent
from trading.desk.desk import Desk
from trading.desk.ports import Door
from trading.orders.doubt import DoubtConfig, Doubts
from trading.orders.reconcile import Reconciliation, reconcile
from trading.risk.control import Controls, lowered
from trading.venues import AccountCharge, LinkEvent, VenueSnapshot

RETRY_NS = SECOND_NS
"""Distance of two requests for the venue's record while one is wanted."""


class Care:
    """Looks after the orders and the link of one live account.

    Parameters
    ----------
    desk, door
        Of the account.
    venue
        Its short name.
    controls
        Gives the trading states as they are.
    say
        Told what a person should know.
    sequence
        Last event of the venue that the journal knows; None where it has no order of events.
    begin
        Told the first whole record, before the account may be ready.
    doubts
        When to ask about an order in doubt.
    compares_prices
        Whether entry prices are compared with the venue's: the book knows the average of a netted
        position alone.
    """

    def __init__(
        self,
        desk: Desk,
        door: Door,
        venue: str,
        controls: Callable[[], Controls],
        say: Callable[[str], None],
        sequence: int | None,
        begin: Callable[[VenueSnapshot], None],
        doubts: DoubtConfig | None = None,
        *,
        compares_prices: bool = True,
    ) -> None:
        self.ready = False
        """Whether book and venue agreed when last compared, and the link is up and without a gap
        since."""
        self._desk = desk
        self._door = door
        self._venue = venue
        self._controls = controls
        self._say = say
        self._doubts = Doubts(doubts)
        self._asked_ns: int | None = None
        self._sequence = sequence
        self._begin = begin
        self._compares_prices = compares_prices
        self._has_begun = False
        self._has_gap = False
        self._is_up = True
        self._broken_ns = 0

    def believe(self, event: OrderEvent) -> OrderEvent | None:
        """Say whether "not found" may be believed by now; see `trading.orders.doubt`."""
        name = event.client_order_id
        if name not in self._desk.book:
            return None
        heard_ns = self._desk.book[name].ts_own_ns
        return self._doubts.denied(name, event.ts_recv_ns, heard_ns)

    def on_clock(self, now_ns: int) -> list[AccountCharge]:
        """Do what is due, on the clock of the venue's receive times; return new charges."""
        desk = self._desk
        desk.pump()
        desk.tick(now_ns)
        reports, desk.reports = desk.reports, []
        charges: list[AccountCharge] = []
        for report in reports:
            if isinstance(report, VenueSnapshot):
                self._take(report, now_ns)
            elif isinstance(report, LinkEvent):
                self._on_link(report, now_ns)
            elif desk.on_charge(report):
                charges.append(report)
        self._doubts.follow({s.order.client_order_id for s in desk.book.in_doubt()}, now_ns)
        for name in self._doubts.ask(now_ns):
            self._door.query(desk.book[name].order)
            desk.wanted_reconcile = True
        if not self.ready or desk.wanted_reconcile:
            self._ask(now_ns)
        return charges

    def settle(self, snapshot: VenueSnapshot, now_ns: int) -> Reconciliation:
        """Reconcile with a record of the venue; halt on what nothing explains."""
        desk = self._desk
        found = reconcile(desk.book, snapshot, self._venue, now_ns)
        for event in found.events:
            desk.on_event(event)
        for note in found.price_notes if self._compares_prices else ():
            self._say(f"entry price differs: {note}")
        if found.differences:
            words = "; ".join(
                f"{d.symbol}: {d.ours_units} here, {d.theirs_units} at {self._venue} ({d.why})"
                for d in found.differences
            )
            self._halt(f"positions differ and nothing explains it: {words}", now_ns)
        if not (found.complete and found.current):
            # It says neither that they agree nor that they do not.
            desk.wanted_reconcile = True
            return found
        self._sequence = snapshot.last_sequence
        if not self._has_begun:
            self._begin(snapshot)
            self._has_begun = True
        self._has_gap = False
        # What was sent after it was asked for it cannot have.
        self._doubts.was_read(min(now_ns, snapshot.ts_event_ns))
        whole = self._is_up and snapshot.ts_event_ns >= self._broken_ns
        self.ready = found.agrees and (self.ready or whole)
        return found

    def _take(self, snapshot: VenueSnapshot, now_ns: int) -> None:
        self._desk.wanted_reconcile = False
        self.settle(snapshot, now_ns)

    def _on_link(self, event: LinkEvent, now_ns: int) -> None:
        if event.link != "orders":
            return
        self._is_up = event.up
        self._has_gap |= event.gap
        if not event.up or event.gap:
            self.ready = False
            self._broken_ns = event.ts_recv_ns
            for doubt in self._desk.book.lost_answers(now_ns, event.reason or "the link was lost"):
                self._desk.on_event(doubt)
        words = "is back" if event.up else f"is lost ({event.reason})"
        self._say(f"the order link to {self._venue} {words}")

    def _ask(self, now_ns: int) -> None:
        if self._asked_ns is None or now_ns - self._asked_ns >= RETRY_NS:
            self._asked_ns = now_ns
            since, heard = self._sequence, self._desk.last_sequence
            if heard is not None and not self._has_gap:
                # What was heard need not be read: a long life would ask for all of its orders.
                since = max(heard, since or 0)
            self._door.snapshot(since)

    def _halt(self, why: str, now_ns: int) -> None:
        self._say(why)
        event: ControlEvent | None = lowered(
            self._controls(), TradingState.HALTED, "reconcile", now_ns, reason=why
        )
        if event is not None:
            self._desk.keep([event])
