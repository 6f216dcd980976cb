"""Orders that closed long ago: out of the book, whole in the journal, and back when they matter."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from domain.errors import Corrupt
from domain.nanos import DAY_NS
from domain.orders import Order
from tests.trading.orders.making import ACCOUNT, SECOND_NS, event, fill, order
from tests.trading.tape import Desk, Sides, account, read, with_signals
from trading.desk.entries import draft_of
from trading.desk.past import resume
from trading.desk.putting_away import CLOSED, KEEP_NS, put_away, recall_from
from trading.journal.entries import Draft
from trading.journal.journal import Journal
from trading.orders.book import Entry, OrderBook
from trading.orders.effects import Booked, Effect
from trading.orders.holdings import Holding

ORDERS = 100
HOUR = 3600
NOW = ORDERS * HOUR + KEEP_NS // SECOND_NS
LEASE_NS = 10**18


class Life:
    """A journal, the book that it leads to, and a twin that never puts anything away."""

    def __init__(self, dsn: str) -> None:
        self.journal = Journal.open(dsn, ACCOUNT)
        self.journal.acquire("life", 1, LEASE_NS)
        self.book = OrderBook(ACCOUNT, recall=recall_from(self.journal))
        self.twin = OrderBook(ACCOUNT)

    def say(self, *entries: Entry) -> list[Effect]:
        """Journal some entries and take them in; return what follows, which is what the twin says.

        Raises
        ------
        AssertionError
            If the book of the two answers otherwise.
        """
        effects: list[Effect] = []
        for entry in entries:
            self.journal.append(draft_of(entry))
            found = self.book.apply(entry)
            assert found == self.twin.apply(entry)
            effects += found
        self.journal.commit()
        return effects

    def put_away(self) -> None:
        """Put away what is due."""
        put_away(self.book, self.journal, 7)

    def at_hand(self) -> list[str]:
        """Return the orders that are in memory."""
        return [state.order.client_order_id for state in self.book.states()]

    def check(self) -> None:
        """Compare with the twin, and with what a new life makes of the journal.

        Raises
        ------
        AssertionError
            If anything differs.
        """
        again = resume(self.journal, ACCOUNT, None).book
        for book in (self.book, again, self.book.copy()):
            assert book.state_hash() == self.twin.state_hash()
            assert book.holdings() == self.twin.holdings()
            assert len(book) == len(self.twin)
            for number in range(ORDERS):
                assert name(number) in book
            assert book.position("EURUSD").units == self.twin.position("EURUSD").units
        assert {s.order.client_order_id for s in again.states()} <= set(self.at_hand())


def name(number: int) -> str:
    """Return the id of an order."""
    return f"ax{number:032x}"


def built(number: int, **changes: object) -> Order:
    """Return an order of its own hour: buys, and sells of the same size, in turn."""
    at_ns = number * HOUR * SECOND_NS
    side = "sell" if number % 2 else "buy"
    return order(name(number), side=side, ts_event_ns=at_ns, ts_recv_ns=at_ns, **changes)


def filled(number: int, **changes: object) -> list[Entry]:
    """Return the life of an order that fills in two parts."""
    own, at = name(number), number * HOUR
    venue = f"v{number}"
    return [
        built(number, **changes),
        event("submit", at, own, request=0),
        event("ack", at + 1, own, request=0, venue_order_id=venue),
        fill(f"{number}-1", 60, at + 2, name=own, venue_order_id=venue),
        fill(f"{number}-2", 40, at + 3, "1.20", name=own, venue_order_id=venue),
    ]


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    """Begin with a hundred orders, an hour apart, and two days later one that is open."""
    life = Life(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    for number in range(ORDERS):
        life.say(*filled(number))
    life.say(built(ORDERS + 1), event("submit", NOW, name(ORDERS + 1), request=0))
    yield life
    life.journal.close()


def test_what_closed_long_ago_leaves_the_book_and_nothing_changes(life: Life) -> None:
    """Two days after its last event an order is gone from memory; all answers stay the same."""
    life.check()
    life.put_away()
    assert life.at_hand() == [name(ORDERS + 1)]
    life.check()
    # Asked about, it is whole.
    assert life.book[name(3)] == life.twin[name(3)]
    assert sorted(life.at_hand()) == [name(3), name(ORDERS + 1)]


def test_it_stays_for_two_days(tmp_path: Path) -> None:
    """One that closed less than two days ago is at hand, and so is a handful that closed before."""
    life = Life(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    for number in range(64):
        life.say(*filled(number))
    last_ns = (63 * HOUR + 3) * SECOND_NS
    for clock_ns, left in ((last_ns + KEEP_NS, 64), (last_ns + KEEP_NS + 1, 0)):
        life.book.tick(clock_ns)
        life.put_away()
        assert len(life.at_hand()) == left
    life.journal.close()


@pytest.mark.parametrize("by_name", [True, False])
def test_a_late_fill_is_booked_on_the_order_that_it_is_of(life: Life, by_name: bool) -> None:
    """By our id or the venue's alone: nothing is taken over as a stranger's, nothing is lost."""
    life.put_away()
    before = life.book.holdings()["EURUSD"]
    late = fill("8-3", 5, NOW + 1, name=name(8) if by_name else "", venue_order_id="v8")
    (booked,) = [e for e in life.say(late) if isinstance(e, Booked)]
    assert (booked.client_order_id, booked.strategy) == (name(8), "trend")
    assert life.book.holdings()["EURUSD"] == Holding(
        before.units + 5, before.cash_quote - 5 * Decimal("1.10")
    )
    assert life.book[name(8)].order.overfill_units == 5
    life.check()


def test_what_the_venue_says_again_changes_nothing(life: Life) -> None:
    """A fill that is counted is not counted again because its order was put away."""
    life.put_away()
    again = fill("9-2", 40, 9 * HOUR + 3, "1.20", name=name(9), venue_order_id="v9")
    assert life.say(again) == []
    life.check()


def test_a_bust_and_a_correction_reach_it(life: Life) -> None:
    """One is taken back and the other replaced; put away again, it is as it stands then."""
    life.put_away()
    life.say(
        event("bust", NOW + 1, name(4), execution_id="b", execution_ref="4-1", request=-1),
        event(
            "correct",
            NOW + 2,
            name(6),
            execution_id="c",
            execution_ref="6-2",
            quantity_units=30,
            price="1.3",
        ),
    )
    assert life.book.holdings()["EURUSD"].units == -60 - 10
    life.check()
    # Enough others, so that these are put away once more.
    for number in range(ORDERS + 2, ORDERS + 70):
        life.say(*filled(number))
    later_ns = (ORDERS + 70) * HOUR * SECOND_NS + KEEP_NS + DAY_NS
    life.book.tick(later_ns)
    life.twin.tick(later_ns)
    life.put_away()
    assert life.at_hand() == [name(ORDERS + 1)]
    life.check()


def test_a_group_that_is_not_over_stays_together(life: Life) -> None:
    """The parent of an open order, and the members of its group, are at hand until it is closed."""
    life.say(
        built(ORDERS + 2, group_id="g", parent_id=name(2)),
        event("submit", NOW, name(ORDERS + 2), request=0),
    )
    grouped = built(ORDERS + 3, group_id="g")
    life.say(grouped, event("risk_deny", ORDERS * HOUR, grouped.client_order_id, reason="halted"))
    far_ns = NOW * SECOND_NS + KEEP_NS
    life.book.tick(far_ns)
    life.put_away()
    assert life.at_hand() == [name(2), *(name(ORDERS + n) for n in (1, 2, 3))]
    life.say(event("reject", NOW + 1, name(ORDERS + 2), request=0, ts_recv_ns=far_ns))
    life.check()


def test_what_came_of_a_parent_or_a_group_is_there_at_a_start(life: Life) -> None:
    """They are made anew from all of their orders: those are folded again, and go away again."""
    life.say(*filled(ORDERS + 2, parent_id="p"), *filled(ORDERS + 3, group_id="g"))
    later_ns = NOW * SECOND_NS + 2 * KEEP_NS
    life.book.tick(later_ns)
    life.twin.tick(later_ns)
    life.put_away()
    assert life.at_hand() == [name(ORDERS + 1)]
    resumed = resume(life.journal, ACCOUNT, None)
    both = [name(ORDERS + 2), name(ORDERS + 3)]
    assert [one.client_order_id for one in resumed.handling if isinstance(one, Order)] == both
    assert [s.order.client_order_id for s in resumed.book.states()] == [name(ORDERS + 1), *both]
    assert resumed.book.state_hash() == life.twin.state_hash()


def test_a_start_asks_for_orders_and_leaves_them_away(life: Life) -> None:
    """What an execution belongs to is told without bringing it back to memory."""
    life.put_away()
    resumed = resume(life.journal, ACCOUNT, None)
    for number in (3, ORDERS + 1):
        assert resumed.order(name(number)) == life.twin[name(number)].order
    assert [s.order.client_order_id for s in resumed.book.states()] == [name(ORDERS + 1)]


def test_a_dump_is_small_and_whole(life: Life) -> None:
    """What was put away is one place in it, and is read again from the journal."""
    life.put_away()
    plain = life.book.dump()
    assert [one["order"]["client_order_id"] for one in plain["orders"]] == [name(ORDERS + 1)]
    again = OrderBook.load(plain, recall_from(life.journal))
    assert again.state_hash() == life.twin.state_hash()
    assert again.holdings() == life.twin.holdings()


def test_a_replay_from_before_finds_what_was_put_away_later(life: Life) -> None:
    """At an earlier place of the journal nothing is away yet, and the book is as it was there."""
    place = life.journal.head.seq
    life.put_away()
    resumed = resume(life.journal, ACCOUNT, place)
    assert len(list(resumed.book.states())) == ORDERS + 1
    assert resumed.book.state_hash() == life.twin.state_hash()
    assert resumed.beyond == []


def test_the_place_in_the_venue_s_events_is_not_forgotten(life: Life) -> None:
    """It is that of the last event, though the orders of most events are not folded again."""
    life.say(event("ack", NOW, name(ORDERS + 1), request=0, venue_order_id="o", sequence=5))
    assert resume(life.journal, ACCOUNT, None).last_sequence == 5
    life.put_away()
    assert resume(life.journal, ACCOUNT, None).last_sequence == 7


@pytest.mark.parametrize("payload", [b"{}", b'{"v":2,"closed":{"state":0},"sequence":null}'])
def test_an_entry_of_another_form_is_refused(life: Life, payload: bytes) -> None:
    """It is named by its place."""
    seq = life.journal.append_durable(Draft(CLOSED, f"{CLOSED}/x", 1, 1, payload))
    with pytest.raises(Corrupt, match=f"entry {seq} of the journal"):
        resume(life.journal, ACCOUNT, None)


def test_an_account_goes_on_from_a_snapshot_without_its_old_orders(tmp_path: Path) -> None:
    """Seventy orders, three days, and some more: with snapshots on the way or without."""
    config = account("EURUSD")
    times = [
        f"{day}T{5 * n // 60:02d}:{5 * n % 60:02d}" for day in ("05", "08") for n in range(1, 71)
    ]
    both: Sides = {("EURUSD", time): "sell" if n % 2 else "buy" for n, time in enumerate(times)}
    tape = "".join(
        f"{time}:{second} EURUSD 1.10000 1.10002\n"
        for time in times
        for second in ("00.000", "01.000")
    )
    events = with_signals(read(tape, config.symbols), both, config)
    plain, resumed = Desk(config, tmp_path / "plain"), Desk(config, tmp_path / "resumed")
    plain.feed(events, at_once=20)
    most = len(events) * 2 // 3
    for part in (events[:most], events[most:]):
        resumed.feed(part, at_once=20)
        snapshot = resumed.logic.snapshot()
        resumed.stop()
        resumed.start(snapshot)
        assert len(list(resumed.logic.desk.book.states())) <= 70
    assert len(resumed.logic.desk.book) == len(plain.logic.desk.book) >= 2 * 64
    assert resumed.out == plain.out
    assert resumed.books() == plain.books()
    plain.stop()
    resumed.stop()
