"""A FIX counterparty on a session of the QuickFIX engine, with a market and faults."""

import queue
import signal
import socket
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

_on_interrupt = signal.getsignal(signal.SIGINT)
import quickfix  # noqa: E402 - loading it takes SIGINT, which is put back below

from testkit.venues.fix.market import Market, Message  # noqa: E402 - see above
from testkit.venues.fix.wire import utc_now  # noqa: E402 - see above

if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, _on_interrupt)

Fault = Literal[
    "delay_reply",
    "drop_reply_after_apply",
    "refuse_connection",
    "disconnect",
    "duplicate_events",
    "reorder_events",
    "restart",
    "partial_fill",
    "reject_next",
]
FAULTS: frozenset[Fault] = frozenset(Fault.__args__)  # type: ignore[attr-defined]  # a Literal's own

_BEGIN, _OWN, _OTHER = "FIX.4.4", "LP", "AIFX"
_DELAY_S = 0.4
"""How long `delay_reply` holds a reply, and `reorder_events` waits for a second one."""
REFUSAL_S = 2.0
"""How long nobody listens after `refuse_connection`, once no session is up."""
_STEP_S = 0.001


class FixAcceptor:
    """One session and one market, from the constructor to `close`.

    Parameters
    ----------
    folder
        Where the session keeps its numbers and messages.
    symbols
        Pairs as they are spelled on the wire.
    """

    def __init__(self, folder: Path, symbols: frozenset[str]) -> None:
        self.market = Market(symbols)
        self.port = _free_port()
        self._folder = folder
        self._lock = threading.RLock()
        self._name = quickfix.SessionID(_BEGIN, _OWN, _OTHER)
        self._faults: set[Fault] = set()
        self._held: list[tuple[float, Message]] = []
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fix-acceptor", daemon=True)
        self._thread.start()
        self._ready.wait(5)

    def quote(self, name: str, bid: Decimal, ask: Decimal) -> None:
        """Move the market of a pair and send what follows from it."""
        with self._lock:
            self._tell(self.market.quote(name, bid, ask, utc_now()))

    def tell(self, report: Message) -> None:
        """Send a report that no request asked for, such as a bust."""
        with self._lock:
            self._tell([report])

    def misbehave(self, what: Fault) -> None:
        """Play a fault: at once for the connection's own, else with the next message."""
        done = threading.Event()
        with self._lock:
            if what == "partial_fill":
                self.market.partial = True
            elif what == "reject_next":
                self.market.reject_next = True
            elif what in {"disconnect", "restart"}:
                self._work.put(lambda: self._play(what, done))
            else:
                self._faults.add(what)
        if what in {"disconnect", "restart"}:
            done.wait(5)

    def take(self, message: Message) -> None:
        """Answer a message of the adapter."""
        with self._lock:
            self._tell(self.market.take(message), reply=True)

    def close(self) -> None:
        """End the session and the thread."""
        self._ending.set()
        self._thread.join(5)

    def _tell(self, reports: list[Message], *, reply: bool = False) -> None:
        now = time.monotonic()
        due = now
        if reply and "delay_reply" in self._faults:
            self._faults.discard("delay_reply")
            due += _DELAY_S
        if reply and "drop_reply_after_apply" in self._faults:
            self._faults.discard("drop_reply_after_apply")
            return
        for report in reports:
            if "duplicate_events" in self._faults:
                self._faults.discard("duplicate_events")
                self._held.append((due, report))
                self._held.append((due, {**report, 97: "Y"}))
            elif "reorder_events" in self._faults:
                self._faults.discard("reorder_events")
                self._held.append((now + _DELAY_S, report))
            else:
                self._held.append((due, report))
        self._release(now)

    def _release(self, now: float) -> None:
        ripe = [report for due, report in self._held if due <= now]
        self._held = [(due, report) for due, report in self._held if due > now]
        for report in ripe:
            quickfix.Session.sendToTarget(_outgoing(report), self._name)

    def _run(self) -> None:
        self._open()
        self._ready.set()
        while not self._ending.wait(_STEP_S):
            while not self._work.empty():
                self._work.get()()
            self._acceptor.poll()
            with self._lock:
                self._release(time.monotonic())
                refuse = "refuse_connection" in self._faults and not self._acceptor.isLoggedOn()
            if refuse:
                self._refuse()
        self._shut()

    def _refuse(self) -> None:
        self._shut()
        self._ending.wait(REFUSAL_S)
        self._faults.discard("refuse_connection")
        self._open()

    def _play(self, what: Fault, done: threading.Event) -> None:
        self._cut()
        if what == "restart":
            self._shut()
            self._open()
        done.set()

    def _cut(self) -> None:
        quickfix.Session.lookupSession(self._name).disconnect()
        self._acceptor.poll()

    def _open(self) -> None:
        settings = quickfix.SessionSettings()
        dictionary = quickfix.Dictionary()
        values = {
            "ConnectionType": "acceptor",
            "SocketAcceptPort": str(self.port),
            "SocketReuseAddress": "Y",
            "SocketNodelay": "Y",
            "FileStorePath": str(self._folder),
            "NonStopSession": "Y",
            "UseDataDictionary": "N",
        }
        for key, value in values.items():
            dictionary.setString(key, value)
        settings.set(self._name, dictionary)
        self._callbacks = _Callbacks(self)
        self._acceptor = quickfix.SocketAcceptor(
            self._callbacks, quickfix.FileStoreFactory(settings), settings
        )

    def _shut(self) -> None:
        self._acceptor.stop(True)
        del self._acceptor


class _Callbacks(quickfix.Application):  # type: ignore[misc]  # the engine ships no types
    """What the engine calls; an error that leaves one ends the process, which a test may see."""

    def __init__(self, owner: FixAcceptor) -> None:
        super().__init__()
        self._owner = owner

    def onCreate(self, _session: Any) -> None:  # noqa: N802 - the engine's name
        pass

    def onLogon(self, _session: Any) -> None:  # noqa: N802 - the engine's name
        pass

    def onLogout(self, _session: Any) -> None:  # noqa: N802 - the engine's name
        pass

    def toAdmin(self, _message: Any, _session: Any) -> None:  # noqa: N802 - the engine's name
        pass

    def toApp(self, _message: Any, _session: Any) -> None:  # noqa: N802 - the engine's name
        pass

    def fromAdmin(self, _message: Any, _session: Any) -> None:  # noqa: N802 - the engine's name
        pass

    def fromApp(self, message: Any, _session: Any) -> None:  # noqa: N802 - the engine's name
        fields: Message = {}
        for piece in message.toString().split("\x01")[:-1]:
            tag, _, value = piece.partition("=")
            fields.setdefault(int(tag), value)
        self._owner.take(fields)


def _outgoing(report: Message) -> Any:
    out = quickfix.Message()
    for tag, value in {**report, 60: utc_now()}.items():
        if tag in {35, 97}:
            out.getHeader().setField(tag, value)
        else:
            out.setField(tag, value)
    return out


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
