"""The execution engine of one account: signals and quotes in, orders, fills and positions out.

Deterministic in event time. Each symbol is a lane that reads its records and signals in log order;
what a decision needs of other lanes it takes from the account's mark, which is made only when every
lane has passed it. So neither arrival order nor batch limits change a result.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from domain.errors import BadUse
from domain.ids import client_order_id
from domain.instruments import instrument
from domain.nanos import MINUTE_NS, MS_NS, SECOND_NS
from domain.orders import Order, OrderSide
from domain.predictions import Signal
from domain.ticks import SUSPECT, TickBatch
from trading import lane_kernel
from trading.bookings import book
from trading.cuts import Clocking
from trading.decisions import Situation, Wish, is_settled, wishes
from trading.lanes import Lane, LaneState, Run
from trading.ledger import Ledger
from trading.marks import AccountMark, MarkBook, MarkRules
from trading.ports import Broker
from trading.positions import signed
from trading.quotes import first_tick_from
from trading.risk import RiskLimits
from trading.sending import Out, Sender
from trading.snapshots import SNAPSHOT_VERSION, ExecutionState, dump, load

_ZERO = Decimal(0)


@dataclass(frozen=True)
class ExecutionConfig:
    """Settings of one account's execution.

    Attributes
    ----------
    symbols
        Symbols that this account trades, one lane each. Every one of them must have records in the
        log, if only heartbeats: decisions wait until all lanes have passed their mark.
    account, account_currency, start_balance
        Name, ISO 4217 code, and cash at the start in that currency (> 0).
    strategy
        Goes into every order id.
    fraction
        Notional of a new position as a part of equity, in (0, 1].
    limits
        Bounds of the pre-trade checks.
    mark_lag_ns
        How far before a boundary the account is valued, in (0, decision_interval_ns).
    grace_ns, lateness_ns
        What a heartbeat's event time lags its receive time by, and what a tick's proves less than
        it says (>= 0), as in the trading dataflow: both must pass the same boundaries.
    decision_interval_ns
        Distance of the boundaries at which signals are due (> 0), as in the trading dataflow.
    """

    symbols: tuple[str, ...]
    strategy: str = "edge-hold"
    account: str = "paper-1"
    account_currency: str = "USD"
    start_balance: Decimal = Decimal(100_000)
    fraction: Decimal = Decimal("0.2")
    limits: RiskLimits = field(default_factory=RiskLimits)
    mark_lag_ns: int = SECOND_NS
    grace_ns: int = 500 * MS_NS
    lateness_ns: int = 0
    decision_interval_ns: int = MINUTE_NS

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        if not self.symbols or len(set(self.symbols)) != len(self.symbols):
            msg = "symbols must name at least one pair, and none twice"
            raise BadUse(msg)
        for symbol in self.symbols:
            if instrument(symbol).symbol != symbol:
                msg = f"write {symbol!r} as {instrument(symbol).symbol!r}"
                raise BadUse(msg)
        if not 0 < self.mark_lag_ns < self.decision_interval_ns:
            msg = "mark_lag_ns must be above 0 and below decision_interval_ns"
            raise BadUse(msg)
        if self.grace_ns < 0 or self.lateness_ns < 0:
            msg = "grace_ns and lateness_ns must not be below 0"
            raise BadUse(msg)
        if not (self.start_balance > 0 and 0 < self.fraction <= 1):
            msg = "start_balance must be above 0 and fraction in (0, 1]"
            raise BadUse(msg)

    def build(
        self, resume_state: Mapping[str, Any] | None, ledger: Ledger, broker: Broker
    ) -> "ExecutionLogic":
        """Return the logic, anew or as a snapshot left it.

        Raises
        ------
        Corrupt
            If the snapshot is none of this version.
        BadUse
            If it is of another account or other symbols.
        """
        state = None if resume_state is None else load(resume_state)
        if state is not None:
            state.check(self.account, self.account_currency, self.symbols)
        return ExecutionLogic(self, state, ledger, broker)


def stream_of(record: Out) -> str:
    """Return the stream whose records always come in the same order: account and symbol.

    The account's totals have the symbol ``*``. Between streams the order follows arrival.
    """
    return f"{record.account}/{record.symbol}"


class ExecutionLogic:
    """One account at work; made by `ExecutionConfig.build`. Not for several threads."""

    def __init__(
        self, config: ExecutionConfig, state: ExecutionState | None, ledger: Ledger, broker: Broker
    ) -> None:
        lane_kernel.load()
        self._config = config
        self._ledger = ledger
        self._broker = broker
        self._sender = Sender(ledger, broker)
        clocking = Clocking(
            config.grace_ns, config.lateness_ns, config.decision_interval_ns, config.mark_lag_ns
        )
        states = [LaneState(symbol) for symbol in config.symbols] if state is None else state.lanes
        self._lanes = {
            lane.symbol: Lane(lane, clocking, config.account_currency) for lane in states
        }
        self._by_symbol = sorted(self._lanes.items())
        rules = MarkRules(
            account=config.account,
            account_currency=config.account_currency,
            start_balance=config.start_balance,
            max_daily_loss_fraction=config.limits.max_daily_loss_fraction,
            mark_lag_ns=config.mark_lag_ns,
            instruments={symbol: lane.instrument for symbol, lane in self._lanes.items()},
        )
        self._marks = MarkBook(rules, None if state is None else state.marks)
        self._out: list[Out] = []

    def on_batch(self, events: Iterable[TickBatch | Signal]) -> list[Out]:
        """Take records and signals, of each symbol in log order; return what they let happen.

        A signal may come before or after the record that passes its boundary. A symbol that the
        account does not trade is passed over.

        Raises
        ------
        Halt
            If ticks and signals do not belong to one log.
        """
        touched: dict[str, Lane] = {}
        for event in events:
            lane = self._lanes.get(event.symbol)
            if lane is None:
                continue
            touched[event.symbol] = lane
            if isinstance(event, Signal):
                lane.add_signal(event)
            else:
                lane.add_records(event.records)
        return self._run(touched.values())

    def snapshot(self) -> dict[str, Any]:
        """Return all state as a plain mapping; the ledger then holds all that led to it."""
        self._ledger.commit()
        state = ExecutionState(
            v=SNAPSHOT_VERSION,
            account=self._config.account,
            account_currency=self._config.account_currency,
            lanes=[lane.snapshot() for lane in self._lanes.values()],
            marks=self._marks.state(),
        )
        return dump(state)

    def _run(self, lanes: Iterable[Lane]) -> list[Out]:
        """Move lanes as far as they go, and every lane that this sets free."""
        for lane in lanes:
            self._advance(lane)
        while self._make_marks():
            for lane in self._lanes.values():
                self._advance(lane)
        self._ledger.commit()
        out, self._out = self._out, []
        return out

    def _advance(self, lane: Lane) -> None:
        state = lane.state
        while True:
            if state.order is not None and state.order.in_doubt:
                state.order = self._sender.settle(state.order, self._out.append)
                if state.order is not None and state.order.in_doubt:
                    return
            if state.waiting:
                signal = lane.signal_due()
                mark = None if signal is None else self._marks.get(signal.ts_event_ns)
                if signal is None or mark is None:
                    return
                if signal.actionable:
                    self._decide(lane, signal, mark)
                lane.decided(mark.quotes)
                continue
            run = lane.take()
            if run is None:
                return
            if state.order is not None:
                self._fill(lane, state.order, run)
            passed_ns = lane.finish(run)
            if passed_ns is not None:
                self._marks.reach(passed_ns)

    def _make_marks(self) -> bool:
        """Make every mark that all lanes have passed; say whether there was one."""
        made = False
        while (due_ns := self._marks.due_ns()) is not None:
            for _, lane in self._by_symbol:
                clock_ns = lane.state.clock_ns
                if clock_ns is None or clock_ns <= due_ns:
                    return made
            parts = [(symbol, lane.at(due_ns)) for symbol, lane in self._by_symbol]
            self._out.append(self._marks.make(parts))
            made = True
            self._marks.prune(min([lane.behind_ns() for _, lane in self._by_symbol]))
        return made

    def _decide(self, lane: Lane, signal: Signal, mark: AccountMark) -> None:
        state, config = lane.state, self._config
        held = state.order
        in_flight_units = signed(held.side, held.quantity_units) if held else _ZERO
        if is_settled(signal.side, state.position.units + in_flight_units):
            return
        now = Situation(
            instrument=lane.instrument,
            account_currency=config.account_currency,
            units=state.position.units,
            in_flight_units=in_flight_units,
            quote=lane.quote(),
            age_ns=signal.ts_recv_ns - state.quote_recv_ns,
            mark=mark,
            suspect=bool(signal.verdict & SUSPECT),
        )
        for wish in wishes(signal.side, now, config.fraction, config.limits):
            order = self._order(signal, wish)
            if wish.reason:
                self._sender.note(order, self._out.append)
            else:
                state.order = self._sender.send(order, self._out.append)

    def _order(self, signal: Signal, wish: Wish) -> Order:
        side: OrderSide = "buy" if wish.change_units > 0 else "sell"
        strategy = self._config.strategy
        return Order(
            client_order_id=client_order_id(strategy, signal.signal_id, wish.leg, attempt=0),
            account=self._config.account,
            strategy=strategy,
            signal_id=signal.signal_id,
            symbol=signal.symbol,
            side=side,
            quantity_units=abs(wish.change_units),
            status="denied" if wish.reason else "pending_new",
            ts_event_ns=signal.ts_event_ns,
            ts_recv_ns=signal.ts_recv_ns,
            reason=wish.reason,
        )

    def _fill(self, lane: Lane, order: Order, run: Run) -> None:
        """Apply the order's fill if the venue has one and this run reaches its quote."""
        records = lane.records(run)
        fill = self._broker.match(order.client_order_id, records)
        row = None if fill is None else first_tick_from(records, fill.ts_recv_ns)
        if fill is None or row is None:
            return
        quotes = lane.mark_quotes()
        # The venue may fill on a suspect quote; nothing is valued at one.
        quote = lane.quote_at(run, row)
        if quote is not None:
            quotes[order.symbol] = quote
        held, currency = lane.state.position, self._config.account_currency
        booking = book(held, order, fill, lane.instrument, currency, quotes)
        lane.state.position, lane.state.order = booking.position, None
        self._ledger.record_execution(booking.execution)
        self._out.append(booking.execution)
        self._sender.note(booking.order, self._out.append)
        self._out.append(booking.statement)
