"""The orders of one lane that are more than one order: its parents, its groups, what waits."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from domain.nanos import DAY_NS, MINUTE_NS, MS_NS, floor_ns
from domain.orders import Order
from domain.predictions import Side, Signal
from trading.algos.parent_state import ParentState
from trading.algos.parents import ParentCancel, ParentOrder
from trading.algos.placed import ZERO
from trading.algos.tick_profile import TickProfile
from trading.algos.working import Parents
from trading.contingency.group_state import GroupState
from trading.contingency.requests import GroupCancel, GroupRequest
from trading.contingency.working import Groups
from trading.desk.entries import HandlingRequest
from trading.marks import AccountMark
from trading.orders.state import OrderState
from trading.positions import signed

LOOK_NS = 100 * MS_NS
"""Least distance of two looks at parents and groups: as often as an account at a broker is looked
after. Closer looks cost time at every tick; wider ones leave a new position without its stop."""


class HandlerState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a snapshot keeps of a handler.

    Attributes
    ----------
    look_ns, sent_ns
        Receive time of the last look, and of the last order sent.
    verdict
        Bits of ``domain.ticks.Verdict`` of the newest quote; None before the first decision.
    mark
        Of the last decision, while something is at work.
    pending
        Signal that waits until what works against it is gone.
    spent
        Side whose position a stop or target has ended: it opens nothing until another was asked
        for.
    parents, groups, profile
        As they dump themselves.
    minute_ns, ticks
        Minute that is being counted for the profile (0 before the first), and its ticks so far.
    """

    look_ns: int
    sent_ns: int
    verdict: int | None
    mark: AccountMark | None
    pending: Signal | None
    spent: Side | None
    parents: dict[str, Any]
    groups: dict[str, Any]
    profile: dict[str, Any] | None
    minute_ns: int = 0
    ticks: int = 0


