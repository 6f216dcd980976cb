"""Session cases, continued: a counterparty, or a network, that breaks the rules.

As in `test_session`, no fill counts twice and no order is ever sent a second time; whatever is
refused, the session either goes on or ends with a reason.
"""

import pytest

pytest.importorskip("quickfix")

from domain.errors import BadUse, Retry
from domain.order_events import EventKind
from tests.brokers.fix.rigs import OpenRig, Rig, an_order, fill, orders_received, submit

LONG_AGO = "20200101-00:00:00.000"
FAR_OFF = "20990101-00:00:00.000"


def _lives(rig: Rig) -> bool:
    """Say whether the session still answers."""
    rig.peer.send("1", [(112, "there")])
    return rig.peer.expect("0")[112] == "there"


def test_counterparty_that_does_not_begin_with_a_logon_is_left(open_rig: OpenRig) -> None:
    """No order could leave: the link never was up."""
    rig = open_rig(logon_timeout_s=1.0)
    wait = rig.start_in_background()
    rig.peer.accept()
    rig.peer.send("0")

    assert rig.peer.is_cut()
    rig.peer.hang_up()
    with pytest.raises(Retry, match="no FIX logon"):
        wait()
    assert rig.links() == []


def test_logon_whose_number_is_too_low_ends_the_session(open_rig: OpenRig) -> None:
    """Reports that we have heard would count as unsent there: a person has to look."""
    rig = open_rig(logon_timeout_s=1.0)
    rig.start()
    rig.peer.send("0")
    assert _lives(rig)
    rig.peer.hang_up()
    rig.until(lambda: not rig.links()[-1].up)
    rig.peer.next_seq = 1
    rig.peer.log_on()

    assert "too low" in rig.peer.expect("5")[58]
    assert [link.up for link in rig.links()] == [True, False]


def test_counterparty_that_finds_our_number_too_low_is_heard(rig: Rig) -> None:
    """Its words are in the error: the numbers have to be put right with it."""
    wait = rig.start_in_background()
    rig.peer.accept()
    rig.peer.send("5", [(58, "MsgSeqNum too low, expecting 9 but received 1")])

    with pytest.raises((Retry, BadUse), match="expecting 9 but received 1"):
        wait()


def test_copy_without_the_time_of_its_original_is_rejected(rig: Rig) -> None:
    """43=Y without 122: nobody could tell it from a message of another day."""
    rig.start()
    order = an_order()
    submit(rig, order)
    number = rig.peer.send("8", fill(order, "E1", 4_000, 4_000))
    rig.until_told(EventKind.FILL)
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000), seq=number, dup=True, first_sent_at="")

    assert rig.peer.expect("3")[373] == "1"
    assert _lives(rig)
    assert rig.positions() == 4_000


def test_copy_that_is_older_than_its_original_ends_the_session(rig: Rig) -> None:
    """122 after 52: Reject with 373=10, and a Logout."""
    rig.start()
    number = rig.peer.send("0")
    rig.peer.send("0", seq=number, dup=True, first_sent_at=FAR_OFF)

    assert rig.peer.expect("3")[373] == "10"
    rig.peer.expect("5")


def test_message_of_another_time_ends_the_session(rig: Rig) -> None:
    """52 more than two minutes off: a report of before must not pass for one of now."""
    rig.start()
    order = an_order()
    submit(rig, order)
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000), sent_at=LONG_AGO)

    assert rig.peer.expect("3")[373] == "10"
    rig.peer.expect("5")
    assert rig.events(EventKind.FILL) == []


def test_message_of_an_unknown_type_changes_nothing(rig: Rig) -> None:
    """News (B) is nobody's order; its number counts."""
    rig.start()
    order = an_order()
    submit(rig, order)
    rig.peer.send("B", [(148, "holiday"), (33, "1"), (58, "closed on Monday")])
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000))

    rig.until_told(EventKind.FILL)
    assert not any(message[35] == "2" for message in rig.peer.received)
    assert _lives(rig)


