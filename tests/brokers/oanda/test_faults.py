"""A broker that misbehaves: nothing is sent twice, nothing is lost, and doubt is called doubt."""

from decimal import Decimal
from pathlib import Path

import pytest

from domain.errors import BadUse, Retry
from domain.order_events import EventKind
from domain.orders import terms_of
from domain.reasons import Reason
from testkit.venues.oanda.account import Account
from testkit.venues.oanda.server import ACCOUNT, OandaServer
from tests.brokers.oanda.rig import CANARY, UNITS, OandaRig
from trading.venues import AccountCharge, Cancel, NotSent, Replace, Submit, Unsent

ACK, FILL, REJECT, UNKNOWN = (
    EventKind.ACK,
    EventKind.FILL,
    EventKind.REJECT,
    EventKind.SEND_UNKNOWN,
)


def test_a_lost_reply_is_answered_by_the_stream(rig: OandaRig) -> None:
    """The order was applied, and that is what the book hears; it was sent once."""
    rig.server.faults.drop_replies = 1
    order = rig.send(rig.order())
    rig.wait(order, FILL)
    assert rig.kinds(order) in ([ACK, FILL], [UNKNOWN, ACK, FILL])
    assert rig.server.submits == [order.client_order_id]


def test_a_lost_reply_with_a_silent_stream_is_a_doubt_that_a_query_ends(rig: OandaRig) -> None:
    """Nobody resends; the broker's record says what became of it."""
    rig.server.faults.mute_streams = True
    rig.server.faults.drop_replies = 1
    order = rig.send(rig.order())
    assert rig.wait(order, UNKNOWN).request == 0
    report = rig.venue.query(order, 2)
    assert report is not None
    assert (report.status, report.filled_units, report.average_price) == (
        "filled",
        UNITS,
        Decimal("1.10010"),
    )
    assert rig.server.submits == [order.client_order_id]
    rig.server.faults.mute_streams = False
    rig.wait(order, FILL)
    assert rig.kinds(order) == [UNKNOWN, ACK, FILL]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_leaves_a_doubt_and_is_not_repeated(rig: OandaRig, status: int) -> None:
    """Whether it was applied cannot be known from a 5xx."""
    rig.server.faults.server_status = status
    rig.server.faults.server_errors = 1
    order = rig.send(rig.order())
    assert rig.wait(order, UNKNOWN).reason == Reason.DISCONNECTED
    assert rig.venue.query(order, 2) is None
    assert rig.server.submits == []
    assert rig.kinds(order) == [UNKNOWN]


def test_an_answer_that_cannot_be_read_is_no_answer(rig: OandaRig) -> None:
    """The stream brings what the garbled body held."""
    rig.server.faults.garble_replies = 1
    order = rig.send(rig.order())
    rig.wait(order, FILL)
    assert rig.server.submits == [order.client_order_id]


def test_a_slow_answer_is_waited_for(rig: OandaRig) -> None:
    """Within the patience it is an answer like any other."""
    rig.server.faults.delay_s = 0.1
    order = rig.send(rig.order())
    rig.wait(order, FILL)
    assert UNKNOWN not in rig.kinds(order)


def test_an_answer_beyond_the_patience_is_a_doubt(rig: OandaRig) -> None:
    """The stream is silent, too; both come back later, and the order was one."""
    rig.venue.stop()
    rig.heard.clear()
    rig.venue = rig.new_venue(reply_timeout_s=1.0)
    rig.venue.start(rig.heard.append)
    rig.server.faults.mute_streams = True
    rig.server.faults.delay_s = 1.5
    order = rig.send(rig.order())
    rig.wait(order, UNKNOWN)
    rig.server.faults.mute_streams = False
    rig.wait(order, FILL)
    assert rig.kinds(order) == [UNKNOWN, ACK, FILL]
    assert rig.server.submits == [order.client_order_id]


