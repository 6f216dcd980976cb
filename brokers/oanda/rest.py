"""Requests to v20: limited, behind a circuit breaker, reads repeated and writes sent once."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import msgspec
import stamina
from aiolimiter import AsyncLimiter
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.messages.events import ContextChanged
from purgatory.domain.model import OpenedState

from brokers.oanda.config import OandaConfig
from brokers.oanda.credentials import BearerAuth, tls_context
from brokers.oanda.errors import answer_to, is_certain
from brokers.oanda.wire import Json
from brokers.reactions import Answer, Reaction
from domain.errors import Reject, Retry
from trading.venues import NotSent

_LIMIT_WINDOW_S = 0.2
"""The bucket drains within it; shorter than v20's second, so that a burst and the drip of the rest
of that second together stay within the limit."""

_OPENED = "opened"
"""State of a circuit that lets no request through, in purgatory's words."""

MAX_CONNECTIONS = 8
"""v20 allows 20 streams and asks to reuse connections."""


TOO_MANY = 429
"""HTTP status of a request beyond v20's rate: it is turned away before anything reads it."""


class Refusal(Reject):
    """The server said no: 4xx. Certainly nothing was applied but what its body says.

    Attributes
    ----------
    status, code
        HTTP status, and v20's ``errorCode`` if it gave one.
    body
        The answer; its transactions are real.
    """

    def __init__(self, status: int, body: Json) -> None:
        self.status = status
        self.code = str(body.get("errorCode") or body.get("rejectReason") or "")
        self.body = body
        super().__init__(f"OANDA refused: HTTP {status} {self.code or body.get('errorMessage')}")

    @property
    def answer(self) -> Answer:
        """Reaction and reason."""
        return answer_to(self.status, self.code)

    @property
    def was_not_looked_at(self) -> bool:
        """Whether the request was turned away for the rate alone: no transaction came of it."""
        transactions = any(name.endswith("Transaction") for name in self.body)
        return self.status == TOO_MANY and not transactions


class Uncertain(Retry):
    """A request left and nobody knows what became of it: time-out, cut, 5xx, unreadable answer."""


class RestClient:
    """One HTTP client of one account; lives on one event loop.

    Parameters
    ----------
    config
        Addresses, token, patience.
    on_last_transaction
        Told ``lastTransactionID`` of every answer that has one.
    on_open
        Told the name of a circuit that has opened, by failures in a row or by a try that failed.
    """

    def __init__(
        self,
        config: OandaConfig,
        on_last_transaction: Callable[[int], None],
        on_open: Callable[[str], None],
    ) -> None:
        self._config = config
        self._on_open = on_open
        self._on_last = on_last_transaction
        self._http = httpx.AsyncClient(
            base_url=config.rest_address,
            auth=BearerAuth(config.token),
            headers={"Accept-Datetime-Format": "RFC3339"},
            timeout=httpx.Timeout(
                config.reply_timeout_s,
                connect=config.connect_timeout_s,
                pool=config.queue_timeout_s,
            ),
            limits=httpx.Limits(
                max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS
            ),
            # No proxy and no .netrc from the environment: the token goes to one place only.
            trust_env=False,
            verify=tls_context(),
        )
        # The burst fills the bucket, the rate empties it.
        self._limiter = AsyncLimiter(config.burst, config.burst / config.requests_per_s)
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=config.breaker_threshold,
            default_ttl=config.breaker_open_s,
            exclude=[Refusal],
        )
        self._breakers.add_listener(self._note_circuit)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def read(
        self,
        group: str,
        path: str,
        params: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Json:
        """GET something, again if it did not work.

        Parameters
        ----------
        group
            Endpoints that fail together: name of the circuit.
        timeout_s
            For all attempts together; None for the patience of one reply per attempt.

        Raises
        ------
        Refusal
            If the server says no.
        Retry
            If it cannot be had now.
        """
        attempts = self._config.read_attempts
        async for attempt in stamina.retry_context(
            on=Retry,
            attempts=attempts,
            timeout=timeout_s or attempts * self._config.reply_timeout_s,
            wait_initial=0.05,
            wait_max=1.0,
            wait_jitter=0.05,
        ):
            with attempt:
                return await self._read_once(group, path, params, timeout_s)
        msg = f"GET {path} was never tried"  # pragma: no cover - the loop returns or raises
        raise Retry(msg)  # pragma: no cover

    async def write(self, group: str, method: str, path: str, body: Json | None) -> Json:
        """Send a write, once.

        Raises
        ------
        NotSent
            If provably nothing left.
        Refusal
            If the server says no.
        Uncertain
            If nobody knows.
        """
        return await self._request(group, method, path, body=body)

    def _note_circuit(self, name: str, _: str, event: object) -> None:
        if isinstance(event, ContextChanged) and event.state == _OPENED:
            self._on_open(name)

    async def _read_once(
        self, group: str, path: str, params: Mapping[str, str] | None, timeout_s: float | None
    ) -> Json:
        try:
            return await self._request(group, "GET", path, params=params, timeout_s=timeout_s)
        except Refusal as refusal:
            if refusal.answer.reaction == Reaction.RETRY:
                raise Retry(str(refusal)) from refusal
            raise

    async def _request(
        self,
        group: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json | None = None,
        timeout_s: float | None = None,
    ) -> Json:
        await self._limiter.acquire()
        breaker = await self._breakers.get_breaker(group)
        try:
            async with breaker:
                return await self._exchange(method, path, params, body, timeout_s)
        except OpenedState as error:
            msg = f"{method} {path} was not sent: the circuit of {group} is open after failures"
            raise NotSent(msg) from error

    async def _exchange(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Json | None,
        timeout_s: float | None,
    ) -> Json:
        patience: dict[str, Any] = {}
        if timeout_s is not None:
            connect_s = min(timeout_s, self._config.connect_timeout_s)
            patience["timeout"] = httpx.Timeout(timeout_s, connect=connect_s)
        content = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"} if content is not None else None
        try:
            response = await self._http.request(
                method, path, params=params, content=content, headers=headers, **patience
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            msg = f"{method} {path} was not sent: {type(error).__name__}"
            raise NotSent(msg) from error
        except httpx.HTTPError as error:
            msg = f"{method} {path}: the outcome is unknown, {type(error).__name__}"
            raise Uncertain(msg) from error
        return self._read_answer(f"{method} {path}", response)

    def _read_answer(self, what: str, response: httpx.Response) -> Json:
        try:
            document = msgspec.json.decode(response.content, type=dict[str, Any])
        except (msgspec.DecodeError, msgspec.ValidationError):
            document = None
        newest = str((document or {}).get("lastTransactionID", ""))
        if newest.isdecimal():
            self._on_last(int(newest))
        if is_certain(response.status_code):
            raise Refusal(response.status_code, document or {})
        if not response.is_success or document is None:
            unreadable = "" if document is not None else " without a readable body"
            msg = f"{what}: the outcome is unknown, HTTP {response.status_code}{unreadable}"
            raise Uncertain(msg)
        return document
