"""Settings that cannot be meant are refused before anything leaves."""

from typing import Any

import pytest

from brokers.oanda.config import OandaConfig
from brokers.oanda.credentials import Token
from domain.errors import BadUse

ACCOUNT = "101-004-1000001-001"


def config(**fields: Any) -> OandaConfig:
    """Return settings of an allowed practice account."""
    base: dict[str, Any] = {
        "account_id": ACCOUNT,
        "allowed_accounts": frozenset({ACCOUNT}),
        "token": Token("OANDA_TOKEN"),
    }
    return OandaConfig(**base | fields)


def test_the_hosts_are_the_documented_ones() -> None:
    """Requests and streams have different ones."""
    assert config().rest_address == "https://api-fxpractice.oanda.com"
    assert config().stream_address == "https://stream-fxpractice.oanda.com"
    assert config(host="live").rest_address == "https://api-fxtrade.oanda.com"
    assert config(host="live").stream_address == "https://stream-fxtrade.oanda.com"


@pytest.mark.parametrize(
    "fields",
    [
        {"allowed_accounts": frozenset()},
        {"allowed_accounts": frozenset({"101-004-1000001-002"})},
        {"url": "http://example.test"},
        {"stream_url": "http://example.test"},
        {"burst": 21, "requests_per_s": 100.0},
        {"burst": 0},
        {"reply_timeout_s": 0.0},
        {"silence_s": -1.0},
        {"max_backoff_s": 0.1},
        {"read_attempts": 0},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(fields: dict[str, Any]) -> None:
    """An account that is not allowed, a bare connection, a rate beyond the limit, no patience."""
    with pytest.raises(BadUse):
        config(**fields)


def test_plain_http_is_for_loopback_only() -> None:
    """The token would go out in clear."""
    assert config(url="http://127.0.0.1:8080").rest_address == "http://127.0.0.1:8080"
