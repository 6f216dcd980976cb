"""What is held and earned in account currency: sides of conversion, unknown rates, open trades."""

from decimal import Decimal

import pytest

from domain.instruments import INSTRUMENTS
from domain.orders import Execution, Order, OrderSide, PositionEffect
from trading.accounts.held import (
    FLAT,
    HeldPosition,
    after_fill,
    fill_of_order,
    held_profit,
    sides,
    with_profit,
)
from trading.accounts.trades import BookedFill, ConversionRates, fill_of, rates_at
from trading.positions import NetPosition
from trading.quotes import Quote
from trading.venues import PositionMode

D = Decimal
QUOTES = {
    "EURUSD": Quote(D("1.10000"), D("1.10020")),
    "USDJPY": Quote(D("150.000"), D("150.020")),
}
UNKNOWN = ConversionRates(None, None)


def fill(
    execution_id: str,
    symbol: str,
    side: OrderSide,
    units: str,
    price: str,
    ts_ns: int,
    rates: ConversionRates | None = None,
) -> BookedFill:
    """Return a fill converted at `QUOTES` into US dollars."""
    return BookedFill(
        execution_id,
        symbol,
        side,
        D(units),
        D(price),
        ts_ns,
        rates or rates_at(symbol[3:], "USD", QUOTES),
    )


def booked(mode: PositionMode, *fills: BookedFill) -> HeldPosition:
    """Return what is held after some fills."""
    held = FLAT
    for one in fills:
        held = after_fill(held, one, mode).held
    return held


@pytest.mark.parametrize("mode", ["netting", "hedging", "fifo"])
def test_a_gain_is_sold_and_a_loss_is_bought(mode: PositionMode) -> None:
    """3,000 JPY gained sell at USDJPY's ask, 3,000 JPY lost are bought at its bid."""
    held = booked(mode, fill("a", "USDJPY", "buy", "2000", "150.000", 1))
    effect: PositionEffect = "reduce_only" if mode == "hedging" else "default"
    rates = rates_at("JPY", "USD", QUOTES)
    for price, profit, dollars in (("153.000", 3000, "19.997334"), ("147.000", -3000, "-20")):
        close = BookedFill("b", "USDJPY", "sell", D(1000), D(price), 2, rates, effect=effect)
        moved = after_fill(held, close, mode)
        # 3000 / 150.02 = 19.99733368..., and 3000 / 150 = 20.
        assert (moved.profit_quote, moved.profit_account) == (D(profit), D(dollars))
        assert moved.conversion_rate == (rates.gain if profit > 0 else rates.loss)


@pytest.mark.parametrize("mode", ["netting", "fifo"])
def test_a_profit_without_a_rate_is_unknown_and_so_is_every_sum_with_it(mode: PositionMode) -> None:
    """Never 0 in its place; a profit of nothing needs no rate."""
    held = booked(mode, fill("a", "USDJPY", "buy", "1000", "150", 1, UNKNOWN))
    level = after_fill(held, fill("b", "USDJPY", "sell", "1000", "150", 2, UNKNOWN), mode)
    assert level.profit_account == 0
    moved = after_fill(held, fill("b", "USDJPY", "sell", "1000", "153", 2, UNKNOWN), mode)
    assert (moved.profit_quote, moved.profit_account) == (D(3000), None)
    closed = with_profit(moved.held, moved.profit_account)
    assert with_profit(closed, D(5)).position == NetPosition(D(0), None, None)


def test_open_trades_are_worth_what_closing_them_would_bring() -> None:
    """Each trade at its own closing side, gains sold and losses bought."""
    pair, yen = INSTRUMENTS["EURUSD"], INSTRUMENTS["USDJPY"]
    both = booked(
        "hedging",
        fill("a", "EURUSD", "buy", "1000", "1.09000", 1),
        fill("b", "EURUSD", "sell", "500", "1.09000", 2),
    )
    assert sides(both) == (D(1000), D(500))
    # 1000 x (1.10000 - 1.09); -500 x (1.10020 - 1.09)
    assert held_profit(both, pair, "USD", QUOTES) == D("10.00000") - D("5.10000")
    # The gain is sold into yen at 150.000, the loss bought at 150.020: 1500 - 765.102.
    assert held_profit(both, pair, "JPY", QUOTES) == D("734.898")
    for mode in ("netting", "hedging", "fifo"):
        short = booked(mode, fill("c", "USDJPY", "sell", "1000", "149.000", 3))
        # -1000 x (150.020 - 149) / 150.000
        assert held_profit(short, yen, "USD", QUOTES) == D("-6.800000")
        assert held_profit(short, yen, "USD", {"EURUSD": QUOTES["EURUSD"]}) is None
        assert sides(short) == (D(0), D(1000))
    assert held_profit(both, pair, "EUR", {"USDJPY": QUOTES["USDJPY"]}) is None
    assert held_profit(FLAT, pair, "USD", {}) == 0


def test_a_published_execution_is_a_fill() -> None:
    """The record of the log holds all but the rates; its order says which trades it closes."""
    execution = Execution("x", "o", "A-1", "EURUSD", "sell", D(5), D("1.2"), 7, 8, D(0), D(0), None)
    rates = rates_at("USD", "JPY", QUOTES)
    assert rates == ConversionRates(D("150.000"), D("150.020"))
    plain = BookedFill("x", "EURUSD", "sell", D(5), D("1.2"), 7, rates)
    assert fill_of(execution, rates) == plain
    assert plain.change_units == D(-5)
    order = Order(
        client_order_id="o",
        account="A-1",
        strategy="s",
        signal_id="",
        symbol="EURUSD",
        side="sell",
        quantity_units=D(5),
        status="filled",
        ts_event_ns=7,
        ts_recv_ns=8,
        position_effect="reduce_only",
    )
    reducing = BookedFill("x", "EURUSD", "sell", D(5), D("1.2"), 7, rates, "", "reduce_only")
    assert fill_of_order(execution, order, rates) == reducing
