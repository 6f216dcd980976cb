"""Every check on its own: what it denies, with which figures, and that the bound itself passes."""

from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from domain.instruments import instrument
from domain.nanos import MINUTE_NS, SECOND_NS, parse_ns
from domain.ticks import Verdict as Quality
from tests.trading.risk.desk import CONTEXT, EQUITY, NOW_NS, QUOTES, D, after, gate, holding, order
from trading.quotes import Quote
from trading.risk.case import RiskContext
from trading.risk.codes import EXPLAINED, Deny
from trading.risk.exposure import Held
from trading.risk.limits import (
    AccountLimits,
    ExposureLimits,
    MarginLimits,
    MarketLimits,
    OrderLimits,
    RateLimits,
    SessionLimits,
)

EURUSD = QUOTES["EURUSD"]
DEFAULT = AccountLimits()
NAN, INF = D("NaN"), D("Infinity")


@dataclass(frozen=True)
class Row:
    """One order that is denied, and one beside it that just passes."""

    code: Deny
    denied: dict[str, Any] = field(default_factory=dict)
    passes: dict[str, Any] | None = field(default_factory=dict)
    context: RiskContext = CONTEXT
    beside: RiskContext | None = None
    limits: AccountLimits = DEFAULT
    equity: Decimal | None = EQUITY


def quoted(bid: str, ask: str) -> RiskContext:
    """Return the desk's market with another EURUSD."""
    return CONTEXT._replace(quotes={**QUOTES, "EURUSD": Quote(D(bid), D(ask))})


def at(moment: str) -> RiskContext:
    """Return the desk's market at another time, its quote as fresh as ever."""
    now_ns = parse_ns(moment)
    return CONTEXT._replace(now_ns=now_ns, quote_recv_ns=now_ns)


def without(symbol: str) -> RiskContext:
    """Return the desk's market without one quote."""
    return CONTEXT._replace(quotes={name: q for name, q in QUOTES.items() if name != symbol})


def limited(**groups: Any) -> AccountLimits:
    """Return the default limits with some groups changed."""
    return AccountLimits(**groups)


