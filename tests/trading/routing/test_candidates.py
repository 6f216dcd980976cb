"""What an account can take: by its venue's capabilities, its instruments, its own state."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from domain.orders import OrderTerms
from tests.trading.algos.floor import ABLE, INSTRUMENT
from trading.routing.candidates import Candidate, Objection, Wanted, capacity, objections

D = Decimal
MARKET = Wanted("EURUSD", "buy", OrderTerms(D(1000), "market", "IOC"))


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


NO_BOUND = replace(ABLE, price_bound=False, reduce_only=False, client_ids=False)
TRAIL = {"order_type": "trailing_stop", "time_in_force": "GTC", "trailing_distance": D("0.001")}


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
        (
            candidate(),
            asked(order_type="stop", time_in_force="GTC", trigger_side="mid"),
            (Objection.TRIGGER_SIDE,),
        ),
        (candidate(capabilities=NO_BOUND), asked(price_bound=D(1)), (Objection.PRICE_BOUND,)),
        (
            candidate(capabilities=NO_BOUND),
            MARKET._replace(needs_client_ids=True),
            (Objection.CLIENT_IDS,),
        ),
        (
            candidate(capabilities=NO_BOUND, positions={"EURUSD": D(-500)}),
            asked(position_effect="reduce_only"),
            (Objection.REDUCE_ONLY,),
        ),
        (
            candidate(positions={"EURUSD": D(500)}),
            asked(position_effect="reduce_only"),
            (Objection.NO_POSITION, Objection.NO_ROOM),
        ),
        (
            candidate(takes_orders=False, positions={"EURUSD": D(-500)}),
            asked(position_effect="reduce_only"),
            (),
        ),
        (
            candidate(instruments={"EURUSD": replace(INSTRUMENT, tradeable=False)}),
            MARKET,
            (Objection.NOT_TRADEABLE,),
        ),
        (
            candidate(
                instruments={"EURUSD": replace(INSTRUMENT, min_trailing_distance=D("0.005"))}
            ),
            asked(**TRAIL),
            (Objection.TRAILING_DISTANCE,),
        ),
        (candidate(), asked(**TRAIL), ()),
        (candidate(room_units={"EURUSD": D("0.5")}), MARKET, (Objection.NO_ROOM,)),
    ],
)
def test_every_objection_has_its_cause(
    one: Candidate, wanted: Wanted, against: tuple[Objection, ...]
) -> None:
    """And an account that can take an order has none."""
    assert objections(one, wanted) == against


def test_capacity_is_the_least_of_all_bounds_on_the_grid() -> None:
    """The venue's largest order, the account's own room, the position to reduce."""
    coarse = {"EURUSD": replace(INSTRUMENT, max_units=D(750), units_step=D(100))}
    assert capacity(candidate(), MARKET) == 1000
    assert capacity(candidate(instruments=coarse), MARKET) == 700
    assert capacity(candidate(room_units={"EURUSD": D(330)}), MARKET) == 330
    reduces = asked(position_effect="reduce_only")
    assert capacity(candidate(positions={"EURUSD": D(-120)}), reduces) == 120
    assert capacity(candidate(), MARKET._replace(symbol="USDJPY")) == 0
