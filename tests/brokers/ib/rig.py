"""An adapter of IB at a gateway of the test kit, both on one clock that only the test moves."""

import time as wall
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from brokers.ib.settings import IbSettings
from brokers.ib.venue import IbVenue
from domain.errors import Retry
from domain.fx_calendar import NEW_YORK
from domain.ids import client_order_id
from domain.nanos import SECOND_NS, to_ns
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order
from testkit.venues.ib import IbGateway
from trading.venues import AccountCharge, LinkEvent, OrderReport, Submit, VenueEvent

ACCOUNT = "DU1234567"
NOON_NS = to_ns(datetime(2026, 1, 14, 12, 0, tzinfo=NEW_YORK))
BID, ASK = Decimal("1.10000"), Decimal("1.10005")


class Clock:
    """Nanoseconds that stand still until they are moved."""

    def __init__(self, ts_ns: int = NOON_NS) -> None:
        self.ts_ns = ts_ns

    def __call__(self) -> int:
        """Read it."""
        return self.ts_ns

    def advance(self, seconds: float) -> None:
        """Move it."""
        self.ts_ns += int(seconds * SECOND_NS)

    def set(self, hour: int, minute: int, day: int = 14) -> None:
        """Set it to a time of day in New York, January 2026."""
        self.ts_ns = to_ns(datetime(2026, 1, day, hour, minute, tzinfo=NEW_YORK))


def an_order(number: int = 1, **changes: Any) -> Order:
    """Make an order; by default a limit that rests at 1.09."""
    fields: dict[str, Any] = {
        "client_order_id": client_order_id("carry", "signal", 0, number),
        "account": ACCOUNT,
        "strategy": "carry",
        "signal_id": "signal",
        "symbol": "EURUSD",
        "side": "buy",
        "quantity_units": Decimal(20_000),
        "status": "pending_new",
        "ts_event_ns": NOON_NS,
        "ts_recv_ns": NOON_NS,
        "order_type": "limit",
        "time_in_force": "GTC",
        "limit_price": Decimal("1.09"),
        "user": "ann",
        "model_id": "model-7",
    }
    return Order(**(fields | changes))


def a_market_order(number: int = 1, **changes: Any) -> Order:
    """Make a market order that is immediate or cancel."""
    market = {"order_type": "market", "time_in_force": "IOC", "limit_price": None}
    return an_order(number, **(market | changes))


class Rig:
    """Gateway, adapter, and what the adapter emitted."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.clock = Clock()
        self.gateway = IbGateway(ACCOUNT, wall_ns=self.clock)
        self.gateway_port = self.gateway.port
        self.folder = folder
        self._settings = settings
        self.events: list[VenueEvent] = []
        self._venues: list[IbVenue] = []
        self.venue = self.open()
        self.gateway.quote("EURUSD", BID, ASK)

    def open(self, **changes: Any) -> IbVenue:
        """Make an adapter at this gateway; not started."""
        fixed: dict[str, Any] = {
            "account": ACCOUNT,
            "folder": self.folder,
            "port": self.gateway_port,
            "fill_or_kill": True,
            "logon_timeout_s": 3.0,
            "answer_timeout_s": 3.0,
            "reconnect_s": 0.01,
            "longest_reconnect_s": 0.05,
            "watch_s": 0.01,
        }
        venue = IbVenue(IbSettings(**(fixed | self._settings | changes)), self.clock)
        self._venues.append(venue)
        return venue

    def start(self) -> "Rig":
        """Start the adapter."""
        self.venue.start(self.events.append)
        return self

    def close(self) -> None:
        """End everything."""
        for venue in self._venues:
            venue.stop()
        self.gateway.close()

    def submit(self, order: Order) -> Order:
        """Send an order."""
        self.venue.send(Submit(order))
        return order

    def of(self, order: Order) -> list[OrderEvent]:
        """Return the events of an order."""
        wanted = order.client_order_id
        return [
            each
            for each in tuple(self.events)
            if isinstance(each, OrderEvent) and each.client_order_id == wanted
        ]

    def kinds(self, order: Order) -> list[str]:
        """Return the kinds of the events of an order."""
        return [each.kind.value for each in self.of(order)]

    def links(self) -> list[LinkEvent]:
        """Return what was told of the link."""
        return [each for each in tuple(self.events) if isinstance(each, LinkEvent)]

    def charges(self) -> list[AccountCharge]:
        """Return what was booked beside fills."""
        return [each for each in tuple(self.events) if isinstance(each, AccountCharge)]

    def until(self, done: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Wait until something is true; fail if it never is."""
        end = wall.monotonic() + timeout_s
        while not done():
            assert wall.monotonic() < end, f"never came true; events: {self.events}"
            wall.sleep(0.002)

    def until_kinds(self, order: Order, *kinds: str) -> None:
        """Wait for exactly these events of an order, and that no more follow at once."""
        self.until(lambda: len(self.of(order)) >= len(kinds))
        # An answer to a later question shows that everything before it was heard.
        if self.venue.query(order, 3.0) is None:
            assert kinds[0] in {"reject"}
        assert self.kinds(order) == list(kinds)

    def last(self, order: Order, kind: EventKind) -> OrderEvent:
        """Return the newest event of a kind."""
        return [each for each in self.of(order) if each.kind is kind][-1]

    def venue_is_up(self) -> bool:
        """Say whether the link came up last."""
        return self.links()[-1].up

    def until_known(self, order: Order) -> OrderReport:
        """Ask for an order until the venue says something of it."""
        found: list[OrderReport] = []

        def ask() -> bool:
            try:
                report = self.venue.query(order, 3.0)
            except Retry:
                return False
            found.extend([report] if report is not None else [])
            return bool(found)

        self.until(ask)
        return found[0]

    def externals(self) -> list[OrderEvent]:
        """Return the events of orders that are not ours."""
        return [
            each
            for each in tuple(self.events)
            if isinstance(each, OrderEvent) and not each.client_order_id
        ]
