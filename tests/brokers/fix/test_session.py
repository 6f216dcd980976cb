"""Session cases, one script each: what a counterparty may do, and what must come of it.

In all of them no fill counts twice, what is not an order is filled by a gap, and no order is ever
sent a second time.
"""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("quickfix")

from brokers.fix.engine import Connection
from domain.errors import BadUse, Retry
from domain.nanos import parse_ns
from domain.order_events import EventKind
from tests.brokers.fix.rigs import (
    OpenRig,
    Rig,
    an_order,
    fill,
    orders_received,
    submit,
)
from trading.venues import NotSent, Submit


def test_logon_carries_names_and_credentials_and_asks_for_no_reset(rig: Rig) -> None:
    """141 is absent unless the counterparty wants it; 553 and 554 are on the Logon alone."""
    logon = rig.start()

    assert (logon[49], logon[56], logon[34], logon[108]) == ("AIFX", "LP", "1", "30")
    assert (logon[553], 141 in logon) == ("trader", False)
    submit(rig, an_order())
    assert 554 not in rig.peer.received[-1]


def test_logon_with_reset_begins_both_numbers_at_one(open_rig: OpenRig) -> None:
    """141=Y: both sides count from 1, and since reports may be lost a gap is told."""
    rig = open_rig(reset_on_logon=True)
    rig.peer.next_seq = 7

    logon = rig.start(reset=True)

    assert (logon[141], logon[34]) == ("Y", "1")
    assert [(link.up, link.gap) for link in rig.links()] == [(True, True)]
    assert submit(rig, an_order())[34] == "2"


def test_counterparty_that_resets_on_its_own_is_followed(rig: Rig) -> None:
    """Our Logon says nothing of a reset, the answer has 141=Y: our next number is 2."""
    rig.start()
    submit(rig, an_order(1))
    rig.peer.hang_up()

    rig.peer.log_on(reset=True)
    rig.until(lambda: len([link for link in rig.links() if link.up]) == 2)

    assert int(submit(rig, an_order(2))[34]) <= 3
    assert orders_received(rig) == [an_order(1).client_order_id, an_order(2).client_order_id]


def test_numbers_survive_a_restart(open_rig: OpenRig) -> None:
    """Both sequence numbers are on disk: the next Logon of a new process counts on."""
    first = open_rig()
    first.start()
    submit(first, an_order(1))
    first.peer.hang_up()
    first.venue.stop()

    again = open_rig(peer=first.peer)
    logon = again.start()

    assert int(logon[34]) > 2
    assert not any(link.gap for link in again.links())


def test_gap_in_their_numbers_is_asked_for_and_the_missing_fill_counts_once(rig: Rig) -> None:
    """MsgSeqNum too high: ResendRequest; the missed fill comes with 43=Y, the early one after."""
    rig.start()
    order = an_order()
    submit(rig, order)
    missed = rig.peer.next_seq
    rig.peer.next_seq += 1
    rig.peer.send("8", fill(order, "E2", 3_000, 7_000))

    request = rig.peer.expect("2")
    assert (request[7], request[16]) == (str(missed), "0")
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000), seq=missed, dup=True)
    rig.peer.send("8", fill(order, "E2", 3_000, 7_000), seq=missed + 1, dup=True)

    rig.until_told(EventKind.FILL, 2)
    assert [one.execution_id for one in rig.events(EventKind.FILL)][:2] == ["E1", "E2"]
    assert rig.positions() == 7_000


def test_second_gap_while_a_resend_is_under_way_asks_no_second_time(rig: Rig) -> None:
    """What is early during a resend waits for its turn; one ResendRequest is enough."""
    rig.start()
    order = an_order()
    submit(rig, order)
    missed = rig.peer.next_seq
    rig.peer.next_seq += 1
    rig.peer.send("8", fill(order, "E2", 3_000, 7_000))
    rig.peer.expect("2")
    rig.peer.send("8", fill(order, "E3", 1_000, 8_000))
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000), seq=missed, dup=True)

    rig.until_told(EventKind.FILL, 3)
    rig.peer.send("1", [(112, "still there")])
    assert rig.peer.expect("0")[112] == "still there"
    assert [one.execution_id for one in rig.events(EventKind.FILL)] == ["E1", "E2", "E3"]
    assert sum(message[35] == "2" for message in rig.peer.received) == 1
    assert rig.positions() == 8_000


