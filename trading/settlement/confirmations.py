"""Confirmations: what the broker says was dealt, held against what we booked. No tolerance."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain.orders import Execution, OrderSide

_COMPARED = ("account", "symbol", "side", "quantity_units", "price")
_COSTS = ("commission", "commission_currency")


class Confirmation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One deal as the broker confirms it; fields as of ``domain.orders.Execution``.

    Attributes
    ----------
    value_date
        When it settles; None where the confirmation does not say.
    commission
        Charged for it; None where the confirmation does not say.
    """

    execution_id: str
    account: str
    symbol: str
    side: OrderSide
    quantity_units: Decimal
    price: Decimal
    value_date: date | None = None
    commission: Decimal | None = None
    commission_currency: str = ""


class Difference(NamedTuple):
    """One field in which a confirmation and our booking of the same execution disagree."""

    execution_id: str
    field: str
    ours: str
    theirs: str


class Matching(NamedTuple):
    """Outcome of matching one day, each by execution id, ascending.

    Attributes
    ----------
    matched
        Equal in every field.
    differences
        Confirmed and booked, and not equal.
    unconfirmed
        Booked by us; no confirmation.
    unknown
        Confirmed by the broker; never booked here.
    """

    matched: tuple[str, ...]
    differences: tuple[Difference, ...]
    unconfirmed: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """True where all is confirmed and nothing differs."""
        return not (self.differences or self.unconfirmed or self.unknown)


def match(
    executions: Iterable[Execution],
    confirmations: Iterable[Confirmation],
    value_dates: dict[str, date] | None = None,
) -> Matching:
    """Match confirmations with executions by execution id; repeats of the same content count once.

    Parameters
    ----------
    value_dates
        Our value date by execution id; compared where both sides have one.
    """
    ours = {execution.execution_id: execution for execution in executions}
    theirs: dict[str, list[Confirmation]] = {}
    for confirmation in confirmations:
        known = theirs.setdefault(confirmation.execution_id, [])
        if confirmation not in known:
            known.append(confirmation)
    differences = [
        difference
        for name in sorted(ours.keys() & theirs.keys())
        for confirmation in theirs[name]
        for difference in _compare(ours[name], confirmation, (value_dates or {}).get(name))
    ]
    different = {difference.execution_id for difference in differences}
    return Matching(
        tuple(sorted((ours.keys() & theirs.keys()) - different)),
        tuple(differences),
        tuple(sorted(ours.keys() - theirs.keys())),
        tuple(sorted(theirs.keys() - ours.keys())),
    )


def _compare(
    execution: Execution, confirmation: Confirmation, settles: date | None
) -> list[Difference]:
    compared = _COMPARED if confirmation.commission is None else _COMPARED + _COSTS
    pairs = [(name, getattr(execution, name), getattr(confirmation, name)) for name in compared]
    if settles is not None and confirmation.value_date is not None:
        pairs.append(("value_date", settles, confirmation.value_date))
    return [
        Difference(execution.execution_id, name, str(own), str(other))
        for name, own, other in pairs
        if own != other
    ]
