"""A position that no report of a venue explains, as a named person answers for it.

What was held before the first order, or a deal that the venue's record has lost: it is booked as an
execution that no venue reports, and it is never traded away.
"""

from decimal import Decimal

import msgspec

from domain.ids import digest
from domain.instruments import INSTRUMENTS

ADJUSTED = "adjusted-"
"""Beginning of the ids of executions that stand for an adjustment: nobody dealt them now."""


class PositionAdjustment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One person's word on what an account holds.

    Attributes
    ----------
    adjustment_id
        Function of all other fields: the same record twice is one.
    units
        What is added to our position: base units, > 0 bought, < 0 sold, never 0.
    price
        At which it was dealt (> 0); quote currency per base unit.
    by
        Name of the person.
    reason
        Why, in words; never empty.
    ts_event_ns
        When it was said, nanoseconds UTC.
    """

    adjustment_id: str
    account: str
    symbol: str
    units: Decimal
    price: Decimal
    by: str
    reason: str
    ts_event_ns: int
    v: int = 1

    @property
    def execution_id(self) -> str:
        """Id of the execution that stands for it."""
        return ADJUSTED + self.adjustment_id


def position_adjustment(
    symbol: str,
    units: Decimal,
    price: Decimal,
    *,
    account: str,
    by: str,
    reason: str,
    ts_event_ns: int,
) -> PositionAdjustment:
    """Return a record with the id that follows from its fields."""
    parts = (account, symbol, str(units), str(price), by, reason, ts_event_ns)
    name = digest("adjustment", *parts)
    return PositionAdjustment(name, account, symbol, units, price, by, reason, ts_event_ns)


def fault_of(adjustment: PositionAdjustment) -> str:
    """Say what is wrong with an adjustment by itself; empty if nothing."""
    if adjustment.symbol not in INSTRUMENTS:
        return f"{adjustment.symbol!r} is no pair that is known here: write it like EURUSD"
    if not adjustment.units.is_finite() or not adjustment.units:
        return f"units {adjustment.units} must be a number other than 0: below 0 for sold ones"
    if not adjustment.price.is_finite() or not adjustment.price > 0:
        return f"price {adjustment.price} must be above 0"
    if not adjustment.by.strip() or not adjustment.reason.strip():
        return "who and why must be given"
    return ""
