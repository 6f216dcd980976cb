"""The QuickFIX engine behind typed calls: the only place that imports it.

An exception that leaves one of the engine's callbacks ends the process on the spot, so none may:
what goes wrong in a handler is handed to `Handler.on_fault`.
"""

import logging
import re
import signal
import threading
from collections.abc import Callable
from typing import Any, Protocol

from brokers.fix.config import FixConfig
from brokers.fix.messages import SOH, FixMessage, parse
from brokers.fix.tags import MsgType, Tag
from domain.errors import BadUse, Retry
from trading.venues import NotSent

_on_interrupt = signal.getsignal(signal.SIGINT)
try:
    import quickfix
except ModuleNotFoundError as error:
    msg = "FIX needs the QuickFIX engine, which is not installed: pip install 'aifx[fix]'"
    raise BadUse(msg) from error
# Loading it puts the default action in the place of whatever handles SIGINT, so that Ctrl-C would
# end the process without a word. Only the main thread can put it back.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, _on_interrupt)

_BEGIN_STRING = "FIX.4.4"

_log = logging.getLogger(__name__)
_SECRET_TAGS = (Tag.PASSWORD, Tag.NEW_PASSWORD, Tag.RAW_DATA)
_SECRETS = re.compile(f"{SOH}({'|'.join(str(int(tag)) for tag in _SECRET_TAGS)})=[^{SOH}]*")


class Handler(Protocol):
    """Who is told what happens on the session; all calls come while the engine runs a step."""

    def on_logon(self) -> None:
        """Take note that both sides are logged on."""

    def on_logout(self) -> None:
        """Take note that the session is over, or that an attempt at one failed."""

    def on_message(self, message: FixMessage) -> None:
        """Take an application message or an administrative one."""

    def on_fault(self, error: Exception) -> None:
        """Take note of a message that could not be handled: it is lost to this session."""


class Connection:
    """One session from connect to disconnect; made anew for every session of the schedule.

    Parameters
    ----------
    config
        The session.
    handler
        Who is told.
    address
        Host and port to dial: the counterparty's, or a tunnel's.
    from_one
        Begin with sequence numbers 1, without telling the other side: it does the same.
    """

    def __init__(
        self, config: FixConfig, handler: Handler, address: tuple[str, int], *, from_one: bool
    ) -> None:
        self._name = quickfix.SessionID(_BEGIN_STRING, config.sender, config.target)
        if quickfix.Session.doesSessionExist(self._name):
            msg = f"FIX session {config.sender} to {config.target} is already open in this process"
            raise BadUse(msg)
        settings = quickfix.SessionSettings()
        settings.set(self._name, _dictionary(config, address))
        self._callbacks = _Callbacks(config, handler)
        # Held over a send, so that the session is not freed under it. No callback may take it.
        self._sending = threading.RLock()
        try:
            self._initiator = quickfix.SocketInitiator(
                self._callbacks, quickfix.FileStoreFactory(settings), settings
            )
        except quickfix.FIXException as error:
            msg = f"FIX session cannot be set up: {error}"
            raise BadUse(msg) from error
        if from_one:
            session = quickfix.Session.lookupSession(self._name)
            session.setNextSenderMsgSeqNum(1)
            session.setNextTargetMsgSeqNum(1)

    @property
    def has_begun(self) -> bool:
        """Whether a Logon has left on the connection that is there now."""
        session = quickfix.Session.lookupSession(self._name)
        return session is not None and bool(session.sentLogon())

    def step(self) -> None:
        """Connect if need be, read what has come, and send what is due; never waits.

        Raises
        ------
        Retry
            If the engine cannot go on with this connection.
        """
        try:
            self._initiator.poll()
        except quickfix.FIXException as error:
            reason = f"FIX engine: {error}"
            raise Retry(reason) from error

    def send(self, message: FixMessage) -> int:
        """Hand a message to the wire and return its sequence number; callable from any thread.

        Raises
        ------
        NotSent
            If the session is not logged on. Once it was, the message may have left.
        """
        out = _outgoing(message)
        # The engine looks again under its lock; but a refusal there, an exception through the
        # engine, keeps the frames of this thread alive for ever.
        with self._sending:
            left = self._callbacks.is_open and quickfix.Session.sendToTarget(out, self._name)
        if not left:
            reason = f"FIX message {message.kind} not sent: the session is not logged on"
            raise NotSent(reason)
        return int(out.getHeader().getField(int(Tag.MSG_SEQ_NUM)))

    def log_out(self) -> None:
        """Ask for the end of the session; `step` sends the Logout and takes its answer."""
        self._callbacks.closing = True
        session = quickfix.Session.lookupSession(self._name)
        if session is not None:
            session.logout()

    def close(self) -> None:
        """Drop the connection and free the session; nothing may be called afterwards."""
        with self._sending:
            self._callbacks.closing = True
        self._initiator.stop(True)
        # The session is the initiator's: it leaves the engine's registry with it.
        del self._initiator


