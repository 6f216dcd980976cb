"""A network that lets nothing through, one way or the other, in the middle of an order."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from domain.control import ControlKind, TradingState
from domain.nanos import SECOND_NS
from testkit.faults.proxy import Direction, TcpProxy
from testkit.venues.oanda.server import ACCOUNT, OandaServer
from tests.proofs.live.scene import (
    Life,
    Where,
    assert_at_peace,
    living,
    oanda_scene,
    order_of,
    quick_venue,
)
from trading.orders.state import EXTERNAL
from trading.risk.control import control_event
from trading.venues import LinkEvent

Scene = tuple[OandaServer, TcpProxy, Where]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Start a broker, and a network before it."""
    with oanda_scene(tmp_path) as (oanda, where), TcpProxy(oanda.port) as network:
        yield oanda, network, replace(where, url=network.url)


@pytest.fixture
def life(scene: Scene) -> Iterator[Life]:
    """Live behind the network, with little patience; ready."""
    where = scene[2]
    with living(where, through=lambda _: quick_venue(where)) as found:
        found.rest()
        yield found


def in_doubt(life: Life) -> set[str]:
    """Return the orders in doubt."""
    return {state.order.client_order_id for state in life.book.in_doubt()}


@pytest.mark.parametrize("direction", ["up", "down"])
def test_an_order_that_is_cut_off_is_in_doubt_and_never_sent_again(
    scene: Scene, life: Life, direction: Direction
) -> None:
    """Its fate is found out by asking, once the network lets questions through."""
    oanda, network, where = scene
    resting, market, new = order_of(1, resting=True), order_of(2), order_of(3, resting=True)
    life.submit(resting)
    life.rest()
    network.blackhole(direction)
    life.submit(market)
    life.submit(new)
    life.cancel(resting)
    doubtful = {o.client_order_id for o in (resting, market, new)}
    life.until(lambda: in_doubt(life) == doubtful, "all three in doubt")
    if direction == "down":
        # Heartbeats stay away; on the way up nothing is missed.
        life.until(lambda: any("is lost" in words for words in life.said), "lost")
        assert not life.account.ready
        assert not life.submit(order_of(4))
    network.heal()
    life.rest()
    for order in (market, new):
        assert oanda.submits.count(order.client_order_id) <= 1
        arrived = order.client_order_id in oanda.submits
        assert (life.book[order.client_order_id].status == "rejected") is not arrived
    if direction == "down":
        assert oanda.submits == [o.client_order_id for o in (resting, market, new)]
        assert life.book[market.client_order_id].status == "filled"
        assert life.book[resting.client_order_id].status == "canceled"
    digest = life.book.state_hash()
    life.close()
    assert assert_at_peace(oanda, where).book.state_hash() == digest


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda network: network.blackhole("up"), id="up"),
        pytest.param(lambda network: network.blackhole("down"), id="down"),
        pytest.param(lambda network: network.cut_after("up", 40), id="lost for good"),
    ],
)
def test_a_kill_during_a_partition_cancels_once_the_network_heals(
    scene: Scene, life: Life, fault: Callable[[TcpProxy], None]
) -> None:
    """The door is shut at once; cancels that were lost are sent anew, though nobody asks again."""
    oanda, network, where = scene
    resting = [order_of(number, resting=True) for number in range(1, 6)]
    for order in resting:
        life.submit(order)
    life.rest()
    fault(network)
    in_flight = order_of(6, resting=True)
    life.submit(in_flight)
    kill(where, life)
    life.until(lambda: life.state is TradingState.HALTED, "halted")
    refused = order_of(7)
    life.submit(refused)
    assert life.book[refused.client_order_id].order.reason == "halted"
    # Long enough that every cancel has run out of patience.
    life.until(lambda: in_flight.client_order_id in in_doubt(life), "in doubt")
    time.sleep(1.0)
    network.heal()
    life.until(
        lambda: not life.unsettled() and not life.book.open_states() and life.account.ready,
        "nothing open, book and venue at one",
    )
    assert {life.book[o.client_order_id].status for o in resting} == {"canceled"}
    assert life.book[in_flight.client_order_id].status in ("canceled", "rejected")
    assert list(oanda.exchange.account.pending()) == []
    assert refused.client_order_id not in oanda.submits
    digest = life.book.state_hash()
    life.close()
    assert assert_at_peace(oanda, where).book.state_hash() == digest


