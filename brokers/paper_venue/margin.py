"""Margin: what positions tie up, and what the venue does where equity no longer carries it.

The account is looked at as a whole at its marks. Each symbol acts on a mark when it has come to the
boundary behind it: on what it held then, whatever others have done since.
"""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import UNSET

from brokers.paper_venue.account import Account, Funds
from brokers.paper_venue.config import Margin, PaperVenueConfig
from brokers.paper_venue.lane import Lane
from brokers.paper_venue.outbox import Outbox
from brokers.paper_venue.working import WorkingOrder
from domain.ids import digest
from domain.instruments import INSTRUMENTS
from domain.order_events import EventKind
from domain.orders import OrderSide, OrderTerms
from domain.reasons import Reason
from trading.conversion import MONEY_STEP, rate
from trading.marks import AccountMark

_ZERO = Decimal(0)
_SIDES: tuple[OrderSide, ...] = ("sell", "buy")


class MarginCalls:
    """Cancels what could open below the call level, and closes positions below the close-out."""

    def __init__(self, config: PaperVenueConfig, account: Account, outbox: Outbox) -> None:
        self._config = config
        self._account = account
        self._outbox = outbox

    def on_mark(self, lane: Lane, ts_ns: int, mark: AccountMark) -> None:
        """Tell a lane how the account stood at a mark; one that it has been told changes nothing.

        Parameters
        ----------
        ts_ns
            Where the lane stands, on the clock of receive times.
        """
        margin, symbol = self._config.margin, lane.instrument.symbol
        funds = self._account.state.funds
        if margin is None or (symbol in funds and funds[symbol].ts_ns >= ts_ns):
            return
        tied = self._tied(mark)
        others = _sum({name: one for name, one in tied.items() if name != symbol})
        equity, total = mark.equity_account, _sum(tied)
        free = None if equity is None or others is None else equity - others
        base_rate = rate(lane.instrument.base, self._config.currency, "mid", mark.quotes)
        funds[symbol] = Funds(ts_ns, free, base_rate)
        if equity is None or not total or equity >= margin.call_level * total:
            return
        opening = [order for order in lane.orders.values() if self._may_open(order)]
        lane.cancel(opening, Reason.MARGIN_CALL, ts_ns)
        if equity < margin.closeout_level * total and symbol in _to_close(mark, tied, margin):
            self._close(lane, ts_ns)

    def _tied(self, mark: AccountMark) -> dict[str, Decimal | None]:
        """Return the margin of what was held by symbol, account currency; None without a rate."""
        tied: dict[str, Decimal | None] = {}
        for symbol, held in mark.held.items():
            units = held.long_units + held.short_units
            if not units:
                continue
            base_rate = rate(INSTRUMENTS[symbol].base, self._config.currency, "mid", mark.quotes)
            part = self._config.terms_of(symbol).margin_rate
            known = None if base_rate is None else (units * base_rate * part).quantize(MONEY_STEP)
            tied[symbol] = known
        return tied

    def _may_open(self, order: WorkingOrder) -> bool:
        if not order.is_open or order.held is not None:
            return False
        return self._account.opens(order, order.leaves_units)

    def _close(self, lane: Lane, ts_ns: int) -> None:
        """Close what is held at the market by orders of the venue's own, one at a time a side."""
        symbol = lane.instrument.symbol
        if lane.find("") is not None:
            return
        for side in _SIDES:
            units = self._account.closable(symbol, side)
            if not units:
                continue
            name = digest("close-out", self._config.account, symbol, side, ts_ns)
            order = WorkingOrder(
                client_order_id="",
                venue_order_id="pc" + name,
                symbol=symbol,
                side=side,
                terms=OrderTerms(
                    units, "market", time_in_force="GTC", position_effect="reduce_only"
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


def _sum(parts: Mapping[str, Decimal | None]) -> Decimal | None:
    known = [part for part in parts.values() if part is not None]
    return sum(known, _ZERO) if len(known) == len(parts) else None


def _to_close(mark: AccountMark, tied: Mapping[str, Decimal | None], margin: Margin) -> set[str]:
    """Return the symbols to close, the largest loss first, until the call level is back.

    Closing a position does not change equity, only what is tied up.
    """
    profits = {} if mark.profits is UNSET else mark.profits
    equity, left = mark.equity_account or _ZERO, _sum(tied) or _ZERO
    chosen: set[str] = set()
    for symbol in sorted(tied, key=lambda name: (profits.get(name) or _ZERO, name)):
        if equity >= margin.call_level * left:
            break
        chosen.add(symbol)
        left -= tied[symbol] or _ZERO
    return chosen
