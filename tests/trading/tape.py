"""Tapes: quotes and wishes written as text, and a desk that trades them."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from brokers.gateway import Gateway, Reported
from brokers.paper_venue.config import PaperVenueConfig
from brokers.paper_venue.playing import PaperMarket
from brokers.paper_venue.venue import open_paper_venue
from config.trading_settings import RiskSettings
from dataflows.account_config import account_limits
from domain.ids import signal_id
from domain.nanos import floor_ns, parse_ns
from domain.orders import Execution, Order, Position
from domain.predictions import Side, Signal
from domain.ticks import TickArray, TickBatch, event_clock, heartbeat, new_records
from trading.counterparty import Counterparty
from trading.desk.past import resume
from trading.desk.ports import Out
from trading.engine import ExecutionLogic, stream_of
from trading.execution_config import ExecutionConfig
from trading.journal.journal import Journal
from trading.orders.effects import Alert
from trading.risk.limits import AccountLimits
from trading.venues import Command

DAY = "2024-03-05"
"""A Tuesday, far from daylight saving; its trade date rolls at 22:00 UTC."""

RECV_LAG_NS = 2_000_000
"""A tick is received two milliseconds after its event."""

LEASE_NS = 10**18
LIMITS = account_limits(RiskSettings())
"""Limits as a run has them."""


def account(*symbols: str, limits: AccountLimits = LIMITS, **settings: Any) -> ExecutionConfig:
    """Return an account's settings as a run has them."""
    rates = dict.fromkeys(symbols, Decimal("0.05"))
    return ExecutionConfig(symbols=symbols, limits=limits, margin_rates=rates, **settings)


Event = TickBatch | Signal
Sides = Mapping[tuple[str, str], Side]
"""Wanted side by symbol and minute: ``("EURUSD", "00:01")``."""


def at(clock: str, day: str = DAY) -> int:
    """Return the nanoseconds of a time of the tape's day, or of ``06T22:00``, another of March."""
    if "T" in clock:
        number, clock = clock.split("T")
        day = f"2024-03-{number}"
    return parse_ns(f"{day}T{clock}")


def tick(
    symbol: str, ts_event_ns: int, bid: float, ask: float, lag_ns: int = RECV_LAG_NS
) -> TickArray:
    """Make one accepted tick, received ``lag_ns`` after its event."""
    records = new_records(1)
    records["symbol"] = symbol.encode()
    records["ts_event_ns"] = ts_event_ns
    records["ts_recv_ns"] = ts_event_ns + lag_ns
    records["bid"], records["ask"] = bid, ask
    return records


def read(text: str, symbols: Iterable[str]) -> list[TickBatch]:
    """Read lines ``time symbol bid ask``; a line ``time *`` is a heartbeat of every symbol."""
    batches = []
    for line in text.strip().splitlines():
        clock, symbol, *prices = line.split()
        if symbol == "*":
            batches += [TickBatch(s, heartbeat(at(clock))) for s in symbols]
        else:
            bid, ask = (float(price) for price in prices)
            batches.append(TickBatch(symbol, tick(symbol, at(clock), bid, ask)))
    return batches


def with_signals(tape: list[TickBatch], sides: Sides, config: ExecutionConfig) -> list[Event]:
    """Put behind each record that passes a minute the signal that the trading flow would write."""
    events: list[Event] = []
    clocks: dict[str, int] = {}
    step = config.decision_interval_ns
    wanted = {(symbol, at(clock)): side for (symbol, clock), side in sides.items()}
    for batch in tape:
        events.append(batch)
        before = clocks.get(batch.symbol)
        now = int(event_clock(batch.records, config.grace_ns, config.lateness_ns)[-1])
        clocks[batch.symbol] = now = now if before is None else max(before, now)
        boundary = floor_ns(now, step)
        if before is None or boundary == floor_ns(before, step):
            continue
        side = wanted.get((batch.symbol, boundary))
        recv_ns = int(batch.records["ts_recv_ns"][-1])
        events.append(signal(batch.symbol, boundary, recv_ns, side))
    return events


def signal(symbol: str, boundary_ns: int, ts_recv_ns: int, side: Side | None) -> Signal:
    """Make one signal; without a side it is not actionable."""
    return Signal(
        signal_id=signal_id("model", symbol, boundary_ns, "rule"),
        symbol=symbol,
        ts_event_ns=boundary_ns,
        ts_recv_ns=ts_recv_ns,
        model_id="model",
        rule="rule",
        side=side or "flat",
        actionable=side is not None,
        strength=0.0,
        p_up=None,
        bid=None,
        ask=None,
        reason="test",
    )


