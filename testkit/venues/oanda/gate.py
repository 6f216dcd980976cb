"""What stands before the routes: the token, the account, the rate limit, and the switches."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from testkit.venues.oanda.faults import Faults

WRITES = frozenset({"POST", "PUT", "PATCH"})


class Gate:
    """ASGI middleware around the API.

    Parameters
    ----------
    app
        The routes.
    token, account_id
        The only ones that are let in; `tokens` may be changed while it runs.
    faults
        Switches.
    cut
        Ends the connection of a client (host, port) without an answer.
    requests_per_s
        Limit over any second; streams count once, when they are opened.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        account_id: str,
        faults: Faults,
        cut: Callable[[tuple[str, int]], None],
        requests_per_s: int,
    ) -> None:
        self._app = app
        self.tokens = {token}
        self._account_id = account_id
        self._faults = faults
        self._cut = cut
        self.limit = requests_per_s
        self._recent: deque[float] = deque()
        self.busiest = 0
        self.requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _answer(send, *refusal)
        elif scope["method"] in WRITES:
            await self._write(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        now_s = time.monotonic()
        while self._recent and now_s - self._recent[0] >= 1.0:
            self._recent.popleft()
        self._recent.append(now_s)
        self.requests += 1
        self.busiest = max(self.busiest, len(self._recent))
        if len(self._recent) > self.limit or self._faults.take("rate_limits"):
            return 429, "Rate limit exceeded"
        headers = dict(scope["headers"])
        if headers.get(b"authorization") not in {f"Bearer {one}".encode() for one in self.tokens}:
            return 401, "Insufficient authorization to perform request."
        parts = scope["path"].split("/")
        if len(parts) > 3 and parts[2] == "accounts" and parts[3] != self._account_id:
            return 403, "The provided request was forbidden."
        return None

    async def _write(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._faults.take("server_errors"):
            await _answer(send, self._faults.server_status, "Internal server error")
            return
        delay_s = self._faults.take_delay_s()
        is_dropped = self._faults.take("drop_replies")
        is_garbled = self._faults.take("garble_replies")

        async def reply(message: Message) -> None:
            if is_dropped:
                return
            if is_garbled and message["type"] == "http.response.body":
                size = len(message["body"])
                message = {**message, "body": b"<html>".ljust(size)[:size]}
            await asyncio.sleep(delay_s)
            await send(message)

        await self._app(scope, receive, reply)
        if is_dropped:
            self._cut(scope["client"])


async def _answer(send: Send, status: int, message: str) -> None:
    body = json.dumps({"errorMessage": message}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
