"""What goes wrong between adapter and gateway, and that nothing is doubled or lost by it."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from brokers.ib.order_ids import LAST_ORDER_ID
from domain.errors import BadUse, Retry
from domain.order_events import EventKind, OrderEvent
from domain.orders import terms_of
from domain.reasons import Reason
from tests.brokers.ib.rig import ASK, BID, Rig, a_market_order, an_order
from trading.venues import Barred, Cancel, NotSent, Replace


def test_a_cut_before_any_answer_leaves_the_submit_in_doubt(rig: Rig) -> None:
    """The gateway never saw it; nobody here can know that, so that it is not sent again."""
    rig.gateway.faults.cut_before_apply = True
    order = rig.submit(an_order())
    rig.until(lambda: rig.kinds(order) == ["send_unknown"])
    assert rig.last(order, EventKind.SEND_UNKNOWN).request == 0
    rig.until(lambda: rig.venue_is_up())
    assert rig.gateway.book.submits == []


def test_a_cut_after_the_order_was_taken_finds_it_again(rig: Rig) -> None:
    """In doubt first, then known by the open orders of the next session; one order at the venue."""
    rig.gateway.faults.cut_after_apply = True
    order = rig.submit(an_order())
    rig.until(lambda: rig.kinds(order) == ["send_unknown", "ack"])
    assert rig.gateway.book.submits == [order.client_order_id]
    report = rig.until_known(order)
    assert (report.client_order_id, report.status) == (order.client_order_id, "accepted")


def test_a_reply_that_is_dropped_leaves_the_order_in_doubt_and_a_query_finds_it(
    tmp_path: Path,
) -> None:
    """No cut, no answer: the time-out speaks."""
    rig = Rig(tmp_path, answer_timeout_s=0.05)
    try:
        rig.start().gateway.faults.drop_reply = True
        order = rig.submit(an_order())
        rig.until(lambda: rig.kinds(order) == ["send_unknown"])
        report = rig.venue.query(order, 3.0)
        assert report is not None
        assert report.status == "accepted"
        # The query's own answer tells the adapter too.
        rig.until(lambda: rig.kinds(order) == ["send_unknown", "ack"])
    finally:
        rig.close()


def test_cancels_and_replaces_without_an_answer_are_in_doubt_by_their_number(rig: Rig) -> None:
    """A cut answers all that wait."""
    order = rig.submit(an_order())
    other = rig.submit(an_order(2))
    rig.until_kinds(order, "ack")
    rig.gateway.faults.drop_reply = True
    rig.venue.send(Cancel(order, request=4))
    rig.until(lambda: not rig.gateway.faults.drop_reply)
    rig.gateway.faults.cut_before_apply = True
    wanted = replace(terms_of(other), limit_price=Decimal("1.08"))
    rig.venue.send(Replace(other, wanted, request=2))
    rig.until(lambda: "send_unknown" in rig.kinds(other))
    assert rig.last(order, EventKind.SEND_UNKNOWN).request == 4
    assert rig.last(other, EventKind.SEND_UNKNOWN).request == 2


def test_an_order_that_was_canceled_unheard_is_known_as_canceled_after_the_cut(rig: Rig) -> None:
    """From the orders that ended today."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    rig.gateway.faults.cut_after_apply = True
    rig.venue.send(Cancel(order, request=1))
    rig.until(lambda: rig.kinds(order) == ["ack", "send_unknown", "canceled"])


def test_a_cut_in_the_middle_of_a_fill_loses_no_fill(rig: Rig) -> None:
    """The execution comes with the next session's report, once."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    rig.gateway.faults.cut_on_fill = True
    rig.gateway.quote("EURUSD", Decimal("1.08"), Decimal("1.08005"))
    rig.until(lambda: rig.kinds(order) == ["ack", "fill"])
    rig.until(rig.venue_is_up)
    assert rig.kinds(order) == ["ack", "fill"]
    down, up = rig.links()[-2:]
    assert (down.up, down.gap, up.up, up.gap) == (False, True, True, True)


def test_a_restart_in_the_middle_of_a_partial_fill_recovers_the_rest(rig: Rig) -> None:
    """Fault row 23: every fill by its execution id, none twice."""
    rig.gateway.faults.partial = "5000"
    order = rig.submit(an_order(limit_price=Decimal("1.2")))
    rig.until_kinds(order, "ack", "fill")
    rig.gateway.restart()
    rig.gateway.quote("EURUSD", BID, ASK)
    rig.until(lambda: rig.kinds(order) == ["ack", "fill", "fill"])
    rig.until(rig.venue_is_up)
    fills = [each for each in rig.of(order) if each.kind is EventKind.FILL]
    assert [each.quantity_units for each in fills] == [5_000, 15_000]
    assert len({each.execution_id for each in fills}) == 2


@pytest.mark.parametrize("fault", ["duplicate", "reorder"])
def test_doubled_and_disordered_messages_are_one_fill(rig: Rig, fault: str) -> None:
    """By execution id; the commission too, though it comes before its fill."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    setattr(rig.gateway.faults, fault, True)
    rig.gateway.quote("EURUSD", Decimal("1.08"), Decimal("1.08005"))
    rig.until_kinds(order, "ack", "fill")
    assert len(rig.charges()) == 1


