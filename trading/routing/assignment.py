"""Which one account may open or enlarge a position for a signal; all others only leave theirs.

A route stands for as long as the signals of its symbol want the same side: a strategy that keeps
saying "buy" has one position, in one account, and a cheaper account does not open a second one. A
signal for another side is chosen for anew, by what the accounts can do and then by what they cost.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol, Self

import msgspec
from msgspec.structs import replace

from domain.errors import Corrupt
from domain.instruments import instrument
from domain.orders import OrderSide, OrderTerms, TimeInForce
from domain.predictions import Signal
from trading.routing.candidates import Candidate, Objection, Wanted
from trading.routing.learning import AccountCosts
from trading.routing.ranking import Judged, rank
from trading.tca.config import TcaConfig

_VERSION = 1

_GATED = frozenset({Objection.LINK_DOWN, Objection.NOT_TRADING, Objection.NO_ROOM})
"""What an account's own gate denies by itself, and writes down with a code."""


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the signals of a symbol go.

    Attributes
    ----------
    signal_id, ts_event_ns
        The last signal that went there, and its event time.
    account
        Name of the one account that may open or enlarge a position; empty: none may.
    stands
        False once a signal wanted no position: the next one is chosen for anew.
    why
        How each account fared when it was chosen, in words.
    """

    symbol: str
    side: OrderSide
    signal_id: str
    ts_event_ns: int
    account: str
    why: str
    stands: bool = True


class Field(Protocol):
    """The accounts of a run as a choice may see them."""

    def candidates(self, symbol: str) -> Sequence[Candidate]:
        """Return every account as it stands for a pair; their order does not matter."""
        ...

    def bound(self, signal: Signal, side: OrderSide, last: Route | None) -> str | None:
        """Return the account that a signal has no choice but to go to; None if it is free.

        Empty: it may go to none, since what the accounts hold is not known.
        """
        ...


class OrderRule(NamedTuple):
    """What the orders of signals are like, as far as accounts differ in what they can do.

    Attributes
    ----------
    bounded
        Whether they carry the worst price at which they may fill.
    """

    time_in_force: TimeInForce
    bounded: bool


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    routes: list[Route]


class Assignment:
    """Names the account of each signal. A function of the signals and of what `Field` says.

    Parameters
    ----------
    field
        The accounts.
    costs
        What they have cost.
    rule
        Of the orders.
    """

    def __init__(self, field: Field, costs: AccountCosts, rule: OrderRule) -> None:
        self._field = field
        self._costs = costs
        self._rule = rule
        self._config = TcaConfig("", (), size_buckets=())
        self._routes: dict[str, Route] = {}

    @property
    def routes(self) -> list[Route]:
        """The last route of each symbol, by name."""
        return [self._routes[symbol] for symbol in sorted(self._routes)]

    def assign(self, signal: Signal) -> Route | None:
        """Return the route of a signal; None for one that opens nothing wherever it goes.

        Signals of one symbol come in log order.
        """
        if not signal.actionable:
            return None
        last = self._routes.get(signal.symbol)
        if signal.side == "flat":
            if last is not None:
                self._routes[signal.symbol] = replace(last, stands=False)
            return None
        found = self._route(signal, signal.side, last if last and last.stands else None)
        self._routes[signal.symbol] = found
        return found

    def snapshot(self) -> dict[str, Any]:
        """Write the state as a plain, versioned mapping."""
        plain: dict[str, Any] = msgspec.to_builtins(_Kept(_VERSION, self.routes))
        return plain

    def restore(self, plain: Mapping[str, Any]) -> Self:
        """Go on from what `snapshot` wrote.

        Raises
        ------
        Corrupt
            If it is of another version, or not whole.
        """
        if plain.get("v") != _VERSION:
            msg = f"snapshot of routes of version {plain.get('v')}, this reader knows {_VERSION}"
            raise Corrupt(msg)
        try:
            kept = msgspec.convert(plain, _Kept)
        except msgspec.ValidationError as error:
            msg = f"snapshot of routes cannot be read: {error}; start with --fresh"
            raise Corrupt(msg) from error
        self._routes = {one.symbol: one for one in kept.routes}
        return self

    def _route(self, signal: Signal, side: OrderSide, last: Route | None) -> Route:
        at = signal.signal_id, signal.ts_event_ns
        bound = self._field.bound(signal, side, last)
        if bound is not None:
            same = last is not None and last.side == side and last.account == bound
            why = last.why if last is not None and same else _bound_words(bound)
            return Route(signal.symbol, side, *at, bound, why)
        judged = self._judged(signal)
        why = "; ".join(f"{one.account}: {_words(one)}" for one in judged)
        return Route(signal.symbol, side, *at, _chosen(judged), why)

    def _judged(self, signal: Signal) -> tuple[Judged, ...]:
        """Return how each account fares: those that can take an order by cost, then the others."""
        candidates = [self._priced(one, signal) for one in self._field.candidates(signal.symbol)]
        pair = instrument(signal.symbol)
        traded = [c.instruments[pair.symbol] for c in candidates if pair.symbol in c.instruments]
        terms = OrderTerms(
            max((one.min_units for one in traded), default=Decimal(pair.min_units)),
            time_in_force=self._rule.time_in_force,
            # Whether there is a bound counts, not where it lies.
            price_bound=pair.tick_size if self._rule.bounded else None,
        )
        wanted = Wanted(pair.symbol, terms)
        return rank(wanted, candidates, self._costs.table, signal.ts_event_ns, self._config)

    def _priced(self, candidate: Candidate, signal: Signal) -> Candidate:
        """Return an account with its commission; without a quote it is left out for all alike."""
        if signal.bid is None or signal.ask is None:
            return candidate
        mid = (signal.bid + signal.ask) / 2
        pips = self._costs.commission_pips(candidate.venue, signal.symbol, mid)
        return replace(candidate, commission_pips=pips)


def _chosen(judged: tuple[Judged, ...]) -> str:
    """Return the best account; where none can, one whose gate will say so; else none."""
    for one in judged:
        if _GATED.issuperset(one.objections):
            return one.account
    return ""


def _words(judged: Judged) -> str:
    expected = judged.expected
    if expected is None:
        return "cannot take it: " + ", ".join(judged.objections)
    interval = f"{expected.low_pips:.3f} to {expected.high_pips:.3f}"
    return f"{expected.pips:.3f} pips ({interval}) expected of {expected.fills} fills"


def _bound_words(account: str) -> str:
    return f"{account} holds it already" if account else "what the accounts hold is not known yet"
