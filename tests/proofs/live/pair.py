"""Two live accounts of one run, each in front of an OANDA double of its own."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from brokers.oanda.venue import OandaVenue
from config.settings import Settings, settings_of
from dataflows.accounts import Opened
from dataflows.routing import BrokerField
from domain.nanos import MINUTE_NS, parse_ns
from domain.orders import Order, OrderSide
from domain.predictions import Side
from domain.ticks import TickBatch
from operators.execute import ExecuteStep, Heard
from operators.route import RouteStep
from testkit.faults.proxy import TcpProxy
from testkit.tapes import ticks
from testkit.venues.oanda.account import Account
from testkit.venues.oanda.server import ACCOUNT, TOKEN, OandaServer
from tests.proofs.live.children import Death, Mortal, mortal_journal
from tests.proofs.live.scene import (
    ASK,
    BID,
    SYMBOL,
    TICKS_FROM,
    Life,
    Where,
    clock,
    living,
    quick_venue,
    settings_for,
)
from tests.trading.tape import signal
from trading.desk.ports import Out
from trading.engine import ExecutionLogic
from trading.journal.journal import Journal
from trading.routing.assignment import Assignment, OrderRule, Route
from trading.routing.learning import AccountCosts
from trading.venues import Venue

SECOND = "101-004-1000001-002"
NOW_NS = 10**15
"""Of a clock that stands still: every signal is as young as can be."""


@dataclass(frozen=True)
class Further(Where):
    """Where the second account of the run is."""

    account: str = SECOND

    @property
    def settings(self) -> Settings:
        """What ``[brokers.second]`` makes of the settings of the run."""
        first = settings_for(self.url, self.token_file).model_dump()
        second = {"kind": "oanda", "account_id": self.account, "url": self.url}
        second["token_file"] = str(self.token_file)
        return settings_of(first | {"brokers": {"second": second}}).accounts[1]


@dataclass(frozen=True)
class Scene:
    """Two brokers; the first one is behind a network that can fail."""

    first: OandaServer
    second: OandaServer
    network: TcpProxy
    wheres: tuple[Where, Where]


@contextmanager
def two_brokers(folder: Path) -> Iterator[Scene]:
    """Start two doubles with a market each."""
    wall_ns = clock()
    token = folder / "token"
    token.write_text(TOKEN, encoding="ascii")
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                OandaServer(Account(name), heartbeat_s=0.2, window_s=0.01, wall_ns=wall_ns)
            )
            for name in (ACCOUNT, SECOND)
        ]
        for server in servers:
            server.quote(SYMBOL, BID, ASK)
        network = stack.enter_context(TcpProxy(servers[0].port))
        data = folder / "data"
        wheres = (
            Where(network.url, data, token, wall_ns),
            Further(servers[1].url, data, token, wall_ns),
        )
        yield Scene(servers[0], servers[1], network, wheres)


class _Attended:
    """A life as the step of its account sees it."""

    max_signal_age_ns: int | None = 300

    def __init__(self, life: Life) -> None:
        self._life = life

    @property
    def ready(self) -> bool:
        """Whether the life is."""
        return self._life.account.ready

    def build(self, _: Mapping[str, Any] | None) -> ExecutionLogic:
        """Go on with the life's own."""
        return self._life.logic

    @property
    def opens(self) -> bool:
        """Whether the life may take new risk."""
        return self._life.account.opens

    def attend(self, *, records: bool, heard_ns: Mapping[str, int]) -> list[Out]:
        """Let the life attend."""
        return self._life.account.attend(records=records, heard_ns=heard_ns)


class Pair:
    """The steps of both accounts behind the one that routes."""

    def __init__(self, first: Life, second: Life, wheres: tuple[Where, Where]) -> None:
        self.lives = (first, second)
        self.told: list[Route] = []
        opened = [
            Opened(where.settings, life.account)
            for where, life in zip(wheres, self.lives, strict=True)
        ]
        assignment = Assignment(
            BrokerField(opened), AccountCosts(), OrderRule("FOK", bounded=False)
        )
        self._route = RouteStep(assignment, None, self.told.append)
        self._steps = [
            ExecuteStep(one.name, _Attended(life), None, lambda: NOW_NS, lambda *_: None)
            for one, life in zip(opened, self.lives, strict=True)
        ]

    def minute(self, minute: int, side: Side) -> list[list[tuple[OrderSide, Decimal]]]:
        """Let a minute pass that ends with a signal; return what each account has sent."""
        at_ns = parse_ns(TICKS_FROM) + minute * MINUTE_NS
        heard = Heard([signal(SYMBOL, at_ns, at_ns, side)], NOW_NS)
        rows = [(60.0 * minute + second, 1.1, 1.1001) for second in (5.0, 10.0)]
        market = TickBatch(SYMBOL, ticks(SYMBOL, rows, TICKS_FROM))
        (routed,) = self._route.on_batch([heard])
        sent = []
        for step in self._steps:
            out = [one for happened in step.on_batch([market, routed]) for one in happened.records]
            orders = {o.client_order_id: o for o in out if isinstance(o, Order)}
            mine = [o for o in orders.values() if o.signal_id == heard.signals[0].signal_id]
            sent.append([(o.side, o.quantity_units) for o in mine if o.status != "denied"])
        return sent

    def rest(self) -> None:
        """Wait until both are at rest."""
        for life in self.lives:
            life.rest()

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Let the first account run until something is so."""
        self.lives[0].until(done, what)

    def held(self) -> list[Decimal]:
        """Return what each holds."""
        return [life.book.position(SYMBOL).units for life in self.lives]


@contextmanager
def trading(
    wheres: tuple[Where, Where],
    journal_type: type[Journal] = Journal,
    through: Callable[[Venue], Venue] = lambda venue: venue,
) -> Iterator[Pair]:
    """Live with both accounts until the end of the block; the first one has little patience."""

    def quick(_: Venue) -> Venue:
        found: OandaVenue = quick_venue(wheres[0])
        return through(found)

    with (
        living(wheres[0], through=quick, journal_type=journal_type) as first,
        living(wheres[1]) as second,
    ):
        pair = Pair(first, second, wheres)
        pair.rest()
        yield pair


def enter(wheres: tuple[Where, Where], minute: int, death: Death, parent: Connection) -> None:
    """Act on one signal, and die on the way."""
    with trading(wheres, mortal_journal(death), lambda venue: Mortal(venue, death)) as pair:
        parent.send("ready")
        death.armed = True
        pair.minute(minute, "buy")
        pair.rest()
        parent.send("alive")
