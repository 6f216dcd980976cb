"""Positions and profit of one account: by symbol in its lane, at the quotes that the lane knows."""

from collections.abc import Callable, Mapping
from decimal import Decimal

import numpy as np

from domain.orders import Execution, Position
from domain.ticks import Kind, TickArray
from trading.conversion import Quotes, profit_rate, rate, to_account
from trading.lanes import Lane, Run
from trading.orders.effects import Alert, Booked
from trading.positions import NetPosition, net, realise, signed, unrealised
from trading.quotes import Quote, first_tick_from
from trading.venues import AccountCharge

_FLAT = NetPosition()


class LaneAccounts:
    """The accounts of `trading.desk.ports.Accounts`, kept in the lanes.

    Parameters
    ----------
    lanes
        By symbol. What is traded outside them is kept too, with a profit that is not known.
    account, currency
        Whose, and its ISO 4217 code.
    alerts
        Told of each alert and its time, nanoseconds UTC.
    """

    def __init__(
        self,
        lanes: Mapping[str, Lane],
        account: str,
        currency: str,
        alerts: Callable[[Alert, int], None],
    ) -> None:
        self._lanes = lanes
        self._account = account
        self._currency = currency
        self._alerts = alerts
        self._others: dict[str, NetPosition] = {}
        # The records that the market is just played on: what is booked meanwhile lies in them.
        self._playing: tuple[Lane, Run] | None = None

    def play(self, lane: Lane, run: Run) -> None:
        """Say which records the venue is shown now."""
        self._playing = lane, run

    def played(self) -> None:
        """Say that the venue has been shown them."""
        self._playing = None

    def book(self, booked: Booked) -> tuple[Execution, Position]:
        """Apply an execution to the position of its symbol, and work out its profit."""
        lane = self._lanes.get(booked.symbol)
        held = self._held(booked.symbol)
        quotes = {} if lane is None else self._quotes(lane, booked.ts_event_ns, booked.ts_recv_ns)
        position, profit = net(held, signed(booked.side, booked.quantity_units), booked.price)
        conversion_rate = None
        if lane is not None:
            conversion_rate = profit_rate(profit, lane.instrument.quote, self._currency, quotes)
        profit_account = to_account(profit, conversion_rate)
        cost_account = self._cost(booked, quotes)
        position = _paid(realise(position, profit_account), cost_account)
        execution = Execution(
            execution_id=booked.execution_id,
            client_order_id=booked.client_order_id,
            account=self._account,
            symbol=booked.symbol,
            side=booked.side,
            quantity_units=booked.quantity_units,
            price=booked.price,
            ts_event_ns=booked.ts_event_ns,
            ts_recv_ns=booked.ts_recv_ns,
            pnl_quote=profit,
            pnl_account=profit_account,
            conversion_rate=conversion_rate,
            commission=booked.commission,
            commission_currency=booked.commission_currency,
            commission_account=cost_account,
            execution_ref=booked.execution_ref,
            venue=booked.venue,
        )
        return execution, self._keep(execution, position, quotes)

    def restore(self, execution: Execution) -> Position:
        """Apply an execution whose profit was worked out when it happened."""
        held = self._held(execution.symbol)
        change = signed(execution.side, execution.quantity_units)
        position, _ = net(held, change, execution.price)
        lane = self._lanes.get(execution.symbol)
        quotes = (
            {} if lane is None else self._quotes(lane, execution.ts_event_ns, execution.ts_recv_ns)
        )
        position = _paid(realise(position, execution.pnl_account), execution.commission_account)
        return self._keep(execution, position, quotes)

    def alert(self, alert: Alert, ts_ns: int) -> None:
        """Hand an alert on."""
        self._alerts(alert, ts_ns)

    def charged(self, charge: AccountCharge, quotes: Quotes) -> Decimal | None:
        """Return a charge in account currency, None where no rate is known."""
        amount = charge.amount
        return to_account(amount, profit_rate(amount, charge.currency, self._currency, quotes))

    def _cost(self, booked: Booked, quotes: Quotes) -> Decimal | None:
        """Return a commission in account currency, None where no rate is known."""
        source = booked.commission_currency
        return to_account(booked.commission, rate(source, self._currency, "buy", quotes))

    def _held(self, symbol: str) -> NetPosition:
        lane = self._lanes.get(symbol)
        return self._others.get(symbol, _FLAT) if lane is None else lane.state.position

    def _quotes(self, lane: Lane, ts_event_ns: int, ts_recv_ns: int) -> dict[str, Quote]:
        """Return the pair's own quote at that moment, and those of the last mark for the rest."""
        quotes, quote = lane.mark_quotes(), lane.quote()
        if self._playing is not None and self._playing[0] is lane:
            run = self._playing[1]
            row = _row_of(lane.records(run), ts_event_ns, ts_recv_ns)
            # The venue may fill on a suspect quote; nothing is valued at one.
            quote = quote if row is None else lane.quote_at(run, row)
        if quote is not None:
            quotes[lane.state.symbol] = quote
        return quotes

    def _keep(self, execution: Execution, position: NetPosition, quotes: Quotes) -> Position:
        lane = self._lanes.get(execution.symbol)
        if lane is None:
            self._others[execution.symbol] = position
            open_profit = None
        else:
            lane.state.position = position
            open_profit = unrealised(position, lane.instrument, self._currency, quotes)
        return Position(
            account=self._account,
            symbol=execution.symbol,
            ts_event_ns=execution.ts_event_ns,
            ts_recv_ns=execution.ts_recv_ns,
            units=position.units,
            average_price=position.average_price,
            realised_account=position.realised_account,
            unrealised_account=open_profit,
        )


def _row_of(records: TickArray, ts_event_ns: int, ts_recv_ns: int) -> int | None:
    """Return the row of the tick on which something happened, or of the next one; None if neither.

    Of several ticks that were received at once it is the one of that event time, so that it makes
    no difference where a batch ends between them.
    """
    same = (records["ts_recv_ns"] == ts_recv_ns) & (records["ts_event_ns"] == ts_event_ns)
    rows = np.flatnonzero(same & (records["kind"] == Kind.TICK))
    return int(rows[0]) if len(rows) else first_tick_from(records, ts_recv_ns)


def _paid(held: NetPosition, cost_account: Decimal | None) -> NetPosition:
    """Return the position with a cost (account currency) taken from what it has realised."""
    return held if cost_account == 0 else realise(held, cost_account and -cost_account)
