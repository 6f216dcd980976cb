"""The thread in which a session lives: it connects, reads, keeps the schedule, and ends.

The engine must not be used from two threads but for sending, so all else happens here, in steps
that do not wait. Its own blocking loop would look at a stop or an end of session once a second.
"""

import logging
import threading
from collections.abc import Callable
from typing import Protocol

import numpy as np

from brokers.backoff import Backoff
from brokers.fix.attempts import Attempts
from brokers.fix.config import FixConfig
from brokers.fix.engine import Connection
from brokers.fix.history import History
from brokers.fix.messages import FixMessage
from brokers.fix.rejections import is_refused_logon
from brokers.fix.schedule import session_start_ns
from brokers.fix.tags import MsgType, Tag
from brokers.fix.tls import LOOPBACK, Tunnel
from domain.errors import AifxError, BadUse, Retry
from domain.ids import digest
from domain.nanos import SECOND_NS
from trading.venues import NotSent

_STEP_S = 0.001
"""Pause between two steps: a report lies unread no longer; an idle link takes 3 % of a core."""

_LOGOUT_STEPS = 2_000
"""How many steps the answer to our Logout may take: about 2 s, then the line is dropped."""

_log = logging.getLogger(__name__)


class Inbox(Protocol):
    """Who takes what comes over the link; called from its thread only."""

    def on_up(self, *, gap: bool) -> None:
        """Take note that commands may be sent; ``gap``: reports may have been missed."""

    def on_down(self, reason: str) -> None:
        """Take note that none may be sent any more."""

    def on_message(self, message: FixMessage) -> None:
        """Take a message of the counterparty."""

    def on_gap(self, reason: str) -> None:
        """Take note that a report may have been missed."""

    def on_step(self, now_ns: int) -> None:
        """Do what is due."""


