"""A process that places orders is killed, again and again, wherever it hurts."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from testkit.venues.oanda.server import OandaServer
from tests.proofs.live.children import Death, Deeds, Point, begin, live
from tests.proofs.live.scene import Ledger, Where, assert_at_peace, oanda_scene

SLOW = os.environ.get("AIFX_SLOW") == "1"
KILLS = 200 if SLOW else 20
RANDOM_KILLS = 100 if SLOW else 8
POINTS: tuple[Point, ...] = ("after_commit", "before_send", "after_send", "heard", "before_commit")
NEW_ORDERS = 4
"""Signals that each life finds beside those of its forebears."""

pytestmark = pytest.mark.timeout(1_800 if SLOW else 300)


def settle(where: Where, until: int) -> str:
    """Live a last life to its good end; return the digest of its book."""
    process, line = begin(live, where, Deeds(until, settle=True), Death())
    assert line.recv() == "ready"
    digest: str = line.recv()
    process.join(10)
    assert process.exitcode == 0
    return digest


def check(oanda: OandaServer, where: Where, digest: str, until: int) -> Ledger:
    """Check what the last life has left."""
    ledger = assert_at_peace(oanda, where)
    assert len(ledger.submits) == until
    assert ledger.book.state_hash() == digest
    assert {s.status for s in ledger.book.states()} <= {"filled", "canceled", "rejected"}
    for state in ledger.book.states():
        arrived = state.order.client_order_id in oanda.submits
        assert arrived == (state.status != "rejected"), state.order
        # Lives that follow each other quickly do not know of one another's requests in the second.
        assert arrived or state.order.reason in ("not_found", "rate_limited")
    return ledger


def test_no_order_is_doubled_or_lost_where_an_oms_dies_between_journal_send_and_ack(
    tmp_path: Path,
) -> None:
    """Each death is followed by a life that finds all signals of the lives before again."""
    with oanda_scene(tmp_path) as (oanda, where):
        until = 0
        for kill in range(KILLS):
            until += NEW_ORDERS
            # Deaths before the first new order has left, and deeper into the life.
            death = Death(POINTS[kill % len(POINTS)], nth=1 + kill // len(POINTS) % 4)
            process, line = begin(live, where, Deeds(until, pause_s=0.02), death)
            assert line.recv() == "ready"
            with pytest.raises(EOFError):
                line.recv()
            process.join(10)
            assert process.exitcode == -signal.SIGKILL
        digest = settle(where, until)
        ledger = check(oanda, where, digest, until)
    found = [s.status for s in ledger.book.states()]
    # Deaths before a send leave orders that the broker never saw, those after it do not.
    assert found.count("rejected") >= KILLS // len(POINTS)
    assert found.count("filled") > KILLS // len(POINTS)


def test_no_order_is_doubled_or_lost_where_an_oms_dies_at_any_moment(tmp_path: Path) -> None:
    """The moments are drawn, from the logon on; the seed is fixed."""
    rng = np.random.default_rng(20)
    with oanda_scene(tmp_path) as (oanda, where):
        until = 0
        for _ in range(RANDOM_KILLS):
            until += 3 * NEW_ORDERS
            process, line = begin(live, where, Deeds(until, pause_s=0.01), Death())
            if rng.random() < 0.7:
                assert line.recv() == "ready"
            time.sleep(float(rng.uniform(0.0, 0.15)))
            process.kill()
            process.join(10)
            assert process.exitcode == -signal.SIGKILL
        digest = settle(where, until)
        check(oanda, where, digest, until)
