"""Groups on a floor, with few words."""

from decimal import Decimal
from typing import Any, Literal, NamedTuple

from domain.orders import Order, OrderTerms
from tests.trading.algos.floor import ACCOUNT, SECOND_NS, TUESDAY_NS, Floor
from trading.algos.actions import AmendOrder, CancelOrder, SubmitOrder
from trading.contingency.group_state import GroupState, Roles
from trading.contingency.requests import EXITS, Bracket, GroupCancel, GroupRequest, Oco, Oto
from trading.contingency.working import GroupAlert, Groups

D = Decimal
MARKET = OrderTerms(D(1000), "market", "IOC")


def request(orders: Bracket | Oco | Oto, **changes: Any) -> GroupRequest:
    """Return a request for a group of EURUSD."""
    fields: dict[str, Any] = {
        "account": ACCOUNT,
        "strategy": "trend",
        "signal_id": "s1",
        "symbol": "EURUSD",
        "orders": orders,
        "ts_ns": TUESDAY_NS,
        "user": "ann",
        "model_id": "m1",
    }
    return GroupRequest(**(fields | changes))


def bracket(**changes: Any) -> Bracket:
    """Return a bracket: 1,000 bought at market, 50 pips either way."""
    fields: dict[str, Any] = {
        "side": "buy",
        "quantity_units": D(1000),
        "entry": MARKET,
        "target_price": D("1.10500"),
        "stop_price": D("1.09500"),
    }
    return Bracket(**(fields | changes))


class GroupView(NamedTuple):
    """A group as it stands; of an OCO the first and the second order enter and exit."""

    status: Literal["working", "closing", "ending", "done"]
    entered_units: Decimal
    exited_units: Decimal
    reason: str


def view_of(state: GroupState) -> GroupView:
    """Return a group as it stands."""
    roles = Roles(state, 0, 0)
    status: Literal["working", "closing", "ending", "done"] = "working"
    if state.ended_ns is not None:
        status = "done"
    elif state.stop:
        status = "ending"
    elif state.closing:
        status = "closing"
    return GroupView(
        status,
        roles.filled("entry", "first"),
        roles.filled(*EXITS, "second", "then"),
        state.stop or state.closing,
    )


class Desk:
    """One group at work on a floor."""

    def __init__(self, group: GroupRequest, floor: Floor, late_fill_ns: int = 0) -> None:
        self.group = group
        self.floor = floor
        self.groups = Groups(late_fill_ns)
        self.groups.apply(group)
        self.sent: list[tuple[int, Order]] = []
        self.asked: list[tuple[int, object]] = []
        self.alerts: list[GroupAlert] = []
        floor.heard = self.groups.on_order

    def at(self, second: int, bid: str | None = None, ask: str | None = None) -> list[Order]:
        """Let one moment pass; return the orders placed in it. The ask is a pip above the bid."""
        now_ns = TUESDAY_NS + second * SECOND_NS
        if bid is not None and ask is None:
            ask = str(D(bid) + D("0.0001"))
        self.floor.step(now_ns, bid, ask)
        outputs = self.groups.on_clock(now_ns, self.floor.view)
        self.floor.carry_out(outputs)
        self.floor.step(now_ns)
        self.alerts += [output for output in outputs if isinstance(output, GroupAlert)]
        self.asked += [(second, o) for o in outputs if isinstance(o, CancelOrder | AmendOrder)]
        placed = [output.order for output in outputs if isinstance(output, SubmitOrder)]
        self.sent += [(second, order) for order in placed]
        return placed

    def run(self, first: int, last: int) -> None:
        """Let the seconds from first to last pass in a market that stands still."""
        for second in range(first, last + 1):
            self.at(second)

    def cancel(self, scope: Any) -> None:
        """Ask for the group's end."""
        self.groups.apply(GroupCancel(self.group.group_id, self.floor.now_ns, scope))

    @property
    def view(self) -> GroupView:
        """The group as it stands."""
        return view_of(self.groups.state(self.group.group_id))

    def codes(self) -> list[str]:
        """Return what a person was told."""
        return [alert.code for alert in self.alerts]

    def live(self) -> list[tuple[str, int, Decimal | None]]:
        """Return type, size left and trigger or limit of all that works at the venue."""
        return [
            (t.terms.order_type, int(t.leaves), t.terms.trigger_price or t.terms.limit_price)
            for t in self.floor.truths.values()
            if t.live
        ]
