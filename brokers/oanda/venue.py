"""OANDA v20 as a `trading.venues.Venue`: one account behind a thread with an event loop."""

import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import numpy as np

from brokers.loop import LoopThread
from brokers.oanda.commands import capabilities, check
from brokers.oanda.config import OandaConfig
from brokers.oanda.fills import VENUE
from brokers.oanda.prices import OnTick, PriceTick, price_stream
from brokers.oanda.rest import Refusal
from brokers.oanda.session import Session
from brokers.oanda.wire import UNREADABLE
from brokers.reactions import Reaction
from brokers.rounding import Unshapable, shape
from domain.errors import Halt, Retry
from domain.nanos import SECOND_NS
from domain.orders import Order, OrderTerms, terms_of
from domain.reasons import Reason
from trading.quotes import Quote
from trading.venues import (
    Cancel,
    Capabilities,
    Command,
    Emit,
    NotSent,
    OrderReport,
    Replace,
    Unsupported,
    VenueInstrument,
    VenueSnapshot,
)

_T = TypeVar("_T")

QUOTE_AGE_NS = 2 * SECOND_NS
"""An older price of our own stream says nothing about which side of the market a stop is on."""

_LOGON_STEPS = 6
"""Replies that a logon waits for, one after the other."""


class OandaVenue:
    """One account at OANDA.

    Parameters
    ----------
    config
        Which, and how.
    on_tick
        Takes the prices of ``config.price_symbols``, from the adapter's thread; must not wait.
    wall_ns
        Clock of this machine, nanoseconds UTC; only for receive times and for the age of a quote.
    """

    def __init__(
        self,
        config: OandaConfig,
        on_tick: OnTick | None = None,
        wall_ns: Callable[[], int] = time.time_ns,  # noqa: TID251 - the edge: receive times
    ) -> None:
        self._config = config
        self._on_tick = on_tick
        self._wall_ns = wall_ns
        self._able = capabilities(config.position_mode, config.requests_per_s)
        self._loop: LoopThread | None = None
        self._session: Session | None = None
        self._ticks: dict[str, PriceTick] = {}

    @property
    def name(self) -> str:
        """``oanda``."""
        return VENUE

    @property
    def account(self) -> str:
        """The broker's id of the account."""
        return self._config.account_id

    @property
    def capabilities(self) -> Capabilities:
        """What v20 can do; see `brokers.oanda.commands.capabilities`."""
        return self._able

    def start(self, emit: Emit) -> None:
        """Log on; see `trading.venues.Venue.start`."""
        if self._loop is not None:
            return
        loop = LoopThread("oanda")
        try:
            patience_s = self._config.silence_s + _LOGON_STEPS * (
                self._config.read_attempts * self._config.reply_timeout_s
            )
            self._session = loop.call(self._log_on(emit), patience_s)
        except TimeoutError as error:
            loop.stop()
            msg = "the logon at OANDA takes too long: try again later"
            raise Retry(msg) from error
        except BaseException:
            loop.stop()
            raise
        self._loop = loop

    def stop(self) -> None:
        """Log off; see `trading.venues.Venue.stop`."""
        loop, session = self._loop, self._session
        self._loop = self._session = None
        if loop is not None and session is not None:
            loop.call(session.log_off(), self._config.reply_timeout_s)
            loop.stop()

    def instruments(self) -> Mapping[str, VenueInstrument]:
        """Return the currency pairs of the account, as known at the logon."""
        return {} if self._session is None else self._session.instruments

    def send(self, command: Command) -> None:
        """Hand a command to the wire; see `trading.venues.Venue.send`.

        Prices are rounded to v20's grid first, and REPLACED says so. What cannot be, and a quantity
        off the grid, is answered by a refusal: an order for other units than the book's would
        never be whole.
        """
        loop, session = self._loop, self._session
        if loop is None or session is None:
            msg = "the OANDA venue is not started"
            raise NotSent(msg)
        order = command.order
        terms = command.terms if isinstance(command, Replace) else terms_of(order)
        if not isinstance(command, Cancel):
            check(order, terms, self._able)
            try:
                terms = self._shaped(order, terms)
            except Unshapable as error:
                loop.spawn(_refuse(session, command, error))
                return
        future = loop.spawn(session.writes.carry_out(command, terms))
        future.add_done_callback(lambda done: _see_to(session, command, done))

    def query(self, order: Order, timeout_s: float) -> OrderReport | None:
        """Return what v20 has of an order now; see `trading.venues.Venue.query`."""
        return self._ask(lambda session: session.records.query(order, timeout_s), timeout_s)

    def snapshot(self, since: int | None, timeout_s: float) -> VenueSnapshot:
        """Return v20's record of the account; see `trading.venues.Venue.snapshot`."""
        now_ns = self._wall_ns()
        # The record may take many reads; a link that is cut must not hold up one of them for long.
        read_s = min(timeout_s, self._config.reply_timeout_s)
        return self._ask(lambda session: session.records.snapshot(since, read_s, now_ns), timeout_s)

    def _ask(self, question: Callable[[Session], Coroutine[Any, Any, _T]], timeout_s: float) -> _T:
        loop, session = self._loop, self._session
        if loop is None or session is None:
            msg = "the OANDA venue is not started"
            raise Retry(msg)
        try:
            return loop.call(question(session), timeout_s)
        except TimeoutError as error:
            msg = f"OANDA did not answer in {timeout_s} s"
            raise Retry(msg) from error
        except Refusal as error:
            if error.answer.reaction == Reaction.HALT:
                msg = f"{error}: check the token, and the account at OANDA"
                raise Halt(msg) from error
            raise Retry(str(error)) from error
        except UNREADABLE as error:
            msg = f"OANDA's answer cannot be read: {error}"
            raise Retry(msg) from error

    async def _log_on(self, emit: Emit) -> Session:
        jitter = np.random.default_rng(self._config.seed)
        session = Session(self._config, emit, self._wall_ns, jitter)
        try:
            await session.log_on()
        except BaseException:
            await session.log_off()
            raise
        if self._config.price_symbols:
            session.run(
                price_stream(
                    self._config,
                    self._config.price_symbols,
                    on_tick=self._take_tick,
                    on_link=emit,
                    wall_ns=self._wall_ns,
                    jitter=jitter,
                )
            )
        return session

    def _take_tick(self, tick: PriceTick) -> None:
        self._ticks[tick.symbol] = tick
        if self._on_tick is not None:
            self._on_tick(tick)

    def _shaped(self, order: Order, terms: OrderTerms) -> OrderTerms:
        shaped = shape(terms, order.side, self._instrument(order), self._quote(order.symbol))
        if shaped.quantity_units != terms.quantity_units:
            msg = f"{terms.quantity_units} units of {order.symbol} are off OANDA's grid"
            raise Unshapable(Reason.BAD_QUANTITY, msg)
        return shaped

    def _quote(self, symbol: str) -> Quote | None:
        tick = self._ticks.get(symbol)
        if tick is None or self._wall_ns() - tick.ts_recv_ns > QUOTE_AGE_NS:
            return None
        return Quote(tick.bid, tick.ask)

    def _instrument(self, order: Order) -> VenueInstrument:
        found = self.instruments().get(order.symbol)
        if found is None:
            msg = f"OANDA does not trade {order.symbol} on account {self.account}"
            raise Unsupported(msg)
        return found


async def _refuse(session: Session, command: Command, error: Unshapable) -> None:
    session.writes.refuse(command, error.reason, str(error))


def _see_to(session: Session, command: Command, done: "Future[None]") -> None:
    if done.cancelled():
        return
    error = done.exception()
    if error is not None:
        session.writes.give_up(command, error)
