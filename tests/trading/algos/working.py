"""Parents on a floor, with few words."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from domain.orders import Order
from tests.trading.algos.floor import ACCOUNT, MINUTE_NS, SECOND_NS, TUESDAY_NS, Floor
from trading.algos.actions import SubmitOrder
from trading.algos.parents import Algorithm, ParentCancel, ParentOrder, ParentView
from trading.algos.working import Parents


def parent(algorithm: Algorithm, units: int = 1000, **changes: Any) -> ParentOrder:
    """Return an order to buy EURUSD over ten minutes."""
    fields: dict[str, Any] = {
        "account": ACCOUNT,
        "strategy": "trend",
        "signal_id": "s1",
        "symbol": "EURUSD",
        "side": "buy",
        "quantity_units": Decimal(units),
        "algorithm": algorithm,
        "start_ns": TUESDAY_NS,
        "end_ns": TUESDAY_NS + 10 * MINUTE_NS,
        "user": "ann",
        "model_id": "m1",
    }
    return ParentOrder(**(fields | changes))


class Desk:
    """One parent at work on a floor."""

    def __init__(self, order: ParentOrder, floor: Floor, late_fill_ns: int = 0) -> None:
        self.order = order
        self.floor = floor
        self.parents = Parents(late_fill_ns)
        self.parents.apply(order)
        self.sent: list[tuple[int, Order]] = []
        """Second since the start, and the child that was placed then."""
        self.asked: list[tuple[int, object]] = []
        """The same for all that was asked for."""
        floor.heard = self.parents.on_order

    def at(self, second: int, bid: str | None = None, ask: str | None = None) -> list[Order]:
        """Let one moment pass; return the children placed in it."""
        now_ns = TUESDAY_NS + second * SECOND_NS
        self.floor.step(now_ns, bid, ask)
        outputs = self.parents.on_clock(now_ns, self.floor.view)
        self.floor.carry_out(outputs)
        self.floor.step(now_ns)
        placed = [output.order for output in outputs if isinstance(output, SubmitOrder)]
        self.sent += [(second, order) for order in placed]
        self.asked += [(second, output) for output in outputs]
        return placed

    def run(
        self, first: int, last: int, each: Callable[[int], None] = lambda _: None, by: int = 1
    ) -> None:
        """Let the seconds from first to last pass."""
        for second in range(first, last + 1, by):
            each(second)
            self.at(second)

    def cancel(self, second: int) -> None:
        """Ask for the parent's end."""
        self.parents.apply(ParentCancel(self.order.parent_id, TUESDAY_NS + second * SECOND_NS))

    @property
    def view(self) -> ParentView:
        """The parent as it stands."""
        return self.parents.state(self.order.parent_id).view()

    def sizes(self) -> list[tuple[int, int]]:
        """Return second and size of each child."""
        return [(second, int(order.quantity_units)) for second, order in self.sent]
