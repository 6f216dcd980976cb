"""Interactive Brokers under the conformance suite: the adapter against the gateway double."""

import time
from collections.abc import Callable
from datetime import time as time_of_day
from decimal import Decimal
from pathlib import Path

from brokers.ib.settings import IbSettings
from brokers.ib.venue import IbVenue
from testkit.venues.ib import IbGateway
from tests.contracts.venues.case import Misbehaviour
from trading.venues import Venue

ACCOUNT = "DU1234567"
DELAY_S = 0.3


class IbCase:
    """One account of one gateway; every adapter that is opened is stopped with it.

    Parameters
    ----------
    folder
        Where the mark of order ids is kept.
    """

    name = "ib"
    # No server errors: the socket API has no such answer beside its codes.
    can: frozenset[Misbehaviour] = frozenset(
        {
            "delay_reply",
            "drop_reply_after_apply",
            "refuse_connection",
            "disconnect",
            "rate_limit",
            "duplicate_events",
            "reorder_events",
            "restart",
            "partial_fill",
            "reject_next",
        }
    )

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.gateway = IbGateway(ACCOUNT, pip_parts=10)
        self._opened: list[IbVenue] = []

    def open(self) -> Venue:
        """Return a new adapter on the account."""
        settings = IbSettings(
            account=ACCOUNT,
            folder=self._folder,
            port=self.gateway.port,
            fill_or_kill=True,
            answer_timeout_s=1.0,
            logon_timeout_s=3.0,
            reconnect_s=0.02,
            longest_reconnect_s=0.2,
            settle_s=0.0,
            # The suite runs at any hour of the day.
            reset_from=time_of_day(0),
            reset_until=time_of_day(0),
        )
        venue = IbVenue(settings)
        self._opened.append(venue)
        return venue

    def quote(self, symbol: str, bid: Decimal, ask: Decimal) -> None:
        """Move the market."""
        self.gateway.quote(symbol, bid, ask)

    def misbehave(self, what: Misbehaviour) -> None:
        """Play a fault."""
        faults = self.gateway.faults
        match what:
            case "delay_reply":
                faults.delay_s = DELAY_S
            case "drop_reply_after_apply":
                faults.drop_reply = True
            case "refuse_connection":
                faults.refuse_logons = 1
            case "disconnect":
                self.gateway.cut()
            case "rate_limit":
                faults.rate_limit = True
            case "duplicate_events":
                faults.duplicate = True
            case "reorder_events":
                faults.reorder = True
            case "restart":
                self.gateway.restart()
            case "partial_fill":
                faults.partial = "7000"
            case "reject_next":
                faults.reject = "YOUR ORDER IS NOT ACCEPTED: INSUFFICIENT MARGIN"
            case _:
                msg = f"the gateway double cannot play {what}"
                raise NotImplementedError(msg)

    def submits(self) -> list[str]:
        """Return what ever reached the double."""
        return list(self.gateway.book.submits)

    def attribution(self, client_order_id: str) -> tuple[str, str, str]:
        """Return strategy, user and model as they stand on the order at the double."""
        (fields,) = [
            order.fields
            for order in self.gateway.book.orders
            if order.fields["orderRef"] == client_order_id
        ]
        return fields["mifid2ExecutionAlgo"], fields["extOperator"], fields["mifid2DecisionAlgo"]

    def settle(self, done: Callable[[], bool], timeout_s: float = 5.0) -> bool:
        """Let time pass until something is true."""
        deadline_s = time.monotonic() + timeout_s
        while not done():
            if time.monotonic() > deadline_s:
                return False
            time.sleep(0.005)
        return True

    def close(self) -> None:
        """Stop the adapters and the double."""
        for venue in self._opened:
            venue.stop()
        self.gateway.close()
