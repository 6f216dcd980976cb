"""The double itself: an account behind HTTP on a free loopback port, in a thread of its own."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from domain.instruments import instrument
from testkit.venues.oanda.account import Account
from testkit.venues.oanda.exchange import Exchange
from testkit.venues.oanda.faults import Faults
from testkit.venues.oanda.gate import Gate
from testkit.venues.oanda.instruments import broker_instruments
from testkit.venues.oanda.market import Market, Price
from testkit.venues.oanda.routes_account import account_routes
from testkit.venues.oanda.routes_orders import order_routes
from testkit.venues.oanda.streams import Streams

TOKEN = "oanda-double-token"  # noqa: S105 - opens nothing but the double
ACCOUNT = "101-004-1000001-001"
START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 5.0


class OandaServer:
    """A v20 server for tests. State outlives `stop` and `start`; the port too.

    Parameters
    ----------
    account
        The account behind it; None for a netting one in dollars.
    token
        The bearer token that it lets in.
    wall_ns
        The broker's clock, nanoseconds UTC; None for the machine's.
    window_s, heartbeat_s
        Of the streams; see `Streams`.
    requests_per_s
        Limit over any second.
    page
        Most transactions of one answer.
    """

    def __init__(
        self,
        account: Account | None = None,
        *,
        token: str = TOKEN,
        wall_ns: Callable[[], int] | None = None,
        window_s: float = 0.25,
        heartbeat_s: float = 5.0,
        requests_per_s: int = 120,
        page: int = 1_000,
    ) -> None:
        self.faults = Faults()
        clock_ns = wall_ns or time.time_ns  # noqa: TID251 - the edge: a broker's own clock
        market = Market(broker_instruments())
        self.exchange = Exchange(account or Account(ACCOUNT), market, self.faults, clock_ns)
        self.streams = Streams(self.exchange, window_s, heartbeat_s)
        self._clients: dict[tuple[str, int], asyncio.Transport] = {}
        self.gate = Gate(
            self._app(page),
            token=token,
            account_id=self.exchange.account.account_id,
            faults=self.faults,
            cut=self._cut_client,
            requests_per_s=requests_per_s,
        )
        self.port = 0
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None

    @property
    def url(self) -> str:
        """Where it answers, requests and streams alike."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def submits(self) -> list[str]:
        """Client order id of every order that ever arrived, replacements excluded, in order."""
        return list(self.exchange.arrived)

    def start(self) -> "OandaServer":
        """Listen, and return when it does.

        Raises
        ------
        TimeoutError
            If the server does not come up.
        """
        # Named TCP, or asyncio leaves Nagle's algorithm on and every answer takes 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._socket = listener
        config = uvicorn.Config(
            self.gate,
            http=self._protocol(),
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=0,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="oanda-double", daemon=True
        )
        self._thread.start()
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not self._server.started:
            if time.monotonic() > deadline_s:
                msg = "the OANDA double did not start"
                raise TimeoutError(msg)
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """Stop listening and cut every connection; the account stays. Idempotent."""
        if self._server is None or self._thread is None or self._socket is None:
            return
        self._close_listener(self._server)
        self.streams.cut()
        self._server.should_exit = True
        self._server.force_exit = True
        for transport in list(self._clients.values()):
            # A client may have gone by itself in the meantime.
            with suppress(OSError):
                transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._thread.join(_STOP_TIMEOUT_S)
        self._socket.close()
        self._server = self._thread = self._socket = None

    def restart(self) -> None:
        """Stop and start on the same port with the same account."""
        self.stop()
        self.start()

    def quote(
        self,
        symbol: str,
        bid: Decimal | str,
        ask: Decimal | str,
        *,
        ts_ns: int | None = None,
        tradeable: bool = True,
        liquidity: int = 10_000_000,
    ) -> None:
        """Move the market of a canonical symbol; orders trigger and fill against it at once."""
        known = instrument(symbol)
        at_ns = self.exchange.wall_ns() if ts_ns is None else ts_ns
        name = f"{known.base}_{known.quote}"
        self.exchange.quote(Price(name, Decimal(bid), Decimal(ask), at_ns, tradeable, liquidity))

    def disconnect(self) -> None:
        """Cut both streams in the middle of their bodies."""
        self.streams.cut()

    def __enter__(self) -> "OandaServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _app(self, page: int) -> FastAPI:
        app = FastAPI(title="OANDA v20 double", openapi_url=None)
        # The streams stand first: "transactions/stream" is no transaction of that id.
        app.include_router(self.streams.routes())
        app.include_router(account_routes(self.exchange, page))
        app.include_router(order_routes(self.exchange))
        return app

    @staticmethod
    def _close_listener(server: uvicorn.Server) -> None:
        # First of all: a client that was cut must not find the door still open.
        closed = threading.Event()

        def close() -> None:
            for listener in server.servers:
                listener.close()
            closed.set()

        server.servers[0].get_loop().call_soon_threadsafe(close)
        closed.wait(_STOP_TIMEOUT_S)

    def _cut_client(self, client: tuple[str, int]) -> None:
        transport = self._clients.pop(tuple(client), None)  # type: ignore[arg-type]
        if transport is not None:
            transport.abort()

    def _protocol(self) -> type[H11Protocol]:
        clients = self._clients

        class Cuttable(H11Protocol):
            """The server's own protocol, with its connections in reach of the switches."""

            def connection_made(self, transport: Any) -> None:
                """Note who came."""
                clients[tuple(transport.get_extra_info("peername"))] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                """Note who went."""
                clients.pop(tuple(self.transport.get_extra_info("peername") or ()), None)
                super().connection_lost(exc)

        return Cuttable
