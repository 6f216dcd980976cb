"""TLS in front of a counterparty that speaks plain FIX, as a broker's own terminator has it."""

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path

from brokers.loop import LoopThread

_CHUNK = 65_536
_PATIENCE_S = 5.0


class TlsFront:
    """Takes TLS on a free port of the loopback, and hands on what is in it.

    Parameters
    ----------
    port
        Of the counterparty.
    certificate_file
        Its certificate with the key.
    client_ca_file
        Authority that must have signed the client's certificate; None where none is asked for.

    Attributes
    ----------
    carried
        Bytes of every connection, as the client sent them once decrypted.
    """

    def __init__(
        self, port: int, certificate_file: Path, client_ca_file: Path | None = None
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate_file)
        if client_ca_file is not None:
            context.load_verify_locations(client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        self._target = port
        self.carried: list[bytearray] = []
        self._tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._loop = LoopThread("fix-tls-front")
        self._server = self._loop.call(
            asyncio.start_server(self._take, "127.0.0.1", 0, ssl=context), _PATIENCE_S
        )
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Cut every connection without a word."""
        self._loop.call(self._cut(), _PATIENCE_S)

    def close(self) -> None:
        """Stop listening and cut every connection."""
        self._loop.call(self._cut(listening=False), _PATIENCE_S)
        self._loop.stop()

    async def _cut(self, *, listening: bool = True) -> None:
        if not listening:
            self._server.close()
        tasks = dict(self._tasks)
        for task, writer in tasks.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(reader, writer))
        self._tasks[task] = writer
        task.add_done_callback(lambda done: self._tasks.pop(done).transport.abort())

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = bytearray()
        self.carried.append(seen)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        back = asyncio.ensure_future(_pump(far_reader, writer, bytearray()))
        try:
            await _pump(reader, far_writer, seen)
        finally:
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)
            far_writer.transport.abort()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: bytearray
) -> None:
    # A cut is what some tests are about.
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            seen += data
            writer.write(data)
            await writer.drain()
    writer.close()
