"""What a signal asks for: sizes, flips, exits, and what stays when it cannot be computed."""

from decimal import Decimal

import msgspec
import pytest

from domain.instruments import instrument
from domain.predictions import Side
from trading.decisions import Situation, Wish, wishes
from trading.marks import AccountMark
from trading.quotes import Quote
from trading.risk import RiskLimits

D = Decimal
QUOTE = Quote(D("1.09990"), D("1.10010"))
MARK = AccountMark(0, D(100_000), "within", {"EURUSD": QUOTE})
FLAT = Situation(instrument("EURUSD"), "USD", D(0), D(0), QUOTE, 0, MARK)
LONG = FLAT._replace(units=D(5000))
LIMITS = RiskLimits()
FRACTION = D("0.2")

BROKEN = {
    "equity_unavailable": msgspec.structs.replace(MARK, equity_account=None),
    "no_conversion_rate": msgspec.structs.replace(MARK, quotes={}),
    "below_minimum": msgspec.structs.replace(MARK, equity_account=D(5)),
    "daily_loss": msgspec.structs.replace(MARK, loss="breached"),
    "daily_loss_unavailable": msgspec.structs.replace(MARK, loss="unknown"),
}


@pytest.mark.parametrize(
    ("side", "units", "change"),
    [
        ("buy", 0, 18181),
        ("sell", 0, -18181),
        ("buy", 1, None),
        ("sell", -1, None),
        ("flat", 0, None),
        ("flat", 5000, -5000),
        ("flat", -5000, 5000),
        ("sell", 5000, -23181),
        ("buy", -5000, 23181),
    ],
)
def test_one_order_nets_to_the_target(side: Side, units: int, change: int | None) -> None:
    """The order is the difference to the target, and none where the sign is right already."""
    found = wishes(side, FLAT._replace(units=D(units)), FRACTION, LIMITS)
    assert found == ([] if change is None else [Wish(0, D(change))])


@pytest.mark.parametrize("reason", BROKEN)
def test_what_cannot_be_sized_or_checked_is_denied(reason: str) -> None:
    """Nothing opens, and of a flip only the close is left."""
    mark = BROKEN[reason]
    (denied,) = wishes("buy", FLAT._replace(mark=mark), FRACTION, LIMITS)
    assert denied.reason == reason
    assert denied.change_units > 0
    denied, close = wishes("sell", LONG._replace(mark=mark), FRACTION, LIMITS)
    assert denied.reason == reason
    assert close == Wish(1, D(-5000))


@pytest.mark.parametrize("reason", BROKEN)
def test_the_way_out_is_always_open(reason: str) -> None:
    """Reducing to flat passes without a quote, a rate, an equity, or on a lost day."""
    lost = LONG._replace(mark=BROKEN[reason], quote=None, age_ns=10**18)
    assert wishes("flat", lost, FRACTION, LIMITS) == [Wish(0, D(-5000))]


def test_nothing_opens_on_a_suspect_quote_and_everything_closes() -> None:
    """A signal on a doubted quote opens nothing; of a flip the close is left."""
    assert wishes("buy", FLAT._replace(suspect=True), FRACTION, LIMITS) == [
        Wish(0, D(18181), "suspect_quote")
    ]
    assert wishes("sell", LONG._replace(suspect=True), FRACTION, LIMITS) == [
        Wish(0, D(-23181), "suspect_quote"),
        Wish(1, D(-5000)),
    ]
    assert wishes("flat", LONG._replace(suspect=True), FRACTION, LIMITS) == [Wish(0, D(-5000))]
    assert wishes("buy", LONG._replace(suspect=True), FRACTION, LIMITS) == []


def test_a_flip_stays_within_the_largest_order() -> None:
    """Closing and opening together are one order, no larger than the instrument allows."""
    small = msgspec.structs.replace(instrument("EURUSD"), max_units=12_000)
    situation = LONG._replace(instrument=small)
    assert wishes("sell", situation, FRACTION, LIMITS) == [Wish(0, D(-12_000))]


@pytest.mark.parametrize(
    ("side", "held", "in_flight", "reasons"),
    [
        ("buy", 0, 5000, []),
        ("flat", 5000, -5000, []),
        ("sell", 0, 5000, ["order_in_flight"]),
        ("flat", 0, 5000, ["order_in_flight"]),
        ("buy", 5000, -5000, ["order_in_flight"]),
    ],
)
def test_an_order_in_flight_counts_as_held(
    side: Side, held: int, in_flight: int, reasons: list[str]
) -> None:
    """Nothing is sent behind an order whose fill is not known."""
    situation = FLAT._replace(units=D(held), in_flight_units=D(in_flight))
    assert [wish.reason for wish in wishes(side, situation, FRACTION, LIMITS)] == reasons
