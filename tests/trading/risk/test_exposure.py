"""Legs per currency and worst cases, by hand and against an enumeration of what may fill."""

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.risk.desk import QUOTES, D, held
from trading.quotes import Quote
from trading.risk.exposure import CurrencyExposure, Held, Valuation

USD = Valuation("USD", QUOTES)


def test_a_position_is_two_legs() -> None:
    """100,000 EURUSD bought at 1.10 is +110,000 USD in euros and -110,000 USD in dollars."""
    book = [("EURUSD", held(100_000))]
    assert USD.currency("EUR", book) == CurrencyExposure(D(110_000), D(110_000))
    assert USD.currency("USD", book) == CurrencyExposure(D(110_000), D(110_000))
    assert USD.currency("JPY", book) == CurrencyExposure(D(0), D(0))


def test_legs_of_one_currency_cancel_in_the_net_and_add_in_the_gross() -> None:
    """Long EURUSD and short EURJPY are no euros in the end, and long yen short dollars."""
    book = [("EURUSD", held(100_000)), ("EURJPY", held(-100_000))]
    assert USD.currency("EUR", book) == CurrencyExposure(D(220_000), D(0))
    yen = USD.currency("JPY", book)
    assert yen is not None
    # 100,000 EUR at 165.000 and 150.000 yen a dollar.
    assert yen.net == yen.gross
    assert round(yen.net, 6) == D(110_000)


def test_working_orders_count_as_the_worse_of_both_ways() -> None:
    """Nobody knows which of them will fill."""
    one = held(10_000, buys=20_000, sells=50_000)
    assert (one.most, one.least, one.worst_units) == (D(30_000), D(-40_000), D(40_000))
    assert USD.currency("EUR", [("EURUSD", one)]) == CurrencyExposure(D(44_000), D(44_000))


@pytest.mark.parametrize(
    ("account", "notional"), [("USD", 110_000), ("EUR", 100_000), ("JPY", 16_500_000)]
)
def test_a_notional_is_in_the_account_s_own_currency(account: str, notional: int) -> None:
    """100,000 euros at the mid of the day."""
    assert Valuation(account, QUOTES).notional("EURUSD", D(100_000)) == D(notional)


def test_a_rate_goes_through_the_dollar_where_there_is_no_pair() -> None:
    """Francs in yen: 1 / 0.9 dollars of 150 yen each."""
    quotes = {"USDCHF": Quote(D("0.9"), D("0.9")), "USDJPY": Quote(D(150), D(150))}
    value = Valuation("JPY", quotes).notional("CHFJPY", D(9))
    assert value is not None
    assert round(value, 9) == D(1_500)


@pytest.mark.parametrize("symbol", ["GBPUSD", "XXXYYY"])
def test_without_a_rate_or_an_instrument_there_is_no_value(symbol: str) -> None:
    """Unknown is not nothing."""
    book = {symbol: held(1)}
    assert USD.notional(symbol, D(1)) is None
    assert USD.gross(book) is None
    assert USD.currency(symbol[:3], book.items()) is None
    assert USD.gross({symbol: held(0)}) == D(0)


UNITS = st.integers(0, 9).map(Decimal)
HELD = st.builds(Held, UNITS, st.just(D(0)), UNITS, UNITS) | st.builds(
    Held, st.just(D(0)), UNITS, UNITS, UNITS
)
BOOKS = st.dictionaries(st.sampled_from(sorted(QUOTES)), HELD, max_size=3)


@given(BOOKS, st.sampled_from(["EUR", "USD", "JPY"]))
def test_the_worst_case_is_the_worst_of_all_cases(book: dict[str, Held], currency: str) -> None:
    """Every symbol with all, some or none of its buys and sells filled."""
    cases = [
        [
            one.long_units - one.short_units + buys - sells
            for buys in (D(0), one.buy_units)
            for sells in (D(0), one.sell_units)
        ]
        for one in book.values()
    ]
    worst_net = worst_gross = worst_size = Decimal(0)
    for units in product(*cases):
        legs = []
        size = Decimal(0)
        for symbol, amount in zip(book, units, strict=True):
            rate = {"EUR": D("1.1"), "USD": D(1)}[symbol[:3]]
            size += abs(amount) * rate
            if currency == symbol[:3]:
                legs.append(amount * rate)
            elif currency == symbol[3:]:
                legs.append(
                    -amount * QUOTES[symbol].mid * (D(1) if currency == "USD" else 1 / D(150))
                )
        worst_net = max(worst_net, abs(sum(legs, Decimal(0))))
        worst_gross = max(worst_gross, sum((abs(leg) for leg in legs), Decimal(0)))
        worst_size = max(worst_size, size)
    found = USD.currency(currency, book.items())
    assert found is not None
    assert round(found.net - worst_net, 9) == 0
    assert round(found.gross - worst_gross, 9) == 0
    assert USD.gross(book) == worst_size


def test_both_sides_of_one_symbol_count_apart_where_the_account_keeps_both() -> None:
    """Hedged is not flat: 110,000 USD long and 66,000 short."""
    one = Held(D(100_000), D(60_000))
    assert USD.gross({"EURUSD": one}) == D(44_000)
    assert USD.gross({"EURUSD": one}, both_legs=True) == D(176_000)
    both = USD.currency("EUR", [("EURUSD", one)], both_legs=True)
    assert both == CurrencyExposure(D(176_000), D(44_000))
