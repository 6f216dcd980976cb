"""One group between two moments: its members, and what follows from them."""

from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain.orders import OrderSide, OrderTerms
from trading.algos.actions import Cancel, Replace
from trading.algos.placed import ZERO, Placed
from trading.contingency.requests import EXITS, Bracket, GroupRequest, Role


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An order of a group."""

    role: Role
    placed: Placed


class GroupState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is known of a group.

    Attributes
    ----------
    members
        In the order of their placing.
    best_price
        Best price at which the position could have been closed so far; for a stop that trails.
    enters
        Whether the entry may still be placed and work.
    closing
        Why what is held is being closed; empty otherwise.
    warned
        What a person has been told of already.
    stop
        Why nothing more is placed at all; empty while something may be.
    ended_ns
        When it came to its end; None before.
    """

    request: GroupRequest
    members: tuple[Member, ...] = ()
    best_price: Decimal | None = None
    enters: bool = True
    closing: str = ""
    warned: tuple[str, ...] = ()
    stop: str = ""
    ended_ns: int | None = None


class PlaceMember(NamedTuple):
    """Place an order of this role."""

    role: Role
    side: OrderSide
    terms: OrderTerms


class Warn(NamedTuple):
    """Tell a person, once a group."""

    code: str
    text: str


class Close(NamedTuple):
    """Close what is held: it cannot be protected, or a person has asked."""

    why: str


class Finish(NamedTuple):
    """Place nothing more, and cancel what still works."""

    reason: str


Step = PlaceMember | Cancel | Replace | Warn | Close | Finish


class Roles:
    """The members of a group at one moment, by role.

    Parameters
    ----------
    now_ns, late_fill_ns
        Receive time of the log, and how long after an order's end a fill of it may be reported.
    """

    def __init__(self, state: GroupState, now_ns: int, late_fill_ns: int) -> None:
        self.now_ns = now_ns
        self.pace = state.request.pace
        self._members = state.members
        self._late_fill_ns = late_fill_ns

    def of(self, role: Role) -> list[Placed]:
        """Return the orders of a role, in the order of their placing."""
        return [member.placed for member in self._members if member.role == role]

    def open(self, role: Role) -> list[Placed]:
        """Return the orders of a role that may still fill."""
        return [placed for placed in self.of(role) if placed.is_open]

    def filled(self, *roles: Role) -> Decimal:
        """Return what orders of some roles have filled, base units."""
        return sum((m.placed.filled_units for m in self._members if m.role in roles), ZERO)

    def counted(self, *roles: Role) -> Decimal:
        """Return what orders of some roles may still fill in the worst case, base units."""
        return sum(
            (
                member.placed.counted_units(self.now_ns, self._late_fill_ns)
                for member in self._members
                if member.role in roles
            ),
            ZERO,
        )

    @property
    def exited(self) -> Decimal:
        """What the exits have given back, base units."""
        return self.filled(*EXITS)

    def failed_in_a_row(self, role: Role) -> int:
        """Return how many of the newest orders of a role came to nothing, without our asking.

        Refused, or canceled by the venue before anything filled; one that expired did its time.
        """
        count = 0
        for placed in reversed(self.of(role)):
            unasked = placed.status == "canceled" and placed.cancel_asked_ns is None
            failed = placed.is_refused or (unasked and not placed.filled_units)
            if placed.adopted or not failed:
                return count
            count += 1
        return count

    def may_try(self, role: Role) -> bool:
        """Say whether an order of a role may be placed: none works, and the last is old enough."""
        own = [placed for placed in self.of(role) if not placed.adopted]
        if self.open(role):
            return False
        return not own or self.now_ns - own[-1].placed_ns >= self.pace.retry_ns

    def cancels(self, *roles: Role) -> list[Step]:
        """Return requests for the end of all orders of some roles that may be asked for it."""
        return [
            Cancel(placed.client_order_id)
            for role in roles
            for placed in self.open(role)
            if placed.may_cancel(self.now_ns, self.pace.again_ns)
        ]

    def amended(self, placed: Placed, terms: OrderTerms) -> list[Step]:
        """Return the request that gives an order other terms, if it may be made now.

        An order of which nothing more is wanted is canceled: no venue takes a size of nothing.
        """
        if terms == placed.terms:
            return []
        if terms.quantity_units <= placed.filled_units:
            may = placed.may_cancel(self.now_ns, self.pace.again_ns)
            return [Cancel(placed.client_order_id)] if may else []
        may = placed.may_amend(self.now_ns, self.pace.again_ns)
        return [Replace(placed.client_order_id, terms)] if may else []

    def resized(self, placed: Placed, quantity: Decimal) -> list[Step]:
        """Return the request that gives an order another quantity, if it may be made now."""
        terms = msgspec.structs.replace(placed.terms, quantity_units=quantity)
        return self.amended(placed, terms)


def rests(state: GroupState) -> bool:
    """Say whether a group waits for the market alone: it is entered, and its exits work as asked.

    Until one of its orders changes, no time and no price calls for anything.
    """
    orders = state.request.orders
    if not isinstance(orders, Bracket) or not orders.both_at_venue or state.closing or state.stop:
        return False
    wanted: set[Role] = set()
    if orders.stop_price is not None:
        wanted.add("stop")
    if orders.target_price is not None:
        wanted.add("target")
    roles = Roles(state, 0, 0)
    held = roles.filled("entry") - roles.exited
    working = [member for member in state.members if member.placed.is_open]
    if orders.trailing_distance is not None or {member.role for member in working} != wanted:
        return False
    exits = [member.placed for member in working]
    return all(
        one.is_changeable and one.terms.quantity_units - one.filled_units == held for one in exits
    )
