"""One symbol's fills in the order in which they happened, and the trades that they make.

Trades are a pure fold of the fills. A fill that comes late, a bust and a correction fold the
history again from where it is remembered, each fill at its own conversion rates: the outcome is
that of a history in which the fault never was, to the last digit.
"""

from bisect import bisect_left, bisect_right
from typing import NamedTuple

import msgspec

from domain.errors import BadUse, Drop
from domain.nanos import iso
from trading.accounts.trades import Book, BookedFill, ClosedPart, Trades


class HistoryState(msgspec.Struct, forbid_unknown_fields=True):
    """What a snapshot keeps of a symbol.

    Attributes
    ----------
    floor_ns
        Fills up to here are forgotten: only the trades they left are known.
    base
        Those trades.
    fills
        Remembered fills in the order in which they are booked.
    """

    symbol: str
    floor_ns: int = 0
    base: Trades = ()
    fills: list[BookedFill] = msgspec.field(default_factory=list)


class Change(NamedTuple):
    """What a change of history did to realised profit.

    Attributes
    ----------
    realised
        Parts that are closed now and were not before.
    taken_back
        Parts that were closed before and are not any more, or not so.
    """

    realised: tuple[ClosedPart, ...] = ()
    taken_back: tuple[ClosedPart, ...] = ()


class History:
    """The fills and open trades of one symbol.

    Parameters
    ----------
    book
        How fills match open trades; see `trading.accounts.modes`.
    """

    def __init__(self, state: HistoryState, book: Book) -> None:
        self._book = book
        self._symbol = state.symbol
        self._floor_ns = state.floor_ns
        self._base = state.base
        self._fills = list(state.fills)
        self._ids = {fill.execution_id for fill in self._fills}
        self.trades: Trades = self._base
        self._parts: list[ClosedPart] = []
        self._fold()

    def state(self) -> HistoryState:
        """Return what a snapshot must keep."""
        return HistoryState(self._symbol, self._floor_ns, self._base, list(self._fills))

    def __contains__(self, execution_id: str) -> bool:
        return execution_id in self._ids

    def trades_before(self, ts_ns: int) -> Trades:
        """Return the trades that fills before a time left open, whatever came since.

        Raises
        ------
        BadUse
            If that is further back than is remembered.
        """
        if ts_ns < self._floor_ns:
            msg = f"fills of {self._symbol} before {iso(self._floor_ns)} are forgotten"
            raise BadUse(msg)
        if not self._fills or self._key(self._fills[-1]) < (ts_ns, ""):
            return self.trades
        trades = self._base
        for fill in self._fills[: bisect_left(self._fills, (ts_ns, ""), key=self._key)]:
            trades, _ = self._book(trades, fill)
        return trades

    def add(self, fill: BookedFill) -> Change:
        """Book a fill where it belongs in time; one that is known already changes nothing.

        Raises
        ------
        Drop
            If its id is known with other terms: only a correction may change them.
        """
        if fill.execution_id in self._ids:
            known = self._fills[self._place(fill.execution_id)]
            if known != fill:
                msg = (
                    f"execution {fill.execution_id} of {self._symbol} is booked as "
                    f"{known.side} {known.quantity_units} at {known.price} and now reported as "
                    f"{fill.side} {fill.quantity_units} at {fill.price}: a correction must say so"
                )
                raise Drop(msg)
            return Change()
        place = bisect_right(self._fills, self._key(fill), key=self._key)
        self._fills.insert(place, fill)
        self._ids.add(fill.execution_id)
        if place < len(self._fills) - 1:
            return self._again()
        self.trades, parts = self._book(self.trades, fill)
        self._parts += parts
        return Change(realised=parts)

    def bust(self, execution_id: str) -> Change:
        """Take a fill back, and all that followed from it.

        Raises
        ------
        Drop
            If the fill is not remembered.
        """
        del self._fills[self._place(execution_id)]
        self._ids.remove(execution_id)
        return self._again()

    def correct(self, fill: BookedFill) -> Change:
        """Put other terms, or other rates, in the place of a fill's.

        Raises
        ------
        Drop
            If the fill is not remembered.
        """
        del self._fills[self._place(fill.execution_id)]
        self._fills.insert(bisect_right(self._fills, self._key(fill), key=self._key), fill)
        return self._again()

    def forget(self, before_ns: int) -> None:
        """Forget fills before a time for good: they can no longer be busted or corrected."""
        if before_ns <= self._floor_ns:
            return
        count = bisect_left(self._fills, (before_ns, ""), key=self._key)
        for fill in self._fills[:count]:
            self._base, _ = self._book(self._base, fill)
            self._ids.remove(fill.execution_id)
        del self._fills[:count]
        self._floor_ns = before_ns
        self._fold()

    def _key(self, fill: BookedFill) -> tuple[int, str]:
        # Older than what is remembered: booked as early as possible, since it is held all the same.
        return max(fill.ts_event_ns, self._floor_ns), fill.execution_id

    def _place(self, execution_id: str) -> int:
        for place, fill in enumerate(self._fills):
            if fill.execution_id == execution_id:
                return place
        msg = f"execution {execution_id} of {self._symbol} was never booked, or is forgotten"
        raise Drop(msg)

    def _fold(self) -> None:
        self.trades = self._base
        self._parts = []
        for fill in self._fills:
            self.trades, closed = self._book(self.trades, fill)
            self._parts += closed

    def _again(self) -> Change:
        before = self._parts
        self._fold()
        old, new = set(before), set(self._parts)
        return Change(
            tuple(part for part in self._parts if part not in old),
            tuple(part for part in before if part not in new),
        )
