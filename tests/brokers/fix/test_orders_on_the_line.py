"""Orders over a line that breaks, and counterparties that report as they please.

In all of them no fill counts twice, and no order is ever sent a second time.
"""

import threading
import time
from decimal import Decimal

import msgspec
import pytest

pytest.importorskip("quickfix")

from brokers.gateway import Gateway
from domain.errors import Retry
from domain.order_events import EventKind, OrderEvent
from tests.brokers.fix.rigs import (
    OpenRig,
    Rig,
    a_replace,
    an_order,
    fill,
    orders_received,
    report,
    submit,
)
from trading.orders.book import OrderBook
from trading.venues import Barred, Cancel, NotSent, Submit, VenueSnapshot


def test_cut_before_the_answer_leaves_the_order_in_doubt_and_asks_after_the_next_logon(
    rig: Rig,
) -> None:
    """Sent, then silence and a cut: SEND_UNKNOWN once; then OrderStatusRequest, no second order."""
    rig.start()
    order = an_order()
    submit(rig, order)
    rig.peer.hang_up()
    unknown = rig.until_told(EventKind.SEND_UNKNOWN)
    assert (unknown.client_order_id, unknown.request) == (order.client_order_id, 0)

    rig.peer.log_on()
    question = rig.peer.expect("H")
    assert question[11] == order.client_order_id
    rig.peer.send("8", report(order, "I", "0"))

    status = rig.until_told(EventKind.STATUS)
    assert (status.status, status.venue_order_id) == ("accepted", "OID-1")
    assert len(rig.events(EventKind.SEND_UNKNOWN)) == 1
    assert orders_received(rig) == [order.client_order_id]


def test_logout_in_the_middle_of_an_order_and_a_fill_while_away(rig: Rig) -> None:
    """They log out, fill, and send the report again after the logon: it counts once."""
    rig.start()
    order = an_order()
    submit(rig, order)
    rig.peer.send("8", report(order, "0", "0"))
    rig.until_told(EventKind.ACK)
    rig.peer.send("5", [(58, "end of day")])
    rig.peer.expect("5")
    rig.until(lambda: not rig.links()[-1].up)
    assert rig.links()[-1].reason == "end of day"
    missed = rig.peer.next_seq
    rig.peer.next_seq += 1

    rig.peer.log_on()
    assert rig.peer.expect("2")[7] == str(missed)
    rig.peer.send("8", fill(order, "E1", 10_000, 10_000, status="2"), seq=missed, dup=True)

    rig.until_told(EventKind.FILL)
    assert rig.positions() == 10_000
    assert rig.events(EventKind.SEND_UNKNOWN) == []


def test_nothing_leaves_before_the_logon_and_that_is_said(rig: Rig) -> None:
    """Not logged on: NotSent, no number is used, and no order appears later."""
    with pytest.raises(NotSent):
        rig.venue.send(Submit(an_order(1)))
    rig.start()
    rig.peer.hang_up()
    rig.until(lambda: not rig.links()[-1].up)
    with pytest.raises(NotSent):
        rig.venue.send(Submit(an_order(2)))

    rig.peer.log_on()
    rig.until(lambda: rig.links()[-1].up)
    submit(rig, an_order(3))
    assert orders_received(rig) == [an_order(3).client_order_id]
    assert rig.events(EventKind.SEND_UNKNOWN) == []


def test_answer_that_never_comes_is_unknown_after_its_time(open_rig: OpenRig) -> None:
    """The session lives, the counterparty says nothing: SEND_UNKNOWN, exactly once."""
    rig = open_rig(answer_timeout_s=0.05)
    rig.start()
    submit(rig, an_order())

    rig.until_told(EventKind.SEND_UNKNOWN)
    time.sleep(0.1)
    assert len(rig.events(EventKind.SEND_UNKNOWN)) == 1


