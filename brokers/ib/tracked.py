"""One order as this adapter knows it: what was asked, what TWS told, what was passed on."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple

from brokers.ib.rows import OrderKey
from domain.orders import TRIGGER_TYPES, OrderSide, OrderStatus, OrderTerms
from domain.reasons import Reason
from trading.contingency.expiry import gfd_expiry_ns

ACKED = frozenset({"PreSubmitted", "Submitted", "Filled"})
"""Statuses that say TWS has taken the order."""

GONE = frozenset({"Cancelled", "ApiCancelled"})
WAITS = frozenset({"ApiPending", "PendingSubmit"})
INACTIVE, PENDING_CANCEL, SUBMITTED = "Inactive", "PendingCancel", "Submitted"

Asked = Literal["submit", "cancel", "replace"]


class Waiting(NamedTuple):
    """A command that has no answer yet; ``terms`` are those that a replace wants."""

    request: int
    asked: Asked
    terms: OrderTerms | None = None


class Revision(NamedTuple):
    """The newest known revision of an execution."""

    number: int
    units: Decimal


@dataclass(slots=True)
class Tracked:
    """State of one order; `brokers.ib.tracker` alone changes it.

    Attributes
    ----------
    terms
        In force, in our words; None where only a fill of the order was ever seen.
    waiting
        Commands without an answer, oldest first.
    is_rounded
        Whether the terms are others than were asked, and nobody was told yet.
    acked, triggered, suspended, closed
        What was passed on already.
    cancel_asked
        We asked to cancel it, at whatever time.
    executions
        Newest revision by execution.
    """

    key: OrderKey
    client_order_id: str
    symbol: str
    side: OrderSide
    since_ns: int
    terms: OrderTerms | None
    external: bool = False
    is_rounded: bool = False
    waiting: list[Waiting] = field(default_factory=list)
    acked: bool = False
    triggered: bool = False
    suspended: bool = False
    closed: bool = False
    cancel_asked: int = 0
    cancel_told: bool = False
    inactive: bool = False
    told_pending: bool = False
    refusal: Reason | None = None
    reported_units: Decimal = Decimal(0)
    executions: dict[str, Revision] = field(default_factory=dict)

    @property
    def filled_units(self) -> Decimal:
        """Sum of the executions, each by its newest revision."""
        return sum((one.units for one in self.executions.values()), Decimal(0))

    @property
    def waits_for_price(self) -> bool:
        """Whether its type waits for a trigger at IB (a take-profit is a plain limit there)."""
        kind = None if self.terms is None else self.terms.order_type
        return kind in TRIGGER_TYPES and kind != "take_profit"

    def ends_ns(self) -> int | None:
        """Return when its time in force runs out; None where it does not by itself."""
        if self.terms is None:
            return None
        if self.terms.time_in_force == "GFD":
            return gfd_expiry_ns(self.since_ns)
        return self.terms.expire_ns

    def first_waiting(self, *asked: Asked) -> Waiting | None:
        """Return the oldest command of these kinds that has no answer."""
        return next((one for one in self.waiting if one.asked in asked), None)


def status_of(ib_status: str, terms: OrderTerms, filled: Decimal) -> OrderStatus:
    """Return our word for an order at IB, fills first: its statuses do not tell them."""
    if filled >= terms.quantity_units or ib_status == "Filled":
        return "filled"
    if ib_status in GONE:
        return "canceled"
    if ib_status == INACTIVE:
        return "suspended"
    if ib_status == PENDING_CANCEL:
        return "pending_cancel"
    if filled > 0:
        return "partially_filled"
    if ib_status in WAITS:
        return "pending_new"
    if ib_status == SUBMITTED and terms.order_type in TRIGGER_TYPES:
        return "triggered"
    return "accepted"
