"""One parent and its children between two moments, and what follows from them."""

from decimal import Decimal

import msgspec

from domain.orders import CLOSED_STATUSES
from trading.algos.actions import Progress
from trading.algos.parents import ParentOrder, ParentStatus, ParentView
from trading.algos.placed import ZERO, Placed


class ParentState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is known of a parent.

    Attributes
    ----------
    children
        In the order of their placing.
    stop
        Why nothing more is placed; empty while something may be.
    ended_ns
        When it came to its end; None before.
    begun
        Whether its start has passed.
    """

    parent: ParentOrder
    children: tuple[Placed, ...] = ()
    stop: str = ""
    ended_ns: int | None = None
    begun: bool = False

    def committed_units(self, now_ns: int, late_fill_ns: int) -> Decimal:
        """Return what is filled, and all that may still come to be, base units."""
        counted = [c.filled_units + c.counted_units(now_ns, late_fill_ns) for c in self.children]
        return sum(counted, ZERO)

    def progress(self, now_ns: int, late_fill_ns: int) -> Progress:
        """Return how far the children have come."""
        free = self.parent.quantity_units - self.committed_units(now_ns, late_fill_ns)
        return Progress(self.children, max(ZERO, free))

    @property
    def next_number(self) -> int:
        """Number of the next child."""
        return sum(not child.adopted for child in self.children)

    def refused_in_a_row(self) -> int:
        """Return how many of the newest children were refused without any that worked between."""
        count = 0
        for child in reversed(self.children):
            if child.adopted or not child.is_refused:
                return count
            count += 1
        return count

    def view(self) -> ParentView:
        """Return the parent as it stands."""
        progress = Progress(self.children)
        working = sum((c.may_fill_units for c in progress.open), ZERO)
        doubtful = sum((c.may_fill_units for c in progress.open if c.in_doubt), ZERO)
        filled = progress.filled_units
        return ParentView(
            self.parent.parent_id,
            self._status(),
            filled,
            progress.average_price,
            max(ZERO, self.parent.quantity_units - filled),
            working,
            doubtful,
            self.next_number,
            self.stop,
        )

    def _status(self) -> ParentStatus:
        if self.ended_ns is not None:
            return "done"
        if self.stop:
            return "ending"
        return "working" if self.begun else "waiting"


def with_child(state: ParentState, child: Placed) -> ParentState:
    """Return the state with a child in the place of what was known of it, or behind the others."""
    names = [known.client_order_id for known in state.children]
    if child.client_order_id not in names:
        return msgspec.structs.replace(state, children=(*state.children, child))
    row = names.index(child.client_order_id)
    children = (*state.children[:row], child, *state.children[row + 1 :])
    if state.ended_ns is not None and child.status not in CLOSED_STATUSES:
        # The venue works a child after all: the parent has not come to its end.
        return msgspec.structs.replace(state, children=children, ended_ns=None)
    return msgspec.structs.replace(state, children=children)
