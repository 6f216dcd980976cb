"""The bad network does what it says, and nothing else."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from testkit.faults.proxy import TcpProxy


class Echo:
    """A server that sends everything back, and notes what it got."""

    def __init__(self) -> None:
        self.got = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer, suppress(OSError):
            while data := peer.recv(1_000):
                self.got += data
                peer.sendall(data)
            peer.sendall(b"bye")

    def close(self) -> None:
        """Listen no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    """Start the server."""
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[TcpProxy]:
    """Put the network before it."""
    with TcpProxy(echo.port) as network:
        yield network


@pytest.fixture
def client(proxy: TcpProxy) -> Iterator[socket.socket]:
    """Connect through it."""
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as end:
        assert ask(end, b"hello") == b"hello"
        yield end


def ask(end: socket.socket, data: bytes) -> bytes:
    """Send something and return as many bytes of what comes back."""
    end.sendall(data)
    return end.recv(len(data))


def test_withheld_questions_arrive_when_the_network_heals(
    echo: Echo, proxy: TcpProxy, client: socket.socket
) -> None:
    """Until then nothing arrives; then all of it, though the asker has gone."""
    proxy.blackhole("up")
    client.sendall(b"late")
    client.settimeout(0.1)
    with pytest.raises(TimeoutError):
        client.recv(4)
    assert echo.got == b"hello"
    client.close()
    proxy.heal()
    wait_for(echo, b"hellolate")


def test_withheld_answers_are_applied_and_not_heard(
    echo: Echo, proxy: TcpProxy, client: socket.socket
) -> None:
    """The server has had the question all the while."""
    proxy.blackhole("down")
    client.sendall(b"order")
    wait_for(echo, b"helloorder")
    client.settimeout(0.1)
    with pytest.raises(TimeoutError):
        client.recv(5)
    proxy.heal()
    client.settimeout(5)
    assert client.recv(5) == b"order"


def test_old_connections_alone_may_hang(echo: Echo, proxy: TcpProxy, client: socket.socket) -> None:
    """A new one passes meanwhile."""
    proxy.blackhole("up", new=False)
    client.sendall(b"stuck")
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as other:
        assert ask(other, b"fresh") == b"fresh"
    assert b"stuck" not in echo.got


def test_a_cut_after_some_bytes_leaves_the_first_ones(
    echo: Echo, proxy: TcpProxy, client: socket.socket
) -> None:
    """The fifth byte is the last one."""
    proxy.cut_after("up", 5)
    client.sendall(b"half of it")
    assert b"half ".startswith(drained(client))
    wait_for(echo, b"hellohalf ")


def test_a_closed_direction_leaves_the_other_open(proxy: TcpProxy, client: socket.socket) -> None:
    """The server hears the end, and still has the last word."""
    proxy.half_close("up")
    assert drained(client) == b"bye"


def test_a_cut_ends_every_connection_and_new_ones_are_refused(
    proxy: TcpProxy, client: socket.socket
) -> None:
    """After healing they pass again."""
    proxy.refuses = True
    proxy.cut()
    assert drained(client) in (b"", b"bye")
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as other:
        assert drained(other) == b""
    proxy.heal()
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as other:
        assert ask(other, b"again") == b"again"


def drained(end: socket.socket) -> bytes:
    """Return all that comes until the end."""
    found = b""
    with suppress(ConnectionResetError):
        while data := end.recv(1_000):
            found += data
    return found


def wait_for(echo: Echo, data: bytes) -> None:
    """Wait until the server has got exactly this."""
    done = threading.Event()
    for _ in range(1_000):
        if echo.got == data:
            return
        done.wait(0.005)
    pytest.fail(f"the server got {echo.got!r}")
