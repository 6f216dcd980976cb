"""Keeping a gateway connected: logons with jittered pauses, lost servers, the daily reset."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal

import numpy as np

from brokers.backoff import Backoff
from brokers.ib.errors import LINK_LOST, LINK_RESTORED, PRICES_LOST, PRICES_RESTORED
from brokers.ib.listening import Listener
from brokers.ib.reset_window import in_reset
from brokers.ib.session import Session
from brokers.ib.settings import IbSettings
from domain.errors import BadUse, Retry
from domain.nanos import SECOND_NS
from trading.venues import LinkEvent

RESET_REASON = "daily_reset"


class Link:
    """Owns the session, and says whether commands may be sent. Runs on one event loop.

    Parameters
    ----------
    settings
        Where the gateway is, and when it resets.
    listener
        Of every session.
    recover
        Reads again what may have been missed; called with each new connection before it counts as
        up. ``Retry`` and ``ConnectionError`` mean: not yet.
    say
        Takes the link's ups and downs.
    wall_ns
        Clock.
    which
        What the connection is for.
    """

    def __init__(
        self,
        settings: IbSettings,
        listener: Listener,
        recover: Callable[[], Awaitable[None]],
        say: Callable[[LinkEvent], None],
        wall_ns: Callable[[], int],
        which: Literal["orders", "prices"] = "orders",
    ) -> None:
        self._settings, self._listener = settings, listener
        self._recover, self._say, self._wall_ns = recover, say, wall_ns
        self._which: Literal["orders", "prices"] = which
        # Of many programs at one gateway each has a client id of its own.
        self._backoff = Backoff(
            settings.reconnect_s,
            settings.longest_reconnect_s,
            np.random.default_rng(settings.client_id),
        )
        self.session = Session(listener)
        self.up = False
        self.reconnected_ns: int | None = None
        self._servers_lost = False
        self._halted = ""
        self._became_up = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def in_reset(self) -> bool:
        """Whether the daily reset is on."""
        settings = self._settings
        return in_reset(self._wall_ns(), settings.reset_from, settings.reset_until)

    @property
    def settling(self) -> bool:
        """Whether the gateway came back so lately that what it lacks may still appear."""
        if self.reconnected_ns is None:
            return False
        return self._wall_ns() < self.reconnected_ns + int(self._settings.settle_s * SECOND_NS)

    async def open(self) -> None:
        """Log on for the first time.

        Raises
        ------
        BadUse, Retry
            As `Session.open`; `BadUse` too if the account is not the gateway's.
        """
        if self.in_reset:
            ends = self._settings.reset_until
            msg = f"the daily reset of IB is on until {ends:%H:%M} New York: try again then"
            raise Retry(msg)
        await self._logon()
        await self._recover()
        self._spawn(self._watch())
        self._tell(up=True, reason="")

    async def close(self) -> None:
        """Log off and stop watching."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.session.close()
        self.up = False

    async def until_up(self) -> None:
        """Wait until the link is up; for ever if it never is.

        Raises
        ------
        Retry
            At once while the daily reset is on, or if only a person can mend the link.
        """
        if self.in_reset or self._halted:
            msg = f"IB cannot say now: {self._halted or 'its daily reset is on'}"
            raise Retry(msg)
        await self._became_up.wait()

    def halt(self, reason: str) -> None:
        """Count as down until the process starts anew: only a person can mend it."""
        self._halted = reason
        self._tell(up=False, reason=reason)

    def cut(self, reason: str) -> None:
        """Begin to log on again after a cut."""
        self._tell(up=False, reason=reason, gap=True)
        self._spawn(self._return())

    def read_again(self) -> None:
        """Read orders and executions anew, beside whatever else goes on."""
        self._spawn(self._restored("read again"))

    def notice(self, code: int) -> None:
        """Take a code about the gateway's own connection to the broker."""
        lost, restored = LINK_LOST, LINK_RESTORED
        if self._which == "prices":
            lost, restored = lost | PRICES_LOST, restored | PRICES_RESTORED
        if code in lost:
            self._servers_lost = True
            self._tell(up=False, reason=str(code), gap=True)
        elif code in restored and self._servers_lost:
            self._servers_lost = False
            self._spawn(self._restored(str(code)))

    async def _logon(self) -> None:
        settings = self._settings
        self.session = Session(self._listener)
        where = (settings.host, settings.port, settings.client_id)
        await self.session.open(*where, settings.logon_timeout_s)
        self._servers_lost = False
        if settings.account not in self.session.accounts:
            self.session.close()
            msg = (
                f"account {settings.account} is not managed by the gateway at "
                f"{settings.host}:{settings.port}: log it on with that account, or name another"
            )
            raise BadUse(msg)

    async def _return(self) -> None:
        failures = 1
        while True:
            await asyncio.sleep(self._backoff.wait_s(failures))
            try:
                await self._logon()
            except Retry:
                failures += 1
                continue
            except BadUse as error:
                self.halt(str(error))
                return
            self.reconnected_ns = self._wall_ns()
            await self._restored("reconnected")
            return

    async def _restored(self, reason: str) -> None:
        session = self.session
        failures = 0
        while session.is_up and session is self.session and not self._servers_lost:
            try:
                async with asyncio.timeout(self._settings.logon_timeout_s):
                    await self._recover()
            except (Retry, ConnectionError, TimeoutError):
                failures += 1
                await asyncio.sleep(self._backoff.wait_s(failures))
                continue
            if not self.in_reset:
                self._tell(up=True, reason=reason, gap=True)
            return

    async def _watch(self) -> None:
        was_in_reset = self.in_reset
        while True:
            await asyncio.sleep(self._settings.watch_s)
            now_in_reset = self.in_reset
            if now_in_reset and not was_in_reset:
                self._tell(up=False, reason=RESET_REASON)
            elif was_in_reset and not now_in_reset:
                self.reconnected_ns = self._wall_ns()
                await self._restored(RESET_REASON)
            was_in_reset = now_in_reset

    def _tell(self, *, up: bool, reason: str, gap: bool = False) -> None:
        up = up and not self._halted
        if up == self.up:
            return
        self.up = up
        if up:
            self._became_up.set()
        else:
            self._became_up.clear()
        self._say(LinkEvent(self._which, up, self._wall_ns(), "ib", self._halted or reason, gap))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
