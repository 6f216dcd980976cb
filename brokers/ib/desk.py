"""The side of the adapter that runs on its event loop: commands out, what TWS tells in."""

import asyncio
from collections import Counter
from collections.abc import Callable

import ib_async

from brokers.ib.commissions import Commissions
from brokers.ib.contracts import contract, venue_instrument
from brokers.ib.errors import Notice, answer
from brokers.ib.link import Link
from brokers.ib.order_ids import OrderIds
from brokers.ib.reports import Record, record
from brokers.ib.rows import ExecutionRow, MoneyRow, OrderRow, PositionRow, StatusRow
from brokers.ib.session import Session
from brokers.ib.settings import IbSettings
from brokers.ib.terms import to_ib
from brokers.ib.tracked import INACTIVE, Tracked
from brokers.ib.tracker import Tracker
from brokers.reactions import Reaction
from domain.errors import BadUse
from domain.nanos import DAY_NS
from domain.order_events import EventKind, OrderEvent
from domain.orders import terms_of
from domain.reasons import Reason
from trading.venues import Barred, Cancel, Command, Replace, Submit, VenueEvent, VenueInstrument

VENUE = "ib"

_INACTIVE_S = 0.5
"""After ``Inactive`` TWS may still send the error that says why; without one the order is held."""

_FILLS_S = 1.0
"""Executions may lag behind the state that counts them; after this they are asked for."""


