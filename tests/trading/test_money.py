"""Quotes, conversion, positions, sizing: exact by hand."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadUse
from domain.instruments import Instrument, instrument
from domain.ticks import REJECTED, SUSPECT, Verdict, new_records
from trading.conversion import legs, profit_rate, rate, to_account
from trading.execution_config import ExecutionConfig
from trading.positions import NetPosition, net, realise, unrealised
from trading.quotes import LazyQuotes, Quote, first_tick_from, last_sound_tick, quote_of
from trading.sizing import units_for

D = Decimal
QUOTES = {
    "EURUSD": Quote(D("1.10000"), D("1.10020")),
    "USDJPY": Quote(D("150.000"), D("150.020")),
    "EURJPY": Quote(D("165.000"), D("165.040")),
}

RATES = [
    # A gain is sold, a loss is bought.
    ("USD", "USD", D(5), QUOTES, D(1)),
    ("JPY", "USD", D(1000), QUOTES, 1 / D("150.020")),
    ("JPY", "USD", D(-1000), QUOTES, 1 / D("150.000")),
    ("USD", "JPY", D(1000), QUOTES, D("150.000")),
    ("USD", "JPY", D(-1000), QUOTES, D("150.020")),
    ("JPY", "EUR", D(1000), QUOTES, 1 / D("165.040")),
    # Without EURJPY across the dollar: yen sold at USDJPY's ask, dollars at EURUSD's ask.
    ("JPY", "EUR", D(1000), {s: QUOTES[s] for s in ("EURUSD", "USDJPY")}, 1),
    ("JPY", "USD", D(1000), {"EURUSD": QUOTES["EURUSD"]}, None),
    ("JPY", "EUR", D(-1000), {"USDJPY": QUOTES["USDJPY"]}, None),
]


@pytest.mark.parametrize(("quote", "account", "profit", "quotes", "expected"), RATES)
def test_a_profit_converts_at_its_own_side(
    quote: str, account: str, profit: Decimal, quotes: dict[str, Quote], expected: Decimal | None
) -> None:
    """Gains go over the bid of what is sold, losses over its ask; no quote, no rate."""
    if expected == 1 and quote != account:
        expected = (1 / D("150.020")) * (1 / D("1.10020"))
    assert profit_rate(profit, quote, account, quotes) == expected


def test_a_missing_rate_is_never_a_number() -> None:
    """A profit without a rate is unavailable, and so is every sum it goes into."""
    assert to_account(D(-100), None) is None
    assert to_account(D(0), None) == 0
    position = realise(NetPosition(), None)
    assert position.realised_account is None
    assert realise(position, D(5)).realised_account is None


@given(st.sampled_from(sorted(QUOTES)), st.decimals(-(10**6), 10**6, places=2))
def test_converting_never_gains(symbol: str, profit: Decimal) -> None:
    """A loss never costs less, and a gain never yields more, than the mid rate says."""
    quote = symbol[3:]
    used, mid = profit_rate(profit, quote, "USD", QUOTES), rate(quote, "USD", "mid", QUOTES)
    assert used is not None
    assert mid is not None
    assert profit * used <= profit * mid


def test_legs_name_every_pair_that_a_rate_may_need() -> None:
    """The direct pair and both ways over the dollar."""
    assert legs("JPY", "EUR") == ("EURJPY", "EURUSD", "USDJPY")
    assert legs("USD", "USD") == ()


NETTING = [
    # held units, average; change, price; units, average, profit in quote currency
    ((0, None), (100, "1.1"), (100, "1.1", "0")),
    ((100, "1.1"), (100, "1.2"), (200, "1.15", "0")),
    ((200, "1.15"), (-50, "1.25"), (150, "1.15", "5.00")),
    ((150, "1.15"), (-150, "1.05"), (0, None, "-15.00")),
    ((100, "1.1"), (-300, "1.2"), (-200, "1.2", "10.0")),
    ((-200, "1.2"), (50, "1.3"), (-150, "1.2", "-5.0")),
    ((-150, "1.2"), (250, "1.1"), (100, "1.1", "15.0")),
]


@pytest.mark.parametrize(("held", "fill", "then"), NETTING)
def test_netting(
    held: tuple[int, str | None], fill: tuple[int, str], then: tuple[int, str | None, str]
) -> None:
    """Adding averages, reducing realises, going through zero opens anew."""
    position = NetPosition(D(held[0]), None if held[1] is None else D(held[1]))
    after, profit = net(position, D(fill[0]), D(fill[1]))
    average = None if then[1] is None else D(then[1])
    assert (after.units, after.average_price, profit) == (D(then[0]), average, D(then[2]))


_fills = st.lists(
    st.tuples(st.integers(-1000, 1000).filter(bool), st.integers(90, 110)), min_size=1, max_size=20
)


@given(_fills)
def test_realised_and_open_profit_are_the_cash_flow(fills: list[tuple[int, int]]) -> None:
    """Whatever the path, profit is what was taken in minus what was paid, plus what is held."""
    position, realised, cash = NetPosition(), D(0), D(0)
    for units, price in fills:
        position, profit = net(position, D(units), D(price))
        realised += profit
        cash -= D(units) * price
    last = D(100)
    open_profit = (last - (position.average_price or 0)) * position.units
    assert abs(realised + open_profit - (cash + position.units * last)) < D("1e-15")


def test_open_positions_are_marked_where_they_would_close() -> None:
    """A long at the bid, a short at the ask; flat is worth nothing; unknown is unknown."""
    usdjpy = instrument("USDJPY")
    long, short = NetPosition(D(1000), D(150)), NetPosition(D(-1000), D(150))
    assert unrealised(long, usdjpy, "USD", QUOTES) == 0
    # -20 JPY bought at the bid.
    assert unrealised(short, usdjpy, "USD", QUOTES) == D("-0.133333")
    assert unrealised(NetPosition(), usdjpy, "USD", {}) == 0
    assert unrealised(long, usdjpy, "USD", {}) is None
    assert unrealised(NetPosition(D(1), D(1)), instrument("EURJPY"), "GBP", QUOTES) is None


@pytest.mark.parametrize(
    ("notional", "step", "least", "most", "units"),
    [
        ("20000", 1, 1, 10**7, 18181),
        ("20000", 1000, 1, 10**7, 18000),
        ("20000", 1, 18181, 10**7, 18181),
        ("20000", 1, 18182, 10**7, 0),
        ("20000", 1000, 1, 5500, 5000),
        ("0", 1, 1, 10**7, 0),
        ("-5000", 1, 1, 10**7, 0),
    ],
)
def test_sizes_are_floored_to_what_can_be_traded(
    notional: str, step: int, least: int, most: int, units: int
) -> None:
    """Steps, the least and the most size of an instrument bound every order."""
    pair = Instrument("EURUSD", "EUR", "USD", -4, 5, least, most, step)
    assert units_for(D(notional), D("1.1"), pair) == units


@pytest.mark.parametrize(
    ("bid", "ask"),
    [
        (np.nan, 1.1),
        (1.1, np.nan),
        (1.1, np.inf),
        (0.0, 1.1),
        (-1.0, 1.1),
        (1.2, 1.1),
        (1e300, 1e301),
    ],
)
def test_no_quote_is_made_of_unusable_prices(bid: float, ask: float) -> None:
    """What is not a price on both sides is no quote, in one record or in many."""
    assert quote_of(bid, ask, instrument("EURUSD")) is None
    records = new_records(3)
    records["bid"], records["ask"] = [1.1, bid, bid], [1.2, ask, ask]
    assert last_sound_tick(records) == first_tick_from(records, 0) == 0
    assert last_sound_tick(records[1:]) is None
    assert first_tick_from(records[1:], 0) is None
    assert first_tick_from(records, 1) is None


def test_a_judged_tick_and_a_heartbeat_are_no_quote() -> None:
    """Only accepted ticks count."""
    records = new_records(3)
    records["bid"], records["ask"] = 1.1, 1.2
    records["kind"][1], records["verdict"][2] = 1, 4
    assert last_sound_tick(records) == 0
    assert first_tick_from(records[1:], 0) is None


@pytest.mark.parametrize("bit", list(Verdict))
def test_a_suspect_tick_fills_and_values_nothing(bit: Verdict) -> None:
    """A venue fills on its market; a price that is doubted is not one to value a position at."""
    records = new_records(1)
    records["bid"], records["ask"], records["verdict"] = 1.1, 1.2, bit
    assert (first_tick_from(records, 0) is None) == bool(bit & REJECTED)
    assert (last_sound_tick(records) is None) == bool(bit & (REJECTED | SUSPECT))


def test_quotes_that_wait_to_be_asked_for_are_a_mapping_of_quotes() -> None:
    """They are equal to the quotes themselves; a symbol without a usable price is not in it."""
    pairs = {s: instrument(s) for s in ("EURUSD", "USDJPY")}
    quotes = LazyQuotes({"EURUSD": (1.1, 1.1002), "USDJPY": (2.0, 1.0)}, pairs)
    assert quotes == {"EURUSD": QUOTES["EURUSD"]}
    assert len(quotes) == 1
    assert "USDJPY" not in quotes
    assert "NZDUSD" not in quotes


def test_a_quote_is_the_decimal_that_the_float_prints() -> None:
    """Prices lie on the grid with all its digits."""
    assert str(quote_of(1.1, 1.10021, instrument("EURUSD"))) == (
        "Quote(bid=Decimal('1.10000'), ask=Decimal('1.10021'))"
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"symbols": ()},
        {"symbols": ("EURUSD", "EURUSD")},
        {"symbols": ("EUR/USD",)},
        {"symbols": ("USDEUR",)},
        {"symbols": ("EURUSD",), "mark_lag_ns": 0},
        {"symbols": ("EURUSD",), "grace_ns": -1},
        {"symbols": ("EURUSD",), "lateness_ns": -1},
        {"symbols": ("EURUSD",), "fraction": D(0)},
        {"symbols": ("EURUSD",), "start_balance": D(0)},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object]) -> None:
    """The mistake is named before anything trades."""
    with pytest.raises(BadUse):
        ExecutionConfig(**settings)  # type: ignore[arg-type]
