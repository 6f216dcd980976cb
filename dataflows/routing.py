"""Routes of signals among the accounts of a run, chosen in a step before them.

On paper a route follows from the signals, the settings and the costs that were known when the run
began, so that a run, its replay and its backtest route alike. At brokers it also follows from how
the accounts stand at the moment, and their journals bind it: what one of them has begun, no other
one takes over.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Stream

from dataflows.accounts import Accounts, Event, Opened
from dataflows.context import Context
from domain.errors import Corrupt
from domain.orders import OrderSide
from domain.predictions import Signal
from operators.execute import Heard
from operators.keyed import keyed
from operators.quality import Measured
from operators.route import RouteStep
from trading.journal.entries import Draft, EntryKind
from trading.journal.errors import KeyReused
from trading.journal.journal import Journal
from trading.routing.assignment import Assignment, OrderRule, Route
from trading.routing.candidates import Candidate
from trading.routing.learning import AccountCosts, place_of
from trading.standing import Standing
from trading.venues import VenueInstrument

ROUTE_STEP = "route"
_ALL = "all"
"""Key of the one step that all signals pass."""

COSTS_FILE = "costs.json"
"""In the folder of a run: what dealing in its accounts had cost when it began."""
ROUTES_FILE = "routes.json"
"""Beside it: where the signals of each symbol go, and why."""


def route(
    context: Context,
    events: Stream[Event],
    accounts: Accounts,
    costs: AccountCosts,
    say: Callable[[str], None],
    run_dir: Path | None,
) -> Stream[Event]:
    """Put its route on each signal among the events of a run.

    Parameters
    ----------
    costs
        What the accounts have cost so far.
    say
        Told of each change of a route.
    run_dir
        Folder in which the routes are shown; None: they are shown nowhere.
    """
    is_paper = context.settings.broker.kind == "paper"
    field = PaperField(accounts.each) if is_paper else BrokerField(accounts.each)
    execution = context.settings.execution
    rule = OrderRule(execution.time_in_force, bounded=execution.max_slippage_pips > 0)
    assignment = Assignment(field, costs, rule)

    journals = {one.name: one.account.journal for one in accounts.each}

    def tell(chosen: Route) -> None:
        if chosen.account:
            _journal(journals[chosen.account], chosen)
        whose = f"go to {chosen.account}" if chosen.account else "open nothing"
        say(f"signals of {chosen.symbol} ({chosen.side}) {whose}: {chosen.why}")
        if run_dir is not None:
            write_routes(run_dir, assignment.routes)

    heard = op.filter_map("signals_only", events, lambda e: e if isinstance(e, Heard) else None)
    others = op.filter("all_but_signals", events, lambda event: not isinstance(event, Heard))
    named = keyed(
        ROUTE_STEP,
        op.key_on("one_route", heard, lambda _: _ALL),
        lambda _key, state: RouteStep(assignment, state, tell),
        lambda _: _ALL,
    )
    return op.merge("routed", others, op.key_rm("of_all", named))


class PaperField:
    """Accounts on paper as their settings have them: nothing in it changes while a run goes on."""

    def __init__(self, accounts: Sequence[Opened]) -> None:
        self._candidates = [_candidate(one) for one in accounts]

    def candidates(self, symbol: str) -> Sequence[Candidate]:
        """Return every account, whatever the pair."""
        del symbol
        return self._candidates

    def bound(self, signal: Signal, side: OrderSide, last: Route | None) -> str | None:
        """Return the account that has acted on the side so far."""
        del signal
        return last.account if last is not None and last.side == side else None


class BrokerField:
    """Accounts at brokers as they stand at the moment."""

    def __init__(self, accounts: Sequence[Opened]) -> None:
        self._accounts = accounts

    def candidates(self, symbol: str) -> Sequence[Candidate]:
        """Return every account as it stands."""
        return [
            _candidate(
                one,
                link_up=one.account.ready,
                takes_orders=standing.takes_orders() and one.account.opens,
                room_units={} if (room := standing.room_units(symbol)) is None else {symbol: room},
            )
            for one, standing in self._begun()
        ]

    def bound(self, signal: Signal, side: OrderSide, last: Route | None) -> str | None:
        """Return the account that has begun to act on a signal or its side; empty: not known yet.

        In this order: whose journal has an order of this very signal, as one that is heard again
        after a crash; who has still to decide on a signal for the same side; who holds a position
        on it, or has one under way.
        """
        begun = self._begun()
        if len(begun) < len(self._accounts):
            return ""
        for one, standing in begun:
            if standing.has_acted_on(signal.signal_id):
                return one.name
        if last is not None and last.side == side:
            for one, standing in begun:
                decides = one.name == last.account
                if decides and not standing.is_decided(signal.symbol, last.ts_event_ns):
                    return one.name
        wanted = 1 if side == "buy" else -1
        for one, standing in begun:
            held = standing.held_units(signal.symbol)
            then = standing.exposure_units(signal.symbol)
            if held * wanted > 0 or then * wanted > 0:
                return one.name
        return None

    def _begun(self) -> list[tuple[Opened, Standing]]:
        found = [(one, one.account.logic) for one in self._accounts]
        return [(one, logic.standing) for one, logic in found if logic is not None]


def learning(accounts: Accounts, costs: AccountCosts) -> Callable[[Measured], Measured]:
    """Return what teaches the costs from each measurement that passes.

    On paper nothing is learned while a run goes on: measurements come when they come, and routes
    must not depend on it.
    """
    is_paper = accounts.each[0].settings.broker.kind == "paper"

    def take(measured: Measured) -> Measured:
        if not is_paper:
            costs.learn(measured.records)
        return measured

    return take


def read_costs(run_dir: Path) -> AccountCosts:
    """Return the costs that a run began with.

    Raises
    ------
    Corrupt
        If they are not there, or not whole.
    """
    path = run_dir / COSTS_FILE
    try:
        return AccountCosts.load(msgspec.json.decode(path.read_bytes(), type=dict))
    except (OSError, msgspec.MsgspecError) as error:
        msg = (
            f"{path} cannot be read ({error}): the routes of this run follow from it; pass --fresh"
        )
        raise Corrupt(msg) from error


def write_costs(run_dir: Path, costs: AccountCosts) -> None:
    """Keep what a run begins with."""
    _write(run_dir / COSTS_FILE, msgspec.json.encode(costs.dump()))


def write_routes(run_dir: Path, routes: Sequence[Route]) -> None:
    """Show where the signals of each symbol go, for people."""
    _write(run_dir / ROUTES_FILE, msgspec.json.format(msgspec.json.encode(routes)))


def read_routes(run_dir: Path) -> list[Route]:
    """Return where the signals of each symbol went last; nothing where there are no routes.

    Raises
    ------
    Corrupt
        If the file cannot be read.
    """
    path = run_dir / ROUTES_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Route])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError) as error:
        msg = f"{path} cannot be read: {error}"
        raise Corrupt(msg) from error


def _journal(journal: Journal, chosen: Route) -> None:
    """Write down why an account gets signals: on disk no later than its first order for one."""
    name = f"route/{chosen.signal_id}"
    at_ns = chosen.ts_event_ns
    draft = Draft(EntryKind.ROUTE, name, at_ns, at_ns, msgspec.json.encode(chosen))
    # Heard again after a crash, at other costs: the words before the order stand.
    with suppress(KeyReused):
        journal.append(draft)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(data)
    fresh.replace(path)


def _candidate(
    one: Opened,
    *,
    link_up: bool = True,
    takes_orders: bool = True,
    room_units: Mapping[str, Decimal] | None = None,
) -> Candidate:
    venue, only = one.account.gateway.venue, one.settings.broker.symbols
    instruments: Mapping[str, VenueInstrument] = venue.instruments()
    if only:
        instruments = {name: each for name, each in instruments.items() if name in only}
    return Candidate(
        account=one.name,
        venue=place_of(venue.name, one.name),
        capabilities=venue.capabilities,
        instruments=instruments,
        link_up=link_up,
        takes_orders=takes_orders,
        room_units=room_units or {},
    )