class Link:
    """One session after the other, from `start` to `stop`; an `engine.Handler`.

    Parameters
    ----------
    config, history, inbox
        The session, what is kept of it, and who listens.
    wall_ns
        Clock of the schedule, nanoseconds UTC.
    """

    def __init__(
        self, config: FixConfig, history: History, inbox: Inbox, wall_ns: Callable[[], int]
    ) -> None:
        self._config = config
        self._history = history
        self._inbox = inbox
        self._wall_ns = wall_ns
        self._connection: Connection | None = None
        jitter = np.random.default_rng(int(digest(config.sender, config.target), 16))
        self._attempts = Attempts(Backoff(config.reconnect_s, config.longest_reconnect_s, jitter))
        self._session: int | None = None
        self._looked_ns: int | None = None
        self._online = threading.Event()
        self._fresh = False
        self._parting = ""
        self._refusal = ""
        self._ending = threading.Event()
        self._settled = threading.Event()
        self._failure: AifxError | None = None
        self._tunnel: Tunnel | None = None
        self._tls_failure = ""
        self._thread = threading.Thread(target=self._run, name="fix", daemon=True)

    def start(self) -> None:
        """Begin, and wait for the first logon.

        Raises
        ------
        BadUse
            If the session cannot be set up, or the counterparty refuses who we are.
        Retry
            If there is no logon in time.
        """
        self._thread.start()
        settled = self._settled.wait(self._config.logon_timeout_s)
        if self._online.is_set():
            return
        self.stop()
        if self._failure is not None:
            raise self._failure
        if settled and self._refusal:
            msg = f"FIX logon refused: {self._refusal}"
            if is_refused_logon(self._refusal):
                raise BadUse(msg)
            raise Retry(msg)
        where = f"{self._config.host}:{self._config.port}"
        msg = f"no FIX logon at {where} in time; {self._tls_failure or 'is it in session?'}"
        raise Retry(msg)

    def stop(self) -> None:
        """Log out and end; idempotent."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def is_up(self, timeout_s: float) -> bool:
        """Say whether the session is up, or came up within a time."""
        return self._online.wait(timeout_s)

    def send(self, message: FixMessage) -> int:
        """Send a message and return its number; see `engine.Connection.send`.

        Raises
        ------
        NotSent
            If the session is not logged on.
        """
        connection = self._connection
        if connection is None:
            msg = f"FIX message {message.kind} not sent: there is no session now"
            raise NotSent(msg)
        return connection.send(message)

    def on_logon(self) -> None:
        """Tell that the session is up."""
        self._online.set()
        self._settled.set()
        self._attempts.up()
        gap, self._fresh = self._fresh or self._config.reset_on_logon, False
        self._inbox.on_up(gap=gap)

    def on_logout(self) -> None:
        """Tell that the session is down, or note why an attempt failed."""
        if self._online.is_set():
            self._online.clear()
            self._attempts.down(self._wall_ns())
            self._inbox.on_down(self._parting or "disconnected")
        elif self._parting:
            self._refusal = self._parting
            self._settled.set()
        self._parting = ""

    def on_message(self, message: FixMessage) -> None:
        """Pass a message on; a jump of the sequence numbers may hide reports."""
        if message.kind == MsgType.LOGOUT:
            self._parting = message.text(Tag.TEXT) or "logged out"
        elif message.kind == MsgType.SEQUENCE_RESET:
            self._inbox.on_gap("sequence_reset")
        else:
            self._inbox.on_message(message)

    def on_fault(self, error: Exception) -> None:
        """Tell that a message was lost on us; the session goes on."""
        _log.error("FIX message not handled: %s", error, exc_info=error)
        self._inbox.on_gap("unreadable_report")

    def _take_tls_failure(self, error: AifxError) -> None:
        # The engine dials again and again; what is new is said once.
        if str(error) != self._tls_failure:
            _log.error("%s", error)
        self._tls_failure = str(error)
        if isinstance(error, BadUse):
            self._failure = error
            self._settled.set()

    def _run(self) -> None:
        config = self._config
        try:
            if config.tls is not None:
                self._tunnel = Tunnel(
                    config.host,
                    config.port,
                    config.tls,
                    config.logon_timeout_s,
                    self._take_tls_failure,
                )
            while not self._ending.wait(_STEP_S):
                now_ns = self._wall_ns()
                self._follow_schedule(now_ns)
                self._step(now_ns)
                self._inbox.on_step(now_ns)
        except AifxError as error:
            self._failure = error
            self._settled.set()
        finally:
            self._end_session()
            if self._tunnel is not None:
                self._tunnel.close()

    def _step(self, now_ns: int) -> None:
        connection = self._connection
        if connection is None:
            return
        under_way = self._online.is_set() or connection.has_begun
        if not self._attempts.may_work(now_ns, under_way=under_way):
            return
        try:
            connection.step()
        except Retry as error:
            _log.exception("FIX session begins anew")
            self._parting = str(error)
            self._end_session()
            self._attempts.down(now_ns)

    def _follow_schedule(self, now_ns: int) -> None:
        if self._looked_ns is not None and 0 <= now_ns - self._looked_ns < SECOND_NS:
            return
        self._looked_ns = now_ns
        config = self._config
        session = session_start_ns(
            config.session, now_ns, config.session_from, config.session_until
        )
        if session != self._session or (session is not None and self._connection is None):
            self._end_session()
            if session is not None:
                self._begin_session(session)
            self._session = session

    def _begin_session(self, start_ns: int) -> None:
        self._fresh = self._history.session_start_ns() != start_ns
        config, tunnel = self._config, self._tunnel
        address = (config.host, config.port) if tunnel is None else (LOOPBACK, tunnel.port)
        self._connection = Connection(config, self, address, from_one=self._fresh)
        self._history.begin_session(start_ns)

    def _end_session(self) -> None:
        connection = self._connection
        if connection is None:
            return
        if self._online.is_set():
            connection.log_out()
            pause = threading.Event()
            for _ in range(_LOGOUT_STEPS):
                connection.step()
                if not self._online.is_set():
                    break
                pause.wait(_STEP_S)
        self._connection = None
        connection.close()
        if self._online.is_set():
            self._online.clear()
            self._inbox.on_down("logout not answered")