class Handler:
    """One lane's parents and groups; the fields are the account's to write.

    Parameters
    ----------
    late_fill_ns
        How long after the end of an order a fill of it may still be reported (>= 0).
    state
        What `dump` gave, or None.
    learns
        Whether it learns how busy the market is.
    """

    def __init__(self, late_fill_ns: int, state: HandlerState | None, *, learns: bool) -> None:
        self._late_fill_ns = late_fill_ns
        self.parents = Parents(late_fill_ns)
        self.groups = Groups(late_fill_ns)
        self.profile = TickProfile() if learns else None
        self.look_ns = self.sent_ns = 0
        self.verdict: int | None = None
        self.mark: AccountMark | None = None
        self.pending: Signal | None = None
        self.spent: Side | None = None
        self.rests = False
        """Whether the last look found nothing to do, and none will before an order changes."""
        self._minute_ns = self._ticks = 0
        if state is not None:
            self._restore(state)

    def dump(self) -> HandlerState:
        """Return what a snapshot must keep."""
        mark = self.mark if self.is_at_work else None
        return HandlerState(
            self.look_ns,
            self.sent_ns,
            self.verdict,
            None if mark is None else replace(mark, quotes=dict(mark.quotes)),
            self.pending,
            self.spent,
            self.parents.dump(),
            self.groups.dump(),
            None if self.profile is None else self.profile.dump(),
            self._minute_ns,
            self._ticks,
        )

    def rebuild(
        self,
        facts: Iterable[HandlingRequest | Order],
        states: Iterable[OrderState],
    ) -> None:
        """Make parents and groups those of a journal, whatever a snapshot had.

        Parameters
        ----------
        facts
            Requests of this lane and the orders that came of them, in the journal's order.
        states
            All orders of the lane, as the same journal has them.
        """
        facts, states = list(facts), list(states)
        times = [fact.ts_recv_ns for fact in facts if isinstance(fact, Order)]
        self.look_ns = self.sent_ns = max([self.look_ns, *times])
        clocked = [self._clocked(state) for state in states]
        for_parents = [fact for fact in facts if not isinstance(fact, GroupRequest | GroupCancel)]
        for_groups = [fact for fact in facts if not isinstance(fact, ParentOrder | ParentCancel)]
        self.parents = Parents.rebuilt(for_parents, clocked, self._late_fill_ns)
        self.groups = Groups.rebuilt(for_groups, clocked, self._late_fill_ns)
        self.pending = None

    @property
    def working_parents(self) -> list[ParentState]:
        """Parents that have not come to their end."""
        return self.parents.working()

    @property
    def working_groups(self) -> list[GroupState]:
        """Groups that have not come to their end."""
        return self.groups.working()

    @property
    def is_busy(self) -> bool:
        """Whether a parent or a group has not come to its end."""
        return bool(self.working_parents or self.working_groups)

    @property
    def is_at_work(self) -> bool:
        """Whether there is anything to look at."""
        return self.is_busy or self.pending is not None

    @property
    def next_look_ns(self) -> int | None:
        """Receive time from which the next look is due; None while nothing is at work."""
        return floor_ns(self.look_ns, LOOK_NS) + LOOK_NS if self.is_at_work else None

    def knows(self, client_order_id: str) -> bool:
        """Say whether an id is that of a parent."""
        return self.parents.knows(client_order_id)

    def on_order(self, state: OrderState) -> None:
        """Take in what the book knows of an order of the lane after a change."""
        self.rests = False
        clocked = self._clocked(state)
        self.parents.on_order(clocked)
        self.groups.on_order(clocked)

    def count(self, symbol: str, ticks: int, passed_ns: int | None) -> None:
        """Count ticks for the profile, if there is one.

        Parameters
        ----------
        ticks
            How many came (>= 0), up to and with the record that passed a boundary.
        passed_ns
            That boundary, a whole minute; None if there was none.
        """
        if self.profile is None:
            return
        self._ticks += ticks
        if passed_ns is None:
            return
        # The first minute of a life may have begun before it.
        for minute_ns in range(self._minute_ns, passed_ns if self._minute_ns else 0, MINUTE_NS):
            self.profile.learn(symbol, minute_ns, self._ticks)
            self._ticks = 0
        self._minute_ns, self._ticks = passed_ns, 0

    def forget(self, now_ns: int) -> None:
        """Leave out what came to its end a day ago: nothing can come of it."""
        self.parents.forget(now_ns - DAY_NS)
        self.groups.forget(now_ns - DAY_NS)

    def in_flight_units(self, working: Iterable[OrderState]) -> Decimal:
        """Return the signed base units by which the position is still to change, exits left out.

        What a parent has not sent yet counts: the next signal must not ask for it again. Exits of
        groups only give back what is held, whenever the market calls for it.

        Parameters
        ----------
        working
            Orders of the lane that may still fill.
        """
        total = ZERO
        for state in working:
            order = state.order
            if not (order.group_id or self.parents.knows(order.parent_id)):
                total += signed(order.side, state.may_fill_units)
        for parent in self.working_parents:
            view = parent.view()
            units = view.working_units if parent.stop else view.remaining_units
            total += signed(parent.parent.side, units)
        return total

    def _restore(self, state: HandlerState) -> None:
        self.parents = Parents.load(state.parents)
        self.groups = Groups.load(state.groups)
        self.look_ns, self.sent_ns = state.look_ns, state.sent_ns
        self.verdict, self.mark = state.verdict, state.mark
        self.pending, self.spent = state.pending, state.spent
        self._minute_ns, self._ticks = state.minute_ns, state.ticks
        if self.profile is not None and state.profile is not None:
            self.profile = TickProfile.load(state.profile)

    def _clocked(self, state: OrderState) -> OrderState:
        """Return an order as heard of no later than the last look.

        A venue stamps by its own clock, a log that is played again has another: what has ended has
        ended on the clock of the looks.
        """
        return replace(state, ts_own_ns=min(state.ts_own_ns, self.look_ns))
