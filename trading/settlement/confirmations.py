"""Confirmations: what the broker says was dealt, held against what we booked. No tolerance."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import msgspec

from domain.adjustments import ADJUSTED
from domain.orders import Execution, OrderSide
from trading.orders.fills import execution_base

_COMPARED = ("account", "symbol", "side", "quantity_units", "price")


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


class Difference(msgspec.Struct, frozen=True):
    """One field in which a confirmation and our booking of the same execution disagree."""

    execution_id: str
    field: str
    ours: str
    theirs: str


class Matching(msgspec.Struct, frozen=True):
    """Outcome of matching, each by execution id, ascending.

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
    def unmatched(self) -> int:
        """Deals that differ or that one side alone has; 0 where all is confirmed as booked."""
        different = {difference.execution_id for difference in self.differences}
        return len(different) + len(self.unconfirmed) + len(self.unknown)


def standing(executions: Iterable[Execution]) -> list[Execution]:
    """Return the executions that a broker is to confirm, in their order.

    What was taken back or corrected is left out with the booking that took it back: that one is
    ours, under an id that no broker has. So are adjustments, which nobody dealt.

    Parameters
    ----------
    executions
        Of an account, all of them, in the journal's order.
    """
    found: dict[tuple[str, str], Execution] = {}
    for one in executions:
        if one.execution_id.startswith(ADJUSTED):
            continue
        base = one.execution_ref or execution_base(one.venue, one.execution_id).base
        name = (one.client_order_id, base)
        if name in found and found[name].side != one.side:
            del found[name]
        else:
            found[name] = one
    return list(found.values())


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
    compared = list(_COMPARED)
    if confirmation.commission is not None:
        compared.append("commission")
        # A fill that cost nothing is booked without a currency: there is none to compare.
        if execution.commission or execution.commission_currency:
            compared.append("commission_currency")
    pairs = [(name, getattr(execution, name), getattr(confirmation, name)) for name in compared]
    if settles is not None and confirmation.value_date is not None:
        pairs.append(("value_date", settles, confirmation.value_date))
    return [
        Difference(execution.execution_id, name, str(own), str(other))
        for name, own, other in pairs
        if own != other
    ]
