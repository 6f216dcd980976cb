"""One account's open trades and realised profit, folded from its fills; the same in every mode."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from domain.errors import BadUse, Corrupt, Drop
from domain.instruments import INSTRUMENTS, Instrument
from trading.accounts.history import Change, History, HistoryState
from trading.accounts.modes import MODES
from trading.accounts.trades import BookedFill, ClosedPart, Trades, total_units
from trading.conversion import MONEY_STEP
from trading.venues import PositionMode

STATE_VERSION = 1
_ZERO = Decimal(0)
_NOTHING = Decimal(0).quantize(MONEY_STEP)


class Realised(msgspec.Struct, forbid_unknown_fields=True):
    """A sum of profits with the number of those that are unknown.

    Attributes
    ----------
    known_account
        Sum of the known ones, account currency.
    unknown
        How many parts have no rate: while there is one, the sum is unavailable.
    """

    known_account: Decimal = _NOTHING
    unknown: int = 0

    def add(self, part: ClosedPart, sign: int) -> None:
        """Add a part (``sign`` 1) or take it out (-1)."""
        if part.pnl_account is None:
            self.unknown += sign
        else:
            self.known_account += sign * part.pnl_account


class AccountState(msgspec.Struct, forbid_unknown_fields=True):
    """All state of an `AccountBook`."""

    v: int
    account: str
    currency: str
    mode: PositionMode
    histories: list[HistoryState]
    realised: dict[str, Realised]


@dataclass(frozen=True)
class AccountConfig:
    """Settings of one account.

    Attributes
    ----------
    account
        The broker's id.
    currency
        ISO 4217 code of the currency in which it is kept.
    mode
        How the broker keeps positions.
    instruments
        Pairs that it may hold, by canonical symbol.
    """

    account: str
    currency: str
    mode: PositionMode = "netting"
    instruments: Mapping[str, Instrument] = field(default_factory=lambda: INSTRUMENTS)

    def build(self, resume_state: Mapping[str, Any] | None = None) -> "AccountBook":
        """Return the account, empty or as a snapshot left it.

        Raises
        ------
        Corrupt
            If the snapshot is of another version or not whole.
        BadUse
            If it is of another account, currency or mode.
        """
        if resume_state is None:
            state = AccountState(STATE_VERSION, self.account, self.currency, self.mode, [], {})
            return AccountBook(self, state)
        if resume_state.get("v") != STATE_VERSION:
            msg = (
                f"account snapshot version {resume_state.get('v')}, this reader knows "
                f"{STATE_VERSION}: rebuild the account from the journal"
            )
            raise Corrupt(msg)
        try:
            state = msgspec.convert(resume_state, AccountState)
        except msgspec.ValidationError as error:
            msg = f"account snapshot cannot be read: {error}; rebuild it from the journal"
            raise Corrupt(msg) from error
        found = (state.account, state.currency, state.mode)
        if found != (self.account, self.currency, self.mode):
            msg = (
                f"the snapshot is of account {' '.join(found)}, the settings say "
                f"{self.account} {self.currency} {self.mode}"
            )
            raise BadUse(msg)
        return AccountBook(self, state)


class AccountBook:
    """Open trades and realised profit of one account."""

    def __init__(self, config: AccountConfig, state: AccountState) -> None:
        self.config = config
        self._mode = MODES[config.mode]
        self._realised = dict(state.realised)
        self._histories = {
            history.symbol: History(history, self._mode.book) for history in state.histories
        }

    def snapshot(self) -> dict[str, Any]:
        """Return all state as a plain, versioned mapping; money is text."""
        config = self.config
        histories = [self._histories[symbol].state() for symbol in sorted(self._histories)]
        realised = {symbol: self._realised[symbol] for symbol in sorted(self._realised)}
        state = AccountState(
            STATE_VERSION, config.account, config.currency, config.mode, histories, realised
        )
        plain: dict[str, Any] = msgspec.to_builtins(state)
        return plain

    def apply(self, fill: BookedFill) -> Change:
        """Book a fill; a repeated one changes nothing.

        Raises
        ------
        Drop
            If the symbol is not traded here, a number is not one, or the id is known with other
            terms.
        """
        _check(fill, self.config.instruments)
        history = self._histories.get(fill.symbol)
        if history is None:
            history = History(HistoryState(fill.symbol), self._mode.book)
            self._histories[fill.symbol] = history
        return self._count(fill.symbol, history.add(fill))

    def bust(self, execution_id: str) -> Change:
        """Take a fill back with all that followed from it.

        Raises
        ------
        Drop
            If the fill is not remembered.
        """
        symbol = self._symbol_of(execution_id)
        return self._count(symbol, self._histories[symbol].bust(execution_id))

    def correct(self, fill: BookedFill) -> Change:
        """Give a booked fill other terms; also the way to supply a rate that was not known.

        Raises
        ------
        Drop
            If the fill is not remembered, or the correction names another symbol.
        """
        _check(fill, self.config.instruments)
        symbol = self._symbol_of(fill.execution_id)
        if symbol != fill.symbol:
            msg = (
                f"execution {fill.execution_id} is of {symbol}; a correction cannot make it "
                f"{fill.symbol}: it is a bust and a new fill"
            )
            raise Drop(msg)
        return self._count(symbol, self._histories[symbol].correct(fill))

    def forget(self, before_ns: int) -> None:
        """Keep memory bounded: fills before a time can no longer be busted or corrected."""
        for history in self._histories.values():
            history.forget(before_ns)

    def symbols(self) -> Iterator[str]:
        """Name the symbols with open trades, in order."""
        return (symbol for symbol in sorted(self._histories) if self.trades(symbol))

    def trades(self, symbol: str) -> Trades:
        """Return the open trades of a symbol, oldest first."""
        history = self._histories.get(symbol)
        return () if history is None else history.trades

    def trades_before(self, symbol: str, ts_ns: int) -> Trades:
        """Return the trades of a symbol that were open just before a time.

        Raises
        ------
        BadUse
            If that is further back than is remembered (`forget`).
        """
        history = self._histories.get(symbol)
        return () if history is None else history.trades_before(ts_ns)

    def units(self, symbol: str) -> Decimal:
        """Return the net position of a symbol, signed base units."""
        return total_units(self.trades(symbol))

    def may_close(self, symbol: str, trade_id: str, quantity_units: Decimal) -> bool:
        """Say whether an order may close so much (> 0) of this trade under the account's mode."""
        return self._mode.may_close(self.trades(symbol), trade_id, quantity_units)

    def realised_account(self, symbol: str | None = None) -> Decimal | None:
        """Return the profit realised so far of one symbol, or of all.

        Returns
        -------
        Decimal or None
            Account currency; None while the rate of any part is unknown.
        """
        names = self._realised if symbol is None else {symbol} & self._realised.keys()
        sums = [self._realised[name] for name in names]
        if any(one.unknown for one in sums):
            return None
        return sum((one.known_account for one in sums), _ZERO)

    def _symbol_of(self, execution_id: str) -> str:
        for symbol, history in self._histories.items():
            if execution_id in history:
                return symbol
        msg = f"execution {execution_id} was never booked on {self.config.account}, or is forgotten"
        raise Drop(msg)

    def _count(self, symbol: str, change: Change) -> Change:
        total = self._realised.setdefault(symbol, Realised())
        for part in change.realised:
            total.add(part, 1)
        for part in change.taken_back:
            total.add(part, -1)
        return change


def _check(fill: BookedFill, instruments: Mapping[str, Instrument]) -> None:
    if fill.symbol not in instruments:
        msg = f"execution {fill.execution_id} of {fill.symbol}, which this account does not trade"
        raise Drop(msg)
    for name in ("quantity_units", "price"):
        number: Decimal = getattr(fill, name)
        if not (number.is_finite() and number > 0):
            msg = f"execution {fill.execution_id} with {name} {number}: it must be above 0"
            raise Drop(msg)
