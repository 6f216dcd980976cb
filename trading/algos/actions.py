"""What algorithms and groups ask for: an algorithm in its own words, the desk in orders."""

from decimal import Decimal

import msgspec

from domain.orders import Order, OrderTerms
from trading.algos.placed import ZERO, Placed, average_price, filled_units


class Place(msgspec.Struct, frozen=True, tag=True):
    """Place another child under these terms."""

    terms: OrderTerms


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Ask for the end of a child; asking again while that is under way changes nothing."""

    client_order_id: str


class Replace(msgspec.Struct, frozen=True, tag=True):
    """Ask for other terms of a child; its quantity includes what it has filled."""

    client_order_id: str
    terms: OrderTerms


class Done(msgspec.Struct, frozen=True, tag=True):
    """Place nothing more, and cancel what still works."""

    reason: str


Action = Place | Cancel | Replace | Done


class SubmitOrder(msgspec.Struct, frozen=True, tag=True):
    """Judge this order (``initialized``) and send it: `trading.desk.desk.Desk.submit`."""

    order: Order


class CancelOrder(msgspec.Struct, frozen=True, tag=True):
    """Cancel this order: `trading.desk.desk.Desk.cancel`."""

    client_order_id: str


class AmendOrder(msgspec.Struct, frozen=True, tag=True):
    """Ask for these terms of this order: `trading.desk.desk.Desk.amend`."""

    client_order_id: str
    terms: OrderTerms


class Progress(msgspec.Struct, frozen=True):
    """How far the children of a parent have come.

    Attributes
    ----------
    children
        In the order of their placing.
    free_units
        Base units that may be placed now (>= 0): neither filled nor able to fill any more.
    """

    children: tuple[Placed, ...]
    free_units: Decimal = ZERO

    @property
    def own(self) -> tuple[Placed, ...]:
        """Children that were placed; what was taken over from a refused one is not."""
        return tuple(child for child in self.children if not child.adopted)

    @property
    def last(self) -> Placed | None:
        """The child placed last."""
        own = self.own
        return own[-1] if own else None

    @property
    def open(self) -> tuple[Placed, ...]:
        """Children that may still fill."""
        return tuple(child for child in self.children if child.is_open)

    @property
    def filled_units(self) -> Decimal:
        """Base units filled by all children."""
        return filled_units(self.children)

    @property
    def average_price(self) -> Decimal | None:
        """Average price of all fills; None before the first."""
        return average_price(self.children)

    def placed_since(self, ts_ns: int) -> int:
        """Return how many children were placed at or after a moment."""
        return sum(child.placed_ns >= ts_ns for child in self.own)

    def rested(self, now_ns: int, pause_ns: int) -> bool:
        """Say whether the last child is at least ``pause_ns`` old, so that another may follow."""
        return self.last is None or now_ns - self.last.placed_ns >= pause_ns