def test_a_429_leaves_an_order_unsent_and_it_may_go_again(rig: OandaRig) -> None:
    """Nothing was applied, and v20 says so; the same order, sent again, goes through once."""
    rig.server.faults.rate_limits = 1
    order = rig.send(rig.order())
    rig.until(lambda: rig.unsent() == [(order.client_order_id, Reason.RATE_LIMITED)])
    assert rig.server.submits == []
    assert rig.kinds(order) == []
    rig.wait(rig.send(order), FILL)
    assert rig.server.submits == [order.client_order_id]


def test_a_connection_that_is_refused_is_certain(rig: OandaRig) -> None:
    """Nothing left: the order, the cancel and the replace are each answered as such."""
    order = rig.accepted(rig.resting())
    rig.server.stop()
    lost = rig.send(rig.order())
    rig.until(lambda: rig.unsent() == [(lost.client_order_id, Reason.DISCONNECTED)])
    rig.cancel(order)
    rig.venue.send(Replace(order, terms_of(order), 2))
    rig.until(lambda: len(rig.unsent()) == 3)
    commands = [type(e.command) for e in rig.heard if isinstance(e, Unsent)]
    assert commands == [Submit, Cancel, Replace]
    assert rig.kinds(order) == [ACK]


def test_after_failures_in_a_row_the_circuit_opens_and_cancels_have_their_own(
    tmp_path: Path,
) -> None:
    """Submits stop at once without a request; a cancel still goes out."""
    rig = OandaRig(tmp_path, breaker_threshold=2, breaker_open_s=60.0).start()
    try:
        waiting = rig.accepted(rig.resting())
        rig.server.faults.server_errors = 100
        said = 0
        while not rig.unsent():
            order = rig.send(rig.order())
            rig.until(lambda: bool(rig.of(order) or rig.unsent()))  # noqa: B023
            said += 1
        # A late reply to the resting order may have begun the count anew.
        assert said in (3, 4)
        assert rig.unsent() == [(order.client_order_id, Reason.DISCONNECTED)]
        assert [(e.link, e.up) for e in rig.links() if e.link == "circuit"] == [("circuit", False)]
        assert rig.server.submits == [waiting.client_order_id]
        rig.server.faults.server_errors = 0
        rig.cancel(waiting)
        rig.wait(waiting, EventKind.CANCELED)
    finally:
        rig.close()


def test_a_circuit_that_has_opened_lets_an_order_try_after_its_time(tmp_path: Path) -> None:
    """Both are told, so that nobody waits for an order to find out; a failed one opens it anew."""
    rig = OandaRig(tmp_path, breaker_threshold=1, breaker_open_s=0.2).start()

    def told() -> list[bool]:
        return [event.up for event in rig.links() if event.link == "circuit"]

    try:
        rig.server.faults.server_errors = 2
        rig.answered(rig.send(rig.order()))
        rig.until(lambda: told() == [False, True])
        rig.answered(rig.send(rig.order()))
        rig.until(lambda: told() == [False, True, False, True])
        rig.wait(rig.send(rig.order()), FILL)
        assert told() == [False, True, False, True]
    finally:
        rig.close()


def test_an_account_that_is_locked_is_told_beside_the_order(rig: OandaRig) -> None:
    """Whether the order is refused, or made and canceled: the next one would meet the same."""
    rig.server.faults.reject_next = "ACCOUNT_LOCKED"
    refused = rig.send(rig.order())
    rig.wait(refused, REJECT)
    rig.until(lambda: len(rig.bars()) == 1)
    rig.server.faults.cancel_next = "ACCOUNT_NEW_POSITIONS_LOCKED"
    canceled = rig.send(rig.order())
    rig.wait(canceled, EventKind.CANCELED)
    rig.until(lambda: len(rig.bars()) == 2)
    assert {bar.reason for bar in rig.bars()} == {Reason.ACCOUNT_BLOCKED}
    assert "ACCOUNT_NEW_POSITIONS_LOCKED" in rig.bars()[1].why


def test_what_happened_while_the_stream_was_down_is_fetched_before_it_counts_as_up(
    rig: OandaRig,
) -> None:
    """The fill comes by ``sinceid``, once, and before the link is said to be up."""
    order = rig.accepted(rig.resting("1.09"))
    rig.server.stop()
    rig.until(lambda: not rig.links()[-1].up)
    rig.server.quote("EURUSD", "1.08980", "1.08990")
    rig.server.start()
    rig.until(lambda: rig.links()[-1].up)
    assert rig.kinds(order) == [ACK, FILL]
    assert [link.up for link in rig.links()] == [True, False, True], rig.links()
    assert rig.heard.index(rig.of(order)[-1]) < rig.heard.index(rig.links()[-1])


