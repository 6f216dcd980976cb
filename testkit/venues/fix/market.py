"""A market behind a FIX counterparty: takes order messages, answers with ExecutionReports.

It knows nothing of sessions and clocks; messages are tables of tag and value. Liquidity at the
quote is without limit unless `Market.partial` says otherwise.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

Message = dict[int, str]
"""One message; 35 is its type."""

_BUY = "1"
_MARKET, _LIMIT, _STOP, _STOP_LIMIT, _TOUCHED, _PEGGED = "1", "2", "3", "4", "J", "P"
_WAITING = {_STOP, _STOP_LIMIT, _TOUCHED, _PEGGED}
"""Types that wait for a price; a pegged order is taken as a trailing stop."""
_IMMEDIATE, _ALL_OR_NONE, _GOOD_TILL_DATE = {"3", "4"}, "4", "6"
_NONE = "NONE"
_TERMS = frozenset({18, 38, 40, 44, 59, 99, 126, 211})
_ECHOED = _TERMS | {1, 15, 54, 55}


@dataclass
class Working:
    """An order as the market has it."""

    order_id: str
    name: str
    fields: Message
    status: str = "0"
    cum: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    triggered: bool = False
    fills: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)

    @property
    def quantity(self) -> Decimal:
        """Base units in total."""
        return Decimal(self.fields[38])

    @property
    def leaves(self) -> Decimal:
        """Base units that may still fill."""
        return self.quantity - self.cum if self.is_open else Decimal(0)

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.status in {"0", "1"}

    @property
    def is_buy(self) -> bool:
        """Whether it buys the base currency."""
        return self.fields[54] == _BUY


class Market:
    """Orders of one account and the quotes that they meet.

    Attributes
    ----------
    submits
        ClOrdID of every NewOrderSingle, in order of arrival.
    partial
        The next fill takes half of what is left.
    reject_next
        The next NewOrderSingle is refused.
    """

    def __init__(self, symbols: frozenset[str]) -> None:
        self._symbols = symbols
        self._quotes: dict[str, tuple[Decimal, Decimal]] = {}
        self._orders: list[Working] = []
        self._by_name: dict[str, Working] = {}
        self._arrived: dict[str, Message] = {}
        self._executions = 0
        self.submits: list[str] = []
        self.partial = False
        self.reject_next = False

    def quote(self, name: str, bid: Decimal, ask: Decimal, now: str) -> list[Message]:
        """Move the market of a pair; return what it did to working orders.

        ``now`` is the time as FIX writes it: GTD orders end by it.
        """
        self._quotes[name] = (bid, ask)
        reports: list[Message] = []
        for order in self._orders:
            if order.is_open and order.fields[55] == name:
                reports += self._expired(order, now) or self._matched(order)
        return reports

    def take(self, message: Message) -> list[Message]:
        """Answer a D, F, G, H, AF or AN."""
        answer = {
            "D": self._new,
            "F": self._cancel,
            "G": self._replace,
            "H": self._status,
            "AF": self._mass_status,
            "AN": self._positions,
        }.get(message[35])
        if answer is None:
            return [{35: "j", 45: message[34], 372: message[35], 380: "3"}]
        return list(answer(message))

    def bust(self, execution_id: str) -> Message:
        """Take back an execution; return the report (150=H)."""
        order = self._order_of(execution_id)
        quantity, price = order.fills.pop(execution_id)
        order.cum -= quantity
        order.paid -= quantity * price
        order.status = "4" if order.status == "2" else order.status
        return self._report(order, "H", {19: execution_id, 32: str(quantity), 31: str(price)})

    def correct(self, execution_id: str, quantity: Decimal, price: Decimal) -> Message:
        """Put other figures in the place of an execution's; return the report (150=G)."""
        order = self._order_of(execution_id)
        before, paid = order.fills.pop(execution_id)
        order.cum += quantity - before
        order.paid += quantity * price - before * paid
        report = self._report(order, "G", {19: execution_id, 32: str(quantity), 31: str(price)})
        order.fills[report[17]] = (quantity, price)
        return report

    def submitted(self, name: str) -> Message:
        """Return the NewOrderSingle of a ClOrdID as it arrived."""
        return self._arrived[name]

    def _new(self, message: Message) -> Iterator[Message]:
        name = message[11]
        self.submits.append(name)
        self._arrived.setdefault(name, message)
        refused = self._refusal(message)
        order = Working(f"O{len(self._orders) + 1}", name, message)
        if refused is not None:
            code, text = refused
            order.status = "8"
            if name not in self._by_name:
                self._by_name[name] = order
            yield self._report(order, "8", {103: code, 58: text})
            return
        self._orders.append(order)
        self._by_name[name] = order
        yield self._report(order, "0")
        yield from self._matched(order)

    def _refusal(self, message: Message) -> tuple[str, str] | None:
        if self.reject_next:
            self.reject_next = False
            return "99", "last look: price has moved"
        if message[11] in self._by_name:
            return "6", "duplicate order"
        if message[55] not in self._symbols:
            return "1", "unknown symbol"
        size = Decimal(message[38])
        if size <= 0 or size % 1:
            return "13", "whole units only"
        if message[40] == _MARKET and message[55] not in self._quotes:
            return "99", "no price"
        if message[40] == _PEGGED and (message.get(18) != "a" or 211 not in message):
            return "11", "no trailing stop peg"
        return None

    def _cancel(self, message: Message) -> Iterator[Message]:
        order = self._by_name.get(message[41])
        if order is None or not order.is_open:
            yield _cancel_reject(message, order, "1")
            return
        self._rename(order, message)
        order.status = "4"
        yield self._report(order, "4", {41: message[41]})

    def _replace(self, message: Message) -> Iterator[Message]:
        order = self._by_name.get(message[41])
        if order is None or not order.is_open or Decimal(message[38]) < order.cum:
            yield _cancel_reject(message, order, "2")
            return
        self._rename(order, message)
        changed = {tag: value for tag, value in message.items() if tag in _TERMS}
        order.fields = {**order.fields, **changed}
        if order.cum == order.quantity:
            order.status = "2"
        yield self._report(order, "5", {41: message[41]})
        if order.is_open:
            yield from self._matched(order)

    def _status(self, message: Message) -> Iterator[Message]:
        order = self._by_name.get(message[11])
        if order is not None:
            yield self._report(order, "I", {17: "0"})
            return
        yield {
            35: "8",
            37: _NONE,
            11: message[11],
            17: "0",
            150: "I",
            39: "8",
            103: "5",
            55: message[55],
            54: message[54],
            14: "0",
            151: "0",
            6: "0",
        }

    def _mass_status(self, message: Message) -> Iterator[Message]:
        request, found = message[584], [order for order in self._orders if order.is_open]
        total = str(len(found))
        if not found:
            last = {584: request, 911: "0", 912: "Y"}
            yield {35: "8", 37: _NONE, 17: "0", 150: "I", 39: "8", 14: "0", 151: "0", **last}
        for place, order in enumerate(found, 1):
            last = {912: "Y" if place == len(found) else "N"}
            yield self._report(order, "I", {17: "0", 584: request, 911: total, **last})

    def _positions(self, message: Message) -> Iterator[Message]:
        held: dict[str, list[Decimal]] = {}
        for order in self._orders:
            sides = held.setdefault(order.fields[55], [Decimal(0), Decimal(0)])
            sides[0 if order.is_buy else 1] += order.cum
        total = {710: message[710], 727: str(len(held)), 728: "0" if held else "2"}
        yield {35: "AO", 721: "P", 729: "0", **total}
        for name, (long, short) in held.items():
            units = {55: name, 702: "1", 703: "TOT", 704: str(long), 705: str(short), 730: "1"}
            yield {35: "AP", 721: "P", **total, **units}

    def _rename(self, order: Working, message: Mapping[int, str]) -> None:
        order.name = message[11]
        self._by_name[order.name] = order

    def _expired(self, order: Working, now: str) -> list[Message]:
        if order.fields.get(59) != _GOOD_TILL_DATE or order.fields[126] > now:
            return []
        order.status = "C"
        return [self._report(order, "C")]

    def _matched(self, order: Working) -> Iterator[Message]:
        bid, ask = self._quotes.get(order.fields[55], (None, None))
        price = ask if order.is_buy else bid
        kind, immediate = order.fields[40], order.fields.get(59) in _IMMEDIATE
        waits = kind in _WAITING and not order.triggered
        if price is not None and kind == _PEGGED:
            _trail(order, price)
        if price is not None and waits and _reached(order, price):
            order.triggered, waits = True, False
            yield self._report(order, "L")
        limited = kind in {_LIMIT, _STOP_LIMIT}
        if price is not None and not waits and not (limited and _beyond(order, price)):
            yield from self._filled(order, price)
        if immediate and order.is_open:
            order.status = "4"
            yield self._report(order, "4")

    def _filled(self, order: Working, price: Decimal) -> Iterator[Message]:
        size = order.leaves
        if self.partial:
            if order.fields.get(59) == _ALL_OR_NONE:
                return
            self.partial, size = False, size // 2
        order.cum += size
        order.paid += size * price
        order.status = "2" if order.cum == order.quantity else "1"
        report = self._report(order, "F", {32: str(size), 31: str(price)})
        order.fills[report[17]] = (size, price)
        yield report

    def _order_of(self, execution_id: str) -> Working:
        return next(order for order in self._orders if execution_id in order.fills)

    def _report(self, order: Working, exec_type: str, more: Mapping[int, str] = {}) -> Message:
        self._executions += 1
        average = order.paid / order.cum if order.cum else Decimal(0)
        echoed = {tag: value for tag, value in order.fields.items() if tag in _ECHOED}
        return {
            35: "8",
            **echoed,
            6: format(average, "f"),
            11: order.name,
            14: format(order.cum, "f"),
            17: f"X{self._executions}",
            37: order.order_id,
            39: order.status,
            150: exec_type,
            151: format(order.leaves, "f"),
            **more,
        }


def _cancel_reject(message: Mapping[int, str], order: Working | None, to: str) -> Message:
    known = {37: _NONE, 39: "8", 102: "1"}
    if order is not None:
        known = {37: order.order_id, 39: order.status, 102: "0"}
    return {35: "9", 11: message[11], 41: message[41], 434: to, **known}


def _reached(order: Working, price: Decimal) -> bool:
    stop = Decimal(order.fields[99])
    # A stop buys above the market, an order that waits to be touched buys below it.
    rises = order.is_buy is (order.fields[40] != _TOUCHED)
    return price >= stop if rises else price <= stop


def _trail(order: Working, price: Decimal) -> None:
    """Move the stop of a trailing order after the market, only ever closer to it."""
    moved = price + Decimal(order.fields[211])
    stop = Decimal(order.fields.get(99) or moved)
    order.fields = {
        **order.fields,
        99: format(min(stop, moved) if order.is_buy else max(stop, moved), "f"),
    }


def _beyond(order: Working, price: Decimal) -> bool:
    limit = Decimal(order.fields[44])
    return price > limit if order.is_buy else price < limit
