"""Terms of an order survive the way to IB and back."""

from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import ib_async
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.ib.settings import IbSettings
from brokers.ib.terms import capabilities, check, from_ib, to_ib, wire_terms
from domain.nanos import SECOND_NS
from domain.orders import OrderTerms, OrderType, TimeInForce
from tests.brokers.ib.rig import NOON_NS, an_order
from trading.venues import Unsupported

SETTINGS = IbSettings(account="DU1234567", folder=Path("unused"))
CAN = capabilities(SETTINGS)
PRICES = st.integers(1, 400_000).map(lambda ticks: Decimal(ticks) * Decimal("0.00005"))


@st.composite
def terms(draw: st.DrawFn) -> OrderTerms:
    """Any terms that IB takes."""
    order_type: OrderType = draw(st.sampled_from(sorted(CAN.times_in_force)))
    time_in_force: TimeInForce = draw(st.sampled_from(sorted(CAN.times_in_force[order_type])))
    limits = order_type in {"limit", "stop_limit", "take_profit"}
    triggers = order_type in {"stop", "stop_limit", "stop_loss", "market_if_touched"}
    trails = order_type == "trailing_stop"
    later = st.integers(1, 10**7).map(lambda ms: NOON_NS + ms * 10**6)
    return OrderTerms(
        quantity_units=Decimal(draw(st.integers(1, 10**8))),
        order_type=order_type,
        time_in_force=time_in_force,
        limit_price=draw(PRICES) if limits else None,
        trigger_price=draw(PRICES) if triggers or (trails and draw(st.booleans())) else None,
        trailing_distance=draw(PRICES) if trails else None,
        expire_ns=draw(later) if time_in_force == "GTD" else None,
        trigger_side=draw(st.sampled_from(["default", "mid"])),
    )


@given(terms())
def test_what_is_sent_is_read_back(wanted: OrderTerms) -> None:
    """Digit by digit; only the names of stop-loss and take-profit are lost."""
    check(wanted, CAN)
    sent = to_ib(an_order(), wanted, SETTINGS)
    echoed = ib_async.Order(**{each.name: getattr(sent, each.name) for each in fields(sent)})
    for name in ("totalQuantity", "lmtPrice", "auxPrice", "trailStopPrice"):
        # The library reads every number as a float.
        setattr(echoed, name, float(str(getattr(echoed, name))))
    assert wire_terms(from_ib(echoed)) == wire_terms(wanted)


def test_numbers_reach_the_wire_without_an_exponent() -> None:
    """``1E+5`` is no number to TWS."""
    wanted = OrderTerms(Decimal("1E+5"), "limit", "GTC", limit_price=Decimal("1.10"))
    sent = to_ib(an_order(), wanted, SETTINGS)
    assert (str(sent.totalQuantity), str(sent.lmtPrice)) == ("100000", "1.10")


def test_an_expiry_is_cut_to_the_second_in_utc() -> None:
    """17:00 UTC on 14 January is noon in New York."""
    wanted = OrderTerms(
        Decimal(1), "limit", "GTD", limit_price=Decimal(1), expire_ns=NOON_NS + SECOND_NS - 1
    )
    assert to_ib(an_order(), wanted, SETTINGS).goodTillDate == "20260114-17:00:00"


def test_a_take_profit_rests_as_a_limit() -> None:
    """Its price is the limit, or else its trigger."""
    wanted = OrderTerms(Decimal(1), "take_profit", "GTC", trigger_price=Decimal("1.2"))
    sent = to_ib(an_order(), wanted, SETTINGS)
    assert (sent.orderType, sent.lmtPrice) == ("LMT", Decimal("1.2"))


@pytest.mark.parametrize(
    ("order_type", "limit", "aux", "ours"),
    [("REL", 1.1, 0.1, "limit"), ("TRAIL LIMIT", 0.0, 0.1, "stop"), ("MOC", 0.0, 0.0, "market")],
)
def test_a_type_that_we_never_send_is_read_as_the_nearest(
    order_type: str, limit: float, aux: float, ours: str
) -> None:
    """People have more types than we do."""
    found = ib_async.Order(orderType=order_type, lmtPrice=limit, auxPrice=aux, totalQuantity=1.0)
    assert from_ib(found).order_type == ours


def test_fill_or_kill_is_off_unless_it_is_asked_for() -> None:
    """IDEALPRO does not list it."""
    wanted = OrderTerms(Decimal(1), "market", "FOK")
    with pytest.raises(Unsupported, match="use one of GFD, IOC"):
        check(wanted, CAN)
    allowing = IbSettings(account="DU1234567", folder=Path("unused"), fill_or_kill=True)
    check(wanted, capabilities(allowing))


def test_regulatory_fields_can_be_left_out() -> None:
    """For accounts without such a set-up."""
    plain = IbSettings(account="DU1234567", folder=Path("unused"), regulatory_fields=False)
    sent = to_ib(an_order(), OrderTerms(Decimal(1)), plain)
    assert (sent.mifid2DecisionAlgo, sent.mifid2ExecutionAlgo, sent.extOperator) == ("", "", "")