def test_a_stream_that_falls_silent_is_down(tmp_path: Path) -> None:
    """Neither lines nor heartbeats: the connection is still there, and worth nothing."""
    rig = OandaRig(tmp_path, silence_s=0.15).start()
    try:
        rig.server.faults.mute_streams = True
        rig.until(lambda: len(rig.links()) > 1)
        assert (rig.links()[1].up, rig.links()[1].reason) == (False, "silent for 0.15 s")
        rig.server.faults.mute_streams = False
        rig.until(lambda: rig.links()[-1].up)
    finally:
        rig.close()


@pytest.mark.parametrize("fault", ["duplicate_lines", "reorder_lines"])
def test_lines_that_come_twice_or_crosswise_are_events_once_and_in_order(
    rig: OandaRig, fault: str
) -> None:
    """By the transaction's number."""
    setattr(rig.server.faults, fault, 4)
    rig.server.faults.drop_replies = 3
    orders = [rig.send(rig.order()) for _ in range(3)]
    for order in orders:
        rig.wait(order, FILL)
    rig.settled()
    numbers = [e.sequence for order in orders for e in rig.of(order) if e.kind != UNKNOWN]
    assert sorted(n for n in numbers if n is not None) == [2, 3, 4, 5, 6, 7]
    for order in orders:
        assert [k for k in rig.kinds(order) if k != UNKNOWN] == [ACK, FILL]


def test_a_get_that_lags_behind_the_post_is_no_proof_that_there_is_no_order(rig: OandaRig) -> None:
    """It was acknowledged: the query cannot say, and does not say "none"."""
    order = rig.accepted(rig.resting())
    rig.server.faults.hide_new_orders_s = 3600.0
    with pytest.raises(Retry, match="cannot be read yet"):
        rig.venue.query(order, 2)
    rig.server.faults.hide_new_orders_s = 0.0
    assert rig.venue.query(order, 2) is not None


def test_a_restart_of_the_broker_loses_nothing(rig: OandaRig) -> None:
    """Orders of before and of after are one account's."""
    before = rig.accepted(rig.resting("1.09"))
    rig.server.restart()
    rig.until(lambda: len(rig.links()) > 2 and rig.links()[-1].up)
    rig.server.quote("EURUSD", "1.08980", "1.08990")
    rig.wait(before, FILL)
    rig.wait(rig.send(rig.order()), FILL)
    assert rig.venue.snapshot(None, 2).positions[0].units == UNITS * 2


def test_a_second_order_of_one_id_does_not_leave(rig: OandaRig) -> None:
    """v20 refuses it only while the first is pending."""
    order = rig.send(rig.order())
    rig.wait(order, FILL)
    rig.send(order)
    assert rig.wait(order, REJECT).reason == Reason.DUPLICATE_ID
    assert rig.server.submits == [order.client_order_id]


def test_a_second_order_of_an_id_in_doubt_does_not_leave_either(rig: OandaRig) -> None:
    """The first may be there: only the broker's record can say."""
    rig.server.faults.mute_streams = True
    rig.server.faults.drop_replies = 1
    order = rig.send(rig.order())
    rig.wait(order, UNKNOWN)
    rig.send(order)
    rig.until(lambda: rig.kinds(order) == [UNKNOWN, UNKNOWN])
    assert rig.of(order)[1].reason == Reason.DUPLICATE_ID
    assert rig.server.submits == [order.client_order_id]


def test_a_burst_stays_within_the_limit_of_the_broker(rig: OandaRig) -> None:
    """150 orders at once: none is answered with 429, and all are taken."""
    orders = [rig.send(rig.resting()) for _ in range(150)]
    for order in orders:
        rig.wait(order, ACK)
    assert rig.server.gate.busiest <= 120
    assert len(rig.server.submits) == 150


