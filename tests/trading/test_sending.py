"""Never twice, never unknown: intents, doubts, replays and what the venue knows."""

from pathlib import Path

import pytest

from domain.errors import Reject, Retry
from domain.orders import Order
from domain.ticks import TickArray
from tests.trading.tape import Desk, Event, Killed, Sides, read, story, with_signals
from trading.engine import ExecutionConfig
from trading.ledger import Ledger
from trading.ports import BrokerReport, Fill

CONFIG = ExecutionConfig(symbols=("EURUSD",))
TAPE = """
    00:00:30.000 EURUSD 1.09990 1.10010
    00:01:00.000 EURUSD 1.09990 1.10010
    00:01:00.050 EURUSD 1.10000 1.10020
    00:02:00.000 EURUSD 1.10100 1.10120
    00:02:01.000 EURUSD 1.10120 1.10140
"""
BOUGHT = [
    "EURUSD buy 18181 pending_new",
    "EURUSD buy 18181 accepted",
    "EURUSD fill 1.10020 pnl 0",
    "EURUSD buy 18181 filled",
]
SOLD = [
    "EURUSD sell 18181 pending_new",
    "EURUSD sell 18181 accepted",
    "EURUSD fill 1.10120 pnl 18.181000",
    "EURUSD sell 18181 filled",
]


@pytest.fixture
def events() -> list[Event]:
    """Buy at 00:01, close at 00:02."""
    sides: Sides = {("EURUSD", "00:01"): "buy", ("EURUSD", "00:02"): "flat"}
    return with_signals(read(TAPE, CONFIG.symbols), sides, CONFIG)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """One account, not yet started with faults."""
    return Desk(CONFIG, tmp_path)


def restart(desk: Desk, **faults: object) -> None:
    """Begin anew on the same stores: a crash before the first snapshot."""
    desk.stop()
    desk.out = []
    desk.start(None, **faults)


class Witness:
    """A venue that looks into the ledger, as another process would, before it takes an order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: list[str] = []

    def submit(self, order: Order, sent_ns: int) -> BrokerReport:
        """Take an order only if its intent is on disk."""
        assert sent_ns == order.ts_recv_ns
        ledger = Ledger.open(self.path)
        assert order in ledger.orders()
        ledger.close()
        self.seen.append(order.client_order_id)
        return BrokerReport(order.client_order_id, "accepted")

    def query(self, client_order_id: str) -> BrokerReport | None:
        """Know nothing."""
        raise AssertionError(client_order_id)

    def match(self, client_order_id: str, records: TickArray) -> Fill | None:
        """Fill nothing."""
        assert client_order_id in self.seen
        assert len(records)
        return None


def test_the_intent_is_on_disk_before_the_send(tmp_path: Path, events: list[Event]) -> None:
    """Another process finds the order in the ledger at the moment the venue receives it."""
    witness = Witness(tmp_path / "ledger.db")
    desk = Desk(CONFIG, tmp_path)
    desk.logic = CONFIG.build(None, desk.ledger, witness)
    desk.feed(events)
    assert len(witness.seen) == 1


def test_an_intent_that_was_never_sent_is_not_found(desk: Desk, events: list[Event]) -> None:
    """A kill between intent and send leaves an order that the replay asks for and gives up."""
    restart(desk, before={0: Killed()})
    with pytest.raises(Killed):
        desk.feed(events)
    restart(desk)
    desk.feed(events)
    assert story(desk.out) == [
        "EURUSD buy 18181 pending_new",
        "EURUSD buy 18181 rejected not_found",
    ]
    assert desk.venue.requests() == []
    assert [order.status for order in desk.ledger.orders()] == ["rejected"]


@pytest.mark.parametrize("error", [Retry("slow"), ConnectionError(), TimeoutError()])
def test_a_send_without_an_answer_is_asked_for_not_sent_again(
    desk: Desk, events: list[Event], error: Exception
) -> None:
    """The venue had taken the order before the line broke: its fill counts, once."""
    restart(desk, after={0: error})
    desk.feed(events)
    assert story(desk.out) == [BOUGHT[0], f"{BOUGHT[0]} in_doubt", *BOUGHT[1:], *SOLD]
    assert len(desk.venue.requests()) == 2


def test_a_lane_in_doubt_stands_still_until_the_venue_answers(
    desk: Desk, events: list[Event]
) -> None:
    """While the venue is silent nothing moves; then all comes as if it had answered at once."""
    silent = {call: ConnectionError() for call in range(1, 3)}
    restart(desk, after={0: ConnectionError()}, before=silent)
    desk.feed(events[:4])
    assert story(desk.out) == [BOUGHT[0], f"{BOUGHT[0]} in_doubt"]
    assert [order.in_doubt for order in desk.ledger.orders()] == [True]
    desk.feed(events[4:])
    assert story(desk.out)[2:] == [*BOUGHT[1:], *SOLD]


def test_a_replay_of_a_doubt_emits_the_same_records(desk: Desk, events: list[Event]) -> None:
    """A replay emits the doubt of the first life again, so that its records keep their numbers."""
    restart(desk, after={0: ConnectionError()})
    first = desk.feed(events)
    restart(desk)
    assert desk.feed(events) == first
    assert len(desk.venue.requests()) == 2


def test_a_send_that_failed_on_the_way_is_not_found(desk: Desk, events: list[Event]) -> None:
    """The venue never had the order and says so: rejected, and never sent again."""
    restart(desk, before={0: ConnectionError()})
    desk.feed(events)
    assert story(desk.out)[-1] == "EURUSD buy 18181 rejected not_found"
    assert desk.venue.requests() == []


def test_a_refusal_of_the_venue_is_a_rejected_order(desk: Desk, events: list[Event]) -> None:
    """A venue that refuses by error has not taken the order."""
    restart(desk, before={0: Reject("no_margin")})
    desk.feed(events)
    assert story(desk.out) == [BOUGHT[0], "EURUSD buy 18181 rejected no_margin"]


def test_a_lost_ledger_does_not_double_the_orders(desk: Desk, events: list[Event]) -> None:
    """The venue refuses the ids that it knows, and its first orders are taken over."""
    first = desk.feed(events)
    desk.stop()
    (desk.folder / "ledger.db").unlink()
    fills = 2
    desk.start(None)
    assert desk.feed(events) == first
    assert len(desk.venue.fills()) == fills
    assert len(desk.ledger.executions()) == fills


def test_the_ledger_is_never_taken_back_by_a_replay(desk: Desk, events: list[Event]) -> None:
    """Halfway through a replay the ledger still shows how far the orders had come."""
    desk.feed(events)
    before = desk.ledger.orders()
    restart(desk)
    desk.feed(events[:3])
    assert desk.ledger.orders() == before
    assert all(order.status == "filled" for order in before)
