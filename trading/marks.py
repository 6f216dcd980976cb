"""The account's value just before each decision, the same whatever arrived first.

A mark lies ``mark_lag_ns`` before a minute boundary. Each lane gives it what it knew at that event
time; a mark is made once every lane's event clock has passed it, in ascending order.
"""

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from domain.instruments import Instrument
from domain.orders import Position
from trading.accounts.held import HeldPosition, held_profit, sides
from trading.accounts.trades import Trades
from trading.positions import NetPosition
from trading.quotes import LazyQuotes, Quote
from trading.risk.exposure import Held

_ZERO = Decimal(0)


class Contribution(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What one lane knew while its clock was in ``[since_ns, until_ns)``.

    ``quote_recv_ns`` is the receive time of the quote ``bid``/``ask``, which are None before the
    first tick. ``buy_units`` and ``sell_units`` (>= 0) are what its orders could still fill;
    ``trades`` and ``charged_account`` are as in `trading.lanes.LaneState`.
    """

    since_ns: int
    until_ns: int
    bid: float | None
    ask: float | None
    quote_recv_ns: int
    position: NetPosition
    buy_units: Decimal = _ZERO
    sell_units: Decimal = _ZERO
    trades: Trades | UnsetType = UNSET
    charged_account: Decimal | UnsetType | None = UNSET

    @property
    def holding(self) -> HeldPosition:
        """What was held."""
        return HeldPosition(self.position, () if self.trades is UNSET else self.trades)


class AccountMark(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The account at the mark of one boundary.

    Attributes
    ----------
    boundary_ns
        The minute boundary whose decisions use this mark.
    equity_account
        Start balance plus realised, unrealised and charges; None if any part is unavailable.
    quotes
        Last sound quotes by symbol.
    held
        Positions and what orders could still fill, of the symbols that have either.
    profits
        Unrealised profit of each position by symbol, account currency; left out unless wanted.
    """

    boundary_ns: int
    equity_account: Decimal | None
    quotes: Mapping[str, Quote]
    held: Mapping[str, Held]
    profits: Mapping[str, Decimal | None] | UnsetType = UNSET


class MarkState(msgspec.Struct, forbid_unknown_fields=True):
    """What a snapshot keeps of a `MarkBook`.

    ``charges_account`` is what was booked beside any fill so far, such as financing (below 0 it was
    taken from us); None once a part could not be converted.
    """

    reached: list[int]
    marks: list[AccountMark]
    charges_account: Decimal | None = _ZERO


@dataclass(frozen=True)
class MarkRules:
    """Settings of the marks; see ``trading.execution_config.ExecutionConfig``.

    ``keeps_profits`` is set where somebody asks for the profit of each position.
    """

    account: str
    account_currency: str
    start_balance: Decimal
    mark_lag_ns: int
    instruments: Mapping[str, Instrument]
    keeps_profits: bool = False


def _plus(total: Decimal | None, part: Decimal | None) -> Decimal | None:
    """Add, but unknown stays unknown."""
    return None if total is None or part is None else total + part


class MarkBook:
    """Boundaries that lanes have reached, and the marks that decisions still need."""

    def __init__(self, rules: MarkRules, state: MarkState | None = None) -> None:
        self._rules = rules
        # A sum that begins at 0 writes 1E+5 out.
        self._start_balance = _ZERO + rules.start_balance
        self._state = state or MarkState([], [])
        self._marks = {mark.boundary_ns: mark for mark in self._state.marks}

    def state(self) -> MarkState:
        """Return what a snapshot must keep."""
        marks = [
            msgspec.structs.replace(mark, quotes=dict(mark.quotes)) for mark in self._marks.values()
        ]
        return msgspec.structs.replace(self._state, marks=marks)

    def reach(self, boundary_ns: int) -> None:
        """Note that a lane has passed a boundary: its mark is wanted."""
        reached = self._state.reached
        if boundary_ns not in reached and boundary_ns not in self._marks:
            insort(reached, boundary_ns)

    def due_ns(self) -> int | None:
        """Return the time of the earliest mark that is wanted and not made, or None."""
        reached = self._state.reached
        return reached[0] - self._rules.mark_lag_ns if reached else None

    def get(self, boundary_ns: int) -> AccountMark | None:
        """Return the mark of a boundary, or None while it is not made."""
        return self._marks.get(boundary_ns)

    def prune(self, decided_ns: int) -> None:
        """Forget the marks of boundaries that every lane has behind it."""
        # Marks are made in ascending order.
        while self._marks and (first_ns := next(iter(self._marks))) <= decided_ns:
            del self._marks[first_ns]

    def rebase(self, balance: Decimal, realised: Decimal | None) -> None:
        """Take a venue's balance for the truth: what is held is valued on top of it.

        Parameters
        ----------
        realised
            Account currency, what positions here have realised so far; None makes equity unknown.
        """
        before = _plus(realised, self._state.charges_account)
        self._start_balance = balance if before is None else balance - before

    def restart(self) -> None:
        """Forget what was charged: it is counted anew."""
        self._state.charges_account = _ZERO

    def charge(self, amount_account: Decimal | None) -> None:
        """Book money beside any fill; what cannot be converted makes equity unknown."""
        self._state.charges_account = _plus(self._state.charges_account, amount_account)

    def make(self, parts: Sequence[tuple[str, Contribution | None]]) -> Position:
        """Make the earliest wanted mark from what each lane knew; return the account's total.

        Parameters
        ----------
        parts
            Symbol and contribution of every lane; None where its first record is after the mark.
        """
        rules = self._rules
        boundary_ns = self._state.reached.pop(0)
        mark_ns = boundary_ns - rules.mark_lag_ns
        prices: dict[str, tuple[float, float]] = {}
        realised: Decimal | None = _ZERO
        recv_ns: int | None = None
        exposed: list[tuple[str, HeldPosition]] = []
        charges = self._state.charges_account
        held: dict[str, Held] = {}
        for symbol, part in parts:
            if part is None:
                continue
            realised = _plus(realised, part.position.realised_account)
            if part.bid is not None and part.ask is not None:
                prices[symbol] = (part.bid, part.ask)
                if recv_ns is None or part.quote_recv_ns > recv_ns:
                    recv_ns = part.quote_recv_ns
            if part.charged_account is not UNSET:
                charges = _plus(charges, part.charged_account)
            holding = part.holding
            if holding.is_open or part.buy_units or part.sell_units:
                held[symbol] = Held(*sides(holding), part.buy_units, part.sell_units)
            if holding.is_open:
                exposed.append((symbol, holding))
        quotes = LazyQuotes(prices, rules.instruments)
        profits: dict[str, Decimal | None] = {}
        open_profit: Decimal | None = _ZERO
        for symbol, holding in exposed:
            profit = held_profit(holding, rules.instruments[symbol], rules.account_currency, quotes)
            profits[symbol] = profit
            open_profit = _plus(open_profit, profit)
        equity = _plus(_plus(self._start_balance, realised), open_profit)
        equity = _plus(equity, charges)
        kept = profits if rules.keeps_profits else UNSET
        self._marks[boundary_ns] = AccountMark(boundary_ns, equity, quotes, held, kept)
        return Position(
            account=rules.account,
            symbol="*",
            ts_event_ns=mark_ns,
            ts_recv_ns=mark_ns if recv_ns is None else recv_ns,
            units=_ZERO,
            average_price=None,
            realised_account=realised,
            unrealised_account=open_profit,
            equity_account=equity,
        )
