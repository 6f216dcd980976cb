"""A venue against a scripted counterparty, and the messages that scripts are made of."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from brokers.fix.config import FixConfig
from domain.ids import client_order_id
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order, terms_of
from testkit.venues.fix.scripted import ScriptedCounterparty
from trading.venues import LinkEvent, Replace, Submit, VenueEvent, VenueInstrument

if TYPE_CHECKING:
    from brokers.fix.venue import FixVenue

EURUSD = VenueInstrument(
    symbol="EURUSD",
    name="EUR/USD",
    pip_location=-4,
    price_step=Decimal("0.00001"),
    units_step=Decimal(1),
    min_units=Decimal(1_000),
    max_units=Decimal(10_000_000),
    margin_rate=Decimal("0.02"),
)
PASSWORD = "kanarienvogel-7391"  # noqa: S105 - the canary that must not be found anywhere


@dataclass
class Rig:
    """A counterparty, a venue on it, and what the venue told."""

    peer: ScriptedCounterparty
    config: FixConfig
    venue: "FixVenue"
    told: list[VenueEvent] = field(default_factory=list)

    def start(self, reset: bool = False, heartbeat_s: int = 30) -> dict[int, str]:
        """Log the venue on; return its Logon."""
        waiting = self.start_in_background()
        logon = self.peer.log_on(reset=reset, heartbeat_s=heartbeat_s)
        waiting()
        return logon

    def start_in_background(self) -> Callable[[], None]:
        """Begin to log on; what it returns waits for the end, and raises what the start raised."""
        errors: list[Exception] = []

        def run() -> None:
            try:
                self.venue.start(self.told.append)
            except Exception as error:  # noqa: BLE001 - raised again by whoever waits
                errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()

        def wait() -> None:
            thread.join(10)
            assert not thread.is_alive()
            if errors:
                raise errors[0]

        return wait

    def events(self, *kinds: EventKind) -> list[OrderEvent]:
        """Return the order events of some kinds, of all for none."""
        found = [one for one in self.told if isinstance(one, OrderEvent)]
        return [one for one in found if not kinds or one.kind in kinds]

    def links(self) -> list[LinkEvent]:
        """Return what was told of the connection."""
        return [one for one in self.told if isinstance(one, LinkEvent)]

    def until(self, done: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Wait until something is true."""
        deadline = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < deadline, f"never came true; told: {self.told}"
            time.sleep(0.002)

    def until_told(self, kind: EventKind, count: int = 1) -> OrderEvent:
        """Wait for the count-th event of a kind; return it."""
        self.until(lambda: len(self.events(kind)) >= count)
        return self.events(kind)[count - 1]

    def positions(self) -> Decimal:
        """Return the units that the told executions amount to, each applied once by its id."""
        fills = {one.execution_id: one for one in self.events(EventKind.FILL)}
        for one in self.events(EventKind.BUST, EventKind.CORRECT):
            before = fills.pop(one.execution_ref, None)
            if before is not None and one.kind is EventKind.CORRECT:
                fills[one.execution_id] = one
        return sum((one.quantity_units or Decimal(0) for one in fills.values()), Decimal(0))


OpenRig = Callable[..., Rig]
"""Makes rigs with other settings: the fixture `open_rig`."""


def an_order(number: int = 1, **changes: object) -> Order:
    """Make a limit order to buy 10,000 EURUSD at 1.1."""
    order = Order(
        client_order_id=client_order_id("trend", f"signal-{number}", 0, 0),
        account="ACC-1",
        strategy="trend",
        signal_id=f"signal-{number}",
        symbol="EURUSD",
        side="buy",
        quantity_units=Decimal(10_000),
        status="pending_new",
        ts_event_ns=0,
        ts_recv_ns=0,
        order_type="limit",
        time_in_force="GTC",
        limit_price=Decimal("1.10000"),
        user="mira",
        model_id="0f" * 16,
    )
    return msgspec.structs.replace(order, **changes)


def report(
    order: Order, exec_type: str, status: str, request_name: str = "", **more: str
) -> list[tuple[int, str]]:
    """Write an ExecutionReport of an order; further fields as ``t32="500"``."""
    name = request_name or order.client_order_id
    fields = {
        1: order.account,
        6: "0",
        11: name,
        14: "0",
        17: f"{exec_type}-{name[-4:]}",
        37: "OID-1",
        38: str(order.quantity_units),
        39: status,
        40: "2",
        44: str(order.limit_price),
        54: "1",
        55: "EUR/USD",
        59: "1",
        60: "20260105-10:00:00.000",
        150: exec_type,
        151: str(order.quantity_units),
    }
    fields.update({int(tag[1:]): value for tag, value in more.items()})
    return [(tag, value) for tag, value in fields.items() if value]


def fill(
    order: Order, exec_id: str, last: int, cum: int, status: str = "1", leaves: int | None = None
) -> list[tuple[int, str]]:
    """Write an ExecutionReport of a fill at 1.1."""
    left = int(order.quantity_units) - cum if leaves is None else leaves
    return report(
        order,
        "F",
        status,
        t17=exec_id,
        t32=str(last),
        t31="1.10000",
        t14=str(cum),
        t151=str(left),
        t6="1.10000",
    )


def submit(rig: Rig, order: Order) -> dict[int, str]:
    """Send an order and return what the counterparty got."""
    rig.venue.send(Submit(order))
    return rig.peer.expect("D")


def a_replace(order: Order, units: int, request: int, previous: int = 0) -> Replace:
    """Make a replace of the quantity."""
    terms = msgspec.structs.replace(terms_of(order), quantity_units=Decimal(units))
    return Replace(order, terms, request, previous)


def orders_received(rig: Rig) -> list[str]:
    """Return the ClOrdID of every NewOrderSingle that ever arrived, possible duplicates too."""
    return [message[11] for message in rig.peer.received if message[35] == "D"]
