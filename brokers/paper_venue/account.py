"""The account at the venue: netted positions, money, and what is known at each moment.

Money arises in quote currencies and becomes account currency at the moments alone, at the quotes of
that moment: so it does not depend on which symbol's records came first.
"""

from decimal import Decimal

import msgspec
from msgspec import structs

from brokers.paper_venue.config import PaperVenueConfig
from brokers.paper_venue.costs import commission, days_at, ended_trade_date, financing
from brokers.paper_venue.margin import Holding, margin_of, to_close, value
from brokers.paper_venue.outbox import Outbox
from domain.ids import digest
from domain.instruments import INSTRUMENTS
from domain.orders import OrderSide
from trading.conversion import MONEY_STEP, Quotes, profit_rate
from trading.positions import NetPosition, net, signed
from trading.quotes import Quote
from trading.venues import VenuePosition

_ZERO = Decimal(0)


class AccountState(msgspec.Struct):
    """What the store keeps of an account.

    Attributes
    ----------
    positions
        By symbol; symbols that were never traded are missing.
    balance
        Account currency, without ``cash``.
    cash
        By currency: what has not become account currency yet.
    equity, holdings, quotes
        As of the last moment: equity None where a part of it could not be known.
    moment_ns
        The next moment; 0 before the first record.
    prices
        Bid and ask of the last market by symbol.
    said
        Place of the last event that was given out.
    """

    positions: dict[str, NetPosition] = {}
    balance: Decimal = _ZERO
    cash: dict[str, Decimal] = {}
    equity: Decimal | None = None
    holdings: dict[str, Holding] = {}
    quotes: dict[str, tuple[Decimal, Decimal]] = {}
    moment_ns: int = 0
    prices: dict[str, tuple[float, float]] = {}
    said: int = 0


