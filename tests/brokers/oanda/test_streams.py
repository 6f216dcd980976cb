"""Prices as ticks, waits that grow, and lines that cannot be read."""

from decimal import Decimal
from pathlib import Path

import pytest

from brokers.oanda.prices import OandaPrices, PriceTick, tick_of
from domain.errors import Drop
from domain.order_events import EventKind
from domain.reasons import Reason
from tests.brokers.oanda.rig import OandaRig
from trading.venues import LinkEvent

PRICE = {
    "type": "PRICE",
    "time": "2014-05-01T12:00:00.000000001Z",
    "bids": [{"price": "1.38010", "liquidity": 1000000}, {"price": "1.38009", "liquidity": 1}],
    "asks": [{"price": "1.38022", "liquidity": 2000000}],
    "closeoutBid": "1.37000",
    "closeoutAsk": "1.39000",
    "tradeable": True,
    "instrument": "EUR_USD",
}


def test_a_price_is_the_best_bid_and_ask_and_never_the_closeout() -> None:
    """To the digit and the nanosecond."""
    assert tick_of(PRICE, 7) == PriceTick(
        symbol="EURUSD",
        bid=Decimal("1.38010"),
        ask=Decimal("1.38022"),
        bid_units=Decimal(1_000_000),
        ask_units=Decimal(2_000_000),
        ts_event_ns=1_398_945_600_000_000_001,
        ts_recv_ns=7,
        tradeable=True,
    )


@pytest.mark.parametrize("side", ["bids", "asks"])
def test_an_empty_side_is_no_tick(side: str) -> None:
    """Nothing can trade on it."""
    assert tick_of(PRICE | {side: []}, 7) is None


@pytest.mark.parametrize("price", ["NaN", "x", None])
def test_a_price_that_is_none_is_unusable(price: object) -> None:
    """It does not become a number."""
    with pytest.raises(Drop):
        tick_of(PRICE | {"bids": [{"price": price}]}, 7)


def test_a_price_that_does_not_say_whether_it_may_be_traded_on_may_not() -> None:
    """Closed unless said to be open."""
    tick = tick_of({k: v for k, v in PRICE.items() if k != "tradeable"}, 7)
    assert tick is not None
    assert not tick.tradeable


def test_prices_and_transactions_are_watched_each_by_itself(tmp_path: Path) -> None:
    """Both links are told, and both go down with the server."""
    rig = OandaRig(tmp_path, price_symbols=("EURUSD",)).start()
    try:
        rig.until(lambda: {link.link for link in rig.links()} == {"orders", "prices"})
        rig.until(lambda: bool(rig.ticks))
        assert (rig.ticks[0].bid, rig.ticks[0].ask) == (Decimal("1.10000"), Decimal("1.10010"))
        rig.server.stop()
        rig.until(
            lambda: {link.link for link in rig.links() if not link.up} == {"orders", "prices"}
        )
    finally:
        rig.close()


def test_with_prices_a_stop_on_the_wrong_side_does_not_leave(tmp_path: Path) -> None:
    """The adapter holds it against its own fresh quote."""
    rig = OandaRig(tmp_path, price_symbols=("EURUSD",)).start()
    try:
        rig.until(lambda: bool(rig.ticks))
        order = rig.order(order_type="stop", time_in_force="GTC", trigger_price=Decimal("1.09"))
        rig.send(order)
        assert rig.wait(order, EventKind.REJECT).reason == Reason.WRONG_SIDE
        assert rig.server.submits == []
    finally:
        rig.close()


def test_a_feed_streams_prices_without_trading(tmp_path: Path) -> None:
    """At most the last price of each window, and a gap where the stream was down."""
    rig = OandaRig(tmp_path)
    ticks: list[PriceTick] = []
    links: list[LinkEvent] = []
    prices = OandaPrices(rig.config(price_symbols=("EURUSD", "USDJPY")), lambda: 5)
    try:
        rig.server.quote("EURUSD", "1.10000", "1.10010")
        rig.server.quote("USDJPY", "102.123", "102.130")
        prices.start(ticks.append, links.append)
        rig.until(lambda: len(ticks) == 2)
        assert {t.symbol for t in ticks} == {"EURUSD", "USDJPY"}
        rig.server.quote("EURUSD", "1.10001", "1.10011", tradeable=False)
        rig.until(lambda: len(ticks) == 3)
        assert (ticks[-1].bid, ticks[-1].tradeable, ticks[-1].ts_recv_ns) == (
            Decimal("1.10001"),
            False,
            5,
        )
        rig.server.disconnect()
        rig.until(lambda: [link.up for link in links] == [True, False, True])
        assert links[-1].gap
    finally:
        prices.stop()
        prices.stop()
        rig.close()
