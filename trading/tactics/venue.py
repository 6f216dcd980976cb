"""The market of a lane as algorithms and groups see it."""

from collections.abc import Mapping

from msgspec.structs import replace

from domain.errors import BadUse
from domain.fx_calendar import is_open
from trading.algos.market import MarketView
from trading.counterparty import Counterparty
from trading.execution_config import ExecutionConfig
from trading.lanes import Lane
from trading.orders.held import HOLD_NS
from trading.venues import Capabilities, VenueInstrument


class LaneMarkets:
    """Shows lanes as markets of one venue.

    Parameters
    ----------
    config
        Of the account.
    counterparty
        With the venue's capabilities, and its data of every pair of the account.

    Raises
    ------
    BadUse
        If it does not say what it can do, or lacks what the settings ask for.
    """

    def __init__(self, config: ExecutionConfig, counterparty: Counterparty) -> None:
        capabilities = counterparty.capabilities
        if capabilities is None or set(config.symbols) - counterparty.instruments.keys():
            msg = "algorithms, stops and targets need the venue's capabilities and instruments"
            raise BadUse(msg)
        bounded = config.max_slippage_pips is not None
        config.tactics.require(config.venue, capabilities, bounded=bounded)
        self.capabilities: Capabilities = capabilities
        # Whether a pair is tradeable now the venue says with its answer: what it said at the logon
        # may be of a weekend.
        self._instruments: Mapping[str, VenueInstrument] = {
            symbol: replace(one, tradeable=True) for symbol, one in counterparty.instruments.items()
        }
        self._max_age_ns = config.limits.market.max_price_age_ns

    @property
    def late_fill_ns(self) -> int:
        """How long after the end of an order a fill of it may still be reported (>= 0)."""
        return 0 if self.capabilities.reports_in_order else HOLD_NS

    def of(self, lane: Lane, now_ns: int) -> MarketView:
        """Return the market of a lane; a quote that the gate would call old is none."""
        state = lane.state
        is_fresh = now_ns - state.quote_recv_ns <= self._max_age_ns
        quote = lane.quote() if is_fresh else None
        return MarketView(
            self._instruments[state.symbol], self.capabilities, quote, is_open(now_ns)
        )
