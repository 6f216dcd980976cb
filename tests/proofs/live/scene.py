"""A live account in front of an OANDA double: what every proof of the live path needs."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from brokers.oanda.config import OandaConfig
from brokers.oanda.credentials import Token
from brokers.oanda.venue import OandaVenue
from config.accounts import LEDGER_FILE, account_folder
from config.settings import Settings, settings_of
from dataflows.live_account import LiveAccount
from dataflows.venues import open_venue
from domain.control import TradingState
from domain.ids import client_order_id
from domain.instruments import instrument
from domain.nanos import MINUTE_NS, MS_NS, parse_ns
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order, OrderSide
from domain.predictions import Side
from domain.ticks import TickBatch
from sources.control_folder import CONTROL_FOLDER, ControlFolder
from testkit.tapes import ticks
from testkit.venues.oanda.server import ACCOUNT, TOKEN, OandaServer
from tests.trading.tape import signal
from trading.desk.entries import fact_of
from trading.desk.past import resume
from trading.desk.ports import Out
from trading.desk.writer import Writer
from trading.journal.journal import Journal
from trading.orders.book import OrderBook
from trading.quotes import Quote
from trading.risk.case import RiskContext
from trading.venues import Venue, VenueSnapshot

TICKS_FROM = "2024-03-05T10:58:00"
SENT_NS = parse_ns("2024-03-05T11:00:30")
"""A Tuesday noon: on the clock of the market data no window of the calendar is near."""

STRATEGY = "proof"
SYMBOL = "EURUSD"
UNITS = Decimal(1_000)
BID, ASK = Decimal("1.10000"), Decimal("1.10010")
FAR: dict[OrderSide, Decimal] = {"buy": Decimal("1.09000"), "sell": Decimal("1.11000")}
"""A limit there rests."""

_POLL_S = 0.002


@dataclass(frozen=True)
class FastClock:
    """A wall clock that all processes of a proof share, some times as fast as the real one.

    So that nobody sits out waits that are counted on it: leases, doubts, heartbeats.
    """

    origin_ns: int
    speed: int = 20

    def __call__(self) -> int:
        """Return the time, nanoseconds UTC."""
        real_ns = time.time_ns()  # noqa: TID251 - the edge: processes share no other clock
        return self.origin_ns + (real_ns - self.origin_ns) * self.speed


def clock(speed: int = 20) -> FastClock:
    """Return a clock that begins now."""
    return FastClock(time.time_ns(), speed)  # noqa: TID251 - the edge


def settings_for(url: str, token_file: Path, account_id: str = ACCOUNT, **more: Any) -> Settings:
    """Return settings that lead to an OANDA double, with limits that no proof is about."""
    plain: dict[str, Any] = {
        "broker": {
            "kind": "oanda",
            "account_id": account_id,
            "url": url,
            "token_file": str(token_file),
        },
        "execution": {"user": "ann", "degraded_after_ms": 0},
        "risk": {
            "orders_per_min": 1_000_000,
            "order_burst": 1_000_000,
            "messages_per_min": 1_000_000,
            "message_burst": 1_000_000,
            "duplicate_window_ms": 1,
            "max_executions": 1_000_000,
        },
    }
    for section, values in more.items():
        plain[section] = plain.get(section, {}) | values
    return settings_of(plain)


@dataclass(frozen=True)
class Where:
    """Where a life is lived: it may go to another process.

    Attributes
    ----------
    url
        Of the double, or of the proxy before it.
    data, token_file
        Data folder, and the file with the token.
    wall_ns
        Clock of leases and receive times.
    holder
        Name as the writer of the ledger.
    more
        Settings by section beside those of `settings_for`.
    """

    url: str
    data: Path
    token_file: Path
    wall_ns: FastClock
    holder: str = "run-1"
    more: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = ()
    account: str = ACCOUNT

    @property
    def settings(self) -> Settings:
        """The settings of the run."""
        more = {section: dict(values) for section, values in self.more}
        return settings_for(self.url, self.token_file, self.account, **more)

    @property
    def folder(self) -> Path:
        """The account's folder."""
        return account_folder(self.data, self.settings)

    def controls(self) -> ControlFolder:
        """Return the inbox of those who control the account."""
        return ControlFolder(self.folder / CONTROL_FOLDER, self.account)


