"""The dealing desk: fills orders at the market, books the trades, and logs all of it.

A v20 order fills at most once: whatever an immediate order did not find is gone, and its
``ORDER_FILL`` says so by fewer units than ``requestedUnits``. A limit that waits is filled only
whole.
"""

from collections.abc import Callable
from decimal import Decimal

from testkit.venues.oanda import matching
from testkit.venues.oanda.account import Account, BrokerOrder, BrokerTrade
from testkit.venues.oanda.booking import (
    Booked,
    book,
    margin_of,
    margin_used,
    net_asset_value,
    reduces_first,
    reducible,
)
from testkit.venues.oanda.faults import Faults
from testkit.venues.oanda.market import Market, Price
from testkit.venues.oanda.transactions import TransactionLog
from testkit.venues.oanda.validation import ON_FILL, parse_order
from testkit.venues.oanda.wire import Json, money, rfc3339, text


class Desk:
    """Ends and fills orders of one account.

    Parameters
    ----------
    account, market, faults, log
        State and switches.
    wall_ns
        The broker's clock, nanoseconds UTC.
    """

    def __init__(
        self,
        account: Account,
        market: Market,
        faults: Faults,
        log: TransactionLog,
        wall_ns: Callable[[], int],
    ) -> None:
        self.account = account
        self.market = market
        self.faults = faults
        self.log = log
        self.wall_ns = wall_ns

    def end(
        self,
        order: BrokerOrder,
        reason: str,
        request_id: str | None,
        replaced_by: int | None = None,
    ) -> Json:
        """Cancel a pending order and log it."""
        done = self.log.append(
            "ORDER_CANCEL",
            request_id,
            self.log.next_id,
            orderID=str(order.order_id),
            clientOrderID=order.client_id,
            reason=reason,
            replacedByOrderID=None if replaced_by is None else str(replaced_by),
        )
        order.state, order.cancelled_by = "CANCELLED", int(done["id"])
        order.ended_ns, order.replaced_by = self.wall_ns(), replaced_by
        return done

    def log_order(self, order: BrokerOrder, request_id: str | None) -> Json:
        """Log the birth of an order."""
        is_trade_order = order.trade_id is not None and order.kind != "MARKET"
        on_fill = {kind: name for name, kind in ON_FILL.items()}
        return self.log.append(
            f"{order.kind}_ORDER",
            request_id,
            self.log.next_id,
            instrument=None if is_trade_order else order.instrument,
            units=None if is_trade_order else text(order.units),
            tradeID=str(order.trade_id) if is_trade_order else None,
            tradeClose={"tradeID": str(order.trade_id), "units": text(abs(order.units))}
            if order.reason == "TRADE_CLOSE"
            else None,
            price=None if order.price is None else text(order.price),
            distance=None if order.distance is None else text(order.distance),
            priceBound=None if order.bound is None else text(order.bound),
            timeInForce=order.time_in_force,
            gtdTime=None if order.gtd_ns is None else rfc3339(order.gtd_ns),
            positionFill=None if is_trade_order else order.position_fill,
            triggerCondition=None if order.kind == "MARKET" else order.trigger,
            reason=order.reason,
            clientExtensions=order.client,
            tradeClientExtensions=order.trade_client,
            replacesOrderID=None if order.replaces is None else str(order.replaces),
            **{on_fill[kind]: details for kind, details in order.on_fill.items()},
        )

    def trade(self, order: BrokerOrder, price: Price, request_id: str | None, batch: int) -> None:
        """Fill an order at a price, or end it with the reason why not."""
        at = matching.trading_price(order, price)
        units = order.units
        is_reduce_only = order.position_fill == "REDUCE_ONLY" or order.trade_id is not None
        if is_reduce_only:
            units = reducible(self.account, order)
        liquidity = Decimal(price.liquidity)
        if self.faults.take_partial():
            liquidity = min(liquidity, abs(units) // 2)
        reason = self.faults.take_reason("cancel_next") or self._obstacle(
            order, price, units, at, liquidity
        )
        if reason == "WAIT":
            return
        if reason:
            self.end(order, reason, request_id)
            return
        if abs(units) > liquidity:
            units = liquidity if units > 0 else -liquidity
        self._fill(order, price, units, at, request_id, batch)

    def _obstacle(
        self, order: BrokerOrder, price: Price, units: Decimal, at: Decimal, liquidity: Decimal
    ) -> str:
        """Return why the order cannot fill: a cancel reason, ``WAIT``, or nothing."""
        if not price.tradeable:
            return "MARKET_HALTED" if order.kind == "MARKET" else "WAIT"
        if matching.breaks_bound(order, at):
            return "BOUNDS_VIOLATION"
        if not units:
            # The documents name no reason of its own for a reduce-only order with nothing to close.
            return "POSITION_CLOSEOUT_FAILED"
        named = (order.trade_client or {}).get("id")
        if named and any(trade.client_id == named for trade in self.account.open_trades()):
            return "CLIENT_TRADE_ID_ALREADY_EXISTS"
        if abs(units) > liquidity and (order.time_in_force != "IOC" or not liquidity):
            waits = order.kind in {"LIMIT", "TAKE_PROFIT"}
            return "WAIT" if waits else "INSUFFICIENT_LIQUIDITY"
        opens = units
        if reduces_first(self.account, order):
            opens = units - reducible(self.account, order)
        asked = margin_of(self.market, self.account, order.instrument, opens)
        free = net_asset_value(self.market, self.account) - margin_used(self.market, self.account)
        return "INSUFFICIENT_MARGIN" if opens and asked > free else ""

    def _fill(
        self,
        order: BrokerOrder,
        price: Price,
        units: Decimal,
        at: Decimal,
        request_id: str | None,
        batch: int,
    ) -> None:
        fill_id, now_ns = self.log.next_id, self.wall_ns()
        booked = book(self.account, self.market, order, units, at, fill_id, now_ns)
        order.state, order.filled_by, order.ended_ns = "FILLED", fill_id, now_ns
        self._log_fill(order, price, units, at, request_id, batch, booked)
        for trade in booked.ended:
            self._end_orders_of(trade)
        for other in self.account.pending():
            if other.trade_id is not None and self.account.trades[other.trade_id].is_open:
                other.units = -self.account.trades[other.trade_id].units
        if booked.opened is not None:
            for kind, details in order.on_fill.items():
                self._create_on_fill(kind, details, fill_id, request_id)

    def _log_fill(
        self,
        order: BrokerOrder,
        price: Price,
        units: Decimal,
        at: Decimal,
        request_id: str | None,
        batch: int,
        booked: Booked,
    ) -> None:
        quote = self.market.instruments[order.instrument].quote
        gain, loss = self.market.factors(quote, self.account.currency) or (None, None)
        spread_cost = abs(units) * (price.ask - price.bid) / 2 * (loss or 1)
        reason = f"{order.kind}_ORDER"
        self.log.append(
            "ORDER_FILL",
            request_id,
            batch,
            orderID=str(order.order_id),
            clientOrderID=order.client_id,
            instrument=order.instrument,
            units=text(units),
            requestedUnits=text(order.units),
            gainQuoteHomeConversionFactor=None if gain is None else text(gain),
            lossQuoteHomeConversionFactor=None if loss is None else text(loss),
            price=text(at),
            fullVWAP=text(at),
            fullPrice={k: v for k, v in price.document().items() if k not in {"type", "status"}},
            reason=reason if order.reason != "TRADE_CLOSE" else "MARKET_ORDER_TRADE_CLOSE",
            pl=money(booked.profit),
            quotePL=text(booked.profit_quote),
            financing="0.0000",
            commission="0.0000",
            guaranteedExecutionFee="0.0000",
            accountBalance=money(self.account.balance),
            tradeOpened=booked.opened,
            tradesClosed=booked.closed or None,
            tradeReduced=booked.reduced,
            halfSpreadCost=money(spread_cost),
        )

    def _end_orders_of(self, trade: BrokerTrade) -> None:
        for order in self.account.pending():
            if order.trade_id == trade.trade_id:
                self.end(order, "LINKED_TRADE_CLOSED", None)

    def _create_on_fill(
        self, kind: str, details: Json, trade_id: int, request_id: str | None
    ) -> None:
        request = {"type": kind, "tradeID": str(trade_id), **details}
        order = parse_order(
            request, self.account, self.market.instruments, self.log.next_id, self.wall_ns()
        )
        order.reason = "ON_FILL"
        self.account.orders[order.order_id] = order
        price = self.market.price(order.instrument)
        if price is not None:
            matching.trail(order, price)
        self.log_order(order, request_id)
