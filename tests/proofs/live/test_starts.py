"""No order leaves before book and venue agree, and what nothing explains is for a person."""

import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from config.accounts import LEDGER_FILE
from domain.control import ControlEvent, ControlKind, TradingState
from domain.errors import BadUse, Corrupt, Retry
from domain.order_events import OrderEvent
from domain.orders import Order
from domain.predictions import Side
from testkit.faults.proxy import TcpProxy
from testkit.venues.oanda.server import OandaServer
from tests.proofs.live.scene import (
    SYMBOL,
    UNITS,
    Ledger,
    Life,
    Unwell,
    Where,
    assert_at_peace,
    living,
    oanda_scene,
    order_of,
    quick_venue,
)
from trading.desk.entries import fact_of
from trading.risk.codes import Deny
from trading.risk.control import control_event
from trading.venues import Venue, VenuePosition, VenueSnapshot

REASON_S = 5.0
"""Within this time of a start a person knows why nothing is traded."""

WISHES: tuple[Side, ...] = ("sell", "flat")
"""Of somebody who is long."""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[tuple[OandaServer, Where]]:
    """Start a broker with a market."""
    with oanda_scene(tmp_path) as found:
        yield found


def server_error(_: VenueSnapshot) -> VenueSnapshot:
    """Answer as a broker whose own store is down."""
    msg = "HTTP 500"
    raise Retry(msg)


def half(record: VenueSnapshot) -> VenueSnapshot:
    """Return a record of which a part could not be had."""
    return msgspec.structs.replace(record, positions=(), complete=False)


@pytest.mark.parametrize("spoil", [server_error, half])
def test_nothing_leaves_until_the_whole_record_has_come(
    scene: tuple[OandaServer, Where], spoil: Callable[[VenueSnapshot], VenueSnapshot]
) -> None:
    """Signals are denied with the reason; once the broker is well again they are traded."""
    oanda, where = scene
    unwell: list[Unwell] = []

    def through(venue: Venue) -> Venue:
        unwell.append(Unwell(venue, spoil))
        return unwell[0]

    began_s = time.monotonic()
    with living(where, through=through) as life:
        assert time.monotonic() - began_s < REASON_S
        assert any("not ready" in words for words in life.said)
        denied = life.signal("buy")
        assert (denied.status, denied.reason) == ("denied", Deny.NOT_RECONCILED.value)
        for _ in range(20):
            life.step()
        assert not life.account.ready
        assert oanda.submits == []
        unwell[0].spoil = None
        life.until(lambda: life.account.ready, "ready once it is well")
        sent = life.signal("buy")
        assert sent.status != "denied"
        life.rest()
    assert oanda.submits == [sent.client_order_id]
    assert_at_peace(oanda, where)


def test_a_record_of_another_account_stops_the_start(scene: tuple[OandaServer, Where]) -> None:
    """It is no reason to trade that one of two numbers was right."""
    oanda, where = scene

    def other(record: VenueSnapshot) -> VenueSnapshot:
        return msgspec.structs.replace(record, account="101-004-0000000-009")

    with pytest.raises(BadUse, match="101-004-0000000-009"):
        Life(where, through=lambda venue: Unwell(venue, other))
    assert oanda.submits == []
    with living(where) as life:
        life.rest()


def test_a_currency_that_is_not_the_settings_stops_the_start(
    scene: tuple[OandaServer, Where],
) -> None:
    """Equity and limits would all be in another money."""
    oanda, where = scene
    yen = replace(where, more=(("execution", (("account_currency", "JPY"),)),))
    with pytest.raises(BadUse, match="kept in USD"):
        Life(yen)
    assert oanda.submits == []


def test_an_account_that_the_token_does_not_open_stops_the_start(
    scene: tuple[OandaServer, Where],
) -> None:
    """The words name the account, and what to do; nobody's ledger is held up by it."""
    oanda, where = scene
    wrong = replace(where, more=(("broker", (("account_id", "101-004-1000001-002"),)),))
    with pytest.raises(BadUse, match="101-004-1000001-002"):
        Life(wrong)
    assert oanda.submits == []


@pytest.mark.parametrize("how", ["refused", "silent"])
def test_a_broker_that_cannot_be_reached_stops_the_start(
    scene: tuple[OandaServer, Where], how: str
) -> None:
    """The reason is there within seconds, and the ledger free for the next try."""
    oanda, where = scene
    with TcpProxy(oanda.port) as network:
        away = replace(where, url=network.url)
        if how == "refused":
            network.refuses = True
        else:
            network.blackhole("down")
        began_s = time.monotonic()
        with pytest.raises(Retry):
            Life(away, through=lambda _: quick_venue(away))
        assert time.monotonic() - began_s < REASON_S
        network.heal()
        with living(replace(away, holder="run-2")) as life:
            life.rest()
    assert oanda.submits == []