def test_an_order_id_goes_up_over_restarts_whatever_the_gateway_proposes(rig: Rig) -> None:
    """The gateway proposes 1 again; the order before it had 1."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    rig.venue.stop()
    rig.venue = rig.open()
    rig.start()
    second = rig.submit(an_order(2))
    rig.until_kinds(second, "ack")
    first_id, second_id = (int(each.fields["orderId"]) for each in rig.gateway.book.orders)
    assert second_id > first_id
    assert rig.gateway.desk.proposed_order_id == 1


def test_a_new_life_knows_the_orders_of_the_old_one(rig: Rig) -> None:
    """By ``orderRef``: the cancel finds the order id, and nothing is told twice."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    rig.venue.stop()
    rig.events.clear()
    rig.venue = rig.open()
    rig.start()
    rig.venue.send(Cancel(order, request=1))
    rig.until_kinds(order, "pending_cancel_ack", "canceled")


def test_lost_servers_close_the_link_and_found_ones_recover_what_happened(rig: Rig) -> None:
    """1100 and 1102: no order leaves between, cancels do, fills are asked for."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    rig.gateway.notice(1100, "lost")
    rig.until(lambda: not rig.links()[-1].up)
    with pytest.raises(NotSent):
        rig.submit(an_order(2))
    with pytest.raises(Retry):
        rig.venue.query(order, 0.05)
    fill = rig.gateway.book.fill(rig.gateway.book.orders[0], Decimal(20_000), Decimal("1.09"))
    rig.gateway.notice(1102, "restored")
    rig.until(rig.venue_is_up)
    assert rig.kinds(order) == ["ack", "fill"]
    told = rig.last(order, EventKind.FILL)
    assert told.execution_id == fill.execution_id
    assert (rig.links()[-1].reason, rig.links()[-1].gap) == ("1102", True)


def test_no_order_leaves_in_the_daily_reset_and_a_cancel_does(rig: Rig) -> None:
    """23:45 to 00:05 New York."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    rig.clock.set(23, 45)
    rig.until(lambda: not rig.links()[-1].up)
    assert rig.links()[-1].reason == "daily_reset"
    with pytest.raises(NotSent):
        rig.submit(an_order(2))
    rig.venue.send(Cancel(order, request=1))
    rig.until(lambda: rig.kinds(order)[-1] == "canceled")
    rig.clock.set(0, 5, day=15)
    rig.until(rig.venue_is_up)
    assert rig.links()[-1].gap


def test_empty_lists_after_the_reset_are_not_believed(rig: Rig) -> None:
    """The gateway is back, but lists nothing yet: no order counts as unknown."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    rig.gateway.begin_reset()
    rig.until(lambda: any(each.up and each.gap for each in rig.links()))
    with pytest.raises(Retry, match="too lately"):
        rig.venue.query(order, 3.0)
    assert not rig.venue.snapshot(None, 3.0).complete
    rig.gateway.end_reset()
    found = rig.venue.snapshot(None, 3.0)
    assert found.complete
    assert [each.client_order_id for each in found.orders] == [order.client_order_id]
    assert rig.kinds(order) == ["ack"]


def test_an_order_that_is_nowhere_is_unknown_once_the_gateway_has_settled(rig: Rig) -> None:
    """``None`` is an answer then."""
    assert rig.venue.query(an_order(), 3.0) is None
    rig.gateway.cut()
    rig.until(lambda: len(rig.links()) == 3)
    with pytest.raises(Retry):
        rig.venue.query(an_order(), 3.0)
    rig.clock.advance(61)
    assert rig.venue.query(an_order(), 3.0) is None


def test_a_fill_that_a_state_counts_and_no_execution_tells_is_asked_for(rig: Rig) -> None:
    """Within about a second."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    (held,) = rig.gateway.book.orders
    rig.gateway.book.fill(held, Decimal(5_000), Decimal("1.09"))
    rig.gateway.desk.tell(held.client_id, rig.gateway.desk.state(held))
    rig.until(lambda: rig.kinds(order) == ["ack", "fill"])


