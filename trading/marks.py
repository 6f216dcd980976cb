"""The account's value just before each decision, the same whatever arrived first.

A mark lies ``mark_lag_ns`` before a minute boundary. Each lane gives it what it knew at that event
time; a mark is made once every lane's event clock has passed it, in ascending order.
"""

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from domain.fx_calendar import roll_ns, trade_date, trade_day_start_ns
from domain.instruments import Instrument
from domain.orders import Position
from trading.positions import NetPosition, unrealised
from trading.quotes import LazyQuotes, Quote
from trading.risk import LossState

_ZERO = Decimal(0)


class Contribution(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What one lane knew while its clock was in ``[since_ns, until_ns)``.

    ``quote_recv_ns`` is the receive time of the quote ``bid``/``ask``, which are None before the
    first tick.
    """

    since_ns: int
    until_ns: int
    bid: float | None
    ask: float | None
    quote_recv_ns: int
    position: NetPosition


class AccountMark(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The account at the mark of one boundary.

    Attributes
    ----------
    boundary_ns
        The minute boundary whose decisions use this mark.
    equity_account
        Start balance plus realised plus unrealised; None if any part is unavailable.
    loss
        State of the trade day's loss; once breached it stays so until the next trade day.
    quotes
        Last sound quotes by symbol.
    """

    boundary_ns: int
    equity_account: Decimal | None
    loss: LossState
    quotes: Mapping[str, Quote]


class MarkState(msgspec.Struct, forbid_unknown_fields=True):
    """What a snapshot keeps of a `MarkBook`."""

    reached: list[int]
    marks: list[AccountMark]
    day_start_ns: int | None
    day_equity_account: Decimal | None
    day_breached: bool


@dataclass(frozen=True)
class MarkRules:
    """Settings of the marks; see ``trading.engine.ExecutionConfig``."""

    account: str
    account_currency: str
    start_balance: Decimal
    max_daily_loss_fraction: Decimal
    mark_lag_ns: int
    instruments: Mapping[str, Instrument]


def _plus(total: Decimal | None, part: Decimal | None) -> Decimal | None:
    """Add, but unknown stays unknown."""
    return None if total is None or part is None else total + part


class MarkBook:
    """Boundaries that lanes have reached, and the marks that decisions still need."""

    def __init__(self, rules: MarkRules, state: MarkState | None = None) -> None:
        self._rules = rules
        # A sum that begins at 0 writes 1E+5 out.
        self._start_balance = _ZERO + rules.start_balance
        self._state = state or MarkState([], [], None, None, day_breached=False)
        self._marks = {mark.boundary_ns: mark for mark in self._state.marks}
        # The trade day of the last mark, so that not every mark asks the calendar.
        self._day_ns = range(0)

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
        exposed: list[tuple[str, NetPosition]] = []
        for symbol, part in parts:
            if part is None:
                continue
            realised = _plus(realised, part.position.realised_account)
            if part.bid is not None and part.ask is not None:
                prices[symbol] = (part.bid, part.ask)
                if recv_ns is None or part.quote_recv_ns > recv_ns:
                    recv_ns = part.quote_recv_ns
            if part.position.average_price is not None:
                exposed.append((symbol, part.position))
        quotes = LazyQuotes(prices, rules.instruments)
        open_profit: Decimal | None = _ZERO
        for symbol, position in exposed:
            profit = unrealised(position, rules.instruments[symbol], rules.account_currency, quotes)
            open_profit = _plus(open_profit, profit)
        equity = _plus(_plus(self._start_balance, realised), open_profit)
        self._marks[boundary_ns] = AccountMark(
            boundary_ns, equity, self._loss(mark_ns, equity), quotes
        )
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

    def _loss(self, mark_ns: int, equity: Decimal | None) -> LossState:
        """Compare with the first mark of the trade day; a day that began unknown stays unknown."""
        state = self._state
        if mark_ns not in self._day_ns:
            start_ns = trade_day_start_ns(mark_ns)
            self._day_ns = range(start_ns, roll_ns(trade_date(mark_ns)))
        if self._day_ns.start != state.day_start_ns:
            state.day_start_ns = self._day_ns.start
            state.day_equity_account = equity
            state.day_breached = False
        if state.day_breached:
            return "breached"
        if equity is None or state.day_equity_account is None:
            return "unknown"
        loss = state.day_equity_account - equity
        if loss > state.day_equity_account * self._rules.max_daily_loss_fraction:
            state.day_breached = True
            return "breached"
        return "within"
