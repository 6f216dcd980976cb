"""What the gate is shown of the market and the account when a signal becomes an order."""

from collections.abc import Callable, Mapping

from domain.instruments import Instrument
from domain.predictions import Signal
from trading.accounts.held import sides
from trading.decisions import worst_held
from trading.execution_config import ExecutionConfig
from trading.lane_accounts import LaneAccounts
from trading.lanes import Lane
from trading.marks import AccountMark
from trading.orders.book import OrderBook
from trading.orders.holdings import Exposure, Holding
from trading.quotes import Quote
from trading.risk.case import RiskContext
from trading.risk.exposure import Held, held_of

Shown = Callable[[Lane, Signal, AccountMark], RiskContext]


def own_held(lane: Lane) -> Held:
    """Return what a lane holds, and what its orders may still fill."""
    state = lane.state
    return Held(*sides(state.held), state.buy_units, state.sell_units)


class AtTheMark:
    """Shows other symbols as they were at the mark, at their worst: see `worst_held`.

    So what is let through does not depend on which symbol's signal came first.
    """

    def __init__(self, config: ExecutionConfig, instruments: Mapping[str, Instrument]) -> None:
        self._config = config
        self._instruments = instruments

    def __call__(self, lane: Lane, signal: Signal, mark: AccountMark) -> RiskContext:
        """Return the context of a decision."""
        config = self._config
        held = worst_held(
            signal.symbol,
            own_held(lane),
            self._instruments,
            config.account_currency,
            mark,
            config.sizing,
        )
        return _context(config, lane, signal, mark, held)


class AtPresent:
    """Shows other symbols as they are, with every order that is on its way."""

    def __init__(
        self,
        config: ExecutionConfig,
        book: OrderBook,
        accounts: LaneAccounts,
        tradeable: Callable[[str], bool],
    ) -> None:
        self._config = config
        self._book = book
        self._accounts = accounts
        self._tradeable = tradeable

    def __call__(self, lane: Lane, signal: Signal, mark: AccountMark) -> RiskContext:
        """Return the context of a decision."""
        holdings, working = self._book.holdings(), self._book.exposure()
        held: dict[str, Held] = {}
        for symbol in sorted({*holdings, *working}):
            may = working.get(symbol, Exposure())
            if self._config.position_mode == "hedging":
                both = sides(self._accounts.held(symbol))
                held[symbol] = Held(*both, may.buy_units, may.sell_units)
            else:
                units = holdings.get(symbol, Holding()).units
                held[symbol] = held_of(units, may.buy_units, may.sell_units)
        context = _context(self._config, lane, signal, mark, held)
        return context._replace(tradeable=self._tradeable(signal.symbol))


def _context(
    config: ExecutionConfig,
    lane: Lane,
    signal: Signal,
    mark: AccountMark,
    held: Mapping[str, Held],
) -> RiskContext:
    quotes: dict[str, Quote] = dict(mark.quotes)
    quote = lane.quote()
    if quote is None:
        quotes.pop(signal.symbol, None)
    else:
        quotes[signal.symbol] = quote
    return RiskContext(
        now_ns=signal.ts_recv_ns,
        instrument=lane.instrument,
        quotes=quotes,
        quote_recv_ns=lane.state.quote_recv_ns or None,
        verdict=signal.verdict,
        held=held,
        margin_rates=config.margin_rates,
        position_mode=config.position_mode,
        # No venue may keep both sides here that does not keep to reduce_only itself.
        reduce_only_enforced=config.position_mode == "hedging",
    )
