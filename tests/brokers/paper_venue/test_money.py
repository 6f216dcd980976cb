"""The account's money: conversion, financing, margin. Amounts are worked out by hand."""

from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from domain.nanos import SECOND_NS, parse_ns
from domain.order_events import OrderEvent
from tests.brokers.paper_venue.market import START_NS, Desk, line, ms, tape
from trading.venues import AccountCharge

MINUTE_MS = 60_000
ZERO = Decimal(0)
MARGIN: dict[str, Any] = {"margin": {"call_level": "1", "closeout_level": "0.5"}}


def rolls_at(text: str) -> float:
    """Return the milliseconds from the start to a moment in UTC."""
    return (parse_ns(text) - START_NS) / 1e6


def balance(desk: Desk) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Return balance, equity and margin used."""
    snapshot = desk.venue.snapshot(None, 1)
    return snapshot.balance, snapshot.equity, snapshot.margin_used


def test_without_money_positions_alone_are_kept() -> None:
    """Nothing is claimed that is not known."""
    desk = Desk()
    desk.submit()
    desk.play("60 1.1 1.1001")
    assert balance(desk) == (None, None, None)
    (position,) = desk.venue.snapshot(None, 1).positions
    assert (position.units, position.average_price) == (Decimal(1000), Decimal("1.10010"))


def test_a_profit_is_sold_and_a_loss_is_bought() -> None:
    """USDJPY in a USD account: yen at the ask for a gain, at the bid for a loss."""
    desk = Desk(money={"start_balance": "1000"}, latency_ns=0)
    # A plain sequence: bought 1,000 at 150.010, sold at 150.110: 100 yen won, sold at 150.120.
    desk.submit(symbol="USDJPY")
    desk.play("60 150.000 150.010", "USDJPY")
    desk.submit(100, symbol="USDJPY", client_order_id="ax2", side="sell")
    desk.play("160 150.110 150.120", "USDJPY")
    # 100 / 150.120 = 0.666134
    assert balance(desk) == (Decimal("1000.666134"), Decimal("1000.666134"), ZERO)
    desk.submit(200, symbol="USDJPY", client_order_id="ax3")
    desk.play("260 150.000 150.010", "USDJPY")
    # Open at 150.010, bid 150.000: 10 yen lost, bought at 150.000: 0.066667. The 100 yen that were
    # won are not yet converted: sold at 150.010 now: 0.666622.
    # 1,000 USD at 5 %: 50.
    assert balance(desk) == (Decimal("1000.666622"), Decimal("1000.599955"), Decimal(50))
    # From the moment on they are dollars, whatever the yen does: 100 / 150.010.
    desk.time(MINUTE_MS)
    desk.play(f"{MINUTE_MS + 1} 100.000 100.010", "USDJPY")
    assert balance(desk)[0] == Decimal("1000.666622")


def test_a_commission_is_charged_in_quote_currency() -> None:
    """Thirty per million of 1,100.10 dollars."""
    desk = Desk(money={}, terms={"commission_rate": "0.00003"})
    desk.submit()
    desk.play("60 1.1 1.1001")
    fill = desk.heard[-1]
    assert isinstance(fill, OrderEvent)
    assert (fill.commission, fill.commission_currency) == (Decimal("0.033003"), "USD")
    assert balance(desk)[0] == Decimal("99999.966997")


FINANCED = {"long_rate": "-0.0365", "short_rate": "0.0073"}


@pytest.mark.parametrize(
    ("side", "roll", "money", "charges"),
    [
        # Mid 1.10010 x 100,000 x 3.65 % / 365 = 11.001 a day; Tuesday one day.
        ("buy", "2024-03-05T22:00:00", {}, ["financing EURUSD -11.001000 USD"]),
        # Short earns 0.73 %: 2.2002.
        ("sell", "2024-03-05T22:00:00", {}, ["financing EURUSD 2.200200 USD"]),
        # Wednesday counts three days.
        (
            "buy",
            "2024-03-06T22:00:00",
            {},
            ["financing EURUSD -11.001000 USD", "financing EURUSD -33.003000 USD"],
        ),
        # A holiday takes Tuesday's day away.
        ("buy", "2024-03-05T22:00:00", {"days_on": {"2024-03-05": 0}}, []),
        # Over a weekend nothing but Wednesday's three, Thursday and Friday: 1 + 3 + 1 + 1.
        (
            "buy",
            "2024-03-10T21:00:00",
            {},
            [
                "financing EURUSD -11.001000 USD",
                "financing EURUSD -33.003000 USD",
                "financing EURUSD -11.001000 USD",
                "financing EURUSD -11.001000 USD",
            ],
        ),
    ],
)
def test_financing_is_booked_once_per_roll(
    side: str, roll: str, money: dict[str, Any], charges: list[str]
) -> None:
    """At 17:00 New York, on the mid price, by the days that the pair charges."""
    desk = Desk(money=money, terms_by_symbol={"EURUSD": FINANCED})
    desk.submit(side=side, quantity_units="100000")
    desk.play("60 1.1000 1.1002")
    assert desk.time(rolls_at("2024-03-05T22:00:00") - 1) == []
    assert desk.time(rolls_at(roll)) == charges
    assert desk.time(rolls_at(roll) + 1) == []
    total = sum((e.amount for e in desk.heard if isinstance(e, AccountCharge)), Decimal(0))
    assert balance(desk)[0] == 100_000 + total


def test_a_charge_without_a_rate_stays_in_its_own_currency() -> None:
    """Yen are not counted as euros: the balance is unknown until there is a rate."""
    desk = Desk(money={"currency": "EUR"}, terms_by_symbol={"USDJPY": FINANCED})
    desk.submit(symbol="USDJPY", quantity_units="10000")
    desk.play("60 150.000 150.020", "USDJPY")
    # 150.010 x 10,000 x 3.65 % / 365 = 150.01 yen.
    assert desk.time(rolls_at("2024-03-05T22:00:00")) == ["financing USDJPY -150.010000 JPY"]
    assert balance(desk) == (None, None, None)
    later = rolls_at("2024-03-05T22:00:30")
    desk.play(f"{later} 160.000 160.020", "EURJPY")
    # A loss is bought with euros: 150.01 / 160.000 = 0.9375625, to even 0.937562.
    assert balance(desk)[0] == Decimal("99999.062438")


def test_what_cannot_be_afforded_is_canceled_and_a_close_always_may() -> None:
    """20,000 EUR at 5 % of 1.10 are 1,100 dollars: too much for 1,000."""
    desk = Desk(money={"start_balance": "1000"} | MARGIN)
    desk.submit(quantity_units="20000")
    desk.submit(client_order_id="ax2", quantity_units="10000")
    said = desk.play("60 1.1000 1.1000")
    assert said == ["60 canceled insufficient_margin", "60 fill 10000@1.10000"]
    desk.submit(100, client_order_id="ax3", quantity_units="9000")
    desk.submit(100, client_order_id="ax4", side="sell", quantity_units="10000")
    said = desk.play("160 1.1000 1.1000")
    assert said == ["160 canceled insufficient_margin", "160 fill 10000@1.10000"]


def test_a_margin_call_cancels_openings_and_a_close_out_takes_the_largest_loss() -> None:
    """Two positions of 550 dollars margin each on 1,200; GBPUSD loses more."""
    desk = Desk(money={"start_balance": "1200"} | MARGIN)
    desk.submit(quantity_units="10000")
    desk.submit(client_order_id="ax2", symbol="GBPUSD", quantity_units="10000")
    resting: dict[str, Any] = {
        "order_type": "limit",
        "time_in_force": "GTC",
        "quantity_units": "1000",
    }
    desk.submit(client_order_id="open", limit_price="1.0000", **resting)
    desk.submit(client_order_id="close", limit_price="1.2000", side="sell", **resting)
    desk.play("60 1.1000 1.1000")
    desk.play("60 1.1000 1.1000", "GBPUSD")
    assert desk.time(MINUTE_MS) == []
    # 30 and 20 dollars lost: 1,150 over 1,097.5, above the call level.
    desk.play(f"{MINUTE_MS + 1} 1.0980 1.0980")
    desk.play(f"{MINUTE_MS + 1} 1.0970 1.0970", "GBPUSD")
    assert desk.time(2 * MINUTE_MS) == []
    # 80 and 100: 1,020 over 1,091: called; the sell that reduces stays.
    desk.play(f"{2 * MINUTE_MS + 1} 1.0920 1.0920")
    desk.play(f"{2 * MINUTE_MS + 1} 1.0900 1.0900", "GBPUSD")
    assert desk.time(3 * MINUTE_MS) == ["180000 canceled margin_call"]
    # 260 and 420: 520 over 1,066: below half, GBPUSD goes. 520 over 542 is still below the call
    # level, so EURUSD goes too.
    desk.play(f"{3 * MINUTE_MS + 1} 1.0740 1.0740")
    desk.play(f"{3 * MINUTE_MS + 1} 1.0580 1.0580", "GBPUSD")
    said = desk.time(4 * MINUTE_MS)
    assert said == ["240000 external margin_call", "240000 external margin_call"]
    closing = [e for e in desk.heard if isinstance(e, OrderEvent)][-2:]
    assert [(e.symbol, e.side, e.client_order_id) for e in closing] == [
        ("GBPUSD", "sell", ""),
        ("EURUSD", "sell", ""),
    ]
    after = 4 * MINUTE_MS + 1
    assert desk.play(f"{after} 1.0570 1.0571", "GBPUSD") == [
        f"{after} fill 10000@1.05700 margin_call"
    ]
    assert desk.play(f"{after} 1.0740 1.0741") == [f"{after} fill 10000@1.07400 margin_call"]
    # 1,200 - 430 - 260
    assert balance(desk) == (Decimal(510), Decimal(510), ZERO)
    assert desk.venue.snapshot(None, 1).positions == ()


def test_a_close_out_stops_once_the_call_level_is_back() -> None:
    """Closing the larger loss frees enough."""
    desk = Desk(money={"start_balance": "1200"} | MARGIN)
    desk.submit(quantity_units="2000")
    desk.submit(client_order_id="ax2", symbol="GBPUSD", quantity_units="18000")
    desk.play("60 1.1000 1.1000")
    desk.play("60 1.1000 1.1000", "GBPUSD")
    # 720 lost of 1,200; margin 110 and 954.
    desk.play("70 1.0600 1.0600", "GBPUSD")
    assert desk.time(MINUTE_MS) == ["60000 external margin_call"]
    assert desk.time(2 * MINUTE_MS) == []
    (position, other) = desk.venue.snapshot(None, 1).positions
    assert (position.symbol, other.symbol) == ("EURUSD", "GBPUSD")


def _dance(order: tuple[str, ...], step_ms: int) -> dict[str, list[str]]:
    """Play three symbols through a crash of the market, one whole step of each in turn."""
    desk = Desk(money={"start_balance": "1500", "check_every_ns": SECOND_NS} | MARGIN, latency_ns=0)
    first = {"EURUSD": 1.1, "GBPUSD": 1.3, "USDCHF": 0.9}
    tapes = {}
    for number, (symbol, price) in enumerate(first.items()):
        desk.submit(client_order_id=symbol, symbol=symbol, quantity_units=str(6000 + number * 1000))
        falls = [price * (1 - 0.001 * (row // 4) * (number + 1)) for row in range(80)]
        text = "\n".join(f"{row * 250 + number} {p:.5f} {p:.5f}" for row, p in enumerate(falls))
        tapes[symbol] = tape(text)
    for until_ms in range(step_ms, 20_001, step_ms):
        for symbol in order:
            received = tapes[symbol]["ts_recv_ns"]
            chosen = (received >= ms(until_ms - step_ms)) & (received < ms(until_ms))
            desk.venue.on_records(symbol, tapes[symbol][chosen])
        desk.venue.on_time(ms(until_ms))
    told: dict[str, list[str]] = {symbol: [] for symbol in first}
    for event in desk.events():
        told[event.symbol].append(line(event))
    told["*"] = [str(balance(desk))]
    return told


def test_whose_records_come_first_does_not_matter() -> None:
    """Every order of the symbols, in steps of half a second or of five, ends the same way."""
    outcomes = [
        _dance(order, step_ms)
        for order in permutations(("EURUSD", "GBPUSD", "USDCHF"))
        for step_ms in (500, 5000)
    ]
    assert any("margin_call" in text for text in outcomes[0]["GBPUSD"])
    assert all(outcome == outcomes[0] for outcome in outcomes)


def test_a_roll_is_charged_once_whatever_dies_after_it(tmp_path: Path) -> None:
    """The moment is on disk with its charge: the time told again brings no second one."""
    settings: dict[str, Any] = {"money": {}, "terms": FINANCED}
    first = Desk(tmp_path / "venue.db", **settings)
    first.submit(quantity_units="100000")
    first.play("60 1.1000 1.1002")
    roll = rolls_at("2024-03-05T22:00:00")
    assert first.time(roll) == ["financing EURUSD -11.001000 USD"]
    second = Desk(tmp_path / "venue.db", **settings)
    assert second.play("60 1.1000 1.1002") == []
    assert second.time(roll + MINUTE_MS) == []
    assert balance(second)[0] == Decimal("99988.999")
    first.venue.close()
    second.venue.close()
