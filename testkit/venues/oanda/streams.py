"""The two streams: prices in windows of 250 ms, transactions as they come, heartbeats between."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from testkit.venues.oanda.exchange import Exchange
from testkit.venues.oanda.market import Price
from testkit.venues.oanda.wire import Json, rfc3339

MEDIA_TYPE = "application/octet-stream"


class StreamCut(Exception):  # noqa: N818 - an event of the double, not an error of a caller
    """The double cuts a stream: the connection ends in the middle of the body."""


class Streams:
    """Open streams of both kinds.

    Parameters
    ----------
    exchange
        Where prices and transactions come from.
    window_s
        Length of a window of the pricing stream: at most one price an instrument each.
    heartbeat_s
        Seconds between heartbeats.
    """

    def __init__(
        self, exchange: Exchange, window_s: float = 0.25, heartbeat_s: float = 5.0
    ) -> None:
        self._exchange = exchange
        self._window_s = window_s
        self._heartbeat_s = heartbeat_s
        self._epoch = 0
        self.open_prices = 0
        self.open_transactions = 0

    def cut(self) -> None:
        """End every open stream without ceremony; new ones may be opened at once."""
        self._epoch += 1

    def routes(self) -> APIRouter:
        """Return the two endpoints."""
        router = APIRouter()
        base = "/v3/accounts/{account_id}"

        @router.get(f"{base}/pricing/stream")
        async def pricing(
            wanted: Annotated[str, Query(alias="instruments")], snapshot: bool = True
        ) -> StreamingResponse:
            names = wanted.split(",")
            return StreamingResponse(self._prices(names, snapshot), media_type=MEDIA_TYPE)

        @router.get(f"{base}/transactions/stream")
        async def transactions() -> StreamingResponse:
            return StreamingResponse(self._transactions(), media_type=MEDIA_TYPE)

        return router

    async def _prices(self, names: list[str], snapshot: bool) -> AsyncIterator[bytes]:
        market = self._exchange.market
        latest: dict[str, Price] = {}
        if snapshot:
            known = (market.price(name) for name in names)
            latest = {price.instrument: price for price in known if price is not None}

        def note(price: Price) -> None:
            # The last of a window wins: what came before it is never seen.
            if price.instrument in names:
                latest[price.instrument] = price

        def due() -> list[Json]:
            prices = list(latest.values())
            latest.clear()
            return [price.document() for price in prices]

        market.subscribe(note)
        self.open_prices += 1
        try:
            async for line in self._lines(due, self._window_s, {}):
                yield line
        finally:
            self.open_prices -= 1
            market.unsubscribe(note)

    async def _transactions(self) -> AsyncIterator[bytes]:
        log = self._exchange.log
        waiting: list[Json] = []
        held: list[Json] = []
        faults = self._exchange.faults

        def due() -> list[Json]:
            found: list[Json] = []
            while waiting:
                transaction = waiting.pop(0)
                if not held and faults.take("reorder_lines"):
                    held.append(transaction)
                    continue
                found.append(transaction)
                if faults.take("duplicate_lines"):
                    found.append(transaction)
                found.extend(held)
                held.clear()
            return found

        log.subscribe(waiting.append)
        self.open_transactions += 1
        try:
            async for line in self._lines(due, 0.005, {"lastTransactionID": ""}):
                yield line
        finally:
            self.open_transactions -= 1
            log.unsubscribe(waiting.append)

    async def _lines(
        self, due: Callable[[], list[Json]], poll_s: float, beat: Json
    ) -> AsyncIterator[bytes]:
        """Give what is due every ``poll_s`` seconds, and a heartbeat first and in every silence."""
        epoch, silent_s = self._epoch, self._heartbeat_s
        while True:
            if self._epoch != epoch:
                raise StreamCut
            if not self._exchange.faults.mute_streams:
                if silent_s >= self._heartbeat_s:
                    silent_s = 0.0
                    yield _line(self._heartbeat(beat))
                for document in due():
                    yield _line(document)
            await asyncio.sleep(poll_s)
            silent_s += poll_s

    def _heartbeat(self, beat: Json) -> Json:
        heartbeat = {"type": "HEARTBEAT", "time": rfc3339(self._exchange.wall_ns()), **beat}
        if "lastTransactionID" in beat:
            heartbeat["lastTransactionID"] = str(self._exchange.log.last_id)
        return heartbeat


def _line(document: Json) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"
