"""What a lane was charged beside any fill, and what that does to the equity of a mark."""

from decimal import Decimal

from msgspec import UNSET

from domain.instruments import INSTRUMENTS
from domain.nanos import MINUTE_NS, SECOND_NS
from trading.lanes import LaneState
from trading.marks import Contribution, MarkBook, MarkRules
from trading.positions import NetPosition

D = Decimal


def equity(*charged: Decimal | None) -> Decimal | None:
    """Return the equity of an account of 1,000 whose lanes were charged so."""
    rules = MarkRules("a", "USD", D(1_000), SECOND_NS, INSTRUMENTS)
    marks = MarkBook(rules)
    marks.reach(MINUTE_NS)
    parts = [
        (
            symbol,
            Contribution(0, MINUTE_NS, 1.1, 1.1, 0, NetPosition(), charged_account=amount),
        )
        for symbol, amount in zip(("EURUSD", "GBPUSD"), charged, strict=True)
    ]
    return marks.make(parts).equity_account


def test_charges_add_up_and_an_unknown_one_stays_unknown() -> None:
    """What is not known is never counted as nothing."""
    lane = LaneState("EURUSD")
    assert lane.charged_account is UNSET
    lane.charge(D("-1.5"))
    lane.charge(D("0.25"))
    assert lane.charged_account == D("-1.25")
    lane.charge(None)
    lane.charge(D(1))
    assert lane.charged_account is None


def test_the_equity_of_a_mark_has_the_charges_of_all_lanes() -> None:
    """Without one of them it is unknown."""
    assert equity(D(-2), D("0.5")) == D("998.5")
    assert equity(D(-2), None) is None
