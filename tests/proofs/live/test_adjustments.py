"""A person answers for a position that nothing explains: booked once, exactly, and for good."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.accounts import LEDGER_FILE
from domain.adjustments import PositionAdjustment, position_adjustment
from domain.balances import OpeningBalance
from domain.control import ControlKind, TradingState
from sources.adjustment_folder import ADJUSTMENTS_FOLDER, AdjustmentFolder, Answer
from testkit.venues.oanda.server import OandaServer
from tests.proofs.live.scene import SYMBOL, Life, Where, living, oanda_scene, order_of
from tests.proofs.live.words import word
from trading.desk.entries import Fact, fact_of
from trading.journal.journal import Journal
from trading.settlement.rebuilding import booked_of
from trading.venues import Venue, VenuePosition, VenueSnapshot

HELD = Decimal(10_000)
PRICE = Decimal("1.09500")


@dataclass
class Holding:
    """A venue that holds more than its record of deals tells; no more than it if ``more`` is 0."""

    venue: Venue
    more: Decimal

    def __getattr__(self, name: str) -> Any:
        return getattr(self.venue, name)

    def snapshot(self, since: int | None, timeout_s: float) -> VenueSnapshot:
        """Return the record with the position."""
        record = self.venue.snapshot(since, timeout_s)
        known = {one.symbol: one.units for one in record.positions}
        units = known.get(SYMBOL, Decimal(0)) + self.more
        held = (VenuePosition(SYMBOL, units, PRICE),) if units else ()
        return msgspec.structs.replace(record, positions=held)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[tuple[OandaServer, Where]]:
    """Start a broker with a market."""
    with oanda_scene(tmp_path) as found:
        yield found


def inbox(where: Where) -> AdjustmentFolder:
    """Return where people put what they answer for."""
    return AdjustmentFolder(where.folder / ADJUSTMENTS_FOLDER, where.account)


def asked(where: Where, units: Decimal, number: int = 1, **but: Any) -> PositionAdjustment:
    """Put a request in; each number is another one."""
    said: dict[str, Any] = {"account": where.account, "by": "Ada", "reason": "of the old desk"}
    request = position_adjustment(SYMBOL, units, PRICE, ts_event_ns=number, **(said | but))
    inbox(where).put(request)
    return request


def answered(life: Life, where: Where, request: PositionAdjustment) -> Answer:
    """Let the account run until it has answered."""
    life.until(lambda: inbox(where).answer(request) is not None, "answered")
    answer = inbox(where).answer(request)
    assert answer is not None
    return answer


def facts(where: Where) -> list[Fact]:
    """Return what the journal says, its chain checked."""
    journal = Journal.open(f"sqlite:///{where.folder / LEDGER_FILE}", where.account)
    try:
        journal.verify()
        return [fact for entry in journal.read() if (fact := fact_of(entry)) is not None]
    finally:
        journal.close()


def test_an_account_that_was_not_flat_becomes_ready(scene: tuple[OandaServer, Where]) -> None:
    """Booked as said, journaled with who and why, never sent, and still so after a restart."""
    oanda, where = scene

    def through(venue: Venue) -> Venue:
        return Holding(venue, HELD)

    with living(where, through=through) as life:
        assert life.state is TradingState.HALTED
        request = asked(where, HELD)
        assert answered(life, where, request) == Answer(request, "booked")
        life.until(lambda: life.account.ready, "ready")
        position = life.book.position(SYMBOL)
        assert (position.units, position.average_price) == (HELD, PRICE)
        assert life.logic._lanes[SYMBOL].state.position.units == HELD
        assert life.state is TradingState.HALTED
        life.logic.control(word(ControlKind.RAISE, "ann", "risk", life.book.clock_ns))
        assert life.submit(order_of(1))
        life.rest()
        digest = life.book.state_hash()
    with living(where, through=through) as life:
        life.rest()
        assert life.book.state_hash() == digest
        assert life.book.holdings()[SYMBOL].units == HELD + 1_000
        assert not any("nothing explains" in words for words in life.said)
    assert oanda.submits == [order_of(1).client_order_id]
    assert [fact for fact in facts(where) if isinstance(fact, PositionAdjustment)] == [request]


def test_a_difference_is_corrected_with_its_profit(scene: tuple[OandaServer, Where]) -> None:
    """The venue holds less than we do: what it has lost the record of was sold at a loss."""
    oanda, where = scene
    with living(where) as life:
        life.rest()
        assert life.submit(order_of(1))
        life.rest()
    with living(where, through=lambda venue: Holding(venue, Decimal(-1_000))) as life:
        request = asked(where, Decimal(-1_000))
        assert answered(life, where, request).outcome == "booked"
        life.until(lambda: life.account.ready, "ready")
        assert life.book.holdings()[SYMBOL].units == 0
    journal = Journal.open(f"sqlite:///{where.folder / LEDGER_FILE}", where.account)
    booked = booked_of(journal.read())
    journal.close()
    execution = booked.executions[-1]
    assert execution.execution_id == request.execution_id
    assert (execution.side, execution.pnl_quote) == ("sell", (PRICE - Decimal("1.1001")) * 1_000)
    assert booked.adjustments == (request,)
    assert len(oanda.submits) == 1


@pytest.mark.parametrize(
    ("units", "but", "words"),
    [
        (HELD + 1, {}, "adjust by 10000"),
        (-HELD, {}, "adjust by 10000"),
        (HELD, {"account": "another"}, "about account another"),
        (HELD, {"by": " "}, "who and why"),
        (HELD, {"reason": ""}, "who and why"),
        (Decimal(0), {}, "other than 0"),
        (Decimal("NaN"), {}, "other than 0"),
    ],
)
def test_what_does_not_lead_to_the_venues_position_is_refused(
    scene: tuple[OandaServer, Where], units: Decimal, but: dict[str, Any], words: str
) -> None:
    """With the reason, and nothing is journaled."""
    _, where = scene
    with living(where, through=lambda venue: Holding(venue, HELD)) as life:
        answer = answered(life, where, asked(where, units, **but))
        assert answer.outcome == "refused"
        assert words in answer.words
        assert not life.account.ready
        assert life.book.holdings() == {}
    assert not [fact for fact in facts(where) if isinstance(fact, PositionAdjustment)]


def test_it_is_refused_while_orders_of_the_symbol_are_open(
    scene: tuple[OandaServer, Where],
) -> None:
    """They may fill at any moment: nobody knows then what the difference is."""
    _, where = scene
    with living(where) as life:
        life.rest()
        rests = order_of(1, resting=True)
        assert life.submit(rests)
        life.rest()
    with living(where, through=lambda venue: Holding(venue, HELD)) as life:
        answer = answered(life, where, asked(where, HELD))
        assert rests.client_order_id in answer.words
        assert "cancel them first" in answer.words
        life.cancel(rests)
        life.until(lambda: not life.book.open_states(), "canceled")
        assert answered(life, where, asked(where, HELD, 2)).outcome == "booked"
        life.until(lambda: life.account.ready, "ready")


def test_asking_again_books_nothing_more(scene: tuple[OandaServer, Where]) -> None:
    """The same request is answered as before; another one finds nothing to adjust."""
    _, where = scene
    with living(where, through=lambda venue: Holding(venue, HELD)) as life:
        first = asked(where, HELD)
        assert answered(life, where, first).outcome == "booked"
        life.until(lambda: life.account.ready, "ready")
        second = asked(where, HELD, 2)
        assert "there is nothing to adjust" in answered(life, where, second).words
        # As after a crash between the booking and its answer.
        for path in (where.folder / ADJUSTMENTS_FOLDER / "done").iterdir():
            path.unlink()
        inbox(where).put(first)
        assert answered(life, where, first).outcome == "booked"
        assert life.book.holdings()[SYMBOL].units == HELD


def test_a_request_of_before_the_start_holds_from_the_start(
    scene: tuple[OandaServer, Where],
) -> None:
    """It is put in while nothing runs, and the account becomes ready without anybody there."""
    _, where = scene
    request = asked(where, HELD)
    with living(where, through=lambda venue: Holding(venue, HELD)) as life:
        life.until(lambda: life.account.ready, "ready")
        assert answered(life, where, request).outcome == "booked"


def test_the_venues_balance_opens_the_books(scene: tuple[OandaServer, Where]) -> None:
    """At the first record on which book and venue agree, and never again."""
    oanda, where = scene
    for number in (1, 2):
        with living(where) as life:
            life.rest()
            assert life.submit(order_of(number, "buy" if number == 1 else "sell"))
            life.rest()
    found = [fact for fact in facts(where) if isinstance(fact, OpeningBalance)]
    assert [(one.account, one.venue, one.currency) for one in found] == [
        (where.account, "oanda", "USD")
    ]
    (opening,) = found
    journal = Journal.open(f"sqlite:///{where.folder / LEDGER_FILE}", where.account)
    booked = booked_of(journal.read())
    journal.close()
    assert booked.opening is not None
    assert booked.opening.executions == 0
    profit = sum((one.pnl_account or Decimal(0) for one in booked.executions), Decimal(0))
    assert opening.amount + profit == oanda.exchange.account.balance


def test_the_books_are_not_opened_while_they_disagree(scene: tuple[OandaServer, Where]) -> None:
    """What the adjustment will book is not known yet."""
    _, where = scene
    with living(where, through=lambda venue: Holding(venue, HELD)) as life:
        for _ in range(20):
            life.step()
    assert not [fact for fact in facts(where) if isinstance(fact, OpeningBalance)]
