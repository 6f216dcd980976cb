"""The part of a parent that its algorithm looks at."""

from decimal import Decimal
from typing import NamedTuple

from domain.orders import OrderSide, OrderTerms, TimeInForce


class Work(NamedTuple):
    """What is to be bought or sold, from when to when, and at what price at worst."""

    parent_id: str
    side: OrderSide
    quantity_units: Decimal
    start_ns: int
    end_ns: int
    limit_price: Decimal | None
    resting: TimeInForce

    def post(self, units: Decimal, price: Decimal) -> OrderTerms:
        """Return the terms of a child that rests at a price, or at the limit if that is better."""
        limit = self.limit_price
        if limit is not None:
            price = min(price, limit) if self.side == "buy" else max(price, limit)
        expire_ns = self.end_ns if self.resting == "GTD" else None
        return OrderTerms(units, "limit", self.resting, limit_price=price, expire_ns=expire_ns)
