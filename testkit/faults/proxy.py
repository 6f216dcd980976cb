"""A TCP proxy that is a bad network: it delays, withholds, closes by halves, and cuts.

What is withheld is not lost: as with packets that are sent again and again, it arrives once the
network heals, even if whoever sent it has given up meanwhile.
"""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

Direction = Literal["up", "down"]
"""Towards the server, and back from it."""

_CHUNK = 65_536
_POLL_S = 0.005


class _Pipe:
    """One direction of one connection."""

    def __init__(self, source: socket.socket, sink: socket.socket, direction: Direction) -> None:
        self.source = source
        self.sink = sink
        self.direction = direction
        self.withheld = False
        self.budget: int | None = None

    def end(self) -> None:
        """Cut both sides of the connection."""
        for end in (self.source, self.sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class TcpProxy:
    """Forwards connections from a free loopback port to one target; every method from any thread.

    Parameters
    ----------
    port
        Of the target, on the loopback.

    Attributes
    ----------
    delay_s
        By which every piece of data is late, in both directions.
    refuses
        Whether new connections are cut at once.
    """

    def __init__(self, port: int) -> None:
        self.delay_s = 0.0
        self.refuses = False
        self._target = port
        self._lock = threading.Lock()
        self._pipes: list[_Pipe] = []
        self._withheld: set[Direction] = set()
        self._budgets: dict[Direction, int] = {}
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def url(self) -> str:
        """The same as an address of HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def blackhole(self, direction: Direction, *, new: bool = True) -> None:
        """Withhold everything in a direction until `heal`.

        Parameters
        ----------
        new
            Whether on connections that are still to come too.
        """
        with self._lock:
            if new:
                self._withheld.add(direction)
            for pipe in self._pipes:
                pipe.withheld |= pipe.direction == direction

    def heal(self) -> None:
        """Let everything pass again, what was withheld first."""
        with self._lock:
            self._withheld.clear()
            self._budgets.clear()
            self.delay_s, self.refuses = 0.0, False
            for pipe in self._pipes:
                pipe.withheld, pipe.budget = False, None

    def cut(self) -> None:
        """Cut every connection."""
        with self._lock:
            for pipe in self._pipes:
                pipe.end()

    def close_port(self) -> None:
        """Cut every connection, and have new ones refused by the machine itself, until `open_port`.

        Then it is certain that no byte of a request has left; a connection that is taken and cut,
        as with ``refuses``, leaves a doubt.
        """
        self._stop_listening()
        self.cut()

    def open_port(self) -> None:
        """Listen again, under the same number."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._run(self._accept)

    def cut_after(self, direction: Direction, count: int) -> None:
        """Cut every connection, new ones too, after so many more bytes in a direction (>= 0)."""
        with self._lock:
            self._budgets[direction] = count
            for pipe in self._pipes:
                if pipe.direction == direction:
                    pipe.budget = count

    def half_close(self, direction: Direction) -> None:
        """End a direction of every connection; the other one stays open."""
        with self._lock:
            for pipe in self._pipes:
                if pipe.direction == direction:
                    with suppress(OSError):
                        pipe.sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End the proxy with all its connections."""
        self._closing.set()
        self._stop_listening()
        self.heal()
        self.cut()
        for thread in tuple(self._threads):
            thread.join()

    def __enter__(self) -> "TcpProxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stop_listening(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _run(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="tcp-proxy", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        listener = self._listener
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                if self.refuses:
                    raise ConnectionRefusedError
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            ends = (client, server)
            for end in ends:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                up, down = _Pipe(client, server, "up"), _Pipe(server, client, "down")
                for pipe in (up, down):
                    pipe.withheld = pipe.direction in self._withheld
                    pipe.budget = self._budgets.get(pipe.direction)
                    self._pipes.append(pipe)
            self._run(self._pump, up)
            self._run(self._pump, down)

    def _pump(self, pipe: _Pipe) -> None:
        try:
            while data := pipe.source.recv(_CHUNK):
                time.sleep(self.delay_s)
                self._wait(pipe)
                if not self._pass(pipe, data):
                    return
            self._wait(pipe)
            pipe.sink.shutdown(socket.SHUT_WR)
        except OSError:
            pipe.end()
        finally:
            with self._lock:
                self._pipes.remove(pipe)
                is_last = not any(other.source is pipe.sink for other in self._pipes)
            if is_last:
                pipe.source.close()
                pipe.sink.close()

    def _wait(self, pipe: _Pipe) -> None:
        while pipe.withheld and not self._closing.is_set():
            time.sleep(_POLL_S)

    def _pass(self, pipe: _Pipe, data: bytes) -> bool:
        """Hand data on as far as it may go; say whether more may follow."""
        if pipe.budget is None:
            pipe.sink.sendall(data)
            return True
        part = data[: pipe.budget]
        pipe.budget -= len(part)
        pipe.sink.sendall(part)
        if pipe.budget == 0 and len(part) < len(data):
            pipe.end()
            return False
        return True
