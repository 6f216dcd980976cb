"""How one account stands, as a choice among several accounts may see it."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from domain.control import TradingState
from domain.ids import client_order_id
from trading.decisions import largest_units
from trading.execution_config import ExecutionConfig
from trading.lanes import Lane
from trading.marks import AccountMark
from trading.orders.book import OrderBook
from trading.orders.holdings import Exposure
from trading.risk.control import Controls
from trading.tactics.handling import Handling

_NOTHING = Exposure()


class Standing:
    """Positions, orders and trading state of an account, read as they are at the moment.

    Parameters
    ----------
    config, book, lanes
        Of the account.
    handling
        What carries out its signals; None where each is one market order.
    controls, last_mark
        Give the trading states, and the mark of the last decision.
    """

    def __init__(
        self,
        config: ExecutionConfig,
        book: OrderBook,
        lanes: Mapping[str, Lane],
        handling: Handling | None,
        controls: Callable[[], Controls],
        last_mark: Callable[[], AccountMark | None],
    ) -> None:
        self._config = config
        self._book = book
        self._lanes = lanes
        self._handling = handling
        self._controls = controls
        self._last_mark = last_mark

    def has_acted_on(self, signal_id: str) -> bool:
        """Say whether an order of the account, denied ones too, stands for a signal."""
        name = client_order_id(self._config.strategy, signal_id, 0, attempt=0)
        parents = self._handling is not None and self._handling.knows(name)
        return name in self._book or parents

    def is_decided(self, symbol: str, boundary_ns: int) -> bool:
        """Say whether the signal of a boundary has been acted on, whatever came of it.

        One that waits for what works against it to end has not.
        """
        waits = self._handling is not None and self._handling.waits(symbol)
        return self._lanes[symbol].behind_ns() >= boundary_ns and not waits

    def held_units(self, symbol: str) -> Decimal:
        """Return what is held of a pair: signed base units."""
        return self._book.position(symbol).units

    def exposure_units(self, symbol: str) -> Decimal:
        """Return what will be held of a pair once all that is wanted has filled: signed base units.

        Stops and targets are left out: they give back what is held if the market calls for it.
        """
        if self._handling is not None:
            in_flight = self._handling.in_flight_units(self._lanes[symbol])
        else:
            may = self._book.exposure().get(symbol, _NOTHING)
            in_flight = may.buy_units - may.sell_units
        return self.held_units(symbol) + in_flight

    def room_units(self, symbol: str) -> Decimal | None:
        """Return the largest position that a decision may ask for; None before the first one."""
        mark, config = self._last_mark(), self._config
        if mark is None:
            return None
        pair = self._lanes[symbol].instrument
        return largest_units(pair, config.account_currency, mark, config.sizing)

    def takes_orders(self) -> bool:
        """Say whether the trading state lets new risk through."""
        return self._controls().state(self._config.strategy) == TradingState.ACTIVE
