"""What the conformance suite needs of a venue under test: the adapter, and a hand on its market."""

from collections.abc import Callable
from decimal import Decimal
from typing import Literal, Protocol

from trading.venues import Venue

Misbehaviour = Literal[
    "delay_reply",
    "drop_reply_after_apply",
    "refuse_connection",
    "disconnect",
    "server_error",
    "rate_limit",
    "duplicate_events",
    "reorder_events",
    "restart",
    "partial_fill",
    "reject_next",
]
"""Faults of the next request or event, unless a double says otherwise."""


class VenueCase(Protocol):
    """One venue with its market, for one test."""

    name: str
    can: frozenset[Misbehaviour]
    """Faults that its double can play; a test of another one is skipped with that reason."""

    def open(self) -> Venue:
        """Return a new adapter on the same account of the same double; the caller starts it."""
        ...

    def quote(self, symbol: str, bid: Decimal, ask: Decimal) -> None:
        """Move the market; working orders trigger and fill against it."""
        ...

    def misbehave(self, what: Misbehaviour) -> None:
        """Play a fault."""
        ...

    def submits(self) -> list[str]:
        """Return the client order id of every order that ever reached the double, in order."""
        ...

    def settle(self, done: Callable[[], bool], timeout_s: float = 5.0) -> bool:
        """Let time pass until something is true; say whether it became true."""
        ...

    def close(self) -> None:
        """End the double."""
        ...
