"""All that is known of one order: the published record, its executions, its open requests."""

from decimal import Decimal
from typing import Any, Literal

import msgspec

from domain.orders import OPEN_STATUSES, Order, OrderStatus, OrderTerms, terms_of, with_terms
from trading.orders.moments import Moment

ZERO = Decimal(0)

EXTERNAL = "EXTERNAL"
"""Strategy of orders that we never sent, or thought dead."""

PENDING_CHANGE: frozenset[OrderStatus] = frozenset({"pending_cancel", "pending_replace"})
"""Statuses that stand over another one, which is kept in ``prev``."""

ENDED: frozenset[OrderStatus] = frozenset({"canceled", "expired"})
"""Ends of an order that was not filled, or not to the end."""

Asked = Literal["submit", "cancel", "replace"]


class Fill(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One execution as it stands after corrections.

    Attributes
    ----------
    quantity_units, price
        Base units (>= 0) and quote per base, the venue's newest word on them.
    moment
        When that word was given.
    first
        When it was filled; None while only a bust or a correction of it has been seen.
    ids
        Every id under which the venue has named it: the first, and those of its corrections.
    revision
        Number of the revision where the ids carry one (Interactive Brokers), else 0.
    busted
        Taken back: it counts for nothing, and its id is still never applied again.
    inferred
        Not reported itself: what an order's total said beyond the reported executions.
    """

    quantity_units: Decimal
    price: Decimal
    moment: Moment
    ids: tuple[str, ...]
    first: Moment | None = None
    revision: int = 0
    busted: bool = False
    inferred: bool = False

    @property
    def counted_units(self) -> Decimal:
        """Base units that it moves the position by, without the sign."""
        return ZERO if self.busted else self.quantity_units


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Something that was asked of the venue and is not answered.

    ``terms`` are the wanted ones of a replace; ``in_doubt`` says that no answer can be expected.
    """

    number: int
    asked: Asked
    terms: OrderTerms | None = None
    in_doubt: bool = False


class Ended(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """How the venue ended an order before it was filled, and its reason."""

    status: OrderStatus
    reason: str


class OrderState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One order between two events.

    Attributes
    ----------
    order
        The record as published.
    prev
        Status that stands under a pending cancel or replace; None in every other status.
    executions
        By the base of the execution's id.
    requests
        Unanswered ones, by rising number.
    queued
        Terms to ask for once the replace under way is answered; the newest wish only.
    known_request
        Number under which the venue knows the order: 0, or that of the last replace in force.
    last_request
        Highest number used; the next request takes the one after it.
    most_units
        Largest quantity that was ever in force: what is filled beyond it is overfill.
    triggered
        Its trigger has fired.
    missing
        The venue's record has it no more, and nobody has said what became of it.
    guessed
        An order of somebody else's of which only fills were seen: its quantity is their sum.
    ended
        The end that the venue has told of, which late fills may overtake and busts bring back.
    moment, terms_moment
        The venue's newest word on the status, and on the terms.
    ts_own_ns
        Receive time of the last event that changed anything; never goes back.
    """

    order: Order
    prev: OrderStatus | None = None
    executions: dict[str, Fill] = msgspec.field(default_factory=dict)
    requests: tuple[Request, ...] = ()
    queued: OrderTerms | None = None
    known_request: int = 0
    last_request: int = 0
    most_units: Decimal = ZERO
    triggered: bool = False
    missing: bool = False
    guessed: bool = False
    ended: Ended | None = None
    moment: Moment | None = None
    terms_moment: Moment | None = None
    ts_own_ns: int = 0

    @property
    def status(self) -> OrderStatus:
        """Status of the published record."""
        return self.order.status

    @property
    def underlying(self) -> OrderStatus:
        """Status without the request that stands over it."""
        return self.prev if self.prev is not None else self.order.status

    @property
    def cum_units(self) -> Decimal:
        """Base units filled so far (>= 0)."""
        return self.order.filled_units

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.order.status in OPEN_STATUSES

    @property
    def previous_request(self) -> int:
        """Number that the next request refers to (FIX OrigClOrdID): a replace under way counts."""
        asked = [r.number for r in self.requests if r.asked == "replace"]
        return max([self.known_request, *asked])

    @property
    def may_fill_units(self) -> Decimal:
        """Base units that may still fill in the worst case (>= 0): a replace under way counts."""
        if not self.is_open:
            return ZERO
        return max(ZERO, self._most_wanted_units - self.cum_units)

    @property
    def is_whole(self) -> bool:
        """Whether nothing more can fill, even if a replace under way is in force already."""
        return self.cum_units >= self._most_wanted_units

    @property
    def _most_wanted_units(self) -> Decimal:
        wanted = [r.terms.quantity_units for r in self.requests if r.terms is not None]
        return max([self.order.quantity_units, *wanted])

    def request(self, number: int) -> Request | None:
        """Return the unanswered request of this number."""
        return next((r for r in self.requests if r.number == number), None)

    def find(self, execution_id: str) -> str | None:
        """Return the key of the execution that the venue has named so."""
        if execution_id in self.executions:
            return execution_id
        named = (key for key, fill in self.executions.items() if execution_id in fill.ids)
        return next(named, None)


def opened(order: Order) -> OrderState:
    """Return the state of an order that is built and not sent.

    Raises
    ------
    ValueError
        If it is in any other status than ``initialized``, or asks for no positive quantity.
    """
    if order.status != "initialized" or not order.quantity_units > 0:
        msg = (
            f"order {order.client_order_id} begins as {order.status} of {order.quantity_units}; "
            "a new order is initialized and asks for more than 0 units"
        )
        raise ValueError(msg)
    return OrderState(order, most_units=order.quantity_units)


def but(state: OrderState, **changes: Any) -> OrderState:
    """Return the state with other values of its own fields."""
    return msgspec.structs.replace(state, **changes)


def but_order(state: OrderState, **changes: Any) -> OrderState:
    """Return the state with other values in its published record."""
    return but(state, order=msgspec.structs.replace(state.order, **changes))


def with_requests(state: OrderState, requests: tuple[Request, ...]) -> OrderState:
    """Return the state with these unanswered requests; doubt follows from them."""
    in_doubt = state.missing or any(r.in_doubt for r in requests)
    return but_order(but(state, requests=requests), in_doubt=in_doubt)


def without(state: OrderState, *numbers: int) -> OrderState:
    """Return the state with these requests answered."""
    return with_requests(state, tuple(r for r in state.requests if r.number not in numbers))


def seen(state: OrderState) -> OrderState:
    """Return the state of an order that the venue has just shown that it has."""
    return without(but(state, missing=False), 0)


def with_new_terms(state: OrderState, terms: OrderTerms, moment: Moment) -> OrderState:
    """Return the state under other terms, in force since ``moment``."""
    return but(
        state,
        order=with_terms(state.order, terms),
        most_units=max(state.most_units, terms.quantity_units),
        terms_moment=moment,
        guessed=False,
    )


def working(state: OrderState) -> OrderStatus:
    """Return the status of an order that works at the venue, from what is known of it."""
    if state.cum_units > 0:
        return "partially_filled"
    return "triggered" if state.triggered else "accepted"


def with_underlying(state: OrderState, status: OrderStatus) -> OrderState:
    """Return the state in an open status; a request that stands over it stays there."""
    if state.status in PENDING_CHANGE:
        return but(state, prev=status)
    return but_order(state, status=status)


def settled(state: OrderState) -> OrderState:
    """Return the state with the status that its unanswered requests leave it: prev, if none."""
    under = state.underlying
    asked = {r.asked for r in state.requests}
    if "cancel" in asked:
        return but_order(but(state, prev=under), status="pending_cancel")
    if "replace" in asked:
        return but_order(but(state, prev=under), status="pending_replace")
    return but_order(but(state, prev=None), status=under)


def closed(state: OrderState, status: OrderStatus, reason: str = "") -> OrderState:
    """Return the state at an end: nothing is asked, queued or in doubt any more."""
    ended = Ended(status, reason) if status in ENDED else state.ended
    bare = but(state, prev=None, requests=(), queued=None, missing=False, ended=ended)
    return but_order(bare, status=status, reason=reason, in_doubt=False)


def ended(state: OrderState, status: OrderStatus, reason: str) -> OrderState:
    """Return the state at the end that the venue tells: one whose known size is full is filled.

    The end is kept beside it: if a larger size was in force, it turns out to be what holds.
    """
    told = closed(state, status, reason)
    return closed(told, "filled") if state.cum_units >= state.order.quantity_units else told


def reopened(state: OrderState) -> OrderState:
    """Return the state of a closed order that works after all."""
    return but_order(but(state, ended=None), status=working(state), reason="")


def same_terms(state: OrderState, terms: OrderTerms) -> bool:
    """Say whether these terms are in force already."""
    return terms_of(state.order) == terms
