"""The routes, without a socket."""

import asyncio
from threading import Event
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.headers import SECURITY_HEADERS
from api.stream import events
from api.view import View
from domain.nanos import SECOND_NS
from domain.topics import Topic
from testkit.demo_view import START_NS, demo_bar, demo_view


def get(view: View, path: str) -> httpx.Response:
    """Ask an application that shows this view."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(view))
        async with httpx.AsyncClient(transport=transport, base_url="http://aifx") as client:
            return await client.get(path)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/static/main.js", "text/javascript"),
        ("/static/base.css", "text/css"),
        ("/static/icon.svg", "image/svg+xml"),
        ("/api/v1/state", "application/json"),
        ("/healthz", "application/json"),
    ],
)
def test_what_is_served(path: str, kind: str) -> None:
    """Page, files and state come with their type and with every security header."""
    answer = get(View(), path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert SECURITY_HEADERS.items() <= {k: answer.headers.get(k) for k in SECURITY_HEADERS}.items()


@pytest.mark.parametrize(
    "path", ["/nothing", "/static/__init__.py", "/static/../app.py", "/docs", "/static/"]
)
def test_what_is_not_served(path: str) -> None:
    """Unknown paths and the package's own files are not found, with the same headers."""
    answer = get(View(), path)
    assert answer.status_code == 404
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_the_page_loads_nothing_from_elsewhere() -> None:
    """The page names no other host and holds no script or style of its own."""
    page = get(View(), "/").text
    assert "http" not in page.replace("http-equiv", "")
    assert "<style" not in page
    assert "style=" not in page
    assert " on" not in "".join(tag for tag in page.split("<") if "onclick" in tag)


def test_state_of_a_symbol() -> None:
    """Candles are of the symbol that was asked for; an unknown one means the first."""
    view = demo_view(5)
    assert get(view, "/api/v1/state?symbol=USDJPY").json()["candles"]["symbol"] == "USDJPY"
    assert get(view, "/api/v1/state?symbol=NOTHING").json()["symbol"] == "EURUSD"
    assert get(view, "/api/v1/state?symbol=" + "X" * 50).status_code == 422


@pytest.mark.parametrize(
    ("status", "code"),
    [("starting", 503), ("running", 200), ("finished", 200), ("stopped", 503), ("failed", 503)],
)
def test_ready_means_there_is_a_run_to_look_at(status: Any, code: int) -> None:
    """The probe follows the status of the run."""
    view = View()
    view.set_status(status)
    answer = get(view, "/readyz")
    assert (answer.status_code, answer.json()) == (code, {"status": status})


def test_the_stream_starts_anew_when_the_first_symbol_becomes_another() -> None:
    """A reader that named no symbol gets a whole state when the run's first symbol changes."""

    async def names() -> list[bytes]:
        view, closing = View(), Event()
        view.apply(Topic.BARS, demo_bar("EURUSD", "1s", START_NS + SECOND_NS, [1.0]))
        stream = events(view, None, closing)
        found = [await anext(stream), await anext(stream)]
        view.progress(1, None, None)
        found.append(await anext(stream))
        view.set_run(run_id="r", feed="", speed="", symbols=["USDJPY", "EURUSD"])
        found.append(await anext(stream))
        closing.set()
        found += [chunk async for chunk in stream]
        return [chunk.split(b"\n")[0] for chunk in found]

    heads = asyncio.run(names())
    assert heads[:4] == [b"retry: 1000", b"event: state", b"event: change", b"event: state"]
    assert heads[-1] == b"event: bye"
