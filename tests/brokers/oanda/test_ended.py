"""Orders that have ended come from pages of transactions, however many there were."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from domain.order_events import EventKind
from domain.orders import Order
from domain.reasons import Reason
from testkit.venues.oanda.account import Account
from testkit.venues.oanda.server import ACCOUNT, OandaServer
from tests.brokers.oanda.rig import CANARY, UNITS, OandaRig
from trading.venues import OrderReport

ACK, FILL, CANCELED = EventKind.ACK, EventKind.FILL, EventKind.CANCELED


def _requests(rig: OandaRig, ask: Callable[[], object]) -> int:
    """Return how many requests a question costs."""
    before = rig.server.gate.requests
    ask()
    return rig.server.gate.requests - before


def _of(reports: tuple[OrderReport, ...], order: Order) -> OrderReport:
    (found,) = [one for one in reports if one.client_order_id == order.client_order_id]
    return found


def test_a_long_day_costs_a_few_requests(rig: OandaRig) -> None:
    """Of a new process, that knows none of the orders that the day has ended."""
    server = rig.server
    for number in range(300):
        name = {"id": rig.order().client_order_id}
        order = {"type": "MARKET", "instrument": "EUR_USD", "units": "1", "clientExtensions": name}
        status, _ = server.exchange.create(order, f"r{number}")
        assert status == 201
    rig.venue.stop()
    rig.venue = rig.new_venue()
    rig.venue.start(rig.heard.append)

    assert _requests(rig, lambda: rig.venue.snapshot(1, 5)) == 2
    snapshot = rig.venue.snapshot(1, 5)
    assert snapshot.complete
    assert len(snapshot.orders) == len(snapshot.executions) == 300
    assert {(one.status, one.filled_units) for one in snapshot.orders} == {("filled", Decimal(1))}


def test_an_order_of_before_is_read_from_the_transaction_that_made_it(rig: OandaRig) -> None:
    """Its terms, side and ids, and how it ended; one request more for all of them."""
    waiting = rig.accepted(rig.resting("1.09500", time_in_force="GTD", expire_ns=2**61))
    dropped = rig.accepted(rig.resting("1.04999"))
    since = rig.server.exchange.log.last_id
    rig.venue.stop()
    rig.server.quote("EURUSD", "1.09480", "1.09490")
    rig.server.exchange.cancel(dropped.venue_order_id, "r")
    rig.venue = rig.new_venue()
    rig.venue.start(rig.heard.append)

    assert _requests(rig, lambda: rig.venue.snapshot(since, 5)) == 3
    reports = rig.venue.snapshot(since, 5).orders
    filled = _of(reports, waiting)
    assert (filled.status, filled.filled_units, filled.average_price) == (
        "filled",
        UNITS,
        Decimal("1.09490"),
    )
    assert (filled.terms.limit_price, filled.terms.time_in_force, filled.terms.expire_ns) == (
        Decimal("1.09500"),
        "GTD",
        2**61,
    )
    gone = _of(reports, dropped)
    assert (gone.status, gone.reason, gone.side) == ("canceled", Reason.REQUESTED, "buy")
    assert gone.venue_order_id == dropped.venue_order_id
    assert gone.terms.limit_price == Decimal("1.04999")


def test_the_report_of_the_snapshot_is_that_of_the_query(rig: OandaRig) -> None:
    """One is made of transactions, the other of the order's document."""
    order = rig.accepted(rig.resting("1.09500"))
    since = rig.server.exchange.log.last_id
    rig.server.quote("EURUSD", "1.09480", "1.09490")
    rig.wait(order, FILL)

    assert _of(rig.venue.snapshot(since, 5).orders, order) == rig.venue.query(order, 5)
    rig.venue.stop()
    rig.venue = rig.new_venue()
    rig.venue.start(rig.heard.append)
    assert _of(rig.venue.snapshot(since, 5).orders, order) == rig.venue.query(order, 5)


def test_the_stop_of_a_trade_that_is_closed_names_its_pair(rig: OandaRig) -> None:
    """v20 repeats neither pair nor units on it; the fill that opened the trade has them."""
    opened = rig.send(rig.order())
    rig.wait(opened, FILL)
    stop = rig.accepted(
        rig.order(
            side="sell",
            order_type="trailing_stop",
            time_in_force="GTC",
            trailing_distance=Decimal("0.00500"),
            parent_id=opened.client_order_id,
        )
    )
    since = rig.server.exchange.log.last_id
    rig.venue.stop()
    rig.server.exchange.close_trade("@" + opened.client_order_id, "ALL", "r1")
    rig.venue = rig.new_venue()
    rig.venue.start(rig.heard.append)

    snapshot = rig.venue.snapshot(since, 5)
    assert snapshot.complete
    report = _of(snapshot.orders, stop)
    assert (report.symbol, report.side, report.terms.quantity_units) == ("EURUSD", "sell", UNITS)
    assert (report.status, report.terms.order_type) == ("canceled", "trailing_stop")


def test_an_order_whose_birth_is_not_told_leaves_the_record_incomplete(
    rig: OandaRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing may then be concluded from what is missing."""
    order = rig.accepted(rig.resting("1.09500"))
    since = rig.server.exchange.log.last_id
    rig.venue.stop()
    rig.server.quote("EURUSD", "1.09480", "1.09490")
    log = rig.server.exchange.log
    monkeypatch.setattr(
        log,
        "between",
        lambda first, last: [
            one for one in log._log[first - 1 : last] if one["id"] != order.venue_order_id
        ],
    )
    rig.venue = rig.new_venue()
    rig.venue.start(rig.heard.append)

    snapshot = rig.venue.snapshot(since, 5)
    assert not snapshot.complete
    assert snapshot.orders == ()
    assert len(snapshot.executions) == 1


@pytest.mark.parametrize(
    ("is_hedging", "configured", "told"),
    [(False, "netting", "netting"), (False, "fifo", "fifo"), (True, "hedging", "hedging")],
)
def test_the_snapshot_says_how_positions_are_kept(
    tmp_path: Path, is_hedging: bool, configured: str, told: str
) -> None:
    """By the account's own flag; FIFO is taken at our word, for v20 does not tell it."""
    account = Account(ACCOUNT, hedging=is_hedging)
    server = OandaServer(account, token=CANARY, heartbeat_s=0.05)
    rig = OandaRig(tmp_path, server, position_mode=configured).start()
    try:
        assert rig.venue.snapshot(None, 5).position_mode == told
    finally:
        rig.close()
