"""Cross features beside their definitions: dollar, strengths, triangles, and the weekend."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.instruments import DEFAULT_SYMBOLS, INSTRUMENTS
from domain.nanos import MINUTE_NS
from features import panel as panel_module
from features.cross_kernel import CROSS_WIDTH, cross_kernel
from features.panel import PanelConfig, PanelRows
from features.spec import CROSS_FEATURES
from tests.features.panel_tapes import (
    FRIDAY,
    Closes,
    concatenated,
    open_ends,
    panel,
    random_closes,
    whole_news,
)
from tests.features.slow_panel import SlowPanel

PLACE = {feature.name: at for at, feature in enumerate(CROSS_FEATURES)}
VALUE = {"EUR": 1.09, "USD": 1.0, "JPY": 0.0067, "GBP": 1.27, "CHF": 1.13}
VALUE |= {"AUD": 0.66, "NZD": 0.61, "CAD": 0.74}

ALL = tuple(s for s in sorted(INSTRUMENTS) if s[:3] in VALUE and s[3:] in VALUE)
"""The 28 pairs of the eight major currencies."""


def _assert_close(found: PanelRows, wanted: PanelRows) -> None:
    assert found.ts_ns.tolist() == wanted.ts_ns.tolist()
    assert found.complete_ns == wanted.complete_ns
    np.testing.assert_allclose(found.values, wanted.values, rtol=1e-9, atol=1e-9)


def _at(found: PanelRows, symbols: tuple[str, ...], symbol: str, name: str) -> list[float]:
    values: list[float] = found.values[:, symbols.index(symbol), PLACE[name]].tolist()
    return values


def _consistent(count: int) -> Closes:
    """Return all pairs priced by one value for each currency: no triangle has a gap."""
    return {
        symbol: dict.fromkeys(open_ends(count), VALUE[symbol[:3]] / VALUE[symbol[3:]])
        for symbol in ALL
    }


def test_the_kernel_is_as_wide_as_the_spec() -> None:
    """Columns are told by their place alone."""
    assert len(CROSS_FEATURES) == CROSS_WIDTH


@pytest.mark.parametrize(
    ("symbols", "count", "gaps"),
    [
        (DEFAULT_SYMBOLS, 200, 0.2),
        (ALL, 60, 0.1),
        (("EURGBP", "AUDNZD"), 80, 0.5),
        (("USDJPY",), 60, 0.3),
    ],
)
def test_every_value_is_the_one_of_its_definition(
    symbols: tuple[str, ...], count: int, gaps: float
) -> None:
    """Over a weekend, with minutes in which some pairs or all had no bar."""
    ends = open_ends(count)
    closes = random_closes(symbols, ends, 7, gaps)
    wanted = SlowPanel(symbols, closes).rows(ends[-1])
    found = panel(symbols, [whole_news(closes, ends[-1])])
    _assert_close(found, wanted)
    assert found.ts_ns.size >= count - 5


@settings(max_examples=40, deadline=None)
@given(
    symbols=st.lists(st.sampled_from(ALL), min_size=1, max_size=6, unique=True).map(tuple),
    seed=st.integers(0, 10_000),
    gaps=st.sampled_from((0.0, 0.3, 0.9, 1.0)),
    count=st.integers(1, 45),
)
def test_for_any_pairs_and_any_gaps(
    symbols: tuple[str, ...], seed: int, gaps: float, count: int
) -> None:
    """Also where a pair never has a bar, or none has."""
    ends = open_ends(count)
    closes = random_closes(symbols, ends, seed, gaps)
    wanted = SlowPanel(symbols, closes).rows(ends[-1])
    _assert_close(panel(symbols, [whole_news(closes, ends[-1])]), wanted)


def test_consistent_prices_have_no_gap() -> None:
    """In 28 pairs each is part of six triangles, and all of them close."""
    found = panel(ALL, [whole_news(_consistent(3), open_ends(3)[-1])])
    np.testing.assert_allclose(found.values[:, :, PLACE["triangle_gap"]], 0.0, atol=1e-10)


@pytest.mark.parametrize(
    ("symbols", "of_each"),
    [
        # Alone, the one triangle opens by what one leg has moved, seen from each side.
        (("EURJPY", "EURUSD", "USDJPY"), {"EURJPY": -1.0, "EURUSD": 1.0, "USDJPY": 1.0}),
        # Among all pairs it is one of six triangles; those of EURUSD have all opened.
        (ALL, {"EURJPY": -1 / 6, "EURUSD": 1.0, "USDJPY": 1 / 6, "GBPUSD": -1 / 6, "GBPJPY": 0.0}),
    ],
)
def test_a_leg_that_moves_alone_opens_its_triangles(
    symbols: tuple[str, ...], of_each: dict[str, float]
) -> None:
    """EURUSD rises by one basis point against all others."""
    closes = {symbol: _consistent(3)[symbol] for symbol in symbols}
    second = open_ends(3)[1]
    closes["EURUSD"][second] *= math.exp(1e-4)
    found = panel(symbols, [whole_news(closes, open_ends(3)[-1])])
    for symbol, gap in of_each.items():
        expected = [0.0, gap, 0.0]
        assert _at(found, symbols, symbol, "triangle_gap") == pytest.approx(expected, abs=1e-9)


def test_a_dollar_that_rises_alone() -> None:
    """By two basis points against everything: the factor tells, and so do the strengths."""
    ends = open_ends(20)
    closes = _consistent(20)
    for symbol, bars in closes.items():
        pair = INSTRUMENTS[symbol]
        sign = (pair.base == "USD") - (pair.quote == "USD")
        for at, end in enumerate(ends):
            bars[end] *= math.exp(2e-4 * sign * at)
    found = panel(ALL, [whole_news(closes, ends[-1])])
    rises = [0.0] + [2.0] * 19
    assert _at(found, ALL, "AUDNZD", "dollar_factor_1") == pytest.approx(rises, abs=1e-9)
    sums = [2.0 * min(at, 15) for at in range(20)]
    assert _at(found, ALL, "USDJPY", "dollar_factor_15") == pytest.approx(sums, abs=1e-9)
    assert _at(found, ALL, "USDJPY", "base_strength_1") == pytest.approx(rises, abs=1e-9)
    # The yen has fallen against the dollar only: that pair itself does not count.
    assert _at(found, ALL, "USDJPY", "quote_strength_1") == pytest.approx([0.0] * 20, abs=1e-9)
    assert _at(found, ALL, "EURJPY", "quote_strength_1")[1:] == pytest.approx([-2 / 6] * 19)
    market = [0.0] + [math.sqrt(7 * 4.0 / 28)] * 19
    assert _at(found, ALL, "GBPCHF", "market_move_1") == pytest.approx(market, abs=1e-9)


def test_a_session_starts_anew() -> None:
    """No move spans the weekend, no triangle is made of Friday's closes, no window reaches back."""
    symbols = ("EURJPY", "EURUSD", "USDJPY")
    ends = open_ends(33)
    closes = random_closes(symbols, ends, 5, 0.0)
    for end in ends[30:]:
        closes["EURUSD"][end] *= 2
    del closes["USDJPY"][ends[30]]
    found = panel(symbols, [whole_news(closes, ends[-1])])
    assert found.ts_ns.tolist() == ends
    assert ends[30] - ends[29] > 40 * 60 * MINUTE_NS
    monday = found.values[30]
    assert (monday == 0.0).all()
    assert found.values[29].all(axis=1).any()
    # USDJPY has its first bar of the week a minute later: then the triangle is whole again.
    assert found.values[31, 0, PLACE["triangle_gap"]] == pytest.approx(
        1e4
        * math.log(
            closes["EURJPY"][ends[31]] / closes["EURUSD"][ends[31]] / closes["USDJPY"][ends[31]]
        )
    )
    np.testing.assert_array_equal(
        found.values[31, :, PLACE["dollar_factor_15"]],
        found.values[31, :, PLACE["dollar_factor_1"]],
    )