def test_what_is_under_way_when_the_venue_stops_is_in_doubt(rig: OandaRig) -> None:
    """Every command is answered, and the order was sent once."""
    rig.server.faults.mute_streams = True
    rig.server.faults.delay_s = 0.4
    order = rig.send(rig.order())
    rig.until(lambda: rig.server.submits == [order.client_order_id])
    rig.venue.stop()
    assert rig.kinds(order) == [UNKNOWN]


def test_a_venue_that_is_not_started_sends_nothing(tmp_path: Path) -> None:
    """And it says so."""
    rig = OandaRig(tmp_path)
    try:
        with pytest.raises(NotSent):
            rig.venue.send(Submit(rig.order()))
        with pytest.raises(Retry):
            rig.venue.query(rig.order(), 1)
    finally:
        rig.close()


def test_the_snapshot_pages_through_the_transactions(tmp_path: Path) -> None:
    """However few an answer holds, all fills are in it, up to one transaction."""
    server = OandaServer(token=CANARY, heartbeat_s=0.05, page=3)
    rig = OandaRig(tmp_path, server).start()
    try:
        orders = [rig.send(rig.order()) for _ in range(5)]
        for order in orders:
            rig.wait(order, FILL)
        snapshot = rig.venue.snapshot(1, 5)
        assert snapshot.last_sequence == 11
        assert [e.sequence for e in snapshot.executions] == [3, 5, 7, 9, 11]
        assert {r.client_order_id for r in snapshot.orders} == {o.client_order_id for o in orders}
        assert all(r.status == "filled" for r in snapshot.orders)
        assert snapshot.positions[0].units == UNITS * 5
        assert (snapshot.balance, snapshot.currency) == (Decimal(100_000), "USD")
        assert [e.sequence for e in rig.venue.snapshot(9, 5).executions] == [11]
    finally:
        rig.close()


# The logon.


def test_a_wrong_token_is_a_bad_use(rig: OandaRig) -> None:
    """Trying again would not help."""
    rig.token.write_text("another-token", encoding="ascii")
    with pytest.raises(BadUse, match="HTTP 401"):
        rig.new_venue().start(rig.heard.append)


def test_an_account_of_somebody_else_is_a_bad_use(rig: OandaRig) -> None:
    """The token does not open it."""
    other = "101-004-1000001-002"
    venue = rig.new_venue(account_id=other, allowed_accounts=frozenset({other}))
    with pytest.raises(BadUse, match=other):
        venue.start(rig.heard.append)


def test_a_position_mode_that_is_not_the_brokers_is_a_bad_use(tmp_path: Path) -> None:
    """Hedging and netting give other positions from the same orders."""
    server = OandaServer(Account(ACCOUNT, hedging=True), token=CANARY, heartbeat_s=0.05)
    rig = OandaRig(tmp_path, server)
    try:
        with pytest.raises(BadUse, match="is hedging at OANDA, and netting here"):
            rig.start()
        hedging = rig.new_venue(position_mode="hedging")
        hedging.start(rig.heard.append)
        assert hedging.capabilities.position_modes == {"hedging"}
        hedging.stop()
    finally:
        rig.close()


def test_a_broker_that_is_away_is_worth_another_try(tmp_path: Path) -> None:
    """It may be back."""
    rig = OandaRig(tmp_path, read_attempts=2)
    rig.server.stop()
    try:
        with pytest.raises(Retry):
            rig.venue.start(rig.heard.append)
    finally:
        rig.close()


def test_charges_and_fills_of_foreign_orders_do_not_disturb_our_own(rig: OandaRig) -> None:
    """They come in the broker's order."""
    order = rig.send(rig.order())
    rig.wait(order, FILL)
    rig.server.exchange.finance("EUR_USD", Decimal("0.5"))
    rig.wait(rig.send(rig.order()), FILL)
    rig.settled()
    numbers = [getattr(e, "sequence", None) for e in rig.heard]
    assert [n for n in numbers if n is not None] == [2, 3, 4, 5, 6]
    assert sum(isinstance(e, AccountCharge) for e in rig.heard) == 1
