"""TLS under a session: the engine, as it is built, speaks plain TCP and nothing else.

It is given a port of this process on loopback; what it says there leaves encrypted, to a
counterparty whose certificate was verified. Nothing turns that verification off.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from brokers.loop import LoopThread
from domain.errors import AifxError, BadUse, Retry

LOOPBACK = "127.0.0.1"
"""Where the engine finds a tunnel."""

_CHUNK = 65_536
_CLOSE_S = 5.0
"""Longest wait for the end of the tunnel's connections."""


@dataclass(frozen=True)
class Tls:
    """Whom to trust, and who we are.

    Attributes
    ----------
    ca_file
        Certificates (PEM) that the counterparty's must be signed by; None for the system's.
    certificate_file, key_file
        Our own certificate with its chain, and its key (PEM, without a passphrase); None where the
        counterparty asks for none.
    server_name
        Name that the counterparty's certificate must be for; empty for the host that is dialled.
    """

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    server_name: str = ""

    def context(self) -> ssl.SSLContext:
        """Return what connections are made with: TLS 1.2 or newer, certificate and name verified.

        Raises
        ------
        BadUse
            If a file cannot be used.
        """
        try:
            made = ssl.create_default_context(cafile=self.ca_file)
            made.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.certificate_file is not None:
                # Asked for a passphrase, the library would read it from the terminal.
                made.load_cert_chain(self.certificate_file, self.key_file, password=_no_passphrase)
        except (OSError, ValueError) as error:
            msg = f"FIX: the files of TLS cannot be used: {error}"
            raise BadUse(msg) from error
        return made


class Tunnel:
    """Carries one connection at a time from a port on loopback to the counterparty.

    Parameters
    ----------
    host, port
        Of the counterparty.
    tls
        See `Tls`.
    connect_timeout_s
        Patience with connection and handshake (> 0).
    on_failure
        Told, from the tunnel's thread, why a connection could not be made: `BadUse` where trying
        again does not help, else `Retry`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tls: Tls,
        connect_timeout_s: float,
        on_failure: Callable[[AifxError], None],
    ) -> None:
        self._host = host
        self._port = port
        self._name = tls.server_name or host
        self._context = tls.context()
        self._connect_timeout_s = connect_timeout_s
        self._on_failure = on_failure
        self._loop = LoopThread("fix-tls")
        self._carried: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._is_taken = False
        self._is_closing = False
        self._server = self._loop.call(asyncio.start_server(self._take, LOOPBACK, 0), _CLOSE_S)
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Cut what is carried and end the thread."""
        self._loop.call(self._close(), _CLOSE_S)
        self._loop.stop()

    async def _close(self) -> None:
        self._is_closing = True
        self._server.close()
        carried = dict(self._carried)
        for task in carried:
            task.cancel()
        await asyncio.gather(*carried, return_exceptions=True)
        for writer in carried.values():
            writer.transport.abort()
        # The loop takes one more turn to close them.
        await asyncio.sleep(0)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A second one is not the engine: nobody else of this machine may speak in our name.
        if self._is_taken or self._is_closing:
            writer.transport.abort()
            return
        self._is_taken = True
        task = asyncio.get_running_loop().create_task(self._carry(reader, writer))
        self._carried[task] = writer
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._carried.pop(task).close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await self._dial()
        except AifxError as error:
            self._is_taken = False
            self._on_failure(error)
            return
        try:
            await _either(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            # The engine may dial anew at once, while what it said last is still on its way.
            self._is_taken = False
            await _shut(far_writer)

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        where = f"FIX counterparty at {self._host}:{self._port}"
        try:
            return await asyncio.wait_for(
                asyncio.open_connection(
                    self._host, self._port, ssl=self._context, server_hostname=self._name
                ),
                self._connect_timeout_s,
            )
        except ssl.SSLCertVerificationError as error:
            msg = (
                f"{where} is not who it should be: {error.verify_message}; check "
                "broker.tls_ca_file and broker.tls_server_name"
            )
            raise BadUse(msg) from error
        except (OSError, TimeoutError) as error:
            msg = f"{where} cannot be reached over TLS: {error or 'no answer in time'}"
            raise Retry(msg) from error


async def _either(*ways: Coroutine[None, None, None]) -> None:
    """Run until one way ends: a line that is cut in one direction is cut."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # A connection that breaks ends here like one that is closed: the engine sees it either way.
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()


async def _shut(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), _CLOSE_S / 2)
    except (OSError, TimeoutError):
        # The other side is gone, or owes us the end of its TLS.
        writer.transport.abort()


def _no_passphrase() -> str:
    msg = "the key has a passphrase: give one without"
    raise ValueError(msg)