def test_an_inactive_order_is_suspended_and_may_come_back(rig: Rig) -> None:
    """Half a second after the state, when no error has come with it."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    (held,) = rig.gateway.book.orders
    for status, expected in (("Inactive", "suspended"), ("Submitted", "ack")):
        held.status = status
        rig.gateway.desk.tell(held.client_id, rig.gateway.desk.state(held))
        rig.until(lambda expected=expected: rig.kinds(order)[-1] == expected)  # type: ignore[misc]
    assert rig.kinds(order) == ["ack", "suspended", "ack"]


def test_a_failure_that_nobody_foresaw_is_a_doubt_and_a_halt(tmp_path: Path) -> None:
    """Here: no order id is left. The order does not vanish, and no other one leaves."""
    (tmp_path / "ib-order-ids-DU1234567-1").write_text(f"{LAST_ORDER_ID}\n")
    rig = Rig(tmp_path)
    try:
        order = rig.start().submit(an_order())
        rig.until(lambda: rig.kinds(order) == ["send_unknown"])
        rig.until(lambda: not rig.links()[-1].up)
        assert "order ids" in rig.links()[-1].reason
        with pytest.raises(NotSent):
            rig.submit(an_order(2))
        with pytest.raises(Retry):
            rig.venue.query(order, 1.0)
    finally:
        rig.close()


def test_a_message_that_cannot_be_read_ends_the_session_loudly(rig: Rig) -> None:
    """It may have been a fill: everything is read again with the next session."""
    before = len(rig.links())
    rig.gateway.tell_garbage()
    rig.until(lambda: len(rig.links()) == before + 2)
    down, up = rig.links()[-2:]
    assert "cannot be used" in down.reason
    assert (down.gap, up.up, up.gap) == (True, True, True)


def test_a_correction_replaces_the_execution_and_a_bust_takes_it_back(rig: Rig) -> None:
    """``.02`` after ``.01``, then ``.03`` to nothing."""
    order = rig.submit(a_market_order())
    rig.until_kinds(order, "ack", "fill")
    first = rig.last(order, EventKind.FILL).execution_id
    second = first.removesuffix(".01") + ".02"
    rig.gateway.correct(first, Decimal(20_000), Decimal("1.1001"))
    rig.until(lambda: rig.kinds(order)[-1] == "correct")
    correct = rig.last(order, EventKind.CORRECT)
    assert (correct.execution_ref, correct.execution_id) == (first, second)
    assert correct.price == Decimal("1.1001")
    rig.gateway.correct(second, Decimal(0), Decimal("1.1001"))
    rig.until(lambda: rig.kinds(order)[-1] == "bust")
    assert rig.last(order, EventKind.BUST).execution_ref == first
    assert rig.kinds(order) == ["ack", "fill", "correct", "bust"]
    snapshot = rig.venue.snapshot(None, 3.0)
    assert [each.kind.value for each in snapshot.executions] == ["fill", "correct", "bust"]


def test_an_order_of_a_person_is_external_and_its_fill_counts(rig: Rig) -> None:
    """Order id 0: TWS's own id names it."""
    placed = rig.gateway.external("EURUSD", "SELL", Decimal(25_000), Decimal("1.2"))
    rig.gateway.quote("EURUSD", Decimal("1.2"), Decimal("1.20005"))
    rig.until(lambda: len(rig.externals()) == 2)
    external, fill = rig.externals()
    assert (external.kind, external.venue_order_id) == (EventKind.EXTERNAL, str(placed.perm_id))
    assert (external.symbol, external.side, external.status) == ("EURUSD", "sell", "accepted")
    assert (fill.kind, fill.venue_order_id) == (EventKind.FILL, str(placed.perm_id))
    assert (fill.symbol, fill.side, fill.quantity_units) == ("EURUSD", "sell", Decimal(25_000))
    (position,) = rig.venue.snapshot(None, 3.0).positions
    assert (position.symbol, position.units) == ("EURUSD", Decimal(-25_000))


def test_the_rate_limit_refuses_the_one_order(rig: Rig) -> None:
    """Code 100 with the order's id: it was not taken."""
    rig.gateway.faults.rate_limit = True
    order = rig.submit(an_order())
    rig.until(lambda: rig.kinds(order) == ["reject"])
    assert rig.last(order, EventKind.REJECT).reason == Reason.RATE_LIMITED


