"""Faults of a history, unknown rates, snapshots, valuation and margin of an account."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from domain.errors import BadUse, Corrupt, Drop
from domain.orders import Execution, OrderSide
from trading.accounts.account import AccountBook, AccountConfig
from trading.accounts.trades import BookedFill, ConversionRates, fill_of, rates_at
from trading.accounts.valuation import Funds, account_unrealised, funds, margin_used
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


def usd(mode: PositionMode = "netting") -> AccountBook:
    """Return an empty USD account."""
    return AccountConfig("A-1", "USD", mode).build()


def test_a_gain_is_sold_and_a_loss_is_bought() -> None:
    """3,000 JPY gained sell at USDJPY's ask, 3,000 JPY lost are bought at its bid."""
    book = usd()
    book.apply(fill("a", "USDJPY", "buy", "2000", "150.000", 1))
    (gain,) = book.apply(fill("b", "USDJPY", "sell", "1000", "153.000", 2)).realised
    (loss,) = book.apply(fill("c", "USDJPY", "sell", "1000", "147.000", 3)).realised
    # 3000 / 150.02 = 19.99733368..., and 3000 / 150 = 20.
    assert (gain.pnl_quote, gain.pnl_account) == (D(3000), D("19.997334"))
    assert (loss.pnl_quote, loss.pnl_account) == (D(-3000), D("-20.000000"))
    assert book.realised_account() == D("-0.002666")


def test_a_profit_without_a_rate_is_unavailable_until_the_rate_is_supplied() -> None:
    """One unknown part makes the sum unknown; a correction with the rate makes it known."""
    book = usd()
    book.apply(fill("a", "USDJPY", "buy", "1000", "150", 1, UNKNOWN))
    book.apply(fill("b", "USDJPY", "sell", "1000", "153", 2, UNKNOWN))
    book.apply(fill("c", "EURUSD", "buy", "1000", "1.1", 3))
    book.apply(fill("d", "EURUSD", "sell", "1000", "1.2", 4))
    assert book.realised_account("EURUSD") == D(100)
    assert book.realised_account("USDJPY") is None
    assert book.realised_account() is None
    change = book.correct(fill("b", "USDJPY", "sell", "1000", "153", 2))
    assert [p.pnl_account for p in change.taken_back] == [None]
    assert [p.pnl_account for p in change.realised] == [D("19.997334")]
    assert book.realised_account() == D("119.997334")


def test_a_bust_of_the_opening_fill_turns_the_close_into_a_position() -> None:
    """What was sold stays sold; the profit is taken back."""
    book = usd()
    book.apply(fill("a", "EURUSD", "buy", "1000", "1.1", 1))
    book.apply(fill("b", "EURUSD", "sell", "1000", "1.2", 2))
    change = book.bust("a")
    assert [(p.trade_id, p.pnl_account) for p in change.taken_back] == [("a", D(100))]
    assert change.realised == ()
    assert (book.units("EURUSD"), book.realised_account()) == (D(-1000), D(0))


def test_a_correction_replaces_its_execution_and_is_not_added() -> None:
    """The price of the entry moves by 0.01: the profit of 1,000 units by 10."""
    book = usd()
    book.apply(fill("a", "EURUSD", "buy", "1000", "1.1", 1))
    book.apply(fill("b", "EURUSD", "sell", "600", "1.2", 2))
    book.correct(fill("a", "EURUSD", "buy", "1000", "1.11", 1))
    (trade,) = book.trades("EURUSD")
    assert (trade.units, trade.price) == (D(400), D("1.11"))
    # 600 x (1.20 - 1.11)
    assert book.realised_account() == D(54)


def test_faults_are_refused_with_what_to_do() -> None:
    """Each is one execution: it is dropped with a reason, and the account goes on."""
    book = usd()
    book.apply(fill("a", "EURUSD", "buy", "1000", "1.1", 1))
    faults: list[tuple[Callable[[], object], str]] = [
        (lambda: book.apply(fill("a", "EURUSD", "buy", "999", "1.1", 1)), "a correction must say"),
        (lambda: book.apply(fill("z", "EURXXX", "buy", "1", "1.1", 1)), "does not trade"),
        (lambda: book.apply(fill("z", "EURUSD", "buy", "0", "1.1", 1)), "must be above 0"),
        (lambda: book.apply(fill("z", "EURUSD", "buy", "1", "NaN", 1)), "must be above 0"),
        (lambda: book.bust("z"), "never booked"),
        (lambda: book.correct(fill("z", "EURUSD", "buy", "1", "1", 1)), "never booked"),
        (lambda: book.correct(fill("a", "USDJPY", "buy", "1", "1", 1)), "a bust and a new fill"),
    ]
    for broken, said in faults:
        with pytest.raises(Drop, match=said):
            broken()
    assert book.units("EURUSD") == D(1000)


def test_what_is_forgotten_still_counts_and_cannot_be_busted() -> None:
    """Memory stays bounded; trades and sums stay; a very late fill is held all the same."""
    book = usd()
    book.apply(fill("a", "EURUSD", "buy", "1000", "1.1", 10))
    book.apply(fill("b", "EURUSD", "sell", "400", "1.2", 20))
    book.apply(fill("c", "EURUSD", "sell", "100", "1.3", 30))
    book.forget(30)
    assert (book.units("EURUSD"), book.realised_account()) == (D(500), D(60))
    with pytest.raises(Drop, match="forgotten"):
        book.bust("b")
    book.apply(fill("d", "EURUSD", "buy", "50", "1.1", 5))
    assert book.units("EURUSD") == D(550)
    book.bust("c")
    assert (book.units("EURUSD"), book.realised_account()) == (D(650), D(40))


