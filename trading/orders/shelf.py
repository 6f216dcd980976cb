"""The orders of a book: those at hand, and those put away, which can be read again from elsewhere.

An order that closed long ago matters to nobody, until a late fill, a bust or a correction names it.
What is put away leaves its place and its part of the sums behind; the rest is read again when
somebody asks for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, Self

import msgspec

from trading.orders.holdings import Holding, entry, opening_of, summed
from trading.orders.state import OrderState
from trading.positions import NetPosition, net, signed

Recall = Callable[[int], OrderState]
"""Reads an order that was put away, by the place at which it lies."""

_FLAT = NetPosition()
_NONE = Holding()


class Away(msgspec.Struct, forbid_unknown_fields=True):
    """What a book keeps of the orders that it has put away.

    Attributes
    ----------
    places
        Where each lies, by client order id.
    entries
        By symbol, the position that their executions led to, with its entry price.
    sums
        By symbol, what their executions sum up to.
    """

    places: dict[str, int] = {}
    entries: dict[str, NetPosition] = {}
    sums: dict[str, Holding] = {}


class Shelf:
    """All orders of a book by client order id.

    Parameters
    ----------
    recall
        Reads an order again that was put away; None where none ever is.
    opening
        Positions from before the first order, by symbol.
    states
        The orders at hand, in the order of their coming.
    away
        What is known of those put away.
    """

    def __init__(
        self,
        recall: Recall | None,
        opening: Mapping[str, NetPosition],
        states: Iterable[OrderState] = (),
        away: Away | None = None,
    ) -> None:
        self._recall = recall
        self._opening = opening
        self._at_hand = {state.order.client_order_id: state for state in states}
        self._away = Away() if away is None else away

    def __len__(self) -> int:
        return len(self._at_hand) + len(self._away.places)

    def __contains__(self, name: str) -> bool:
        return name in self._at_hand or name in self._away.places

    def __getitem__(self, name: str) -> OrderState:
        state = self.get(name)
        if state is None:
            raise KeyError(name)
        return state

    def __setitem__(self, name: str, state: OrderState) -> None:
        self.get(name)
        self._at_hand[name] = state

    def get(self, name: str) -> OrderState | None:
        """Return an order, or None; one that was put away is at hand again from then on."""
        state = self._at_hand.get(name)
        if state is None and self._recall is not None and name in self._away.places:
            state = self._recall(self._away.places.pop(name))
            self._count(state, -1)
            self._at_hand[name] = state
        return state

    def at_hand(self) -> Iterator[OrderState]:
        """Return the orders at hand: all that are open, and those that closed lately."""
        return iter(self._at_hand.values())

    def all(self) -> Iterator[OrderState]:
        """Return all orders, at hand or not, which stay where they are."""
        if self._recall is not None:
            yield from map(self._recall, self._away.places.values())
        yield from self._at_hand.values()

    def put_away(self, state: OrderState, place: int) -> None:
        """Put an order away that can be read again at a place; it need not have been at hand."""
        name = state.order.client_order_id
        self._at_hand.pop(name, None)
        self._away.places[name] = place
        self._count(state, 1)

    def entry(self, symbol: str) -> NetPosition:
        """Return the position of a symbol with its entry price; costs a pass over what is at hand.

        Executions of orders that were put away count as made before all others, and in the order
        in which those were: an entry price may be off by what their interleaving makes of it.
        """
        states = [s for s in self._at_hand.values() if s.order.symbol == symbol]
        return entry(self._start(symbol), states)

    def holdings(self) -> dict[str, Holding]:
        """Return what the executions of all orders sum up to, with what there was before them."""
        start = {symbol: opening_of(position) for symbol, position in self._opening.items()}
        for symbol, held in self._away.sums.items():
            start[symbol] = _sum(start.get(symbol, _NONE), held, 1)
        return summed(start, self._at_hand.values())

    def away(self) -> Away:
        """Return what is known of the orders put away."""
        away = self._away
        return Away(dict(away.places), dict(away.entries), dict(away.sums))

    def copy(self) -> Self:
        """Return a shelf that may be changed without changing this one."""
        return type(self)(self._recall, self._opening, self._at_hand.values(), self.away())

    def _start(self, symbol: str) -> NetPosition:
        """Return the position that stands before the executions at hand."""
        return self._away.entries.get(symbol) or self._opening.get(symbol, _FLAT)

    def _count(self, state: OrderState, sign: Literal[1, -1]) -> None:
        """Add an order's executions to the sums of what is away, or take them out again."""
        symbol, away = state.order.symbol, self._away
        own = summed({}, [state]).get(symbol, _NONE)
        away.sums[symbol] = _sum(away.sums.get(symbol, _NONE), own, sign)
        position = self._start(symbol)
        if sign > 0:
            away.entries[symbol] = entry(position, [state])
            return
        for fill in state.executions.values():
            if fill.counted_units:
                change = signed(state.order.side, fill.counted_units)
                position, _ = net(position, -change, fill.price)
        away.entries[symbol] = position


def _sum(one: Holding, other: Holding, sign: int) -> Holding:
    return Holding(one.units + sign * other.units, one.cash_quote + sign * other.cash_quote)
