"""What the engine asks of a venue."""

from decimal import Decimal
from typing import Literal, Protocol

import msgspec

from domain.orders import Order
from domain.ticks import TickArray

DUPLICATE = "duplicate_client_order_id"
"""Reject reason of a venue that knows the id already: the first order stands, ask for its state."""


class Fill(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fill as the venue reports it.

    Attributes
    ----------
    quantity_units
        Base units (> 0).
    price
        Quote currency per base unit (> 0).
    ts_event_ns, ts_recv_ns
        Times of the quote that it filled on, nanoseconds UTC: the fill counts from there on,
        however late it is reported.
    """

    execution_id: str
    client_order_id: str
    quantity_units: Decimal
    price: Decimal
    ts_event_ns: int
    ts_recv_ns: int


class BrokerReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a venue says of an order; ``reason`` is empty unless it is rejected."""

    client_order_id: str
    status: Literal["accepted", "filled", "rejected"]
    reason: str = ""


class Broker(Protocol):
    """A venue for market orders. Every method may raise `Retry` or an `OSError` of the network."""

    def submit(self, order: Order, sent_ns: int) -> BrokerReport:
        """Send an order once; ``sent_ns`` is the moment of the decision.

        Raises
        ------
        Retry, ConnectionError, TimeoutError
            If the outcome is not known: the order may or may not have arrived.
        """
        ...

    def query(self, client_order_id: str) -> BrokerReport | None:
        """Return the state of an order; None only where the venue does not know it and never will.

        Raises
        ------
        Retry, ConnectionError, TimeoutError
            If the venue cannot say for certain.
        """
        ...

    def match(self, client_order_id: str, records: TickArray) -> Fill | None:
        """Return the fill of an accepted order, if it has one.

        Parameters
        ----------
        records
            What its symbol's market did next (at least one record). A paper venue fills on these;
            a real one ignores them and returns what its event stream has brought. A fill may be
            reported again, and before the records have reached its ``ts_recv_ns``.
        """
        ...