class Desk:
    """Sends commands and turns what TWS tells into events. A `brokers.ib.listening.Listener`.

    Parameters
    ----------
    settings
        Account and gateway.
    emit
        Takes the events.
    wall_ns
        Clock of receive times, time-outs of a day, and the reset window.
    """

    def __init__(
        self,
        settings: IbSettings,
        emit: Callable[[VenueEvent], None],
        wall_ns: Callable[[], int],
    ) -> None:
        self._settings, self._emit, self._wall_ns = settings, emit, wall_ns
        self.tracker = Tracker(settings.client_id, VENUE)
        self.link = Link(settings, self, self._recover, emit, wall_ns)
        self.instruments: dict[str, VenueInstrument] = {}
        self.notices: Counter[int] = Counter()
        self._commissions = Commissions(VENUE)
        name = f"{settings.account}-{settings.client_id}"
        self._order_ids = OrderIds(settings.folder, name)
        # What was there before the start is the snapshot's to tell.
        self._quiet = True

    async def open(self) -> None:
        """Log on, read contracts and orders of earlier lives; see `Link.open` for errors."""
        await self.link.open()
        await self._read_instruments()
        self._quiet = False

    async def close(self) -> None:
        """Log off; what had no answer is in doubt."""
        await self.link.close()
        self._pass(self.tracker.cut(self._wall_ns()))

    def write(self, command: Command, *, is_rounded: bool = False) -> None:
        """Put a command on the wire; what cannot be put there is refused by an event.

        Parameters
        ----------
        is_rounded
            Whether its terms are others than the book's: a submit is then followed by REPLACED.
        """
        if isinstance(command, Submit):
            self._submit(command, is_rounded=is_rounded)
            return
        one = self.tracker.find(command.order)
        refusal = self._unreachable(one)
        if one is None or refusal is not None:
            self._pass([self._refusal(command, refusal or Reason.NOT_FOUND)])
            return
        if isinstance(command, Cancel):
            self.tracker.cancel_asked(one, command.request)
            self._put(one, command.request, lambda: self._session.cancel(one.key.order_id))
            return
        order = to_ib(command.order, command.terms, self._settings)
        pair = contract(command.order.symbol)
        self.tracker.replace_asked(one, command.request, command.terms)
        self._put(one, command.request, lambda: self._session.place(one.key.order_id, pair, order))

    def broken(self, command: Command, error: Exception) -> None:
        """Take a failure that nobody foresaw: the command is in doubt, and no order leaves now."""
        now_ns, order = self._wall_ns(), command.order
        request = 0 if isinstance(command, Submit) else command.request
        unknown = EventKind.SEND_UNKNOWN
        event = OrderEvent(unknown, order.client_order_id, now_ns, now_ns, VENUE, request=request)
        self._emit(event)
        self.link.halt(f"{error!r}")

    async def record(self) -> Record:
        """Return what TWS has of the account: open orders, those that ended today, executions.

        Waits for the link where that is down.

        Raises
        ------
        Retry
            If TWS cannot say, or its word counts for nothing now.
        """
        await self.link.until_up()
        return await self._read()

    async def positions(self) -> list[PositionRow]:
        """Return the virtual positions of all accounts."""
        return await self._session.positions()

    async def money(self) -> list[MoneyRow]:
        """Return the account values of all accounts."""
        return await self._session.money()

    def lacks(self, found: Record) -> bool:
        """Say whether an order that was open is nowhere any more, soon after a reconnect."""
        seen = {row.key.perm_id for row in found.orders}
        orders = self.tracker.open_orders()
        return self.link.settling and any(one.key.perm_id not in seen for one in orders)

    # What TWS tells.

    def on_order(self, row: OrderRow) -> None:
        """Take an ``openOrder``."""
        if row.key.client_id == self._settings.client_id:
            self._order_ids.raise_to(row.key.order_id + 1)
        if row.account == self._settings.account and row.symbol:
            self._pass(self.tracker.order_row(row, self._wall_ns()))

    def on_status(self, row: StatusRow) -> None:
        """Take an ``orderStatus``."""
        self._pass(self.tracker.status_row(row, self._wall_ns()))
        one = self.tracker.find_key(row.key)
        if one is None or one.closed:
            return
        if row.status == INACTIVE:
            self._later(_INACTIVE_S, lambda: self._settle_inactive(one))
        if one.reported_units > one.filled_units:
            self._later(_FILLS_S, lambda: self._ask_for_fills(one))

    def on_execution(self, row: ExecutionRow) -> None:
        """Take an ``execDetails``."""
        if row.account == self._settings.account and row.symbol:
            self._pass(self.tracker.execution(row, self._wall_ns()))
            for charge in self._commissions.execution(row):
                self._emit(charge)

    def on_commission(self, report: ib_async.CommissionReport) -> None:
        """Take a ``commissionReport``."""
        for charge in self._commissions.report(report):
            self._emit(charge)

    def on_notice(self, notice: Notice) -> None:
        """Take an ``errMsg``."""
        self.notices[notice.code] += 1
        self._pass(self.tracker.notice(notice, self._wall_ns()))
        self.link.notice(notice.code)
        told = answer(notice)
        if told.reaction is Reaction.HALT:
            why = f"{notice.code}: {notice.text}"
            self.link.halt(why)
            self._emit(Barred(told.reason, why, self._wall_ns(), VENUE))

    def on_price(self, request: int, tick_type: int, price: float, size: float) -> None:
        """Take nothing: prices have a session of their own."""

    def on_cut(self, reason: str) -> None:
        """Take a cut: every command without an answer is in doubt."""
        self._pass(self.tracker.cut(self._wall_ns()))
        self.link.cut(reason)

    # How.

    @property
    def _session(self) -> Session:
        return self.link.session

    def _submit(self, command: Submit, *, is_rounded: bool) -> None:
        order, terms = command.order, terms_of(command.order)
        order_id = self._order_ids.take()
        one = self.tracker.submitted(order_id, order, terms, self._wall_ns())
        one.is_rounded = is_rounded
        made, pair = to_ib(order, terms, self._settings), contract(order.symbol)
        self._put(one, 0, lambda: self._session.place(order_id, pair, made))

    def _put(self, one: Tracked, request: int, write: Callable[[], None]) -> None:
        try:
            write()
        except ConnectionError:
            self._pass(self.tracker.not_sent(one, request, self._wall_ns()))
            return
        self._later(self._settings.answer_timeout_s, lambda: self._give_up(one, request))

    def _unreachable(self, one: Tracked | None) -> Reason | None:
        if one is None:
            return Reason.NOT_FOUND
        # TWS lets a client touch none but its own orders.
        own = one.key.client_id == self._settings.client_id and one.key.order_id > 0
        return None if own else Reason.UNSUPPORTED

    def _refusal(self, command: Cancel | Replace, reason: Reason) -> OrderEvent:
        cancel, now_ns = isinstance(command, Cancel), self._wall_ns()
        return OrderEvent(
            EventKind.CANCEL_REJECT if cancel else EventKind.REPLACE_REJECT,
            command.order.client_order_id,
            now_ns,
            now_ns,
            venue=VENUE,
            venue_order_id=command.order.venue_order_id,
            request=command.request,
            reason=reason,
            unknown_order=reason is Reason.NOT_FOUND,
        )

    def _give_up(self, one: Tracked, request: int) -> None:
        self._pass(self.tracker.unanswered(one, request, self._wall_ns(), Reason.OTHER))

    def _settle_inactive(self, one: Tracked) -> None:
        self._pass(self.tracker.settle_inactive(one, self._wall_ns()))

    async def _recover(self) -> None:
        self._order_ids.raise_to(self._session.proposed_order_id)
        day_ago_ns = self._wall_ns() - DAY_NS
        self.tracker.forget_closed(day_ago_ns)
        self._commissions.forget(day_ago_ns)
        await self._read()

    async def _read(self) -> Record:
        session = self._session
        # Executions before ended orders: an order then ends with all of its fills.
        orders = await session.open_orders()
        executions = await session.executions()
        completed = await session.completed_orders()
        found = record(self._settings.account, orders, completed, executions)
        for row in found.completed:
            self._pass(self.tracker.completed(row, self._wall_ns()))
        return found

    async def _read_instruments(self) -> None:
        for symbol in self._settings.symbols:
            for details in await self._session.details(contract(symbol)):
                made = venue_instrument(details, self._settings)
                if made is not None:
                    self.instruments[made.symbol] = made
        missing = sorted(set(self._settings.symbols) - set(self.instruments))
        if missing:
            msg = f"IB knows no currency pair {', '.join(missing)}: take it out of the symbols"
            raise BadUse(msg)

    def _ask_for_fills(self, one: Tracked) -> None:
        if self._session.is_up and one.reported_units > one.filled_units:
            self.link.read_again()

    @staticmethod
    def _later(seconds: float, act: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, act)

    def _pass(self, events: list[OrderEvent]) -> None:
        if not self._quiet:
            for event in events:
                self._emit(event)
