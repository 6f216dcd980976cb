"""The page in a real browser."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.app import create_app
from api.server import Server
from api.view import View
from domain.deployments import ModelEvent
from domain.nanos import MINUTE_NS
from domain.topics import Topic
from testkit.demo_view import ACCOUNT, START_NS, DemoRun, demo_bar

TILES = "document.querySelectorAll('.tile').length"
EURUSD = "document.querySelector('.tile[data-symbol=EURUSD]')"


def closed_gate(symbol: str) -> ModelEvent:
    """Return what says that the accuracy gate of a symbol has closed, after twenty minutes."""
    at_ns = START_NS + 20 * MINUTE_NS
    reason = "closed: accuracy 0.4100 in [0.3500, 0.4700] over 240 signals, floor 0.5"
    return ModelEvent(symbol, at_ns, "gate", "", "", "", "", reason)


@pytest.fixture
def view() -> View:
    """Return a view with twenty minutes of a run."""
    view = View()
    DemoRun(view).run(20)
    return view


@pytest.fixture
def server(view: View) -> Iterator[Server]:
    """Serve the view on a free port."""
    with Server(create_app(view), port=0) as started:
        yield started


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize(("width", "height"), [(1440, 1000), (900, 1200), (390, 844)])
def test_a_full_view_is_shown(
    browser: Any, server: Server, view: View, scheme: str, width: int, height: int
) -> None:
    """Prices and panels appear at every size, nothing sticks out, and the console stays clean."""
    browser.open(f"{server.url}?once=1", width, height, scheme)
    browser.wait(f"{TILES} === 8")
    tile = view.snapshot()["prices"][0]
    spoken = browser.read(f"{EURUSD}.getAttribute('aria-label')")
    assert spoken.startswith(f"EUR/USD bid {tile['bid']:.5f} ask {tile['ask']:.5f} spread 0.8 pips")
    assert f"{tile['bid']:.5f}" in browser.read(f"{EURUSD}.textContent")
    for table in (
        *("signals", "votes", "members", "model-events"),
        *("orders", "positions", "latency", "rejects", "pipeline"),
    ):
        assert browser.read(f"document.getElementById('{table}').children.length") > 0, table
    assert "no promise" in browser.read("document.getElementById('notes').textContent")
    assert browser.read("document.getElementById('account-name').textContent") == ACCOUNT
    assert browser.read("document.documentElement.scrollWidth") <= width
    painted = "document.getElementById('candles').getContext('2d').getImageData(0,0,300,300).data"
    assert browser.read(f"{painted}.some((value) => value)")
    assert browser.problems == []


def test_an_empty_view_says_what_is_missing(browser: Any) -> None:
    """Each panel has words for the time before its first record."""
    with Server(create_app(View()), port=0) as server:
        browser.open(f"{server.url}?once=1")
        browser.wait("document.getElementById('connection-word').textContent === 'Snapshot'")
        browser.wait("document.getElementById('status-word').textContent === 'starting'")
        shown = browser.read(
            "[...document.querySelectorAll('.empty')].filter((e) => e.offsetParent).length"
        )
        assert shown == 10
        assert browser.problems == []


def test_the_page_follows_the_stream(browser: Any, server: Server, view: View) -> None:
    """A new price, a chosen symbol and a new status show without a reload."""
    browser.open(server.url)
    browser.wait("document.getElementById('connection-word').textContent === 'Live'")
    view.apply(Topic.BARS, demo_bar("EURUSD", "1s", START_NS + 10**13, [1.23456]))
    # The word is there before the first tile is.
    browser.wait(f"{EURUSD}?.getAttribute('aria-label').includes('bid 1.23452')")
    browser.read("document.querySelector('.tile[data-symbol=USDJPY]').click()")
    browser.wait("document.getElementById('chart-title').textContent === 'USD/JPY'")
    browser.wait("document.getElementById('candles').ariaLabel.startsWith('USD/JPY, 20')")
    view.set_status("failed", "the broker closed the door")
    browser.wait("document.getElementById('status').dataset.status === 'failed'")
    assert browser.problems == []


def test_a_chosen_signal_says_who_voted_how(browser: Any, server: Server, view: View) -> None:
    """A click on a decision shows its threshold, its agreement and each member with its weight."""
    browser.open(f"{server.url}?once=1")
    browser.wait("document.getElementById('signals').children.length > 20")
    rows = view.snapshot()["signals"]
    place = next(at for at, row in enumerate(rows) if row["reason"] == "edge")
    browser.read(
        f"document.querySelectorAll('#signals tr')[{place}].querySelector('button').click()"
    )
    chosen = f"document.querySelectorAll('#signals tr')[{place}].className.includes('told')"
    browser.wait(chosen)
    told = browser.read("document.getElementById('why-text').textContent")
    assert "edge, members agree" in told
    assert "opens at 40.0 % or 60.0 %" in told
    assert f"{100 * rows[place]['agreement']:.0f} % of the weight agrees" in told
    votes = browser.read("[...document.querySelectorAll('#votes li')].map((li) => li.innerText)")
    assert [text.split()[0] for text in votes] == ["online", "xgboost", "forest", "lstm", "rules"]
    share, weight = rows[place]["votes"][0][2:]
    assert f"{100 * share:.1f} %" in votes[0]
    assert f"weight {100 * weight:.0f} %" in votes[0]
    assert browser.problems == []


def test_models_in_force_and_their_events_are_shown(browser: Any, view: View) -> None:
    """The panel has a line for each member, closed gates, and one event a switch for all pairs."""
    view.apply(Topic.MODELS, closed_gate("EURUSD"))
    with Server(create_app(view), port=0) as server:
        browser.open(f"{server.url}?once=1")
        browser.wait("document.getElementById('members').children.length === 5")
        members = browser.read("document.getElementById('members').innerText")
        new = view.snapshot()["models"]["members"][1]
        assert new["id"][:12] in members
        assert "all pairs" in members
        events = browser.read(
            "[...document.querySelectorAll('#model-events li')].map((li) => li.innerText)"
        )
        assert len(events) == 3
        assert "accuracy gate" in events[0]
        assert "closed: accuracy 0.4100" in events[0]
        assert "xgboost · all pairs" in events[2]
        assert f"{new['id'][:12]} is champion" in events[2]
        assert browser.problems == []


def test_the_page_says_that_the_server_is_gone_and_comes_back(browser: Any, view: View) -> None:
    """When the server stops the page says so; on a new one it goes on by itself."""
    word = "document.getElementById('connection-word').textContent"
    with Server(create_app(view), port=0) as first:
        browser.open(first.url)
        browser.wait(f"{word} === 'Live'")
    browser.wait(f"{word} === 'Server stopped'")
    with Server(create_app(view), port=first.port):
        browser.wait(f"{word} === 'Live'")


def test_text_from_records_is_text(browser: Any, view: View) -> None:
    """Markup in a note or a status is shown as it is and never becomes part of the page."""
    view.set_run(
        run_id="r", feed="<b>feed</b>", speed="1x", symbols=["EURUSD"],
        notes=["<img src=x onerror=alert(1)>"],
    )  # fmt: skip
    with Server(create_app(view), port=0) as server:
        browser.open(f"{server.url}?once=1")
        browser.wait("document.getElementById('notes').textContent.includes('<img')")
        assert browser.read("document.querySelectorAll('#notes img, #facts b').length") == 0
        assert browser.problems == []