def test_gap_fill_closes_a_gap_and_says_that_reports_may_be_missing(rig: Rig) -> None:
    """SequenceReset with 123=Y: what was behind the gap is taken, and a reconcile asked for."""
    rig.start()
    order = an_order()
    submit(rig, order)
    missed = rig.peer.next_seq
    rig.peer.next_seq += 2
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000))
    rig.peer.expect("2")
    rig.peer.send("4", [(123, "Y"), (36, str(missed + 2))], seq=missed, dup=True)

    rig.until_told(EventKind.FILL)
    assert rig.positions() == 4_000
    assert rig.links()[-1].gap
    assert rig.links()[-1].reason == "sequence_reset"


def test_sequence_reset_without_gap_fill_moves_the_number_and_tells_a_gap(rig: Rig) -> None:
    """SequenceReset-Reset (123=N): the next message has the new number and is taken."""
    rig.start()
    order = an_order()
    submit(rig, order)
    rig.peer.send("4", [(36, "50")])
    rig.peer.next_seq = 50
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000))

    rig.until_told(EventKind.FILL)
    assert rig.links()[-1].gap
    assert not any(message[35] == "2" for message in rig.peer.received)


def test_sequence_reset_backwards_is_rejected(rig: Rig) -> None:
    """36 below what is expected: a Reject, and the numbers stay."""
    rig.start()
    rig.peer.send("4", [(36, "1")], seq=9)

    assert rig.peer.expect("3")[373] == "5"
    order = an_order()
    submit(rig, order)
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000))
    rig.until_told(EventKind.FILL)


def test_copy_with_43_and_a_low_number_is_dropped(rig: Rig) -> None:
    """PossDup of a number that we had: nothing comes of it, the session lives on."""
    rig.start()
    order = an_order()
    submit(rig, order)
    number = rig.peer.send("8", fill(order, "E1", 4_000, 4_000))
    rig.until_told(EventKind.FILL)
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000), seq=number, dup=True)
    rig.peer.send("1", [(112, "t")])

    rig.peer.expect("0")
    assert len(rig.events(EventKind.FILL)) == 1
    assert rig.positions() == 4_000


def test_copy_with_97_under_a_new_number_counts_once(rig: Rig) -> None:
    """PossResend carries a new number: it is told again under the same id and sequence."""
    rig.start()
    order = an_order()
    submit(rig, order)
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000))
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000), resend=True)

    rig.until_told(EventKind.FILL, 2)
    assert {one.sequence for one in rig.events(EventKind.FILL)} == {1}
    assert rig.positions() == 4_000


def test_low_number_without_43_ends_the_session(rig: Rig) -> None:
    """A serious error by the book: Logout with the reason, the line is cut, the link is down."""
    rig.start()
    rig.peer.send("0", seq=1)

    assert "too low" in rig.peer.expect("5")[58]
    rig.until(lambda: not rig.links()[-1].up)


def test_resend_request_over_an_order_is_answered_by_a_gap_and_never_by_the_order(
    rig: Rig,
) -> None:
    """An order of before is stale: its place is filled, it is not sent again."""
    rig.start()
    submit(rig, an_order(1))
    submit(rig, an_order(2))
    rig.peer.send("2", [(7, "1"), (16, "0")])

    gap = rig.peer.expect("4")
    assert (gap[34], gap[36], gap[123], gap[43]) == ("1", "4", "Y", "Y")
    assert len(orders_received(rig)) == 2
    assert submit(rig, an_order(3))[34] == "4"


