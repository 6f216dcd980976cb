"""GET endpoints of the account, its instruments, prices, trades, positions and transactions."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from testkit.venues.oanda.documents import (
    changes_document,
    details_document,
    positions,
    summary_document,
    trade_document,
)
from testkit.venues.oanda.exchange import Exchange
from testkit.venues.oanda.wire import Json, rfc3339

MAX_TRANSACTIONS = 1_000
"""Most transactions that one answer of ``sinceid`` or ``idrange`` holds."""


def account_routes(exchange: Exchange, page: int = MAX_TRANSACTIONS) -> APIRouter:
    """Return the routes; ``page`` is the most transactions of one answer."""
    router = APIRouter()
    base = "/v3/accounts/{account_id}"

    def last() -> Json:
        return {"lastTransactionID": str(exchange.log.last_id)}

    @router.get("/v3/accounts")
    async def accounts() -> Json:
        return {"accounts": [{"id": exchange.account.account_id, "tags": []}]}

    @router.get(base)
    async def details() -> Json:
        with exchange.lock:
            return {"account": details_document(exchange), **last()}

    @router.get(f"{base}/summary")
    async def summary() -> Json:
        with exchange.lock:
            return {"account": summary_document(exchange), **last()}

    @router.get(f"{base}/instruments")
    async def instruments(wanted: Annotated[str, Query(alias="instruments")] = "") -> Json:
        names = set(wanted.split(",")) if wanted else None
        found = exchange.market.instruments.values()
        chosen = [i.document() for i in found if names is None or i.name in names]
        return {"instruments": chosen, **last()}

    @router.get(f"{base}/changes")
    async def changes(since: Annotated[int, Query(alias="sinceTransactionID")]) -> Json:
        with exchange.lock:
            return changes_document(exchange, since)

    @router.get(f"{base}/pricing")
    async def pricing(wanted: Annotated[str, Query(alias="instruments")]) -> Json:
        prices = [exchange.market.price(name) for name in wanted.split(",")]
        known = [price.document() for price in prices if price is not None]
        return {"time": rfc3339(exchange.wall_ns()), "prices": known}

    @router.get(f"{base}/trades")
    @router.get(f"{base}/openTrades")
    async def trades() -> Json:
        with exchange.lock:
            account = exchange.account
            found = [trade_document(account, exchange.market, t) for t in account.open_trades()]
            return {"trades": found, **last()}

    @router.get(f"{base}/trades/{{specifier}}", response_model=None)
    async def trade(specifier: str) -> JSONResponse | Json:
        with exchange.lock:
            found = exchange.account.find_trade(specifier)
            if found is None:
                return _missing("Trade", "NO_SUCH_TRADE", exchange)
            return {"trade": trade_document(exchange.account, exchange.market, found), **last()}

    @router.get(f"{base}/positions")
    @router.get(f"{base}/openPositions")
    async def open_positions() -> Json:
        with exchange.lock:
            return {"positions": positions(exchange.account, exchange.market), **last()}

    @router.get(f"{base}/transactions/sinceid")
    async def since_id(after: Annotated[int, Query(alias="id")]) -> Json:
        with exchange.lock:
            until = min(after + page, exchange.log.last_id)
            return {"transactions": exchange.log.between(after + 1, until), **last()}

    @router.get(f"{base}/transactions/idrange")
    async def id_range(first: Annotated[int, Query(alias="from")], to: int) -> Json:
        with exchange.lock:
            found = exchange.log.between(first, min(to, first + page - 1))
            return {"transactions": found, **last()}

    @router.get(f"{base}/transactions/{{transaction_id}}", response_model=None)
    async def transaction(transaction_id: int) -> JSONResponse | Json:
        with exchange.lock:
            found = exchange.log.find(transaction_id)
            if found is None:
                return _missing("Transaction", "NO_SUCH_TRANSACTION", exchange)
            return {"transaction": found, **last()}

    return router


def _missing(thing: str, code: str, exchange: Exchange) -> JSONResponse:
    body = {
        "errorCode": code,
        "errorMessage": f"The {thing} specified does not exist",
        "lastTransactionID": str(exchange.log.last_id),
    }
    return JSONResponse(body, 404)
