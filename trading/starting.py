"""How an account begins: anew, as a snapshot left it, or from its journal alone."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from domain.control import ControlEvent
from domain.orders import Execution
from trading import lane_kernel
from trading.counterparty import Counterparty
from trading.cuts import Clocking
from trading.desk.desk import Desk
from trading.desk.entries import Fact
from trading.desk.past import Past, Resumed, repeated, resume
from trading.execution_config import ExecutionConfig
from trading.journal.journal import Journal
from trading.judgement import AtPresent, AtTheMark, Shown
from trading.lane_accounts import LaneAccounts
from trading.lanes import Lane, LaneState
from trading.marks import MarkBook, MarkRules
from trading.orders.book import OrderBook
from trading.positions import NetPosition
from trading.risk.control import fold
from trading.risk.gate import GateConfig, RiskGate
from trading.snapshots import ExecutionState, load
from trading.venues import AccountCharge

F = TypeVar("F")

ALL = ""
"""Name of the gate that judges all symbols as they come."""


class Begun(NamedTuple):
    """The parts of an account, ready to go on."""

    lanes: dict[str, Lane]
    marks: MarkBook
    gates: dict[str, RiskGate]
    accounts: LaneAccounts
    desk: Desk
    shown: Shown
    past: Past
    elsewhere: set[str]
    last_sequence: int | None


def begin(
    config: ExecutionConfig,
    plain: Mapping[str, Any] | None,
    journal: Journal,
    counterparty: Counterparty,
) -> Begun:
    """Put an account together.

    Where the venue plays the log's records the account goes on from its snapshot, and the log leads
    it through all that happened since. At a real venue it begins at the end of its journal.

    Raises
    ------
    Corrupt
        If the snapshot is none of this version, or the journal cannot be read.
    BadUse
        If the snapshot is of another account or other symbols.
    """
    lane_kernel.load()
    state = None if plain is None else load(plain)
    if state is not None:
        state.check(config.account, config.account_currency, config.symbols)
    lanes = _lanes(config, state)
    instruments = {symbol: lane.instrument for symbol, lane in lanes.items()}
    rules = MarkRules(
        account=config.account,
        account_currency=config.account_currency,
        start_balance=config.start_balance,
        mark_lag_ns=config.mark_lag_ns,
        instruments=instruments,
    )
    marks = MarkBook(rules, None if state is None else state.marks)
    accounts = LaneAccounts(lanes, config.account, config.account_currency, counterparty.alert)
    if counterparty.market is not None:
        resumed = resume(journal, config.account, 0 if state is None else state.journal_seq)
        if state is not None and state.book is not None:
            resumed = resumed._replace(book=OrderBook.load(state.book))
        gates = _gates(config, config.symbols, resumed, state)
        shown: Shown = AtTheMark(config, instruments)
        from_seq = 0 if state is None else state.journal_seq
        answers = counterparty.market.answers
        past = Past(resumed.beyond, journal.head.seq, from_seq, answers)
        desk = Desk(
            resumed.book,
            journal,
            counterparty.door,
            accounts,
            gates.__getitem__,
            gates.values(),
            past,
            stamps=False,
        )
        counterparty.market.resume({} if state is None else state.venue_sequences)
        # A kill holds from the start of the new life on, wherever its replay begins.
        for fact in resumed.beyond:
            if isinstance(fact, ControlEvent):
                desk.on_control(fact)
    else:
        resumed = resume(journal, config.account, None if state is None else state.journal_seq)
        gates = _gates(config, (ALL,), resumed, state)
        past = Past(known_seq=journal.head.seq)
        shown = AtPresent(config, resumed.book, counterparty.tradeable)
        desk = Desk(
            resumed.book,
            journal,
            counterparty.door,
            accounts,
            lambda _: gates[ALL],
            gates.values(),
            past,
            stamps=True,
        )
        _restore(lanes, marks, accounts, resumed)
        desk.out += repeated(resumed.beyond, resumed.book, gates.values(), accounts)
    counterparty.door.adopt(open_.order for open_ in resumed.book.open_states())
    elsewhere = set() if state is None else set(state.elsewhere)
    return Begun(lanes, marks, gates, accounts, desk, shown, past, elsewhere, resumed.last_sequence)


def _lanes(config: ExecutionConfig, state: ExecutionState | None) -> dict[str, Lane]:
    clocking = Clocking(
        config.grace_ns, config.lateness_ns, config.decision_interval_ns, config.mark_lag_ns
    )
    states = [LaneState(symbol) for symbol in config.symbols] if state is None else state.lanes
    return {lane.symbol: Lane(lane, clocking, config.account_currency) for lane in states}


def _gates(
    config: ExecutionConfig,
    names: tuple[str, ...],
    resumed: Resumed,
    state: ExecutionState | None,
) -> dict[str, RiskGate]:
    limits = GateConfig(config.account, config.account_currency, config.limits)
    controls = fold(config.account, _of(resumed.before, ControlEvent))
    kept = {} if state is None else state.gates
    first, *others = names
    gates = {first: RiskGate(limits, controls, kept.get(first))}
    for name in others:
        gates[name] = RiskGate(limits, controls, kept.get(name), gates[first].losses)
    return gates


def _of(facts: Iterable[Fact], type_: type[F]) -> list[F]:
    return [fact for fact in facts if isinstance(fact, type_)]


def _restore(
    lanes: Mapping[str, Lane], marks: MarkBook, accounts: LaneAccounts, resumed: Resumed
) -> None:
    """Make positions and charges those of the journal, whatever the snapshot had."""
    for lane in lanes.values():
        lane.state.position = NetPosition()
    for execution in _of(resumed.before, Execution):
        accounts.restore(execution)
    marks.restart()
    for charge in _of([*resumed.before, *resumed.beyond], AccountCharge):
        marks.charge(accounts.charged(charge, {}))
