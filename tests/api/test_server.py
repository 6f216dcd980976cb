"""A real server on a real port: starting, streaming, and stopping while readers are there."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from api.app import MAX_STREAMS, create_app
from api.server import Server
from api.view import View
from domain.errors import BadUse
from domain.topics import Topic
from testkit.demo_view import START_NS, DemoRun, demo_bar


@pytest.fixture
def view() -> View:
    """Return a view with a few minutes of a run."""
    view = View()
    DemoRun(view).run(3)
    return view


@pytest.fixture
def server(view: View) -> Iterator[Server]:
    """Serve the view on a free port."""
    with Server(create_app(view), port=0) as started:
        yield started


def read_events(answer: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Yield name and data of each event."""
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, msgspec.json.decode(line.removeprefix("data: "))


def test_start_returns_when_it_answers(server: Server) -> None:
    """The first request after start is answered, on the address that was asked for only."""
    assert httpx.get(f"{server.url}healthz").json() == {"status": "ok"}
    assert server.url == f"http://127.0.0.1:{server.port}/"


def test_a_port_in_use_is_named() -> None:
    """The error says which port, where, and what to do; nothing was started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadUse) as caught:
            Server(create_app(View()), port=port).start()
    assert str(caught.value) == (
        f"port {port} on 127.0.0.1 is in use: stop what uses it or pass --port"
    )


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 0), ("127.0.0.1", 99_999)])
def test_an_address_that_is_none_is_refused(host: str, port: int) -> None:
    """A host without an address and a number that is no port are the caller's mistakes."""
    with pytest.raises(BadUse, match=r"is no port|no address to listen on"):
        Server(create_app(View()), host, port).reserve()


def test_a_reserved_port_is_held_and_can_be_used_again() -> None:
    """Between reserve and start nobody else gets the port; after stop it is free."""
    first = Server(create_app(View()), port=0)
    first.reserve()
    with pytest.raises(BadUse, match="in use"):
        Server(create_app(View()), port=first.port).reserve()
    first.start()
    first.stop()
    with Server(create_app(View()), port=first.port) as second:
        assert httpx.get(f"{second.url}healthz").status_code == 200


def test_the_stream_sends_state_then_changes_then_beats(server: Server, view: View) -> None:
    """A reader gets everything once, then only what changed, and a sign of life in the quiet."""
    with httpx.stream("GET", f"{server.url}api/v1/stream?symbol=GBPUSD", timeout=5) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
        stream = read_events(answer)
        name, state = next(stream)
        assert (name, state["symbol"], len(state["prices"])) == ("state", "GBPUSD", 8)
        end = START_NS + 10**12
        view.apply(Topic.BARS, demo_bar("GBPUSD", "1s", end, [1.3]))
        name, change = next(stream)
        assert (name, "prices" in change, "orders" in change) == ("change", True, False)
        name, beat = next(stream)
        assert (name, beat.keys()) == ("beat", {"idle_s"})


def test_stop_with_open_streams_is_quick_and_says_good_bye(view: View) -> None:
    """Several readers are told, and the server is gone within two seconds."""
    server = Server(create_app(view), port=0)
    server.start()
    with httpx.Client(timeout=5) as client:
        opened = [client.stream("GET", f"{server.url}api/v1/stream") for _ in range(3)]
        answers = [stream.__enter__() for stream in opened]
        streams = [read_events(answer) for answer in answers]
        assert [next(stream)[0] for stream in streams] == ["state"] * 3
        began_s = time.monotonic()
        server.stop()
        assert time.monotonic() - began_s < 2.0
        assert [[name for name, _ in stream][-1] for stream in streams] == ["bye"] * 3
        for stream in opened:
            stream.__exit__(None, None, None)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}healthz")


def test_a_reader_that_left_is_forgotten(server: Server, eventually: Any) -> None:
    """A closed stream frees its place; beyond the bound a reader is turned away."""
    with httpx.stream("GET", f"{server.url}api/v1/stream", timeout=5) as answer:
        stream = read_events(answer)
        assert next(stream)[0] == "state"
        assert server.app.state.streams == 1
        server.app.state.streams = MAX_STREAMS
        assert httpx.get(f"{server.url}api/v1/stream").status_code == 503
        server.app.state.streams = 1
    eventually(lambda: server.app.state.streams == 0)


def test_stop_twice_and_stop_without_start_are_harmless() -> None:
    """Cleaning up may happen more than once."""
    server = Server(create_app(View()), port=0)
    server.stop()
    server.start()
    server.stop()
    server.stop()