class Killed(BaseException):
    """The process died here."""


class FaultyDoor(Gateway):
    """A gateway that fails.

    Its n-th send (from 0) raises, before or after the venue has seen it, or its n-th listening,
    which comes behind all that left together.
    """

    before: Mapping[int, BaseException]
    after: Mapping[int, BaseException]
    listening: Mapping[int, BaseException]
    calls = 0
    listened = 0

    def send(self, command: Command) -> None:
        """Send, or fail."""
        call, self.calls = self.calls, self.calls + 1
        if call in self.before:
            raise self.before[call]
        super().send(command)
        if call in self.after:
            raise self.after[call]

    def drain(self) -> list[Reported]:
        """Listen, or fail."""
        call, self.listened = self.listened, self.listened + 1
        if call in self.listening:
            raise self.listening[call]
        return super().drain()


class Desk:
    """An account with its journal and its paper venue, of these settings, in one folder."""

    def __init__(self, config: ExecutionConfig, folder: Path, **paper: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.config = config
        self.paper = PaperVenueConfig.of(
            {"account": config.account, "position_mode": config.position_mode, **paper}
        )
        self.folder = folder
        self.out: list[Out] = []
        self.alerts: list[Alert] = []
        self.start(None)

    def start(self, snapshot: Mapping[str, Any] | None, **faults: Any) -> None:
        """Open the stores and build the logic, as a new process would."""
        self.journal = Journal.open(f"sqlite:///{self.folder / 'ledger.db'}", self.config.account)
        self.journal.acquire("desk", 1, LEASE_NS)
        self.venue = open_paper_venue(self.paper, self.folder / "venue.db", waits=True)
        market = PaperMarket(self.venue)
        self.gateway = FaultyDoor(
            self.venue, lambda: None, lambda: 1, inline=True, answer=self.venue.answer
        )
        self.gateway.before, self.gateway.after = faults.get("before", {}), faults.get("after", {})
        self.gateway.listening = faults.get("listening", {})
        self.gateway.start(market.hear)
        self.counterparty = Counterparty(
            self.gateway,
            market,
            lambda alert, _: self.alerts.append(alert),
            capabilities=self.venue.capabilities,
            instruments=self.venue.instruments(),
        )
        self.logic = ExecutionLogic(self.config, snapshot, self.journal, self.counterparty)

    def stop(self) -> None:
        """Close the stores without another word, as a kill does."""
        self.journal.close()
        self.venue.close()

    def feed(self, events: Iterable[Event], at_once: int = 1) -> list[Out]:
        """Trade some events, so many in each call; return and keep what came out."""
        out: list[Out] = []
        waiting = list(events)
        for start in range(0, len(waiting), at_once):
            out += self.logic.on_batch(waiting[start : start + at_once])
        self.out += out
        return out

    def books(self) -> tuple[object, ...]:
        """Return everything that must not depend on how the events came in.

        The journal alone gives the same orders and positions.
        """
        digest = self.logic.desk.book.state_hash()
        assert resume(self.journal, self.config.account, None).book.state_hash() == digest
        return (
            self.journal.orders(),
            self.journal.executions(),
            digest,
            sorted(self.venue.requests()),
        )


def streams(out: Iterable[Out]) -> dict[str, list[Out]]:
    """Sort what came out by stream."""
    by: dict[str, list[Out]] = {}
    for record in out:
        by.setdefault(stream_of(record), []).append(record)
    return by


def story(out: Iterable[Out]) -> list[str]:
    """Tell orders and fills in words: ``EURUSD buy 18181 denied spread``."""
    lines = []
    for record in out:
        if isinstance(record, Order):
            words = [record.symbol, record.side, str(record.quantity_units), record.status]
            words += [record.reason] if record.reason else []
            words += ["in_doubt"] if record.in_doubt else []
            lines.append(" ".join(words))
        elif isinstance(record, Execution):
            lines.append(f"{record.symbol} fill {record.price} pnl {record.pnl_account}")
    return lines


def positions(out: Iterable[Out], symbol: str) -> list[Position]:
    """Pick the positions of one symbol, or of the account (``*``)."""
    return [record for record in out if isinstance(record, Position) and record.symbol == symbol]
