"""One logon at a gateway: requests out, callbacks in.

All of it runs on one event loop. A cut ends a session for good; the next logon is a new one.
"""
# ruff: noqa: N802, N803, N815 - the callbacks bear the names that TWS's API gives them

import asyncio
from contextlib import suppress
from datetime import UTC
from types import SimpleNamespace
from typing import Any

import ib_async
from ib_async.client import Client

from brokers.ib import rows
from brokers.ib.contracts import symbol_of
from brokers.ib.errors import CLIENT_ID_TAKEN, CODES, Notice
from brokers.ib.listening import Listener, StrictDecoder
from brokers.ib.requests import Requests
from brokers.ib.wire_numbers import checked, exact, optional
from brokers.reactions import Reaction
from domain.errors import BadUse, Retry

_MIN_SERVER_VERSION = 176
"""From here on TWS writes a time zone with every time, so that none has to be guessed."""

_OPEN, _COMPLETED, _POSITIONS = "open", "completed", "positions"
_TAGS = "NetLiquidation,TotalCashValue,MaintMarginReq"


class Session:
    """A logged-on connection, and the requests that can be made of it.

    Parameters
    ----------
    listener
        Hears everything that was not the answer to a request, and open orders and executions even
        where they were.
    """

    defaultTimezone = UTC
    """For the library's decoder: zone of the datetimes that it makes."""

    def __init__(self, listener: Listener) -> None:
        # TWS may be told to write times in UTC; then they are the ones without a zone.
        self.ib = SimpleNamespace(TimezoneTWS="UTC")
        self._listener = listener
        make: Any = Client
        self._client: Any = make(self)
        # Whatever is written leaves at once or fails at once: a queue in here would be neither.
        self._client.MaxRequests = 0
        self._client.decoder = StrictDecoder(self, self._unreadable)
        self._ready = False
        self._proposed = 1
        self._failure: asyncio.Future[None] | None = None
        self._requests = Requests()

    async def open(self, host: str, port: int, client_id: int, timeout_s: float) -> None:
        """Log on.

        Raises
        ------
        BadUse
            If the gateway refuses this client.
        Retry
            If it cannot be reached, or does not answer in time.
        """
        failure = self._failure = asyncio.get_running_loop().create_future()
        logon = asyncio.ensure_future(self._client.connectAsync(host, port, client_id, timeout_s))
        try:
            await asyncio.wait({logon, failure}, return_when=asyncio.FIRST_COMPLETED)
            if failure.done():
                logon.cancel()
                with suppress(OSError, TimeoutError, asyncio.CancelledError):
                    await logon
                failure.result()
            await logon
        except (BadUse, Retry):
            self.close()
            raise
        except (OSError, TimeoutError) as error:
            self.close()
            msg = f"no gateway of IB answers at {host}:{port}: {error or 'no answer in time'}"
            raise Retry(msg) from error
        finally:
            logon.cancel()
        if self._client.serverVersion() < _MIN_SERVER_VERSION:
            self.close()
            msg = f"the gateway at {host}:{port} is too old: update it to version 10.19 or newer"
            raise BadUse(msg)
        self._proposed = int(self._client.getReqId())
        self._ready, self._failure = True, None

    def close(self) -> None:
        """Log off; idempotent."""
        self._ready, self._failure = False, None
        self._client.disconnect()
        self._requests.fail_all("the session was closed")

    @property
    def is_up(self) -> bool:
        """Whether commands can be written."""
        return bool(self._ready and self._client.isReady())

    @property
    def accounts(self) -> list[str]:
        """Accounts that the gateway manages."""
        return list(self._client.getAccounts())

    @property
    def proposed_order_id(self) -> int:
        """The order id that TWS proposed at the logon."""
        return self._proposed

    def place(self, order_id: int, contract: ib_async.Contract, order: ib_async.Order) -> None:
        """Write an order, new or changed; ``ConnectionError`` if nothing left."""
        self._client.placeOrder(order_id, contract, order)

    def cancel(self, order_id: int) -> None:
        """Write a cancel; ``ConnectionError`` if nothing left."""
        self._client.cancelOrder(order_id)

    def watch_prices(self, contract: ib_async.Contract) -> int:
        """Subscribe to prices; return the id under which they come."""
        request = self._requests.next_id()
        self._client.reqMktData(request, contract, "", False, False, [])
        return request

    def unwatch_prices(self, request: int) -> None:
        """End a subscription of this session."""
        self._client.cancelMktData(request)

    async def details(self, contract: ib_async.Contract) -> list[ib_async.ContractDetails]:
        """Return what TWS knows of a contract; nothing where it knows none."""
        request = self._requests.next_id()
        return await self._requests.ask(
            request, lambda: self._client.reqContractDetails(request, contract)
        )

    async def open_orders(self) -> list[rows.OrderRow | rows.StatusRow]:
        """Return the open orders of all clients, as descriptions and states."""
        return await self._requests.ask_alone(_OPEN, self._client.reqAllOpenOrders)

    async def completed_orders(self) -> list[rows.OrderRow]:
        """Return the orders that ended today."""
        return await self._requests.ask_alone(
            _COMPLETED, lambda: self._client.reqCompletedOrders(False)
        )

    async def executions(self) -> list[rows.ExecutionRow]:
        """Return the executions of today, of all clients."""
        request, everything = self._requests.next_id(), ib_async.ExecutionFilter()
        return await self._requests.ask(
            request, lambda: self._client.reqExecutions(request, everything)
        )

    async def positions(self) -> list[rows.PositionRow]:
        """Return the virtual positions in currency pairs, of all accounts."""
        return await self._requests.ask_alone(_POSITIONS, self._client.reqPositions)

    async def money(self) -> list[rows.MoneyRow]:
        """Return the values of the account summary, of all accounts."""
        request = self._requests.next_id()
        ask = self._client.reqAccountSummary
        found = await self._requests.ask(request, lambda: ask(request, "All", _TAGS))
        # The summary is a subscription, and TWS allows two of them.
        self._client.cancelAccountSummary(request)
        return found

    def _unreadable(self, error: Exception) -> None:
        reason = f"a message of the gateway cannot be used: {error!r}"
        was_up, self._ready = self._ready, False
        self.close()
        if was_up:
            self._listener.on_cut(reason)
        else:
            self._refuse(Retry(reason))

    def _refuse(self, error: Exception) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)

    # Callbacks of the library: connection.

    def connectAck(self) -> None:
        """Nothing: the logon ends with the list of accounts."""

    def setEventsDone(self) -> None:
        """Take the end of the socket, however it came."""
        if not self._ready:
            self._refuse(Retry("the gateway closed the connection during the logon"))

    def connectionClosed(self) -> None:
        """Take a cut of a session that was up."""
        self._requests.fail_all("the gateway cut the connection")
        if self._ready:
            self._ready = False
            self._listener.on_cut("the gateway cut the connection")

    def error(self, reqId: int, errorCode: int, errorString: str, _advanced: str) -> None:
        """Take an ``errMsg``."""
        notice = Notice(reqId, errorCode, errorString)
        if errorCode == CLIENT_ID_TAKEN:
            msg = f"another program is logged on under this client id: {errorString}"
            self._refuse(BadUse(msg))
        is_answer = CODES[str(errorCode)].reaction is Reaction.REJECT
        reason = f"{errorCode}: {errorString}"
        if not self._requests.refuse(reqId, reason, is_answer=is_answer):
            self._listener.on_notice(notice)

    # Callbacks of the library: answers and news.

    def openOrder(
        self,
        _orderId: int,
        contract: ib_async.Contract,
        order: ib_async.Order,
        state: ib_async.OrderState,
    ) -> None:
        """Take the description of an order."""
        row = rows.order_row(contract, order, state.status)
        self._requests.part(_OPEN, row)
        self._listener.on_order(row)

    def openOrderEnd(self) -> None:
        """End of open orders."""
        self._requests.end(_OPEN)

    def orderStatus(
        self,
        orderId: int,
        status: str,
        filled: float,
        remaining: float,
        avgFillPrice: float,
        permId: int,
        _parentId: int,
        _lastFillPrice: float,
        clientId: int,
        *_held: object,
    ) -> None:
        """Take the state of an order."""
        key = rows.order_key(clientId, orderId, permId)
        average = optional(avgFillPrice)
        row = rows.StatusRow(key, status, exact(filled), exact(remaining), average)
        self._requests.part(_OPEN, row)
        self._listener.on_status(row)

    def completedOrder(
        self, contract: ib_async.Contract, order: ib_async.Order, state: ib_async.OrderState
    ) -> None:
        """Take an order that ended."""
        self._requests.part(_COMPLETED, rows.completed_row(contract, order, state))

    def completedOrdersEnd(self) -> None:
        """End of completed orders."""
        self._requests.end(_COMPLETED)

    def execDetails(
        self, reqId: int, contract: ib_async.Contract, execution: ib_async.Execution
    ) -> None:
        """Take a fill or its correction."""
        row = rows.execution_row(contract, execution)
        self._requests.part(reqId, row)
        self._listener.on_execution(row)

    def execDetailsEnd(self, reqId: int) -> None:
        """End of executions."""
        self._requests.end(reqId)

    def commissionReport(self, report: ib_async.CommissionReport) -> None:
        """Take the commission of a fill."""
        self._listener.on_commission(report)

    def contractDetails(self, reqId: int, details: ib_async.ContractDetails) -> None:
        """Take the details of a contract."""
        self._requests.part(reqId, details)

    def contractDetailsEnd(self, reqId: int) -> None:
        """End of contract details."""
        self._requests.end(reqId)

    def position(
        self, account: str, contract: ib_async.Contract, units: float, cost: float
    ) -> None:
        """Take a position."""
        symbol = symbol_of(contract)
        self._requests.part(
            _POSITIONS, rows.PositionRow(account, symbol, exact(units), optional(cost))
        )

    def positionEnd(self) -> None:
        """End of positions."""
        self._client.cancelPositions()
        self._requests.end(_POSITIONS)

    def accountSummary(self, reqId: int, account: str, tag: str, value: str, currency: str) -> None:
        """Take a value of the account."""
        self._requests.part(reqId, rows.MoneyRow(account, tag, value, currency))

    def accountSummaryEnd(self, reqId: int) -> None:
        """End of the account summary."""
        self._requests.end(reqId)

    def priceSizeTick(self, reqId: int, tickType: int, price: float, size: float) -> None:
        """Take a price."""
        self._listener.on_price(reqId, tickType, checked(price), checked(size))
