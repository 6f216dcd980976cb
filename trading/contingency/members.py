"""Orders of a group as they are built: ids, names, and who answers for them."""

from domain.orders import Order, with_terms
from trading.algos.legs import member_id
from trading.contingency.group_state import GroupState, PlaceMember
from trading.contingency.requests import EXITS, ROLE_NUMBERS, Role


def tries(state: GroupState, role: Role) -> int:
    """Return how many orders of a role have been placed: the number of the next one."""
    return sum(m.role == role and not m.placed.adopted for m in state.members)


def member_name(state: GroupState, role: Role, number: int) -> str:
    """Return the client order id of the n-th order of a role."""
    request = state.request
    return member_id(request.strategy, request.signal_id, request.leg, ROLE_NUMBERS[role], number)


def order_of(state: GroupState, step: PlaceMember, number: int, now_ns: int) -> Order:
    """Return the n-th order of a role as it is built, not sent.

    Exits name the order that opened what they give back as their parent, where it is one order of
    the group: what several orders may open is one position, and no trade of any of them.
    """
    request = state.request
    parent = ""
    if (step.role in EXITS or step.role == "then") and not request.entered_by:
        entries = [m.placed for m in state.members if m.role == "entry"]
        parent = entries[0].client_order_id if entries else request.protects
    order = Order(
        client_order_id=member_name(state, step.role, number),
        account=request.account,
        strategy=request.strategy,
        signal_id=request.signal_id,
        symbol=request.symbol,
        side=step.side,
        quantity_units=step.terms.quantity_units,
        status="initialized",
        ts_event_ns=now_ns,
        ts_recv_ns=now_ns,
        venue=request.venue,
        parent_id=parent,
        group_id=request.group_id,
        user=request.user,
        model_id=request.model_id,
    )
    return with_terms(order, step.terms)
