"""Commands on their way: each is sent once, and exactly one event answers it.

A write is never repeated here. What provably did not leave is said to be unsent; what may have
arrived is in doubt until the broker's own record says more.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

import msgspec

from brokers.clock_check import ClockCheck
from brokers.oanda.commands import order_body, specifier
from brokers.oanda.fills import VENUE
from brokers.oanda.known import KnownOrders, Request, Sent
from brokers.oanda.rest import Refusal, RestClient, Uncertain
from brokers.oanda.wire import Json, time_ns
from brokers.reactions import Reaction
from domain.errors import Drop, Halt
from domain.ids import wire_id
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order, OrderTerms, terms_of
from domain.reasons import Reason
from trading.venues import Barred, Cancel, Command, Emit, NotSent, Replace, Submit, Unsent

ORDERS = "orders"
"""Circuit of submits and replaces; cancels have their own."""

_log = logging.getLogger(__name__)

_REFUSED: Mapping[Request, EventKind] = {
    "submit": EventKind.REJECT,
    "cancel": EventKind.CANCEL_REJECT,
    "replace": EventKind.REPLACE_REJECT,
}


class Writes:
    """Sends commands; lives on one event loop.

    Parameters
    ----------
    rest
        How they leave.
    root
        Path of the account.
    known
        Which requests are unanswered, and what the broker calls an order now.
    take_answer
        Takes the transactions of an answer in; events come of it.
    emit, wall_ns
        For events that no transaction makes.
    clock
        Compares the broker's clock with ours.
    """

    def __init__(
        self,
        rest: RestClient,
        root: str,
        known: KnownOrders,
        *,
        take_answer: Callable[[Json], Awaitable[None]],
        emit: Emit,
        wall_ns: Callable[[], int],
        clock: ClockCheck,
    ) -> None:
        self._rest = rest
        self._orders = f"{root}/orders"
        self._known = known
        self._take_answer = take_answer
        self._emit = emit
        self._wall_ns = wall_ns
        self._clock = clock
        self._turns: dict[str, tuple[asyncio.Lock, list[None]]] = {}

    async def carry_out(self, command: Command, terms: OrderTerms) -> None:
        """Send a command, with its terms on the venue's grid, and see that it is answered.

        Commands about one order leave in turn: a cancel that overtook its submit would be told
        that there is no such order.
        """
        order, what, request = _parts(command)
        async with self._turn(order.client_order_id):
            if what == "submit" and self._known.may_exist(order.client_order_id):
                self._refuse_second(order)
                return
            self._known.claim(order.venue_order_id, order.client_order_id)
            self._known.await_answer(order.client_order_id, what, request)
            try:
                sent_ns = self._wall_ns()
                answer = await self._send(command, order, terms, request)
                self._compare_clocks(answer, sent_ns)
                await self._take_answer(answer)
            except asyncio.CancelledError:
                self._doubt(command, "the venue was stopped")
                raise
            except Halt as error:
                self._bar(Reason.NOT_AUTHORISED, str(error))
                self._refuse(command, Reason.NOT_AUTHORISED, str(error))
            except NotSent as error:
                # It is too late to say so by raising.
                self._unsent(command, Reason.DISCONNECTED, str(error))
            except Refusal as refusal:
                await self._refused(command, refusal)
            except Uncertain as error:
                self._doubt(command, str(error))
            else:
                self._doubt(command, "the answer holds no transaction of this request")

    def _compare_clocks(self, answer: Json, sent_ns: int) -> None:
        received_ns = self._wall_ns()
        for value in answer.values():
            if isinstance(value, dict) and "time" in value:
                # What is no time is told where the transaction is taken in.
                with suppress(Drop):
                    self._clock.answered(sent_ns, time_ns(value), received_ns)

    def refuse(self, command: Command, reason: Reason, message: str) -> None:
        """Answer a command that cannot be sent."""
        order, what, request = _parts(command)
        self._known.await_answer(order.client_order_id, what, request)
        self._refuse(command, reason, message)

    def give_up(self, command: Command, error: BaseException) -> None:
        """Answer a command whose sending broke off for a reason that nobody foresaw."""
        self._doubt(command, f"{type(error).__name__}: {error}")

    async def _send(self, command: Command, order: Order, terms: OrderTerms, request: int) -> Json:
        if isinstance(command, Cancel):
            path = f"{self._orders}/{self._name(order, command.previous)}/cancel"
            # A circuit of its own: submits that fail must not hold up the way out.
            return await self._rest.write("cancels", "PUT", path, None)
        asked = command.terms if isinstance(command, Replace) else terms_of(order)
        self._known.note_sent(
            wire_id(order.client_order_id, request), Sent(order, asked=asked, sent=terms)
        )
        body = {"order": order_body(order, terms, request)}
        if isinstance(command, Replace):
            path = f"{self._orders}/{self._name(order, command.previous)}"
            return await self._rest.write(ORDERS, "PUT", path, body)
        return await self._rest.write(ORDERS, "POST", self._orders, body)

    def _name(self, order: Order, previous: int) -> str:
        newest = self._known.newest(order.client_order_id)
        if newest is not None:
            # The book may not have heard yet of the order that took this one's place.
            order = msgspec.structs.replace(order, venue_order_id=newest.venue_order_id)
        return specifier(order, previous)

    async def _refused(self, command: Command, refusal: Refusal) -> None:
        answer = refusal.answer
        if answer.reaction == Reaction.HALT:
            self._bar(answer.reason, str(refusal))
        if refusal.was_not_looked_at:
            self._unsent(command, answer.reason, str(refusal))
            return
        await self._take_answer(refusal.body)
        self._refuse(command, answer.reason, str(refusal))

    def _bar(self, reason: Reason, why: str) -> None:
        _log.error("OANDA bars the account: %s", why)
        self._emit(Barred(reason, why, self._wall_ns(), VENUE))

    def _unsent(self, command: Command, reason: Reason, why: str) -> None:
        order, what, request = _parts(command)
        if self._known.answered(order.client_order_id, what) < 0:
            return
        self._known.take_sent(wire_id(order.client_order_id, request))
        _log.warning("OANDA: %s of %s has not left: %s", what, order.client_order_id, why)
        self._emit(Unsent(command, reason, why, self._wall_ns()))

    def _refuse(self, command: Command, reason: Reason, message: str) -> None:
        order, what, request = _parts(command)
        if self._known.answered(order.client_order_id, what) < 0:
            # A transaction has said it already.
            return
        self._known.take_sent(wire_id(order.client_order_id, request))
        _log.warning("OANDA: %s of %s refused: %s", what, order.client_order_id, message)
        self._emit(
            self._event(
                _REFUSED[what],
                order,
                request,
                reason,
                unknown_order=what != "submit" and reason == Reason.NOT_FOUND,
            )
        )

    def _refuse_second(self, order: Order) -> None:
        """Answer a submit of an id that was sent before: v20 refuses it only while one is pending.

        While the first is in doubt so is the order, and a rejection would call it closed.
        """
        is_there = self._known.newest(order.client_order_id) is not None
        kind = EventKind.REJECT if is_there else EventKind.SEND_UNKNOWN
        _log.warning("OANDA: a second submit of %s does not leave", order.client_order_id)
        self._emit(self._event(kind, order, 0, Reason.DUPLICATE_ID))

    def _doubt(self, command: Command, message: str) -> None:
        order, what, request = _parts(command)
        if self._known.answered(order.client_order_id, what) < 0:
            return
        _log.warning("OANDA: %s of %s in doubt: %s", what, order.client_order_id, message)
        self._emit(self._event(EventKind.SEND_UNKNOWN, order, request, Reason.DISCONNECTED))

    def _event(
        self,
        kind: EventKind,
        order: Order,
        request: int,
        reason: Reason,
        *,
        unknown_order: bool = False,
    ) -> OrderEvent:
        now_ns = self._wall_ns()
        return OrderEvent(
            kind=kind,
            client_order_id=order.client_order_id,
            ts_event_ns=now_ns,
            ts_recv_ns=now_ns,
            venue=VENUE,
            venue_order_id=order.venue_order_id,
            request=request,
            reason=reason,
            unknown_order=unknown_order,
            symbol=order.symbol,
            side=order.side,
        )

    @asynccontextmanager
    async def _turn(self, client_order_id: str) -> AsyncIterator[None]:
        lock, waiting = self._turns.setdefault(client_order_id, (asyncio.Lock(), []))
        waiting.append(None)
        try:
            async with lock:
                yield
        finally:
            waiting.pop()
            if not waiting:
                del self._turns[client_order_id]


def _parts(command: Command) -> tuple[Order, Request, int]:
    if isinstance(command, Submit):
        return command.order, "submit", 0
    what: Request = "cancel" if isinstance(command, Cancel) else "replace"
    return command.order, what, command.request
