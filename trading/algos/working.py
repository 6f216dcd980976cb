"""Parents at work: events of their children in, orders to submit, cancel and amend out.

Whatever an algorithm asks for, what a parent's children have filled and may still fill never comes
to more than the parent's quantity: a child counts from the moment of its placing to the end of the
time in which a fill of it may still be reported, and a child in doubt counts whole.

The caller carries out what it is given before it calls again, and journals requests
(`ParentOrder`, `ParentCancel`) before it hands them in. All else follows from the journal: requests
and the orders as built, in its order, then the book's states (`Parents.rebuilt`).
"""

from collections.abc import Callable

from msgspec.structs import replace

from domain.nanos import SECOND_NS
from domain.orders import Order, OrderTerms, with_terms
from trading.algos.actions import (
    Action,
    AmendOrder,
    Cancel,
    CancelOrder,
    Done,
    Place,
    Replace,
    SubmitOrder,
)
from trading.algos.market import MarketView
from trading.algos.parent_state import ParentState, with_child
from trading.algos.parents import ParentCancel, ParentOrder, Slicer, child_of
from trading.algos.placed import Placed, followed, placed
from trading.algos.worked import Kept, Worked
from trading.orders.state import EXTERNAL, OrderState

REFUSALS = 5
"""Children refused in a row after which a parent gives up: whatever is wrong does not pass by
asking on, and each refusal is an alert to somebody."""

AGAIN_NS = 5 * SECOND_NS
"""Least time between two requests to cancel a child of a parent that ends."""

Request = ParentOrder | ParentCancel
Output = SubmitOrder | CancelOrder | AmendOrder
Market = Callable[[str], MarketView]
"""Gives the market of a symbol as it is now."""


