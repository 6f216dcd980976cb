"""Groups as they are requested: which orders depend on which, and at what prices."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import msgspec

from domain.errors import Reject
from domain.nanos import SECOND_NS
from domain.orders import OrderSide, OrderTerms
from trading.algos.legs import own_id

Role = Literal["entry", "target", "stop", "close", "first", "second", "then"]
"""What an order is in its group."""

ROLE_NUMBERS: Mapping[Role, int] = {
    "entry": 0,
    "target": 1,
    "stop": 2,
    "close": 3,
    "first": 4,
    "second": 5,
    "then": 6,
}
"""Parts of the ids of members (`trading.algos.legs`): never give one another meaning."""

EXITS: frozenset[Role] = frozenset({"target", "stop", "close"})
"""Roles that give back what the entry has opened."""


class BadGroup(Reject):
    """A group that cannot do what it is for; it is refused before its first order."""


class Pace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a group tries.

    Attributes
    ----------
    attempts
        Refusals of an order in a row after which another way is taken (> 0).
    retry_ns
        Least time between two tries of one role (> 0).
    again_ns
        Least time between two requests to cancel or to change one order (> 0).
    doubt_ns
        How long a protection may be in doubt before a person is told (> 0).
    """

    attempts: int = 3
    retry_ns: int = SECOND_NS
    again_ns: int = 2 * SECOND_NS
    doubt_ns: int = 10 * SECOND_NS


class Bracket(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="bracket"):
    """An entry with its exits: what fills of the entry is protected, and closed by one exit only.

    Without an entry it is the OCO of the exits of a position: one that exists already, or one that
    other orders open.

    Attributes
    ----------
    side
        Of the entry, or of the position: the exits are of the other side.
    quantity_units
        Of the position that exists, if there is no entry; else the entry's (> 0).
    entry
        Terms of the entry; None: the position exists, or others open it.
    entered_by
        Client order id of the order, or parent, that opens the position: what it and its slices
        fill is what is protected. Empty: nobody else does.
    target_price, stop_price
        Where a profit is taken, and where a loss is ended; None: not at all.
    trailing_distance
        Distance at which the stop follows the best price, in price units; with a ``stop_price``
        that is where it begins.
    trailing_step
        Least improvement of an emulated trailing stop that is worth a request (> 0), price units.
    both_at_venue
        Let both exits rest at the venue at once. They may then both fill before either is
        canceled, and only the venue's reduce-only keeps them from more than the account holds: ask
        for it where nobody else holds the pair in that account. Otherwise the stop rests at the
        venue, and the target is watched here: only once the stop is gone is the target sent.
    """

    side: OrderSide
    quantity_units: Decimal
    entry: OrderTerms | None = None
    entered_by: str = ""
    target_price: Decimal | None = None
    stop_price: Decimal | None = None
    trailing_distance: Decimal | None = None
    trailing_step: Decimal = Decimal("0.00005")
    both_at_venue: bool = False


class Oco(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="oco"):
    """Two orders of which one is wanted: what fills of one is taken off the other.

    Both work at once, so that both may fill if the market is faster than the cancel. For the exits
    of a position that must not be: see `Bracket`.
    """

    first_side: OrderSide
    first: OrderTerms
    second_side: OrderSide
    second: OrderTerms


class Oto(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="oto"):
    """An order that triggers another one, in proportion to what has filled of it."""

    side: OrderSide
    entry: OrderTerms
    then_side: OrderSide
    then: OrderTerms


class GroupRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request for a group; journaled before its first order.

    Attributes
    ----------
    leg
        Leg of the signal that it stands for (0 to 99).
    group_id
        Name that its members carry.
    protects
        Client order id of the order that opened the position, if there is no entry here; it is the
        ``parent_id`` of the exits. Empty if unknown.
    """

    account: str
    strategy: str
    signal_id: str
    symbol: str
    orders: Bracket | Oco | Oto
    ts_ns: int
    leg: int = 0
    venue: str = ""
    user: str = ""
    model_id: str = ""
    protects: str = ""
    pace: Pace = Pace()
    v: int = 1

    @property
    def entered_by(self) -> str:
        """Client order id of the order or parent that opens what is protected; empty if none."""
        return self.orders.entered_by if isinstance(self.orders, Bracket) else ""

    @property
    def group_id(self) -> str:
        """Name that its members carry: a function of strategy, signal and leg."""
        return "gr" + own_id(self.strategy, self.signal_id, self.leg)[2:]


class GroupCancel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request to end a group.

    Attributes
    ----------
    scope
        ``entry``: enter no further, and go on protecting what is held. ``close``: the same, and
        close what is held. ``all``: cancel every order; what is held is somebody else's to protect.
    """

    group_id: str
    ts_ns: int
    scope: Literal["entry", "close", "all"] = "entry"
    reason: str = "requested"


def check(request: GroupRequest) -> None:
    """Refuse a group that cannot do what it is for.

    Raises
    ------
    BadGroup
        With what is wrong.
    """
    problem = _pace_problem(request.pace)
    match request.orders:
        case Bracket() as bracket:
            problem = problem or _bracket_problem(bracket)
        case Oco(first=first, second=second):
            if not (first.quantity_units > 0 and second.quantity_units > 0):
                problem = "both orders need a size above 0"
        case Oto(entry=entry, then=then):
            if not (entry.quantity_units > 0 and then.quantity_units > 0):
                problem = "both orders need a size above 0"
    if problem:
        message = f"group {request.group_id} of {request.symbol}: {problem}"
        raise BadGroup(message)


def _pace_problem(pace: Pace) -> str:
    if pace.attempts < 1 or min(pace.retry_ns, pace.again_ns, pace.doubt_ns) <= 0:
        return "attempts begin at 1, times above 0"
    return ""


def _bracket_problem(bracket: Bracket) -> str:
    stop, target, distance = bracket.stop_price, bracket.target_price, bracket.trailing_distance
    prices = [price for price in (stop, target, distance) if price is not None]
    if not prices:
        return "it has neither target nor stop: send a plain order instead"
    if not all(price.is_finite() and price > 0 for price in prices):
        return "a target, stop or distance must be above 0"
    if bracket.entry is not None and bracket.entered_by:
        return "it has an entry of its own, and others enter as well"
    if bracket.entry is not None and bracket.entry.quantity_units != bracket.quantity_units:
        return "its size is not that of its entry"
    if not bracket.quantity_units > 0 or not bracket.trailing_step > 0:
        return "size and trailing step must be above 0"
    if stop is not None and target is not None:
        is_apart = stop < target if bracket.side == "buy" else stop > target
        if not is_apart:
            return f"a {bracket.side} with its stop at {stop} and its target at {target}"
    return ""
