"""The book of one account: what waits, what is unknown, what is exposed, and what is kept."""

from decimal import Decimal

import pytest

from domain.errors import BadUse, Corrupt
from domain.order_events import EventKind
from domain.orders import OrderTerms
from tests.trading.orders.making import ACCOUNT, NAME, SECOND_NS, event, fill, order, terms
from trading.orders.book import OrderBook
from trading.orders.effects import (
    Alert,
    AlertCode,
    Booked,
    Effect,
    HaltStrategy,
    NeedsQuery,
    NeedsReconcile,
    Published,
    Quarantined,
    ReplaceDue,
)
from trading.orders.holdings import Exposure
from trading.orders.state import EXTERNAL
from trading.positions import NetPosition

SUBMIT = event("submit", 1)
ACK = event("ack", 2, venue_order_id="v1")


def _book(*events: object) -> OrderBook:
    book = OrderBook(ACCOUNT)
    book.add(order())
    return book.fold(events)  # type: ignore[arg-type]


def _kinds(effects: tuple[Effect, ...]) -> list[str]:
    return [type(effect).__name__ for effect in effects]


def _alerts(effects: tuple[Effect, ...]) -> list[AlertCode]:
    return [effect.code for effect in effects if isinstance(effect, Alert)]


def test_a_fill_is_booked_once_however_often_it_is_reported() -> None:
    """E1: the second report of an execution moves nothing."""
    book = _book(SUBMIT, ACK)
    first = book.apply(fill("e1", 40, 3))
    assert _kinds(first) == ["Booked", "Published"]
    assert book.apply(fill("e1", 40, 4)) == ()
    assert book.holdings()["EURUSD"].units == 40
    assert book.holdings()["EURUSD"].cash_quote == Decimal("-44.00")
    assert book.counts["E1"] == 1


def test_a_fill_before_its_ack_publishes_the_ack_that_it_implies() -> None:
    """Consumers of the order's records see it accepted before they see it filled."""
    book = _book(SUBMIT)
    effects = book.apply(fill("e1", 100, 3))
    assert [e.order.status for e in effects if isinstance(e, Published)] == ["accepted", "filled"]


def test_interactive_brokers_corrects_by_the_number_behind_the_last_dot() -> None:
    """The revision replaces the execution; an older one that comes late changes nothing."""
    book = _book(SUBMIT, ACK)
    book.apply(fill("0001.02.01.01", 40, 3, venue="ib"))
    effects = book.apply(fill("0001.02.01.02", 30, 4, price="1.20", venue="ib"))
    booked = [(e.side, e.quantity_units, e.price) for e in effects if isinstance(e, Booked)]
    assert booked == [("sell", Decimal(40), Decimal("1.10")), ("buy", Decimal(30), Decimal("1.20"))]
    assert book.apply(fill("0001.02.01.01", 40, 5, venue="ib")) == ()
    assert book[NAME].cum_units == 30
    assert book.holdings()["EURUSD"].units == 30


def test_a_fill_that_skips_over_another_waits_for_it() -> None:
    """E2: the later fill is held, then both count, in the venue's order."""
    book = _book(SUBMIT, ACK)
    assert book.apply(fill("e2", 30, 4, cum_units=70)) == ()
    assert book[NAME].cum_units == 0
    assert book.due_ns == 6 * SECOND_NS
    book.apply(fill("e1", 40, 3, cum_units=40, ts_recv_ns=4 * SECOND_NS))
    assert book[NAME].cum_units == 70
    assert book.due_ns is None


def test_a_fill_whose_forerunner_never_comes_counts_after_two_seconds() -> None:
    """E2: applied by its id, and the account's record is asked for."""
    book = _book(SUBMIT, ACK)
    book.apply(fill("e2", 30, 4, cum_units=70))
    assert book.tick(6 * SECOND_NS - 1) == ()
    effects = book.tick(6 * SECOND_NS)
    assert _kinds(effects) == ["Booked", "Published", "Alert", "NeedsReconcile"]
    assert _alerts(effects) == [AlertCode.MISFIT]
    assert book[NAME].cum_units == 30


