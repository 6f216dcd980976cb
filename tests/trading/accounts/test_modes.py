"""Fills in, open trades and closed parts out: one table for each way to keep positions."""

from decimal import Decimal
from random import Random  # noqa: TID251 - the type of what hypothesis hands in, seeded by it

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.orders import OrderSide
from trading.accounts.account import AccountBook, AccountConfig
from trading.accounts.modes import MODES
from trading.accounts.trades import BookedFill, ConversionRates
from trading.venues import PositionMode

D = Decimal
PAR = ConversionRates(D(1), D(1))


def fill(
    execution_id: str, units: int, price: str, ts_ns: int, closes: str = "", reduce: bool = False
) -> BookedFill:
    """Return a fill of signed units."""
    side: OrderSide = "buy" if units > 0 else "sell"
    return BookedFill(
        execution_id,
        "EURUSD",
        side,
        D(abs(units)),
        D(price),
        ts_ns,
        PAR,
        closes,
        "reduce_only" if reduce else "default",
    )


def account(mode: PositionMode) -> AccountBook:
    """Return an empty USD account."""
    return AccountConfig("A-1", "USD", mode).build()


# Each row: the fill, then the trades after it as (id, units, price), then the closed parts as
# (trade, units, profit in USD).
NETTING = [
    (fill("a", 100, "1.10", 1), [("a", 100, "1.10")], []),
    # (100 x 1.10 + 100 x 1.20) / 200
    (fill("b", 100, "1.20", 2), [("a", 200, "1.15")], []),
    # 50 x (1.25 - 1.15)
    (fill("c", -50, "1.25", 3), [("a", 150, "1.15")], [("a", 50, "5.00")]),
    # 150 x (1.05 - 1.15), and 50 more are sold through zero.
    (fill("d", -200, "1.05", 4), [("d", -50, "1.05")], [("a", 150, "-15.00")]),
    # A short gains as the price falls: -50 x (1.00 - 1.05).
    (fill("e", 50, "1.00", 5), [], [("d", -50, "2.50")]),
]
HEDGING = [
    (fill("a", 100, "1.10", 1), [("a", 100, "1.10")], []),
    # The other side opens beside it.
    (fill("b", -70, "1.20", 2), [("a", 100, "1.10"), ("b", -70, "1.20")], []),
    (
        fill("c", 40, "1.30", 3),
        [("a", 100, "1.10"), ("b", -70, "1.20"), ("c", 40, "1.30")],
        [],
    ),
    # By name: 60 of the first.
    (
        fill("d", -60, "1.15", 4, closes="a"),
        [("a", 40, "1.10"), ("b", -70, "1.20"), ("c", 40, "1.30")],
        [("a", 60, "3.00")],
    ),
    # Oldest first: 40 x (1.40 - 1.10), then 10 x (1.40 - 1.30).
    (
        fill("e", -50, "1.40", 5, reduce=True),
        [("b", -70, "1.20"), ("c", 30, "1.30")],
        [("a", 40, "12.00"), ("c", 10, "1.00")],
    ),
    # More than the trade holds: the rest was filled, so it is held. -70 x (1.10 - 1.20).
    (
        fill("f", 80, "1.10", 6, closes="b"),
        [("c", 30, "1.30"), ("f", 10, "1.10")],
        [("b", -70, "7.00")],
    ),
]
FIFO = [
    (fill("a", 100, "1.10", 1), [("a", 100, "1.10")], []),
    (fill("b", 50, "1.20", 2), [("a", 100, "1.10"), ("b", 50, "1.20")], []),
    (fill("c", 50, "1.30", 3), [("a", 100, "1.10"), ("b", 50, "1.20"), ("c", 50, "1.30")], []),
    # Of the same size the oldest, though an older one of another size is there.
    (
        fill("d", -50, "1.25", 4),
        [("a", 100, "1.10"), ("c", 50, "1.30")],
        [("b", 50, "2.50")],
    ),
    # No trade of 30: the oldest of all.
    (fill("e", -30, "1.20", 5), [("a", 70, "1.10"), ("c", 50, "1.30")], [("a", 30, "3.00")]),
    # 70 x (1.00 - 1.10), 50 x (1.00 - 1.30), and 10 go through: never both sides at once.
    (
        fill("f", -130, "1.00", 6),
        [("f", -10, "1.00")],
        [("a", 70, "-7.00"), ("c", 50, "-15.00")],
    ),
]


@pytest.mark.parametrize(
    ("mode", "tape"), [("netting", NETTING), ("hedging", HEDGING), ("fifo", FIFO)]
)
def test_fills_make_these_trades_and_close_these_parts(
    mode: PositionMode,
    tape: list[tuple[BookedFill, list[tuple[str, int, str]], list[tuple[str, int, str]]]],
) -> None:
    """The table of the mode, row by row, and the sum of its profits at the end."""
    book, total = account(mode), D(0)
    for one, trades, parts in tape:
        change = book.apply(one)
        assert [(t.trade_id, t.units, t.price) for t in book.trades("EURUSD")] == [
            (name, D(units), D(price)) for name, units, price in trades
        ], one.execution_id
        assert [(p.trade_id, p.units, p.pnl_quote) for p in change.realised] == [
            (name, D(units), D(profit)) for name, units, profit in parts
        ], one.execution_id
        assert change.taken_back == ()
        total += sum((D(profit) for _, _, profit in parts), D(0))
    assert book.realised_account() == book.realised_account("EURUSD") == total