def test_last_fill_reported_as_partial_with_nothing_left_is_a_full_fill(rig: Rig) -> None:
    """39=1 with 151=0, then 150=I with 39=2: 14 and 151 decide, the status adds no fill."""
    rig.start()
    order = an_order()
    submit(rig, order)
    rig.peer.send("8", fill(order, "E1", 10_000, 10_000, status="1", leaves=0))
    rig.peer.send("8", report(order, "I", "2", t14="10000", t151="0"))

    event = rig.until_told(EventKind.FILL)
    assert event.status == "filled"
    assert (event.cum_units, event.leaves_units) == (Decimal(10_000), Decimal(0))
    assert rig.until_told(EventKind.STATUS).status == "filled"
    assert rig.positions() == 10_000


def test_fill_before_the_acknowledgement_answers_the_order(open_rig: OpenRig) -> None:
    """150=F comes first, 150=0 after: both are told, and nothing is in doubt."""
    rig = open_rig(answer_timeout_s=0.2)
    rig.start()
    order = an_order()
    submit(rig, order)
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000))
    rig.until_told(EventKind.FILL)
    rig.peer.send("8", report(order, "0", "1", t14="4000", t151="6000"))

    rig.until_told(EventKind.ACK)
    time.sleep(0.3)
    assert rig.events(EventKind.SEND_UNKNOWN) == []


def test_rounded_price_is_told_once_whatever_comes_first(rig: Rig) -> None:
    """On the wire it is on the grid; the book hears of it with the fill, and not again."""
    rig.start()
    order = an_order(limit_price=Decimal("1.1000049"))
    assert submit(rig, order)[44] == "1.10000"
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000))
    told = rig.until_told(EventKind.REPLACED)
    assert told.terms is not None
    assert (told.request, told.terms.limit_price) == (-1, Decimal("1.10000"))
    rig.peer.send("8", report(order, "0", "1", t14="4000", t151="6000"))
    rig.until_told(EventKind.ACK)
    assert [one.kind for one in rig.events()] == [EventKind.FILL, EventKind.REPLACED, EventKind.ACK]


def test_bust_takes_back_and_a_correction_replaces_an_execution(rig: Rig) -> None:
    """150=H and 150=G name the execution (19) that they change."""
    rig.start()
    order = an_order()
    submit(rig, order)
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000))
    rig.peer.send("8", fill(order, "E2", 3_000, 7_000))
    bust = report(order, "H", "1", t17="E3", t19="E1", t32="4000", t31="1.1", t14="3000")
    correction = report(order, "G", "1", t17="E4", t19="E2", t32="2500", t31="1.2", t14="2500")
    rig.peer.send("8", bust)
    rig.peer.send("8", correction)

    corrected = rig.until_told(EventKind.CORRECT)
    assert rig.until_told(EventKind.BUST).execution_ref == "E1"
    assert (corrected.execution_ref, corrected.quantity_units) == ("E2", Decimal(2_500))
    assert rig.positions() == 2_500


def test_replace_and_cancel_chain_their_names(rig: Rig) -> None:
    """ClOrdID is new each time, OrigClOrdID is the last name that the counterparty confirmed."""
    rig.start()
    order = an_order()
    name = submit(rig, order)[11]
    rig.venue.send(a_replace(order, 20_000, request=1))
    replace = rig.peer.expect("G")
    assert (replace[11], replace[41], replace[38]) == (name + "01", name, "20000")
    rig.peer.send("8", report(order, "5", "5", request_name=name + "01", t41=name, t38="20000"))
    replaced = rig.until_told(EventKind.REPLACED)
    assert replaced.request == 1
    assert replaced.terms is not None
    assert replaced.terms.quantity_units == 20_000

    rig.venue.send(Cancel(order, request=2, previous=1))
    cancel = rig.peer.expect("F")
    assert (cancel[11], cancel[41]) == (name + "02", name + "01")
    assert (cancel[58], cancel[448], cancel[452]) == ("trend/" + "0f" * 16, "mira", "12")
    rig.peer.send("8", report(order, "4", "4", request_name=name + "02", t41=name + "01"))
    canceled = rig.until_told(EventKind.CANCELED)
    assert (canceled.request, canceled.reason) == (2, "requested")


