"""An order that closed long ago, whole, with every name that it goes by: what is kept of it."""

from collections.abc import Iterable, Mapping

import msgspec

from trading.orders.state import OrderState


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One order to put away.

    Attributes
    ----------
    state
        As the book has it.
    aliases, venue_ids
        Names in events that mean it: of the client's kind, and of the venue's.
    """

    state: OrderState
    aliases: tuple[str, ...] = ()
    venue_ids: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its client order id."""
        return self.state.order.client_order_id


def named(
    states: Iterable[OrderState], aliases: Mapping[str, str], by_venue: Mapping[str, str]
) -> list[Closed]:
    """Return orders with their names; costs a pass over all names."""
    own: dict[str, list[str]] = {}
    theirs: dict[str, list[str]] = {}
    for found, names in ((own, aliases), (theirs, by_venue)):
        for name, meant in names.items():
            found.setdefault(meant, []).append(name)
    return [
        Closed(state, tuple(own.get(name, ())), tuple(theirs.get(name, ())))
        for state in states
        for name in (state.order.client_order_id,)
    ]


def over(
    states: Iterable[OrderState], still_open: Iterable[OrderState], ts_ns: int
) -> list[OrderState]:
    """Return the orders that are done, and of which nothing was heard since before a time.

    One whose group or parent still has an open order is not over.
    """
    going_on = {
        name
        for state in still_open
        for name in (state.order.group_id, state.order.parent_id)
        if name
    }
    return [
        state
        for state in states
        if state.ts_own_ns < ts_ns
        and not (state.is_open or state.status == "initialized")
        and going_on.isdisjoint(
            (state.order.client_order_id, state.order.group_id, state.order.parent_id)
        )
    ]
