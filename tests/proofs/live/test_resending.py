"""An order that provably never left goes again, as itself, and only while its signal is young."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest

from brokers.oanda.config import OandaConfig
from brokers.oanda.credentials import Token
from brokers.oanda.venue import OandaVenue
from domain.control import ControlKind, TradingState
from domain.nanos import MS_NS, SECOND_NS
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order
from testkit.faults.proxy import TcpProxy
from testkit.venues.oanda.server import ACCOUNT, OandaServer
from tests.proofs.live.scene import (
    Life,
    Where,
    assert_at_peace,
    living,
    oanda_scene,
    order_of,
)
from trading.desk.entries import fact_of
from trading.risk.control import control_event
from trading.venues import Emit, Submit, Unsent, VenueEvent

AGE_NS = 60 * SECOND_NS
"""Of signals, on a clock twenty times as fast: three seconds for a person."""


class Noted(OandaVenue):
    """The adapter, with a note of what never left."""

    unsent: list[Unsent]

    def start(self, emit: Emit) -> None:
        """Log on, and note."""
        self.unsent = []

        def noted(event: VenueEvent) -> None:
            if isinstance(event, Unsent):
                self.unsent.append(event)
            emit(event)

        super().start(noted)


@dataclass
class Scene:
    """A broker whose requests go through a network, and whose stream does not."""

    oanda: OandaServer
    network: TcpProxy
    where: Where
    venue: Noted

    def young(self, life: Life, order: Order) -> Order:
        """Let the signal of an order enter the log now."""
        life.account.attend(records=True, heard_ns={order.signal_id: self.where.wall_ns()})
        return order

    def submits(self, life: Life) -> list[str]:
        """Return the intents in the journal."""
        facts = [fact_of(entry) for entry in life.account.journal.read()]
        events = [fact for fact in facts if isinstance(fact, OrderEvent)]
        return [e.client_order_id for e in events if e.kind is EventKind.SUBMIT]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Start a broker, and a network before its requests."""
    with oanda_scene(tmp_path) as (oanda, at), TcpProxy(oanda.port) as network:
        where = replace(at, more=(("execution", (("max_signal_age_ms", AGE_NS // MS_NS),)),))
        venue = Noted(
            OandaConfig(
                account_id=ACCOUNT,
                allowed_accounts=frozenset({ACCOUNT}),
                token=Token(path=where.token_file),
                url=network.url,
                stream_url=oanda.url,
                breaker_threshold=1_000,
            ),
            wall_ns=where.wall_ns,
        )
        yield Scene(oanda, network, where, venue)


@pytest.fixture
def life(scene: Scene) -> Iterator[Life]:
    """Live there; ready."""
    with living(scene.where, through=lambda _: scene.venue) as found:
        found.rest()
        yield found


def test_an_order_whose_connection_is_refused_twice_is_sent_once(scene: Scene, life: Life) -> None:
    """One order at the venue, one intent in the journal, one id, and nothing was ever in doubt."""
    order = scene.young(life, order_of(1, resting=True))
    scene.network.close_port()
    assert life.submit(order)
    life.until(lambda: len(scene.venue.unsent) >= 2, "refused twice")
    state = life.book[order.client_order_id]
    assert (state.status, state.order.in_doubt) == ("pending_new", False)
    scene.network.open_port()
    life.until(lambda: life.book[order.client_order_id].status == "accepted", "accepted")
    life.rest()
    assert {type(event.command) for event in scene.venue.unsent} == {Submit}
    assert scene.oanda.submits == [order.client_order_id]
    assert scene.submits(life) == [order.client_order_id]
    life.close()
    assert_at_peace(scene.oanda, scene.where)


def test_an_order_too_old_to_go_again_is_rejected(scene: Scene, life: Life) -> None:
    """It never leaves: not even when the network is back a moment later."""
    order = scene.young(life, order_of(1, resting=True))
    began_ns = scene.where.wall_ns()
    scene.network.close_port()
    life.submit(order)
    life.until(lambda: not life.book[order.client_order_id].is_open, "given up")
    assert scene.where.wall_ns() - began_ns > AGE_NS // 2
    state = life.book[order.client_order_id]
    assert (state.status, state.order.reason) == ("rejected", "not_sent")
    tries = len(scene.venue.unsent)
    scene.network.open_port()
    life.rest()
    assert tries > 1
    assert len(scene.venue.unsent) == tries
    assert scene.oanda.submits == []


def test_an_order_of_unknown_age_is_rejected_at_once(scene: Scene, life: Life) -> None:
    """As after a start, when nobody knows how long its signal has waited."""
    scene.network.close_port()
    life.submit(order_of(1, resting=True))
    life.until(lambda: not life.book.open_states(), "given up")
    assert len(scene.venue.unsent) == 1
    assert life.book[order_of(1).client_order_id].order.reason == "not_sent"


def test_a_request_that_was_turned_away_for_its_rate_goes_again(scene: Scene, life: Life) -> None:
    """Nothing was applied, and the broker says so."""
    order = scene.young(life, order_of(1, resting=True))
    scene.oanda.faults.rate_limits = 2
    life.submit(order)
    life.until(lambda: life.book[order.client_order_id].status == "accepted", "accepted")
    assert [event.reason for event in scene.venue.unsent] == ["rate_limited"] * 2
    assert scene.oanda.submits == [order.client_order_id]


def test_what_may_have_left_never_goes_again(scene: Scene, life: Life) -> None:
    """A connection that is taken and then cut is a doubt; the venue is asked and nothing sent."""
    order = scene.young(life, order_of(1, resting=True))
    scene.network.cut_after("up", 40)
    life.submit(order)
    life.until(lambda: life.book[order.client_order_id].order.in_doubt, "in doubt")
    scene.network.heal()
    life.rest()
    assert scene.venue.unsent == []
    assert scene.oanda.submits == []
    state = life.book[order.client_order_id]
    assert (state.status, state.order.reason) == ("rejected", "not_found")


@pytest.mark.parametrize("kind", [ControlKind.KILL, ControlKind.LOWER])
def test_an_order_that_waits_does_not_leave_once_trading_is_halted(
    scene: Scene, life: Life, kind: ControlKind
) -> None:
    """Each try passes the door and the trading state anew."""
    order = scene.young(life, order_of(1, resting=True))
    scene.network.close_port()
    life.submit(order)
    life.until(lambda: bool(scene.venue.unsent), "refused")
    halt = control_event(
        kind,
        TradingState.HALTED,
        account=ACCOUNT,
        by="ann",
        role="risk",
        reason="drill",
        ts_event_ns=life.book.clock_ns,
    )
    scene.where.controls().put(halt)
    life.until(lambda: not life.book[order.client_order_id].is_open, "given up")
    scene.network.open_port()
    assert life.book[order.client_order_id].order.reason == "halted"
    life.rest()
    assert scene.oanda.submits == []


def test_the_cancel_of_an_order_that_waits_ends_it_here(scene: Scene, life: Life) -> None:
    """The venue has never heard of it: there is nothing to ask."""
    order = scene.young(life, order_of(1, resting=True))
    scene.network.close_port()
    life.submit(order)
    life.until(lambda: bool(scene.venue.unsent), "refused")
    life.until(lambda: life.account.gateway._unsent.waits(order.client_order_id), "waiting")  # type: ignore[union-attr]
    life.cancel(order)
    life.step()
    scene.network.open_port()
    state = life.book[order.client_order_id]
    assert (state.status, state.cum_units) == ("rejected", Decimal(0))
    life.rest()
    assert scene.oanda.submits == []


def test_a_life_after_a_crash_asks_and_does_not_send(scene: Scene) -> None:
    """What waited is unknown to whoever comes next: it is in doubt, and the venue denies it."""
    with living(scene.where, through=lambda _: scene.venue) as life:
        life.rest()
        order = scene.young(life, order_of(1, resting=True))
        scene.network.close_port()
        life.submit(order)
        life.until(lambda: bool(scene.venue.unsent), "refused")
    scene.network.open_port()
    with living(replace(scene.where, holder="run-2")) as life:
        assert life.book[order.client_order_id].order.in_doubt
        life.rest()
        assert life.book[order.client_order_id].order.reason == "not_found"
    assert scene.oanda.submits == []
    assert_at_peace(scene.oanda, scene.where)
