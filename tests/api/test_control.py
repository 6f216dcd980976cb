"""The kill switch over HTTP, and on the page."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.control import TOKEN_HEADER, Control
from api.server import Server
from api.view import View
from domain.errors import BadUse
from testkit.demo_view import DemoRun

TOKEN = "of-this-run"  # noqa: S105 - of no run
ACTIVE: dict[str, Any] = {
    "name": "",
    "state": "active",
    "killed": False,
    "by": "",
    "reason": "",
    "since": "",
    "said": [],
}
HALTED = ACTIVE | {"state": "halted", "by": "system:daily_loss", "reason": "daily_loss"}


@dataclass
class Port:
    """Keeps what was asked for."""

    scopes: list[dict[str, Any]] = field(default_factory=lambda: [ACTIVE])
    kills: list[tuple[str, str, str]] = field(default_factory=list)
    answer: dict[str, Any] = field(
        default_factory=lambda: {"outcome": "acted", "words": "200 cancels handed to the venue"}
    )
    error: Exception | None = None
    ready: dict[str, Any] | None = None

    def state(self) -> dict[str, Any]:
        """Return the states."""
        return {
            "account": "paper-1",
            "fault": "",
            "scopes": self.scopes,
            "waiting": [],
            "readiness": self.ready,
        }

    def readiness(self) -> dict[str, Any] | None:
        """Return how ready the account is."""
        return self.ready

    def kill(self, by: str, reason: str, strategy: str) -> dict[str, Any]:
        """Note a kill."""
        if self.error is not None:
            raise self.error
        self.kills.append((by, reason, strategy))
        self.scopes = [ACTIVE | {"state": "halted", "killed": True, "by": by, "reason": reason}]
        return self.answer


@pytest.fixture
def port() -> Port:
    """Return a port of an account that trades."""
    return Port()


def call(
    port: Port | None,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: Any = None,
    host: str = "127.0.0.1:8080",
    hosts: frozenset[str] = frozenset(),
) -> httpx.Response:
    """Ask an application with this port."""
    control = None if port is None else Control(port, TOKEN, hosts)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(View(), control))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            content = body if isinstance(body, bytes) else None
            json = None if isinstance(body, bytes) else body
            return await client.request(method, path, headers=headers, content=content, json=json)

    return asyncio.run(ask())


def kill(port: Port | None, body: Any = None, **changes: Any) -> httpx.Response:
    """Kill, with the token and a good body unless said otherwise."""
    headers = changes.pop("headers", {TOKEN_HEADER: TOKEN})
    asked = {"by": "Ada", "reason": "fire"} if body is None else body
    return call(port, "POST", "/api/v1/control/kill", headers, asked, **changes)


def test_the_state_is_open_to_readers(port: Port) -> None:
    """As all else on the page; no token is in it."""
    answer = call(port, "GET", "/api/v1/control")
    assert answer.json() == {
        "wired": True,
        "account": "paper-1",
        "fault": "",
        "scopes": [ACTIVE],
        "waiting": [],
        "readiness": None,
    }
    assert answer.headers["cache-control"] == "no-store"
    assert TOKEN not in answer.text


def test_nothing_can_be_done_where_nothing_is_wired() -> None:
    """The state says so, and the rest is not found."""
    assert call(None, "GET", "/api/v1/control").json() == {"wired": False}
    assert call(None, "POST", "/api/v1/control/token").status_code == 404
    assert kill(None).status_code == 404


def test_a_kill_with_the_token_is_handed_over(port: Port) -> None:
    """With the name, the reason and the strategy that were given."""
    answer = kill(port, {"by": "Ada", "reason": "fire", "strategy": "edge"})
    assert (answer.status_code, answer.json()) == (
        200,
        {"outcome": "acted", "words": "200 cancels handed to the venue"},
    )
    assert port.kills == [("Ada", "fire", "edge")]


@pytest.mark.parametrize(
    ("outcome", "status"), [("acted", 200), ("in_force", 200), ("written", 202), ("refused", 409)]
)
def test_the_status_says_what_became_of_it(port: Port, outcome: str, status: int) -> None:
    """A script need not read words."""
    port.answer = {"outcome": outcome, "words": ""}
    assert kill(port).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {TOKEN_HEADER: ""},
        {TOKEN_HEADER: TOKEN + "x"},
        {TOKEN_HEADER: TOKEN, "Origin": "http://evil.example"},
        {TOKEN_HEADER: TOKEN, "Origin": "null"},
        {TOKEN_HEADER: TOKEN, "Origin": "http://127.0.0.1:9999"},
        {TOKEN_HEADER: TOKEN, "Sec-Fetch-Site": "cross-site"},
        {TOKEN_HEADER: TOKEN, "Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_kill_without_the_token_or_from_elsewhere_is_not(
    port: Port, headers: dict[str, str]
) -> None:
    """Neither a wrong token nor another site's page does anything."""
    answer = kill(port, headers=headers)
    assert answer.status_code == 403
    assert set(answer.json()) == {"detail"}
    assert TOKEN not in answer.text
    assert port.kills == []