class Life:
    """One life of the account: from the logon to a close, or to a death.

    Parameters
    ----------
    where
        Where it is lived.
    journal_type
        A journal that may die.
    through
        What stands between the account and its venue.
    state
        What a snapshot of the life before has kept.
    """

    def __init__(
        self,
        where: Where,
        journal_type: type[Journal] = Journal,
        through: Callable[[Venue], Venue] = lambda venue: venue,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self.said: list[str] = []
        self.out: list[Out] = []
        self.minute = 2
        """Last minute of the market that a signal was about."""
        self._is_over = False
        self._where = where
        settings, folder = where.settings, where.folder
        folder.mkdir(parents=True, exist_ok=True)
        journal = journal_type.open(f"sqlite:///{folder / LEDGER_FILE}", where.account)
        lease_ns = settings.execution.lease_ms * MS_NS
        writer = Writer(journal, where.wall_ns, lease_ns, where.holder)
        writer.acquire()
        venue = through(open_venue(settings, (SYMBOL,), folder, where.wall_ns))
        self.account = LiveAccount(
            settings, (SYMBOL,), folder, journal, writer, venue, where.wall_ns, self.said.append
        )
        try:
            self.account.log_on()
            self.logic = self.account.build(state)
        except BaseException:
            self.account.close()
            raise
        if state is not None:
            return
        # Past a full minute: what the account is worth is known from there on.
        quotes = [(second, 1.1, 1.1001) for second in (0.0, 65.0, 130.0)]
        minutes = [parse_ns(TICKS_FROM) + n * MINUTE_NS for n in (1, 2)]
        self.out += self.logic.on_batch(
            [
                TickBatch(SYMBOL, ticks(SYMBOL, quotes, TICKS_FROM)),
                *(signal(SYMBOL, at_ns, at_ns, None) for at_ns in minutes),
            ]
        )

    @property
    def book(self) -> OrderBook:
        """Orders and positions as this life has them."""
        return self.logic.desk.book

    @property
    def state(self) -> TradingState:
        """Trading state of the account."""
        return self.logic.controls().state()

    def step(self) -> None:
        """Let the account hear the venue and its people."""
        self.out += self.account.attend(records=False, heard_ns={})

    def until(self, done: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
        """Let the account run until something is so; fail with what was said if it never is."""
        deadline_s = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {what}; {self.said}"
            self.step()
            time.sleep(_POLL_S)

    def rest(self) -> None:
        """Run until the account is ready, and no order in doubt nor unanswered."""
        self.until(lambda: self.account.ready and not self.unsettled(), "at rest")

    def unsettled(self) -> list[str]:
        """Return the orders of which not all is known: one at the market does not rest."""
        return [
            state.order.client_order_id
            for state in self.book.open_states()
            if state.requests or state.missing or state.order.order_type == "market"
        ]

    def submit(self, order: Order) -> bool:
        """Judge and send an order as the engine does: never while the account is not ready."""
        if not self.account.ready:
            return False
        passed = self.logic.desk.submit(order, lambda: context_of(order))
        self.logic.desk.dispatch()
        return passed

    def signal(self, side: Side, *, late: bool = False) -> Order:
        """Let the market pass the next minute, with a signal; return the order as decided."""
        self.minute += 1
        second, at_ns = 60.0 * self.minute, parse_ns(TICKS_FROM) + self.minute * MINUTE_NS
        wish = signal(SYMBOL, at_ns, at_ns, side)
        quotes = ticks(SYMBOL, [(second + more, 1.1, 1.1001) for more in (5.0, 10.0)], TICKS_FROM)
        happened = self.logic.on_batch(
            [TickBatch(SYMBOL, quotes), wish],
            frozenset({wish.signal_id} if late else ()),
            ready=self.account.ready,
            opens=self.account.opens,
        )
        self.out += happened
        mine = [o for o in happened if isinstance(o, Order) and o.signal_id == wish.signal_id]
        return mine[-1]

    def cancel(self, order: Order, now_ns: int = SENT_NS) -> None:
        """Ask for the end of an order."""
        self.logic.desk.cancel(order.client_order_id, now_ns)

    def close(self) -> None:
        """End it as a run does that comes to its end; idempotent.

        Whatever was lived: the journal alone gives the same orders and positions.
        """
        if self._is_over:
            return
        self._is_over = True
        self.logic.desk.commit()
        self.account.close()
        assert Ledger.of(self._where).book.state_hash() == self.book.state_hash()


@dataclass
class Unwell:
    """A venue whose record is not what it should be, for as long as ``spoil`` is set."""

    venue: Venue
    spoil: Callable[[VenueSnapshot], VenueSnapshot] | None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.venue, name)

    def snapshot(self, since: int | None, timeout_s: float) -> VenueSnapshot:
        """Return the record, spoilt."""
        record = self.venue.snapshot(since, timeout_s)
        return record if self.spoil is None else self.spoil(record)


@contextmanager
def living(where: Where, **how: Any) -> Iterator[Life]:
    """Live until the end of the block."""
    life = Life(where, **how)
    try:
        yield life
    finally:
        life.close()


def order_of(number: int, side: OrderSide = "buy", *, resting: bool = False) -> Order:
    """Return the order that signal ``number`` leads to: at the market, or far below it."""
    order = Order(
        client_order_id=client_order_id(STRATEGY, f"signal-{number}", 0, 0),
        account=ACCOUNT,
        strategy=STRATEGY,
        signal_id=f"signal-{number}",
        symbol=SYMBOL,
        side=side,
        quantity_units=UNITS,
        status="initialized",
        ts_event_ns=SENT_NS + number * 10 * MS_NS,
        ts_recv_ns=SENT_NS + number * 10 * MS_NS,
        venue="oanda",
        user="ann",
        model_id="model-1",
    )
    if not resting:
        return order
    return replace(order, order_type="limit", limit_price=FAR[side], time_in_force="GTC")


def context_of(order: Order) -> RiskContext:
    """Return the market and the account at the decision: a fresh quote, nothing held."""
    return RiskContext(
        now_ns=order.ts_recv_ns,
        instrument=instrument(order.symbol),
        quotes={order.symbol: Quote(BID, ASK)},
        quote_recv_ns=order.ts_recv_ns,
        verdict=0,
        held={},
        margin_rates={order.symbol: Decimal("0.02")},
    )


@dataclass(frozen=True)
class Ledger:
    """What an account's journal says, read by somebody else; its chain is checked on the way."""

    book: OrderBook
    submits: list[str]

    @classmethod
    def of(cls, where: Where) -> "Ledger":
        """Read it."""
        journal = Journal.open(f"sqlite:///{where.folder / LEDGER_FILE}", where.account)
        try:
            journal.verify()
            facts = [fact_of(entry) for entry in journal.read()]
            book = resume(journal, where.account, None).book
        finally:
            journal.close()
        events = [fact for fact in facts if isinstance(fact, OrderEvent)]
        return cls(book, [e.client_order_id for e in events if e.kind is EventKind.SUBMIT])

    def held(self) -> Decimal:
        """Return what is held of the one pair."""
        holding = self.book.holdings().get(SYMBOL)
        return Decimal(0) if holding is None else holding.units


def quick_venue(where: Where) -> OandaVenue:
    """Return the adapter with little patience: what it waits for in vain takes a second at most."""
    return OandaVenue(
        OandaConfig(
            account_id=ACCOUNT,
            allowed_accounts=frozenset({ACCOUNT}),
            token=Token(path=where.token_file),
            url=where.url,
            connect_timeout_s=0.5,
            reply_timeout_s=0.5,
            silence_s=1.0,
            backoff_s=0.02,
            max_backoff_s=0.1,
            breaker_open_s=0.3,
        ),
        wall_ns=where.wall_ns,
    )


@contextmanager
def oanda_scene(folder: Path, **server: Any) -> Iterator[tuple[OandaServer, Where]]:
    """Start a double with a market, and say where an account is to live."""
    wall_ns = clock()
    token_file = folder / "token"
    token_file.write_text(TOKEN, encoding="ascii")
    with OandaServer(heartbeat_s=0.2, window_s=0.01, wall_ns=wall_ns, **server) as oanda:
        oanda.quote(SYMBOL, BID, ASK)
        yield oanda, Where(oanda.url, folder / "data", token_file, wall_ns)


def assert_at_peace(oanda: OandaServer, where: Where) -> Ledger:
    """Check what must be so after every fault, once the account is at rest and has ended.

    No id was sent twice, none without an entry; nothing is in doubt; positions are the broker's.
    """
    ledger = Ledger.of(where)
    assert len(oanda.submits) == len(set(oanda.submits))
    assert len(ledger.submits) == len(set(ledger.submits))
    assert set(oanda.submits) <= set(ledger.submits)
    assert not ledger.book.in_doubt()
    assert ledger.held() == oanda.exchange.account.position_units("EUR_USD")
    pending = {order.client_id for order in oanda.exchange.account.pending()}
    assert {s.order.client_order_id for s in ledger.book.open_states()} == pending
    return ledger
