"""The double's market: the last price of every pair, how much stands there, and conversion."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from testkit.venues.oanda.instruments import BrokerInstrument
from testkit.venues.oanda.wire import Json, rfc3339, text


@dataclass(frozen=True)
class Price:
    """One price of one instrument; liquidity in base units on either side."""

    instrument: str
    bid: Decimal
    ask: Decimal
    time_ns: int
    tradeable: bool = True
    liquidity: int = 10_000_000

    @property
    def mid(self) -> Decimal:
        """Middle of bid and ask."""
        return (self.bid + self.ask) / 2

    def document(self) -> Json:
        """Return the ``ClientPrice`` of the API; an untradeable one still shows its prices."""
        return {
            "type": "PRICE",
            "time": rfc3339(self.time_ns),
            "bids": [{"price": text(self.bid), "liquidity": self.liquidity}],
            "asks": [{"price": text(self.ask), "liquidity": self.liquidity}],
            "closeoutBid": text(self.bid),
            "closeoutAsk": text(self.ask),
            "status": "tradeable" if self.tradeable else "non-tradeable",
            "tradeable": self.tradeable,
            "instrument": self.instrument,
        }


class Market:
    """Last prices, and who wants to know of new ones.

    Parameters
    ----------
    instruments
        The pairs that are traded here, by v20 name.
    """

    def __init__(self, instruments: Mapping[str, BrokerInstrument]) -> None:
        self.instruments = instruments
        self._prices: dict[str, Price] = {}
        self._listeners: list[Callable[[Price], None]] = []

    def move(self, price: Price) -> None:
        """Take a new price in and tell the subscribers."""
        self._prices[price.instrument] = price
        for listener in list(self._listeners):
            listener(price)

    def price(self, instrument: str) -> Price | None:
        """Return the last price, None before the first."""
        return self._prices.get(instrument)

    def subscribe(self, listener: Callable[[Price], None]) -> None:
        """Call the listener with every later price."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[Price], None]) -> None:
        """Call it no more."""
        self._listeners.remove(listener)

    def factors(self, currency: str, home: str) -> tuple[Decimal, Decimal] | None:
        """Return the factors that turn a gain and a loss in ``currency`` into ``home``.

        A gain converts at the worse side for the client, and so does a loss. None where no pair of
        the two, and no two pairs over the dollar, have a price.
        """
        direct = self._direct(currency, home)
        if direct is not None or "USD" in (currency, home):
            return direct
        first, second = self._direct(currency, "USD"), self._direct("USD", home)
        if first is None or second is None:
            return None
        return first[0] * second[0], first[1] * second[1]

    def _direct(self, currency: str, home: str) -> tuple[Decimal, Decimal] | None:
        if currency == home:
            return Decimal(1), Decimal(1)
        straight = self._prices.get(f"{currency}_{home}")
        if straight is not None:
            return straight.bid, straight.ask
        inverted = self._prices.get(f"{home}_{currency}")
        if inverted is not None:
            return 1 / inverted.ask, 1 / inverted.bid
        return None