@pytest.mark.parametrize(
    ("headers", "host", "status"),
    [
        ({"Origin": "http://127.0.0.1:8080"}, "127.0.0.1:8080", 200),
        ({"Origin": "http://localhost:8080"}, "localhost:8080", 200),
        ({"Origin": "http://[::1]:8080"}, "[::1]:8080", 200),
        ({"Origin": "https://desk.example"}, "desk.example", 200),
        (
            {"Origin": "http://10.0.0.5:8000", "Sec-Fetch-Site": "same-origin"},
            "10.0.0.5:8000",
            200,
        ),
        ({}, "127.0.0.1:8080", 403),
        ({"Origin": "null"}, "127.0.0.1:8080", 403),
        ({"Origin": "http://evil.example"}, "127.0.0.1:8080", 403),
        ({"Origin": "http://127.0.0.1:8081"}, "127.0.0.1:8080", 403),
        # A name that was pointed at this machine: the browser takes it for one and the same site.
        ({"Origin": "http://evil.example:8080"}, "evil.example:8080", 403),
        (
            {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "cross-site"},
            "127.0.0.1:8080",
            403,
        ),
    ],
)
def test_the_token_is_for_pages_of_this_server(
    port: Port, headers: dict[str, str], host: str, status: int
) -> None:
    """Called by an address, by ``localhost`` or by a name that it was given."""
    answer = call(
        port,
        "POST",
        "/api/v1/control/token",
        headers,
        host=host,
        hosts=frozenset({"desk.example"}),
    )
    assert answer.status_code == status
    assert answer.json() == {"token": TOKEN} if status == 200 else TOKEN not in answer.text


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        ({"by": "Ada"}, "missing required field `reason`"),
        ({"by": " ", "reason": "fire"}, "by and reason must say who kills, and why"),
        ({"by": "Ada", "reason": ""}, "by and reason must say who kills, and why"),
        ({"by": "Ada", "reason": 7}, "Expected `str`"),
        ({"by": "Ada", "reason": "fire", "now": True}, "unknown field `now`"),
        (b"x" * 5_000, "more than 4096 bytes"),
    ],
)
def test_a_kill_says_who_and_why(port: Port, body: Any, why: str) -> None:
    """What is missing is said as JSON."""
    answer = kill(port, body)
    assert answer.status_code == 422
    assert why in answer.json()["detail"]
    assert port.kills == []


def test_a_kill_that_cannot_be_kept_is_told(port: Port) -> None:
    """The words are those of the error."""
    port.error = BadUse("the request cannot be written: no space")
    answer = kill(port)
    assert (answer.status_code, answer.json()) == (
        503,
        {"detail": "the request cannot be written: no space"},
    )


