"""Two processes, one ledger: whoever was taken over from sends nothing any more."""

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from brokers.gateway import Gateway
from domain.nanos import MS_NS, SECOND_NS
from domain.orders import Order
from testkit.venues.oanda.server import ACCOUNT
from tests.proofs.live.children import begin
from tests.proofs.live.scene import (
    FastClock,
    Life,
    Where,
    assert_at_peace,
    living,
    oanda_scene,
    order_of,
)
from trading.desk.writer import Writer
from trading.journal.errors import Fenced, LeaseHeld
from trading.journal.journal import Journal
from trading.venues import Command, Emit, Submit, VenueInstrument

PAUSES = 100
STOPS = 5 if os.environ.get("AIFX_SLOW") == "1" else 2
LEASE_NS = 10 * SECOND_NS


class Noting:
    """A venue that notes what was sent to it, and by whom."""

    name = "noting"
    account = ACCOUNT

    def __init__(self, sends: list[tuple[str, str]], holder: str) -> None:
        self._sends = sends
        self._holder = holder

    def start(self, emit: Emit) -> None:
        """Have nothing to say."""

    def stop(self) -> None:
        """Have nothing to say."""

    def instruments(self) -> Mapping[str, VenueInstrument]:
        """Trade nothing of its own."""
        return {}

    def send(self, command: Command) -> None:
        """Note it."""
        self._sends.append((self._holder, command.order.client_order_id))


class Claimant:
    """One process as the ledger and the venue see it, on a clock that the test moves."""

    def __init__(
        self, path: Path, holder: str, now: list[int], sends: list[tuple[str, str]]
    ) -> None:
        self.holder = holder
        self.journal = Journal.open(f"sqlite:///{path}", ACCOUNT)
        self.writer = Writer(self.journal, lambda: now[0], LEASE_NS, holder)
        venue = Noting(sends, holder)
        self.gateway = Gateway(venue, self.writer.check, lambda: now[0], inline=True)  # type: ignore[arg-type]

    def send(self, order: Order) -> None:
        """Let an order out by the one door."""
        self.gateway.send(Submit(order))


def test_a_writer_that_slept_through_its_lease_sends_nothing(tmp_path: Path) -> None:
    """A hundred times one falls asleep, the other takes over, and the first wakes up."""
    now, sends = [SECOND_NS], []  # type: tuple[list[int], list[tuple[str, str]]]
    awake = Claimant(tmp_path / "ledger", "first", now, sends)
    asleep = Claimant(tmp_path / "ledger", "second", now, sends)
    awake.writer.acquire()
    for pause in range(PAUSES):
        awake.send(order_of(2 * pause))
        with pytest.raises(LeaseHeld):
            asleep.writer.acquire()
        # It renews while it is awake: half of the time is no reason to take over.
        now[0] += LEASE_NS // 2
        awake.writer.keep()
        now[0] += LEASE_NS // 2
        with pytest.raises(LeaseHeld):
            asleep.writer.acquire()
        now[0] += LEASE_NS
        asleep.writer.acquire()
        before = len(sends)
        for _ in range(3):
            with pytest.raises(Fenced):
                awake.send(order_of(2 * pause + 1))
            now[0] += MS_NS
        with pytest.raises(Fenced):
            awake.writer.keep()
        assert len(sends) == before
        awake, asleep = asleep, awake
    assert [holder for holder, _ in sends] == ["first", "second"] * (PAUSES // 2)
    assert len({name for _, name in sends}) == PAUSES


def submit_on_word(where: Where, number: int, parent: Connection) -> None:
    """Live, and try to send an order whenever the parent says so; say what came of it."""
    life = Life(where)
    life.until(lambda: life.account.ready, "ready")
    parent.send("ready")
    try:
        while True:
            # A run that hears nothing still looks after its lease.
            while not parent.poll(0.005):
                life.step()
            parent.recv()
            life.submit(order_of(number))
            life.rest()
            parent.send("sent")
            number += 1
    except Fenced as error:
        parent.send(f"fenced: {error}")


def test_a_process_that_was_stopped_wakes_up_and_sends_nothing(tmp_path: Path) -> None:
    """SIGSTOP in real processes; the ledger goes to the next one, and back to nobody."""
    with oanda_scene(tmp_path) as (oanda, where):
        # A lease of 10 s lasts half a second on this clock.
        number = 0
        process, line = begin(submit_on_word, replace(where, holder="run-0"), number)
        assert line.recv() == "ready"
        for stop in range(1, STOPS + 1):
            line.send("go")
            assert line.recv() == "sent"
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(0.7)
            number += 10
            heir, heirs_line = begin(submit_on_word, replace(where, holder=f"run-{stop}"), number)
            assert heirs_line.recv() == "ready"
            heirs_line.send("go")
            assert heirs_line.recv() == "sent"
            before = list(oanda.submits)
            line.send("go")
            os.kill(process.pid, signal.SIGCONT)
            assert line.recv().startswith("fenced: ")
            process.join(10)
            assert list(oanda.submits) == before
            process, line = heir, heirs_line
            number += 1
        process.kill()
        process.join(10)
        time.sleep(0.7)
        with living(replace(where, holder="the last")) as life:
            life.rest()
        ledger = assert_at_peace(oanda, where)
    assert len(ledger.submits) == 2 * STOPS


def test_two_runs_cannot_trade_one_account_at_the_same_time(tmp_path: Path) -> None:
    """The second one is told by whom the ledger is written."""
    with oanda_scene(tmp_path) as (oanda, where):
        slow = replace(where, wall_ns=FastClock(where.wall_ns.origin_ns, 1))
        with living(slow) as life:
            life.rest()
            with pytest.raises(LeaseHeld, match="run-1"):
                Life(replace(slow, holder="run-2"))
            life.submit(order_of(1))
            life.rest()
        assert len(oanda.submits) == 1
