"""OANDA under the conformance suite: the adapter against the v20 double over loopback HTTP."""

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from brokers.oanda.config import OandaConfig
from brokers.oanda.credentials import Token
from brokers.oanda.venue import OandaVenue
from testkit.venues.oanda.server import ACCOUNT, TOKEN, OandaServer
from tests.contracts.venues.case import Misbehaviour
from trading.venues import Venue

DELAY_S = 0.3


class OandaCase:
    """One account of one double; every adapter that is opened is stopped with it.

    Parameters
    ----------
    folder
        Where the token may be kept.
    """

    name = "oanda"
    # No partial fills of a resting order: at v20 an order fills once, and only an immediate one in
    # part.
    can: frozenset[Misbehaviour] = frozenset(
        {
            "delay_reply",
            "drop_reply_after_apply",
            "refuse_connection",
            "disconnect",
            "server_error",
            "rate_limit",
            "duplicate_events",
            "reorder_events",
            "restart",
            "reject_next",
        }
    )

    def __init__(self, folder: Path) -> None:
        self._token = folder / "oanda-token"
        self._token.write_text(TOKEN, encoding="ascii")
        self.server = OandaServer(heartbeat_s=0.1, window_s=0.01).start()
        self._opened: list[OandaVenue] = []

    def open(self) -> Venue:
        """Return a new adapter on the account."""
        config = OandaConfig(
            account_id=ACCOUNT,
            allowed_accounts=frozenset({ACCOUNT}),
            token=Token(path=self._token),
            url=self.server.url,
            reply_timeout_s=2.0,
            silence_s=2.0,
            backoff_s=0.02,
            max_backoff_s=0.2,
        )
        venue = OandaVenue(config)
        self._opened.append(venue)
        return venue

    def quote(self, symbol: str, bid: Decimal, ask: Decimal) -> None:
        """Move the market."""
        self.server.quote(symbol, bid, ask)

    def misbehave(self, what: Misbehaviour) -> None:
        """Play a fault."""
        faults = self.server.faults
        match what:
            case "delay_reply":
                faults.delay_s = DELAY_S
            case "drop_reply_after_apply":
                faults.drop_replies = 1
            case "refuse_connection":
                self.server.stop()
            case "disconnect":
                self.server.disconnect()
            case "server_error":
                faults.server_errors = 1
            case "rate_limit":
                faults.rate_limits = 1
            case "duplicate_events":
                faults.duplicate_lines = 2
            case "reorder_events":
                faults.reorder_lines = 1
            case "restart":
                self.server.restart()
            case "reject_next":
                faults.reject_next = "INSUFFICIENT_MARGIN"
            case _:
                msg = f"the OANDA double cannot play {what}"
                raise NotImplementedError(msg)

    def submits(self) -> list[str]:
        """Return what ever reached the double."""
        return self.server.submits

    def attribution(self, client_order_id: str) -> tuple[str, str, str]:
        """Return strategy, user and model as they stand on the order at the double."""
        order = self.server.exchange.account.find_order("@" + client_order_id)
        extensions = (order.client if order else None) or {}
        user, _, model = str(extensions.get("comment", "")).partition("/")
        return str(extensions.get("tag", "")), user, model

    def settle(self, done: Callable[[], bool], timeout_s: float = 5.0) -> bool:
        """Let time pass until something is true."""
        deadline_s = time.monotonic() + timeout_s
        while not done():
            if time.monotonic() > deadline_s:
                return False
            time.sleep(0.005)
        return True

    def close(self) -> None:
        """Stop the adapters and the double."""
        for venue in self._opened:
            venue.stop()
        self.server.stop()
