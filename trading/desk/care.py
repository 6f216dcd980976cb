"""Care of a live account: doubts are asked about, gaps are read up, differences halt.

A start and a lost connection go the same way: take the venue's whole record, reconcile, and only
when book and venue agree is the account ready. What nothing explains halts it; nothing is ever
traded away. What is known of links, doubts and records leads to a rung of the ladder of readiness.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from domain.control import ControlEvent, TradingState
from domain.nanos import SECOND_NS
from domain.order_events import OrderEvent
from domain.orders import Order
from trading.desk.another_try import refusal_of
from trading.desk.desk import Desk
from trading.desk.ports import Door
from trading.orders.doubt import DoubtConfig, Doubts
from trading.orders.effects import AlertCode
from trading.orders.reconcile import Reconciliation, reconcile
from trading.readiness import Facts, Ladder, Readiness, Rung, causes_of
from trading.risk.control import Controls, lowered
from trading.venues import AccountCharge, Barred, LinkEvent, Unanswered, VenueSnapshot

_WORDS: Mapping[Rung, str] = {
    Rung.READY: "ready",
    Rung.DEGRADED: "degraded",
    Rung.CANCEL_ONLY: "not ready",
    Rung.HALTED: "not ready",
}

RETRY_NS = SECOND_NS
"""Distance of two requests for the venue's record while one is wanted."""


class Compared(NamedTuple):
    """A whole record of the venue, not older than the book, and what comparing them has given."""

    record: VenueSnapshot
    found: Reconciliation


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
        Told the first whole record with which the book agrees, and that it does, before the account
        may be ready; and each with which it does not: the money in it need not be explained.
    now_ns
        When it begins, on the clock of the venue's receive times.
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
        begin: Callable[[VenueSnapshot, bool], None],
        now_ns: int,
        doubts: DoubtConfig | None = None,
        *,
        compares_prices: bool = True,
    ) -> None:
        self.compared: Compared | None = None
        """The last whole record since anything was last amiss, and what came of it."""
        self.silent_ns: int | None = None
        """For how long the log has given no record though it should; None while it does."""
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
        self._matched = False
        self._has_gap = False
        self._is_up = True
        self._broken_ns = 0
        self._agreed = False
        self._why = ""
        self._difference = ""
        self._down: dict[str, str] = {}
        self._has_spoken = False
        self._ladder = Ladder(now_ns)

    @property
    def readiness(self) -> Readiness:
        """Where the account stands on the ladder."""
        return self._ladder.now

    @property
    def ready(self) -> bool:
        """Whether orders may leave, exits at least.

        Book and venue agreed when last compared, the link is up and without a gap since, and
        nothing else holds the account back further than to exits.
        """
        return self._agreed and self.readiness.lets_exits

    @property
    def opens(self) -> bool:
        """Whether orders may leave that open or enlarge a position."""
        return self._agreed and self.readiness.lets_openings

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
            elif isinstance(report, Unanswered):
                self.unanswered(report, now_ns)
            elif isinstance(report, Barred):
                self._on_bar(report.why, now_ns)
            elif isinstance(report, AccountCharge) and desk.on_charge(report):
                charges.append(report)
        self._doubts.follow({s.order.client_order_id for s in desk.book.in_doubt()}, now_ns)
        for name in self._doubts.ask(now_ns):
            self._door.query(desk.book[name].order)
            desk.wanted_reconcile = True
        self._climb(now_ns)
        self._door.resend(now_ns, self._refusal_of)
        if not self._agreed or desk.wanted_reconcile:
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
            self._difference = words
            self._halt(f"positions differ and nothing explains it: {words}", now_ns)
        if not (found.complete and found.current):
            # It says neither that they agree nor that they do not.
            desk.wanted_reconcile = True
            self._why = "the record is not whole, or older than the book"
            self._climb(now_ns)
            return found
        if not found.differences:
            self._difference = ""
        self._sequence = snapshot.last_sequence
        if not (self._matched and found.agrees):
            self._begin(snapshot, found.agrees)
        self._matched = found.agrees
        self.compared = Compared(snapshot, found)
        self._has_gap = False
        # What was sent after it was asked for it cannot have.
        self._doubts.was_read(min(now_ns, snapshot.ts_event_ns))
        whole = self._is_up and snapshot.ts_event_ns >= self._broken_ns
        self._agreed = found.agrees and (self._agreed or whole)
        self._why = "" if self._agreed else "the record was made before the link came back"
        self._climb(now_ns)
        return found

    def _take(self, snapshot: VenueSnapshot, now_ns: int) -> None:
        self._desk.wanted_reconcile = False
        self.settle(snapshot, now_ns)

    def unanswered(self, report: Unanswered, now_ns: int) -> None:
        """Take note of a question without an answer; what will not heal by itself is told."""
        if report.cause == "barred":
            self._on_bar(report.why, now_ns)
        elif report.cause == "defect":
            about = report.client_order_id or "the whole record"
            self._say(f"alert: {AlertCode.QUESTION_FAILED} {about}: {report.why}")
            # What else is wrong nobody knows: the venue's word from after it decides.
            self._break(report.ts_recv_ns)
            self._why = report.why
        elif not report.client_order_id:
            self._why = report.why
        self._climb(now_ns)

    def _on_bar(self, why: str, now_ns: int) -> None:
        self._break(now_ns)
        words = f"{self._venue} bars the account: {why}"
        if words != self._why:
            self._say(f"alert: {AlertCode.BARRED} {self._venue}: {why}")
        self._why = words
        self._lower(words, now_ns)

    def _break(self, ts_ns: int) -> None:
        """Let nothing but cancels leave until a whole record from after a moment agrees."""
        self._agreed = False
        self.compared = None
        self._broken_ns = ts_ns

    def _on_link(self, event: LinkEvent, now_ns: int) -> None:
        if event.up:
            self._down.pop(event.link, None)
        else:
            self._down[event.link] = event.reason or "it was lost"
        if event.link != "orders":
            return
        self._is_up = event.up
        self._has_gap |= event.gap
        if not event.up or event.gap:
            self._why = event.reason
            self._break(event.ts_recv_ns)
            for doubt in self._desk.book.lost_answers(now_ns, event.reason or "the link was lost"):
                self._desk.on_event(doubt)
        words = "is back" if event.up else f"is lost ({event.reason})"
        self._say(f"the order link to {self._venue} {words}")

    def _climb(self, now_ns: int) -> None:
        """Go up or down the ladder as the facts call for, and say so."""
        facts = Facts(
            reconciled=self._agreed,
            not_reconciled_why=self._why,
            link_down=self._down.get("orders", ""),
            prices_down=self._down.get("prices", ""),
            circuit_open=self._down.get("circuit", ""),
            unexplained=self._difference,
            in_doubt=len(self._desk.book.in_doubt()),
            silent_ns=self.silent_ns,
        )
        if self._ladder.step(causes_of(facts), now_ns) and self._has_spoken:
            self.speak()

    def speak(self) -> None:
        """Say where the account stands; from the first time on, whenever that changes."""
        self._has_spoken = True
        words = ": ".join(filter(None, (_WORDS[self.readiness.rung], self.readiness.why)))
        self._say(f"account {self._desk.book.account} at {self._venue} is {words}")

    def _refusal_of(self, order: Order) -> str | None:
        return refusal_of(order, self._desk.book, self._controls(), self.readiness)

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
        self._lower(why, now_ns)

    def _lower(self, why: str, now_ns: int) -> None:
        event: ControlEvent | None = lowered(
            self._controls(), TradingState.HALTED, "reconcile", now_ns, reason=why
        )
        if event is not None:
            self._desk.keep([event])
