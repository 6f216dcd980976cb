"""What this process knows of the account's orders and trades, to tell what a transaction is about.

It is a cache of the broker's own words, never the truth: after a restart it is read anew.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from domain.ids import life_id
from domain.orders import Order, OrderSide, OrderTerms

Request = Literal["submit", "cancel", "replace"]

MAX_ENDED = 20_000
"""Ended orders that are remembered, so that a late cancel can be told from a foreign one."""

_OURS = "ax"


class KnownOrder(msgspec.Struct):
    """An order at the broker.

    Attributes
    ----------
    client_order_id, request
        Our id for life and the number of the request that made it; -1 for a foreign one, whose id
        is empty until something is asked about it.
    units
        Wanted units (> 0).
    is_ended
        Filled or canceled.
    """

    venue_order_id: str
    client_order_id: str
    request: int
    symbol: str
    side: OrderSide
    units: Decimal
    terms: OrderTerms
    is_ended: bool = False


class KnownTrade(msgspec.Struct):
    """An open trade: canonical symbol and signed units."""

    symbol: str
    units: Decimal


class Sent(msgspec.Struct, frozen=True):
    """A submit or replace that left: the order, the terms asked, and those that were sent."""

    order: Order
    asked: OrderTerms
    sent: OrderTerms


class KnownOrders:
    """Orders, trades, what was sent, and which requests are still to be answered."""

    def __init__(self) -> None:
        self._orders: dict[str, KnownOrder] = {}
        self._ended: dict[str, None] = {}
        self._newest: dict[str, str] = {}
        self._sent: dict[str, Sent] = {}
        self._awaited: dict[tuple[str, Request], int] = {}
        self.trades: dict[str, KnownTrade] = {}

    def add(self, order: KnownOrder) -> None:
        """Note an order that the broker has."""
        self._orders[order.venue_order_id] = order
        if order.client_order_id:
            self._newest[order.client_order_id] = order.venue_order_id

    def order(self, venue_order_id: str) -> KnownOrder | None:
        """Return an order by the broker's id."""
        return self._orders.get(venue_order_id)

    def claim(self, venue_order_id: str, client_order_id: str) -> None:
        """Know an order of somebody else's by the id that it has here: answers then name it."""
        order = self._orders.get(venue_order_id)
        if order is not None and not order.client_order_id:
            order.client_order_id = client_order_id
            self._newest[client_order_id] = venue_order_id

    def newest(self, client_order_id: str) -> KnownOrder | None:
        """Return what the broker now has under our id for life."""
        return self._orders.get(self._newest.get(client_order_id, ""))

    def end(self, order: KnownOrder) -> None:
        """Note that an order is done, and forget the oldest of those."""
        order.is_ended = True
        self._ended[order.venue_order_id] = None
        while len(self._ended) > MAX_ENDED:
            oldest = next(iter(self._ended))
            del self._ended[oldest]
            gone = self._orders.pop(oldest)
            if self._newest.get(gone.client_order_id) == oldest:
                del self._newest[gone.client_order_id]

    def note_sent(self, wire: str, sent: Sent) -> None:
        """Remember what was sent under a name on the wire, until the broker has it."""
        self._sent[wire] = sent

    def may_exist(self, client_order_id: str) -> bool:
        """Say whether an order of this id is at the broker, or was sent and never refused."""
        return client_order_id in self._newest or client_order_id in self._sent

    def take_sent(self, wire: str) -> Sent | None:
        """Return what was sent under a name, and forget it."""
        return self._sent.pop(wire, None)

    def ours(self, wire: str) -> tuple[str, int]:
        """Return our id for life and the number of the request; ``("", -1)`` for a foreign name."""
        life, request = life_id(wire)
        if wire in self._sent or wire.startswith(_OURS) or life in self._newest:
            return life, request
        return "", -1

    def await_answer(self, client_order_id: str, what: Request, request: int) -> None:
        """Note that a request is about to leave."""
        self._awaited[client_order_id, what] = request

    def awaits(self, client_order_id: str, what: Request) -> bool:
        """Say whether a request of that kind is unanswered."""
        return (client_order_id, what) in self._awaited

    def answered(self, client_order_id: str, what: Request) -> int:
        """Return the number of the request that is hereby answered; -1 if none was awaited."""
        return self._awaited.pop((client_order_id, what), -1)
