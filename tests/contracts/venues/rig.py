"""A venue under test with an ear on it, and orders that every venue can take."""

import importlib.util
import os
from collections.abc import Callable
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from domain.errors import Reject, Retry
from domain.ids import client_order_id
from domain.nanos import parse_ns
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order, OrderTerms
from tests.contracts.venues.case import Misbehaviour, VenueCase
from trading.orders.book import OrderBook
from trading.venues import Cancel, Replace, Submit, Unsent, Venue, VenueEvent

SENT_NS = parse_ns("2024-03-05T11:00:00")
UNITS = Decimal(30_000)
"""Enough for every venue's least size."""

BID, ASK = Decimal("1.10000"), Decimal("1.10010")
CASES = ("paper", "oanda", "ib", "fix")


def make_case(name: str, folder: Path) -> VenueCase:
    """Return the case of a venue; where a dependency of it may be missing, skip."""
    if name == "fix" and importlib.util.find_spec("quickfix") is None:
        if os.environ.get("AIFX_REQUIRE_FIX") == "1":
            pytest.fail("quickfix is required here and is not installed")
        pytest.skip("quickfix is not installed")
    module = f"tests.contracts.venues.{name}_case"
    if not (Path(__file__).parent / f"{name}_case.py").exists():
        pytest.skip(f"no case of {name}")
    case: VenueCase = getattr(import_module(module), _CLASSES[name])(folder)
    return case


_CLASSES = {"paper": "PaperCase", "oanda": "OandaCase", "ib": "IbCase", "fix": "FixCase"}


class Rig:
    """One venue, started, with all that it says in ``heard``."""

    def __init__(self, case: VenueCase, label: str) -> None:
        self.case = case
        self.heard: list[VenueEvent] = []
        self._label = label
        self._made = 0
        self.venue: Venue = case.open()
        self.venue.start(self.heard.append)
        self.case.quote("EURUSD", BID, ASK)

    def needs(self, what: Misbehaviour) -> None:
        """Skip where the double cannot play a fault; else play it."""
        if what not in self.case.can:
            pytest.skip(f"the double of {self.case.name} cannot play {what}")
        self.case.misbehave(what)

    def reopen(self) -> None:
        """Log off, and on again with a new adapter."""
        self.venue.stop()
        self.venue = self.case.open()
        self.venue.start(self.heard.append)

    def order(self, **fields: Any) -> Order:
        """Make an order that nobody has seen, at the market unless told otherwise."""
        self._made += 1
        order = Order(
            client_order_id=client_order_id("conformance", self._label, 0, self._made),
            account=self.venue.account,
            strategy="trend",
            signal_id="s1",
            symbol="EURUSD",
            side="buy",
            quantity_units=UNITS,
            status="pending_new",
            ts_event_ns=SENT_NS,
            ts_recv_ns=SENT_NS,
            user="ann",
            model_id="m1",
        )
        return replace(order, **fields)

    def resting(self, price: str = "1.05000", **fields: Any) -> Order:
        """Make a limit order that waits far below the market."""
        terms = {"order_type": "limit", "limit_price": Decimal(price), "time_in_force": "GTC"}
        return self.order(**terms | fields)

    def send(self, order: Order) -> Order:
        """Send an order."""
        self.venue.send(Submit(order))
        return order

    def refused(self, order: Order) -> str:
        """Send an order that cannot work; return the reason or the text of the refusal."""
        try:
            self.venue.send(Submit(order))
        except Reject as error:
            return str(getattr(error, "reason", error))
        return str(self.wait(order, EventKind.REJECT).reason)

    def is_unsent(self, order: Order) -> bool:
        """Say whether the venue has said that an order never left."""
        unsent = [e.command.order for e in list(self.heard) if isinstance(e, Unsent)]
        return order.client_order_id in {one.client_order_id for one in unsent}

    def cancel(self, order: Order, request: int = 1, previous: int = 0) -> None:
        """Send a cancel of an order as it stands."""
        self.venue.send(Cancel(self.known(order), request, previous))

    def replace(self, order: Order, terms: OrderTerms, request: int = 1) -> None:
        """Send other terms for an order as it stands."""
        self.venue.send(Replace(self.known(order), terms, request))

    def known(self, order: Order) -> Order:
        """Return an order with the venue's name for it, if it has told one."""
        names = [e.venue_order_id for e in self.of(order) if e.venue_order_id]
        return replace(order, venue_order_id=names[-1]) if names else order

    def of(self, order: Order) -> list[OrderEvent]:
        """Return what was said about an order."""
        return [
            e
            for e in list(self.heard)
            if isinstance(e, OrderEvent) and e.client_order_id == order.client_order_id
        ]

    def fills(self, order: Order) -> list[OrderEvent]:
        """Return the fills of an order, each once."""
        named = {e.execution_id: e for e in self.of(order) if e.kind == EventKind.FILL}
        return list(named.values())

    def filled(self, order: Order) -> Decimal:
        """Return how many base units of an order have filled."""
        return sum((e.quantity_units or Decimal(0) for e in self.fills(order)), Decimal(0))

    def wait(self, order: Order, *kinds: EventKind, request: int | None = None) -> OrderEvent:
        """Wait for an event of one of some kinds, and return the first."""

        def found() -> list[OrderEvent]:
            return [e for e in self.of(order) if e.kind in kinds and request in (None, e.request)]

        self.until(lambda: bool(found()), f"{' or '.join(kinds)} of {order.client_order_id}")
        return found()[0]

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait for something, over a venue that cannot say now; fail with all that was said."""

        def is_done() -> bool:
            try:
                return done()
            except Retry:
                return False

        # One question may take 5 s by itself where a session has to come back first.
        assert self.case.settle(is_done, 20.0), f"no {what} in {self.heard}"

    def is_known(self, order: Order) -> bool | None:
        """Say whether the venue has an order and has not refused it; None while it cannot say."""
        try:
            report = self.venue.query(order, 5)
        except Retry:
            return None
        return report is not None and report.status != "rejected"

    def position(self, symbol: str = "EURUSD") -> Decimal:
        """Return what the venue says is held."""
        held = self.venue.snapshot(None, 5).positions
        return sum((p.units for p in held if p.symbol == symbol), Decimal(0))


def folded(rig: Rig, orders: list[Order], events: list[OrderEvent]) -> OrderBook:
    """Fold orders that were sent, and what was said about them, into a book."""
    book = OrderBook(rig.venue.account)
    for order in orders:
        book.add(replace(order, status="initialized"))
        book.apply(OrderEvent(EventKind.SUBMIT, order.client_order_id, SENT_NS, SENT_NS, request=0))
    return book.fold(events)