def test_an_end_that_counts_a_missing_fill_waits_for_it() -> None:
    """Until the fill is here the order counts as exposure."""
    book = _book(SUBMIT, ACK)
    book.apply(event("canceled", 5, cum_units=40, reason="requested"))
    assert book[NAME].status == "accepted"
    assert book.exposure() == {"EURUSD": Exposure(Decimal(100))}
    book.apply(fill("e1", 40, 4, cum_units=40, ts_recv_ns=5 * SECOND_NS))
    assert (book[NAME].status, book[NAME].cum_units) == ("canceled", Decimal(40))
    assert book.exposure() == {}


def test_what_is_no_transition_is_kept_told_and_asked_about() -> None:
    """Quarantine, alert and a query of that order; the state is as it was."""
    book = _book(SUBMIT)
    odd = event("triggered", 3)
    assert book.apply(odd) == ()
    effects = book.tick(5 * SECOND_NS)
    assert _kinds(effects) == ["Quarantined", "Alert", "NeedsQuery"]
    assert isinstance(effects[0], Quarantined)
    assert effects[0].event == odd
    assert book[NAME].status == "pending_new"


@pytest.mark.parametrize("units", ["0", "-1", "NaN", "Infinity"])
def test_an_external_order_of_nothing_is_kept_told_and_not_taken_over(units: str) -> None:
    """No order can be opened for it, and it must not end the process."""
    told = OrderTerms(Decimal(units))
    report = event("external", 3, "", venue_order_id="v9", symbol="EURUSD", side="buy", terms=told)
    effects = _book(SUBMIT).apply(report)
    assert _kinds(effects) == ["Quarantined", "Alert", "NeedsReconcile"]
    assert _alerts(effects) == [AlertCode.UNKNOWN_ORDER]


def test_our_own_mistakes_do_not_wait() -> None:
    """A cancel of a closed order is no transition at once, and nothing is sent for it."""
    book = _book(SUBMIT, ACK, fill("e1", 100, 3))
    effects = book.apply(event("cancel_request", 4, request=1))
    assert _kinds(effects) == ["Quarantined", "Alert", "NeedsQuery"]
    assert book[NAME].last_request == 0


@pytest.mark.parametrize("refusal", ["reject", "risk_deny"])
def test_a_fill_of_a_refused_order_moves_the_position_first(refusal: str) -> None:
    """E3: an external order takes it, the strategy halts, a person is told."""
    before = [SUBMIT] if refusal == "reject" else []
    book = _book(*before, event(refusal, 2, reason="bad_price"))
    effects = book.apply(fill("e1", 40, 3, venue_order_id="v9", cum_units=40, leaves_units=60))
    kinds = _kinds(effects)
    assert kinds.index("Booked") < kinds.index("HaltStrategy")
    assert HaltStrategy("trend", effects[-1].why) == effects[-1]  # type: ignore[union-attr]
    assert AlertCode.EXTERNAL_FILL in _alerts(effects)
    other = book.resolve(fill("e2", 1, 4))
    assert other is not None
    assert other != NAME
    assert book[other].order.strategy == EXTERNAL
    assert book[other].order.parent_id == NAME
    assert book[NAME].status == ("rejected" if refusal == "reject" else "denied")
    assert book.holdings()["EURUSD"].units == 40
    assert book.exposure() == {"EURUSD": Exposure(Decimal(60))}


def test_a_late_ack_of_an_order_given_up_makes_it_count_again() -> None:
    """E3: what works at the venue is exposure, whatever we believed."""
    lost = event("send_unknown", 2, request=0)
    book = _book(SUBMIT, lost, event("not_found", 9, reason="not_found"))
    assert book[NAME].status == "rejected"
    effects = book.apply(event("ack", 10, venue_order_id="v1"))
    assert HaltStrategy("trend", effects[-1].why) == effects[-1]  # type: ignore[union-attr]
    assert book.exposure() == {"EURUSD": Exposure(Decimal(100))}
    book.apply(event("canceled", 11))
    assert book.exposure() == {}


