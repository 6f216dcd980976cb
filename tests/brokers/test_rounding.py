"""Terms on a venue's grid: never more, never worse, and never on the wrong side of the market."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.rounding import Unshapable, command_on_grid, shape
from domain.orders import Order, OrderSide, OrderTerms, terms_of, with_terms
from domain.reasons import Reason
from trading.quotes import Quote
from trading.venues import Cancel, Replace, Submit, VenueInstrument

EURUSD = VenueInstrument(
    symbol="EURUSD",
    name="EUR_USD",
    pip_location=-4,
    price_step=Decimal("0.00001"),
    units_step=Decimal(1),
    min_units=Decimal(1),
    max_units=Decimal(1_000_000),
    margin_rate=Decimal("0.0333"),
    min_trailing_distance=Decimal("0.00050"),
    max_trailing_distance=Decimal("1.00000"),
)
QUOTE = Quote(Decimal("1.10000"), Decimal("1.10010"))

prices = st.decimals("0.5", "2.0", places=9, allow_nan=False)
sizes = st.decimals("1", "1000000", places=4, allow_nan=False)
sides = st.sampled_from(["buy", "sell"])


def limit(price: str, units: str = "1000") -> OrderTerms:
    """Terms of a resting limit."""
    return OrderTerms(Decimal(units), "limit", "GTC", limit_price=Decimal(price))


@pytest.mark.parametrize(("side", "rounded"), [("buy", "1.09123"), ("sell", "1.09124")])
def test_a_limit_is_rounded_to_the_better_side(side: OrderSide, rounded: str) -> None:
    """A buy pays no more than it said, a sell takes no less."""
    assert shape(limit("1.091234"), side, EURUSD, QUOTE).limit_price == Decimal(rounded)


def test_a_size_is_rounded_down() -> None:
    """What is asked is never enlarged."""
    assert shape(limit("1.0", "1999.9"), "buy", EURUSD, None).quantity_units == Decimal(1999)


@pytest.mark.parametrize("units", ["0.9", "1000001", "NaN", "Infinity", "-5", "0"])
def test_a_size_out_of_bounds_is_refused(units: str) -> None:
    """Too small, too large, or no number at all."""
    with pytest.raises(Unshapable) as refusal:
        shape(limit("1.0", units), "buy", EURUSD, None)
    assert refusal.value.reason == Reason.BAD_QUANTITY


@pytest.mark.parametrize("price", ["NaN", "Infinity", "0", "-1.1", "0.000001"])
def test_a_price_that_is_none_is_refused(price: str) -> None:
    """A price must be above zero on the grid; this buy rounds down to nothing."""
    with pytest.raises(Unshapable) as refusal:
        shape(limit(price), "buy", EURUSD, None)
    assert refusal.value.reason == Reason.BAD_PRICE


@pytest.mark.parametrize(
    ("side", "kind", "level", "fits"),
    [
        ("buy", "stop", "1.10020", True),
        ("buy", "stop", "1.10010", False),
        ("buy", "stop", "1.09000", False),
        ("sell", "stop", "1.09990", True),
        ("sell", "stop", "1.10000", False),
        ("sell", "stop_loss", "1.09990", True),
        ("sell", "stop_loss", "1.20000", False),
        ("sell", "take_profit", "1.10010", True),
        ("sell", "take_profit", "1.09000", False),
        ("buy", "take_profit", "1.10000", True),
        ("buy", "take_profit", "1.10020", False),
        # It triggers from either side.
        ("buy", "market_if_touched", "1.20000", True),
        ("buy", "market_if_touched", "1.00000", True),
    ],
)
def test_stops_and_targets_must_be_on_the_right_side(
    side: OrderSide, kind: str, level: str, fits: bool
) -> None:
    """A stop loses from here on, a target gains."""
    terms = OrderTerms(Decimal(1000), kind, "GTC", trigger_price=Decimal(level))  # type: ignore[arg-type]
    if fits:
        assert shape(terms, side, EURUSD, QUOTE) == terms
        return
    with pytest.raises(Unshapable) as refusal:
        shape(terms, side, EURUSD, QUOTE)
    assert refusal.value.reason == Reason.WRONG_SIDE


def test_rounding_that_pushes_a_stop_into_the_market_is_refused() -> None:
    """It was right before it was rounded."""
    terms = OrderTerms(Decimal(1000), "stop", "GTC", trigger_price=Decimal("1.100101"))
    with pytest.raises(Unshapable, match="wrong side"):
        shape(terms, "buy", EURUSD, QUOTE)


def test_without_a_quote_the_side_is_not_held_against_the_market() -> None:
    """Whoever passes none has checked it."""
    terms = OrderTerms(Decimal(1000), "stop", "GTC", trigger_price=Decimal("1.00000"))
    assert shape(terms, "buy", EURUSD, None) == terms


@pytest.mark.parametrize(
    ("distance", "rounded"), [("0.000501", "0.00051"), ("0.0005", "0.0005"), ("1", "1.00000")]
)
def test_a_trailing_distance_is_rounded_up(distance: str, rounded: str) -> None:
    """A stop that trails more closely than wanted would trigger on noise."""
    terms = OrderTerms(Decimal(1), "trailing_stop", "GTC", trailing_distance=Decimal(distance))
    assert shape(terms, "sell", EURUSD, None).trailing_distance == Decimal(rounded)


@pytest.mark.parametrize("distance", ["0.0004", "1.000001", "0"])
def test_a_trailing_distance_out_of_bounds_is_refused(distance: str) -> None:
    """The venue names the least and the most."""
    terms = OrderTerms(Decimal(1), "trailing_stop", "GTC", trailing_distance=Decimal(distance))
    with pytest.raises(Unshapable):
        shape(terms, "sell", EURUSD, None)


@pytest.mark.parametrize(("side", "limit_price"), [("buy", "1.1999"), ("sell", "1.2001")])
def test_a_stop_limit_that_could_never_trade_is_refused(side: OrderSide, limit_price: str) -> None:
    """Its limit is on the near side of its trigger."""
    terms = OrderTerms(
        Decimal(1), "stop_limit", "GTC", Decimal(limit_price), trigger_price=Decimal("1.2")
    )
    with pytest.raises(Unshapable, match="never trade"):
        shape(terms, side, EURUSD, None)


@settings(max_examples=200, deadline=None)
@given(price=prices, bound=prices, trigger=prices, units=sizes, side=sides)
def test_shaping_is_on_the_grid_never_worse_and_changes_nothing_the_second_time(
    price: Decimal, bound: Decimal, trigger: Decimal, units: Decimal, side: OrderSide
) -> None:
    """For any terms at all."""
    terms = OrderTerms(
        units, "limit", "GTC", limit_price=price, price_bound=bound, trigger_price=trigger
    )
    shaped = shape(terms, side, EURUSD, None)
    assert shape(shaped, side, EURUSD, None) == shaped
    assert 0 <= units - shaped.quantity_units < EURUSD.units_step
    for before, after in (
        (price, shaped.limit_price),
        (bound, shaped.price_bound),
        (trigger, shaped.trigger_price),
    ):
        assert after is not None
        assert after % EURUSD.price_step == 0
        assert abs(after - before) < EURUSD.price_step
    sign = 1 if side == "buy" else -1
    assert sign * (price - (shaped.limit_price or price)) >= 0
    assert sign * (bound - (shaped.price_bound or bound)) >= 0


def an_order(price: str, units: str = "1000") -> Order:
    """Return a resting limit order."""
    order = Order(
        client_order_id="o1",
        account="A",
        strategy="trend",
        signal_id="s1",
        symbol="EURUSD",
        side="buy",
        quantity_units=Decimal(units),
        status="initialized",
        ts_event_ns=1,
        ts_recv_ns=1,
    )
    return with_terms(order, limit(price, units))


def test_a_command_on_the_grid_stays_the_same_one() -> None:
    """Whoever asks can tell that nothing was rounded; a cancel has nothing to round."""
    order = an_order("1.05000")
    for command in (Submit(order), Replace(order, terms_of(order), 1), Cancel(order, 1)):
        assert command_on_grid(command, EURUSD) == command


def test_the_least_size_of_a_venue_does_not_bind_its_prices() -> None:
    """What is left of a position may be smaller than any order that opens one."""
    coarse = msgspec.structs.replace(EURUSD, min_units=Decimal(1_000))
    small = an_order("1.0500049", "7")
    rounded = command_on_grid(Submit(small), coarse)
    assert isinstance(rounded, Submit)
    assert terms_of(rounded.order) == limit("1.05000", "7")
    other = command_on_grid(Replace(small, terms_of(small), 2, 1), coarse)
    assert isinstance(other, Replace)
    assert (other.terms.limit_price, other.request, other.previous) == (Decimal("1.05000"), 2, 1)
    with pytest.raises(Unshapable):
        shape(terms_of(small), "buy", coarse, None)
