"""What a signal asks for: sizes, flips, exits, and what is denied before any gate."""

from decimal import Decimal

import msgspec
import pytest

from domain.instruments import instrument
from domain.predictions import Side
from trading.decisions import Situation, Sizing, Wish, largest_units, wish_of, worst_held
from trading.marks import AccountMark
from trading.quotes import Quote
from trading.risk.exposure import Held, held_of

D = Decimal
QUOTE = Quote(D("1.09990"), D("1.10010"))
MARK = AccountMark(0, D(100_000), {"EURUSD": QUOTE}, {})
FLAT = Situation(instrument("EURUSD"), "USD", D(0), D(0), MARK)
LONG = FLAT._replace(units=D(5000))
SIZING = Sizing(D("0.2"), D(10_000_000), D(50_000))

BROKEN = {
    "equity_unavailable": msgspec.structs.replace(MARK, equity_account=None),
    "no_conversion_rate": msgspec.structs.replace(MARK, quotes={}),
    "below_minimum": msgspec.structs.replace(MARK, equity_account=D(5)),
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
    found = wish_of(side, FLAT._replace(units=D(units)), SIZING)
    assert found == (None if change is None else Wish(0, D(change)))


@pytest.mark.parametrize("reason", BROKEN)
def test_what_cannot_be_sized_is_denied(reason: str) -> None:
    """It carries the smallest size of the instrument, in the direction that was wanted."""
    mark = BROKEN[reason]
    assert wish_of("buy", FLAT._replace(mark=mark), SIZING) == Wish(0, D(1), reason)
    assert wish_of("sell", LONG._replace(mark=mark), SIZING) == Wish(0, D(-5001), reason)


@pytest.mark.parametrize("reason", BROKEN)
def test_the_way_out_needs_no_figures(reason: str) -> None:
    """Reducing to flat is asked for without a rate and without an equity."""
    assert wish_of("flat", LONG._replace(mark=BROKEN[reason]), SIZING) == Wish(0, D(-5000))


def test_a_flip_stays_within_the_largest_order() -> None:
    """Closing and opening together are one order, no larger than the instrument allows."""
    small = msgspec.structs.replace(instrument("EURUSD"), max_units=12_000)
    assert wish_of("sell", LONG._replace(instrument=small), SIZING) == Wish(0, D(-12_000))


@pytest.mark.parametrize(
    ("side", "held", "in_flight", "reason"),
    [
        ("buy", 0, 5000, None),
        ("flat", 5000, -5000, None),
        ("sell", 0, 5000, "order_in_flight"),
        ("flat", 0, 5000, "order_in_flight"),
        ("buy", 5000, -5000, "order_in_flight"),
    ],
)
def test_an_order_in_flight_counts_as_held(
    side: Side, held: int, in_flight: int, reason: str | None
) -> None:
    """Nothing is sent behind an order whose fill is not known."""
    situation = FLAT._replace(units=D(held), in_flight_units=D(in_flight))
    wish = wish_of(side, situation, SIZING)
    assert (None if wish is None else wish.reason) == reason


def test_other_symbols_count_at_their_worst() -> None:
    """Each may still go to its largest position on either side, whatever it holds and works."""
    yen = Quote(D("149.990"), D("150.010"))
    held = {"USDJPY": held_of(D(5000), D(0), D(30_000)), "GBPUSD": held_of(D(-700), D(0), D(0))}
    mark = AccountMark(0, D(100_000), {"EURUSD": QUOTE, "USDJPY": yen}, held)
    instruments = {s: instrument(s) for s in ("EURUSD", "USDJPY", "GBPUSD", "AUDUSD")}
    assert largest_units(instruments["USDJPY"], "USD", mark, SIZING) == 20_000
    assert largest_units(instruments["GBPUSD"], "USD", mark, SIZING) is None
    own = held_of(D(1), D(2), D(3))
    assert worst_held("EURUSD", own, instruments, "USD", mark, SIZING) == {
        "EURUSD": own,
        "USDJPY": Held(D(5000), D(0), D(15_000), D(30_000)),
        "GBPUSD": held["GBPUSD"],
    }


def test_the_largest_position_is_the_smallest_of_its_bounds() -> None:
    """Fraction of equity, notional and units: whichever is least."""
    eurusd = instrument("EURUSD")
    bounds = [
        (Sizing(D("0.2"), D(10_000_000), D(50_000)), 18_181),
        (Sizing(D("0.9"), D(10_000_000), D(11_000)), 10_000),
        (Sizing(D("0.9"), D(77), D(11_000)), 77),
    ]
    for sizing, units in bounds:
        assert largest_units(eurusd, "USD", MARK, sizing) == units


HEDGED = FLAT._replace(sides=(D(0), D(0)))


@pytest.mark.parametrize(
    ("side", "sides", "change"),
    [
        ("buy", (0, 3000), 3000),
        ("sell", (3000, 0), -3000),
        # What goes the right way stays, what goes against is closed, however small.
        ("buy", (5000, 1000), 1000),
        ("sell", (5000, 1000), -5000),
        ("buy", (5000, 0), None),
        ("sell", (0, 5000), None),
        # To be flat the larger side goes first, of two that are equal the longs.
        ("flat", (2000, 5000), 5000),
        ("flat", (5000, 5000), -5000),
    ],
)
def test_where_both_sides_are_kept_a_signal_closes_first(
    side: Side, sides: tuple[int, int], change: int | None
) -> None:
    """By an order that can open nothing."""
    long_units, short_units = map(D, sides)
    now = HEDGED._replace(units=long_units - short_units, sides=(long_units, short_units))
    wish = None if change is None else Wish(0, D(change), effect="reduce_only")
    assert wish_of(side, now, SIZING) == wish


def test_where_both_sides_are_kept_nothing_held_opens_as_ever() -> None:
    """And while an order is in flight nothing else is asked for."""
    assert wish_of("buy", HEDGED, SIZING) == wish_of("buy", FLAT, SIZING)
    assert wish_of("flat", HEDGED, SIZING) is None
    busy = HEDGED._replace(units=D(1000), sides=(D(1000), D(0)), in_flight_units=D(-500))
    wish = wish_of("sell", busy, SIZING)
    assert wish is not None
    assert wish.reason == "order_in_flight"
