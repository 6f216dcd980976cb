"""A broker that goes down in the middle of a fill, and what it says again when it comes back."""

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from brokers.ib.venue import IbVenue
from domain.nanos import SECOND_NS
from domain.order_events import EventKind, OrderEvent
from domain.orders import Execution, Order
from domain.reasons import Reason
from testkit.venues.oanda.server import TOKEN
from tests.contracts.venues.case import VenueCase
from tests.contracts.venues.ib_case import IbCase
from tests.contracts.venues.rig import make_case
from tests.proofs.live.scene import (
    ASK,
    BID,
    SYMBOL,
    Ledger,
    Life,
    Where,
    assert_at_peace,
    clock,
    living,
    oanda_scene,
    order_of,
)
from trading.desk.entries import fact_of
from trading.venues import AccountCharge

UNITS = Decimal(30_000)
ACCOUNTS = {"ib": "DU1234567", "fix": "ACC-1"}


@pytest.fixture(params=["ib", "fix"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VenueCase]:
    """Start a broker that fills in parts; without its engine FIX is skipped."""
    found = make_case(request.param, tmp_path)
    found.quote(SYMBOL, BID, ASK)
    yield found
    found.close()


@pytest.fixture
def where(case: VenueCase, tmp_path: Path) -> Where:
    """Say where the account lives; the adapter is the case's own."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    url = "http://127.0.0.1:1"
    return Where(url, tmp_path / "data", token, clock(), account=ACCOUNTS[case.name])


def order(number: int, where: Where, limit: str = "1.10010") -> Order:
    """Return a limit order that the market can fill."""
    return replace(
        order_of(number),
        account=where.account,
        quantity_units=UNITS,
        order_type="limit",
        limit_price=Decimal(limit),
        time_in_force="GTC",
    )


def live(case: VenueCase, where: Where) -> Life:
    """Live at the case's venue."""
    return Life(where, through=lambda _: case.open())


def part_filled(life: Life, case: VenueCase, placed: Order) -> Decimal:
    """Place an order that fills in part; return how much."""
    case.misbehave("partial_fill")
    life.submit(placed)
    name = placed.client_order_id
    life.until(lambda: life.book[name].status == "partially_filled", "a part filled")
    return life.book[name].cum_units


def fills(life: Life) -> list[Execution]:
    """Return what the life has booked."""
    return [one for one in life.out if isinstance(one, Execution)]


def whole(life: Life, placed: Order) -> bool:
    """Say whether an order is filled, and the account at one with its broker."""
    return life.account.ready and life.book[placed.client_order_id].status == "filled"


def assert_whole(case: VenueCase, where: Where, placed: Order) -> Ledger:
    """Check that all fills are there, each once."""
    ledger = Ledger.of(where)
    state = ledger.book[placed.client_order_id]
    assert (state.status, state.cum_units) == ("filled", UNITS)
    assert state.order.overfill_units == 0
    assert ledger.held() == UNITS
    assert case.submits() == ledger.submits
    return ledger


def test_fills_of_a_broker_that_restarts_in_between_are_booked_once(
    case: VenueCase, where: Where
) -> None:
    """The account stays up; the rest fills behind its back."""
    life = live(case, where)
    life.until(lambda: life.account.ready, "ready")
    placed = order(1, where)
    first = part_filled(life, case, placed)
    assert 0 < first < UNITS
    case.misbehave("restart")
    case.quote(SYMBOL, BID, ASK)
    life.until(lambda: whole(life, placed), "filled and at one")
    assert sum(fill.quantity_units for fill in fills(life)) == UNITS
    assert len({fill.execution_id for fill in fills(life)}) == len(fills(life)) == 2
    digest = life.book.state_hash()
    life.close()
    assert assert_whole(case, where, placed).book.state_hash() == digest


def test_a_daily_reset_of_ib_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Cut, back with empty lists that are not believed, and whole again once it has settled."""
    case = IbCase(tmp_path)
    case.quote(SYMBOL, BID, ASK)
    token = tmp_path / "token"
    token.write_text(TOKEN)
    where = Where("http://127.0.0.1:1", tmp_path / "data", token, clock(), account=ACCOUNTS["ib"])
    opened = case.open()
    assert isinstance(opened, IbVenue)
    # On the clock of the scene, as long as a reset takes there: two seconds.
    venue = IbVenue(replace(opened._settings, settle_s=40.0), where.wall_ns)
    life = Life(where, through=lambda _: venue)
    try:
        life.until(lambda: life.account.ready, "ready")
        placed = order(1, where)
        first = part_filled(life, case, placed)
        case.gateway.begin_reset()
        life.until(lambda: not life.account.ready, "not ready")
        case.quote(SYMBOL, BID, ASK)
        back_ns = where.wall_ns()
        while where.wall_ns() < back_ns + 20 * SECOND_NS:
            life.step()
            assert not life.account.ready
            assert not life.submit(order(2, where))
        assert life.book[placed.client_order_id].is_open
        case.gateway.end_reset()
        life.until(lambda: whole(life, placed), "filled and at one")
        assert first < UNITS
        assert sum(fill.quantity_units for fill in fills(life)) == UNITS
        assert len({fill.execution_id for fill in fills(life)}) == len(fills(life))
    finally:
        life.close()
        case.close()
    assert_whole(case, where, placed)


def test_fills_that_came_while_nobody_lived_are_booked_once(case: VenueCase, where: Where) -> None:
    """The next life reads them up, though the one before had a part of them."""
    life = live(case, where)
    life.until(lambda: life.account.ready, "ready")
    placed = order(1, where)
    first = part_filled(life, case, placed)
    life.close()
    case.misbehave("restart")
    case.quote(SYMBOL, BID, ASK)
    for _ in range(2):
        life = live(case, where)
        life.until(lambda: whole(life, placed), "filled and at one")  # noqa: B023
        digest = life.book.state_hash()
        charges = [f for f in facts(life) if isinstance(f, AccountCharge)]
        equity = life.logic._marks.state().charges_account
        life.close()
        assert assert_whole(case, where, placed).book.state_hash() == digest
        assert first < UNITS
        # What was charged for the fills is booked once too, however often the broker says it.
        assert len({c.charge_id for c in charges}) == len(charges)
        assert equity == sum((c.amount for c in charges), Decimal(0))
    assert bool(charges) is (case.name == "ib")


def facts(life: Life) -> list[object]:
    """Return all facts of the journal."""
    deadline_s = time.monotonic() + 0.3
    while time.monotonic() < deadline_s:
        life.step()
        time.sleep(0.01)
    return [fact_of(entry) for entry in life.account.journal.read()]


def test_a_charge_is_booked_once_in_a_life_and_a_changed_one_never(tmp_path: Path) -> None:
    """An id that comes again with another amount is for a person."""
    with oanda_scene(tmp_path) as (_, where), living(where) as life:
        life.rest()
        charge = AccountCharge("7", "financing", SYMBOL, Decimal("-1.5"), "USD", 1, "oanda")
        desk = life.logic.desk
        assert desk.on_charge(charge)
        assert not desk.on_charge(charge)
        assert not desk.on_charge(replace(charge, amount=Decimal("-2.5")))
        assert "charge 7 is not booked again" in life.said[-1]


def test_an_id_that_the_broker_has_already_is_asked_for_and_not_given_up(tmp_path: Path) -> None:
    """A refusal as a duplicate must not close the order that works there."""
    with oanda_scene(tmp_path) as (oanda, where), living(where) as life:
        life.rest()
        placed = order_of(1, resting=True)
        life.submit(placed)
        life.rest()
        refusal = OrderEvent(
            EventKind.REJECT,
            placed.client_order_id,
            where.wall_ns(),
            where.wall_ns(),
            request=0,
            reason=Reason.DUPLICATE_ID,
        )
        life.account.gateway._take(refusal)
        life.step()
        life.rest()
        assert life.book[placed.client_order_id].status == "accepted"
        # A kill has not lost sight of it either.
        life.account.gateway.kill("drill")
        life.until(lambda: not life.book.open_states(), "canceled")
        assert life.book[placed.client_order_id].status == "canceled"
        life.close()
        assert_at_peace(oanda, where)


def test_an_oanda_that_restarts_amid_orders_is_caught_up_with(tmp_path: Path) -> None:
    """Down, moved, up again on the same port: what it did meanwhile is booked once."""
    with oanda_scene(tmp_path) as (oanda, where), living(where) as life:
        life.rest()
        orders = [order_of(number, resting=True) for number in range(1, 4)]
        for placed in orders:
            life.submit(placed)
        life.rest()
        oanda.stop()
        oanda.quote(SYMBOL, "1.08990", "1.08995")
        life.until(lambda: not life.account.ready, "not ready")
        oanda.start()
        life.rest()
        life.until(lambda: not life.book.open_states(), "all filled")
        assert {s.status for s in life.book.states()} == {"filled"}
        assert len(fills(life)) == len(orders)
        life.rest()
        digest = life.book.state_hash()
        life.close()
        assert assert_at_peace(oanda, where).book.state_hash() == digest
