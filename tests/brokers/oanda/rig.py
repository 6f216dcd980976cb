"""A v20 double with an adapter on it, an ear on the adapter, and orders to send."""

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from brokers.oanda.config import OandaConfig
from brokers.oanda.credentials import Token
from brokers.oanda.prices import PriceTick
from brokers.oanda.venue import OandaVenue
from domain.ids import client_order_id
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order
from testkit.venues.oanda.server import ACCOUNT, OandaServer
from trading.venues import Barred, Cancel, LinkEvent, Submit, Unsent, VenueEvent

CANARY = "canary-7f3a9c1e5b2d4680-do-not-log"
UNITS = Decimal(10_000)


def order_of(number: int, **fields: Any) -> Order:
    """Return the n-th order of a test: a market buy unless told otherwise."""
    order = Order(
        client_order_id=client_order_id("trend", "s1", number, 0),
        account=ACCOUNT,
        strategy="trend",
        signal_id="s1",
        symbol="EURUSD",
        side="buy",
        quantity_units=UNITS,
        status="pending_new",
        ts_event_ns=1,
        ts_recv_ns=1,
        user="ann",
        model_id="m1",
    )
    return replace(order, **fields)


class OandaRig:
    """Server, adapter and what the adapter said."""

    def __init__(self, folder: Path, server: OandaServer | None = None, **settings: Any) -> None:
        self.server = server or OandaServer(token=CANARY, heartbeat_s=0.05, window_s=0.01)
        if not self.server.port:
            self.server.start()
        self.token = folder / "token"
        self.token.write_text(CANARY + "\n", encoding="ascii")
        self._settings = {
            "url": self.server.url,
            # A busy machine must not look like a broker that is silent.
            "reply_timeout_s": 3.0,
            "silence_s": 3.0,
            "backoff_s": 0.01,
            "max_backoff_s": 0.05,
        } | settings
        self.heard: list[VenueEvent] = []
        self.ticks: list[PriceTick] = []
        self._made = 0
        self.venue = self.new_venue()

    def config(self, **settings: Any) -> OandaConfig:
        """Return the settings of an adapter on this server."""
        fields: dict[str, Any] = {
            "account_id": ACCOUNT,
            "allowed_accounts": frozenset({ACCOUNT}),
            "token": Token(path=self.token),
        }
        return OandaConfig(**fields | self._settings | settings)

    def new_venue(self, **settings: Any) -> OandaVenue:
        """Return an adapter that is not started."""
        return OandaVenue(self.config(**settings), on_tick=self.ticks.append)

    def start(self) -> "OandaRig":
        """Put a price there and log on."""
        if self.server.exchange.market.price("EUR_USD") is None:
            self.server.quote("EURUSD", "1.10000", "1.10010")
        self.venue.start(self.heard.append)
        return self

    def close(self) -> None:
        """Log off and end the server."""
        self.venue.stop()
        self.server.stop()

    def order(self, **fields: Any) -> Order:
        """Return an order that nobody has seen."""
        self._made += 1
        return order_of(self._made, **fields)

    def resting(self, price: str = "1.05000", **fields: Any) -> Order:
        """Return a limit order below the market."""
        terms = {"order_type": "limit", "limit_price": Decimal(price), "time_in_force": "GTC"}
        return self.order(**terms | fields)

    def send(self, order: Order) -> Order:
        """Submit an order."""
        self.venue.send(Submit(order))
        return order

    def accepted(self, order: Order) -> Order:
        """Submit an order, wait for its acknowledgement, and return it as it then stands."""
        self.send(order)
        return replace(order, venue_order_id=self.wait(order, EventKind.ACK).venue_order_id)

    def cancel(self, order: Order, request: int = 1, previous: int = 0) -> None:
        """Cancel an order."""
        self.venue.send(Cancel(order, request, previous))

    def of(self, order: Order) -> list[OrderEvent]:
        """Return what was said about an order."""
        return [
            e
            for e in list(self.heard)
            if isinstance(e, OrderEvent) and e.client_order_id == order.client_order_id
        ]

    def kinds(self, order: Order) -> list[EventKind]:
        """Return the kinds of what was said about an order."""
        return [event.kind for event in self.of(order)]

    def links(self) -> list[LinkEvent]:
        """Return what was said about connections."""
        return [e for e in list(self.heard) if isinstance(e, LinkEvent)]

    def bars(self) -> list[Barred]:
        """Return what was said of the account being barred."""
        return [e for e in list(self.heard) if isinstance(e, Barred)]

    def unsent(self) -> list[tuple[str, str]]:
        """Return the commands that never left, each with the reason."""
        found = [e for e in list(self.heard) if isinstance(e, Unsent)]
        return [(e.command.order.client_order_id, e.reason) for e in found]

    def wait(self, order: Order, kind: EventKind) -> OrderEvent:
        """Wait for an event of an order and return the first of its kind."""
        self.until(lambda: kind in self.kinds(order))
        return next(e for e in self.of(order) if e.kind == kind)

    def answered(self, order: Order) -> list[EventKind]:
        """Wait for anything to be said about an order, and return its kinds."""
        name = order.client_order_id
        self.until(lambda: bool(self.of(order)) or name in dict(self.unsent()))
        return self.kinds(order)

    def until(self, done: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Wait for something; fail with all that was said."""
        deadline_s = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < deadline_s, f"it did not come about: {self.heard}"
            time.sleep(0.003)

    def settled(self) -> None:
        """Wait until the adapter has heard of every transaction there is."""
        last = self.server.exchange.log.last_id
        self.until(lambda: any(getattr(e, "sequence", None) == last for e in list(self.heard)))
