"""Positions and profit of one account: by symbol in its lane, at the quotes that the lane knows."""

from collections.abc import Callable, Mapping
from decimal import Decimal

import numpy as np
from msgspec.structs import replace

from domain.orders import Execution, Order, Position
from domain.ticks import Kind, TickArray
from trading.accounts.held import (
    FLAT,
    HeldPosition,
    after_fill,
    fill_of_order,
    held_profit,
    with_profit,
)
from trading.accounts.trades import ConversionRates, rates_at
from trading.conversion import Quotes, profit_rate, rate, to_account
from trading.lanes import Lane, Run
from trading.orders.effects import Alert, Booked
from trading.quotes import Quote, first_record_from, first_tick_from
from trading.venues import AccountCharge, PositionMode

_NO_RATES = ConversionRates(None, None)


class LaneAccounts:
    """The accounts of `trading.desk.ports.Accounts`, kept in the lanes.

    Parameters
    ----------
    lanes
        By symbol. What is traded outside them is kept too, with a profit that is not known.
    account, currency, mode
        Whose, its ISO 4217 code, and how it keeps positions.
    alerts
        Told of each alert and its time, nanoseconds UTC.
    """

    def __init__(
        self,
        lanes: Mapping[str, Lane],
        account: str,
        currency: str,
        mode: PositionMode,
        alerts: Callable[[Alert, int], None],
    ) -> None:
        self._lanes = lanes
        self._account = account
        self._currency = currency
        self._mode = mode
        self._alerts = alerts
        self._others: dict[str, HeldPosition] = {}
        # The records that the market is just played on: what is booked meanwhile lies in them.
        self._playing: tuple[Lane, Run] | None = None

    def play(self, lane: Lane, run: Run) -> None:
        """Say which records the venue is shown now."""
        self._playing = lane, run

    def played(self) -> None:
        """Say that the venue has been shown them."""
        self._playing = None

    def book(self, booked: Booked, order: Order) -> tuple[Execution, Position]:
        """Apply an execution of an order to what is held of its symbol; work out its profit."""
        lane = self._lanes.get(booked.symbol)
        quotes = {} if lane is None else self._quotes(lane, booked.ts_event_ns, booked.ts_recv_ns)
        rates = _NO_RATES
        if lane is not None:
            rates = rates_at(lane.instrument.quote, self._currency, quotes)
        fill = fill_of_order(booked, order, rates)
        moved = after_fill(self.held(booked.symbol), fill, self._mode)
        cost_account = self._cost(booked, quotes)
        held = _paid(with_profit(moved.held, moved.profit_account), cost_account)
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
            pnl_quote=moved.profit_quote,
            pnl_account=moved.profit_account,
            conversion_rate=moved.conversion_rate,
            commission=booked.commission,
            commission_currency=booked.commission_currency,
            commission_account=cost_account,
            execution_ref=booked.execution_ref,
            venue=booked.venue,
        )
        return execution, self._keep(execution, held, quotes)

    def restore(self, execution: Execution, order: Order) -> Position:
        """Apply an execution of an order whose profit was worked out when it happened."""
        fill = fill_of_order(execution, order, _NO_RATES)
        held, *_ = after_fill(self.held(execution.symbol), fill, self._mode)
        lane = self._lanes.get(execution.symbol)
        quotes = (
            {} if lane is None else self._quotes(lane, execution.ts_event_ns, execution.ts_recv_ns)
        )
        held = _paid(with_profit(held, execution.pnl_account), execution.commission_account)
        return self._keep(execution, held, quotes)

    def held(self, symbol: str) -> HeldPosition:
        """Return what is held of a symbol."""
        lane = self._lanes.get(symbol)
        return self._others.get(symbol, FLAT) if lane is None else lane.state.held

    def alert(self, alert: Alert, ts_ns: int) -> None:
        """Hand an alert on."""
        self._alerts(alert, ts_ns)

    def charged(self, charge: AccountCharge, quotes: Quotes) -> Decimal | None:
        """Return a charge in account currency, None where no rate is known."""
        amount = charge.amount
        return to_account(amount, profit_rate(amount, charge.currency, self._currency, quotes))

    def in_account_currency(self, charge: AccountCharge, lane: Lane) -> AccountCharge:
        """Return what a venue that plays the log has charged, at the quotes just before.

        One without a rate stays in its own currency.
        """
        amount = self.charged(charge, self._quotes_before(lane, charge.ts_event_ns))
        if amount is None:
            return charge
        return replace(charge, amount=amount, currency=self._currency)

    def _cost(self, booked: Booked, quotes: Quotes) -> Decimal | None:
        """Return a commission in account currency, None where no rate is known."""
        source = booked.commission_currency
        return to_account(booked.commission, rate(source, self._currency, "buy", quotes))

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

    def _quotes_before(self, lane: Lane, ts_recv_ns: int) -> dict[str, Quote]:
        """Return the pair's own quote before a time in the records, and the mark's for the rest."""
        quotes, quote = lane.mark_quotes(), lane.quote()
        if self._playing is not None:
            run = self._playing[1]
            quote = lane.quote_at(run, first_record_from(lane.records(run), ts_recv_ns) - 1)
        if quote is not None:
            quotes[lane.state.symbol] = quote
        return quotes

    def _keep(self, execution: Execution, held: HeldPosition, quotes: Quotes) -> Position:
        lane, position = self._lanes.get(execution.symbol), held.position
        if lane is None:
            self._others[execution.symbol] = held
            open_profit = None
        else:
            lane.state.hold(held, apart=self._mode != "netting")
            open_profit = held_profit(held, lane.instrument, self._currency, quotes)
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


def _paid(held: HeldPosition, cost_account: Decimal | None) -> HeldPosition:
    """Return the position with a cost (account currency) taken from what it has realised."""
    return held if cost_account == 0 else with_profit(held, cost_account and -cost_account)
