"""What a desk needs of others: a door to the venue, and somebody who keeps the accounts."""

from collections.abc import Iterable
from typing import Protocol

from domain.control import ControlEvent
from domain.orders import Execution, Order, Position
from trading.orders.effects import Alert, Booked
from trading.venues import Command, VenueEvent, VenueSnapshot

Out = Order | Execution | Position | ControlEvent
"""What an account emits."""


class Door(Protocol):
    """The one way to a venue; see ``brokers.gateway``."""

    def send(self, command: Command) -> None:
        """Hand a command over and come back at once.

        Raises
        ------
        NotSent
            If provably nothing left.
        Reject
            If it may not leave, or the venue cannot do it.
        Halt
            If this process may not write any more.
        """
        ...

    def query(self, order: Order) -> None:
        """Ask about an order; the answer comes among the events, if there is one."""
        ...

    def snapshot(self, since: int | None) -> None:
        """Ask for the whole record of the account; it comes among the reports."""
        ...

    def drain(self) -> list[VenueEvent | VenueSnapshot]:
        """Return what has been reported since the last call, in its order."""
        ...

    def closed(self, client_order_id: str) -> None:
        """Note that an order has come to its end."""
        ...

    def adopt(self, orders: Iterable[Order]) -> None:
        """Take over orders that were open before this process began."""
        ...

    def kill(self, reason: str, strategy: str = "") -> object:
        """Let no order of the strategy (empty: of anybody) leave, and cancel all that are open."""
        ...

    def release(self, strategy: str = "") -> None:
        """Let orders leave again."""
        ...


class Accounts(Protocol):
    """Keeps positions and profit in account currency, at the quotes that it knows."""

    def book(self, booked: Booked, order: Order) -> tuple[Execution, Position]:
        """Account for an execution of an order; return it with its profit, and the position."""
        ...

    def restore(self, execution: Execution, order: Order) -> Position:
        """Account for an execution of an order whose profit was worked out in an earlier life."""
        ...

    def alert(self, alert: Alert, ts_ns: int) -> None:
        """Tell a person."""
        ...
