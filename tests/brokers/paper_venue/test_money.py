"""Commission, financing at the roll, and margin. Amounts are worked out by hand."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.nanos import parse_ns
from domain.order_events import OrderEvent
from tests.brokers.paper_venue.market import START_NS, Desk, ms
from trading.marks import AccountMark
from trading.quotes import Quote
from trading.risk.exposure import Held
from trading.venues import AccountCharge

MINUTE_MS = 60_000
D = Decimal
MARGIN: dict[str, Any] = {"margin": {"call_level": "1", "closeout_level": "0.5"}}
FINANCED = {"long_rate": "-0.0365", "short_rate": "0.0073"}
DAY = "financing EURUSD -11.001000 USD"


def rolls_at(text: str) -> float:
    """Return the milliseconds from the start to a moment in UTC."""
    return (parse_ns(text) - START_NS) / 1e6


def mark(equity: str | None, **held: tuple[str, str, str]) -> AccountMark:
    """Return a mark of the account: signed units, mid and unrealised profit by symbol."""
    quotes = {symbol: Quote(D(price), D(price)) for symbol, (_, price, _) in held.items()}
    sides = {
        symbol: Held(max(D(units), D(0)), max(-D(units), D(0)))
        for symbol, (units, _, _) in held.items()
    }
    profits = {symbol: D(profit) for symbol, (_, _, profit) in held.items()}
    return AccountMark(0, None if equity is None else D(equity), quotes, sides, profits)


def told(desk: Desk, symbol: str, at_ms: float, seen: AccountMark) -> list[str]:
    """Tell a symbol of a mark; return what was said."""
    before = len(desk.said())
    desk.venue.on_mark(symbol, ms(at_ms), seen)
    return desk.said()[before:]


def test_the_venue_counts_units_and_no_money() -> None:
    """Nothing is claimed that is not known."""
    desk = Desk()
    desk.submit()
    desk.play("60 1.1 1.1001")
    snapshot = desk.venue.snapshot(None, 1)
    assert (snapshot.balance, snapshot.equity, snapshot.margin_used) == (None, None, None)
    (position,) = snapshot.positions
    assert (position.units, position.average_price) == (D(1000), D("1.10010"))


def test_a_commission_is_charged_in_quote_currency() -> None:
    """Thirty per million of 1,100.10 dollars."""
    desk = Desk(terms={"commission_rate": "0.00003"})
    desk.submit()
    desk.play("60 1.1 1.1001")
    fill = desk.heard[-1]
    assert isinstance(fill, OrderEvent)
    assert (fill.commission, fill.commission_currency) == (D("0.033003"), "USD")


@pytest.mark.parametrize(
    ("side", "until", "settings", "charges"),
    [
        # Mid 1.10010 x 100,000 x 3.65 % / 365 = 11.001 a day; Tuesday one day.
        ("buy", "2024-03-05T22:00:00", {}, [DAY]),
        # Short earns 0.73 %: 2.2002.
        ("sell", "2024-03-05T22:00:00", {}, ["financing EURUSD 2.200200 USD"]),
        # Over Wednesday's roll the value date moves from Friday to Monday: three days.
        ("buy", "2024-03-06T22:00:00", {}, [DAY, "financing EURUSD -33.003000 USD"]),
        # Friday is a holiday of the euro: Tuesday settles on Thursday, Wednesday on Monday already,
        # and Thursday on Tuesday.
        (
            "buy",
            "2024-03-06T22:00:00",
            {"holidays": {"EUR": ["2024-03-08"]}},
            ["financing EURUSD -44.004000 USD", DAY],
        ),
        # The venue's own table wins.
        (
            "buy",
            "2024-03-06T22:00:00",
            {"terms_by_symbol": {"EURUSD": FINANCED | {"days_charged": [1, 0, 1, 3, 1, 0, 0]}}},
            [DAY],
        ),
        # Wednesday's three, Thursday's one, Friday's one, none over the weekend.
        (
            "buy",
            "2024-03-10T21:00:01",
            {},
            [DAY, "financing EURUSD -33.003000 USD", DAY, DAY],
        ),
    ],
)
def test_financing_is_booked_once_per_roll(
    side: str, until: str, settings: dict[str, Any], charges: list[str]
) -> None:
    """At 17:00 New York, on the mid price, by the days that the value date moves on."""
    desk = Desk(**{"terms_by_symbol": {"EURUSD": FINANCED}, **settings})
    desk.submit(side=side, quantity_units="100000")
    desk.play("60 1.1000 1.1002")
    assert desk.time(rolls_at("2024-03-05T22:00:00") - 1) == []
    assert desk.time(rolls_at(until)) == charges
    assert desk.time(rolls_at(until) + 1) == []


def test_a_one_day_pair_is_charged_the_weekend_on_thursday() -> None:
    """USDCAD settles a day earlier: 1.3500 x 10,000 x 3.65 % / 365 = 1.35 a day."""
    desk = Desk(terms_by_symbol={"USDCAD": FINANCED})
    desk.submit(symbol="USDCAD", quantity_units="10000")
    desk.play("60 1.3499 1.3501", "USDCAD")
    assert desk.time(rolls_at("2024-03-08T22:00:00")) == [
        f"financing USDCAD -{amount}0000 CAD" for amount in ("1.35", "1.35", "4.05", "1.35")
    ]


def test_each_side_of_a_hedged_pair_has_its_own_rate() -> None:
    """100,000 long pay 11.001, 50,000 short earn 1.1001; netted it would be 5.5005."""
    desk = Desk(position_mode="hedging", terms_by_symbol={"EURUSD": FINANCED})
    desk.submit(quantity_units="100000")
    desk.submit(client_order_id="ax2", side="sell", quantity_units="50000")
    desk.play("60 1.1000 1.1002")
    assert desk.time(rolls_at("2024-03-05T22:00:00")) == ["financing EURUSD -9.900900 USD"]


def test_a_roll_values_at_the_price_before_it_and_what_was_held_then() -> None:
    """A fill on the very first record behind the roll holds over none; the price is older."""
    desk = Desk(terms_by_symbol={"EURUSD": FINANCED}, latency_ns=0)
    desk.submit(quantity_units="100000")
    desk.play("60 1.1000 1.1002")
    roll = rolls_at("2024-03-05T22:00:00")
    desk.submit(roll - 1, client_order_id="ax2", side="sell", quantity_units="100000")
    said = desk.play(f"{roll} 1.2000 1.2002")
    assert said == [DAY, f"{roll:g} fill 100000@1.20000"]
    assert desk.time(rolls_at("2024-03-06T22:00:00")) == []


def test_a_roll_is_charged_once_whatever_dies_after_it(tmp_path: Path) -> None:
    """It is on disk with its charge: the same records told again bring no second one."""
    settings: dict[str, Any] = {"terms": FINANCED}
    first = Desk(tmp_path / "venue.db", **settings)
    first.submit(quantity_units="100000")
    first.play("60 1.1000 1.1002")
    roll = rolls_at("2024-03-05T22:00:00")
    assert first.time(roll) == [DAY]
    second = Desk(tmp_path / "venue.db", **settings)
    assert second.play("60 1.1000 1.1002") == []
    assert second.time(roll + MINUTE_MS) == []
    charges = [e for e in second.venue.events() if isinstance(e, AccountCharge)]
    assert [(c.charge_id[:2], c.ts_event_ns) for c in charges] == [("pf", ms(roll))]
    first.venue.close()
    second.venue.close()


def test_what_cannot_be_afforded_is_canceled_and_a_close_always_may() -> None:
    """20,000 EUR at 5 % of 1.10 are 1,100 dollars: too much for 1,000."""
    desk = Desk(**MARGIN)
    told(desk, "EURUSD", 0, mark("1000", EURUSD=("0", "1.1000", "0")))
    desk.submit(quantity_units="20000")
    desk.submit(client_order_id="ax2", quantity_units="10000")
    said = desk.play("60 1.1000 1.1000")
    assert said == ["60 canceled insufficient_margin", "60 fill 10000@1.10000"]
    desk.submit(100, client_order_id="ax3", quantity_units="9000")
    desk.submit(100, client_order_id="ax4", side="sell", quantity_units="10000")
    said = desk.play("160 1.1000 1.1000")
    assert said == ["160 canceled insufficient_margin", "160 fill 10000@1.10000"]


def test_what_others_tie_up_is_not_free() -> None:
    """10,000 GBP tie up 550 of 1,000 dollars: 450 carry 8,000 EUR (440), not 9,000 (495)."""
    desk = Desk(**MARGIN)
    seen = mark("1000", GBPUSD=("10000", "1.1000", "0"), EURUSD=("0", "1.1000", "0"))
    told(desk, "EURUSD", 0, seen)
    desk.submit(quantity_units="9000")
    desk.submit(client_order_id="ax2", quantity_units="8000")
    assert desk.play("60 1.1000 1.1000") == [
        "60 canceled insufficient_margin",
        "60 fill 8000@1.10000",
    ]


def test_what_is_not_known_is_not_afforded() -> None:
    """Without a mark, and at a mark without equity, nothing is opened."""
    desk = Desk(**MARGIN)
    desk.submit()
    assert desk.play("60 1.1 1.1001") == ["60 canceled insufficient_margin"]
    told(desk, "EURUSD", 70, mark(None, EURUSD=("0", "1.1000", "0")))
    desk.submit(100, client_order_id="ax2")
    assert desk.play("160 1.1 1.1001") == ["160 canceled insufficient_margin"]


def _two_positions() -> Desk:
    """Return a desk with 10,000 each of EURUSD and GBPUSD at 1.10, and two resting orders."""
    desk = Desk(**MARGIN)
    for symbol in ("EURUSD", "GBPUSD"):
        told(desk, symbol, 0, mark("1200", EURUSD=("0", "1.1", "0"), GBPUSD=("0", "1.1", "0")))
        desk.submit(client_order_id=symbol, symbol=symbol, quantity_units="10000")
        desk.play("60 1.1000 1.1000", symbol)
    resting: dict[str, Any] = {
        "order_type": "limit",
        "time_in_force": "GTC",
        "quantity_units": "1000",
    }
    desk.submit(client_order_id="open", limit_price="1.0000", **resting)
    desk.submit(client_order_id="close", limit_price="1.2000", side="sell", **resting)
    return desk


def test_a_margin_call_cancels_openings_and_a_close_out_takes_the_largest_loss() -> None:
    """Two positions of 550 dollars margin each on 1,200; GBPUSD loses more."""
    desk = _two_positions()
    # 1,150 over 1,097.5: above the call level.
    seen = mark("1150", EURUSD=("10000", "1.0980", "-20"), GBPUSD=("10000", "1.0970", "-30"))
    assert told(desk, "EURUSD", MINUTE_MS, seen) == []
    # 1,020 over 1,091: called; the sell that reduces stays.
    seen = mark("1020", EURUSD=("10000", "1.0920", "-80"), GBPUSD=("10000", "1.0900", "-100"))
    assert told(desk, "EURUSD", 2 * MINUTE_MS, seen) == ["120000 canceled margin_call"]
    assert told(desk, "GBPUSD", 2 * MINUTE_MS, seen) == []
    # 520 over 1,066: below half, GBPUSD goes. 520 over 537 is still below the call level: EURUSD.
    seen = mark("520", EURUSD=("10000", "1.0740", "-260"), GBPUSD=("10000", "1.0580", "-420"))
    for symbol in ("EURUSD", "GBPUSD"):
        said = told(desk, symbol, 3 * MINUTE_MS, seen)
        assert said == ["180000 external margin_call"]
        order = desk.events()[-1]
        assert (order.symbol, order.side, order.client_order_id) == (symbol, "sell", "")
        # Told again after a crash, it is no second one.
        assert told(desk, symbol, 3 * MINUTE_MS, seen) == []
        assert told(desk, symbol, 4 * MINUTE_MS, seen) == []
    after = 4 * MINUTE_MS + 1
    assert desk.play(f"{after} 1.0570 1.0571", "GBPUSD") == [
        f"{after} fill 10000@1.05700 margin_call"
    ]
    assert desk.play(f"{after} 1.0740 1.0741") == [f"{after} fill 10000@1.07400 margin_call"]
    assert desk.venue.snapshot(None, 1).positions == ()


def test_a_close_out_stops_once_the_call_level_is_back() -> None:
    """600 over 1,650: GBPUSD loses most and frees 1,100, the 550 that are left are carried."""
    desk = _two_positions()
    seen = mark("600", EURUSD=("10000", "1.1000", "-1"), GBPUSD=("20000", "1.1000", "-400"))
    assert told(desk, "GBPUSD", MINUTE_MS, seen) == ["60000 external margin_call"]
    assert told(desk, "EURUSD", MINUTE_MS, seen) == ["60000 canceled margin_call"]


def test_a_close_out_takes_both_sides_of_a_hedged_pair() -> None:
    """Both tie up margin, so both go: the longs by a sale, the shorts by a purchase."""
    desk = Desk(position_mode="hedging", **MARGIN)
    told(desk, "EURUSD", 0, mark("1200", EURUSD=("0", "1.1", "0")))
    desk.submit(quantity_units="10000")
    desk.submit(client_order_id="ax2", side="sell", quantity_units="4000")
    desk.play("60 1.1000 1.1000")
    seen = AccountMark(
        0,
        D(300),
        {"EURUSD": Quote(D("1.1"), D("1.1"))},
        {"EURUSD": Held(D(10_000), D(4_000))},
        {"EURUSD": D(-900)},
    )
    assert len(told(desk, "EURUSD", MINUTE_MS, seen)) == 2
    desk.play(f"{MINUTE_MS + 1} 1.1000 1.1000")
    fills = [(e.side, e.quantity_units) for e in desk.events()[-2:]]
    assert fills == [("sell", D(10_000)), ("buy", D(4_000))]
    assert desk.venue.snapshot(None, 1).positions == ()
