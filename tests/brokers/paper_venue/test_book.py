"""What the venue says, folded into a book of our own, is what the venue has."""

from decimal import Decimal

import numpy as np
import pytest
from msgspec.structs import replace

from domain.order_events import EventKind, OrderEvent
from domain.ticks import heartbeat
from tests.brokers.paper_venue.market import Desk, ms
from tests.brokers.paper_venue.test_batches import SETTINGS, TYPES, walk, work
from trading.orders.book import OrderBook
from trading.orders.effects import Effect, Quarantined
from trading.venues import Command, Replace, Submit, VenueEvent


def our_act(command: Command) -> OrderEvent:
    """Return what we journal of a command before it leaves."""
    order = command.order
    if isinstance(command, Submit):
        kind, request, terms = EventKind.SUBMIT, 0, None
    elif isinstance(command, Replace):
        kind, request, terms = EventKind.REPLACE_REQUEST, command.request, command.terms
    else:
        kind, request, terms = EventKind.CANCEL_REQUEST, command.request, None
    sent_ns = order.ts_recv_ns
    return OrderEvent(kind, order.client_order_id, sent_ns, sent_ns, request=request, terms=terms)


def plan(seed: int) -> list[Command]:
    """Return what `work` sends, in the order of its times."""
    desk = Desk()
    work(desk, seed)
    return sorted(desk.venue.commands(), key=lambda command: command.order.ts_recv_ns)


class Keeper:
    """A book that hears a venue."""

    def __init__(self) -> None:
        self.book = OrderBook("paper")
        self.refused: list[Effect] = []

    def take(self, event: VenueEvent) -> None:
        """Fold an event; keep what does not fit."""
        if isinstance(event, OrderEvent):
            effects = self.book.apply(event)
            self.refused += [effect for effect in effects if isinstance(effect, Quarantined)]

    def send(self, desk: Desk, command: Command) -> None:
        """Journal and send a command, unless its order is done."""
        name = command.order.client_order_id
        if isinstance(command, Submit):
            self.book.add(replace(command.order, status="initialized"))
        elif not self.book[name].is_open:
            return
        self.take(our_act(command))
        desk.venue.send(command)


@pytest.mark.parametrize("seed", range(20))
def test_a_book_of_all_that_was_said_agrees_with_the_venue(seed: int) -> None:
    """Orders of every type, partial fills, declines, cancels and replaces on their way."""
    keeper = Keeper()
    desk = Desk(**SETTINGS)
    desk.venue.start(keeper.take)
    records, row = walk(seed), 0
    for command in plan(seed):
        until = int(np.searchsorted(records["ts_recv_ns"], command.order.ts_recv_ns))
        desk.venue.on_records("EURUSD", records[row:until])
        row = max(row, until)
        keeper.send(desk, command)
    desk.venue.on_records("EURUSD", records[row:])
    desk.venue.on_records("EURUSD", heartbeat(ms(100_000)))
    assert keeper.refused == []
    snapshot = desk.venue.snapshot(None, 1)
    assert len(snapshot.orders) == len(TYPES)
    for report in snapshot.orders:
        ours = keeper.book[report.client_order_id].order
        assert ours.filled_units == report.filled_units
        assert ours.average_price == report.average_price
        assert ours.quantity_units == report.terms.quantity_units
        assert ours.status == report.status
    held = {p.symbol: p.units for p in snapshot.positions}
    assert keeper.book.position("EURUSD").units == held.get("EURUSD", Decimal(0))
