"""The three ways to keep positions behind one interface: book a fill, and say what may be closed.

NETTING holds one position of a symbol at its average price. HEDGING holds every opening fill as a
trade, longs beside shorts. FIFO (NFA Compliance Rule 2-43(b)) holds trades of one direction only:
an opposite fill offsets the oldest trade of exactly its size, else the oldest ones in turn.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from trading.accounts.trades import (
    Book,
    BookedFill,
    ClosedPart,
    Folded,
    Trades,
    against,
    close,
    close_in_order,
    opened,
    total_units,
)
from trading.positions import NetPosition, net
from trading.venues import PositionMode


def book_netting(trades: Trades, fill: BookedFill) -> Folded:
    """Average what adds, realise what reduces, open anew what goes through zero."""
    if not trades:
        return Folded((opened(fill, fill.change_units),), ())
    (held,) = trades
    after, _ = net(NetPosition(held.units, held.price), fill.change_units, fill.price)
    parts: tuple[ClosedPart, ...] = ()
    if against(held, fill):
        parts = (close(held, min(abs(held.units), fill.quantity_units), fill),)
    if after.average_price is None:
        return Folded((), parts)
    if after.units * held.units < 0:
        return Folded((opened(fill, after.units),), parts)
    return Folded((replace(held, units=after.units, price=after.average_price),), parts)


def book_hedging(trades: Trades, fill: BookedFill) -> Folded:
    """Close the named trade, or oldest first if only reducing is allowed; else open a trade."""
    if fill.closes:
        targets = tuple(t for t in trades if t.trade_id == fill.closes and against(t, fill))
    elif fill.effect == "reduce_only":
        targets = tuple(t for t in trades if against(t, fill))
    else:
        targets = ()
    return close_in_order(trades, targets, fill)


def book_fifo(trades: Trades, fill: BookedFill) -> Folded:
    """Offset the oldest trade of the same size, else the oldest first; never hold both sides.

    A trade that the venue names as closed goes first: it was closed there, whatever the rule says.
    """
    opposite = tuple(t for t in trades if against(t, fill))
    first = tuple(t for t in opposite if t.trade_id == fill.closes) or tuple(
        t for t in opposite if abs(t.units) == fill.quantity_units
    )
    ahead = first[:1]
    return close_in_order(trades, ahead + tuple(t for t in opposite if t not in ahead), fill)


def may_close_netting(trades: Trades, trade_id: str, quantity_units: Decimal) -> bool:
    """Say whether so much is held; the position is the only trade and need not be named."""
    return quantity_units <= abs(total_units(trades)) and trade_id in {
        "",
        *(trade.trade_id for trade in trades),
    }


def may_close_hedging(trades: Trades, trade_id: str, quantity_units: Decimal) -> bool:
    """Say whether the named trade holds so much."""
    return any(t.trade_id == trade_id and quantity_units <= abs(t.units) for t in trades)


def may_close_fifo(trades: Trades, trade_id: str, quantity_units: Decimal) -> bool:
    """Say whether an order of this size would offset this trade and no other.

    The broker does not say which trades can be closed; it cancels with FIFO_VIOLATION afterwards.
    """
    same_size = (t for t in trades if abs(t.units) == quantity_units)
    target = next(same_size, trades[0] if trades else None)
    return (
        target is not None and target.trade_id == trade_id and quantity_units <= abs(target.units)
    )


class Mode(NamedTuple):
    """One way to keep positions.

    ``may_close`` takes the open trades of a symbol, the trade to close and the base units (> 0).
    """

    book: Book
    may_close: Callable[[Trades, str, Decimal], bool]


MODES: dict[PositionMode, Mode] = {
    "netting": Mode(book_netting, may_close_netting),
    "hedging": Mode(book_hedging, may_close_hedging),
    "fifo": Mode(book_fifo, may_close_fifo),
}
