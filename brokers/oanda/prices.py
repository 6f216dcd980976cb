"""v20's prices: at most four a second and instrument, the last of each 250 ms.

It is a sampled stream, not a tape: nothing may be counted on it. Whether a price may be traded on
is in ``tradeable``, and that wins over any calendar.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec
import numpy as np

from brokers.loop import LoopThread
from brokers.oanda.config import OandaConfig
from brokers.oanda.streams import WatchedStream
from brokers.oanda.wire import (
    Json,
    canonical_name,
    decimal_of,
    name_of,
    optional_decimal,
    time_ns,
    wire_name,
)
from domain.errors import Drop
from trading.venues import LinkEvent


class PriceTick(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask of one pair.

    Attributes
    ----------
    bid_units, ask_units
        Liquidity at that price in base units; None where v20 names none.
    ts_event_ns, ts_recv_ns
        v20's time of the price, and when it came in here; nanoseconds UTC.
    tradeable
        Whether v20 takes orders at it now.
    """

    symbol: str
    bid: Decimal
    ask: Decimal
    bid_units: Decimal | None
    ask_units: Decimal | None
    ts_event_ns: int
    ts_recv_ns: int
    tradeable: bool


OnTick = Callable[[PriceTick], None]
OnLink = Callable[[LinkEvent], None]


def tick_of(document: Json, ts_recv_ns: int) -> PriceTick | None:
    """Read a ``ClientPrice``; None for one with an empty side, on which nothing can trade.

    ``closeoutBid`` and ``closeoutAsk`` are left alone: no trade opens at them.

    Raises
    ------
    Drop
        If it cannot be read, or is no price: not above 0, crossed, or for less than nothing.
    """
    bids, asks = document["bids"], document["asks"]
    if not isinstance(bids, list) or not isinstance(asks, list):
        msg = "a price without its sides"
        raise Drop(msg)
    if not bids or not asks:
        return None
    symbol = canonical_name(name_of(document, "instrument"))
    bid, ask = decimal_of(bids[0], "price"), decimal_of(asks[0], "price")
    if not symbol or not 0 < bid <= ask:
        msg = f"a price of {symbol or 'no instrument'} that is none: {bid} to {ask}"
        raise Drop(msg)
    bid_units = optional_decimal(bids[0], "liquidity")
    ask_units = optional_decimal(asks[0], "liquidity")
    if min(bid_units or 0, ask_units or 0) < 0:
        msg = f"a price of {symbol} for {bid_units} and {ask_units} units"
        raise Drop(msg)
    return PriceTick(
        symbol=symbol,
        bid=bid,
        ask=ask,
        bid_units=bid_units,
        ask_units=ask_units,
        ts_event_ns=time_ns(document),
        ts_recv_ns=ts_recv_ns,
        tradeable=document.get("tradeable", False) is True,
    )


def price_stream(
    config: OandaConfig,
    symbols: Sequence[str],
    *,
    on_tick: OnTick,
    on_link: OnLink,
    wall_ns: Callable[[], int],
    jitter: np.random.Generator,
) -> WatchedStream:
    """Return the pricing stream of some canonical symbols, still to be run on a loop."""

    def take(document: Json) -> None:
        if document.get("type") == "HEARTBEAT":
            return
        if document.get("type") != "PRICE":
            msg = f"a line of the unknown type {document.get('type')} on the pricing stream"
            raise Drop(msg)
        tick = tick_of(document, wall_ns())
        if tick is not None:
            on_tick(tick)

    def link(*, up: bool, reason: str = "") -> None:
        # What was quoted while the stream was down is lost for good.
        on_link(LinkEvent("prices", up, wall_ns(), "oanda", reason, gap=True))

    async def opened() -> None:
        link(up=True)

    return WatchedStream(
        config,
        f"{config.root}/pricing/stream",
        {"instruments": ",".join(wire_name(symbol) for symbol in symbols), "snapshot": "true"},
        on_line=take,
        on_up=opened,
        on_down=lambda reason: link(up=False, reason=reason),
        jitter=jitter,
    )


class OandaPrices:
    """The pricing stream in a thread of its own, for a feed that does not trade.

    Parameters
    ----------
    config
        ``price_symbols`` says which.
    wall_ns
        Clock of this machine, nanoseconds UTC.
    """

    def __init__(self, config: OandaConfig, wall_ns: Callable[[], int]) -> None:
        self._config = config
        self._wall_ns = wall_ns
        self._loop: LoopThread | None = None

    def start(self, on_tick: OnTick, on_link: OnLink) -> None:
        """Begin to stream; both callbacks come from the stream's thread and must not wait."""
        stream = price_stream(
            self._config,
            self._config.price_symbols,
            on_tick=on_tick,
            on_link=on_link,
            wall_ns=self._wall_ns,
            jitter=np.random.default_rng(self._config.seed),
        )
        self._loop = LoopThread("oanda-prices")
        self._loop.spawn(stream.run())

    def stop(self) -> None:
        """End the stream; idempotent."""
        if self._loop is not None:
            self._loop.stop()
            self._loop = None