def test_nothing_leaves_while_the_order_link_is_down_though_questions_are_answered(
    scene: Scene, life: Life
) -> None:
    """What happens meanwhile would not be heard of; back with a gap, the record is read first."""
    where = scene[2]
    gateway = life.account.gateway
    gateway._take(LinkEvent("orders", False, where.wall_ns(), "oanda", "silent"))
    life.step()
    asked_ns = where.wall_ns()
    # Time for several records, all of which agree.
    while where.wall_ns() < asked_ns + 10 * SECOND_NS:
        life.step()
        assert not life.account.ready
    gateway._take(LinkEvent("orders", True, where.wall_ns(), "oanda", gap=True))
    life.step()
    assert not life.account.ready
    life.rest()
    assert life.submit(order_of(1))
    life.rest()


def test_an_order_that_arrives_after_it_counted_as_lost_is_ours_to_carry(
    scene: Scene, life: Life
) -> None:
    """The broker denies it for long enough; then the network delivers it all the same."""
    oanda, network, where = scene
    lost = order_of(1, resting=True)
    # Connections that are open now hang; those for the questions are new and pass.
    network.blackhole("up", new=False)
    life.submit(lost)
    name = lost.client_order_id
    life.until(lambda: not life.book[name].is_open, "given up")
    assert (life.book[name].status, life.book[name].order.reason) == ("rejected", "not_found")
    assert oanda.submits == []
    network.heal()

    def adopted() -> list[str]:
        states = life.book.states()
        return [s.order.client_order_id for s in states if s.order.strategy == EXTERNAL]

    life.until(lambda: bool(adopted()), "taken over")
    assert oanda.submits == [name]
    (external,) = (life.book[one] for one in adopted())
    assert external.order.parent_id == name
    assert external.status == "accepted"
    assert life.logic.controls().state(lost.strategy) is TradingState.HALTED
    assert any(words.startswith("alert: ") for words in life.said)
    # A kill knows of it.
    kill(where, life)
    life.until(lambda: not life.book.open_states(), "canceled by the kill")
    assert list(oanda.exchange.account.pending()) == []
    life.rest()
    digest = life.book.state_hash()
    life.close()
    assert assert_at_peace(oanda, where).book.state_hash() == digest


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda network: network.cut(), id="cut"),
        pytest.param(lambda network: network.half_close("up"), id="half closed"),
        pytest.param(lambda network: network.half_close("down"), id="half closed by the broker"),
        pytest.param(lambda network: network.cut_after("up", 40), id="cut within the request"),
        pytest.param(lambda network: network.cut_after("down", 40), id="cut within the answer"),
        pytest.param(lambda network: setattr(network, "delay_s", 0.6), id="slower than patience"),
    ],
)
def test_whatever_the_network_does_to_an_order_it_is_sent_once_and_found(
    scene: Scene, life: Life, fault: Callable[[TcpProxy], None]
) -> None:
    """Book and broker are at one again when it is over."""
    oanda, network, where = scene
    fault(network)
    for number in range(1, 5):
        life.submit(order_of(number, "buy" if number % 2 else "sell", resting=number > 2))
        life.step()
    life.until(
        lambda: all(r.in_doubt for s in life.book.open_states() for r in s.requests),
        "answered or in doubt",
    )
    network.heal()
    life.rest()
    digest = life.book.state_hash()
    life.close()
    ledger = assert_at_peace(oanda, where)
    assert ledger.submits[0] == order_of(1).client_order_id
    assert ledger.book.state_hash() == digest


def kill(where: Where, life: Life) -> None:
    """Put a kill into the folder of requests."""
    where.controls().put(
        control_event(
            ControlKind.KILL,
            TradingState.HALTED,
            account=ACCOUNT,
            by="ann",
            role="risk",
            reason="drill",
            ts_event_ns=life.book.clock_ns,
        )
    )
