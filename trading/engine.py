"""The execution engine of one account: signals and quotes in, orders, fills and positions out.

Each symbol is a lane that reads its records and signals in log order; what a decision needs of
other lanes it takes from the account's mark, which is made only when every lane has passed it. At
a venue that plays the log's own records nothing depends on arrival or on batch limits. A real venue
reports when it likes: what it says is in the journal, and a new life begins from there.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from domain.control import ControlEvent, TradingState
from domain.ids import client_order_id
from domain.orders import Order, OrderSide, with_terms
from domain.predictions import Signal
from domain.ticks import TickBatch
from trading.counterparty import Counterparty
from trading.decisions import Situation, largest_units, wish_of
from trading.desk.ports import Out
from trading.execution_config import ExecutionConfig
from trading.journal.journal import Journal
from trading.lanes import Lane, Run
from trading.marks import AccountMark
from trading.orders.holdings import Exposure
from trading.risk.codes import Deny
from trading.risk.control import Controls
from trading.snapshots import SNAPSHOT_VERSION, ExecutionState, dump
from trading.starting import begin
from trading.venues import AccountCharge

_NOTHING = Exposure()


def stream_of(record: Out) -> str:
    """Return the stream whose records always come in the same order: account and symbol.

    The account's totals have the symbol ``*``, changes of its trading state ``control``. Between
    streams the order follows arrival.
    """
    part = "control" if isinstance(record, ControlEvent) else record.symbol
    return f"{record.account}/{part}"


class ExecutionLogic:
    """One account at work. Not for several threads.

    Parameters
    ----------
    config
        Its settings.
    state
        What `snapshot` gave, or None for an account without one.
    journal
        Of the account, with this process as its writer.
    counterparty
        The venue's side.
    """

    def __init__(
        self,
        config: ExecutionConfig,
        state: Mapping[str, Any] | None,
        journal: Journal,
        counterparty: Counterparty,
    ) -> None:
        begun = begin(config, state, journal, counterparty)
        self.desk = begun.desk
        self.last_sequence = begun.last_sequence
        """Highest place in the venue's own order of events that the journal knew at the start."""
        self._config = config
        self._journal = journal
        self._market = counterparty.market
        self._lanes, self._marks, self._gates = begun.lanes, begun.marks, begun.gates
        self._accounts, self._shown, self._past = begun.accounts, begun.shown, begun.past
        self._first_gate = next(iter(self._gates.values()))
        self._by_symbol = sorted(self._lanes.items())
        self._last_mark: AccountMark | None = None
        # Nobody knows how long the signals of an earlier life have waited at a real venue.
        self._late: set[str] = set() if self._market is not None else self.undecided()
        self._elsewhere = begun.elsewhere
        self._ready = True
        self._note_working()

    def on_batch(
        self,
        events: Iterable[TickBatch | Signal],
        late: frozenset[str] = frozenset(),
        *,
        ready: bool = True,
        elsewhere: frozenset[str] = frozenset(),
    ) -> list[Out]:
        """Take records and signals, of each symbol in log order; return what they let happen.

        A signal may come before or after the record that passes its boundary. A symbol that the
        account does not trade is passed over.

        Parameters
        ----------
        late
            Ids of signals that were too long on their way to open anything; once late, always late.
        ready
            Whether book and venue agree: until then no order leaves, not even an exit.
        elsewhere
            Ids of signals that another account acts on: this one opens nothing for them, and only
            closes a position that they are against.

        Raises
        ------
        Halt
            If ticks and signals do not belong to one log.
        """
        self._late |= late
        self._elsewhere |= elsewhere
        self._ready = ready
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

    def listen(self) -> list[Out]:
        """Take in what a real venue has reported; return what happened."""
        self.desk.pump()
        self._note_working()
        self.desk.commit()
        return self.desk.take()

    def charge(self, charges: Iterable[AccountCharge]) -> None:
        """Book money that the venue has taken or given beside any fill."""
        quotes = {} if self._last_mark is None else self._last_mark.quotes
        for charge in charges:
            self._marks.charge(self._accounts.charged(charge, quotes))

    def has_acted_on(self, signal_id: str) -> bool:
        """Say whether an order of this account, denied ones too, stands for a signal."""
        return self._id(signal_id, 0) in self.desk.book

    def is_decided(self, symbol: str, boundary_ns: int) -> bool:
        """Say whether the signal of a boundary has been acted on, whatever came of it."""
        return self._lanes[symbol].behind_ns() >= boundary_ns

    def exposure_units(self, symbol: str) -> Decimal:
        """Return what is held of a pair once all that may still fill has: signed base units."""
        may = self.desk.book.exposure().get(symbol, _NOTHING)
        return self.desk.book.position(symbol).units + may.buy_units - may.sell_units

    def room_units(self, symbol: str) -> Decimal | None:
        """Return the largest position that a decision may ask for; None before the first one."""
        mark, config = self._last_mark, self._config
        if mark is None:
            return None
        pair = self._lanes[symbol].instrument
        return largest_units(pair, config.account_currency, mark, config.sizing)

    def takes_orders(self) -> bool:
        """Say whether the trading state lets new risk through."""
        return self.controls().state(self._config.strategy) == TradingState.ACTIVE

    def undecided(self) -> set[str]:
        """Return the ids of the signals that wait for their symbol, or for others."""
        return {name for lane in self._lanes.values() for name in lane.undecided()}

    @property
    def now_ns(self) -> int:
        """Latest receive time of a quote that a lane has seen; 0 before the first."""
        return max(lane.state.quote_recv_ns for lane in self._lanes.values())

    def controls(self) -> Controls:
        """Return the trading states as they are."""
        return self._first_gate.controls

    def rebase(self, balance: Decimal) -> None:
        """Take the venue's balance (account currency) for the truth of all that was realised."""
        realised: Decimal | None = Decimal(0)
        for _, lane in self._by_symbol:
            part = lane.state.position.realised_account
            realised = None if realised is None or part is None else realised + part
        self._marks.rebase(balance, realised)

    def control(self, event: ControlEvent) -> None:
        """Put a change of the trading state in force; see `Desk.on_control`."""
        self.desk.on_control(event)

    def snapshot(self) -> dict[str, Any]:
        """Return all state as a plain mapping; the journal then holds all that led to it."""
        self.desk.commit()
        if self._market is not None:
            self._market.checkpoint()
        behind = self._market is not None and (
            self._market.is_behind() or not self._past.reached(self.desk.book)
        )
        state = ExecutionState(
            v=SNAPSHOT_VERSION,
            account=self._config.account,
            account_currency=self._config.account_currency,
            journal_seq=self._past.from_seq if behind else self._journal.head.seq,
            book=self.desk.book.dump() if behind else None,
            venue_sequences={} if self._market is None else self._market.sequences(),
            lanes=[lane.snapshot() for lane in self._lanes.values()],
            marks=self._marks.state(),
            gates={name: gate.snapshot() for name, gate in self._gates.items()},
            elsewhere=sorted(self._elsewhere & self.undecided()),
        )
        return dump(state)

    def _run(self, lanes: Iterable[Lane]) -> list[Out]:
        """Move lanes as far as they go, and every lane that this sets free."""
        for lane in lanes:
            self._advance(lane)
        while self._make_marks():
            for lane in self._lanes.values():
                self._advance(lane)
        self.desk.commit()
        return self.desk.take()

    def _advance(self, lane: Lane) -> None:
        state = lane.state
        while True:
            if state.waiting:
                signal = lane.signal_due()
                mark = None if signal is None else self._marks.get(signal.ts_event_ns)
                if signal is None or mark is None:
                    return
                if signal.actionable:
                    self._decide(lane, signal, mark)
                self._late.discard(signal.signal_id)
                self._elsewhere.discard(signal.signal_id)
                lane.decided(mark.quotes)
                continue
            run = lane.take()
            if run is None:
                return
            if self._market is not None:
                self._play(lane, run)
            passed_ns = lane.finish(run)
            if passed_ns is not None:
                self._marks.reach(passed_ns)

    def _play(self, lane: Lane, run: Run) -> None:
        """Show the venue the records of a run, and book what happens on them."""
        if self._market is None or not (lane.state.buy_units or lane.state.sell_units):
            return
        self._accounts.play(lane, run)
        self._market.on_records(lane.state.symbol, lane.records(run))
        self.desk.pump()
        self._accounts.played()
        self._note_working(lane.state.symbol)

    def _make_marks(self) -> bool:
        """Make every mark that all lanes have passed; say whether there was one."""
        made = False
        while (due_ns := self._marks.due_ns()) is not None:
            for _, lane in self._by_symbol:
                clock_ns = lane.state.clock_ns
                if clock_ns is None or clock_ns <= due_ns:
                    return made
            parts = [(symbol, lane.at(due_ns)) for symbol, lane in self._by_symbol]
            total = self._marks.make(parts)
            self.desk.out.append(total)
            # All gates share one view of the account's losses.
            self.desk.keep(self._first_gate.mark(due_ns, total.equity_account))
            made = True
            self._marks.prune(min([lane.behind_ns() for _, lane in self._by_symbol]))
        return made

    def _decide(self, lane: Lane, signal: Signal, mark: AccountMark) -> None:
        self._last_mark = mark
        state, config = lane.state, self._config
        now = Situation(
            instrument=lane.instrument,
            account_currency=config.account_currency,
            units=state.position.units,
            in_flight_units=state.buy_units - state.sell_units,
            mark=mark,
        )
        wish = wish_of(signal.side, now, config.sizing)
        if wish is None:
            return
        if signal.signal_id in self._elsewhere and signal.side != "flat":
            if state.position.units and not now.in_flight_units:
                self._close(lane, signal, mark)
            return
        order = self._order(lane, signal, wish.leg, wish.change_units)
        passed = False
        if not self._ready:
            self.desk.deny(order, Deny.NOT_RECONCILED.value)
            return
        if wish.reason:
            self.desk.deny(order, wish.reason)
        elif signal.signal_id in self._late and abs(state.position.units + wish.change_units) > 0:
            self.desk.deny(order, Deny.STALE_SIGNAL.value)
        else:
            passed = self.desk.submit(order, lambda: self._shown(lane, signal, mark))
        if (
            not passed
            and state.position.units
            and not now.in_flight_units
            and signal.side != "flat"
        ):
            # What was denied was a flip: the position that the signal is against is closed still.
            self._close(lane, signal, mark)
        self._note_working(signal.symbol)

    def _close(self, lane: Lane, signal: Signal, mark: AccountMark) -> None:
        """Leave the position that a signal is against, without an entry of its own."""
        close = self._order(lane, signal, 1, -lane.state.position.units)
        if self._ready:
            self.desk.submit(close, lambda: self._shown(lane, signal, mark))
        else:
            self.desk.deny(close, Deny.NOT_RECONCILED.value)
        self._note_working(signal.symbol)

    def _id(self, signal_id: str, leg: int) -> str:
        config = self._config
        return client_order_id(config.strategy, config.cause(signal_id), leg, attempt=0)

    def _order(self, lane: Lane, signal: Signal, leg: int, change_units: Decimal) -> Order:
        config = self._config
        side: OrderSide = "buy" if change_units > 0 else "sell"
        terms = config.terms(abs(change_units), self._bound(lane, side))
        order = Order(
            client_order_id=self._id(signal.signal_id, leg),
            account=config.account,
            strategy=config.strategy,
            signal_id=signal.signal_id,
            symbol=signal.symbol,
            side=side,
            quantity_units=terms.quantity_units,
            status="initialized",
            ts_event_ns=signal.ts_event_ns,
            ts_recv_ns=signal.ts_recv_ns,
            venue=self._config.venue,
            user=config.user,
            model_id=signal.model_id,
        )
        return with_terms(order, terms)

    def _bound(self, lane: Lane, side: OrderSide) -> Decimal | None:
        """Return the worst price of an order, from the quote that it is decided on."""
        pips, quote = self._config.max_slippage_pips, lane.quote()
        if pips is None or quote is None:
            return None
        distance = pips.scaleb(lane.instrument.pip_location)
        bound = quote.ask + distance if side == "buy" else quote.bid - distance
        return bound.quantize(lane.instrument.tick_size)

    def _note_working(self, symbol: str | None = None) -> None:
        """Tell lanes what their orders may still fill."""
        exposure = self.desk.book.exposure()
        for name, lane in self._by_symbol:
            if symbol is None or name == symbol:
                may = exposure.get(name, _NOTHING)
                lane.state.buy_units, lane.state.sell_units = may.buy_units, may.sell_units
