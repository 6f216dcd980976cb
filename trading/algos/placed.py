"""An order that a parent or a group has placed, as far as what is placed next depends on it."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from domain.orders import CLOSED_STATUSES, OPEN_STATUSES, Order, OrderStatus, OrderTerms, terms_of
from trading.orders.state import OrderState

ZERO = Decimal(0)

_CHANGEABLE: frozenset[OrderStatus] = frozenset({"accepted", "triggered", "partially_filled"})
_REFUSED: frozenset[OrderStatus] = frozenset({"denied", "rejected"})


class Placed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One order, folded from the states that the book gave of it.

    Attributes
    ----------
    number
        Its number among the orders of its kind, from 0: the attempt in its id.
    terms
        In force.
    may_fill_units
        Base units that may still fill in the worst case (>= 0): a replace under way counts. Of a
        closed order, what late reports may still bring.
    placed_ns
        When it was decided, receive time of the log.
    ended_ns
        When it closed; None while it is open.
    cancel_asked_ns, amend_asked_ns
        When we last asked for its end, and for other terms; None if never.
    adopted
        An order that the venue works under the name of one that counted as refused: its fills
        count, its number does not.
    """

    client_order_id: str
    number: int
    terms: OrderTerms
    status: OrderStatus
    filled_units: Decimal
    average_price: Decimal | None
    may_fill_units: Decimal
    placed_ns: int
    reason: str = ""
    in_doubt: bool = False
    ended_ns: int | None = None
    cancel_asked_ns: int | None = None
    amend_asked_ns: int | None = None
    adopted: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is to be sent, or may still fill."""
        return self.status not in CLOSED_STATUSES

    @property
    def is_refused(self) -> bool:
        """Whether it ended without ever having worked."""
        return self.status in _REFUSED

    @property
    def is_changeable(self) -> bool:
        """Whether other terms may be asked for now: it works, and nothing is under way or in doubt.

        A request upon a request in doubt would only make it harder to find out what is so.
        """
        return self.status in _CHANGEABLE and not self.in_doubt

    def counted_units(self, now_ns: int, late_fill_ns: int) -> Decimal:
        """Return the base units beyond the filled ones that must be counted as if they would fill.

        Parameters
        ----------
        late_fill_ns
            How long after its end a fill of an order may still be reported (>= 0).
        """
        if self.status == "initialized":
            return max(ZERO, self.terms.quantity_units - self.filled_units)
        if self.is_open:
            return self.may_fill_units
        was_sent = self.status != "denied" and self.ended_ns is not None
        if was_sent and now_ns - (self.ended_ns or 0) < late_fill_ns:
            return self.may_fill_units
        return ZERO

    def may_cancel(self, now_ns: int, again_ns: int) -> bool:
        """Say whether to ask for its end: not while that is asked, nor at once after a refusal."""
        if self.status not in OPEN_STATUSES or self.status == "pending_cancel":
            return False
        return self.cancel_asked_ns is None or now_ns - self.cancel_asked_ns >= again_ns

    def may_amend(self, now_ns: int, again_ns: int) -> bool:
        """Say whether to ask for other terms: not more often than every ``again_ns``."""
        if not self.is_changeable:
            return False
        return self.amend_asked_ns is None or now_ns - self.amend_asked_ns >= again_ns


def placed(order: Order, number: int, *, adopted: bool = False) -> Placed:
    """Return an order that is just built, all of which counts until the book says otherwise."""
    return Placed(
        client_order_id=order.client_order_id,
        number=number,
        terms=terms_of(order),
        status=order.status,
        filled_units=order.filled_units,
        average_price=order.average_price,
        may_fill_units=order.quantity_units,
        placed_ns=order.ts_event_ns,
        adopted=adopted,
    )


def followed(known: Placed, state: OrderState) -> Placed:
    """Return what is known of an order after the book's newest state of it."""
    order = state.order
    closed = order.status in CLOSED_STATUSES
    ended_ns = known.ended_ns if known.ended_ns is not None else max(state.ts_own_ns, 0)
    return msgspec.structs.replace(
        known,
        terms=terms_of(order),
        status=order.status,
        filled_units=order.filled_units,
        average_price=order.average_price,
        may_fill_units=_late_units(known, state) if closed else state.may_fill_units,
        reason=order.reason,
        in_doubt=order.in_doubt,
        ended_ns=ended_ns if closed else None,
    )


def _late_units(known: Placed, state: OrderState) -> Decimal:
    """Return what late reports of a closed order may still bring, base units (>= 0).

    A replace that no answer had come to when it ended may have been in force before; only that the
    venue itself calls the order filled says that nothing is left.
    """
    order = state.order
    most = order.quantity_units
    asked = known.filled_units + known.may_fill_units
    told_filled = order.status == "filled" and state.ended is None
    if asked > known.terms.quantity_units and not told_filled:
        most = max(most, asked)
    return max(ZERO, most - order.filled_units)


def filled_units(orders: Iterable[Placed]) -> Decimal:
    """Return what some orders have filled, base units."""
    return sum((order.filled_units for order in orders), ZERO)


def average_price(orders: Iterable[Placed]) -> Decimal | None:
    """Return the average price of what some orders have filled; None before the first fill."""
    fills = [(o.filled_units, o.average_price) for o in orders if o.average_price is not None]
    units = sum((quantity for quantity, _ in fills), ZERO)
    if not units:
        return None
    return sum((quantity * price for quantity, price in fills), ZERO) / units
