"""The account as JSON: what the GET endpoints answer with."""

from collections.abc import Iterable
from decimal import Decimal

from testkit.venues.oanda.account import TRADE_ORDERS, Account, BrokerOrder, BrokerTrade
from testkit.venues.oanda.booking import margin_used, net_asset_value, unrealised
from testkit.venues.oanda.exchange import Exchange
from testkit.venues.oanda.market import Market
from testkit.venues.oanda.wire import Json, money, present, rfc3339, text


def order_document(order: BrokerOrder) -> Json:
    """Return the ``Order`` object of the API."""
    is_trade_order = order.kind in TRADE_ORDERS
    ended = None if order.ended_ns is None else rfc3339(order.ended_ns)
    return present(
        id=str(order.order_id),
        createTime=rfc3339(order.created_ns),
        state=order.state,
        type=order.kind,
        instrument=None if is_trade_order else order.instrument,
        units=None if is_trade_order else text(order.units),
        tradeID=str(order.trade_id) if is_trade_order else None,
        price=_text(order.price),
        priceBound=_text(order.bound),
        distance=_text(order.distance),
        trailingStopValue=_text(order.trailing_value),
        initialMarketPrice=_text(order.initial_price)
        if order.kind == "MARKET_IF_TOUCHED"
        else None,
        timeInForce=order.time_in_force,
        gtdTime=None if order.gtd_ns is None else rfc3339(order.gtd_ns),
        positionFill=None if is_trade_order else order.position_fill,
        triggerCondition=None if order.kind == "MARKET" else order.trigger,
        clientExtensions=order.client,
        tradeClientExtensions=order.trade_client,
        fillingTransactionID=_id(order.filled_by),
        filledTime=ended if order.filled_by else None,
        cancellingTransactionID=_id(order.cancelled_by),
        cancelledTime=ended if order.cancelled_by else None,
        replacesOrderID=_id(order.replaces),
        replacedByOrderID=_id(order.replaced_by),
    )


def trade_document(account: Account, market: Market, trade: BrokerTrade) -> Json:
    """Return the ``TradeSummary`` of the API, with the ids of the trade's orders."""
    orders = {
        f"{name}OrderID": str(order.order_id)
        for order in account.pending()
        for kind, name in (
            ("TAKE_PROFIT", "takeProfit"),
            ("STOP_LOSS", "stopLoss"),
            ("TRAILING_STOP_LOSS", "trailingStopLoss"),
        )
        if order.trade_id == trade.trade_id and order.kind == kind
    }
    return present(
        id=str(trade.trade_id),
        instrument=trade.instrument,
        price=text(trade.price),
        openTime=rfc3339(trade.opened_ns),
        state="OPEN" if trade.is_open else "CLOSED",
        initialUnits=text(trade.initial_units),
        initialMarginRequired="0.0000",
        currentUnits=text(trade.units),
        realizedPL=money(trade.realised),
        unrealizedPL=money(unrealised(market, account, trade)) if trade.is_open else None,
        marginUsed="0.0000",
        financing=money(trade.financing),
        dividendAdjustment="0.0000",
        clientExtensions=trade.client,
        closingTransactionIDs=[str(i) for i in trade.closing_ids] or None,
        closeTime=None if trade.closed_ns is None else rfc3339(trade.closed_ns),
        **orders,
    )


def position_document(account: Account, market: Market, instrument: str) -> Json:
    """Return the ``Position`` object of the API: a long and a short side."""
    trades = list(account.open_trades(instrument))
    profit = sum((unrealised(market, account, t) for t in trades), Decimal(0))
    return {
        "instrument": instrument,
        "pl": "0.0000",
        "unrealizedPL": money(profit),
        "marginUsed": "0.0000",
        "resettablePL": "0.0000",
        "financing": "0.0000",
        "commission": "0.0000",
        "dividendAdjustment": "0.0000",
        "guaranteedExecutionFees": "0.0000",
        "long": _side(account, market, [t for t in trades if t.units > 0]),
        "short": _side(account, market, [t for t in trades if t.units < 0]),
    }