def test_reject_of_a_message_that_is_no_order_changes_no_order(rig: Rig) -> None:
    """They refuse our heartbeat: the order that works goes on working."""
    rig.start()
    order = an_order()
    number = submit(rig, order)[34]
    rig.peer.send("1", [(112, "t")])
    beat = rig.peer.expect("0")[34]
    assert beat != number
    rig.peer.send("3", [(45, beat), (372, "0"), (373, "99"), (58, "what was that")])

    assert _lives(rig)
    assert rig.events(EventKind.REJECT) == []


def test_we_send_heartbeats_while_nothing_else_is_said(open_rig: OpenRig) -> None:
    """Every HeartBtInt seconds, without being asked."""
    rig = open_rig(heartbeat_s=1)
    rig.start(heartbeat_s=1)

    assert 112 not in rig.peer.expect("0")


def test_resend_request_beyond_what_was_sent_is_survived(rig: Rig) -> None:
    """BeginSeqNo 50 of 2 messages: no order is sent, and the session goes on."""
    rig.start()
    submit(rig, an_order(1))
    rig.peer.send("2", [(7, "50"), (16, "0")])

    assert _lives(rig)
    assert len(orders_received(rig)) == 1


def test_gap_fill_that_is_itself_early_is_asked_for(rig: Rig) -> None:
    """Its number is too high: what is before it comes first."""
    rig.start()
    order = an_order()
    submit(rig, order)
    missed = rig.peer.next_seq
    rig.peer.send("4", [(123, "Y"), (36, str(missed + 5))], seq=missed + 1)

    request = rig.peer.expect("2")
    assert request[7] == str(missed)
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000), seq=missed, dup=True)
    rig.until_told(EventKind.FILL)
    assert rig.positions() == 4_000


def test_resend_that_is_cut_goes_on_after_the_next_logon(rig: Rig) -> None:
    """One of two missed fills came: the other is asked for again, and each counts once."""
    rig.start()
    order = an_order()
    submit(rig, order)
    missed = rig.peer.next_seq
    rig.peer.next_seq += 2
    rig.peer.send("0")
    rig.peer.expect("2")
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000), seq=missed, dup=True)
    rig.until_told(EventKind.FILL)
    rig.peer.hang_up()
    rig.peer.log_on()

    request = rig.peer.expect("2")
    assert request[7] == str(missed + 1)
    for number, (name, last, cum) in enumerate((("E1", 4_000, 4_000), ("E2", 3_000, 7_000))):
        rig.peer.send("8", fill(order, name, last, cum), seq=missed + number, dup=True)
    rig.until(lambda: rig.positions() == 7_000)
    assert orders_received(rig) == [order.client_order_id]


def test_process_that_dies_over_a_gap_asks_for_it_in_its_next_life(open_rig: OpenRig) -> None:
    """The numbers on disk are those of what was taken: nothing behind the gap was."""
    first = open_rig()
    first.start()
    order = an_order()
    submit(first, order)
    missed = first.peer.next_seq
    first.peer.next_seq += 1
    first.peer.send("8", fill(order, "E2", 3_000, 7_000))
    first.peer.expect("2")
    first.peer.hang_up()
    first.venue.stop()
    assert first.events(EventKind.FILL) == []

    second = open_rig(peer=first.peer)
    second.start()
    assert second.peer.expect("2")[7] == str(missed)
    second.peer.send("8", fill(order, "E1", 4_000, 4_000), seq=missed, dup=True)
    second.peer.send("8", fill(order, "E2", 3_000, 7_000), seq=missed + 1, dup=True)
    second.until(lambda: second.positions() == 7_000)
    assert orders_received(second) == [order.client_order_id]


def test_second_logon_within_a_session_ends_the_line_which_comes_back(rig: Rig) -> None:
    """Nobody can tell what it means: the order is in doubt, and asked for after the next logon."""
    rig.start()
    order = an_order()
    submit(rig, order)
    rig.peer.send("A", [(98, "0"), (108, "30")])
    assert rig.peer.is_cut()
    rig.peer.log_on()

    assert rig.peer.expect("H")[11] == order.client_order_id
    assert [link.up for link in rig.links()] == [True, False, True]
    assert orders_received(rig) == [order.client_order_id]