def test_resend_request_for_a_part_fills_that_part(rig: Rig) -> None:
    """BeginSeqNo to EndSeqNo within what was sent: the gap ends behind EndSeqNo."""
    rig.start()
    for number in (1, 2, 3):
        submit(rig, an_order(number))
    rig.peer.send("2", [(7, "2"), (16, "3")])

    gap = rig.peer.expect("4")
    assert (gap[34], gap[36], gap[123]) == ("2", "4", "Y")
    assert len(orders_received(rig)) == 3


def test_resend_request_while_we_wait_for_a_resend_is_answered_at_once(rig: Rig) -> None:
    """Both sides miss something: neither waits for the other."""
    rig.start()
    order = an_order()
    submit(rig, order)
    missed = rig.peer.next_seq
    rig.peer.next_seq += 1
    rig.peer.send("8", fill(order, "E2", 3_000, 7_000))
    rig.peer.expect("2")
    rig.peer.send("2", [(7, "1"), (16, "0")])

    gap = rig.peer.expect("4")
    assert (gap[34], gap[123]) == ("1", "Y")
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000), seq=missed, dup=True)
    rig.until_told(EventKind.FILL, 2)
    assert rig.positions() == 7_000
    assert len(orders_received(rig)) == 1


def test_logon_whose_number_is_too_high_is_taken_and_the_gap_asked_for(rig: Rig) -> None:
    """Messages were lost while we were away: the Logon counts, a ResendRequest follows."""
    rig.peer.next_seq = 5
    rig.start()

    request = rig.peer.expect("2")
    assert (request[7], request[16]) == ("1", "0")


def test_their_resend_request_right_after_logon_gets_a_gap(open_rig: OpenRig) -> None:
    """We come back with a number too high for them: all of it is filled by one gap."""
    rig = open_rig()
    rig.start()
    submit(rig, an_order(1))
    rig.peer.hang_up()
    logon = rig.peer.log_on()
    rig.peer.send("2", [(7, "1"), (16, "0")])

    gap = rig.peer.expect("4")
    assert (gap[34], gap[123]) == ("1", "Y")
    assert int(gap[36]) > int(logon[34])
    assert len(orders_received(rig)) == 1


def test_garbled_message_is_ignored_and_asked_for_again(rig: Rig) -> None:
    """A wrong checksum is as if it had never come; the next message shows the gap."""
    rig.start()
    order = an_order()
    submit(rig, order)
    bad = rig.peer.next_seq
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000), checksum_offset=1)
    rig.peer.send("8", fill(order, "E2", 3_000, 7_000))

    assert rig.peer.expect("2")[7] == str(bad)
    rig.peer.send("8", fill(order, "E1", 4_000, 4_000), seq=bad, dup=True)
    rig.until_told(EventKind.FILL, 2)
    assert rig.positions() == 7_000


def test_test_request_is_answered_with_its_id(rig: Rig) -> None:
    """Heartbeat (0) with the TestReqID (112) of the question."""
    rig.start()
    rig.peer.send("1", [(112, "are you there")])

    assert rig.peer.expect("0")[112] == "are you there"


def test_silence_is_tested_and_then_the_line_is_given_up(open_rig: OpenRig) -> None:
    """No heartbeat: a TestRequest; none again: the link is down, and the order in doubt."""
    rig = open_rig(heartbeat_s=1)
    rig.start(heartbeat_s=1)
    order = an_order()
    submit(rig, order)

    assert rig.peer.expect("1")[112]
    rig.until(lambda: not rig.links()[-1].up, timeout_s=6)
    assert rig.until_told(EventKind.SEND_UNKNOWN).client_order_id == order.client_order_id


def test_message_of_an_other_company_ends_the_session(rig: Rig) -> None:
    """Wrong SenderCompID: Reject with 373=9, and a Logout."""
    rig.start()
    rig.peer._own = "SOMEBODY"  # the script signs as another
    rig.peer.send("0")

    assert rig.peer.expect("3")[373] == "9"
    rig.peer.expect("5")


@pytest.mark.parametrize(
    ("text", "error"), [("invalid password", BadUse), ("not in session", Retry)]
)
def test_refused_logon_says_whether_trying_again_helps(
    rig: Rig, text: str, error: type[Exception]
) -> None:
    """A Logout in answer to the Logon: credentials are a person's business, hours are not."""
    wait = rig.start_in_background()
    rig.peer.accept()
    rig.peer.send("5", [(58, text)])

    with pytest.raises(error, match=text):
        wait()
    assert rig.links() == []