def test_compiled_and_plain_python_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values and the state left behind; but for the order in which a compiler may add."""
    ends = open_ends(40)
    closes = random_closes(DEFAULT_SYMBOLS, ends, 3)
    compiled, plain = (PanelConfig(DEFAULT_SYMBOLS).build(None) for _ in range(2))
    found = [compiled.on_inputs(whole_news(closes, ends[-1]))]
    monkeypatch.setattr(panel_module, "cross_kernel", cross_kernel.py_func)
    wanted = [plain.on_inputs(whole_news(closes, ends[-1]))]
    rows, plain_rows = (concatenated([part for part in parts if part]) for parts in (found, wanted))
    assert rows.values.tobytes() == plain_rows.values.tobytes()
    assert repr(compiled.snapshot()) == repr(plain.snapshot())


def test_the_first_bars_of_a_log_have_moved_nothing() -> None:
    """Before the first bar of any pair there is no minute."""
    closes = {"EURUSD": {FRIDAY + 5 * MINUTE_NS: 1.1}, "USDJPY": {FRIDAY + 7 * MINUTE_NS: 150.0}}
    found = panel(("EURUSD", "USDJPY"), [whole_news(closes, FRIDAY + 8 * MINUTE_NS)])
    assert ((found.ts_ns - FRIDAY) // MINUTE_NS).tolist() == [5, 6, 7, 8]
    assert not found.values.any()