def test_kill_names_an_order_as_it_was_replaced_in_an_earlier_life(rig: Rig) -> None:
    """OrigClOrdID of its cancel is the name that the journal knows to be in force."""
    rig.start()
    order = an_order()
    name = submit(rig, order)[11]
    rig.venue.send(a_replace(order, 20_000, request=1))
    rig.peer.expect("G")
    rig.peer.send("8", report(order, "5", "5", request_name=name + "01", t41=name, t38="20000"))
    replaced = rig.until_told(EventKind.REPLACED)
    wanted = msgspec.structs.replace(order, status="initialized")
    book = OrderBook(order.account).fold(
        [
            wanted,
            OrderEvent(EventKind.SUBMIT, name, 0, 0),
            OrderEvent(EventKind.REPLACE_REQUEST, name, 0, 0, request=1, terms=replaced.terms),
            replaced,
        ]
    )
    gateway = Gateway(rig.venue, lambda: None, lambda: 1)
    gateway.adopt(book.open_states())
    assert gateway.kill("fire").canceled == (name,)
    assert rig.peer.expect("F")[41] == name + "01"


def test_refused_cancel_names_the_request_and_whether_the_order_is_known(rig: Rig) -> None:
    """OrderCancelReject (9): 434 says cancel or replace, 102=1 says that the order is unknown."""
    rig.start()
    order = an_order()
    name = submit(rig, order)[11]
    rig.venue.send(Cancel(order, request=1))
    rig.peer.expect("F")
    fields = [(37, "NONE"), (11, name + "01"), (41, name), (39, "8"), (434, "1"), (102, "1")]
    rig.peer.send("9", fields)

    event = rig.until_told(EventKind.CANCEL_REJECT)
    assert (event.request, event.unknown_order, event.reason) == (1, True, "not_found")


@pytest.mark.parametrize("kind", ["3", "j"])
def test_refusal_that_names_only_a_number_finds_its_order(rig: Rig, kind: str) -> None:
    """Reject (3) and BusinessMessageReject (j) carry RefSeqNum (45): the order is rejected."""
    rig.start()
    order = an_order()
    sent = submit(rig, order)
    time.sleep(0.02)
    why = [(373, "5")] if kind == "3" else [(380, "6")]
    rig.peer.send(kind, [(45, sent[34]), (372, "D"), *why])

    event = rig.until_told(EventKind.REJECT)
    assert (event.client_order_id, event.request) == (order.client_order_id, 0)
    assert event.reason == ("bad_terms" if kind == "3" else "not_authorised")
    bars = [told.reason for told in rig.told if isinstance(told, Barred)]
    assert bars == ([] if kind == "3" else ["not_authorised"])


def test_unreadable_report_is_told_as_a_gap_and_the_session_goes_on(rig: Rig) -> None:
    """A fill without a price is not guessed: reconcile; the next report is taken."""
    rig.start()
    order = an_order()
    submit(rig, order)
    rig.peer.send("8", report(order, "F", "1", t17="E1", t32="4000", t31="NaN", t14="4000"))
    rig.peer.send("8", fill(order, "E2", 3_000, 7_000))

    rig.until_told(EventKind.FILL)
    assert [one.execution_id for one in rig.events(EventKind.FILL)] == ["E2"]
    assert ("unreadable_report", True) in [(link.reason, link.gap) for link in rig.links()]


def test_snapshot_is_incomplete_where_the_counterparty_knows_no_mass_status(rig: Rig) -> None:
    """BusinessMessageReject of the AF: fills and positions are from the history, orders missing."""
    rig.start()
    order = an_order()
    submit(rig, order)
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000))
    rig.until_told(EventKind.FILL)
    found: list[VenueSnapshot] = []
    asking = threading.Thread(target=lambda: found.append(rig.venue.snapshot(None, 4.0)))
    asking.start()
    request = rig.peer.expect("AF")
    rig.peer.send("j", [(45, request[34]), (372, "AF"), (380, "3")])
    asking.join(5)

    (snapshot,) = found
    assert (snapshot.complete, snapshot.orders) == (False, ())
    assert [one.execution_id for one in snapshot.executions] == ["E1"]
    assert [(one.symbol, one.units) for one in snapshot.positions] == [("EURUSD", Decimal(4_000))]


def test_question_that_is_not_answered_is_worth_another_try(rig: Rig) -> None:
    """No answer is not the same as no order."""
    rig.start()
    with pytest.raises(Retry, match="did not answer"):
        rig.venue.query(an_order(), 0.1)
