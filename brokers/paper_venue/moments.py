"""The moments at which the account is looked at as a whole: value, roll, margin call, close-out.

Records received after a moment wait until it has passed, so that every symbol stands at the same
time and the outcome does not depend on whose records came first.
"""

from collections.abc import Mapping

from brokers.paper_venue.account import Account
from brokers.paper_venue.config import PaperVenueConfig
from brokers.paper_venue.lane import Lane
from brokers.paper_venue.outbox import Outbox
from brokers.paper_venue.working import WorkingOrder
from domain.fx_calendar import roll_ns, trade_date, trade_day_start_ns
from domain.ids import digest
from domain.nanos import floor_ns
from domain.order_events import EventKind
from domain.orders import OrderTerms
from domain.reasons import Reason
from trading.quotes import Quote


class Moments:
    """Moves the lanes of one account on together.

    Parameters
    ----------
    lanes
        By symbol; may grow.
    """

    def __init__(
        self,
        config: PaperVenueConfig,
        account: Account,
        lanes: Mapping[str, Lane],
        outbox: Outbox,
    ) -> None:
        self._config = config
        self._account = account
        self._lanes = lanes
        self._outbox = outbox

    def before_ns(self) -> int | None:
        """Return the next moment: records from then on wait; None where none ever has to."""
        return None if self._config.money is None else self._account.state.moment_ns

    def seen(self, ts_recv_ns: int) -> None:
        """Note the time of a record: the first moment follows the first record."""
        money, state = self._config.money, self._account.state
        if money is not None and state.moment_ns == 0:
            state.moment_ns = floor_ns(ts_recv_ns, money.check_every_ns) + money.check_every_ns

    def advance(self, now_ns: int) -> None:
        """Pass every moment up to a time, and let everything happen that is due by then."""
        money, state = self._config.money, self._account.state
        while money is not None and 0 < state.moment_ns <= now_ns:
            moment_ns = state.moment_ns
            self._move(moment_ns, moment_ns)
            self._pass(moment_ns)
            state.moment_ns = self._following(moment_ns, now_ns, money.check_every_ns)
        self._move(self.before_ns(), now_ns)

    def quotes(self) -> dict[str, Quote]:
        """Return the last market of every symbol that has had one."""
        quotes = {symbol: lane.quote() for symbol, lane in self._lanes.items()}
        return {symbol: quote for symbol, quote in quotes.items() if quote is not None}

    def _move(self, before_ns: int | None, now_ns: int) -> None:
        for _, lane in sorted(self._lanes.items()):
            lane.run(before_ns)
            lane.until(now_ns)

    def _pass(self, moment_ns: int) -> None:
        account, quotes = self._account, self.quotes()
        if trade_day_start_ns(moment_ns) == moment_ns:
            account.roll(moment_ns, quotes, self._outbox)
        account.mark(quotes)
        if account.is_called():
            self._cancel_openings(moment_ns)
        for symbol in account.close_out():
            self._close(symbol, moment_ns)

    def _following(self, moment_ns: int, now_ns: int, step_ns: int) -> int:
        """Return the next moment that can change anything, at most the first one after now.

        Nothing changes while no record, no provider's decision and no roll is in between.
        """
        changes = [now_ns]
        for lane in self._lanes.values():
            changes += [o.held.decide_ns for o in lane.orders.values() if o.held is not None]
            waits_ns = lane.waits_from_ns()
            if waits_ns is not None:
                changes.append(waits_ns)
        after_ns = max(floor_ns(min(changes), step_ns), moment_ns) + step_ns
        return min(after_ns, max(roll_ns(trade_date(moment_ns)), moment_ns + step_ns))

    def _cancel_openings(self, ts_ns: int) -> None:
        for symbol, lane in sorted(self._lanes.items()):
            opening = [o for o in lane.orders.values() if self._may_open(symbol, o)]
            lane.cancel(opening, Reason.MARGIN_CALL, ts_ns)

    def _may_open(self, symbol: str, order: WorkingOrder) -> bool:
        if not order.is_open or order.held is not None:
            return False
        if order.terms.position_effect == "reduce_only":
            return False
        return self._account.opens(symbol, order.side, order.leaves_units)

    def _close(self, symbol: str, ts_ns: int) -> None:
        """Close a position at the market by an order of the venue's own, one at a time."""
        lane = self._lanes[symbol]
        if lane.find("") is not None:
            return
        units = self._account.position(symbol).units
        order = WorkingOrder(
            client_order_id="",
            venue_order_id="pc" + digest("close-out", self._config.account, symbol, ts_ns),
            symbol=symbol,
            side="sell" if units > 0 else "buy",
            terms=OrderTerms(
                abs(units), "market", time_in_force="GTC", position_effect="reduce_only"
            ),
            turn=0,
            live_ns=ts_ns,
            from_ns=ts_ns,
            reason=Reason.MARGIN_CALL,
        )
        lane.open(order)
        self._outbox.tell(
            order,
            EventKind.EXTERNAL,
            ts_ns,
            status="accepted",
            terms=order.terms,
            reason=order.reason,
        )