class Account:
    """One account; ``state`` is what must be stored."""

    def __init__(self, config: PaperVenueConfig, state: AccountState | None = None) -> None:
        self._config = config
        self._money = config.money
        if state is None:
            start = _ZERO if self._money is None else _ZERO + self._money.start_balance
            state = AccountState(balance=start, equity=start)
        self.state = state

    def position(self, symbol: str) -> NetPosition:
        """Return what is held of a symbol."""
        return self.state.positions.get(symbol, NetPosition())

    def positions(self) -> tuple[VenuePosition, ...]:
        """Return all positions that are not flat, by symbol."""
        return tuple(
            VenuePosition(symbol, held.units, held.average_price)
            for symbol, held in sorted(self.state.positions.items())
            if held.units
        )

    def book(self, symbol: str, side: OrderSide, units: Decimal, price: Decimal) -> Decimal:
        """Take a fill in; return its commission in quote currency."""
        held, profit = net(self.position(symbol), signed(side, units), price)
        self.state.positions[symbol] = held
        cost = commission(units, price, self._config.terms_of(symbol))
        self._add(INSTRUMENTS[symbol].quote, profit - cost)
        return cost

    def opens(self, symbol: str, side: OrderSide, units: Decimal) -> bool:
        """Say whether a fill would open a position or enlarge one."""
        held = self.position(symbol).units
        after = held + signed(side, units)
        return abs(after) > abs(held) or after * held < 0

    def affords(self, symbol: str, side: OrderSide, units: Decimal, quote: Quote) -> bool:
        """Say whether a fill may be made: what reduces always may, what opens needs free equity.

        Other symbols count as of the last moment. What cannot be known is not afforded.
        """
        money = self._money
        if money is None or money.margin is None:
            return True
        if not self.opens(symbol, side, units):
            return True
        after = self.position(symbol).units + signed(side, units)
        quotes = self._quotes() | {symbol: quote}
        terms = self._config.terms_of(symbol)
        needed = margin_of(symbol, after, terms, money.currency, quotes)
        others = self._margin({n: h for n, h in self.state.holdings.items() if n != symbol})
        if needed is None or others is None or self.state.equity is None:
            return False
        return needed + others <= self.state.equity

    def roll(self, roll_ns: int, quotes: Quotes, outbox: Outbox) -> None:
        """Charge financing for every position held over a roll.

        In account currency where the rate is known, else in quote currency, which waits in cash.
        """
        money = self._money
        if money is None:
            return
        day = ended_trade_date(roll_ns)
        for symbol, held in sorted(self.state.positions.items()):
            if not held.units:
                continue
            price = quotes[symbol].mid
            terms = self._config.terms_of(symbol)
            amount = financing(held, price, days_at(day, terms, money.days_on), terms)
            if not amount:
                continue
            currency = INSTRUMENTS[symbol].quote
            factor = profit_rate(amount, currency, money.currency, quotes)
            if factor is not None:
                currency, amount = money.currency, (amount * factor).quantize(MONEY_STEP)
            self._add(currency, amount)
            charge_id = "pf" + digest("financing", self._config.account, symbol, roll_ns)
            outbox.charge(charge_id, symbol, amount, currency, roll_ns)

    def mark(self, quotes: Quotes) -> None:
        """Value the account at a moment: convert cash, then positions at their closing side."""
        money, state = self._money, self.state
        if money is None:
            return
        state.quotes = {symbol: (quotes[symbol].bid, quotes[symbol].ask) for symbol in quotes}
        for currency, amount in sorted(state.cash.items()):
            factor = profit_rate(amount, currency, money.currency, quotes)
            if factor is not None:
                state.balance += (amount * factor).quantize(MONEY_STEP)
                del state.cash[currency]
        state.holdings = {
            symbol: value(held, symbol, self._config.terms_of(symbol), money.currency, quotes)
            for symbol, held in state.positions.items()
            if held.units
        }
        state.equity = self._equity()

    def is_called(self) -> bool:
        """Say whether the margin level of the last moment is below the call level."""
        margin = None if self._money is None else self._money.margin
        return margin is not None and self._is_below(margin.call_level)

    def close_out(self) -> list[str]:
        """Return the symbols whose positions the venue closes now, the largest loss first."""
        margin = None if self._money is None else self._money.margin
        equity = self.state.equity
        if margin is None or equity is None or not self._is_below(margin.closeout_level):
            return []
        return to_close(self.state.holdings, equity, margin.call_level)

    def worth(self, quotes: Quotes) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
        """Return balance, equity and margin used at some quotes; None for what is not known."""
        money = self._money
        if money is None:
            return None, None, None
        seen = Account(self._config, structs.replace(self.state, cash=dict(self.state.cash)))
        seen.mark(quotes)
        balance = None if seen.state.cash else seen.state.balance
        return balance, seen.state.equity, seen.margin_used()

    def margin_used(self) -> Decimal | None:
        """Return what was tied up at the last moment, account currency; None if not known."""
        return self._margin(self.state.holdings)

    def _add(self, currency: str, amount: Decimal) -> None:
        if self._money is not None and amount:
            cash = self.state.cash
            cash[currency] = cash.get(currency, _ZERO) + amount

    def _quotes(self) -> dict[str, Quote]:
        return {symbol: Quote(*prices) for symbol, prices in self.state.quotes.items()}

    def _equity(self) -> Decimal | None:
        profits = [holding.profit for holding in self.state.holdings.values()]
        known = [profit for profit in profits if profit is not None]
        if self.state.cash or len(known) != len(profits):
            return None
        return self.state.balance + sum(known, _ZERO)

    def _margin(self, holdings: dict[str, Holding]) -> Decimal | None:
        margins = [holding.margin for holding in holdings.values()]
        known = [margin for margin in margins if margin is not None]
        return sum(known, _ZERO) if len(known) == len(margins) else None

    def _is_below(self, level: Decimal) -> bool:
        equity, tied = self.state.equity, self.margin_used()
        return equity is not None and bool(tied) and tied is not None and equity < level * tied
