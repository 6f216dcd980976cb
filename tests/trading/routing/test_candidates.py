"""What an account can take: by its venue's capabilities, its instruments, its own state."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from domain.orders import OrderTerms
from tests.trading.algos.floor import ABLE, INSTRUMENT
from trading.routing.candidates import Candidate, Objection, Wanted, objections

D = Decimal
MARKET = Wanted("EURUSD", OrderTerms(D(1000), "market", "IOC"))


def candidate(**changes: Any) -> Candidate:
    """Return an account that can do all that the tests' venue can."""
    fields: dict[str, Any] = {
        "account": "a",
        "venue": "oanda",
        "capabilities": ABLE,
        "instruments": {"EURUSD": INSTRUMENT},
    }
    return Candidate(**(fields | changes))


def asked(**changes: Any) -> Wanted:
    """Return an order with other terms."""
    return MARKET._replace(terms=replace(MARKET.terms, **changes))


NO_BOUND = replace(ABLE, price_bound=False)
NO_ROOM = (Objection.NO_ROOM,)
COARSE = replace(INSTRUMENT, max_units=D(750), min_units=D(100), units_step=D(100))


@pytest.mark.parametrize(
    ("one", "wanted", "against"),
    [
        (candidate(), MARKET, ()),
        (candidate(link_up=False), MARKET, (Objection.LINK_DOWN,)),
        (candidate(takes_orders=False), MARKET, (Objection.NOT_TRADING,)),
        (candidate(), MARKET._replace(symbol="USDJPY"), (Objection.UNKNOWN_SYMBOL,)),
        (candidate(), asked(order_type="stop_limit"), (Objection.ORDER_TYPE,)),
        (
            candidate(capabilities=replace(ABLE, times_in_force={"market": frozenset({"FOK"})})),
            MARKET,
            (Objection.TIME_IN_FORCE,),
        ),
        (candidate(capabilities=NO_BOUND), asked(price_bound=D(1)), (Objection.PRICE_BOUND,)),
        (
            candidate(instruments={"EURUSD": replace(INSTRUMENT, tradeable=False)}),
            MARKET,
            (Objection.NOT_TRADEABLE,),
        ),
        (candidate(room_units={"EURUSD": D("0.5")}), MARKET, (Objection.NO_ROOM,)),
        (candidate(room_units={"EURUSD": D(-5)}), MARKET, (Objection.NO_ROOM,)),
        (candidate(instruments={"EURUSD": COARSE}), MARKET, ()),
        (candidate(instruments={"EURUSD": COARSE}), asked(quantity_units=D(99)), NO_ROOM),
        (candidate(instruments={"EURUSD": COARSE}, room_units={"EURUSD": D(100)}), MARKET, ()),
        (candidate(instruments={"EURUSD": COARSE}, room_units={"EURUSD": D(99)}), MARKET, NO_ROOM),
        (
            candidate(instruments={"EURUSD": replace(COARSE, min_units=D(750))}),
            MARKET,
            NO_ROOM,  # 700 on the grid
        ),
    ],
)
def test_every_objection_has_its_cause(
    one: Candidate, wanted: Wanted, against: tuple[Objection, ...]
) -> None:
    """And an account that can take an order has none."""
    assert objections(one, wanted) == against