def test_what_was_held_before_a_time_is_known_as_far_back_as_is_remembered() -> None:
    """A fill at that very time is not before it; what is forgotten is not guessed."""
    book = usd()
    book.apply(fill("a", "EURUSD", "buy", "1000", "1.1", 10))
    book.apply(fill("b", "EURUSD", "sell", "400", "1.2", 20))
    book.apply(fill("c", "EURUSD", "sell", "100", "1.3", 30))
    held = [book.trades_before("EURUSD", ts_ns) for ts_ns in (10, 20, 21, 30, 31)]
    assert [[t.units for t in trades] for trades in held] == [[], [1000], [600], [600], [500]]
    assert book.trades_before("USDJPY", 10) == ()
    book.forget(25)
    assert [t.units for t in book.trades_before("EURUSD", 30)] == [600]
    book.forget(40)
    assert [t.units for t in book.trades_before("EURUSD", 40)] == [500]
    with pytest.raises(BadUse, match="are forgotten"):
        book.trades_before("EURUSD", 30)


def test_a_snapshot_is_a_plain_mapping_that_goes_on_where_it_was() -> None:
    """Through JSON and back, then a bust: as without the stop."""
    book = usd("fifo")
    for one in (
        fill("a", "EURUSD", "buy", "1000", "1.1", 10),
        fill("b", "EURUSD", "sell", "400", "1.2", 20),
        fill("c", "USDJPY", "buy", "7", "150", 30),
    ):
        book.apply(one)
    plain = msgspec.json.decode(msgspec.json.encode(book.snapshot()))
    again = AccountConfig("A-1", "USD", "fifo").build(plain)
    assert again.snapshot() == book.snapshot()
    assert again.bust("b") == book.bust("b")
    assert list(again.symbols()) == ["EURUSD", "USDJPY"]
    assert again.realised_account() == D(0)


def test_a_snapshot_of_another_account_or_version_is_refused() -> None:
    """State is never reinterpreted."""
    plain = usd().snapshot()
    with pytest.raises(BadUse, match="A-1 USD netting"):
        AccountConfig("A-2", "USD").build(plain)
    with pytest.raises(BadUse, match="hedging"):
        AccountConfig("A-1", "USD", "hedging").build(plain)
    with pytest.raises(Corrupt, match="version 2"):
        AccountConfig("A-1", "USD").build({**plain, "v": 2})
    with pytest.raises(Corrupt, match="cannot be read"):
        AccountConfig("A-1", "USD").build({"v": 1})


def test_open_trades_are_worth_what_closing_them_would_bring() -> None:
    """Each trade at its own closing side, gains sold and losses bought."""
    book = usd("hedging")
    book.apply(fill("a", "EURUSD", "buy", "1000", "1.09000", 1))
    book.apply(fill("b", "EURUSD", "sell", "500", "1.09000", 2))
    book.apply(fill("c", "USDJPY", "sell", "1000", "149.000", 3))
    # 1000 x (1.10000 - 1.09); -500 x (1.10020 - 1.09); -1000 x (150.020 - 149) / 150.000
    assert account_unrealised(book, QUOTES) == D("10.00000") - D("5.10000") - D("6.800000")
    assert account_unrealised(book, {"EURUSD": QUOTES["EURUSD"]}) is None
    assert account_unrealised(usd(), {}) == 0


def test_margin_is_charged_on_both_legs_or_on_the_larger() -> None:
    """1,000 long and 400 short EURUSD and 2,000 USDJPY at 2 % and 4 %."""
    book = usd("hedging")
    book.apply(fill("a", "EURUSD", "buy", "1000", "1.1", 1))
    book.apply(fill("b", "EURUSD", "sell", "400", "1.1", 2))
    book.apply(fill("c", "USDJPY", "sell", "2000", "150", 3))
    rates = {"EURUSD": D("0.02"), "USDJPY": D("0.04")}
    # 1400 x 1.1001 x 0.02 = 30.8028; 1000 x 1.1001 x 0.02 = 22.002; 2000 x 0.04 = 80
    assert margin_used(book, QUOTES, rates) == D("110.8028")
    assert margin_used(book, QUOTES, rates, "larger_leg") == D("102.002")
    assert margin_used(book, QUOTES, {"EURUSD": D("0.02")}) is None
    assert margin_used(book, {"USDJPY": QUOTES["USDJPY"]}, rates) is None
    assert margin_used(usd(), {}, {}) == 0


def test_funds_add_up_or_say_that_they_are_unknown() -> None:
    """Equity is balance plus open profit; the level is equity per margin."""
    book = usd()
    book.apply(fill("a", "EURUSD", "buy", "1000", "1.09", 1))
    rates = {"EURUSD": D("0.02")}
    # 1000 x (1.10 - 1.09) = 10; 1000 x 1.1001 x 0.02 = 22.002
    assert funds(book, D(100), QUOTES, rates) == Funds(
        D(100), D(10), D(110), D("22.002"), D("87.998"), D(110) / D("22.002")
    )
    assert funds(book, D(100), {}, rates) == Funds(D(100), None, None, None, None, None)
    assert funds(usd(), D(100), {}, {}) == Funds(D(100), D(0), D(100), D(0), D(100), None)


def test_a_published_execution_is_a_fill() -> None:
    """The record of the log holds all but the rates."""
    execution = Execution("x", "o", "A-1", "EURUSD", "sell", D(5), D("1.2"), 7, 8, D(0), D(0), None)
    rates = rates_at("USD", "JPY", QUOTES)
    assert rates == ConversionRates(D("150.000"), D("150.020"))
    booked = fill_of(execution, rates, closes="t", effect="reduce_only")
    assert booked == BookedFill("x", "EURUSD", "sell", D(5), D("1.2"), 7, rates, "t", "reduce_only")
    assert booked.change_units == D(-5)
