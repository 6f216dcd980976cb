"""A FIX counterparty without a will of its own: the test reads and writes every message."""

import select
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from testkit.venues.fix.wire import Pairs, frame, split, utc_now

_TIMEOUT_S = 5.0
"""How long an expected message may take before the script is wrong."""

Message = dict[int, str]


class ScriptedCounterparty:
    """The accepting side of one session.

    Attributes
    ----------
    received
        Every message of the adapter, over all connections, in order.
    next_seq
        Number of the next message that we send; a script may set it to make a gap.
    """

    def __init__(self, own: str = "LP", other: str = "AIFX") -> None:
        self._own, self._other = own, other
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(_TIMEOUT_S)
        self._line: socket.socket | None = None
        self._buffer = b""
        self._unread: list[Message] = []
        self.received: list[Message] = []
        self.next_seq = 1

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.getsockname()[1])

    def accept(self) -> Message:
        """Take a connection and return the Logon (A) that opens it."""
        self.hang_up()
        self._line, _ = self._server.accept()
        # Two small messages in a row would otherwise wait 40 ms for each other.
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.expect("A")

    def log_on(self, reset: bool = False, heartbeat_s: int = 30) -> Message:
        """Take a connection and answer its Logon; return it."""
        logon = self.accept()
        if reset:
            self.next_seq = 1
        flag = [(141, "Y")] if reset else []
        self.send("A", [(98, "0"), (108, str(heartbeat_s)), *flag])
        return logon

    def send(
        self,
        kind: str,
        fields: Pairs = (),
        seq: int | None = None,
        dup: bool = False,
        resend: bool = False,
        checksum_offset: int = 0,
        sent_at: str = "",
        first_sent_at: str | None = None,
    ) -> int:
        """Send a message and return its number.

        Parameters
        ----------
        seq
            MsgSeqNum (34); None for the next one, which then counts on.
        dup, resend
            PossDupFlag (43=Y, with OrigSendingTime), PossResend (97=Y).
        checksum_offset
            See `wire.frame`.
        sent_at, first_sent_at
            SendingTime (52) and OrigSendingTime (122) as FIX writes them; by default now. An empty
            OrigSendingTime is left out.
        """
        number = self.next_seq if seq is None else seq
        if seq is None:
            self.next_seq += 1
        now = sent_at or utc_now()
        first = now if first_sent_at is None else first_sent_at
        flags = [(43, "Y"), *([(122, first)] if first else [])] if dup else []
        flags += [(97, "Y")] if resend else []
        head = [(35, kind), (34, str(number)), (49, self._own), (52, now), (56, self._other)]
        self._connected().sendall(frame([*head, *flags, *fields], checksum_offset))
        return number

    def expect(self, kind: str) -> Message:
        """Return the next message of a type; others before it stay in `received` only."""
        found = self.next_where(lambda message: message[35] == kind)
        if found is None:
            msg = f"no message of type {kind} within {_TIMEOUT_S:g} s"
            raise TimeoutError(msg)
        return found

    def next_where(self, wanted: Callable[[Message], bool]) -> Message | None:
        """Return the next message that is wanted, None if none comes or the line is cut."""
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            while self._unread:
                message = self._unread.pop(0)
                if wanted(message):
                    return message
            if time.monotonic() > deadline or not self._read():
                return None

    def is_cut(self) -> bool:
        """Read on until the adapter has closed the connection; say whether it did."""
        deadline = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < deadline:
            if not self._read():
                return True
        return False

    def hang_up(self) -> None:
        """Cut the connection without a word."""
        if self._line is not None:
            self._line.close()
            self._line = None
        self._buffer = b""
        self._unread.clear()

    def close(self) -> None:
        """Stop listening."""
        self.hang_up()
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _connected(self) -> socket.socket:
        if self._line is None:
            msg = "the script has accepted no connection"
            raise RuntimeError(msg)
        return self._line

    def _read(self) -> bool:
        line = self._connected()
        ready, _, _ = select.select([line], [], [], 0.05)
        if not ready:
            return True
        try:
            data = line.recv(65_536)
        except ConnectionResetError:
            return False
        messages, self._buffer = split(self._buffer + data)
        self.received += messages
        self._unread += messages
        return bool(data)
