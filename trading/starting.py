"""How an account begins: anew, as a snapshot left it, or from its journal alone."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from msgspec import UNSET

from domain.control import ControlEvent
from domain.orders import Execution, Order
from trading import lane_kernel
from trading.accounts.held import FLAT
from trading.algos.parents import ParentCancel, ParentOrder
from trading.contingency.requests import GroupCancel, GroupRequest
from trading.counterparty import Counterparty
from trading.cuts import Clocking
from trading.desk.desk import Desk
from trading.desk.entries import Fact, HandlingRequest
from trading.desk.past import Past, Resumed, repeated, resume
from trading.desk.putting_away import recall_from
from trading.execution_config import ExecutionConfig
from trading.journal.journal import Journal
from trading.judgement import AtPresent, AtTheMark, Shown
from trading.lane_accounts import LaneAccounts
from trading.lanes import Lane, LaneState
from trading.marks import MarkBook, MarkRules
from trading.orders.book import OrderBook
from trading.risk.control import fold
from trading.risk.gate import GateConfig, RiskGate
from trading.snapshots import ExecutionState, load
from trading.tactics.handler import Handler
from trading.tactics.venue import LaneMarkets
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
    handlers: dict[str, Handler]
    markets: LaneMarkets | None


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
        state.check(config.account, config.account_currency, config.position_mode, config.symbols)
    lanes = _lanes(config, state)
    instruments = {symbol: lane.instrument for symbol, lane in lanes.items()}
    rules = MarkRules(
        account=config.account,
        account_currency=config.account_currency,
        start_balance=config.start_balance,
        mark_lag_ns=config.mark_lag_ns,
        instruments=instruments,
        keeps_profits=counterparty.market is not None and counterparty.market.calls_margin,
    )
    marks = MarkBook(rules, None if state is None else state.marks)
    accounts = LaneAccounts(
        lanes,
        config.account,
        config.account_currency,
        config.position_mode,
        counterparty.alert,
    )
    markets = None if config.tactics.is_plain else LaneMarkets(config, counterparty)
    enforced = markets is not None and markets.capabilities.reduce_only
    handlers = {} if markets is None else _handlers(config, state, markets.late_fill_ns)
    if counterparty.market is not None:
        resumed = resume(journal, config.account, 0 if state is None else state.journal_seq)
        if state is not None and state.book is not None:
            resumed = resumed._replace(book=OrderBook.load(state.book, recall_from(journal)))
        gates = _gates(config, config.symbols, resumed, state)
        shown: Shown = AtTheMark(config, instruments, enforced=enforced)
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
        for symbol, lane in lanes.items():
            lane.is_charged = counterparty.market.charges(symbol)
        # A kill holds from the start of the new life on, wherever its replay begins.
        for fact in resumed.beyond:
            if isinstance(fact, ControlEvent):
                desk.on_control(fact)
    else:
        resumed = resume(journal, config.account, None if state is None else state.journal_seq)
        gates = _gates(config, (ALL,), resumed, state)
        past = Past(known_seq=journal.head.seq)
        _rebuild(handlers, resumed)
        shown = AtPresent(config, resumed.book, accounts, counterparty.tradeable, enforced=enforced)
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
    counterparty.door.adopt(resumed.book.open_states())
    elsewhere = set() if state is None else set(state.elsewhere)
    return Begun(
        lanes,
        marks,
        gates,
        accounts,
        desk,
        shown,
        past,
        elsewhere,
        resumed.last_sequence,
        handlers,
        markets,
    )


def _lanes(config: ExecutionConfig, state: ExecutionState | None) -> dict[str, Lane]:
    clocking = Clocking(
        config.grace_ns, config.lateness_ns, config.decision_interval_ns, config.mark_lag_ns
    )
    states = [LaneState(symbol) for symbol in config.symbols] if state is None else state.lanes
    return {lane.symbol: Lane(lane, clocking, config.account_currency) for lane in states}


def _handlers(
    config: ExecutionConfig, state: ExecutionState | None, late_fill_ns: int
) -> dict[str, Handler]:
    """Return what carries signals out beyond one order each, by symbol."""
    kept = {} if state is None else state.handlers
    learns = config.tactics.algorithm == "tick_profile"
    return {
        symbol: Handler(late_fill_ns, kept.get(symbol), learns=learns) for symbol in config.symbols
    }


def _rebuild(handlers: Mapping[str, Handler], resumed: Resumed) -> None:
    """Make parents and groups those of the journal, whatever the snapshot had."""
    facts: dict[str, list[HandlingRequest | Order]] = {symbol: [] for symbol in handlers}
    symbols: dict[str, str] = {}
    for fact in resumed.handling:
        if isinstance(fact, ParentCancel):
            symbol = symbols[fact.parent_id]
        elif isinstance(fact, GroupCancel):
            symbol = symbols[fact.group_id]
        else:
            symbol = fact.symbol
        if isinstance(fact, ParentOrder):
            symbols[fact.parent_id] = symbol
        elif isinstance(fact, GroupRequest):
            symbols[fact.group_id] = symbol
        if symbol in facts:
            facts[symbol].append(fact)
    for symbol, handler in handlers.items():
        states = [state for state in resumed.book.states() if state.order.symbol == symbol]
        handler.rebuild(facts[symbol], states)


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
        lane.state.hold(FLAT, apart=lane.state.trades is not UNSET)
    for execution in _of(resumed.before, Execution):
        accounts.restore(execution, resumed.order(execution.client_order_id))
    marks.restart()
    for charge in _of([*resumed.before, *resumed.beyond], AccountCharge):
        marks.charge(accounts.charged(charge, {}))