def test_a_kill_is_not_held_up_by_one_that_hangs() -> None:
    """Nor are the probes: a slow disk stands in nobody's way."""
    hangs, go_on = threading.Event(), threading.Event()

    class Slow(Port):
        def kill(self, by: str, reason: str, strategy: str) -> dict[str, Any]:
            if by == "slow":
                hangs.set()
                go_on.wait(10)
            return super().kill(by, reason, strategy)

    slow = Slow()
    with Server(create_app(View(), Control(slow, TOKEN)), port=0) as server:
        headers = {TOKEN_HEADER: TOKEN}
        url = f"{server.url}api/v1/control/kill"
        first = threading.Thread(
            target=lambda: httpx.post(url, headers=headers, json={"by": "slow", "reason": "x"})
        )
        first.start()
        assert hangs.wait(5)
        second = httpx.post(url, headers=headers, json={"by": "Ada", "reason": "fire"})
        assert second.status_code == 200
        assert slow.kills == [("Ada", "fire", "")]
        go_on.set()
        first.join(5)


def test_the_token_is_not_shown_by_mistake() -> None:
    """Not in what a log would print."""
    assert TOKEN not in repr(Control(Port(), TOKEN))


# The page.

SHOWN = "document.getElementById('control').dataset.state"
WORD = "document.getElementById('control-word').textContent"
DIALOGUE = "document.getElementById('kill-dialog').open"


@pytest.fixture
def server(browser: Any, port: Port) -> Iterator[Server]:
    """Serve a run whose account can be killed, until the browser has left its page."""
    view = View()
    DemoRun(view).run(20)
    with Server(create_app(view, Control(port, TOKEN)), port=0) as started:
        yield started
        browser.open("about:blank")


def type_in(browser: Any, field_id: str, text: str) -> None:
    """Type into a field."""
    browser.read(f"document.getElementById('{field_id}').focus()")
    browser.call("Input.insertText", text=text)


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize(("width", "height"), [(1440, 1000), (900, 1200), (390, 844)])
def test_a_person_kills_by_name_and_reason(
    browser: Any, server: Server, port: Port, tmp_path: Path, scheme: str, width: int, height: int
) -> None:
    """The badge says active, the dialogue wants a name and a reason, and the badge says killed."""
    browser.open(f"{server.url}?symbol=EURUSD", width, height, scheme)
    browser.wait(f"{SHOWN} === 'active'")
    assert browser.read("document.documentElement.scrollWidth") <= width
    browser.picture(tmp_path / "active.png")
    browser.read("document.getElementById('kill-open').click()")
    browser.wait(DIALOGUE)
    title = browser.read("document.getElementById('kill-title').textContent")
    assert title == "Kill all trading of paper-1"
    browser.read("document.getElementById('kill-confirm').click()")
    browser.wait("document.getElementById('kill-result').textContent.includes('who you are')")
    assert port.kills == []
    type_in(browser, "kill-by", "Ada <b>L</b>")
    type_in(browser, "kill-reason", "a test")
    browser.picture(tmp_path / "asked.png")
    browser.read("document.getElementById('kill-confirm').click()")
    browser.wait("document.getElementById('kill-result').textContent.includes('200 cancels')")
    browser.wait(f"{SHOWN} === 'killed'")
    assert port.kills == [("Ada <b>L</b>", "a test", "")]
    browser.picture(tmp_path / "done.png")
    browser.read("document.getElementById('kill-back').click()")
    browser.wait(f"!{DIALOGUE}")
    browser.picture(tmp_path / "killed.png")
    why = browser.read("document.getElementById('control-why').textContent")
    assert why == "Trading is killed, by Ada <b>L</b>: a test"
    assert browser.read("document.querySelectorAll('#control-why b').length") == 0
    assert browser.read("document.documentElement.scrollWidth") <= width
    assert browser.problems == []


