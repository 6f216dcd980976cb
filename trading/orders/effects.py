"""What an event asks of others: effects are returned, never carried out here."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from domain.order_events import OrderEvent
from domain.orders import Order, OrderSide, OrderTerms
from trading.positions import signed


class AlertCode(StrEnum):
    """Why a person should look."""

    INVALID = "invalid_transition"
    """An event fits no row of the table; it is quarantined and the order is asked for."""
    MISFIT = "report_does_not_fit"
    """A report's total did not come to match ours in time; it was applied by execution id."""
    UNKNOWN_ORDER = "unknown_order"
    """An event names an order that is not known, and not enough to take it over."""
    EXTERNAL_ORDER = "external_order"
    """An order of somebody else's was taken over."""
    EXTERNAL_FILL = "external_fill"
    """A fill of an unknown order, or of one that counted as refused, moved the position."""
    LATE_FILL = "late_fill"
    """A fill came after the order's end."""
    OVERFILL = "overfill"
    """More was filled than ever asked for."""
    BUST = "bust"
    CORRECTION = "correction"
    REOPENED = "reopened"
    """The venue says that an order works which counted as done."""
    NOT_FOUND = "not_found"
    """The venue does not know an order that we sent."""
    QUESTION_FAILED = "question_failed"
    """A question to the venue broke off for a reason that nobody foresaw."""
    BARRED = "barred"
    """The venue deals with the account no more until a person has acted there."""
    PROTECTION = "protection"
    """A stop or a target cannot do what it is for; the text says which, and what was done."""


class Published(msgspec.Struct, frozen=True, tag=True):
    """The order's record has changed: write it."""

    order: Order


class Booked(msgspec.Struct, frozen=True, tag=True):
    """The position moves: account for it.

    Attributes
    ----------
    execution_id, execution_ref
        Unique in the account; what it takes back or corrects, else empty. What a correction takes
        back is booked as the opposite side, then the corrected execution anew.
    side, quantity_units, price
        Direction of the change; base units (> 0); quote per base.
    """

    execution_id: str
    client_order_id: str
    account: str
    strategy: str
    symbol: str
    side: OrderSide
    quantity_units: Decimal
    price: Decimal
    ts_event_ns: int
    ts_recv_ns: int
    commission: Decimal = Decimal(0)
    commission_currency: str = ""
    execution_ref: str = ""
    venue: str = ""

    @property
    def signed_units(self) -> Decimal:
        """Change of the position in base units."""
        return signed(self.side, self.quantity_units)


class NeedsQuery(msgspec.Struct, frozen=True, tag=True):
    """Ask the venue for this one order; the answer comes back as STATUS or NOT_FOUND."""

    client_order_id: str
    why: str


class NeedsReconcile(msgspec.Struct, frozen=True, tag=True):
    """Take the venue's record of the account and reconcile: fills may be missing."""

    client_order_id: str
    why: str


class ReplaceDue(msgspec.Struct, frozen=True, tag=True):
    """A queued replace may go out now: check it and request it anew."""

    client_order_id: str
    terms: OrderTerms


class Alert(msgspec.Struct, frozen=True, tag=True):
    """Tell a person."""

    code: AlertCode
    text: str
    client_order_id: str = ""


class HaltStrategy(msgspec.Struct, frozen=True, tag=True):
    """Take no new order of this strategy until a person has looked."""

    strategy: str
    why: str


class Quarantined(msgspec.Struct, frozen=True, tag=True):
    """An event that could not be applied: keep it whole, beside the journal."""

    event: OrderEvent
    why: str


Effect = (
    Published
    | Booked
    | NeedsQuery
    | NeedsReconcile
    | ReplaceDue
    | Alert
    | HaltStrategy
    | Quarantined
)
