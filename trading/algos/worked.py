"""What is worked as many orders, by name: whose each order is, what has ended, and how it is kept.

Parents and groups differ in what they do at a look; this is what they have in common.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import msgspec

from domain.errors import BadUse, Corrupt
from domain.orders import Order
from trading.orders.held import HOLD_NS
from trading.orders.state import OrderState

KEPT_VERSION = 1


class Ending(Protocol):
    """A state that comes to an end."""

    @property
    def ended_ns(self) -> int | None:
        """When it came to its end; None before."""
        ...


S = TypeVar("S", bound=Ending)
R = TypeVar("R")


class Kept(msgspec.Struct, Generic[S], frozen=True, forbid_unknown_fields=True):
    """All that a `Worked` is."""

    v: int
    late_fill_ns: int
    states: list[S]


class Worked(ABC, Generic[S, R]):
    """States of one kind, by name, led from one to the next by requests and orders.

    Parameters
    ----------
    late_fill_ns
        How long after the end of an order a fill of it may still be reported (>= 0); until then
        another order for what it left would risk both. 0 suits a venue that reports in one order.
    """

    _noun: ClassVar[str]
    _kept: ClassVar[type[Kept[Any]]]

    def __init__(self, late_fill_ns: int = HOLD_NS) -> None:
        self._late_fill_ns = late_fill_ns
        self._states: dict[str, S] = {}
        self._owner_of: dict[str, str] = {}

    @abstractmethod
    def apply(self, request: R) -> None:
        """Take in a request; the same one again changes nothing."""

    @abstractmethod
    def on_order(self, state: OrderState) -> None:
        """Take in what the book knows of an order after a change; one of nobody's is left out."""

    @abstractmethod
    def _built(self, order: Order) -> None:
        """Take in an order as it was built, in the journal's order."""

    @abstractmethod
    def _restore(self, state: S) -> None:
        """Take in a state as it was kept, with whose its orders are."""

    def knows(self, name: str) -> bool:
        """Say whether there is a state of this name."""
        return name in self._states

    def state(self, name: str) -> S:
        """Return all that is known of one.

        Raises
        ------
        BadUse
            If it is not known.
        """
        if name not in self._states:
            msg = f"no {self._noun} {name}: it was never requested in this account"
            raise BadUse(msg)
        return self._states[name]

    def working(self) -> list[S]:
        """Return those that have not come to their end, in the order of their coming."""
        return [state for state in self._states.values() if state.ended_ns is None]

    def forget(self, ended_before_ns: int) -> None:
        """Leave out what came to its end before a moment: nothing can come of it.

        A day later is soon enough: a late fill of a forgotten order is in the position, and
        nowhere else.
        """
        old = {
            name
            for name, state in self._states.items()
            if state.ended_ns is not None and state.ended_ns < ended_before_ns
        }
        self._states = {name: s for name, s in self._states.items() if name not in old}
        self._owner_of = {order: n for order, n in self._owner_of.items() if n not in old}

    def dump(self) -> dict[str, Any]:
        """Write everything as a mapping of numbers, strings, lists and mappings; money is text."""
        kept = Kept(KEPT_VERSION, self._late_fill_ns, list(self._states.values()))
        plain: dict[str, Any] = msgspec.to_builtins(kept)
        return plain

    @classmethod
    def load(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `dump` wrote.

        Raises
        ------
        Corrupt
            If it is of another version, or not whole.
        """
        if plain.get("v") != KEPT_VERSION:
            msg = f"{cls._noun}s of version {plain.get('v')}, this reader knows {KEPT_VERSION}"
            raise Corrupt(msg)
        try:
            kept = msgspec.convert(plain, cls._kept)
        except msgspec.ValidationError as error:
            msg = f"{cls._noun}s cannot be read: {error}; rebuild them from the journal"
            raise Corrupt(msg) from error
        worked = cls(kept.late_fill_ns)
        for state in kept.states:
            worked._restore(state)
        return worked

    @classmethod
    def rebuilt(
        cls,
        facts: Iterable[R | Order],
        states: Iterable[OrderState],
        late_fill_ns: int = HOLD_NS,
    ) -> Self:
        """Return what a journal leads to.

        Parameters
        ----------
        facts
            Requests, and orders as they were built, in the journal's order.
        states
            All orders of the book that the same journal leads to.
        """
        worked = cls(late_fill_ns)
        for fact in facts:
            if isinstance(fact, Order):
                worked._built(fact)
            else:
                worked.apply(fact)
        for state in states:
            worked.on_order(state)
        return worked
