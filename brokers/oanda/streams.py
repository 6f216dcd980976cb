"""A stream that is watched: a silence is an outage, an outage is said at once, and it comes back.

v20 sends a heartbeat every five seconds on either stream. Each is watched by itself: prices may
flow while transactions do not, and the other way round.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

import httpx
import msgspec
import numpy as np

from brokers.backoff import Backoff
from brokers.oanda.config import OandaConfig
from brokers.oanda.credentials import BearerAuth, tls_context
from brokers.oanda.errors import STATUSES
from brokers.oanda.wire import UNREADABLE, Json
from domain.errors import Drop, Halt, Retry

_log = logging.getLogger(__name__)

OnLine = Callable[[Json], None]
OnUp = Callable[[], Awaitable[None]]
OnDown = Callable[[str], None]


class WatchedStream:
    """One stream, opened again for as long as it is wanted.

    Parameters
    ----------
    config
        Address, token, patience.
    path, params
        What to stream.
    on_line
        Takes each JSON object, heartbeats included; raises `Drop` for one that is unusable.
    on_up
        Awaited after each opening and before the first line is taken: what was missed is fetched
        here. If it raises `Retry` the stream counts as not opened.
    on_down
        Told once for each outage, with the reason.
    jitter
        Seeded; spreads the waits of many processes.
    """

    def __init__(
        self,
        config: OandaConfig,
        path: str,
        params: Mapping[str, str],
        *,
        on_line: OnLine,
        on_up: OnUp,
        on_down: OnDown,
        jitter: np.random.Generator,
    ) -> None:
        self._config = config
        self._path = path
        self._params = dict(params)
        self._on_line = on_line
        self._on_up = on_up
        self._on_down = on_down
        self._backoff = Backoff(config.backoff_s, config.max_backoff_s, jitter)
        self._is_up = False
        self.unusable_lines = 0

    async def run(self) -> None:
        """Stream until canceled."""
        failures = 0
        timeout = httpx.Timeout(self._config.silence_s, connect=self._config.connect_timeout_s)
        async with httpx.AsyncClient(
            base_url=self._config.stream_address,
            auth=BearerAuth(self._config.token),
            headers={"Accept-Datetime-Format": "RFC3339"},
            timeout=timeout,
            trust_env=False,
            verify=tls_context(),
        ) as client:
            while True:
                reason = await self._once(client)
                # A stream that worked starts the waits anew.
                failures = 1 if self._is_up else failures + 1
                if self._is_up or failures == 1:
                    self._is_up = False
                    self._on_down(reason)
                await asyncio.sleep(self._backoff.wait_s(failures))

    async def _once(self, client: httpx.AsyncClient) -> str:
        """Stream until it ends, and say why it did."""
        try:
            async with client.stream("GET", self._path, params=self._params) as response:
                if not response.is_success:
                    answer = STATUSES[str(response.status_code)]
                    return f"HTTP {response.status_code}: {answer.reason}"
                await self._on_up()
                self._is_up = True
                async for line in response.aiter_lines():
                    self._take(line)
        except httpx.ReadTimeout:
            return f"silent for {self._config.silence_s} s"
        except httpx.HTTPError as error:
            return type(error).__name__
        except (Retry, Halt) as error:
            return str(error)
        return "the server ended the stream"

    def _take(self, line: str) -> None:
        if not line:
            return
        try:
            document = msgspec.json.decode(line)
            if not isinstance(document, dict):
                msg = "a line that is no JSON object"
                raise Drop(msg)
            self._on_line(document)
        except UNREADABLE as error:
            self.unusable_lines += 1
            _log.warning("a line of %s is unusable: %s", self._path, error)
