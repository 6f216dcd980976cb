"""The venue against a counterparty with a market: orders, questions, and faults of the line."""

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("quickfix")

from domain.errors import Retry
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order
from testkit.venues.fix.acceptor import Fault
from tests.brokers.fix.rigs import a_replace, an_order
from tests.contracts.venues.fix_case import FixCase
from trading.venues import Cancel, LinkEvent, Submit, Venue, VenueEvent

BID, ASK = Decimal("1.10000"), Decimal("1.10010")


class Desk:
    """A started venue on a case, and what it told."""

    def __init__(self, case: FixCase) -> None:
        self.case = case
        self.told: list[VenueEvent] = []
        self.venue: Venue = case.open()
        case.quote("EURUSD", BID, ASK)
        self.venue.start(self.told.append)

    def submit(self, order: Order) -> Order:
        """Send an order; return it."""
        self.venue.send(Submit(order))
        return order

    def wait(self, kind: EventKind, count: int = 1) -> OrderEvent:
        """Return the count-th event of a kind."""
        assert self.case.settle(lambda: len(self.events(kind)) >= count), self.told
        return self.events(kind)[count - 1]

    def events(self, kind: EventKind) -> list[OrderEvent]:
        """Return the events of a kind."""
        return [one for one in self.told if isinstance(one, OrderEvent) and one.kind is kind]

    def ups(self) -> int:
        """Return how often the session came up."""
        links = [one for one in self.told if isinstance(one, LinkEvent)]
        return sum(link.up and not link.reason for link in links)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Make a started venue with EURUSD at 1.10000 to 1.10010."""
    case = FixCase(tmp_path)
    yield Desk(case)
    case.close()


def market_order(number: int = 1) -> Order:
    """Make a market order to buy 10,000 EURUSD at once or not at all."""
    return an_order(number, order_type="market", time_in_force="FOK", limit_price=None)


def test_market_order_fills_at_the_ask(desk: Desk) -> None:
    """ACK, then FILL with exact Decimals."""
    desk.submit(market_order())

    fill = desk.wait(EventKind.FILL)
    assert (fill.quantity_units, fill.price, fill.leaves_units) == (
        Decimal(10_000),
        ASK,
        Decimal(0),
    )
    assert fill.average_price == ASK
    assert [one.kind for one in desk.told if isinstance(one, OrderEvent)] == [
        EventKind.ACK,
        EventKind.FILL,
    ]


def test_limit_order_waits_for_its_price(desk: Desk) -> None:
    """A buy limit below the ask rests, and fills when the ask comes down."""
    desk.submit(an_order(limit_price=Decimal("1.09000")))
    desk.wait(EventKind.ACK)
    desk.case.quote("EURUSD", Decimal("1.08980"), Decimal("1.08990"))

    assert desk.wait(EventKind.FILL).price == Decimal("1.08990")


def test_stop_order_is_triggered_and_filled_beyond_its_price(desk: Desk) -> None:
    """150=L, then the fill at the first price behind the gap."""
    stop = an_order(order_type="stop", limit_price=None, trigger_price=Decimal("1.10500"))
    desk.submit(stop)
    desk.wait(EventKind.ACK)
    desk.case.quote("EURUSD", Decimal("1.11000"), Decimal("1.11010"))

    desk.wait(EventKind.TRIGGERED)
    assert desk.wait(EventKind.FILL).price == Decimal("1.11010")


def test_rest_of_an_immediate_order_is_canceled(desk: Desk) -> None:
    """IOC: what cannot be had at once is canceled, for want of liquidity."""
    desk.case.misbehave("partial_fill")
    desk.submit(an_order(time_in_force="IOC", limit_price=Decimal("1.20000")))

    canceled = desk.wait(EventKind.CANCELED)
    assert (canceled.cum_units, canceled.reason) == (Decimal(5_000), "no_liquidity")


def test_gtd_order_expires(desk: Desk) -> None:
    """126 in the past at the next quote: EXPIRED."""
    desk.submit(
        an_order(time_in_force="GTD", limit_price=Decimal(1), expire_ns=1_700_000_000_000_000_000)
    )
    desk.wait(EventKind.ACK)
    desk.case.quote("EURUSD", BID, ASK)

    assert desk.wait(EventKind.EXPIRED).status == "expired"


def test_order_lives_through_replace_partial_fill_and_cancel(desk: Desk) -> None:
    """One life under three names; the query finds it under the last one."""
    order = desk.submit(an_order(limit_price=Decimal("1.09000")))
    desk.wait(EventKind.ACK)
    desk.venue.send(a_replace(order, 30_000, request=1))
    terms = desk.wait(EventKind.REPLACED).terms
    assert terms is not None
    assert terms.quantity_units == 30_000
    assert terms.time_in_force == "GTC"
    desk.case.misbehave("partial_fill")
    desk.case.quote("EURUSD", Decimal("1.08980"), Decimal("1.08990"))
    assert desk.wait(EventKind.FILL).leaves_units == 15_000

    found = desk.venue.query(order, 2.0)
    assert found is not None
    assert found.client_order_id == order.client_order_id
    assert found.status == "partially_filled"
    assert (found.filled_units, found.terms.quantity_units) == (Decimal(15_000), Decimal(30_000))
    desk.venue.send(Cancel(order, request=2, previous=1))
    assert desk.wait(EventKind.CANCELED).cum_units == 15_000
    desk.venue.send(Cancel(order, request=3, previous=2))
    assert desk.wait(EventKind.CANCEL_REJECT).reason == "too_late"


def test_query_of_an_order_that_never_arrived_is_none(desk: Desk) -> None:
    """150=I with 39=8 and 103=5: unknown there, and no event of it."""
    assert desk.venue.query(an_order(9), 2.0) is None
    assert not any(isinstance(one, OrderEvent) for one in desk.told)


def test_lost_reply_is_unknown_and_the_query_finds_the_order(desk: Desk) -> None:
    """Applied, but the reply was lost: SEND_UNKNOWN, then the truth by a question, one order."""
    desk.case.misbehave("drop_reply_after_apply")
    order = desk.submit(an_order(limit_price=Decimal("1.09000")))

    assert desk.wait(EventKind.SEND_UNKNOWN).client_order_id == order.client_order_id
    found = desk.venue.query(order, 2.0)
    assert found is not None
    assert found.status == "accepted"
    assert desk.case.submits() == [order.client_order_id]


def test_snapshot_has_open_orders_executions_and_positions(desk: Desk) -> None:
    """AF and AN are answered; executions are told from a sequence on."""
    resting = desk.submit(an_order(1, limit_price=Decimal("1.09000")))
    desk.submit(market_order(2))
    desk.wait(EventKind.FILL)
    first = desk.venue.snapshot(None, 3.0)
    desk.submit(market_order(3))
    desk.wait(EventKind.FILL, 2)
    second = desk.venue.snapshot(first.last_sequence, 3.0)

    assert [one.client_order_id for one in first.orders] == [resting.client_order_id]
    assert [one.units for one in first.positions] == [10_000]
    assert (len(first.executions), first.last_sequence, first.complete) == (1, 1, True)
    assert [one.sequence for one in second.executions] == [2]
    assert [(one.symbol, one.units) for one in second.positions] == [("EURUSD", Decimal(20_000))]


@pytest.mark.parametrize("fault", ["disconnect", "restart"])
def test_fill_while_the_line_is_cut_comes_after_the_next_logon(desk: Desk, fault: Fault) -> None:
    """The counterparty's engine sends it again with 43=Y: it is told, once, and no order twice."""
    order = desk.submit(an_order(limit_price=Decimal("1.09000")))
    desk.wait(EventKind.ACK)
    desk.case.acceptor.misbehave(fault)
    desk.case.quote("EURUSD", Decimal("1.08980"), Decimal("1.08990"))

    fill = desk.wait(EventKind.FILL)
    assert fill.client_order_id == order.client_order_id
    assert desk.case.settle(lambda: desk.ups() == 2)
    assert desk.case.submits() == [order.client_order_id]
    assert {one.execution_id for one in desk.events(EventKind.FILL)} == {fill.execution_id}


