"""Looks: parents and groups of a lane go on, and what they ask for is carried out.

Whatever comes of a look follows from the journal and the time of the log alone. Every end that a
parent or a group comes to by itself is written down like one that was asked for, so that a new life
finds it.
"""

from collections.abc import Callable

from domain.control import TradingState
from domain.predictions import Side
from trading.algos.actions import AmendOrder, CancelOrder, SubmitOrder
from trading.algos.market import MarketView
from trading.algos.parent_state import ParentState
from trading.algos.parents import ParentCancel
from trading.algos.placed import ZERO
from trading.algos.working import Output as ParentOutput
from trading.contingency.group_state import GroupState, Roles, rests
from trading.contingency.requests import Bracket, GroupCancel
from trading.contingency.working import GroupAlert
from trading.contingency.working import Output as GroupOutput
from trading.desk.desk import Desk
from trading.judgement import Shown
from trading.lanes import Lane
from trading.marks import AccountMark
from trading.orders.effects import Alert, AlertCode
from trading.positions import signed
from trading.risk.case import RiskContext
from trading.tactics.handler import Handler
from trading.tactics.venue import LaneMarkets

_NO_MARK = AccountMark(0, None, {}, {})
"""Before the first decision of a life: nothing can be opened on it, exits need none."""

SIGNAL = "signal"
"""Why a parent or a group ends that a signal is against."""

_NO_ORDERS = frozenset({TradingState.CANCEL_ONLY, TradingState.HALTED})


class Looks:
    """Looks at the handlers of one account.

    Parameters
    ----------
    desk
        Carries orders out.
    markets
        Shows lanes as markets.
    shown
        What the gate is shown.
    state
        Gives the trading state that a decision at a time of the log has to heed.
    note_working
        Told of a symbol whose orders have changed.
    alert
        Told of what a person should know, and when.
    """

    def __init__(
        self,
        desk: Desk,
        markets: LaneMarkets,
        shown: Shown,
        state: Callable[[int], TradingState],
        note_working: Callable[[str], None],
        alert: Callable[[Alert, int], None],
    ) -> None:
        self._desk = desk
        self._markets = markets
        self._shown = shown
        self._state = state
        self._note_working = note_working
        self._alert = alert

    def look(self, lane: Lane, handler: Handler, now_ns: int) -> None:
        """Let parents and groups of a lane go on to a moment, receive time of the log."""
        handler.look_ns = now_ns
        if handler.rests:
            return
        state = self._state(now_ns)
        market = self._markets.of(lane, now_ns)
        self._end_parents(lane, handler, now_ns, state)
        self._end_groups(lane, handler, now_ns)
        self._work_parents(lane, handler, now_ns, market)
        # What rests at the venue stays there: nothing could be put in its place.
        while state not in _NO_ORDERS and self._work_groups(lane, handler, now_ns, market):
            pass
        handler.rests = not handler.working_parents and all(map(rests, handler.working_groups))

    def end_parent(self, handler: Handler, parent: ParentState, now_ns: int, reason: str) -> None:
        """End a parent: its children are canceled at the next look."""
        handler.rests = False
        request = ParentCancel(parent.parent.parent_id, now_ns, reason)
        self._desk.note(request)
        handler.parents.apply(request)

    def close_group(self, handler: Handler, group: GroupState, now_ns: int, reason: str) -> None:
        """Let a group close what it protects, from the next look on."""
        handler.rests = False
        request = GroupCancel(group.request.group_id, now_ns, "close", reason)
        self._desk.note(request)
        handler.groups.apply(request)

    # What has to end.

    def _end_parents(self, lane: Lane, handler: Handler, now_ns: int, state: TradingState) -> None:
        spoiled = {
            group.request.entered_by
            for group in handler.working_groups
            if group.stop or group.closing or Roles(group, 0, 0).exited
        }
        for parent in handler.working_parents:
            if parent.stop:
                continue
            if state in _NO_ORDERS or (state != TradingState.ACTIVE and not reduces(lane, parent)):
                self.end_parent(handler, parent, now_ns, state.value)
            elif parent.parent.parent_id in spoiled:
                # What has begun to be given back is not entered any further.
                self.end_parent(handler, parent, now_ns, "exited")

    def _end_groups(self, lane: Lane, handler: Handler, now_ns: int) -> None:
        """End groups whose position is gone by other hands: their exits would open one."""
        for group in handler.working_groups:
            orders, roles = group.request.orders, Roles(group, 0, 0)
            held = roles.filled("entry") - roles.exited
            if group.stop or not isinstance(orders, Bracket) or held <= 0:
                continue
            if signed(orders.side, lane.state.position.units) <= 0:
                gone = GroupCancel(group.request.group_id, now_ns, "all", "position_gone")
                self._desk.note(gone)
                handler.groups.apply(gone)

    # What goes on.

    def _work_parents(self, lane: Lane, handler: Handler, now_ns: int, market: MarketView) -> None:
        before = {p.parent.parent_id for p in handler.working_parents if not p.stop}
        for output in handler.parents.on_clock(now_ns, lambda _: market):
            self._carry_out(lane, handler, output, now_ns)
        for name in before:
            stop = handler.parents.state(name).stop
            if stop:
                self._desk.note(ParentCancel(name, now_ns, stop))

    def _work_groups(self, lane: Lane, handler: Handler, now_ns: int, market: MarketView) -> bool:
        """Let groups go on; say whether one has come to another stage, and has more to do now."""
        before = handler.working_groups
        entering = {p.parent.parent_id for p in handler.working_parents}
        for output in handler.groups.on_clock(now_ns, lambda _: market, entering.__contains__):
            self._carry_out(lane, handler, output, now_ns)
        has_more = False
        for was in before:
            name = was.request.group_id
            now = handler.groups.state(name)
            if now.closing and not was.closing:
                self._desk.note(GroupCancel(name, now_ns, "close", now.closing))
                has_more = True
            if now.stop and not was.stop:
                self._desk.note(GroupCancel(name, now_ns, "all", now.stop))
                has_more = True
            if now.ended_ns is not None and now.closing != SIGNAL:
                handler.spent = _spent(now) or handler.spent
        return has_more

    def _carry_out(
        self, lane: Lane, handler: Handler, output: ParentOutput | GroupOutput, now_ns: int
    ) -> None:
        mark = _NO_MARK if handler.mark is None else handler.mark

        def read() -> RiskContext:
            return self._shown(lane, now_ns, handler.verdict, mark)

        match output:
            case SubmitOrder(order):
                handler.sent_ns = now_ns
                self._desk.submit(order, read)
                # The next step of the same look builds on the answer.
                self._desk.dispatch()
            case CancelOrder(name):
                self._desk.cancel(name, now_ns)
            case AmendOrder(name, terms):
                self._desk.amend(name, terms, now_ns, read)
            case GroupAlert(group_id, code, text):
                words = f"{lane.state.symbol}, {group_id}: {code}: {text}"
                self._alert(Alert(AlertCode.PROTECTION, words), now_ns)
        self._note_working(lane.state.symbol)


def reduces(lane: Lane, parent: ParentState) -> bool:
    """Say whether what is left of a parent only makes the position of its lane smaller."""
    left = parent.view().remaining_units
    return signed(parent.parent.side, lane.state.position.units) <= -left < ZERO


def _spent(group: GroupState) -> Side | None:
    """Return the side whose position an exit of a group has ended; None if none was entered."""
    orders = group.request.orders
    exited = Roles(group, 0, 0).exited
    return orders.side if isinstance(orders, Bracket) and exited else None