def test_a_logon_that_takes_long_is_said_meanwhile(scene: tuple[OandaServer, Where]) -> None:
    """A person does not wait for the end of all patience to hear of it."""
    oanda, where = scene
    with TcpProxy(oanda.port) as network:
        network.delay_s = 0.25
        with living(replace(where, url=network.url)) as life:
            assert "oanda has not answered the logon for 3 s: nothing is sent" in life.said
            network.delay_s = 0.0
            life.rest()


def test_a_closed_port_is_a_broker_that_cannot_be_reached(
    scene: tuple[OandaServer, Where],
) -> None:
    """As when its host is there and nobody listens."""
    _, where = scene
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    began_s = time.monotonic()
    with pytest.raises(Retry):
        Life(replace(where, url=f"http://127.0.0.1:{port}"))
    assert time.monotonic() - began_s < REASON_S


def test_a_position_that_nothing_explains_halts_and_is_not_traded_away(
    scene: tuple[OandaServer, Where],
) -> None:
    """It halts again after a restart, until a person has found out; cancels still pass."""
    oanda, where = scene
    with living(where) as life:
        life.rest()
        life.submit(order_of(1))
        rests = order_of(2, resting=True)
        life.submit(rests)
        life.rest()

    def phantom(record: VenueSnapshot) -> VenueSnapshot:
        held = VenuePosition(SYMBOL, UNITS + 500, Decimal("1.1"))
        return msgspec.structs.replace(record, positions=(held,))

    for start in (1, 2):
        with living(where, through=lambda venue: Unwell(venue, phantom)) as life:
            life.minute = 10 * start
            assert life.state is TradingState.HALTED
            assert not life.account.ready
            assert any("nothing explains it" in words for words in life.said)
            for side in WISHES:
                assert life.signal(side).reason == Deny.NOT_RECONCILED.value
            for _ in range(20):
                life.step()
    assert oanda.submits == [order_of(n).client_order_id for n in (1, 2)]
    # The venue says something else now; what was halted stays so.
    with living(where) as life:
        life.until(lambda: life.account.ready, "ready")
        assert life.state is TradingState.HALTED
        life.cancel(rests)
        life.rest()
        assert life.book[rests.client_order_id].status == "canceled"
        life.minute = 30
        for side in WISHES:
            assert life.signal(side).reason == Deny.HALTED.value
        life.logic.control(raise_word(life, "the broker has corrected it"))
        after: TradingState = life.state
        assert after == TradingState.ACTIVE
    ledger = assert_at_peace(oanda, where)
    assert ledger.held() == UNITS


def raise_word(life: Life, reason: str) -> ControlEvent:
    """Return a person's word that trading may go on."""
    return control_event(
        ControlKind.RAISE,
        TradingState.ACTIVE,
        account=life.account.config.account,
        by="ann",
        role="risk",
        reason=reason,
        ts_event_ns=life.book.clock_ns,
    )


def test_a_second_look_at_the_same_record_changes_nothing(
    scene: tuple[OandaServer, Where],
) -> None:
    """All that happened while nobody listened is one set of events; looking again gives none."""
    oanda, where = scene
    with living(where) as life:
        life.rest()
        resting = [order_of(n, resting=True) for n in range(1, 4)]
        for order in resting:
            life.submit(order)
        life.rest()
    # Meanwhile the broker fills one and ends another by itself.
    wanted = [oanda.exchange.account.find_order("@" + o.client_order_id) for o in resting]
    assert wanted[1] is not None
    oanda.exchange.cancel(str(wanted[1].order_id), "by hand")
    oanda.quote(SYMBOL, "1.08990", "1.08995")
    with living(where) as life:
        life.rest()
        assert [life.book[o.client_order_id].status for o in resting] == [
            "filled",
            "canceled",
            "filled",
        ]
        before = entries(life)
        digest = life.book.state_hash()
        for since in (None, 1):
            life.account._care.settle(  # type: ignore[union-attr]
                life.account.gateway.venue.snapshot(since, 5.0), where.wall_ns()
            )
        for _ in range(5):
            life.step()
        assert entries(life) == before
        assert life.book.state_hash() == digest
    assert assert_at_peace(oanda, where).book.state_hash() == digest


def entries(life: Life) -> list[Order | OrderEvent]:
    """Return all facts about orders that the journal has."""
    life.logic.desk.commit()
    facts = [fact_of(entry) for entry in life.account.journal.read()]
    return [fact for fact in facts if isinstance(fact, Order | OrderEvent)]


def test_an_edited_entry_is_found(scene: tuple[OandaServer, Where]) -> None:
    """Whoever changes one number in the ledger keeps the account from starting."""
    oanda, where = scene
    with living(where) as life:
        life.rest()
        life.submit(order_of(1))
        life.rest()
        digest = life.book.state_hash()
    assert Ledger.of(where).book.state_hash() == digest
    with sqlite3.connect(where.folder / LEDGER_FILE) as store:
        changed = store.execute(
            "update entries set payload = replace(payload, '1000', '9000')"
            " where kind = 'order_event' and payload like '%1000%'"
        ).rowcount
    assert changed
    with pytest.raises(Corrupt):
        Ledger.of(where)
    with pytest.raises(Corrupt):
        Life(where)
    assert len(oanda.submits) == 1
