"""Lives in processes of their own: a death is a SIGKILL and takes nothing but the life.

They are forked from a server that has imported everything, so that one costs a fifth of a second.
"""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Literal

from domain.order_events import OrderEvent
from domain.orders import Order
from tests.proofs.live.scene import Life, Where, order_of
from trading.journal.journal import Journal
from trading.venues import Command, Emit, Venue, VenueEvent

Point = Literal["before_commit", "after_commit", "before_send", "after_send", "heard"]
"""Where a life may end: around a commit of the journal, around a send, and when the venue's answer
has come in and nobody has written it down."""

_servers = get_context("forkserver")
_servers.set_forkserver_preload(["tests.proofs.live.preloaded"])


@dataclass
class Death:
    """A death at the n-th passage of a point, from the moment it is armed; never if n is 0."""

    point: Point = "before_commit"
    nth: int = 0
    armed: bool = False

    def pass_by(self, point: Point) -> None:
        """Die if it is time to."""
        if not self.armed or point != self.point:
            return
        self.nth -= 1
        if self.nth == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Mortal:
    """A venue around another one, at which a process may die."""

    def __init__(self, venue: Venue, death: Death) -> None:
        self._venue = venue
        self._death = death

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    def start(self, emit: Emit) -> None:
        """Log on, with an ear that may die."""

        def heard(event: VenueEvent) -> None:
            if isinstance(event, OrderEvent):
                self._death.pass_by("heard")
            emit(event)

        self._venue.start(heard)

    def send(self, command: Command) -> None:
        """Send, and perhaps die before or after."""
        self._death.pass_by("before_send")
        self._venue.send(command)
        self._death.pass_by("after_send")


def mortal_journal(death: Death) -> type[Journal]:
    """Return a journal in which a process may die."""

    class MortalJournal(Journal):
        """Dies around a commit that writes something."""

        def commit(self) -> None:
            """Write what waits, and perhaps die before or after."""
            if self._pending:
                death.pass_by("before_commit")
                super().commit()
                death.pass_by("after_commit")
            else:
                super().commit()

    return MortalJournal


@dataclass(frozen=True)
class Deeds:
    """What a life does: each signal up to a number, those of its forebears included.

    Attributes
    ----------
    until
        Number of signals. Each third one rests far from the market and is then canceled.
    settle
        Whether to run until everything is known, cancel what rests, and end well.
    pause_s
        Between two signals.
    """

    until: int
    settle: bool = False
    pause_s: float = 0.0


def wanted(number: int) -> Order:
    """Return the order of a signal."""
    return order_of(number, "buy" if number % 2 else "sell", resting=number % 3 == 2)


def live(where: Where, deeds: Deeds, death: Death, parent: Connection) -> None:
    """Live once: begin, get ready, act on the signals; say ``ready``, then the state at the end."""
    journal = mortal_journal(death)
    life = Life(where, journal, lambda venue: Mortal(venue, death))
    life.until(lambda: life.account.ready, "ready")
    parent.send("ready")
    death.armed = True
    for number in range(deeds.until):
        order = wanted(number)
        is_new = order.client_order_id not in life.book
        life.submit(order)
        life.step()
        if is_new and order.order_type == "limit":
            time.sleep(deeds.pause_s)
            life.step()
            life.cancel(order, order.ts_recv_ns)
        if is_new:
            time.sleep(deeds.pause_s)
            life.step()
    if deeds.settle:
        life.rest()
        for state in life.book.open_states():
            life.cancel(state.order, state.order.ts_recv_ns)
        life.rest()
    digest = life.book.state_hash()
    life.close()
    parent.send(digest)


def _to_its_end(target: Callable[..., None], *arguments: Any) -> None:
    """Run a life; one that fails ends at once, whatever its threads are doing."""
    try:
        target(*arguments)
    except BaseException:  # noqa: BLE001 - whatever it is, it is printed and ends the process
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def begin(target: Callable[..., None], *arguments: Any) -> tuple[Any, Connection]:
    """Start a process; its last argument is a line to us. Return it and our end of the line."""
    ours, theirs = _servers.Pipe()
    process = _servers.Process(target=_to_its_end, args=(target, *arguments, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, ours
