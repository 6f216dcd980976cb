"""The execution engine of one account: signals and quotes in, orders, fills and positions out.

Each symbol is a lane that reads its records and signals in log order; what a decision needs of
other lanes it takes from the account's mark, which is made only when every lane has passed it. At
a venue that plays the log's own records nothing depends on arrival or on batch limits. A real venue
reports when it likes: what it says is in the journal, and a new life begins from there.
"""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

from domain.control import ControlEvent
from domain.predictions import Signal
from domain.ticks import TickBatch
from trading.counterparty import Counterparty, Market
from trading.desk.ports import Out
from trading.desk.putting_away import put_away
from trading.execution_config import ExecutionConfig
from trading.journal.journal import Journal
from trading.lanes import Lane, Run
from trading.marks import AccountMark
from trading.one_order import OneOrder
from trading.orders.holdings import Exposure
from trading.risk.codes import Deny
from trading.risk.control import Controls
from trading.snapshots import SNAPSHOT_VERSION, ExecutionState, dump, mode_of
from trading.standing import Standing
from trading.starting import begin
from trading.tactics.handling import Handling
from trading.venues import AccountCharge

_NOTHING = Exposure()


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
        self._ready = self._opens = True
        self._plain = OneOrder(config, self.desk, self._shown, self._note_working)
        self._handling: Handling | None = None
        if begun.markets is not None:
            self._handling = Handling(
                config,
                self.desk,
                self._lanes,
                self._past,
                begun.handlers,
                begun.markets,
                self._shown,
                self.controls,
                self._note_working,
                counterparty.alert,
            )
        self.standing = Standing(
            config,
            self.desk.book,
            self._lanes,
            self._handling,
            self.controls,
            lambda: self._last_mark,
        )
        """What a choice among several accounts may see of this one."""
        self._note_working()

    def on_batch(
        self,
        events: Iterable[TickBatch | Signal],
        late: frozenset[str] = frozenset(),
        *,
        ready: bool = True,
        opens: bool = True,
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
        opens
            Whether orders may leave that open or enlarge a position.
        elsewhere
            Ids of signals that another account acts on: they only close what they are against.

        Raises
        ------
        Halt
            If ticks and signals do not belong to one log.
        """
        self._late |= late
        self._elsewhere |= elsewhere
        self._ready, self._opens = ready, opens
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

    def listen(self, *, ready: bool = True, opens: bool = True) -> list[Out]:
        """Take in what a real venue has reported; return what happened.

        Parameters
        ----------
        ready, opens
            As for `on_batch`.
        """
        self.desk.pump()
        self._note_working()
        if self._handling is not None:
            self._handling.heard(ready=ready, opens=opens)
        self.desk.commit()
        return self.desk.take()

    def charge(self, charges: Iterable[AccountCharge]) -> None:
        """Book money that the venue has taken or given beside any fill."""
        quotes = {} if self._last_mark is None else self._last_mark.quotes
        for charge in charges:
            self._marks.charge(self._accounts.charged(charge, quotes))

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
        if not behind and self._handling is None:
            # What parents and groups did is rebuilt from all of their orders.
            put_away(self.desk.book, self._journal, self._known_sequence())
        state = ExecutionState(
            v=SNAPSHOT_VERSION,
            account=self._config.account,
            account_currency=self._config.account_currency,
            position_mode=mode_of(self._config.position_mode),
            journal_seq=self._past.from_seq if behind else self._journal.head.seq,
            book=self.desk.book.dump() if behind else None,
            venue_sequences={} if self._market is None else self._market.sequences(),
            lanes=[lane.snapshot() for lane in self._lanes.values()],
            marks=self._marks.state(),
            gates={name: gate.snapshot() for name, gate in self._gates.items()},
            handlers={} if self._handling is None else self._handling.snapshot(),
            elsewhere=sorted(self._elsewhere & self.undecided()),
        )
        return dump(state)

    def _known_sequence(self) -> int | None:
        """Return the place in the venue's own order of events up to which the journal knows all."""
        known = [n for n in (self.last_sequence, self.desk.last_sequence) if n is not None]
        return max(known, default=None)

    def _run(self, lanes: Iterable[Lane]) -> list[Out]:
        """Move lanes as far as they go, and every lane that this sets free."""
        self._move(tuple(lanes))
        while self._make_marks():
            self._move(self._lanes.values())
        self.desk.commit()
        return self.desk.take()

    def _move(self, lanes: Collection[Lane]) -> None:
        """Let lanes decide what they wait for, send that behind one commit, and let them go on."""
        for lane in lanes:
            self._free(lane)
        self._dispatch()
        for lane in lanes:
            self._advance(lane)
        self._dispatch()

    def _dispatch(self) -> None:
        """Send what was admitted; what the door refuses cannot fill."""
        if self.desk.dispatch():
            self._note_working()

    def _free(self, lane: Lane) -> bool:
        """Decide on the signal that a lane waits for; False if it goes on waiting."""
        if not lane.state.waiting:
            return True
        signal = lane.signal_due()
        mark = None if signal is None else self._marks.get(signal.ts_event_ns)
        if signal is None or mark is None:
            return False
        if self._market is not None and self._market.calls_margin:
            self._call_margin(self._market, signal, mark)
        self._act_on(lane, signal, mark)
        self._late.discard(signal.signal_id)
        self._elsewhere.discard(signal.signal_id)
        lane.decided(mark.quotes)
        return True

    def _call_margin(self, market: Market, signal: Signal, mark: AccountMark) -> None:
        """Let the venue look at the account as a whole before anything is decided on it."""
        self._dispatch()
        market.on_mark(signal.symbol, signal.ts_recv_ns, mark)
        self.desk.pump()
        self._note_working(signal.symbol)

    def _advance(self, lane: Lane) -> None:
        while self._free(lane):
            if self._handling is not None:
                self._handling.before(lane, ready=self._ready, opens=self._opens)
            run = lane.take()
            if run is None:
                return
            if self._market is not None:
                self._play(lane, run)
            passed_ns = lane.finish(run)
            if self._handling is not None:
                self._handling.after(lane, run, passed_ns)
            if passed_ns is not None:
                self._marks.reach(passed_ns)

    def _play(self, lane: Lane, run: Run) -> None:
        """Show the venue the records of a run, and book what happens on them."""
        if self._market is None or not lane.may_move():
            return
        self._dispatch()
        self._accounts.play(lane, run)
        self._market.on_records(lane.state.symbol, lane.records(run))
        self.desk.pump()
        self._book_charges(lane)
        self._accounts.played()
        self._note_working(lane.state.symbol)

    def _book_charges(self, lane: Lane) -> None:
        """Write down and book what the venue has charged for what a lane holds."""
        reports, self.desk.reports = self.desk.reports, []
        for report in reports:
            if isinstance(report, AccountCharge):
                charge = self._accounts.in_account_currency(report, lane)
                self.desk.on_charge(charge)
                is_known = charge.currency == self._config.account_currency
                lane.state.charge(charge.amount if is_known else None)

    def _make_marks(self) -> bool:
        """Make every mark that all lanes have passed; say whether there was one.

        None is made ahead of a decision at an earlier boundary: what the account has lost since is
        none of that decision's business, whether or not its signal was late.
        """
        made = False
        while (due_ns := self._marks.due_ns()) is not None:
            for _, lane in self._by_symbol:
                state = lane.state
                if state.clock_ns is None or state.clock_ns <= due_ns:
                    return made
                if state.waiting and state.boundary_ns < due_ns:
                    return made
            parts = [(symbol, lane.at(due_ns)) for symbol, lane in self._by_symbol]
            total = self._marks.make(parts)
            self.desk.out.append(total)
            # All gates share one view of the account's losses.
            self.desk.keep(self._first_gate.mark(due_ns, total.equity_account))
            made = True
            self._marks.prune(min([lane.behind_ns() for _, lane in self._by_symbol]))
        return made

    def _act_on(self, lane: Lane, signal: Signal, mark: AccountMark) -> None:
        if signal.actionable:
            self._last_mark = mark
        refusal = None if self._is_elsewhere(signal) else self._refusal(signal)
        ready, opens = self._ready, self._opens
        if self._handling is not None:
            self._handling.decide(lane, signal, mark, refusal=refusal, ready=ready, opens=opens)
        elif signal.actionable:
            self._plain.decide(lane, signal, mark, refusal=refusal, ready=ready)

    def _is_elsewhere(self, signal: Signal) -> bool:
        """Say whether another account acts on a signal; what is to be flat is everybody's."""
        return signal.signal_id in self._elsewhere and signal.side != "flat"

    def _refusal(self, signal: Signal) -> str:
        """Return why nothing may be opened on a signal; empty if it may."""
        if signal.signal_id in self._late:
            return Deny.STALE_SIGNAL.value
        return "" if self._opens else Deny.DEGRADED.value

    def _note_working(self, symbol: str | None = None) -> None:
        """Tell lanes what their orders may still fill."""
        exposure = self.desk.book.exposure()
        for name, lane in self._by_symbol:
            if symbol is None or name == symbol:
                may = exposure.get(name, _NOTHING)
                lane.state.buy_units, lane.state.sell_units = may.buy_units, may.sell_units
