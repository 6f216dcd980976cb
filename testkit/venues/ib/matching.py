"""When an order fills, and at what price: a touch of the quote, nothing finer."""

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(slots=True)
class Quote:
    """Best prices of a pair."""

    bid: Decimal
    ask: Decimal


@dataclass(slots=True)
class BookOrder:
    """An order at the gateway: the fields that its client sent, and what became of it."""

    fields: dict[str, str]
    client_id: int
    perm_id: int
    status: str = "PreSubmitted"
    filled: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    triggered: bool = False
    trail: Decimal | None = None
    ended_ns: int = 0
    executions: list[str] = field(default_factory=list)

    @property
    def buys(self) -> bool:
        """Whether it buys base currency."""
        return self.fields["action"] == "BUY"

    @property
    def total(self) -> Decimal:
        """Base units in all."""
        return Decimal(self.fields["totalQuantity"])

    @property
    def leaves(self) -> Decimal:
        """Base units that are not filled."""
        return self.total - self.filled

    @property
    def kind(self) -> str:
        """Type as on the wire."""
        return self.fields["orderType"]

    def price(self, name: str) -> Decimal | None:
        """Return a price of the order; None where it has none."""
        text = self.fields[name]
        return Decimal(text) if text else None


def fill_price(order: BookOrder, quote: Quote) -> Decimal | None:
    """Return the price at which the order trades now; None if it does not. Moves its trigger."""
    side = quote.ask if order.buys else quote.bid
    if order.kind == "TRAIL":
        _move_trail(order, side)
    if not order.triggered and _waits(order, quote, side):
        return None
    order.triggered = True
    limit = order.price("lmtPrice") if order.kind in {"LMT", "STP LMT"} else None
    if limit is None or (side <= limit if order.buys else side >= limit):
        return side
    return None


def _waits(order: BookOrder, quote: Quote, side: Decimal) -> bool:
    if order.kind in {"MKT", "LMT"}:
        return False
    seen = (quote.bid + quote.ask) / 2 if order.fields["triggerMethod"] == "8" else side
    trigger = order.trail if order.kind == "TRAIL" else order.price("auxPrice")
    if trigger is None:
        return True
    # A stop buys above the market, an order that waits to be touched buys below it.
    rises = order.buys is (order.kind != "MIT")
    return seen < trigger if rises else seen > trigger


def _move_trail(order: BookOrder, side: Decimal) -> None:
    distance = order.price("auxPrice") or Decimal(0)
    moved = side + distance if order.buys else side - distance
    if order.trail is None:
        order.trail = order.price("trailStopPrice") or moved
    order.trail = min(order.trail, moved) if order.buys else max(order.trail, moved)