ROWS = [
    Row(Deny.NOT_FINITE, {"quantity_units": NAN}),
    Row(Deny.NOT_FINITE, {"quantity_units": INF}),
    Row(Deny.NOT_FINITE, {"quantity_units": 10_000.0}),
    Row(Deny.NOT_FINITE, {"quantity_units": None}),
    Row(
        Deny.NOT_FINITE,
        {"order_type": "limit", "limit_price": NAN},
        {"order_type": "limit", "limit_price": D("1.1")},
    ),
    Row(Deny.NOT_FINITE, passes=None, context=holding(0)._replace(held={"EURUSD": Held(NAN)})),
    Row(Deny.NOT_FINITE, passes=None, context=holding(0)._replace(held={"USDJPY": Held(D(-1))})),
    Row(Deny.NOT_FINITE, passes=None, context=quoted("NaN", "1.1")),
    Row(Deny.BAD_QUANTITY, {"quantity_units": D(0)}, {"quantity_units": D(1)}),
    Row(Deny.BAD_QUANTITY, {"quantity_units": D(-1)}),
    Row(
        Deny.BAD_TERMS,
        {"order_type": "limit"},
        {"order_type": "limit", "limit_price": D("1.09")},
    ),
    Row(
        Deny.BAD_TERMS,
        {"order_type": "stop", "trigger_price": D(0)},
        {"order_type": "stop", "trigger_price": D("1.11")},
    ),
    Row(
        Deny.BAD_TERMS,
        {"order_type": "take_profit"},
        {"order_type": "take_profit", "limit_price": D("1.09")},
    ),
    Row(
        Deny.BAD_TERMS,
        {"order_type": "trailing_stop"},
        {"order_type": "trailing_stop", "trailing_distance": D("0.002")},
    ),
    Row(
        Deny.BAD_TERMS,
        {"time_in_force": "GTD", "expire_ns": NOW_NS},
        {"time_in_force": "GTD", "expire_ns": NOW_NS + 1},
    ),
    Row(Deny.NO_QUOTE, context=without("EURUSD"), beside=CONTEXT),
    Row(Deny.NO_QUOTE, context=quoted("1.1001", "1.1000"), beside=quoted("1.1000", "1.1000")),
    Row(Deny.NO_QUOTE, context=quoted("-1.1001", "1.1000"), beside=CONTEXT),
    Row(Deny.QUALITY_UNAVAILABLE, context=CONTEXT._replace(verdict=None), beside=CONTEXT),
    Row(
        Deny.SUSPECT_QUOTE,
        context=CONTEXT._replace(verdict=1 << 16),
        beside=CONTEXT._replace(verdict=1 << 24),
    ),
    Row(Deny.SUSPECT_QUOTE, passes=None, context=CONTEXT._replace(verdict=Quality.NOT_FINITE)),
    Row(Deny.STALE_PRICE, context=CONTEXT._replace(quote_recv_ns=None), beside=CONTEXT),
    Row(
        Deny.STALE_PRICE,
        context=CONTEXT._replace(quote_recv_ns=NOW_NS - 2 * SECOND_NS - 1),
        beside=CONTEXT._replace(quote_recv_ns=NOW_NS - 2 * SECOND_NS),
    ),
    Row(
        Deny.FUTURE_PRICE,
        context=CONTEXT._replace(quote_recv_ns=NOW_NS + 2 * SECOND_NS + 1),
        beside=CONTEXT._replace(quote_recv_ns=NOW_NS + 2 * SECOND_NS),
    ),
    Row(
        Deny.SPREAD,
        context=quoted("1.10000", "1.10051"),
        beside=quoted("1.10000", "1.10050"),
    ),
    Row(
        Deny.SPREAD,
        context=quoted("1.10000", "1.10011"),
        beside=quoted("1.10000", "1.10010"),
        limits=limited(market=MarketLimits(spread_pips={"EURUSD": D(1)})),
    ),
    Row(Deny.NOT_TRADEABLE, context=CONTEXT._replace(tradeable=False), beside=CONTEXT),
    Row(Deny.MARKET_CLOSED, context=at("2024-03-09T12:00:00")),
    Row(Deny.ROLLOVER, context=at("2024-03-05T21:55:00"), beside=at("2024-03-05T21:54:59.999999")),
    Row(Deny.ROLLOVER, context=at("2024-03-05T22:14:59"), beside=at("2024-03-05T22:15:00")),
    Row(
        Deny.ROLLOVER,
        passes=None,
        context=at("2024-07-02T20:55:00"),
    ),
    Row(Deny.AFTER_OPEN, context=at("2024-03-03T22:29:59"), beside=at("2024-03-03T22:30:00")),
    Row(Deny.BEFORE_CLOSE, context=at("2024-03-08T21:45:00"), beside=at("2024-03-08T21:44:59")),
    Row(
        Deny.PRICE_COLLAR,
        {"order_type": "limit", "limit_price": D("1.07999")},
        {"order_type": "limit", "limit_price": D("1.08000")},
    ),
    Row(
        Deny.PRICE_COLLAR,
        {"order_type": "stop", "trigger_price": D("1.12001")},
        {"order_type": "stop", "trigger_price": D("1.12000")},
    ),
    Row(
        Deny.PRICE_COLLAR,
        {"order_type": "trailing_stop", "trailing_distance": D("0.02001")},
        {"order_type": "trailing_stop", "trailing_distance": D("0.02000")},
    ),
    Row(
        Deny.PRICE_THROUGH,
        {"order_type": "limit", "limit_price": D("1.10201")},
        {"order_type": "limit", "limit_price": D("1.10200")},
    ),
    Row(
        Deny.PRICE_THROUGH,
        {"side": "sell", "price_bound": D("1.09799")},
        {"side": "sell", "price_bound": D("1.09800")},
    ),
    Row(
        Deny.PRICE_THROUGH,
        {"order_type": "stop_limit", "trigger_price": D("1.11"), "limit_price": D("1.11201")},
        {"order_type": "stop_limit", "trigger_price": D("1.11"), "limit_price": D("1.11200")},
    ),
    Row(
        Deny.PRICE_THROUGH,
        {"price_bound": D("1.10031")},
        {"price_bound": D("1.10030")},
        context=quoted("1.10000", "1.10000"),
        beside=quoted("1.10000", "1.10000"),
    ),
    Row(Deny.BELOW_MINIMUM, {"quantity_units": D("0.5")}, {"quantity_units": D(1)}),
    Row(
        Deny.MAX_ORDER_UNITS,
        {"quantity_units": D(20_001)},
        {"quantity_units": D(20_000)},
        limits=limited(order=OrderLimits(max_units=D(20_000))),
    ),
    Row(
        Deny.MAX_ORDER,
        {"quantity_units": D(20_001)},
        {"quantity_units": D(20_000)},
        limits=limited(order=OrderLimits(max_notional=D(22_000))),
    ),
    Row(
        Deny.NO_CONVERSION_RATE,
        {"symbol": "EURJPY"},
        {"symbol": "EURJPY"},
        context=without("EURUSD")._replace(instrument=instrument("EURJPY")),
        beside=CONTEXT._replace(instrument=instrument("EURJPY")),
    ),
    Row(
        Deny.NO_CONVERSION_RATE,
        context=holding(-1, symbol="GBPUSD"),
        beside=holding(0, symbol="GBPUSD"),
    ),
    Row(
        Deny.MAX_POSITION_UNITS,
        context=holding(30_000, buys=10_001),
        beside=holding(30_000, buys=10_000),
        limits=limited(exposure=ExposureLimits(max_position_units=D(50_000))),
    ),
    Row(
        Deny.MAX_POSITION_UNITS,
        {"side": "sell"},
        {"side": "sell"},
        context=holding(10_000, buys=90_000, sells=50_001),
        beside=holding(10_000, buys=40_000, sells=50_000),
        limits=limited(exposure=ExposureLimits(max_position_units=D(50_000))),
    ),
    Row(
        Deny.MAX_POSITION,
        context=holding(30_000, buys=10_001),
        beside=holding(30_000, buys=10_000),
        limits=limited(exposure=ExposureLimits(max_position_notional=D(55_000))),
    ),
    # 10,000 EURUSD bought is 11,000 USD; 50,000 USDJPY sold is 50,000 USD.
    Row(
        Deny.MAX_GROSS,
        context=holding(-50_001, symbol="USDJPY"),
        beside=holding(-50_000, symbol="USDJPY"),
        limits=limited(exposure=ExposureLimits(max_gross=D(61_000))),
    ),
    # EUR: 10,000 bought here, 20,000 sold against the yen; 33,000 USD in all, 11,000 USD net.
    Row(
        Deny.CURRENCY_GROSS,
        context=holding(-20_001, symbol="EURJPY"),
        beside=holding(-20_000, symbol="EURJPY"),
        limits=limited(exposure=ExposureLimits(max_currency_gross=D(33_000))),
    ),
    Row(
        Deny.CURRENCY_NET,
        context=holding(30_001, symbol="EURJPY"),
        beside=holding(30_000, symbol="EURJPY"),
        limits=limited(exposure=ExposureLimits(max_currency_net=D(44_000))),
    ),
    # USD: 11,000 sold here for euros, and 30,000 more for yen.
    Row(
        Deny.CURRENCY_NET,
        context=holding(-30_001, symbol="USDJPY"),
        beside=holding(-30_000, symbol="USDJPY"),
        limits=limited(exposure=ExposureLimits(max_currency_net=D(41_000))),
    ),
    Row(Deny.EQUITY_UNAVAILABLE, passes=None, equity=None),
    Row(Deny.EQUITY_UNAVAILABLE, passes=None, equity=D(0)),
    Row(Deny.EQUITY_UNAVAILABLE, passes=None, equity=NAN),
    Row(
        Deny.MARGIN_RATE_UNAVAILABLE,
        context=CONTEXT._replace(margin_rates={"USDJPY": D("0.05")}),
        beside=CONTEXT._replace(margin_rates={"EURUSD": D("0.05")}),
    ),
    Row(
        Deny.MARGIN_RATE_UNAVAILABLE,
        passes=None,
        context=CONTEXT._replace(margin_rates={"EURUSD": D(0)}),
    ),
    # 11,000 USD at 5 % ask 550; twice that is 1,100.
    Row(Deny.MARGIN, passes=None, equity=D("1099.99")),
    # 550 and 2,500 for 50,000 USDJPY: 6,100 are needed for a level of 2.
    Row(
        Deny.MARGIN,
        context=holding(50_001, symbol="USDJPY"),
        beside=holding(50_000, symbol="USDJPY"),
        equity=D(6_100),
    ),
    Row(
        Deny.MESSAGE_RATE,
        passes=None,
        limits=limited(rates=RateLimits(60, 10, 300, 1), account_rates=RateLimits()),
        context=CONTEXT._replace(now_ns=NOW_NS + 1),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.code.value}-{ROWS.index(row)}")
def test_a_check_denies_beyond_its_bound_and_passes_on_it(row: Row) -> None:
    """The code is the one that decides; the neighbour on the bound passes every check."""
    desk = gate(row.limits, equity=row.equity, now_ns=row.context.now_ns)
    if row.code == Deny.MESSAGE_RATE:
        desk.admit_cancel(order(), NOW_NS)
    verdict = desk.check(order(**row.denied), row.context)
    assert verdict.reason == row.code
    assert verdict.denials[0].text.startswith(EXPLAINED[row.code])
    if row.passes is not None and row.beside is not None:
        desk = gate(row.limits, equity=row.equity, now_ns=row.beside.now_ns)
        assert desk.check(order(**row.passes), row.beside).denials == ()
    elif row.passes:
        assert gate(row.limits).check(order(**row.passes), CONTEXT).denials == ()


def test_the_desk_lets_its_ordinary_order_through() -> None:
    """Without this every denial above could be one for another cause."""
    assert gate().check(order(), CONTEXT).passed


def test_a_denial_says_what_was_found_and_what_is_allowed() -> None:
    """A trader reads the figures without a look into the settings."""
    (denial,) = gate().check(order(), quoted("1.10000", "1.10051")).denials
    assert denial.text == "the spread is too wide: 5.1 pips against 5"
    assert (denial.actual, denial.limit) == (D("5.1"), D(5))


def test_all_denials_can_be_listed_in_the_order_of_the_checks() -> None:
    """The first one is the one that decides."""
    context = quoted("1.10000", "1.10051")._replace(quote_recv_ns=None)
    wanted = order(quantity_units=D(400_000))
    verdict = gate().check(wanted, context, every=True)
    assert [denial.code for denial in verdict.denials] == [
        Deny.STALE_PRICE,
        Deny.SPREAD,
        Deny.MAX_ORDER,
        Deny.MAX_POSITION,
        Deny.CURRENCY_NET,
    ]
    assert gate().check(wanted, context).denials == verdict.denials[:1]


def test_after_a_missing_quote_nothing_more_is_asked() -> None:
    """Whatever else there is to say would be said of no market."""
    verdict = gate().check(order(quantity_units=D(400_000)), without("EURUSD"), every=True)
    assert [denial.code for denial in verdict.denials] == [Deny.NO_QUOTE]


@pytest.mark.parametrize("value", [D("NaN"), D("-NaN"), D("sNaN"), INF, -INF])
@pytest.mark.parametrize("place", ["rate", "quote", "held", "equity", "filled"])
def test_a_figure_that_is_no_number_denies_wherever_it_stands(value: Decimal, place: str) -> None:
    """No path leads from a broken figure to a passed order, and none to an exception."""
    context, wanted, equity = holding(1_000, symbol="GBPUSD"), order(), D(100_000)
    quotes = {**QUOTES, "GBPUSD": EURUSD}
    context = context._replace(quotes=quotes, margin_rates=dict.fromkeys(quotes, D("0.05")))
    assert gate().check(wanted, context).passed
    if place == "rate":
        context = context._replace(margin_rates={"EURUSD": D("0.05"), "GBPUSD": value})
    elif place == "quote":
        context = context._replace(quotes={**QUOTES, "GBPUSD": Quote(value, value)})
    elif place == "held":
        context = context._replace(held={"GBPUSD": Held(D(0), D(0), value, D(0))})
    elif place == "equity":
        equity = value
    else:
        wanted = order(filled_units=value)
    assert not gate(equity=equity).check(wanted, context).passed


@pytest.mark.parametrize("price", ["-1", "0"])
def test_a_price_that_is_not_above_zero_gives_no_room(price: str) -> None:
    """A negative rate would turn an exposure into room for more."""
    context = holding(10_000_000, symbol="GBPUSD")._replace(
        quotes={**QUOTES, "GBPUSD": Quote(D(price), D(price))}
    )
    assert gate().check(order(), context).reason == Deny.NO_CONVERSION_RATE


@pytest.mark.parametrize(
    ("rule", "context", "passes"),
    [
        ("net", CONTEXT._replace(held={"EURUSD": Held(D(50_000), D(60_000))}), True),
        ("larger_leg", CONTEXT._replace(held={"EURUSD": Held(D(50_000), D(60_000))}), True),
        ("both_legs", CONTEXT._replace(held={"EURUSD": Held(D(50_000), D(60_000))}), False),
        ("larger_leg", CONTEXT._replace(held={"EURUSD": Held(D(50_001), D(60_000))}), False),
        ("net", CONTEXT._replace(held={"EURUSD": Held(D(50_001), D(60_000))}), True),
    ],
)
def test_hedged_legs_are_charged_by_the_rule(rule: Any, context: Any, passes: bool) -> None:
    """Net 0, larger leg 60,000, both 120,000; 6,600 USD of equity bear 60,000 EUR at 5 %."""
    limits = limited(margin=MarginLimits(min_level=D(2), rule=rule))
    hedging = context._replace(position_mode="hedging")
    verdict = gate(limits, equity=D(6_600)).check(order(), hedging)
    assert verdict.reason == ("" if passes else Deny.MARGIN)


def test_where_orders_are_allowed_around_rollover_the_spread_has_a_bound_of_its_own() -> None:
    """Spreads of 5 pips deny at noon; at 17:05 New York those beyond 20 do."""
    limits = limited(session=SessionLimits(trade_rollover=True))
    late = at("2024-03-05T22:05:00")
    for ask, code in (("1.10200", ""), ("1.10201", Deny.SPREAD)):
        desk = gate(limits, now_ns=late.now_ns)
        quotes = {**QUOTES, "EURUSD": Quote(D("1.10000"), D(ask))}
        assert desk.check(order(), late._replace(quotes=quotes)).reason == code


def test_the_hour_of_rollover_is_new_yorks_in_summer_too() -> None:
    """17:00 New York is 22:00 UTC in winter and 21:00 in summer."""
    for moment, code in (("2024-07-02T21:10:00", Deny.ROLLOVER), ("2024-07-02T21:55:00", "")):
        context = at(moment)
        desk = gate(now_ns=context.now_ns)
        assert desk.check(order(), context).reason == code


def test_a_size_far_beyond_the_usual_one_is_an_outlier() -> None:
    """Ten times the median of the last orders, once there are five."""
    desk = gate(limited(repeat=AccountLimits().repeat))
    for number, units in enumerate((1_000, 2_000, 1_000, 3_000, 1_000)):
        many = order(client_order_id=f"ax{number}", quantity_units=D(units))
        assert desk.check(order(client_order_id="big", quantity_units=D(20_000)), CONTEXT).passed
        assert desk.admit(many, partial(after, number * SECOND_NS)).passed
        desk.sent(many.client_order_id)
    later = after(MINUTE_NS)
    big = order(client_order_id="big", quantity_units=D(10_001))
    assert desk.check(big, later).reason == Deny.SIZE_OUTLIER
    other = order(client_order_id="big", quantity_units=D(10_001), strategy="other")
    assert desk.check(other, later).passed
    assert desk.check(order(client_order_id="big", quantity_units=D(10_000)), later).passed


def test_every_code_is_explained_in_one_line() -> None:
    """A code without words would be a denial that nobody can act on."""
    assert set(EXPLAINED) == set(Deny)
    assert all(text and "\n" not in text for text in EXPLAINED.values())
    assert len(set(EXPLAINED.values())) == len(Deny)
