"""What open trades are worth now, the margin they bind, and what that leaves of the account."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal, NamedTuple

from domain.instruments import Instrument
from trading.accounts.account import AccountBook
from trading.accounts.trades import Trades
from trading.conversion import MONEY_STEP, Quotes, rate
from trading.positions import NetPosition, unrealised

HedgedMargin = Literal["sum", "larger_leg"]
"""Long and short of one symbol: margin for both, or for the larger only (by jurisdiction)."""

_ZERO = Decimal(0)


def _sum(parts: Iterable[Decimal | None]) -> Decimal | None:
    """Add; unknown stays unknown."""
    total = _ZERO
    for part in parts:
        if part is None:
            return None
        total += part
    return total


def trades_unrealised(
    trades: Trades, instrument: Instrument, currency: str, quotes: Quotes
) -> Decimal | None:
    """Return the profit of closing every trade now, each at its closing side.

    Trades convert one by one: the loss of one leg is bought even where the other leg gains.

    Returns
    -------
    Decimal or None
        Account currency; None where a quote or a rate is unknown.
    """
    return _sum(
        unrealised(NetPosition(trade.units, trade.price), instrument, currency, quotes)
        for trade in trades
    )


def account_unrealised(book: AccountBook, quotes: Quotes) -> Decimal | None:
    """Return the unrealised profit of all open trades; None where any part is unknown."""
    config = book.config
    return _sum(
        trades_unrealised(book.trades(symbol), config.instruments[symbol], config.currency, quotes)
        for symbol in book.symbols()
    )


def charged_units(trades: Trades, hedged: HedgedMargin) -> Decimal:
    """Return the base units (>= 0) of one symbol on which margin is charged."""
    long = sum((trade.units for trade in trades if trade.units > 0), _ZERO)
    short = -sum((trade.units for trade in trades if trade.units < 0), _ZERO)
    return long + short if hedged == "sum" else max(long, short)


def margin_used(
    book: AccountBook,
    quotes: Quotes,
    margin_rates: Mapping[str, Decimal],
    hedged: HedgedMargin = "sum",
) -> Decimal | None:
    """Return the margin that the open trades bind: units x base-to-account rate x margin rate.

    Parameters
    ----------
    margin_rates
        Part of the notional that is asked, in (0, 1], by symbol.

    Returns
    -------
    Decimal or None
        Account currency (>= 0), at mid rates as brokers state it; None where a conversion or a
        margin rate is unknown.
    """
    config = book.config
    parts: list[Decimal | None] = []
    for symbol in book.symbols():
        base_rate = rate(config.instruments[symbol].base, config.currency, "mid", quotes)
        margin_rate = margin_rates.get(symbol)
        if base_rate is None or margin_rate is None:
            return None
        units = charged_units(book.trades(symbol), hedged)
        parts.append((units * base_rate * margin_rate).quantize(MONEY_STEP))
    return _sum(parts)


class Funds(NamedTuple):
    """An account's money at one moment, all in account currency; None where unknown.

    Attributes
    ----------
    balance
        Cash: deposits, realised profit, financing and fees.
    equity
        Balance plus unrealised profit.
    margin_available
        Equity less margin used; below 0 is a margin deficit.
    margin_level
        Equity per margin used (1 = 100 %); None also where no margin is used.
    """

    balance: Decimal | None
    unrealised: Decimal | None
    equity: Decimal | None
    margin_used: Decimal | None
    margin_available: Decimal | None
    margin_level: Decimal | None


def funds(
    book: AccountBook,
    balance: Decimal | None,
    quotes: Quotes,
    margin_rates: Mapping[str, Decimal],
    hedged: HedgedMargin = "sum",
) -> Funds:
    """Return what the account has, binds and could still bind."""
    open_profit = account_unrealised(book, quotes)
    used = margin_used(book, quotes, margin_rates, hedged)
    equity = _sum((balance, open_profit))
    if equity is None or used is None:
        return Funds(balance, open_profit, equity, used, None, None)
    level = equity / used if used else None
    return Funds(balance, open_profit, equity, used, equity - used, level)
