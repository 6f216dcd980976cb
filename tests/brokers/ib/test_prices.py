"""Bid and ask from the gateway."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from brokers.ib.prices import IbPrices, IbQuote
from brokers.ib.settings import IbSettings
from domain.errors import Retry
from tests.brokers.ib.rig import ACCOUNT, NOON_NS, Rig
from trading.venues import LinkEvent


class Feed:
    """Prices of two pairs, and what they told."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig = rig
        self.quotes: list[IbQuote] = []
        self.links: list[LinkEvent] = []
        settings = IbSettings(
            account=ACCOUNT,
            folder=folder,
            port=rig.gateway.port,
            client_id=9,
            symbols=("EURUSD", "USDJPY"),
            reconnect_s=0.01,
            watch_s=0.01,
        )
        self.prices = IbPrices(settings, self.quotes.append, self.links.append, rig.clock)
        self.prices.start()
        # TWS answers nothing to a subscription: ask until the first quote comes.
        rig.until(self._heard)
        self.quotes.clear()

    def _heard(self) -> bool:
        self.rig.gateway.quote("EURUSD", Decimal("1.09"), Decimal("1.0901"))
        self.rig.gateway.quote("USDJPY", Decimal(150), Decimal("150.005"))
        return {quote.symbol for quote in self.quotes} == {"EURUSD", "USDJPY"}


@pytest.fixture
def feed(rig: Rig, tmp_path: Path) -> Iterator[Feed]:
    """Prices that were heard."""
    made = Feed(rig, tmp_path)
    try:
        yield made
    finally:
        made.prices.stop()


def test_both_sides_come_with_the_receive_time(feed: Feed) -> None:
    """The last quote of a move holds both new sides."""
    feed.rig.gateway.quote("EURUSD", Decimal("1.1"), Decimal("1.10005"))
    feed.rig.until(lambda: len(feed.quotes) == 2)
    assert feed.quotes[-1] == IbQuote("EURUSD", 1.1, 1.10005, 1e6, 1e6, NOON_NS)


def test_an_unchanged_side_is_no_quote(feed: Feed) -> None:
    """TWS repeats prices too."""
    feed.rig.gateway.quote("EURUSD", Decimal("1.1"), Decimal("1.0901"))
    feed.rig.gateway.quote("EURUSD", Decimal("1.1"), Decimal("1.0901"))
    feed.rig.gateway.quote("USDJPY", Decimal(150), Decimal("150.01"))
    feed.rig.until(lambda: any(quote.symbol == "USDJPY" for quote in feed.quotes))
    assert [(quote.symbol, quote.bid, quote.ask) for quote in feed.quotes] == [
        ("EURUSD", 1.1, 1.0901),
        ("USDJPY", 150.0, 150.01),
    ]


def test_a_side_that_goes_away_makes_the_pair_silent(feed: Feed) -> None:
    """-1 is no price; the other side alone is no quote."""
    feed.rig.gateway.quote("EURUSD", Decimal(-1), Decimal("1.2"))
    feed.rig.gateway.quote("USDJPY", Decimal(150), Decimal("150.01"))
    feed.rig.until(lambda: bool(feed.quotes))
    assert [quote.symbol for quote in feed.quotes] == ["USDJPY"]


def test_a_cut_is_told_and_prices_come_again(feed: Feed) -> None:
    """With a new subscription."""
    feed.rig.gateway.cut()
    feed.rig.until(lambda: [each.up for each in feed.links] == [True, False, True])
    assert {each.link for each in feed.links} == {"prices"}
    feed.rig.until(feed._heard)


def test_a_lost_market_data_farm_is_the_prices_matter_only(feed: Feed) -> None:
    """2103 and 2104; the link of the orders stays up."""
    before = len(feed.rig.links())
    feed.rig.gateway.notice(2103, "Market data farm connection is broken:cashfarm")
    feed.rig.until(lambda: not feed.links[-1].up)
    feed.rig.gateway.notice(2104, "Market data farm connection is OK:cashfarm")
    feed.rig.until(lambda: feed.links[-1].up)
    assert len(feed.rig.links()) == before
    feed.rig.until(feed._heard)


def test_no_gateway_is_a_matter_of_time(rig: Rig, tmp_path: Path) -> None:
    """Retry, and a second stop does nothing."""
    rig.gateway.close()
    settings = IbSettings(account=ACCOUNT, folder=tmp_path, port=rig.gateway_port, client_id=9)
    prices = IbPrices(settings, print, print, rig.clock)
    with pytest.raises(Retry):
        prices.start()
    prices.stop()
