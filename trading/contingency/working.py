"""Groups at work: events of their members in, orders to submit, cancel and amend out.

The caller carries out what it is given before it calls again, and journals requests
(`GroupRequest`, `GroupCancel`) before it hands them in. All else follows from the journal: requests
and the orders as built, in its order, then the book's states (`Groups.rebuilt`); only the best
price that an emulated trailing stop has seen is in the dump alone, and its stop stands where it was
last put.
"""

from collections.abc import Callable, Iterator

import msgspec
from msgspec.structs import replace

from domain.orders import Order
from trading.algos.actions import AmendOrder, Cancel, CancelOrder, Replace, SubmitOrder
from trading.algos.market import MarketView
from trading.algos.placed import Placed, followed, placed
from trading.algos.worked import Kept, Worked
from trading.contingency.bracket import BracketPlan, with_best_price
from trading.contingency.group_state import (
    Close,
    Finish,
    GroupState,
    Member,
    PlaceMember,
    Roles,
    Step,
    Warn,
)
from trading.contingency.linked import oco_steps, oto_steps
from trading.contingency.members import member_name, order_of, tries
from trading.contingency.requests import (
    ROLE_NUMBERS,
    Bracket,
    GroupCancel,
    GroupRequest,
    Oco,
    Role,
)
from trading.orders.held import HOLD_NS
from trading.orders.state import EXTERNAL, OrderState


class GroupAlert(msgspec.Struct, frozen=True, tag=True):
    """Tell a person.

    Attributes
    ----------
    code
        ``unprotected``, ``stop_passed``, ``protection_in_doubt``, ``cannot_close``, ``no_target``,
        ``too_small``, ``both_filled``, ``not_triggered``; each once a group.
    """

    group_id: str
    code: str
    text: str
    ts_ns: int


Output = SubmitOrder | CancelOrder | AmendOrder | GroupAlert
Request = GroupRequest | GroupCancel
Market = Callable[[str], MarketView]


