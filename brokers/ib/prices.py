"""Bid and ask of currency pairs from IB, over a session of their own.

Prices and orders fail apart: a session each, under different client ids, so that a lost market data
farm is not mistaken for a lost order link, nor the other way round.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import ib_async

from brokers.ib.contracts import contract
from brokers.ib.errors import PRICES_LOST, Notice
from brokers.ib.link import Link
from brokers.ib.rows import ExecutionRow, OrderRow, StatusRow
from brokers.ib.session import Session
from brokers.ib.settings import IbSettings
from brokers.loop import LoopThread
from domain.errors import Drop, Retry
from trading.venues import LinkEvent

_BID, _ASK = 1, 2
"""Tick types of TWS."""

_STOP_S = 5.0


class IbQuote(NamedTuple):
    """Best prices of a pair, and the base units behind them; IB names no time of its own."""

    symbol: str
    bid: float
    ask: float
    bid_units: float
    ask_units: float
    ts_recv_ns: int


class _Side(NamedTuple):
    price: float
    units: float


class IbPrices:
    """Subscribes to pairs and passes on each change of bid or ask, once both are known.

    Parameters
    ----------
    settings
        Gateway and symbols; ``client_id`` must not be the one of the orders.
    on_quote
        Takes quotes, on the adapter's thread; must not raise and not wait.
    on_link
        Takes ups and downs of the prices. After a down nothing of before counts.
    wall_ns
        Clock of receive times.
    """

    def __init__(
        self,
        settings: IbSettings,
        on_quote: Callable[[IbQuote], None],
        on_link: Callable[[LinkEvent], None],
        wall_ns: Callable[[], int] = time.time_ns,  # noqa: TID251 - the edge: an adapter's clock
    ) -> None:
        self._settings, self._wall_ns = settings, wall_ns
        self._on_quote, self._on_link = on_quote, on_link
        self._loop: LoopThread | None = None
        self._link = Link(settings, self, self._subscribe, on_link, wall_ns, "prices")
        self._subscribed_on: Session | None = None
        self._symbols: dict[int, str] = {}
        self._sides: dict[tuple[str, int], _Side] = {}

    def start(self) -> None:
        """Log on and subscribe.

        Raises
        ------
        BadUse, Retry
            As `IbVenue.start`.
        """
        loop = LoopThread("ib-prices")
        try:
            loop.call(self._link.open(), 2 * self._settings.logon_timeout_s)
        except (TimeoutError, ConnectionError) as error:
            loop.stop()
            msg = "the gateway of IB did not answer in time, or cut the connection"
            raise Retry(msg) from error
        except Exception:
            loop.stop()
            raise
        self._loop = loop

    def stop(self) -> None:
        """Log off; idempotent."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.call(self._link.close(), _STOP_S)
            loop.stop()

    async def _subscribe(self) -> None:
        session = self._link.session
        if session is self._subscribed_on:
            # TWS kept them, or lost them; it counts them against the account's lines until told.
            for request in self._symbols:
                session.unwatch_prices(request)
        self._subscribed_on = session
        self._sides.clear()
        self._symbols = {
            session.watch_prices(contract(symbol)): symbol for symbol in self._settings.symbols
        }

    def on_price(self, request: int, tick_type: int, price: float, size: float) -> None:
        """Take one side; TWS writes -1 where there is no price.

        Raises
        ------
        Drop
            If there is a price for less than nothing.
        """
        symbol = self._symbols.get(request)
        if symbol is None or tick_type not in {_BID, _ASK}:
            return
        if price <= 0:
            self._sides.pop((symbol, tick_type), None)
            return
        if size < 0:
            msg = f"TWS quotes {symbol} at {price} for {size} units"
            raise Drop(msg)
        side = _Side(price, size)
        if self._sides.get((symbol, tick_type)) == side:
            return
        self._sides[symbol, tick_type] = side
        bid, ask = self._sides.get((symbol, _BID)), self._sides.get((symbol, _ASK))
        if bid is not None and ask is not None:
            now_ns = self._wall_ns()
            self._on_quote(IbQuote(symbol, bid.price, ask.price, bid.units, ask.units, now_ns))

    def on_notice(self, notice: Notice) -> None:
        """Take a code: the market data farm's, or the gateway's own link to the broker."""
        if notice.code in PRICES_LOST:
            self._sides.clear()
        self._link.notice(notice.code)

    def on_cut(self, reason: str) -> None:
        """Take a cut; subscriptions are made anew with the next session."""
        self._sides.clear()
        self._link.cut(reason)

    def on_order(self, row: OrderRow) -> None:
        """Take nothing: orders have a session of their own."""

    def on_status(self, row: StatusRow) -> None:
        """Take nothing: orders have a session of their own."""

    def on_execution(self, row: ExecutionRow) -> None:
        """Take nothing: orders have a session of their own."""

    def on_commission(self, report: ib_async.CommissionReport) -> None:
        """Take nothing: orders have a session of their own."""
