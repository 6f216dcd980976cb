"""A tape for the paper venue: quotes as text lines, and orders with few words."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from brokers.paper_venue.config import PaperVenueConfig
from brokers.paper_venue.venue import PaperVenue, open_paper_venue
from domain.nanos import MS_NS, parse_ns
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order, OrderTerms, terms_of
from domain.ticks import Kind, TickArray, new_records
from trading.venues import Cancel, Replace, Submit, VenueEvent

START_NS = parse_ns("2024-03-05T12:00:00")
"""A Tuesday, far from a roll and from daylight saving."""

LAG_NS = 2 * MS_NS
"""A tick is received two milliseconds after its event."""

ORDER = Order(
    client_order_id="ax1",
    account="paper",
    strategy="s",
    signal_id="g",
    symbol="EURUSD",
    side="buy",
    quantity_units=Decimal(1000),
    status="pending_new",
    ts_event_ns=START_NS,
    ts_recv_ns=START_NS,
)


def ms(number: float) -> int:
    """Return the nanoseconds of so many milliseconds after the start."""
    return START_NS + round(number * MS_NS)


def tape(text: str) -> TickArray:
    """Read lines ``received_ms bid ask [bid_size ask_size]``; ``received_ms *`` is a heartbeat."""
    lines = [line.split() for line in text.strip().splitlines()]
    records = new_records(len(lines))
    records["bid_size"] = records["ask_size"] = np.nan
    for record, (clock, *prices) in zip(records, lines, strict=True):
        record["ts_recv_ns"] = ms(float(clock))
        record["ts_event_ns"] = record["ts_recv_ns"] - LAG_NS
        if prices == ["*"]:
            record["kind"] = Kind.HEARTBEAT
            continue
        record["bid"], record["ask"] = float(prices[0]), float(prices[1])
        if prices[2:]:
            record["bid_size"], record["ask_size"] = float(prices[2]), float(prices[3])
    return records


class Desk:
    """A venue with an ear: everything that it says is in ``heard``."""

    def __init__(self, path: Path | None = None, **settings: Any) -> None:
        self.heard: list[VenueEvent] = []
        self._symbols: dict[str, None] = {}
        self.venue: PaperVenue = open_paper_venue(PaperVenueConfig.of(settings), path)
        self.venue.start(self.heard.append)

    def submit(self, at_ms: float = 0, **fields: Any) -> Order:
        """Send an order at some time, by default a market order to buy 1,000 EURUSD."""
        values = {
            name: Decimal(value)
            if name.endswith(("_units", "_price", "_distance", "_bound"))
            else value
            for name, value in fields.items()
        }
        order = replace(ORDER, ts_event_ns=ms(at_ms), ts_recv_ns=ms(at_ms), **values)
        self._symbols[order.symbol] = None
        self.venue.send(Submit(order))
        return order

    def cancel(self, order: Order, at_ms: float, request: int = 1) -> None:
        """Send a cancel at some time."""
        self.venue.send(Cancel(replace(order, ts_recv_ns=ms(at_ms)), request))

    def replace(self, order: Order, at_ms: float, request: int = 1, **changes: Any) -> None:
        """Send other terms at some time."""
        terms: OrderTerms = replace(terms_of(order), **changes)
        self.venue.send(Replace(replace(order, ts_recv_ns=ms(at_ms)), terms, request))

    def play(self, text: str, symbol: str = "EURUSD") -> list[str]:
        """Play a tape; return what was said on it, as lines."""
        self._symbols[symbol] = None
        return [line(e) for e in self.venue.on_records(symbol, tape(text))]

    def time(self, at_ms: float) -> list[str]:
        """Let a heartbeat of every symbol come that was played or ordered; return what was said."""
        beat = tape(f"{at_ms} *")
        return [line(e) for s in self._symbols for e in self.venue.on_records(s, beat)]

    def events(self) -> list[OrderEvent]:
        """Return all that was said about orders."""
        return [event for event in self.heard if isinstance(event, OrderEvent)]

    def said(self) -> list[str]:
        """Return all events about orders as lines."""
        return [line(event) for event in self.events()]


def line(event: Any) -> str:
    """Write an event as ``received_ms kind [units@price] [reason]``; a charge as it is booked."""
    if not isinstance(event, OrderEvent):
        return f"{event.kind} {event.symbol} {event.amount} {event.currency}"
    clock = (event.ts_recv_ns - START_NS) / MS_NS
    parts = [f"{clock:g}", str(event.kind)]
    if event.kind == EventKind.FILL:
        parts.append(f"{event.quantity_units}@{event.price}")
    if event.reason:
        parts.append(str(event.reason))
    return " ".join(parts)