class Groups(Worked[GroupState, Request]):
    """The groups of one account. Not for several threads at once."""

    _noun = "group"
    _kept = Kept[GroupState]

    def __init__(self, late_fill_ns: int = HOLD_NS) -> None:
        super().__init__(late_fill_ns)
        self._entered_by: dict[str, str] = {}

    def apply(self, request: Request) -> None:
        """Take in a request; the same one again changes nothing.

        Raises
        ------
        BadUse
            If a group is to be canceled that is not known.
        """
        if isinstance(request, GroupRequest):
            self._states.setdefault(request.group_id, GroupState(request))
            if request.entered_by:
                self._entered_by[request.entered_by] = request.group_id
            return
        state = replace(self.state(request.group_id), enters=False)
        if request.scope == "all" and not state.stop:
            state = replace(state, stop=request.reason)
        elif request.scope == "close" and not state.closing:
            state = replace(state, closing=request.reason)
        self._states[request.group_id] = state

    def on_order(self, state: OrderState) -> None:
        """Take in what the book knows of an order after a change; one of nobody's is left out."""
        order = state.order
        name = self._owner_of.get(order.client_order_id)
        if name is None and order.strategy == EXTERNAL:
            name = self._adopt(order)
        if name is None:
            name = self._entered(order)
        if name is not None:
            self._update(name, order.client_order_id, lambda known: followed(known, state))

    def on_clock(
        self, now_ns: int, market: Market, enters: Callable[[str], bool] = lambda _: False
    ) -> list[Output]:
        """Return what is to be submitted, canceled, amended and told now.

        Parameters
        ----------
        now_ns
            Receive time of the log.
        market
            Gives the market of a symbol.
        enters
            Says whether the order or parent of an id, that opens what a group protects, may still
            send orders.
        """
        outputs: list[Output] = []
        for name, state in self._states.items():
            if state.ended_ns is None:
                view, request = market(state.request.symbol), state.request
                outputs += self._work(name, now_ns, view, entering=enters(request.entered_by))
        return outputs

    def forget(self, ended_before_ns: int) -> None:
        """Leave out what came to its end before a moment; see `Worked.forget`."""
        super().forget(ended_before_ns)
        self._entered_by = {c: n for c, n in self._entered_by.items() if n in self._states}

    def _restore(self, state: GroupState) -> None:
        name = state.request.group_id
        self._states[name] = state
        self._owner_of |= {m.placed.client_order_id: name for m in state.members}
        if state.request.entered_by:
            self._entered_by[state.request.entered_by] = name

    # One group.

    def _work(self, name: str, now_ns: int, market: MarketView, *, entering: bool) -> list[Output]:
        state, outputs = self._states[name], list[Output]()
        if isinstance(state.request.orders, Bracket):
            state = self._states[name] = with_best_price(state, state.request.orders, market)
        roles = Roles(state, now_ns, self._late_fill_ns)
        every: tuple[Role, ...] = tuple(ROLE_NUMBERS)
        if state.stop:
            for step in roles.cancels(*every):
                outputs += self._carry_out(name, step, now_ns)
            if not roles.counted(*every):
                self._states[name] = replace(self._states[name], ended_ns=now_ns)
            return outputs
        for step in _steps(state, roles, market, entering=entering):
            outputs += self._carry_out(name, step, now_ns)
        return outputs

    def _carry_out(self, name: str, step: Step, now_ns: int) -> list[Output]:
        state = self._states[name]
        match step:
            case PlaceMember():
                return [self._place(name, step, now_ns)]
            case Cancel(order_id):
                self._update(name, order_id, lambda known: replace(known, cancel_asked_ns=now_ns))
                return [CancelOrder(order_id)]
            case Replace(order_id, terms):
                self._update(name, order_id, lambda known: replace(known, amend_asked_ns=now_ns))
                return [AmendOrder(order_id, terms)]
            case Warn(code, text):
                if code in state.warned:
                    return []
                self._states[name] = replace(state, warned=(*state.warned, code))
                return [GroupAlert(name, code, text, now_ns)]
            case Close(why):
                self._states[name] = replace(state, closing=why)
            case Finish(reason):
                self._states[name] = replace(state, stop=reason)
        return []

    def _place(self, name: str, step: PlaceMember, now_ns: int) -> SubmitOrder:
        state = self._states[name]
        number = tries(state, step.role)
        order = order_of(state, step, number, now_ns)
        self._remember(name, step.role, placed(order, number))
        return SubmitOrder(order)

    def _remember(self, name: str, role: Role, order: Placed) -> None:
        state = self._states[name]
        self._states[name] = replace(state, members=(*state.members, Member(role, order)))
        self._owner_of[order.client_order_id] = name

    def _update(self, name: str, order_id: str, change: Callable[[Placed], Placed]) -> None:
        state = self._states[name]
        members = tuple(
            Member(m.role, change(m.placed)) if m.placed.client_order_id == order_id else m
            for m in state.members
        )
        is_open = any(m.placed.is_open for m in members)
        ended_ns = None if is_open else state.ended_ns
        self._states[name] = replace(state, members=members, ended_ns=ended_ns)

    def _adopt(self, order: Order) -> str | None:
        """Return the group of an order that the venue works under the name of a refused member."""
        name = self._owner_of.get(order.parent_id)
        if name is None:
            return None
        members = self._states[name].members
        role = next(m.role for m in members if m.placed.client_order_id == order.parent_id)
        self._remember(name, role, placed(order, -1, adopted=True))
        return name

    def _entered(self, order: Order) -> str | None:
        """Return the group that protects what an order opens, whoever has sent it."""
        for opener in (order.client_order_id, order.parent_id):
            name = self._entered_by.get(opener)
            if name is not None:
                number = tries(self._states[name], "entry")
                self._remember(name, "entry", placed(order, number))
                return name
        return None

    def _built(self, order: Order) -> None:
        state = self._states.get(order.group_id)
        if state is None or order.client_order_id in self._owner_of:
            return
        for role in ROLE_NUMBERS:
            number = tries(state, role)
            if member_name(state, role, number) == order.client_order_id:
                self._remember(order.group_id, role, placed(order, number))
                return


def _steps(
    state: GroupState, roles: Roles, market: MarketView, *, entering: bool
) -> Iterator[Step]:
    orders = state.request.orders
    enters = state.enters and not state.closing
    if isinstance(orders, Bracket):
        return BracketPlan(state, orders, roles, market, entering=entering).steps()
    if isinstance(orders, Oco):
        return oco_steps(orders, roles, market, enters=enters)
    return oto_steps(orders, roles, market, enters=enters)
