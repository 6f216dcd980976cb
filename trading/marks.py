"""The account's value just before each decision, the same whatever arrived first.

A mark lies ``mark_lag_ns`` before a minute boundary. Each lane gives it what it knew at that event
time; a mark is made once every lane's event clock has passed it, in ascending order.
"""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from domain.fx_calendar import trade_day_start_ns
from domain.instruments import Instrument
from domain.orders import Position
from trading.positions import NetPosition, unrealised
from trading.quotes import Quote, quote_of
from trading.risk import LossState


class Contribution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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


class AccountMark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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
        Last usable quotes by symbol.
    """

    boundary_ns: int
    equity_account: Decimal | None
    loss: LossState
    quotes: dict[str, Quote]


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


def _total(parts: Iterable[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for part in parts:
        if part is None:
            return None
        total += part
    return total


class MarkBook:
    """Boundaries that lanes have reached, and the marks that decisions still need."""

    def __init__(self, rules: MarkRules, state: MarkState | None = None) -> None:
        self._rules = rules
        self._state = state or MarkState([], [], None, None, day_breached=False)
        self._marks = {mark.boundary_ns: mark for mark in self._state.marks}

    def state(self) -> MarkState:
        """Return what a snapshot must keep."""
        return msgspec.structs.replace(self._state, marks=list(self._marks.values()))

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
        for boundary_ns in [b for b in self._marks if b <= decided_ns]:
            del self._marks[boundary_ns]

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
        known = [(symbol, part) for symbol, part in parts if part is not None]
        quotes = {}
        for symbol, part in known:
            if part.bid is not None and part.ask is not None:
                quote = quote_of(part.bid, part.ask, rules.instruments[symbol])
                if quote is not None:
                    quotes[symbol] = quote
        realised = _total(part.position.realised_account for _, part in known)
        open_profit = _total(
            unrealised(part.position, rules.instruments[symbol], rules.account_currency, quotes)
            for symbol, part in known
        )
        equity = _total((rules.start_balance, realised, open_profit))
        self._marks[boundary_ns] = AccountMark(
            boundary_ns, equity, self._loss(mark_ns, equity), quotes
        )
        return Position(
            account=rules.account,
            symbol="*",
            ts_event_ns=mark_ns,
            ts_recv_ns=max(
                (p.quote_recv_ns for _, p in known if p.bid is not None), default=mark_ns
            ),
            units=Decimal(0),
            average_price=None,
            realised_account=realised,
            unrealised_account=open_profit,
            equity_account=equity,
        )

    def _loss(self, mark_ns: int, equity: Decimal | None) -> LossState:
        """Compare with the first mark of the trade day; a day that began unknown stays unknown."""
        state = self._state
        day_start_ns = trade_day_start_ns(mark_ns)
        if day_start_ns != state.day_start_ns:
            state.day_start_ns = day_start_ns
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
