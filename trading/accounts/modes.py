"""The two ways to keep the trades of a symbol apart.

HEDGING holds every opening fill as a trade, longs beside shorts. FIFO (NFA Compliance Rule 2-43(b))
holds trades of one direction only: an opposite fill offsets the oldest trade of exactly its size,
else the oldest ones in turn.
"""

from trading.accounts.trades import Book, BookedFill, Folded, Trades, against, close_in_order
from trading.venues import PositionMode


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


BOOKS: dict[PositionMode, Book] = {"hedging": book_hedging, "fifo": book_fifo}
"""By the mode of the account; one that nets keeps no trades."""
