"""Rolls: at 17:00 New York the venue charges what is held, each symbol as its own records pass it.

The charge arises in quote currency on the symbol's own price, so no other symbol is waited for.
"""

from datetime import timedelta

from brokers.paper_venue.account import Account
from brokers.paper_venue.config import PaperVenueConfig
from brokers.paper_venue.costs import financing
from brokers.paper_venue.lane import Lane
from brokers.paper_venue.outbox import Outbox
from domain.errors import Halt
from domain.fx_calendar import roll_ns, trade_date
from domain.ids import digest
from domain.nanos import iso
from trading.settlement.financing import days_charged
from trading.settlement.value_dates import HolidayTable, is_trade_date

_DAY = timedelta(days=1)


def next_roll_ns(after_ns: int) -> int:
    """Return the first 17:00 New York after a moment that ends a trade date."""
    day = trade_date(after_ns)
    while not is_trade_date(day):
        day += _DAY
    return roll_ns(day)


class Rolls:
    """Plays the records of lanes, and charges at every roll on the way what is held."""

    def __init__(self, config: PaperVenueConfig, account: Account, outbox: Outbox) -> None:
        self._config = config
        self._account = account
        self._outbox = outbox
        self._calendar = HolidayTable(config.holidays)

    def play(self, lane: Lane) -> None:
        """Play what waits in a lane."""
        symbol, rolls = lane.instrument.symbol, self._account.state.rolls
        if not self._config.charges(symbol):
            lane.run(None)
            return
        while (recv_ns := lane.waits_from_ns()) is not None:
            due_ns = rolls.setdefault(symbol, next_roll_ns(recv_ns))
            if recv_ns < due_ns:
                lane.run(due_ns)
                continue
            lane.until(due_ns)
            self._charge(lane, due_ns)
            rolls[symbol] = next_roll_ns(due_ns)

    def _charge(self, lane: Lane, due_ns: int) -> None:
        pair, config = lane.instrument, self._config
        held = self._account.held(pair.symbol)
        if not held.is_open:
            return
        quote = lane.quote()
        if quote is None:  # pragma: no cover - what is held was traded at a price
            msg = f"paper venue: {pair.symbol} is held over {iso(due_ns)} without a price"
            raise Halt(msg)
        terms = config.terms_of(pair.symbol)
        ended = trade_date(due_ns - 1)
        days = days_charged(pair, ended, self._calendar, terms.days_charged)
        amount = financing(held, quote.mid, days, terms)
        if amount:
            name = "pf" + digest("financing", config.account, pair.symbol, due_ns)
            self._outbox.charge(name, pair.symbol, amount, pair.quote, due_ns)
