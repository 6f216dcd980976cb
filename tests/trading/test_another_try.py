"""Whether an order that never left may leave now: the state, the ladder and the book have moved."""

from typing import Any

import pytest

from domain.control import ControlKind, TradingState
from tests.trading.orders.making import ACCOUNT, NAME, event, fill, order
from trading.desk.another_try import MUST_WAIT, refusal_of
from trading.orders.book import OrderBook
from trading.readiness import Readiness, Rung
from trading.risk.control import Controls, control_event

OTHER = "ax" + "1" * 32
HELD: dict[str, tuple[str, int] | None] = {
    "flat": None,
    "long": ("buy", 100),
    "short of enough": ("sell", 99),
    "short": ("sell", 100),
}
"""What is held below an order to buy 100: only the last makes it an exit."""


def book(held: str, *events: Any) -> OrderBook:
    """Return a book with the order on its way, over a position."""
    found, before = OrderBook(ACCOUNT), HELD[held]
    if before is not None:
        side, units = before
        found.add(order(OTHER, side=side, quantity_units=order().quantity_units * units / 100))
        found.fold([event("submit", 1, OTHER), fill("f1", units, 2, name=OTHER)])
    found.add(order())
    return found.fold([event("submit", 3), *events])


def controls(to: TradingState) -> Controls:
    """Return the controls of an account in a state."""
    lower = control_event(
        ControlKind.LOWER, to, account=ACCOUNT, by="ann", reason="drill", ts_event_ns=1
    )
    return Controls(ACCOUNT).apply(lower)


def asked(held: str, state: TradingState, rung: Rung, *events: Any) -> str | None:
    """Ask about the order."""
    found = book(held, *events)
    return refusal_of(found[NAME].order, found, controls(state), Readiness(rung, (), 0))


@pytest.mark.parametrize("held", HELD)
def test_what_may_be_opened_depends_on_state_and_rung(held: str) -> None:
    """An exit is held back by neither a reducing account nor a degraded one."""
    exits = held == "short"
    active, reducing = TradingState.ACTIVE, TradingState.REDUCING
    assert asked(held, active, Rung.READY) is None
    assert asked(held, active, Rung.DEGRADED) == (None if exits else MUST_WAIT)
    assert asked(held, reducing, Rung.READY) == (None if exits else "reducing")
    for rung in (Rung.CANCEL_ONLY, Rung.HALTED):
        assert asked(held, active, rung) == MUST_WAIT


@pytest.mark.parametrize("state", [TradingState.CANCEL_ONLY, TradingState.HALTED])
@pytest.mark.parametrize("rung", Rung)
def test_a_state_that_only_a_person_raises_ends_the_tries(state: TradingState, rung: Rung) -> None:
    """For exits too, as it would have denied them."""
    for held in HELD:
        assert asked(held, state, rung) == state.value


def test_an_order_in_doubt_is_never_sent() -> None:
    """However the doubt has come about."""
    doubt = event("send_unknown", 4)
    assert asked("flat", TradingState.ACTIVE, Rung.READY, doubt) == MUST_WAIT