class _Callbacks(quickfix.Application):  # type: ignore[misc]  # the engine ships no types
    """What the engine calls. Its messages live only as long as the call."""

    def __init__(self, config: FixConfig, handler: Handler) -> None:
        super().__init__()
        self._config = config
        self._handler = handler
        self._logged_on = False
        self.closing = False

    @property
    def is_open(self) -> bool:
        """Whether an application message may leave."""
        return self._logged_on and not self.closing

    def onCreate(self, _session: Any) -> None:  # noqa: N802 - the engine's name
        pass

    def onLogon(self, _session: Any) -> None:  # noqa: N802 - the engine's name
        self._logged_on = True
        self._guarded(self._handler.on_logon)

    def onLogout(self, _session: Any) -> None:  # noqa: N802 - the engine's name
        self._logged_on = False
        self._guarded(self._handler.on_logout)

    def toAdmin(self, message: Any, _session: Any) -> None:  # noqa: N802 - the engine's name
        if message.getHeader().getField(int(Tag.MSG_TYPE)) == MsgType.LOGON:
            self._sign(message)
        self._address(message)
        _trace("out", message)

    def toApp(self, message: Any, _session: Any) -> None:  # noqa: N802 - the engine's name
        # The session's lock is held: it cannot end between this look and the send.
        if not self.is_open:
            raise quickfix.DoNotSend
        self._address(message)
        _trace("out", message)

    def fromAdmin(self, message: Any, _session: Any) -> None:  # noqa: N802 - the engine's name
        self._hand_over(message)

    def fromApp(self, message: Any, _session: Any) -> None:  # noqa: N802 - the engine's name
        self._hand_over(message)

    def _sign(self, logon: Any) -> None:
        if self._config.username:
            logon.setField(int(Tag.USERNAME), self._config.username)
        try:
            secret = self._config.secret().get_secret_value()
        except BadUse:
            # The counterparty refuses the logon; the next one reads the file anew.
            _log.exception("FIX logon without its password")
            return
        if secret:
            logon.setField(int(Tag.PASSWORD), secret)

    def _address(self, message: Any) -> None:
        header = message.getHeader()
        if self._config.sender_sub:
            header.setField(int(Tag.SENDER_SUB_ID), self._config.sender_sub)
        if self._config.target_sub:
            header.setField(int(Tag.TARGET_SUB_ID), self._config.target_sub)

    def _hand_over(self, message: Any) -> None:
        raw = _trace("in", message)
        self._guarded(lambda: self._handler.on_message(parse(raw)))

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - see the module: it would end the process
            self._handler.on_fault(error)


def redacted(raw: str) -> str:
    """Return a message as it may be logged: no passwords, fields parted by ``|``."""
    return _SECRETS.sub(rf"{SOH}\1=***", raw).replace(SOH, "|")


def _trace(direction: str, message: Any) -> str:
    raw = str(message.toString())
    if _log.isEnabledFor(logging.DEBUG):
        _log.debug("%s %s", direction, redacted(raw))
    return raw


def _dictionary(config: FixConfig, address: tuple[str, int]) -> Any:
    """Return the engine's settings of one session.

    No messages are kept to be sent again, neither orders nor the password of the logon: a request
    to resend is answered by a gap fill. Reports are not validated against a dictionary: a fill that
    breaks a rule of form is still a fill, and the translation is strict enough.
    """
    values = {
        "ConnectionType": "initiator",
        "BeginString": _BEGIN_STRING,
        "SenderCompID": config.sender,
        "TargetCompID": config.target,
        "SocketConnectHost": address[0],
        "SocketConnectPort": str(address[1]),
        "SocketNodelay": "Y",
        "HeartBtInt": str(config.heartbeat_s),
        # The link paces the attempts: it lets the engine work in windows shorter than this.
        "ReconnectInterval": "1" if config.reconnect_s else "0",
        "LogonTimeout": str(max(1, round(config.logon_timeout_s))),
        "LogoutTimeout": "2",
        "FileStorePath": str(config.store / "numbers"),
        "NonStopSession": "Y",
        "PersistMessages": "N",
        "ResetOnLogon": "Y" if config.reset_on_logon else "N",
        "UseDataDictionary": "N",
        "ValidateLengthAndChecksum": "Y",
        "TimestampPrecision": "3",
    }
    dictionary = quickfix.Dictionary()
    for key, value in values.items():
        dictionary.setString(key, value)
    return dictionary


def _outgoing(message: FixMessage) -> Any:
    out = quickfix.Message()
    out.getHeader().setField(int(Tag.MSG_TYPE), message.kind)
    for tag, value in message.fields:
        out.setField(tag, value)
    for party in message.parties:
        group = quickfix.Group(int(Tag.NO_PARTY_IDS), int(Tag.PARTY_ID))
        for tag, value in party:
            group.setField(tag, value)
        out.addGroup(group)
    return out
