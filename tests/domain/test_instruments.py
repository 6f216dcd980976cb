"""Instruments: spellings, pips, and what is said of a symbol that is not there."""

from decimal import Decimal

import pytest

from domain.errors import BadUse
from domain.instruments import DEFAULT_SYMBOLS, INSTRUMENTS, MAJOR_SYMBOLS, canonical, instrument


@pytest.mark.parametrize(
    "spelling", ["EURUSD", "eurusd", "EUR/USD", "EUR_USD", "eur-usd", " EURUSD "]
)
def test_usual_spellings(spelling: str) -> None:
    """One pair has one canonical name."""
    assert canonical(spelling) == "EURUSD"
    assert instrument(spelling).symbol == "EURUSD"


@pytest.mark.parametrize(
    ("symbol", "pip", "tick_size"),
    [
        ("EURUSD", 0.0001, "0.00001"),
        ("USDJPY", 0.01, "0.001"),
        ("CHFJPY", 0.01, "0.001"),
        ("NZDCHF", 0.0001, "0.00001"),
    ],
)
def test_the_pip_comes_from_the_table(symbol: str, pip: float, tick_size: str) -> None:
    """A pip against the yen is a hundredth; the venue's grid is ten times finer."""
    assert instrument(symbol).pip == pip
    assert instrument(symbol).tick_size == Decimal(tick_size)


def test_the_table_is_whole() -> None:
    """Eight currencies make 28 pairs; every pair is there once and in one direction."""
    majors = [INSTRUMENTS[symbol] for symbol in MAJOR_SYMBOLS]
    assert len({code for pair in majors for code in (pair.base, pair.quote)}) == 8
    assert len(majors) == 28
    assert len(INSTRUMENTS) == 100
    assert len({frozenset((p.base, p.quote)) for p in INSTRUMENTS.values()}) == 100
    for symbol, pair in INSTRUMENTS.items():
        assert symbol == pair.symbol == pair.base + pair.quote
        assert 0 < pair.min_units <= pair.max_units
        assert pair.step_units > 0
        assert pair.display_precision == 1 - pair.pip_location
        # The wire has room for sixteen bytes.
        assert len(symbol.encode()) <= 16
    assert set(DEFAULT_SYMBOLS) <= INSTRUMENTS.keys()


@pytest.mark.parametrize("spelling", ["USDEUR", "usd/eur"])
def test_an_inverted_pair_is_named_as_such(spelling: str) -> None:
    """The message says how the market quotes it."""
    with pytest.raises(
        BadUse, match=f"unknown symbol '{spelling}': the market quotes it as EURUSD"
    ):
        instrument(spelling)


@pytest.mark.parametrize("symbol", ["", "EURXXX", "EURUSDX", "EUREUR", "BTCUSD", "Ⅷ"])
def test_an_unknown_symbol_is_answered_with_the_known_ones(symbol: str) -> None:
    """A typing error is mended without a look into the code."""
    with pytest.raises(BadUse, match=r"known symbols: AUDCAD, .*USDJPY"):
        instrument(symbol)