def test_counterparty_that_is_not_there_is_worth_another_try(open_rig: OpenRig) -> None:
    """No answer within the logon's time: Retry, and the venue can be started again."""
    rig = open_rig(logon_timeout_s=0.2)

    with pytest.raises(Retry, match="no FIX logon"):
        rig.venue.start(rig.told.append)
    rig.peer.accept()
    rig.peer.hang_up()
    assert rig.links() == []


def test_password_is_nowhere_but_on_the_logon(
    rig: Rig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the log, nor a repr, nor any file of the store holds it."""
    with caplog.at_level("DEBUG"):
        logon = rig.start()
        submit(rig, an_order())
    secret = logon[554]

    assert secret.startswith("kanarienvogel")
    assert "554=***" in caplog.text
    assert secret not in caplog.text
    assert secret not in repr(rig.config)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 3
    assert not any(secret.encode() in path.read_bytes() for path in files)


def test_daily_session_rolls_at_17_new_york_and_counts_from_one_again(open_rig: OpenRig) -> None:
    """Logout before, Logon with number 1 after; what was on its way is in doubt, a gap is told."""
    now = [parse_ns("2026-01-05T21:59:59")]
    rig = open_rig(session="daily", wall_ns=lambda: now[0])
    rig.start()
    order = an_order()
    submit(rig, order)
    now[0] = parse_ns("2026-01-05T22:00:00")
    rig.peer.expect("5")
    rig.peer.send("5")
    rig.peer.next_seq = 1

    logon = rig.peer.log_on()
    rig.until(lambda: rig.links()[-1].up)
    assert (logon[34], 141 in logon) == ("1", False)
    assert [link.gap for link in rig.links() if link.up] == [True, True]
    assert rig.until_told(EventKind.SEND_UNKNOWN).client_order_id == order.client_order_id


def test_stop_logs_out_and_leaves_no_line_open(rig: Rig) -> None:
    """Logout (5), its answer, and the connection is closed; a second stop changes nothing."""
    rig.start()
    ended = threading.Thread(target=rig.venue.stop)
    ended.start()
    rig.peer.expect("5")
    rig.peer.send("5")
    ended.join(5)

    assert rig.peer.is_cut()
    rig.venue.stop()
    assert [link.up for link in rig.links()] == [True, False]
    with pytest.raises(NotSent):
        rig.venue.send(Submit(an_order()))


def test_second_venue_on_one_session_is_refused(open_rig: OpenRig, tmp_path: Path) -> None:
    """The engine would hand the first one's messages to either."""
    first = open_rig()
    first.start()
    second = open_rig(peer=first.peer, store=tmp_path / "second")

    with pytest.raises(BadUse, match="already open"):
        second.venue.start(second.told.append)
    submit(first, an_order())


def test_engine_that_fails_begins_the_session_anew(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link goes down with a reason, and comes up again by itself."""
    rig.start()
    step, failed = Connection.step, threading.Event()

    def fail_once(connection: Connection) -> None:
        if not failed.is_set():
            failed.set()
            msg = "FIX engine: out of sockets"
            raise Retry(msg)
        step(connection)

    monkeypatch.setattr(Connection, "step", fail_once)
    rig.peer.expect("5")
    rig.peer.send("5")
    rig.peer.log_on()

    rig.until(lambda: [link.up for link in rig.links()] == [True, False, True])
    submit(rig, an_order())


def test_engine_leaves_ctrl_c_as_it_was() -> None:
    """Loading it must not take away the handler that ends the process in order."""
    script = (
        "import os, signal, time, brokers.fix.engine\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        # Another thread may take the signal: then nothing would end a pause of this one.
        "    while True:\n"
        "        time.sleep(0.01)\n"
        "except KeyboardInterrupt:\n"
        "    print('handled')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stdout == "handled\n"
