"""Settings of an OANDA account: where it is, which it is, and how patient the adapter is."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from brokers.oanda.credentials import Token
from domain.errors import BadUse
from trading.venues import PositionMode

Host = Literal["practice", "live"]

HOSTS: dict[Host, tuple[str, str]] = {
    "practice": ("https://api-fxpractice.oanda.com", "https://stream-fxpractice.oanda.com"),
    "live": ("https://api-fxtrade.oanda.com", "https://stream-fxtrade.oanda.com"),
}
"""Addresses of requests and of streams (v20 documentation, "Development Guide")."""

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MAX_REQUESTS_PER_S = 120.0
"""v20's limit; a request beyond it is answered with 429, and again with a ban."""


@dataclass(frozen=True)
class OandaConfig:
    """One account at OANDA.

    Attributes
    ----------
    account_id
        As in ``101-004-1000001-001``; must be in ``allowed_accounts``.
    allowed_accounts
        The only accounts that this process may touch.
    token
        Where the API token is.
    host
        Which of OANDA's two worlds.
    url, stream_url
        Other addresses than the host's; plain HTTP only on loopback.
    position_mode
        How the account keeps positions; it must be what the broker says (``hedgingEnabled``). A
        FIFO account looks like a netting one there, so ``fifo`` is taken at its word.
    price_symbols
        Canonical symbols whose prices are streamed; empty for none.
    connect_timeout_s, reply_timeout_s
        Patience with a connection, and with the answer to a request (> 0).
    queue_timeout_s
        Patience with a free connection while many requests are under way (> 0); a command that
        found none in that time never left.
    silence_s
        A stream that said nothing for so long is down: heartbeats come every 5 s.
    backoff_s, max_backoff_s
        First and longest wait before a stream is opened again; each is jittered by up to half.
    burst, requests_per_s
        The limiter: at most ``burst + requests_per_s`` requests leave in any second. The default
        stays a sixth below v20's 120, because requests may arrive closer together than they left.
    breaker_threshold, breaker_open_s
        Failures in a row that open the circuit of a group of endpoints, and for how long.
    read_attempts
        How often a read is tried (>= 1); a write is sent once.
    seed
        Of the jitter.
    """

    account_id: str
    allowed_accounts: frozenset[str]
    token: Token = field(repr=False)
    host: Host = "practice"
    url: str = ""
    stream_url: str = ""
    position_mode: PositionMode = "netting"
    price_symbols: tuple[str, ...] = ()
    connect_timeout_s: float = 5.0
    reply_timeout_s: float = 5.0
    queue_timeout_s: float = 10.0
    silence_s: float = 10.0
    backoff_s: float = 0.5
    max_backoff_s: float = 30.0
    burst: int = 20
    requests_per_s: float = 80.0
    breaker_threshold: int = 5
    breaker_open_s: float = 10.0
    read_attempts: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse an account that is not allowed, a limit above the broker's, a bare connection."""
        if self.account_id not in self.allowed_accounts:
            msg = f"OANDA account {self.account_id} is not among the allowed accounts: add it there"
            raise BadUse(msg)
        if self.burst < 1 or self.burst + self.requests_per_s > MAX_REQUESTS_PER_S:
            msg = f"burst + requests_per_s must be within 1 and {MAX_REQUESTS_PER_S:.0f}"
            raise BadUse(msg)
        patience_s = (
            self.connect_timeout_s,
            self.reply_timeout_s,
            self.queue_timeout_s,
            self.silence_s,
            self.backoff_s,
        )
        if min(patience_s) <= 0 or self.max_backoff_s < self.backoff_s or self.read_attempts < 1:
            msg = "time-outs and backoff must be above 0, and read_attempts at least 1"
            raise BadUse(msg)
        for address in (self.rest_address, self.stream_address):
            parts = urlsplit(address)
            if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
                msg = f"the token must not go out in clear: {address} has to be https"
                raise BadUse(msg)

    @property
    def rest_address(self) -> str:
        """Address of requests."""
        return self.url or HOSTS[self.host][0]

    @property
    def stream_address(self) -> str:
        """Address of streams."""
        return self.stream_url or self.url or HOSTS[self.host][1]

    @property
    def root(self) -> str:
        """Path under which everything of the account is."""
        return f"/v3/accounts/{self.account_id}"
