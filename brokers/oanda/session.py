"""A logged-on account: its transactions in order, from answers, stream and catching up.

Everything here runs on one event loop, so that events are given out one after the other and in the
broker's order.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine

import numpy as np

from brokers.clock_check import ClockCheck
from brokers.oanda.config import OandaConfig
from brokers.oanda.documents import instrument_of, trade_of
from brokers.oanda.errors import REASONS
from brokers.oanda.fills import VENUE
from brokers.oanda.intake import Intake
from brokers.oanda.known import KnownOrders
from brokers.oanda.records import Records
from brokers.oanda.rest import Refusal, RestClient
from brokers.oanda.streams import WatchedStream
from brokers.oanda.transactions import Translator
from brokers.oanda.wire import UNREADABLE, Json, integer_of, time_ns
from brokers.oanda.writes import ORDERS, Writes
from brokers.reactions import Reaction
from domain.errors import BadUse, Retry
from trading.venues import Barred, Emit, LinkEvent, VenueInstrument

_log = logging.getLogger(__name__)

_GRACE_S, _GRACE_STEPS = 0.1, 5
"""An answer may overtake the stream. Within this time the stream has brought what came before it;
after it, it is fetched."""


class Session:
    """From logon to logoff.

    Parameters
    ----------
    config
        The account.
    emit
        Takes the events.
    wall_ns
        Clock of this machine, nanoseconds UTC.
    jitter
        Of the waits between attempts to open a stream.
    """

    def __init__(
        self,
        config: OandaConfig,
        emit: Emit,
        wall_ns: Callable[[], int],
        jitter: np.random.Generator,
    ) -> None:
        self._config = config
        self._emit = emit
        self._wall_ns = wall_ns
        self._jitter = jitter
        self._known = KnownOrders()
        self._rest = RestClient(config, self._note_newest, self._circuit_opened)
        self.records = Records(self._rest, config, self._known)
        self._clock = ClockCheck("OANDA", _log.warning)
        self.writes = Writes(
            self._rest,
            config.root,
            self._known,
            take_answer=self._take_answer,
            emit=emit,
            wall_ns=wall_ns,
            clock=self._clock,
        )
        self.instruments: dict[str, VenueInstrument] = {}
        # Both are made anew at the logon, which knows the currency and the newest transaction.
        self._translator = Translator(self._known, "", wall_ns)
        self._intake = Intake(0, self._deliver)
        self._newest = 0
        self._catching_up = asyncio.Lock()
        self._opened = asyncio.Event()
        self._is_gap = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def log_on(self) -> None:
        """Read the account, and open its stream of transactions.

        Raises
        ------
        BadUse
            If the token or the account are refused, or the account is not as configured.
        Retry
            If the broker cannot be reached now.
        """
        try:
            listed = await self._rest.read("account", "/v3/accounts")
            self._check_listed(listed)
            account = await self.records.details()
            self._check_mode(account)
            await self._read_instruments()
            await self._adopt(account)
        except UNREADABLE as error:
            msg = f"OANDA's record of account {self._config.account_id} is unreadable: {error}"
            raise Retry(msg) from error
        except Refusal as refusal:
            msg = f"{refusal}: check the token, and that account {self._config.account_id} is its"
            raise BadUse(msg) from refusal
        self.run(
            WatchedStream(
                self._config,
                f"{self._config.root}/transactions/stream",
                {},
                on_line=self._take_line,
                on_up=self._stream_up,
                on_down=self._stream_down,
                jitter=self._jitter,
            )
        )
        try:
            await asyncio.wait_for(self._opened.wait(), self._config.silence_s)
        except TimeoutError as error:
            msg = "OANDA's stream of transactions does not open: try again later"
            raise Retry(msg) from error

    async def log_off(self) -> None:
        """End the streams and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._rest.close()

    def run(self, stream: WatchedStream) -> None:
        """Keep a stream open until the logoff."""
        self._spawn(stream.run())

    async def catch_up(self, *, is_blind: bool = False) -> None:
        """Fetch every transaction that is missing.

        Parameters
        ----------
        is_blind
            Whether something may be missing that nothing here has heard of.

        Raises
        ------
        Retry
            If it cannot be had now.
        """
        async with self._catching_up:
            if not is_blind and self._newest <= self._intake.last:
                return
            try:
                found, newest = await self.records.transactions_after(self._intake.last)
            except Refusal as refusal:
                msg = f"transactions after {self._intake.last} cannot be read: {refusal}"
                raise Retry(msg) from refusal
            for transaction in found:
                self._intake.offer(transaction)
            self._intake.complete(newest)

    def _check_listed(self, listed: Json) -> None:
        found = {str(account.get("id")): account for account in listed["accounts"]}
        account = found.get(self._config.account_id)
        if account is None:
            msg = f"the token does not open account {self._config.account_id}: use the token of it"
            raise BadUse(msg)
        if account.get("mt4AccountID"):
            msg = (
                f"account {self._config.account_id} is linked to MT4, whose orders break when they "
                "carry our ids: use another account"
            )
            raise BadUse(msg)

    def _check_mode(self, account: Json) -> None:
        mode = self._config.position_mode
        if bool(account.get("hedgingEnabled")) != (mode == "hedging"):
            is_hedging = bool(account.get("hedgingEnabled"))
            msg = (
                f"account {self._config.account_id} is {'' if is_hedging else 'not '}hedging at "
                f"OANDA, and {mode} here: set execution.position_mode as the broker has it"
            )
            raise BadUse(msg)

    async def _read_instruments(self) -> None:
        root, patience_s = self._config.root, self._config.reply_timeout_s
        answer = await self._rest.read("account", f"{root}/instruments")
        names = ",".join(str(document["name"]) for document in answer["instruments"])
        prices = await self._rest.read(
            "pricing", f"{root}/pricing", {"instruments": names}, patience_s
        )
        tradeable = {str(p["instrument"]): bool(p.get("tradeable")) for p in prices["prices"]}
        for document in answer["instruments"]:
            is_tradeable = tradeable.get(str(document["name"]), False)
            found = instrument_of(document, tradeable=is_tradeable)
            if found is not None:
                self.instruments[found.symbol] = found

    async def _adopt(self, account: Json) -> None:
        for trade in account["trades"]:
            self._known.trades[str(trade["id"])] = trade_of(trade)
        for order in account["orders"]:
            self._known.add(await self.records.known_order(order, self._config.reply_timeout_s))
        self._translator = Translator(self._known, str(account["currency"]), self._wall_ns)
        self._intake = Intake(integer_of(account, "lastTransactionID"), self._deliver)

    def _take_line(self, document: Json) -> None:
        if document.get("type") == "HEARTBEAT":
            self._note_newest(integer_of(document, "lastTransactionID"))
        else:
            self._intake.offer(document)
            self._note_newest(integer_of(document, "id"))
        self._close_gap()
        self._clock.heard(time_ns(document), self._wall_ns())

    async def _take_answer(self, answer: Json) -> None:
        """Take in the transactions that an answer to a write holds, and what is missing before."""
        for name, value in answer.items():
            if name.endswith("Transaction") and isinstance(value, dict):
                self._intake.offer(value)
        for _ in range(_GRACE_STEPS):
            if self._newest <= self._intake.last:
                return
            await asyncio.sleep(_GRACE_S / _GRACE_STEPS)
        await self._catch_up_or_say()

    def _note_newest(self, number: int) -> None:
        self._newest = max(self._newest, number)

    def _circuit_opened(self, name: str) -> None:
        if name != ORDERS:
            return
        why = f"requests to {name} fail"
        self._emit(LinkEvent("circuit", False, self._wall_ns(), VENUE, why))
        # Then it lets one order try: that it works again cannot be seen otherwise.
        loop, wait_s = asyncio.get_running_loop(), self._config.breaker_open_s
        loop.call_later(
            wait_s, lambda: self._emit(LinkEvent("circuit", True, self._wall_ns(), VENUE))
        )

    def _close_gap(self) -> None:
        if not self._catching_up.locked() and self._newest > self._intake.last:
            self._spawn(self._catch_up_or_say())

    async def _catch_up_or_say(self) -> None:
        try:
            await self.catch_up()
        except Retry as error:
            # The next heartbeat shows the gap again.
            _log.warning("OANDA: transactions are missing: %s", error)

    async def _stream_up(self) -> None:
        # What happened while nobody listened; only then may anybody rely on the link.
        await self.catch_up(is_blind=True)
        self._emit(LinkEvent("orders", True, self._wall_ns(), VENUE))
        self._opened.set()

    def _stream_down(self, reason: str) -> None:
        self._emit(LinkEvent("orders", False, self._wall_ns(), VENUE, reason))

    def _deliver(self, transaction: Json) -> None:
        try:
            events = self._translator.events(transaction)
        except UNREADABLE as error:
            # Its place in the order is taken all the same; the record of the account holds it.
            _log.error("OANDA transaction %s is unusable: %s", transaction.get("id"), error)
            self._emit(
                LinkEvent("orders", True, self._wall_ns(), VENUE, "unusable transaction", gap=True)
            )
            return
        for event in events:
            self._emit(event)
        self._look_for_bar(transaction)

    def _look_for_bar(self, transaction: Json) -> None:
        """Say so where an order was canceled because of the account itself."""
        answer = REASONS[str(transaction.get("reason"))]
        if transaction.get("type") == "ORDER_CANCEL" and answer.reaction is Reaction.HALT:
            why = f"an order was canceled: {transaction['reason']}"
            self._emit(Barred(answer.reason, why, self._wall_ns(), VENUE))

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        # A stream that nobody watches any more must not look as if it were up.
        _log.error("OANDA: a task broke off: %r", task.exception())
        down = LinkEvent("orders", False, self._wall_ns(), VENUE, "a task broke off", gap=True)
        self._emit(down)