def test_a_halt_by_a_rule_shows_on_the_page(browser: Any, server: Server, port: Port) -> None:
    """With the rule's name, and strategies that stand lower than the account."""
    mad = HALTED | {"name": "mad", "state": "cancel_only", "reason": "throttle"}
    port.scopes = [HALTED, mad]
    browser.open(f"{server.url}?once=1")
    browser.wait(f"{SHOWN} === 'halted'")
    why = browser.read("document.getElementById('control-why').textContent")
    assert why == (
        "Trading is halted, by system:daily_loss: daily_loss  ·  mad cancel only: throttle"
    )


def test_an_account_that_is_not_ready_shows_on_the_page(
    browser: Any, server: Server, port: Port
) -> None:
    """Beside the trading state, which a technical fault does not change."""
    why = "the order link is down: ReadError"
    port.ready = {"rung": "cancel_only", "trades": False, "why": why}
    browser.open(f"{server.url}?once=1")
    browser.wait(f"{SHOWN} === 'unready'")
    assert browser.read(WORD) == "active, not ready"
    shown = browser.read("document.getElementById('control-why').textContent")
    assert shown == f"The account is not ready: {why}"
    port.ready = {"rung": "degraded", "trades": True, "why": "market data is late"}
    browser.open(f"{server.url}?once=1")
    browser.wait(f"{WORD} === 'active, exits only'")


READY = {"rung": "ready", "trades": True, "why": ""}
DEGRADED = {"rung": "degraded", "trades": True, "why": "market data is late"}
LOST = {"rung": "cancel_only", "trades": False, "why": "the order link is down"}


@pytest.mark.parametrize(
    ("ready", "status", "code"),
    [
        (None, "running", 200),
        (READY, "running", 200),
        (DEGRADED, "running", 200),
        (LOST, "running", 503),
        (LOST, "finished", 200),
        (READY, "starting", 503),
    ],
)
def test_a_run_is_ready_only_if_its_account_is(
    port: Port, ready: dict[str, Any] | None, status: Any, code: int
) -> None:
    """Under both names of the probe, with the rung and the reason."""
    view = View()
    view.set_status(status)
    port.ready = ready
    expected = {"status": status}
    if ready is not None and status == "running":
        expected |= {"readiness": ready["rung"], "reason": ready["why"]}

    async def ask(path: str) -> httpx.Response:
        transport = httpx.ASGITransport(create_app(view, Control(port, TOKEN)))
        async with httpx.AsyncClient(transport=transport, base_url="http://run") as client:
            return await client.get(path)

    for path in ("/ready", "/readyz"):
        answer = asyncio.run(ask(path))
        assert (answer.status_code, answer.json()) == (code, expected)


def test_a_kill_that_fails_says_what_to_do_instead(
    browser: Any, server: Server, port: Port
) -> None:
    """The file that needs nothing but the disk."""
    port.error = BadUse("the disk is full")
    browser.open(server.url)
    browser.wait(f"{SHOWN} === 'active'")
    browser.read("document.getElementById('kill-open').click()")
    type_in(browser, "kill-by", "Ada")
    type_in(browser, "kill-reason", "fire")
    browser.read("document.getElementById('kill-confirm').click()")
    browser.wait("document.getElementById('kill-result').textContent.includes('disk is full')")
    assert "KILL" in browser.read("document.getElementById('kill-result').textContent")
    assert browser.read("!document.getElementById('kill-confirm').disabled")


def test_a_page_that_hears_nothing_says_that_nothing_is_known(browser: Any, port: Port) -> None:
    """A badge that still said active would be a lie."""
    with Server(create_app(View(), Control(port, TOKEN)), port=0) as server:
        browser.open(server.url)
        browser.wait(f"{SHOWN} === 'active'")
    browser.wait(f"{SHOWN} === 'unknown'")
    browser.open("about:blank")


def test_a_page_without_a_kill_switch_shows_none(browser: Any) -> None:
    """No badge and no button: a replay that is over cannot be stopped."""
    with Server(create_app(View()), port=0) as server:
        browser.open(f"{server.url}?once=1")
        browser.wait("document.getElementById('status-word').textContent === 'starting'")
        assert browser.read("document.getElementById('control').hidden")
        assert browser.problems == []