def test_a_gateway_that_allows_reading_only_halts_trading(rig: Rig) -> None:
    """321 in read-only mode: a person must act."""
    rig.gateway.notice(321, "Error validating request: the API interface is in Read-Only mode.")
    rig.until(lambda: not rig.links()[-1].up)
    with pytest.raises(NotSent):
        rig.submit(an_order())
    rig.until(lambda: any(isinstance(event, Barred) for event in rig.events))
    (bar,) = [event for event in rig.events if isinstance(event, Barred)]
    assert (bar.reason, bar.why[:5], bar.venue) == (Reason.NOT_AUTHORISED, "321: ", "ib")


def test_a_warning_about_an_order_is_no_event(rig: Rig) -> None:
    """399 and 2104 inform."""
    order = rig.submit(an_order())
    rig.until_kinds(order, "ack")
    rig.gateway.notice(399, "Order message", rig.gateway.book.orders[0].fields["orderId"])
    rig.gateway.notice(2104, "farm is OK")
    rig.until_kinds(order, "ack")


def test_a_wrong_account_is_refused_at_the_start(rig: Rig) -> None:
    """Orders would go to somebody else's money."""
    venue = rig.open(account="U7654321", client_id=2)
    with pytest.raises(BadUse, match="U7654321 is not managed by the gateway"):
        venue.start(rig.events.append)


def test_a_client_id_in_use_is_refused_at_the_start(rig: Rig) -> None:
    """326."""
    with pytest.raises(BadUse, match="client id"):
        rig.open().start(rig.events.append)


def test_an_unknown_pair_is_refused_at_the_start(rig: Rig) -> None:
    """200 for the contract details."""
    with pytest.raises(BadUse, match="AUDUSD"):
        rig.open(client_id=2, symbols=("EURUSD", "AUDUSD")).start(rig.events.append)


def _refuses(rig: Rig) -> None:
    rig.gateway.faults.refuse_logons = 1


def _is_gone(rig: Rig) -> None:
    rig.gateway.close()


def _is_in_reset(rig: Rig) -> None:
    rig.clock.set(23, 50)


@pytest.mark.parametrize("trouble", [_refuses, _is_gone, _is_in_reset])
def test_a_gateway_that_cannot_be_had_now_may_be_later(
    rig: Rig, trouble: Callable[[Rig], None]
) -> None:
    """Retry, not BadUse."""
    venue = rig.open(client_id=2)
    trouble(rig)
    with pytest.raises(Retry):
        venue.start(rig.events.append)


def test_what_waits_at_the_stop_ends_in_doubt(rig: Rig) -> None:
    """Every command has its one answer; stopping twice is stopping once."""
    rig.gateway.faults.drop_reply = True
    order = rig.submit(an_order())
    rig.until(lambda: not rig.gateway.faults.drop_reply)
    rig.venue.stop()
    rig.venue.stop()
    assert rig.kinds(order) == ["send_unknown"]


def test_a_snapshot_holds_orders_fills_positions_and_money(rig: Rig) -> None:
    """Positions are the virtual ones; cash is in the money."""
    filled, resting = rig.submit(a_market_order()), rig.submit(an_order(2))
    rig.until_kinds(resting, "ack")
    found = rig.venue.snapshot(None, 3.0)
    assert (found.account, found.currency, found.complete) == ("DU1234567", "USD", True)
    assert [(each.client_order_id, each.status) for each in found.orders] == [
        (resting.client_order_id, "accepted"),
        (filled.client_order_id, "filled"),
    ]
    (fill,) = found.executions
    assert isinstance(fill, OrderEvent)
    assert (fill.client_order_id, fill.price) == (filled.client_order_id, ASK)
    (position,) = found.positions
    assert (position.units, position.average_price) == (Decimal(20_000), ASK)
    assert (found.balance, found.equity, found.margin_used) == (
        Decimal("99000.5"),
        Decimal("100000.25"),
        Decimal(1_200),
    )


def test_instruments_are_the_brokers_own(rig: Rig) -> None:
    """Grid of the contract, bounds of IDEALPRO."""
    found = rig.venue.instruments()["EURUSD"]
    assert (found.price_step, found.units_step) == (Decimal("0.00005"), Decimal(1))
    assert (found.min_units, found.max_units, found.name) == (
        Decimal(20_000),
        Decimal(5_000_000),
        "EUR.USD",
    )