class Parents(Worked[ParentState, Request]):
    """The parents of one account. Not for several threads at once."""

    _noun = "parent"
    _kept = Kept[ParentState]

    # What happens.

    def apply(self, request: Request) -> None:
        """Take in a request; the same one again changes nothing.

        Raises
        ------
        BadUse
            If a parent is to be canceled that is not known.
        """
        if isinstance(request, ParentOrder):
            self._states.setdefault(request.parent_id, ParentState(request))
            return
        state = self.state(request.parent_id)
        if not state.stop:
            self._states[request.parent_id] = replace(state, stop=request.reason)

    def on_order(self, state: OrderState) -> None:
        """Take in what the book knows of an order after a change; one of nobody's is left out."""
        order = state.order
        child = self._child(order.client_order_id)
        if child is None:
            child = self._adopted(order)
        if child is not None:
            name = self._owner_of[order.client_order_id]
            self._states[name] = with_child(self._states[name], followed(child, state))

    def on_clock(self, now_ns: int, market: Market) -> list[Output]:
        """Return what is to be submitted, canceled and amended now.

        Parameters
        ----------
        now_ns
            Receive time of the log.
        market
            Gives the market of a symbol.
        """
        outputs: list[Output] = []
        for name, state in self._states.items():
            if state.ended_ns is None and now_ns >= state.parent.start_ns:
                outputs += self._work(name, replace(state, begun=True), now_ns, market)
        return outputs

    def _restore(self, state: ParentState) -> None:
        name = state.parent.parent_id
        self._states[name] = state
        self._owner_of |= {child.client_order_id: name for child in state.children}

    # One parent.

    def _work(self, name: str, state: ParentState, now_ns: int, market: Market) -> list[Output]:
        progress = state.progress(now_ns, self._late_fill_ns)
        quantity = state.parent.quantity_units
        if not state.stop:
            state = replace(state, stop=self._end(state))
        if state.stop:
            outputs = self._cancel_all(name, state, now_ns)
            if not progress.open and not self._is_owed(state, now_ns):
                self._states[name] = replace(self._states[name], ended_ns=now_ns)
            return outputs
        if state.committed_units(now_ns, self._late_fill_ns) > quantity:
            # A fill nobody could foresee (late beyond all time, or more than was asked for) has
            # taken the room of children that still work.
            return self._cancel_all(name, state, now_ns)
        view = market(state.parent.symbol)
        self._states[name] = state
        if 0 < quantity - progress.filled_units < view.instrument.min_units:
            # No venue takes an order for so little.
            return self._cancel_all(name, replace(state, stop="below_minimum"), now_ns)
        algorithm: Slicer = state.parent.algorithm
        actions = algorithm.on_clock(state.parent.work, now_ns, view, progress)
        outputs = []
        for action in actions:
            outputs += self._carry_out(name, action, now_ns)
        return outputs

    def _end(self, state: ParentState) -> str:
        """Return why a parent is at its end by itself; empty if it is not."""
        filled = sum(child.filled_units for child in state.children)
        if filled >= state.parent.quantity_units:
            return "filled"
        return "refused" if state.refused_in_a_row() >= REFUSALS else ""

    def _is_owed(self, state: ParentState, now_ns: int) -> bool:
        """Say whether a fill of a child that has ended may still be reported."""
        late = self._late_fill_ns
        return any(c.counted_units(now_ns, late) for c in state.children if not c.is_open)

    def _carry_out(self, name: str, action: Action, now_ns: int) -> list[Output]:
        state = self._states[name]
        match action:
            case Place(terms):
                return self._place(name, terms, now_ns)
            case Cancel(child_id):
                return self._ask(name, child_id, now_ns, None)
            case Replace(child_id, terms):
                return self._ask(name, child_id, now_ns, terms)
            case Done(reason):
                state = replace(state, stop=reason)
                return self._cancel_all(name, state, now_ns)

    def _place(self, name: str, terms: OrderTerms, now_ns: int) -> list[Output]:
        state = self._states[name]
        free = state.progress(now_ns, self._late_fill_ns).free_units
        if not 0 < terms.quantity_units <= free:
            return self._cancel_all(name, replace(state, stop="faulty_algorithm"), now_ns)
        number = state.next_number
        order = with_terms(child_of(state.parent, number, now_ns), terms)
        self._states[name] = with_child(state, placed(order, number))
        self._owner_of[order.client_order_id] = name
        return [SubmitOrder(order)]

    def _ask(self, name: str, child_id: str, now_ns: int, terms: OrderTerms | None) -> list[Output]:
        """Ask for the end of a child, or for other terms of no larger a quantity."""
        state = self._states[name]
        child = next(c for c in state.children if c.client_order_id == child_id)
        if terms is None:
            self._states[name] = with_child(state, replace(child, cancel_asked_ns=now_ns))
            return [CancelOrder(child_id)]
        if terms.quantity_units > child.terms.quantity_units:
            return self._cancel_all(name, replace(state, stop="faulty_algorithm"), now_ns)
        self._states[name] = with_child(state, replace(child, amend_asked_ns=now_ns))
        return [AmendOrder(child_id, terms)]

    def _cancel_all(self, name: str, state: ParentState, now_ns: int) -> list[Output]:
        """Ask for the end of all children that may still fill, and keep the state."""
        outputs: list[Output] = []
        for child in state.children:
            if child.may_cancel(now_ns, AGAIN_NS):
                state = with_child(state, replace(child, cancel_asked_ns=now_ns))
                outputs.append(CancelOrder(child.client_order_id))
        self._states[name] = state
        return outputs

    # Whose an order is.

    def _child(self, client_order_id: str) -> Placed | None:
        name = self._owner_of.get(client_order_id)
        if name is None:
            return None
        children = self._states[name].children
        return next(c for c in children if c.client_order_id == client_order_id)

    def _adopted(self, order: Order) -> Placed | None:
        """Return an order that the venue works under the name of a child that was refused."""
        name = self._owner_of.get(order.parent_id)
        if name is None or order.strategy != EXTERNAL:
            return None
        self._owner_of[order.client_order_id] = name
        return placed(order, -1, adopted=True)

    def _built(self, order: Order) -> None:
        state = self._states.get(order.parent_id)
        if state is None or self._child(order.client_order_id) is not None:
            return
        number = state.next_number
        if (
            child_of(state.parent, number, order.ts_event_ns).client_order_id
            != order.client_order_id
        ):
            return  # It protects the parent's position: a member of a group, and no slice of it.
        self._states[order.parent_id] = with_child(state, placed(order, number))
        self._owner_of[order.client_order_id] = order.parent_id