def test_a_fill_of_an_unknown_order_opens_one_with_the_same_id_each_time() -> None:
    """E3: the id is a function of the account and of the venue's name for the order."""
    stranger = fill("e1", 25, 3, name="", venue_order_id="77", symbol="USDJPY", side="sell")
    books = [OrderBook(ACCOUNT).fold([stranger]) for _ in range(2)]
    names = [[s.order.client_order_id for s in book.states()] for book in books]
    assert names[0] == names[1]
    assert len(names[0][0]) == 34
    assert books[0].holdings()["USDJPY"].units == -25
    assert books[0][names[0][0]].status == "filled"


def test_an_unknown_order_without_symbol_is_kept_and_the_record_asked_for() -> None:
    """Nothing is guessed about money: the whole record has to be read."""
    effects = OrderBook(ACCOUNT).apply(fill("e1", 25, 3, name="axunknown"))
    assert _kinds(effects) == ["Quarantined", "Alert", "NeedsReconcile"]
    assert _alerts(effects) == [AlertCode.UNKNOWN_ORDER]


def test_more_than_was_asked_for_is_in_the_position() -> None:
    """E6: overfill counts, leaves are 0, and a person is told."""
    book = _book(SUBMIT, ACK, fill("e1", 80, 3))
    effects = book.apply(fill("e2", 50, 4))
    state = book[NAME]
    assert (state.status, state.order.overfill_units, state.order.leaves_units) == (
        "filled",
        Decimal(30),
        Decimal(0),
    )
    assert book.holdings()["EURUSD"].units == 130
    assert _alerts(effects) == [AlertCode.OVERFILL]


def test_a_bust_takes_the_position_back_and_names_what_it_takes() -> None:
    """The reversal is booked on the other side, linked to the execution."""
    book = _book(SUBMIT, ACK, fill("e1", 100, 3))
    effects = book.apply(event("bust", 4, execution_ref="e1", leaves_units=0))
    booked = next(e for e in effects if isinstance(e, Booked))
    assert (booked.side, booked.quantity_units, booked.execution_ref) == (
        "sell",
        Decimal(100),
        "e1",
    )
    assert book[NAME].status == "canceled"
    assert book.holdings()["EURUSD"].units == 0
    assert book.holdings()["EURUSD"].cash_quote == 0


def test_a_second_replace_waits_for_the_answer_to_the_first() -> None:
    """Queue of one: the newest wish is handed back once the first is answered."""
    book = _book(SUBMIT, ACK, event("replace_request", 3, request=1, terms=terms(50)))
    book.apply(event("replace_request", 4, request=2, terms=terms(60)))
    book.apply(event("replace_request", 5, request=3, terms=terms(70)))
    effects = book.apply(event("replaced", 6, request=1, terms=terms(50)))
    assert ReplaceDue(NAME, terms(70)) in effects
    assert (book[NAME].status, book[NAME].order.quantity_units) == ("accepted", Decimal(50))
    assert (book[NAME].known_request, book.next_request(NAME)) == (1, 4)


def test_exposure_counts_the_larger_terms_while_a_replace_is_open() -> None:
    """I11: either terms may turn out to be in force."""
    book = _book(SUBMIT, ACK, event("replace_request", 3, request=1, terms=terms(150)))
    assert book.exposure() == {"EURUSD": Exposure(Decimal(150))}
    book.apply(fill("e1", 40, 4))
    assert book.exposure() == {"EURUSD": Exposure(Decimal(110))}
    book.apply(fill("e2", 60, 5))
    assert book.exposure() == {"EURUSD": Exposure(Decimal(50))}


def test_an_order_in_doubt_is_exposure() -> None:
    """I11: nobody knows that it does not work."""
    book = _book(SUBMIT)
    effects = book.apply(event("send_unknown", 2, request=0, reason="time-out"))
    assert NeedsQuery(NAME, "time-out") in effects
    assert [s.order.client_order_id for s in book.in_doubt()] == [NAME]
    assert book.exposure() == {"EURUSD": Exposure(Decimal(100))}


