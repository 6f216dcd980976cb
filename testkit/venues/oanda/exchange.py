"""The broker itself: requests and prices in, transactions out."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from threading import RLock

from domain.fx_calendar import roll_ns, trade_date
from testkit.venues.oanda import matching
from testkit.venues.oanda.account import Account, BrokerOrder
from testkit.venues.oanda.desk import Desk
from testkit.venues.oanda.faults import Faults
from testkit.venues.oanda.market import Market, Price
from testkit.venues.oanda.transactions import TransactionLog
from testkit.venues.oanda.validation import IMMEDIATE, Refused, parse_order, refuse
from testkit.venues.oanda.wire import Json, money

Reply = tuple[int, Json]
"""HTTP status and body."""


class Exchange:
    """One account at the broker; every method may be called from any thread.

    Parameters
    ----------
    account, market
        State, kept over restarts of the server.
    faults
        Switches.
    wall_ns
        The broker's clock, nanoseconds UTC.
    """

    def __init__(
        self, account: Account, market: Market, faults: Faults, wall_ns: Callable[[], int]
    ) -> None:
        self.account = account
        self.market = market
        self.faults = faults
        self.wall_ns = wall_ns
        self.lock = RLock()
        self.log = TransactionLog(account.account_id, wall_ns)
        self.desk = Desk(account, market, faults, self.log, wall_ns)
        self.arrived: list[str] = []
        self.log.append("CREATE", None, 1, homeCurrency=account.currency, accountNumber=1)

    def create(self, request: Json, request_id: str) -> Reply:
        """Answer ``POST /orders``.

        Raises
        ------
        Malformed
            If it cannot be read.
        """
        with self.lock:
            self.arrived.append((request.get("clientExtensions") or {}).get("id", ""))
            return self._create(request, request_id, None)

    def replace(self, specifier: str, request: Json, request_id: str) -> Reply:
        """Answer ``PUT /orders/{orderSpecifier}``: cancel the old order, make the new one."""
        with self.lock:
            old = self.account.find_order(specifier)
            if old is None or old.state != "PENDING":
                return self._no_order(specifier, old, request_id)
            return self._create({**request, "replaces": str(old.order_id)}, request_id, old)

    def cancel(self, specifier: str, request_id: str) -> Reply:
        """Answer ``PUT /orders/{orderSpecifier}/cancel``."""
        with self.lock:
            order = self.account.find_order(specifier)
            if order is None or order.state != "PENDING":
                return self._no_order(specifier, order, request_id)
            done = self.desk.end(order, "CLIENT_REQUEST", request_id)
            return 200, self._reply([done], orderCancelTransaction=done)

    def close_trade(self, specifier: str, units: str, request_id: str) -> Reply:
        """Answer ``PUT /trades/{tradeSpecifier}/close`` with a market order of the broker's own."""
        with self.lock:
            trade = self.account.find_trade(specifier)
            if trade is None or not trade.is_open:
                return 404, {
                    "errorCode": "TRADE_DOESNT_EXIST",
                    "errorMessage": "The Trade specified does not exist",
                    "lastTransactionID": str(self.log.last_id),
                }
            size = abs(trade.units) if units == "ALL" else Decimal(units)
            order = BrokerOrder(
                self.log.next_id,
                "MARKET",
                trade.instrument,
                size if trade.units < 0 else -size,
                self.wall_ns(),
                "FOK",
                "REDUCE_ONLY",
                trade_id=trade.trade_id,
                reason="TRADE_CLOSE",
            )
            return 200, self._admit(order, request_id, None)

    def quote(self, price: Price) -> None:
        """Move the market: end what has run out, trail, trigger and fill what may trade."""
        with self.lock:
            self.market.move(price)
            self.expire()
            for order in self.account.pending():
                if order.instrument != price.instrument or order.state != "PENDING":
                    continue
                matching.trail(order, price)
                if price.tradeable and matching.is_triggered(order, price):
                    self.desk.trade(order, price, None, order.order_id)

    def expire(self) -> None:
        """End GTD orders whose time has come, and GFD orders at 17:00 New York."""
        now_ns = self.wall_ns()
        for order in self.account.pending():
            if order.time_in_force == "GFD":
                day: date = trade_date(order.created_ns)
                if now_ns >= roll_ns(day):
                    self.desk.end(order, "TIME_IN_FORCE_EXPIRED", None)
            elif order.gtd_ns is not None and now_ns >= order.gtd_ns:
                self.desk.end(order, "TIME_IN_FORCE_EXPIRED", None)

    def finance(self, instrument: str, amount: Decimal) -> None:
        """Book a day's financing of one position, in account currency; below 0 it is paid."""
        with self.lock:
            self.account.balance += amount
            self.account.financing += amount
            self.log.append(
                "DAILY_FINANCING",
                None,
                self.log.next_id,
                financing=money(amount),
                accountBalance=money(self.account.balance),
                positionFinancings=[{"instrument": instrument, "financing": money(amount)}],
            )

    def _create(self, request: Json, request_id: str, old: BrokerOrder | None) -> Reply:
        # A replacement's own id follows the cancel of the old order.
        order_id = self.log.next_id + (old is not None)
        try:
            order = parse_order(
                request, self.account, self.market.instruments, order_id, self.wall_ns()
            )
            forced = self.faults.take_reason("reject_next")
            if forced:
                refuse(forced)
            if old is not None and old.kind != order.kind:
                refuse("REPLACING_ORDER_INVALID")
            if self.market.price(order.instrument) is None:
                refuse("INSTRUMENT_PRICE_UNKNOWN")
        except Refused as refusal:
            return self._refuse(request, refusal.reason, request_id)
        return 201, self._admit(order, request_id, old)

    def _refuse(self, request: Json, reason: str, request_id: str) -> Reply:
        intended = request.get("replaces")
        fields = {k: v for k, v in request.items() if k not in {"type", "replaces"}}
        refused = self.log.append(
            f"{request['type']}_ORDER_REJECT",
            request_id,
            self.log.next_id,
            **fields,
            intendedReplacesOrderID=intended,
            rejectReason=reason,
        )
        body = self._reply([refused], orderRejectTransaction=refused)
        return 400, {**body, "errorCode": reason, "errorMessage": f"Order rejected: {reason}"}

    def _no_order(self, specifier: str, order: BrokerOrder | None, request_id: str) -> Reply:
        named = specifier[1:] if specifier.startswith("@") else None
        refused = self.log.append(
            "ORDER_CANCEL_REJECT",
            request_id,
            self.log.next_id,
            orderID=str(order.order_id) if order else (None if named else specifier),
            clientOrderID=order.client_id if order else named,
            rejectReason="ORDER_DOESNT_EXIST",
        )
        body = self._reply([refused], orderCancelRejectTransaction=refused)
        return 404, {
            **body,
            "errorCode": "ORDER_DOESNT_EXIST",
            "errorMessage": "The Order specified does not exist",
        }

    def _admit(self, order: BrokerOrder, request_id: str, old: BrokerOrder | None) -> Json:
        first = self.log.last_id
        named: Json = {}
        price = self.market.price(order.instrument)
        if old is not None:
            named["orderCancelTransaction"] = self.desk.end(
                old, "CLIENT_REQUEST_REPLACED", request_id, order.order_id
            )
            order.replaces, order.reason = old.order_id, "REPLACEMENT"
        self.account.orders[order.order_id] = order
        if price is not None:
            order.initial_price = matching.compared_price(order, price)
            matching.trail(order, price)
        named["orderCreateTransaction"] = self.desk.log_order(order, request_id)
        if price is not None:
            if order.kind == "MARKET" or matching.is_triggered(order, price):
                self.desk.trade(order, price, request_id, order.order_id)
            if order.state == "PENDING" and order.time_in_force in IMMEDIATE:
                self.desk.end(order, "INSUFFICIENT_LIQUIDITY", request_id)
        made = self.log.between(first + 1, self.log.last_id)
        for transaction in made:
            if transaction["type"] == "ORDER_FILL":
                named["orderFillTransaction"] = transaction
            elif transaction["type"] == "ORDER_CANCEL" and transaction["orderID"] == str(
                order.order_id
            ):
                key = "orderCancelTransaction" if old is None else "replacingOrderCancelTransaction"
                named[key] = transaction
        return self._reply(made, **named)

    def _reply(self, made: list[Json], **named: Json) -> Json:
        return {
            **named,
            "relatedTransactionIDs": [transaction["id"] for transaction in made],
            "lastTransactionID": str(self.log.last_id),
        }
