"""Order entry: POST, PUT replace and cancel, the GETs of orders, and the close of a trade."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from testkit.venues.oanda.documents import order_document
from testkit.venues.oanda.exchange import Exchange
from testkit.venues.oanda.validation import Malformed
from testkit.venues.oanda.wire import Json

_NS = 1_000_000_000


def order_routes(exchange: Exchange) -> APIRouter:
    """Return the routes of order entry."""
    router = APIRouter()
    base = "/v3/accounts/{account_id}"

    @router.post(f"{base}/orders")
    async def create(request: Request) -> JSONResponse:
        body = await _order_of(request)
        if body is None:
            return _unreadable("Invalid JSON, no 'order' specified")
        request_id = exchange.log.new_request()
        try:
            status, reply = exchange.create(body, request_id)
        except (Malformed, ValueError) as error:
            return _unreadable(str(error))
        return _answer(status, reply, request_id)

    @router.put(f"{base}/orders/{{specifier}}")
    async def replace(specifier: str, request: Request) -> JSONResponse:
        body = await _order_of(request)
        if body is None:
            return _unreadable("Invalid JSON, no 'order' specified")
        request_id = exchange.log.new_request()
        try:
            status, reply = exchange.replace(specifier, body, request_id)
        except (Malformed, ValueError) as error:
            return _unreadable(str(error))
        return _answer(status, reply, request_id)

    @router.put(f"{base}/orders/{{specifier}}/cancel")
    async def cancel(specifier: str) -> JSONResponse:
        request_id = exchange.log.new_request()
        status, reply = exchange.cancel(specifier, request_id)
        return _answer(status, reply, request_id)

    @router.put(f"{base}/trades/{{specifier}}/close")
    async def close_trade(specifier: str, request: Request) -> JSONResponse:
        raw = await request.body()
        units = (await request.json()).get("units", "ALL") if raw else "ALL"
        request_id = exchange.log.new_request()
        status, reply = exchange.close_trade(specifier, units, request_id)
        return _answer(status, reply, request_id)

    @router.get(f"{base}/orders")
    @router.get(f"{base}/pendingOrders")
    async def pending() -> Json:
        with exchange.lock:
            orders = [order_document(order) for order in exchange.account.pending()]
            return {"orders": orders, "lastTransactionID": str(exchange.log.last_id)}

    @router.get(f"{base}/orders/{{specifier}}", response_model=None)
    async def get(specifier: str) -> JSONResponse | Json:
        with exchange.lock:
            order = exchange.account.find_order(specifier)
            hidden_ns = int(exchange.faults.hide_new_orders_s * _NS)
            if order is None or exchange.wall_ns() - order.created_ns < hidden_ns:
                body = {
                    "errorCode": "NO_SUCH_ORDER",
                    "errorMessage": "The order ID specified does not exist",
                    "lastTransactionID": str(exchange.log.last_id),
                }
                return JSONResponse(body, 404)
            last = str(exchange.log.last_id)
            return {"order": order_document(order), "lastTransactionID": last}

    return router


async def _order_of(request: Request) -> Json | None:
    try:
        body: Any = await request.json()
    except ValueError:
        return None
    order = body.get("order") if isinstance(body, dict) else None
    return order if isinstance(order, dict) else None


def _answer(status: int, reply: Json, request_id: str) -> JSONResponse:
    return JSONResponse(reply, status, headers={"RequestID": request_id})


def _unreadable(message: str) -> JSONResponse:
    return JSONResponse({"errorMessage": message}, 400)
