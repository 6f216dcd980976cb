"""Settings of one FIX session, and the way from them to a venue."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from time import time_ns  # noqa: TID251 - the edge: a live session's clock, passed in by tests
from typing import TYPE_CHECKING

from pydantic import SecretStr

from brokers.fix.schedule import SessionKind
from brokers.fix.terms import BY_AGREEMENT
from brokers.fix.tls import Tls
from brokers.secret_file import SecretFile
from domain.errors import BadUse
from domain.fx_calendar import ROLL
from domain.orders import OrderType
from trading.venues import VenueInstrument

if TYPE_CHECKING:
    from brokers.fix.venue import FixVenue

_PORTS = range(1, 65_536)


@dataclass(frozen=True)
class FixConfig:
    """One session with one counterparty, for one account.

    Attributes
    ----------
    host, port
        Where the counterparty listens.
    tls
        How the connection is encrypted; None for plain TCP, on which the password goes in clear.
    sender, target
        SenderCompID (49) and TargetCompID (56).
    account
        Account (1) on every order.
    currency
        Currency of the account, ISO 4217.
    instruments
        Tradable pairs by canonical symbol, as agreed with the counterparty: FIX 4.4 asks for none.
    store
        Folder of the sequence numbers and the execution history; one per session, kept for ever.
    username, password
        Username (553) and Password (554) of the logon; empty: none is sent.
    password_file
        File that holds the password instead; what it holds then is what a logon carries.
    heartbeat_s
        HeartBtInt (108), (> 0).
    session
        See `schedule.SessionKind`.
    session_from, session_until
        New York times of its beginning and its end: see `schedule.session_start_ns`.
    reset_on_logon
        Whether each logon carries ResetSeqNumFlag (141=Y): both sides forget what was not
        delivered, so that a reconciliation must follow every logon.
    reconnect_s, longest_reconnect_s
        First and longest pause between attempts to connect, doubling, each jittered by up to half
        (>= 0, the longest not below the first).
    logon_timeout_s, answer_timeout_s
        How long the start waits for a logon, and a command for its answer until it counts as
        unknown (> 0).
    mass_status, position_requests
        Whether the counterparty answers OrderMassStatusRequest (AF) and RequestForPositions (AN).
    max_requests_per_s
        The counterparty's limit on messages (> 0).
    order_types
        Types beyond the usual ones that were agreed: see `terms.BY_AGREEMENT`.
    sender_sub, target_sub
        SenderSubID (50) and TargetSubID (57) on every message; empty: none.
    """

    host: str
    port: int
    sender: str
    target: str
    account: str
    currency: str
    instruments: Mapping[str, VenueInstrument]
    store: Path
    username: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    password_file: SecretFile | None = None
    tls: Tls | None = None
    heartbeat_s: int = 30
    session: SessionKind = "daily"
    session_from: time = ROLL
    session_until: time = ROLL
    reset_on_logon: bool = False
    reconnect_s: float = 1.0
    longest_reconnect_s: float = 30.0
    logon_timeout_s: float = 10.0
    answer_timeout_s: float = 10.0
    mass_status: bool = True
    position_requests: bool = False
    max_requests_per_s: float = 50.0
    order_types: frozenset[OrderType] = frozenset()
    sender_sub: str = ""
    target_sub: str = ""

    def __post_init__(self) -> None:
        """Refuse what the engine would only trip over later.

        Raises
        ------
        BadUse
            If a setting is missing or out of its bounds.
        """
        for name in ("host", "sender", "target", "account", "currency"):
            value = getattr(self, name)
            if not value or not value.isascii() or not value.isprintable():
                msg = f"FIX setting {name} must be printable ASCII and not empty"
                raise BadUse(msg)
        for name in ("sender_sub", "target_sub"):
            value = getattr(self, name)
            if not value.isascii() or not value.isprintable():
                msg = f"FIX setting {name} must be printable ASCII"
                raise BadUse(msg)
        if not self.order_types <= BY_AGREEMENT:
            msg = f"FIX setting order_types may hold {', '.join(sorted(BY_AGREEMENT))}"
            raise BadUse(msg)
        if self.port not in _PORTS:
            msg = f"FIX setting port must be within 1 to 65535, not {self.port}"
            raise BadUse(msg)
        if self.heartbeat_s <= 0 or not 0 <= self.reconnect_s <= self.longest_reconnect_s:
            msg = (
                "FIX settings heartbeat_s must be > 0, reconnect_s >= 0 and longest_reconnect_s no "
                "less"
            )
            raise BadUse(msg)
        if min(self.logon_timeout_s, self.answer_timeout_s, self.max_requests_per_s) <= 0:
            msg = "FIX settings logon_timeout_s, answer_timeout_s, max_requests_per_s must be > 0"
            raise BadUse(msg)

    def secret(self) -> SecretStr:
        """Return the password as it stands now.

        Raises
        ------
        BadUse
            If its file cannot be read.
        """
        return self.password if self.password_file is None else self.password_file.read()

    def open(self, wall_ns: Callable[[], int] = time_ns) -> "FixVenue":
        """Make the venue; nothing is sent before its ``start``.

        Parameters
        ----------
        wall_ns
            Clock of receive times and of the session's schedule, nanoseconds UTC.

        Raises
        ------
        BadUse
            If the engine is not installed, or the password cannot be read.
        Corrupt
            If the execution history cannot be used.
        """
        self.secret()
        # Only here: whoever trades elsewhere needs no engine, nor the 2 s that it takes to load.
        from brokers.fix.venue import FixVenue

        return FixVenue(self, wall_ns)