def test_bust_and_correction_reach_the_history(desk: Desk) -> None:
    """What was busted is out of the positions that the history amounts to."""
    desk.submit(market_order(1))
    desk.submit(market_order(2))
    desk.wait(EventKind.FILL, 2)
    market = desk.case.acceptor.market
    first, second = (one.execution_id for one in desk.events(EventKind.FILL))
    desk.case.acceptor.tell(market.bust(first))
    desk.case.acceptor.tell(market.correct(second, Decimal(9_000), BID))

    assert desk.wait(EventKind.BUST).execution_ref == first
    assert desk.wait(EventKind.CORRECT).quantity_units == 9_000
    from brokers.fix.history import positions

    held = positions(desk.venue.snapshot(None, 3.0).executions)
    assert [(one.units, one.average_price) for one in held] == [(Decimal(9_000), BID)]


def test_last_look_is_told_apart_from_other_rejections(desk: Desk) -> None:
    """103=99 with a text of last look."""
    desk.case.misbehave("reject_next")
    desk.submit(market_order(1))

    assert desk.wait(EventKind.REJECT).reason == "last_look"


def test_duplicate_id_is_refused_there(desk: Desk) -> None:
    """The counterparty keeps our ids: a second order of the same id is rejected."""
    order = desk.submit(an_order(limit_price=Decimal("1.09000")))
    desk.wait(EventKind.ACK)
    desk.submit(order)

    assert desk.wait(EventKind.REJECT).reason == "duplicate_client_order_id"


