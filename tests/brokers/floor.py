"""A paper venue behind a gateway, with orders that wait, and a note of when each command left."""

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from brokers.gateway import Gateway, Killed
from brokers.paper_venue.config import PaperVenueConfig
from brokers.paper_venue.venue import PaperVenue, open_paper_venue
from config.plan import Plan, RecordedPlan
from config.settings import Settings, without_secrets
from domain.control import ControlEvent
from domain.log import LogAddress
from domain.nanos import parse_ns
from domain.orders import Order
from trading.risk.control import Controls
from trading.venues import Cancel, Command, Emit, Submit

ACCOUNT = "acc"
START_NS = parse_ns("2024-03-05T12:00:00")


def eventually(so: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait until something is so."""
    deadline_s = time.monotonic() + timeout_s
    while not so():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.002)


def limit_order(name: str, strategy: str = "s") -> Order:
    """Return an order that waits for a price which never comes."""
    return Order(
        client_order_id=name,
        account=ACCOUNT,
        strategy=strategy,
        signal_id="g",
        symbol="EURUSD",
        side="buy",
        quantity_units=Decimal(1000),
        status="pending_new",
        ts_event_ns=START_NS,
        ts_recv_ns=START_NS,
        order_type="limit",
        time_in_force="GTC",
        limit_price=Decimal("0.50000"),
    )


class SilentVenue:
    """A venue that takes everything and answers nothing: quick, for many threads."""

    name = "silent"
    account = ACCOUNT

    def start(self, emit: Emit) -> None:
        """Have nothing to say."""

    def stop(self) -> None:
        """Have nothing to end."""

    def close(self) -> None:
        """Have nothing to close."""

    def send(self, command: Command) -> None:
        """Take a command."""


def paper_venue() -> PaperVenue:
    """Return a paper venue in memory, without latency."""
    return open_paper_venue(PaperVenueConfig.of({"account": ACCOUNT, "latency_ns": 0}), None)


class NotedVenue:
    """A venue that notes every command and when it came, by the monotonic clock.

    Parameters
    ----------
    inner
        What the commands go to.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.came: list[tuple[float, Command]] = []
        self.before_send: Callable[[Command], None] = lambda _: None
        """What a test lets happen on the way."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def send(self, command: Command) -> None:
        """Note a command, and hand it on."""
        self.before_send(command)
        self.came.append((time.monotonic(), command))
        self.inner.send(command)

    def submits(self) -> list[str]:
        """Return the orders that have left, in order."""
        return [c.order.client_order_id for _, c in list(self.came) if isinstance(c, Submit)]

    def cancels(self) -> list[str]:
        """Return the orders whose cancel has left, in order."""
        return [c.order.client_order_id for _, c in list(self.came) if isinstance(c, Cancel)]

    def last_submit_s(self) -> float:
        """Return when the last order left."""
        return max(at_s for at_s, c in list(self.came) if isinstance(c, Submit))

    def last_cancel_s(self) -> float:
        """Return when the last cancel left."""
        return max(at_s for at_s, c in list(self.came) if isinstance(c, Cancel))


class Floor:
    """One account at work.

    Parameters
    ----------
    may_send
        The writer's fence.
    venue
        Where orders go; default: a paper venue.
    """

    def __init__(self, may_send: Callable[[], None] = lambda: None, venue: Any = None) -> None:
        self.venue = NotedVenue(paper_venue() if venue is None else venue)
        # Nothing is known of the protocol's types behind the note-taking.
        venue_: Any = self.venue
        self.gateway = Gateway(venue_, may_send, lambda: START_NS, inline=True)
        self.gateway.start()

    def open(self, count: int, strategy: str = "s", first: int = 0) -> list[str]:
        """Send orders; return their names."""
        names = [f"{strategy}-{number}" for number in range(first, first + count)]
        for name in names:
            self.gateway.send(Submit(limit_order(name, strategy)))
        return names

    def close(self) -> None:
        """End it."""
        self.gateway.stop()
        self.venue.inner.close()


class Hammer:
    """Threads that send as fast as they can until the door is shut.

    Parameters
    ----------
    floor
        Where.
    threads
        How many.
    """

    def __init__(self, floor: Floor, threads: int = 1) -> None:
        self._floor = floor
        self.refused = [0] * threads
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._strike, args=(number,)) for number in range(threads)
        ]

    def __enter__(self) -> "Hammer":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)

    def _strike(self, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            try:
                self._floor.gateway.send(Submit(limit_order(f"h{number}-{count}", f"h{number}")))
            except Killed:
                self.refused[number] += 1
                time.sleep(0.001)
            count += 1


class Engine:
    """What an engine does with requests: the rules of the trading states, and a note of each."""

    def __init__(self, events: tuple[ControlEvent, ...] = ()) -> None:
        self.controls = Controls(ACCOUNT)
        self.journal: list[ControlEvent] = []
        for event in events:
            self.put_in_force(event)

    def put_in_force(self, event: ControlEvent) -> None:
        """Journal a request, unless the rules refuse it."""
        self.controls = self.controls.apply(event)
        self.journal.append(event)


def plan_of(run_dir: Path) -> Plan:
    """Return the plan of a run that is going on, of this account."""
    settings = Settings()
    execution = settings.execution.model_copy(update={"account": ACCOUNT})
    return Plan(
        run=run_dir.name,
        data_dir=str(run_dir.parent.parent),
        run_dir=str(run_dir),
        address=LogAddress("", "", 1),
        feed=RecordedPlan(symbols=("EURUSD",), path="ticks"),
        feed_fingerprint="f",
        speed=None,
        deployments=(),
        settings=without_secrets(settings.model_copy(update={"execution": execution})),
    )
