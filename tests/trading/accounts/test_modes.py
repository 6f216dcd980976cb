"""Fills in, what is held and realised out: one table for each way to keep positions."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.orders import OrderSide
from trading.accounts.held import FLAT, HeldPosition, after_fill
from trading.accounts.modes import BOOKS
from trading.accounts.trades import BookedFill, ConversionRates
from trading.venues import PositionMode

D = Decimal
PAR = ConversionRates(D(1), D(1))
MODES: tuple[PositionMode, ...] = ("netting", "hedging", "fifo")


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


# Each row: the fill, then the trades after it as (id, units, price), then the closed parts as
# (trade, units, profit in USD).
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


@pytest.mark.parametrize(("mode", "tape"), [("hedging", HEDGING), ("fifo", FIFO)])
def test_fills_make_these_trades_and_close_these_parts(
    mode: PositionMode,
    tape: list[tuple[BookedFill, list[tuple[str, int, str]], list[tuple[str, int, str]]]],
) -> None:
    """The table of the mode, row by row; what is held nets to it, and earns what it closed."""
    held = FLAT
    for one, trades, parts in tape:
        folded = BOOKS[mode](held.trades, one)
        assert [(t.trade_id, t.units, t.price) for t in folded.trades] == [
            (name, D(units), D(price)) for name, units, price in trades
        ], one.execution_id
        assert [(p.trade_id, p.units, p.pnl_quote) for p in folded.parts] == [
            (name, D(units), D(profit)) for name, units, profit in parts
        ], one.execution_id
        moved = after_fill(held, one, mode)
        held = moved.held
        assert held.trades == folded.trades
        assert held.position.units == sum(units for _, units, _ in trades)
        assert moved.profit_account == sum((D(profit) for *_, profit in parts), D(0))


_tapes = st.lists(
    st.tuples(st.integers(-9, 9).filter(bool), st.integers(90, 110), st.booleans()),
    min_size=1,
    max_size=15,
)


def _fills(tape: list[tuple[int, int, bool]]) -> list[BookedFill]:
    return [
        fill(f"x{number:02}", units, str(price), number, reduce=reduce)
        for number, (units, price, reduce) in enumerate(tape)
    ]


def _booked(fills: list[BookedFill], mode: PositionMode) -> tuple[HeldPosition, Decimal]:
    """Return what is held after some fills, and what they realised together."""
    held, realised = FLAT, D(0)
    for one in fills:
        held, profit, *_ = after_fill(held, one, mode)
        realised += profit
    return held, realised


@given(st.sampled_from(MODES), _tapes)
def test_profit_and_holdings_are_the_cash_flow_in_every_mode(
    mode: PositionMode, tape: list[tuple[int, int, bool]]
) -> None:
    """Whatever is matched with what, what was taken in less what was paid is earned or held."""
    fills = _fills(tape)
    held, realised = _booked(fills, mode)
    cash = -sum((one.change_units * one.price for one in fills), D(0))
    position = held.position
    cost = position.units * (position.average_price or D(0))
    if held.trades:
        cost = sum((t.units * t.price for t in held.trades), D(0))
    assert abs(realised - (cash + cost)) < D("1e-4")
    assert position.units == sum((one.change_units for one in fills), D(0))


@given(_tapes)
def test_fifo_never_holds_both_sides(tape: list[tuple[int, int, bool]]) -> None:
    """NFA Compliance Rule 2-43(b): no offsetting positions."""
    held = FLAT
    for one in _fills(tape):
        held = after_fill(held, one, "fifo").held
        assert len({t.units > 0 for t in held.trades}) <= 1


@given(st.sampled_from(MODES), _tapes, st.data())
def test_a_fill_that_is_taken_back_leaves_the_units_of_a_history_without_it(
    mode: PositionMode, tape: list[tuple[int, int, bool]], data: st.DataObject
) -> None:
    """Whatever came since; at once, a trade that it has opened is gone without a trace."""
    fills = _fills(tape)
    busted = data.draw(st.sampled_from(fills))
    opposite: OrderSide = "sell" if busted.side == "buy" else "buy"
    back = BookedFill(
        "back",
        busted.symbol,
        opposite,
        busted.quantity_units,
        busted.price,
        len(fills),
        PAR,
        closes=busted.execution_id,
    )
    without, _ = _booked([one for one in fills if one is not busted], mode)
    taken_back, _ = _booked([*fills, back], mode)
    assert taken_back.position.units == without.position.units
    before, _ = _booked(fills[: fills.index(busted)], mode)
    then = after_fill(before, busted, mode).held
    if then.trades[:-1] == before.trades:
        assert after_fill(then, back, mode).held.trades == before.trades