def test_refused_logon_may_be_tried_again(tmp_path: Path) -> None:
    """Nobody listens: Retry within the logon's time; the next start succeeds."""
    case = FixCase(tmp_path)
    case.misbehave("refuse_connection")
    venue = case.open()
    time.sleep(0.05)
    told: list[VenueEvent] = []
    try:
        with pytest.raises(Retry):
            venue.start(told.append)
        venue.start(told.append)
        assert [link.up for link in told if isinstance(link, LinkEvent)] == [True]
    finally:
        case.close()


def test_reordered_and_doubled_reports_are_all_told(desk: Desk) -> None:
    """The fill overtakes the acknowledgement, and one comes twice: whoever folds them can tell."""
    desk.case.misbehave("reorder_events")
    desk.submit(market_order(1))
    desk.wait(EventKind.ACK)
    kinds = [one.kind for one in desk.told if isinstance(one, OrderEvent)]
    assert kinds == [EventKind.FILL, EventKind.ACK]
    desk.submit(an_order(2, limit_price=Decimal("1.09000")))
    desk.wait(EventKind.ACK, 2)
    desk.case.misbehave("duplicate_events")
    desk.case.quote("EURUSD", Decimal("1.08980"), Decimal("1.08990"))

    first, copy = desk.wait(EventKind.FILL, 2), desk.wait(EventKind.FILL, 3)
    assert (first.execution_id, first.sequence) == (copy.execution_id, copy.sequence)


def test_restart_of_the_adapter_loses_no_fill(desk: Desk) -> None:
    """A fill while no adapter runs is sent again to the next one, and is in its snapshot."""
    order = desk.submit(an_order(limit_price=Decimal("1.09000")))
    desk.wait(EventKind.ACK)
    desk.venue.stop()
    desk.case.quote("EURUSD", Decimal("1.08980"), Decimal("1.08990"))

    told: list[VenueEvent] = []
    again = desk.case.open()
    again.start(told.append)
    assert desk.case.settle(
        lambda: any(isinstance(one, OrderEvent) and one.kind is EventKind.FILL for one in told)
    )
    held = again.snapshot(None, 3.0).executions
    assert [one.client_order_id for one in held] == [order.client_order_id]
    assert msgspec.json.decode(msgspec.json.encode(held[0]), type=OrderEvent) == held[0]
