"""The venue's side of an account: its door, its data, and its market if it plays the log's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from domain.order_events import OrderEvent
from domain.ticks import TickArray
from trading.desk.ports import Door
from trading.marks import AccountMark
from trading.orders.effects import Alert
from trading.venues import Capabilities, VenueInstrument


class Market(Protocol):
    """A venue that fills on the records of the log; what happens there comes through its door."""

    def resume(self, sequences: Mapping[str, int]) -> None:
        """Begin again, each symbol behind an event: what was said since is said again."""
        ...

    def answers(self, client_order_id: str, request: int, by_ns: int) -> list[OrderEvent] | None:
        """Return, once, what was said at once of a request that an earlier life has sent.

        Parameters
        ----------
        request
            Its number: 0 for the order itself.
        by_ns
            When it was sent, receive time.

        Returns
        -------
        list or None
            None if it never arrived.
        """
        ...

    def on_records(self, symbol: str, records: TickArray) -> None:
        """Play the next records of a symbol."""
        ...

    @property
    def calls_margin(self) -> bool:
        """Whether it wants to be told the marks of the account."""
        ...

    def charges(self, symbol: str) -> bool:
        """Say whether what is held of a symbol is charged as its records go by."""
        ...

    def on_mark(self, symbol: str, ts_recv_ns: int, mark: AccountMark) -> None:
        """Tell a symbol how the account stood at the mark of the boundary that it has come to.

        Parameters
        ----------
        ts_recv_ns
            Receive time of the record behind which the symbol stands.
        """
        ...

    def sequences(self) -> dict[str, int]:
        """Return the place of the last event that was said of each symbol."""
        ...

    def is_behind(self) -> bool:
        """Say whether something that was said before is still to be said again."""
        ...

    def checkpoint(self) -> None:
        """Make durable all that a new life needs, the log from here on given."""
        ...


@dataclass(frozen=True)
class Counterparty:
    """What an account needs of its venue.

    Attributes
    ----------
    door
        Its gateway.
    market
        The venue itself where it plays the log's records; None for a real one.
    tradeable
        Whether it takes orders for a symbol now.
    capabilities, instruments
        What the venue can do, and its own data of the pairs: for algorithms, stops and targets.
    alert
        Told of what a person should know, and when, nanoseconds UTC.
    """

    door: Door
    market: Market | None
    alert: Callable[[Alert, int], None]
    tradeable: Callable[[str], bool] = lambda _: True
    capabilities: Capabilities | None = None
    instruments: Mapping[str, VenueInstrument] = field(default_factory=dict)
