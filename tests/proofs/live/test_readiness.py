"""What a technical fault lets through, told over HTTP and in the log, and how it heals."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.control import Control
from api.server import Server
from api.view import View
from domain.control import TradingState
from domain.errors import Retry
from domain.nanos import SECOND_NS
from domain.orders import Order
from jobs.control import ControlLine
from jobs.places import Place
from testkit.faults.proxy import TcpProxy
from testkit.venues.oanda.server import TOKEN, OandaServer
from tests.proofs.live.scene import (
    Unwell,
    Where,
    assert_at_peace,
    living,
    oanda_scene,
    order_of,
    quick_venue,
)
from tests.proofs.live.test_starts import raise_word
from trading.readiness import Rung
from trading.risk.codes import Deny
from trading.venues import LinkEvent, OrderReport, Venue, VenueSnapshot

REASON_S = 5.0
"""Within this time of a fault a person knows why nothing is traded."""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[tuple[OandaServer, Where]]:
    """Start a broker with a market."""
    with oanda_scene(tmp_path) as found:
        yield found


@dataclass
class Page:
    """The page of a run, over real HTTP."""

    server: Server

    def ready(self) -> tuple[int, str, str]:
        """Return status, rung and reason as the probe gives them."""
        answer = httpx.get(f"{self.server.url}ready")
        found = answer.json()
        return answer.status_code, found["readiness"], found["reason"]

    def shown(self) -> dict[str, Any]:
        """Return what the page shows of it."""
        found: dict[str, Any] = httpx.get(f"{self.server.url}api/v1/control").json()["readiness"]
        return found


@contextmanager
def page_of(where: Where, later_ns: int | None = None) -> Iterator[Page]:
    """Serve the page of a run that goes on.

    Its clock stands still unless it is to be later than the account's: five seconds without a word
    are a quarter of one on that.
    """
    view = View()
    view.set_status("running")

    def wall_ns() -> int:
        return where.wall_ns.origin_ns if later_ns is None else where.wall_ns() + later_ns

    place = Place(where.account, where.folder, "", at_broker=True)
    line = ControlLine(place, wall_ns)
    with Server(create_app(view, Control(line, "token")), port=0) as server:
        yield Page(server)


def server_error(_: VenueSnapshot) -> VenueSnapshot:
    """Answer as a broker whose own store is down."""
    msg = "HTTP 500"
    raise Retry(msg)


def broken(_: VenueSnapshot) -> VenueSnapshot:
    """Break off as nobody foresaw."""
    msg = "no such field"
    raise KeyError(msg)


@dataclass
class Ill(Unwell):
    """The same, whose answers about one order break off as well."""

    asked: list[Order] = field(default_factory=list)

    def query(self, order: Order, timeout_s: float) -> OrderReport | None:
        """Break off while it is ill."""
        self.asked.append(order)
        if self.spoil is not None:
            msg = "no such order field"
            raise KeyError(msg)
        return self.venue.query(order, timeout_s)


def unwell(made: list[Any], kind: type[Unwell] = Unwell) -> Callable[[Venue], Venue]:
    """Return what makes a venue unwell, on demand."""

    def through(venue: Venue) -> Venue:
        made.append(kind(venue, None))
        found: Venue = made[0]
        return found

    return through


def test_the_probe_says_no_until_book_and_venue_agree(scene: tuple[OandaServer, Where]) -> None:
    """503 with the reason, and the reason in the log, within five seconds of the start."""
    oanda, where = scene
    made: list[Unwell] = []

    def through(venue: Venue) -> Venue:
        made.append(Unwell(venue, server_error))
        return made[0]

    with page_of(where) as page:
        assert page.ready() == (503, "unknown", "the account has not been started yet")
        began_s = time.monotonic()
        with living(where, through=through) as life:
            why = "book and venue do not agree: its record cannot be had now: HTTP 500"
            assert page.ready() == (503, "cancel_only", why)
            assert time.monotonic() - began_s < REASON_S
            assert any(f"is not ready: {why}" in words for words in life.said)
            assert not life.submit(order_of(1))
            made[0].spoil = None
            life.until(lambda: page.ready()[0] == 200, "ready over HTTP")
            assert page.ready() == (200, "ready", "")
            assert life.said[-1].endswith("at oanda is ready")
        assert page.ready()[:2] == (503, "halted")
    assert oanda.submits == []


def test_a_process_that_says_nothing_any_more_is_not_ready(
    scene: tuple[OandaServer, Where],
) -> None:
    """It is gone or stuck; what it said last may not be so."""
    where = scene[1]
    with living(where) as life:
        life.rest()
        with page_of(where, 6 * SECOND_NS) as page:
            code, rung, why = page.ready()
        assert (code, rung) == (503, "unknown")
        assert why.startswith("the process of the account was last heard of ")


def test_a_lost_link_is_not_ready_and_heals_with_the_record(tmp_path: Path) -> None:
    """Down at once, up by itself: the trading state has not moved."""
    with oanda_scene(tmp_path) as (oanda, at), TcpProxy(oanda.port) as network:
        where = replace(at, url=network.url)
        through = lambda _: quick_venue(where)  # noqa: E731 - one line of a scene
        with living(where, through=through) as life, page_of(where) as page:
            life.rest()
            network.close_port()
            life.until(lambda: not life.account.ready, "down")
            life.step()
            code, rung, why = page.ready()
            assert (code, rung) == (503, "cancel_only")
            assert why.startswith("the order link is down: ")
            assert {one["cause"] for one in page.shown()["causes"]} >= {
                "link_down",
                "not_reconciled",
            }
            network.open_port()
            life.rest()
            life.until(lambda: page.ready()[0] == 200, "up")
            assert life.state is TradingState.ACTIVE
            spoken = [words for words in life.said if words.startswith("account ")]
            assert "is not ready: the order link is down" in spoken[1]
            assert spoken[-1].endswith("at oanda is ready")


def test_a_silent_log_lets_exits_through_and_nothing_else(
    scene: tuple[OandaServer, Where],
) -> None:
    """It is told, the position can be closed, and it heals once records come again."""
    oanda, at = scene
    where = replace(at, more=(("execution", (("degraded_after_ms", 5_000),)),))
    with living(where) as life, page_of(where) as page:
        life.rest()
        life.account.attend(records=True, heard_ns={})
        life.until(lambda: life.account.opens, "well")
        bought = life.signal("buy")
        assert bought.status != "denied"
        life.until(lambda: life.book.position("EURUSD").units > 0, "filled")
        life.until(lambda: not life.account.opens, "degraded")
        assert life.account.ready
        code, rung, why = page.ready()
        assert (code, rung) == (200, "degraded")
        assert why.startswith("market data is late: no record for ")
        flipped = life.signal("sell")
        assert flipped.reason != Deny.STALE_SIGNAL.value
        life.until(lambda: life.book.position("EURUSD").units == 0, "closed")
        denied = life.signal("buy")
        assert (denied.status, denied.reason) == ("denied", Deny.DEGRADED.value)

        def records_come() -> bool:
            life.account.attend(records=True, heard_ns={})
            return life.account.opens

        life.until(records_come, "well again")
    assert len(oanda.submits) == 2


def test_a_question_that_breaks_off_is_told_and_nothing_leaves(
    scene: tuple[OandaServer, Where],
) -> None:
    """An error that nobody foresaw is not lost with the thread that it happened in."""
    made: list[Ill] = []
    with living(scene[1], through=unwell(made, Ill)) as life:
        life.rest()
        made[0].spoil = broken
        life.logic.desk.wanted_reconcile = True
        life.until(lambda: not life.account.ready, "not ready")
        alert = "alert: question_failed the whole record: KeyError: 'no such field'"
        assert alert in life.said
        assert "KeyError" in life.account._care.readiness.why  # type: ignore[union-attr]
        asked = order_of(7)
        life.account.gateway.query(asked)
        words = f"alert: question_failed {asked.client_order_id}: KeyError: 'no such order field'"
        life.until(lambda: words in life.said, "told")
        assert not life.submit(order_of(1))
        made[0].spoil = None
        life.rest()
        assert life.state is TradingState.ACTIVE


def test_a_broker_that_bars_the_account_halts_it_for_a_person(
    scene: tuple[OandaServer, Where],
) -> None:
    """The token is revoked: said once, journaled, and not taken back by itself."""
    oanda, where = scene
    with living(where) as life:
        life.rest()
        where.token_file.write_text("revoked", encoding="ascii")
        life.submit(order_of(1))
        life.until(lambda: life.state is TradingState.HALTED, "halted")
        refused = life.book[order_of(1).client_order_id]
        assert (refused.status, refused.order.reason) == ("rejected", "not_authorised")
        life.until(lambda: "check the token" in life.said[-1], "the record is refused too")
        assert not life.account.ready
        bars = [words for words in life.said if words.startswith("alert: barred oanda: ")]
        assert 1 <= len(bars) <= 2
        where.token_file.write_text(TOKEN, encoding="ascii")
        life.rest()
        assert life.state is TradingState.HALTED
        held = order_of(2)
        assert not life.submit(held)
        assert life.book[held.client_order_id].order.reason == Deny.HALTED.value
        life.logic.control(raise_word(life, "the token is renewed"))
        assert life.submit(order_of(3))
        life.rest()
    assert oanda.submits == [order_of(3).client_order_id]
    assert_at_peace(oanda, where)


def test_many_doubts_let_nothing_but_cancels_through(tmp_path: Path) -> None:
    """One is an accident; with the third the link is not to be trusted with a fourth."""
    with oanda_scene(tmp_path) as (oanda, at), TcpProxy(oanda.port) as network:
        where = replace(at, url=network.url)
        with living(where, through=lambda _: quick_venue(where)) as life:
            life.rest()
            network.blackhole("up")
            orders = [order_of(number, resting=True) for number in range(1, 4)]
            for order in orders:
                assert life.submit(order)
            rungs = []

            def all_doubted() -> bool:
                rungs.append(life.account._care.readiness.rung)  # type: ignore[union-attr]
                return len(life.book.in_doubt()) == len(orders)

            life.until(all_doubted, "in doubt")
            life.step()
            assert life.account._care.readiness.rung is Rung.CANCEL_ONLY  # type: ignore[union-attr]
            assert not life.submit(order_of(4))
            network.heal()
            life.rest()
            life.until(lambda: life.account.opens, "well again")
            life.close()
            assert_at_peace(oanda, where)


def test_an_open_circuit_holds_orders_back_until_one_may_try(
    scene: tuple[OandaServer, Where],
) -> None:
    """Requests that fail in a row close the way out for all but cancels, for a while."""
    oanda, where = scene
    with living(where, through=lambda _: quick_venue(where)) as life:
        life.rest()
        resting = order_of(1, resting=True)
        life.submit(resting)
        life.rest()
        took = life.account.gateway._take
        took(LinkEvent("circuit", False, where.wall_ns(), "oanda", "requests to orders fail"))
        life.step()
        why = "requests have failed in a row: requests to orders fail"
        assert life.account._care.readiness.why == why  # type: ignore[union-attr]
        assert not life.submit(order_of(2))
        life.cancel(resting)
        life.until(lambda: not life.book.open_states(), "canceled")
        took(LinkEvent("circuit", True, where.wall_ns(), "oanda"))
        life.rest()
        life.until(lambda: life.account.opens, "well again")
    assert oanda.submits == [resting.client_order_id]