def _side(account: Account, market: Market, trades: list[BrokerTrade]) -> Json:
    units = sum((t.units for t in trades), Decimal(0))
    cost = sum((t.units * t.price for t in trades), Decimal(0))
    average = (cost / units).quantize(Decimal("0.00001")) if units else None
    profit = sum((unrealised(market, account, t) for t in trades), Decimal(0))
    return present(
        units=text(units),
        averagePrice=_text(average),
        tradeIDs=[str(t.trade_id) for t in trades] or None,
        pl="0.0000",
        resettablePL="0.0000",
        financing="0.0000",
        dividendAdjustment="0.0000",
        guaranteedExecutionFees="0.0000",
        unrealizedPL=money(profit),
    )


def positions(account: Account, market: Market) -> list[Json]:
    """Return the open positions."""
    names = dict.fromkeys(trade.instrument for trade in account.open_trades())
    return [position_document(account, market, name) for name in names]


def summary_document(exchange: Exchange) -> Json:
    """Return the ``AccountSummary`` of the API."""
    account, market = exchange.account, exchange.market
    value = net_asset_value(market, account)
    used = margin_used(market, account)
    return {
        "id": account.account_id,
        "alias": "Primary",
        "currency": account.currency,
        "createdByUserID": 1_000_001,
        "createdTime": exchange.log.between(1, 1)[0]["time"],
        "guaranteedStopLossOrderMode": "DISABLED",
        "marginRate": "0.0333",
        "hedgingEnabled": account.hedging,
        "openTradeCount": sum(1 for _ in account.open_trades()),
        "openPositionCount": len(positions(account, market)),
        "pendingOrderCount": sum(1 for _ in account.pending()),
        "balance": money(account.balance),
        "pl": money(account.realised),
        "resettablePL": money(account.realised),
        "financing": money(account.financing),
        "commission": "0.0000",
        "dividendAdjustment": "0.0000",
        "guaranteedExecutionFees": "0.0000",
        "unrealizedPL": money(value - account.balance),
        "NAV": money(value),
        "marginUsed": money(used),
        "marginAvailable": money(max(Decimal(0), value - used)),
        "positionValue": money(used / Decimal("0.0333")),
        "marginCloseoutUnrealizedPL": money(value - account.balance),
        "marginCloseoutNAV": money(value),
        "marginCloseoutMarginUsed": money(used),
        "marginCloseoutPercent": "0.00000",
        "marginCloseoutPositionValue": money(used / Decimal("0.0333")),
        "withdrawalLimit": money(max(Decimal(0), value - used)),
        "marginCallMarginUsed": money(used),
        "marginCallPercent": "0.00000",
        "lastTransactionID": str(exchange.log.last_id),
    }


def details_document(exchange: Exchange) -> Json:
    """Return the ``Account`` of the API: the summary with open trades, positions and orders."""
    account, market = exchange.account, exchange.market
    return {
        **summary_document(exchange),
        "trades": [trade_document(account, market, t) for t in account.open_trades()],
        "positions": positions(account, market),
        "orders": [order_document(order) for order in account.pending()],
    }


def changes_document(exchange: Exchange, since: int) -> Json:
    """Return the answer of ``GET /changes``: what the transactions after ``since`` changed."""
    account, market = exchange.account, exchange.market

    def orders(found: Iterable[BrokerOrder]) -> list[Json]:
        return [order_document(order) for order in found]

    every = list(account.orders.values())
    closed = [t for t in account.trades.values() if any(i > since for i in t.closing_ids)]
    return {
        "changes": {
            "ordersCreated": orders(o for o in every if o.order_id > since),
            "ordersCancelled": orders(o for o in every if (o.cancelled_by or 0) > since),
            "ordersFilled": orders(o for o in every if (o.filled_by or 0) > since),
            "ordersTriggered": [],
            "tradesOpened": [
                trade_document(account, market, t)
                for t in account.trades.values()
                if t.trade_id > since
            ],
            "tradesReduced": [trade_document(account, market, t) for t in closed if t.is_open],
            "tradesClosed": [trade_document(account, market, t) for t in closed if not t.is_open],
            "positions": positions(account, market),
            "transactions": exchange.log.between(since + 1, exchange.log.last_id),
        },
        "state": {
            "unrealizedPL": money(net_asset_value(market, account) - account.balance),
            "NAV": money(net_asset_value(market, account)),
            "marginUsed": money(margin_used(market, account)),
            "orders": [],
            "trades": [],
            "positions": [],
        },
        "lastTransactionID": str(exchange.log.last_id),
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else text(value)


def _id(value: int | None) -> str | None:
    return None if value is None else str(value)
