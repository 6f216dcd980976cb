"""What a desk needs of others: a door to the venue, and somebody who keeps the accounts."""

from collections.abc import Callable, Iterable
from typing import Protocol

from domain.control import ControlEvent
from domain.orders import Execution, Order, Position
from trading.orders.effects import Alert, Booked
from trading.orders.state import OrderState
from trading.venues import (
    AccountCharge,
    Barred,
    Command,
    LinkEvent,
    Unanswered,
    Unsent,
    VenueEvent,
    VenueSnapshot,
)

Out = Order | Execution | Position | ControlEvent
"""What an account emits."""

Report = AccountCharge | Barred | LinkEvent | Unanswered | Unsent | VenueSnapshot
"""What a venue says of the account and its links, beside its orders."""


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
        """Ask about an order; the answer comes among the reports, or why there is none."""
        ...

    def snapshot(self, since: int | None) -> None:
        """Ask for the whole record of the account; it comes as an answer about an order does."""
        ...

    def resend(self, now_ns: int, may: Callable[[Order], str | None]) -> None:
        """Try the orders again that never left, as far as each may leave now.

        Parameters
        ----------
        may
            None if it may, a code if it never may, an empty text if it has to wait.
        """
        ...

    def drain(self) -> list[VenueEvent | VenueSnapshot | Unanswered]:
        """Return what has been reported since the last call, in its order."""
        ...

    def closed(self, client_order_id: str) -> None:
        """Note that an order has come to its end."""
        ...

    def adopt(self, states: Iterable[OrderState]) -> None:
        """Take over open orders as the book has them, which this process has not sent so."""
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
