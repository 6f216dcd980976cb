"""Parents, orders that are worked as many: the requests, their children, their public view."""

from decimal import Decimal
from typing import Literal, Protocol

import msgspec

from domain.errors import Reject
from domain.orders import Order, OrderSide, TimeInForce
from trading.algos.actions import Action, Progress
from trading.algos.iceberg import Iceberg
from trading.algos.legs import child_id, own_id
from trading.algos.market import MarketView, on_grid, open_ns
from trading.algos.passive import PassiveThenCross
from trading.algos.sliced import Twap, VolumeProfile
from trading.algos.work import Work
from trading.venues import Capabilities

Algorithm = Twap | VolumeProfile | Iceberg | PassiveThenCross
"""The algorithms, each by its parameters; the tag is its name in records."""

ParentStatus = Literal["waiting", "working", "ending", "done"]
"""Before its start; placing children; only waiting for the ends of children; at its end."""


class Unworkable(Reject):
    """A parent that no venue's data lets come out even: it is refused before its first child."""


class Slicer(Protocol):
    """What an algorithm is asked; all that it knows of the past is the progress of the children."""

    def refusal(self, work: Work, capabilities: Capabilities) -> str:
        """Return what makes it unable to work an order at a venue; empty if nothing."""
        ...

    def on_clock(
        self, work: Work, now_ns: int, market: MarketView, progress: Progress
    ) -> tuple[Action, ...]:
        """Return what is to be done now; nothing, if the same was asked and not answered yet."""
        ...


class ParentOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request to work an order by an algorithm; journaled before its first child.

    Attributes
    ----------
    leg
        Leg of the signal that it stands for (0 to 99).
    quantity_units
        Base units (> 0), on the venue's grid.
    start_ns, end_ns
        Begin and deadline, receive time of the log; ``end_ns`` is the later one.
    limit_price
        Worst price of any child; None: any.
    resting
        Time in force of children that rest: until canceled, to 17:00 New York, or to ``end_ns``
        by the venue's own clock, which holds even if nobody is here to cancel.
    """

    account: str
    strategy: str
    signal_id: str
    symbol: str
    side: OrderSide
    quantity_units: Decimal
    algorithm: Algorithm
    start_ns: int
    end_ns: int
    leg: int = 0
    limit_price: Decimal | None = None
    resting: Literal["GTC", "GFD", "GTD"] = "GTC"
    venue: str = ""
    user: str = ""
    model_id: str = ""
    v: int = 1

    @property
    def parent_id(self) -> str:
        """Id that its children name: a function of strategy, signal and leg."""
        return own_id(self.strategy, self.signal_id, self.leg)

    @property
    def work(self) -> Work:
        """What an algorithm needs to know of it."""
        tif: TimeInForce = self.resting
        return Work(
            self.parent_id,
            self.side,
            self.quantity_units,
            self.start_ns,
            self.end_ns,
            self.limit_price,
            tif,
        )


class ParentCancel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request to end a parent: its children are canceled, and no new one is placed."""

    parent_id: str
    ts_ns: int
    reason: str = "requested"


class ParentView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A parent as it stands.

    Attributes
    ----------
    remaining_units
        Quantity less what is filled (>= 0).
    working_units, in_doubt_units
        What its children may still fill, and the part of it whose state is not known.
    reason
        Why it places nothing more; empty while it does.
    """

    parent_id: str
    status: ParentStatus
    filled_units: Decimal
    average_price: Decimal | None
    remaining_units: Decimal
    working_units: Decimal
    in_doubt_units: Decimal
    children: int
    reason: str


def check(parent: ParentOrder, market: MarketView) -> None:
    """Refuse a parent that cannot be worked to its end at a venue.

    Raises
    ------
    Unworkable
        With what is wrong and what would do.
    """
    instrument, units = market.instrument, parent.quantity_units
    problem = ""
    if not units.is_finite() or units < instrument.min_units:
        problem = f"the venue takes no less than {instrument.min_units} units"
    elif on_grid(units, instrument.units_step) != units:
        problem = f"its size is no multiple of the venue's step of {instrument.units_step}"
    elif parent.limit_price is not None and not parent.limit_price > 0:
        problem = f"a limit of {parent.limit_price} is no price"
    elif open_ns(parent.start_ns, parent.end_ns) <= 0:
        problem = "the market is closed from its start to its end"
    else:
        problem = parent.algorithm.refusal(parent.work, market.capabilities)
    if problem:
        message = f"{parent.side} {units} {parent.symbol} cannot be worked: {problem}"
        raise Unworkable(message)


def child_of(parent: ParentOrder, number: int, now_ns: int) -> Order:
    """Return the n-th child of a parent, without terms of its own yet."""
    return Order(
        client_order_id=child_id(parent.strategy, parent.signal_id, parent.leg, number),
        account=parent.account,
        strategy=parent.strategy,
        signal_id=parent.signal_id,
        symbol=parent.symbol,
        side=parent.side,
        quantity_units=parent.quantity_units,
        status="initialized",
        ts_event_ns=now_ns,
        ts_recv_ns=now_ns,
        venue=parent.venue,
        parent_id=parent.parent_id,
        user=parent.user,
        model_id=parent.model_id,
    )
