"""What an account holds in one symbol after each fill: a net figure, and the trades behind it.

On a netting account the net position is all there is. Where trades are kept apart (FIFO, hedging)
they are the truth, and the net position is what they come to.
"""

from decimal import Decimal
from typing import NamedTuple

from domain.instruments import Instrument
from domain.orders import Execution, Order
from trading.accounts.modes import BOOKS
from trading.accounts.trades import BookedFill, ConversionRates, Trades, total_units
from trading.conversion import Quotes, to_account
from trading.orders.effects import Booked
from trading.positions import NetPosition, net, realise, unrealised
from trading.venues import PositionMode

_ZERO = Decimal(0)


class HeldPosition(NamedTuple):
    """What is held of a symbol.

    Attributes
    ----------
    position
        Net units, their entry price, and what was realised.
    trades
        Open trades, oldest first; empty on a netting account.
    """

    position: NetPosition = NetPosition()
    trades: Trades = ()

    @property
    def is_open(self) -> bool:
        """Whether anything is held: long and short of the same size are not nothing."""
        return bool(self.position.units or self.trades)


FLAT = HeldPosition()


class Moved(NamedTuple):
    """What is held after a fill, and the profit that the fill realised.

    ``profit_account`` does not count into ``held`` yet. ``conversion_rate`` is None where no rate
    is known, where trades are kept apart and none was closed, and where a gain and a loss were
    closed together: they are converted at two rates.
    """

    held: HeldPosition
    profit_quote: Decimal
    profit_account: Decimal | None
    conversion_rate: Decimal | None


def fill_of_order(fill: Booked | Execution, order: Order, rates: ConversionRates) -> BookedFill:
    """Return a fill with what its order says about the trades it may close.

    What goes against its order's side takes an execution back: it closes the trade which that one
    has opened, and opens one where it had closed some.
    """
    takes_back = fill.side != order.side
    return BookedFill(
        fill.execution_id,
        fill.symbol,
        fill.side,
        fill.quantity_units,
        fill.price,
        fill.ts_event_ns,
        rates,
        closes=fill.execution_ref if takes_back else "",
        effect="default" if takes_back else order.position_effect,
    )


def after_fill(held: HeldPosition, fill: BookedFill, mode: PositionMode) -> Moved:
    """Book a fill in the account's way of keeping positions."""
    if mode == "netting":
        position, profit = net(held.position, fill.change_units, fill.price)
        rate = fill.rates.loss if profit < 0 else fill.rates.gain
        return Moved(HeldPosition(position), profit, to_account(profit, rate), rate)
    trades, parts = BOOKS[mode](held.trades, fill)
    profit = sum((part.pnl_quote for part in parts), _ZERO)
    known = [part.pnl_account for part in parts if part.pnl_account is not None]
    account = sum(known, _ZERO) if len(known) == len(parts) else None
    rates = {part.conversion_rate for part in parts}
    rate = rates.pop() if len(rates) == 1 else None
    position = netted(trades, held.position.realised_account)
    return Moved(HeldPosition(position, trades), profit, account, rate)


def netted(trades: Trades, realised_account: Decimal | None) -> NetPosition:
    """Return open trades as one position, at the price at which closing all realises nothing.

    Without net units there is no such price, though a loss or a gain may be locked in.
    """
    units = total_units(trades)
    cost = sum((trade.units * trade.price for trade in trades), _ZERO)
    return NetPosition(units, cost / units if units else None, realised_account)


def with_profit(held: HeldPosition, profit_account: Decimal | None) -> HeldPosition:
    """Return the same with a profit in account currency added; unknown stays unknown."""
    return held._replace(position=realise(held.position, profit_account))


def held_profit(
    held: HeldPosition, instrument: Instrument, account_currency: str, quotes: Quotes
) -> Decimal | None:
    """Return the profit in account currency of closing all now, each at its closing side.

    Trades convert one by one: the loss of one leg is bought even where the other leg gains.

    Returns
    -------
    Decimal or None
        0 when flat; None where the quote or the conversion rate is not known.
    """
    if not held.trades:
        return unrealised(held.position, instrument, account_currency, quotes)
    total = _ZERO
    for trade in held.trades:
        one = NetPosition(trade.units, trade.price)
        profit = unrealised(one, instrument, account_currency, quotes)
        if profit is None:
            return None
        total += profit
    return total


def sides(held: HeldPosition) -> tuple[Decimal, Decimal]:
    """Return the base units (>= 0) held long and short."""
    if not held.trades:
        units = held.position.units
        return max(units, _ZERO), max(-units, _ZERO)
    long = sum((trade.units for trade in held.trades if trade.units > 0), _ZERO)
    return long, long - held.position.units