MAY_CLOSE = [
    # mode, trade, units, allowed; held are a: 100, b: 50, c: 50, all long
    ("netting", "", 200, True),
    ("netting", "", 201, False),
    ("netting", "a", 200, True),
    ("netting", "b", 50, False),  # one position: b is part of a
    ("hedging", "a", 100, True),
    ("hedging", "b", 20, True),
    ("hedging", "b", 51, False),
    ("hedging", "x", 1, False),
    ("fifo", "a", 100, True),
    ("fifo", "a", 30, True),  # a part of the oldest
    ("fifo", "b", 30, False),  # a part of another: the oldest would be hit
    ("fifo", "b", 50, True),  # the oldest of its size
    ("fifo", "c", 50, False),  # b is older and of the same size
    ("fifo", "a", 50, False),  # half of a is the size of b
    ("fifo", "a", 101, False),
]


@pytest.mark.parametrize(("mode", "trade", "units", "allowed"), MAY_CLOSE)
def test_what_may_be_closed_is_computed_here(
    mode: PositionMode, trade: str, units: int, allowed: bool
) -> None:
    """A broker does not say which trades can be closed; it refuses afterwards."""
    book = account(mode)
    for one in (fill("a", 100, "1.1", 1), fill("b", 50, "1.1", 2), fill("c", 50, "1.1", 3)):
        book.apply(one)
    assert book.may_close("EURUSD", trade, D(units)) is allowed


def test_nothing_can_be_closed_where_nothing_is_held() -> None:
    """No trade, no close."""
    for mode in MODES:
        assert not account(mode).may_close("EURUSD", "a", D(1))


_tapes = st.lists(
    st.tuples(
        st.integers(-9, 9).filter(bool), st.integers(90, 110), st.integers(0, 5), st.booleans()
    ),
    min_size=1,
    max_size=15,
)


def _fills(tape: list[tuple[int, int, int, bool]]) -> list[BookedFill]:
    return [
        fill(f"x{number:02}", units, str(price), ts_ns, reduce=reduce)
        for number, (units, price, ts_ns, reduce) in enumerate(tape)
    ]


@given(st.sampled_from(["netting", "hedging", "fifo"]), _tapes)
def test_profit_and_holdings_are_the_cash_flow_in_every_mode(
    mode: PositionMode, tape: list[tuple[int, int, int, bool]]
) -> None:
    """Whatever is matched with what, what was taken in less what was paid is earned or held."""
    book = account(mode)
    for one in _fills(tape):
        book.apply(one)
    cash = -sum((one.change_units * one.price for one in _fills(tape)), D(0))
    held = sum((t.units * t.price for t in book.trades("EURUSD")), D(0))
    realised = book.realised_account()
    assert realised is not None
    assert abs(realised - (cash + held)) < D("1e-4")
    assert book.units("EURUSD") == sum((one.change_units for one in _fills(tape)), D(0))


@given(_tapes)
def test_fifo_never_holds_both_sides(tape: list[tuple[int, int, int, bool]]) -> None:
    """NFA Compliance Rule 2-43(b): no offsetting positions."""
    book = account("fifo")
    for one in _fills(tape):
        book.apply(one)
        assert len({t.units > 0 for t in book.trades("EURUSD")}) <= 1


@given(st.sampled_from(["netting", "hedging", "fifo"]), _tapes, st.randoms(use_true_random=False))
def test_the_account_does_not_depend_on_the_order_of_arrival(
    mode: PositionMode, tape: list[tuple[int, int, int, bool]], random: Random
) -> None:
    """Shuffled and doubled, the same fills make the same account, to the last digit."""
    fills = _fills(tape)
    arrived = [*fills, *fills]
    random.shuffle(arrived)
    one, other = account(mode), account(mode)
    for each in sorted(fills, key=lambda f: (f.ts_event_ns, f.execution_id)):
        one.apply(each)
    for each in arrived:
        other.apply(each)
    assert one.snapshot() == other.snapshot()
    assert one.trades("EURUSD") == other.trades("EURUSD")


@given(st.sampled_from(["netting", "hedging", "fifo"]), _tapes, st.data())
def test_a_bust_leaves_the_account_as_if_the_fill_had_never_been(
    mode: PositionMode, tape: list[tuple[int, int, int, bool]], data: st.DataObject
) -> None:
    """Trades, profit and state equal those of a history without it."""
    fills = _fills(tape)
    busted = data.draw(st.sampled_from(fills))
    one, other = account(mode), account(mode)
    for each in fills:
        one.apply(each)
        if each is not busted:
            other.apply(each)
    before = one.realised_account()
    change = one.bust(busted.execution_id)
    assert one.trades("EURUSD") == other.trades("EURUSD")
    assert one.realised_account() == other.realised_account()
    gone = sum((p.pnl_account or D(0) for p in change.taken_back), D(0))
    new = sum((p.pnl_account or D(0) for p in change.realised), D(0))
    assert before is not None
    assert before - gone + new == one.realised_account()
