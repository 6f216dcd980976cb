"""What the gate is shown of the market and the account when a signal becomes an order."""

from collections.abc import Callable, Mapping

from domain.instruments import Instrument
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

Shown = Callable[[Lane, int, int | None, AccountMark], RiskContext]
"""Gives the context of a decision: of a lane, at a receive time of the log, on a quote with these
bits of ``domain.ticks.Verdict``, at the mark of the last decision."""


def own_held(lane: Lane) -> Held:
    """Return what a lane holds, and what its orders may still fill."""
    state = lane.state
    return Held(*sides(state.held), state.buy_units, state.sell_units)


class AtTheMark:
    """Shows other symbols as they were at the mark, at their worst: see `worst_held`.

    So what is let through does not depend on which symbol's signal came first.

    Parameters
    ----------
    enforced
        Whether the venue itself keeps a ``reduce_only`` order from opening a position.
    """

    def __init__(
        self,
        config: ExecutionConfig,
        instruments: Mapping[str, Instrument],
        *,
        enforced: bool = False,
    ) -> None:
        self._config = config
        self._instruments = instruments
        self._enforced = enforced

    def __call__(
        self, lane: Lane, now_ns: int, verdict: int | None, mark: AccountMark
    ) -> RiskContext:
        """Return the context of a decision."""
        config = self._config
        held = worst_held(
            lane.state.symbol,
            own_held(lane),
            self._instruments,
            config.account_currency,
            mark,
            config.sizing,
        )
        return _context(config, lane, now_ns, verdict, mark, held, enforced=self._enforced)


class AtPresent:
    """Shows other symbols as they are, with every order that is on its way.

    Parameters
    ----------
    tradeable
        Whether the venue takes orders for a symbol now.
    enforced
        Whether the venue itself keeps a ``reduce_only`` order from opening a position.
    """

    def __init__(
        self,
        config: ExecutionConfig,
        book: OrderBook,
        accounts: LaneAccounts,
        tradeable: Callable[[str], bool],
        *,
        enforced: bool = False,
    ) -> None:
        self._config = config
        self._book = book
        self._accounts = accounts
        self._tradeable = tradeable
        self._enforced = enforced

    def __call__(
        self, lane: Lane, now_ns: int, verdict: int | None, mark: AccountMark
    ) -> RiskContext:
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
        enforced = self._enforced
        context = _context(self._config, lane, now_ns, verdict, mark, held, enforced=enforced)
        return context._replace(tradeable=self._tradeable(lane.state.symbol))


def _context(
    config: ExecutionConfig,
    lane: Lane,
    now_ns: int,
    verdict: int | None,
    mark: AccountMark,
    held: Mapping[str, Held],
    *,
    enforced: bool,
) -> RiskContext:
    quotes: dict[str, Quote] = dict(mark.quotes)
    quote = lane.quote()
    if quote is None:
        quotes.pop(lane.state.symbol, None)
    else:
        quotes[lane.state.symbol] = quote
    return RiskContext(
        now_ns=now_ns,
        instrument=lane.instrument,
        quotes=quotes,
        quote_recv_ns=lane.state.quote_recv_ns or None,
        verdict=verdict,
        held=held,
        margin_rates=config.margin_rates,
        position_mode=config.position_mode,
        # No venue may keep both sides here that does not keep to reduce_only itself.
        reduce_only_enforced=enforced or config.position_mode == "hedging",
    )