def test_every_unanswered_request_is_doubted_when_answers_are_lost() -> None:
    """At a start, or after a gap, each request asks for its own truth, once."""
    book = _book(SUBMIT, event("cancel_request", 2, request=1))
    doubts = book.lost_answers(3 * SECOND_NS, "restart")
    assert [(d.kind, d.request) for d in doubts] == [
        (EventKind.SEND_UNKNOWN, 0),
        (EventKind.SEND_UNKNOWN, 1),
    ]
    book.fold(doubts)
    assert book.lost_answers(4 * SECOND_NS, "restart") == []


def test_a_known_id_is_not_taken_in_twice() -> None:
    """The same order again is not sent again."""
    book = OrderBook(ACCOUNT)
    assert book.add(order())
    assert not book.add(order())
    with pytest.raises(BadUse, match="is of account other"):
        book.add(order("ax" + "1" * 32, account="other"))


def test_an_entry_price_follows_the_venues_order_of_fills() -> None:
    """Fills that come in another order give the same entry price, and so does an opening."""
    fills = [fill("e1", 40, 3, "1.10"), fill("e2", 60, 4, "1.20")]
    entries = []
    for order_of_coming in (fills, fills[::-1]):
        book = OrderBook(ACCOUNT, {"EURUSD": NetPosition(Decimal(-40), Decimal("1.00"))})
        book.add(order())
        book.fold([SUBMIT, ACK, *order_of_coming])
        entries.append(book.position("EURUSD"))
    assert entries[0] == entries[1]
    assert (entries[0].units, entries[0].average_price) == (Decimal(60), Decimal("1.20"))


def test_a_book_is_the_same_after_a_dump() -> None:
    """Orders, waiting reports, names and positions come back; another version does not."""
    book = _book(SUBMIT, ACK, fill("e1", 40, 3), fill("e3", 10, 5, cum_units=70))
    plain = book.dump()
    again = OrderBook.load(plain)
    assert again.dump() == plain
    assert again.state_hash() == book.state_hash()
    assert again.holdings() == book.holdings()
    assert again.due_ns == book.due_ns
    with pytest.raises(Corrupt, match="version 9"):
        OrderBook.load(plain | {"v": 9})
    with pytest.raises(Corrupt, match="cannot be read"):
        OrderBook.load({key: value for key, value in plain.items() if key != "orders"})


def test_the_digest_of_a_known_book_does_not_move() -> None:
    """Digests are compared across versions of the program: a change of form needs a new name."""
    book = _book(SUBMIT, ACK, fill("e1", 40, 3))
    assert book.state_hash() == "11084b02e379571f258b5b413c2bd92c"


def test_an_unexplained_total_asks_for_the_whole_record() -> None:
    """A report that counts fills which never come closes nothing, and asks for the record."""
    book = _book(SUBMIT, ACK)
    book.apply(event("status", 5, status="filled", cum_units=100))
    effects = book.tick(8 * SECOND_NS)
    assert any(isinstance(effect, NeedsReconcile) for effect in effects)
    assert book[NAME].status == "accepted"
    assert book.exposure() == {"EURUSD": Exposure(Decimal(100))}


def test_a_report_gives_a_strangers_order_its_terms() -> None:
    """Known by a fill alone it counts as filled; the venue's report says what is left of it."""
    named = {"name": "", "venue_order_id": "77", "symbol": "EURUSD", "side": "buy"}
    book = OrderBook(ACCOUNT).fold([fill("e1", 25, 3, **named), fill("e2", 5, 4, **named)])
    (state,) = book.states()
    assert (state.status, state.order.overfill_units) == ("filled", Decimal(0))
    book.apply(
        event("external", 4, status="partially_filled", cum_units=30, terms=terms(80), **named)
    )
    (state,) = book.states()
    assert (state.status, state.order.quantity_units) == ("partially_filled", Decimal(80))
    assert book.exposure() == {"EURUSD": Exposure(Decimal(50))}
