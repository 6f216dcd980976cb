"""Orders that have ended, told from the account's transactions alone.

An order's id is that of the transaction that made it. So whatever is not known here is read in
ranges of transactions: a long day costs a few requests, not one for each of its orders.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from decimal import Decimal

from brokers.oanda.known import KnownOrder, KnownOrders
from brokers.oanda.reports import ended_report
from brokers.oanda.terms import OF_TRADE, terms_of
from brokers.oanda.wire import Json, canonical_name, decimal_of, integer_of
from domain.orders import OrderSide
from trading.venues import OrderReport

PAGE = 1_000
"""Most transactions of one request: v20's own pages are ranges of so many."""

_ENDS = frozenset({"ORDER_FILL", "ORDER_CANCEL"})

ReadRange = Callable[[int, int], Awaitable[Sequence[Json]]]
"""Reads the transactions from one id to another, both included."""


class EndedOrders:
    """Reports of the orders that some transactions ended.

    Parameters
    ----------
    known
        Orders and trades that need no look-up.
    read_range
        Reads transactions of before.
    """

    def __init__(self, known: KnownOrders, read_range: ReadRange) -> None:
        self._known = known
        self._read_range = read_range
        self._at_hand: dict[int, Json] = {}

    async def reports(self, transactions: Sequence[Json]) -> tuple[list[OrderReport], bool]:
        """Return a report of each ended order, and whether none is missing.

        An order that was replaced is left out: the one in its place tells its story.

        Raises
        ------
        Drop
            If a transaction cannot be read.
        Retry
            If the transactions of before cannot be had now.
        """
        self._at_hand = {integer_of(one, "id"): one for one in transactions}
        ends = {
            integer_of(one, "orderID"): one
            for one in transactions
            if one["type"] in _ENDS and "replacedByOrderID" not in one
        }
        unknown = [number for number in ends if self._known.order(str(number)) is None]
        await self._fetch(unknown)
        births = [self._at_hand[number] for number in unknown if number in self._at_hand]
        await self._fetch(integer_of(one, "tradeID") for one in births if self._lacks_trade(one))
        orders = {number: self._order(number) for number in ends}
        found = [
            ended_report(order, ends[number])
            for number, order in orders.items()
            if order is not None
        ]
        return found, len(found) == len(ends)

    async def _fetch(self, wanted: Iterable[int]) -> None:
        missing = sorted(set(wanted) - set(self._at_hand))
        while missing:
            first = missing[0]
            last = min(first + PAGE - 1, missing[-1])
            page = await self._read_range(first, last)
            found = {integer_of(one, "id"): one for one in page}
            self._at_hand.update(found)
            # What a page passes over does not exist; what lies behind its end is asked for next.
            passed = max(first, max(found, default=last))
            missing = [number for number in missing if number > passed]

    def _lacks_trade(self, birth: Json) -> bool:
        return _kind(birth) in OF_TRADE and str(birth.get("tradeID")) not in self._known.trades

    def _order(self, number: int) -> KnownOrder | None:
        known = self._known.order(str(number))
        birth = self._at_hand.get(number)
        if known is not None or birth is None:
            return known
        kind = _kind(birth)
        subject = self._trade(birth) if kind in OF_TRADE else (birth, decimal_of(birth, "units"))
        if subject is None:
            return None
        document, units = subject
        wire = str((birth.get("clientExtensions") or {}).get("id") or "")
        life, request = self._known.ours(wire) if wire else ("", -1)
        side: OrderSide = "buy" if units > 0 else "sell"
        terms = terms_of(birth, kind, abs(units))
        symbol = canonical_name(str(document.get("instrument", "")))
        return KnownOrder(str(number), life, request, symbol, side, abs(units), terms)

    def _trade(self, birth: Json) -> tuple[Json, Decimal] | None:
        """Return what names the pair of a trade's order, and its signed units: they close it."""
        held = self._known.trades.get(str(birth.get("tradeID")))
        if held is not None:
            return {"instrument": held.symbol}, -held.units
        # A trade's id is that of the fill that opened it.
        opening = self._at_hand.get(integer_of(birth, "tradeID"))
        if opening is None or not opening.get("tradeOpened"):
            return None
        return opening, -decimal_of(opening["tradeOpened"], "units")


def _kind(birth: Json) -> str:
    return str(birth.get("type")).removesuffix("_ORDER")
