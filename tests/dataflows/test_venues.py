"""Every setting of a broker arrives at its adapter."""

from datetime import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from brokers.fix.tls import Tls
from brokers.ib.venue import IbVenue
from brokers.oanda.venue import OandaVenue
from config.settings import Settings, settings_of
from dataflows.venues import open_venue
from domain.errors import BadUse
from trading.venues import Venue, VenueInstrument


def _settings(kind: str, **broker: Any) -> Settings:
    return settings_of({"broker": {"kind": kind, "account_id": "DU1", **broker}})


def _opened(settings: Settings, folder: Path) -> Venue:
    return open_venue(settings, ("EURUSD",), folder, lambda: 0)


def test_options_of_ib_arrive(tmp_path: Path) -> None:
    """As they are, and the usual port of the mode."""
    options = {"odd_lots": True, "fill_or_kill": True, "regulatory_fields": False}
    venue = _opened(_settings("ib", mode="live", client_id=7, **options), tmp_path)
    assert isinstance(venue, IbVenue)
    found = venue._settings
    assert {name: getattr(found, name) for name in options} == options
    assert (found.port, found.client_id, found.folder) == (4001, 7, tmp_path)
    assert "FOK" in venue.capabilities.times_in_force["market"]


def test_options_of_ib_are_the_careful_ones_by_default(tmp_path: Path) -> None:
    """No odd lots, no FOK, and the fields that regulators ask for."""
    venue = _opened(_settings("ib"), tmp_path)
    assert isinstance(venue, IbVenue)
    found = venue._settings
    assert (found.odd_lots, found.fill_or_kill, found.regulatory_fields) == (False, False, True)
    assert venue.capabilities.times_in_force["market"] == {"IOC", "GFD"}


def test_options_of_oanda_arrive(tmp_path: Path) -> None:
    """The one account is the only one that may be touched."""
    venue = _opened(_settings("oanda", mode="live", token_file=str(tmp_path / "t")), tmp_path)
    assert isinstance(venue, OandaVenue)
    found = venue._config
    assert (found.host, found.allowed_accounts) == ("live", frozenset({"DU1"}))
    assert found.rest_address == "https://api-fxtrade.oanda.com"
    assert str(tmp_path / "t") in repr(found.token)


def test_options_of_fix_arrive(tmp_path: Path) -> None:
    """The session, whom it trusts, and what was agreed."""
    pytest.importorskip("quickfix")
    from brokers.fix.venue import FixVenue

    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    plain: dict[str, Any] = {
        "host": "fix.broker.example",
        "port": 9876,
        "sender": "AIFX",
        "target": "LP",
        "sender_sub": "desk",
        "target_sub": "fx",
        "username": "trader",
        "heartbeat_s": 20,
        "session": "weekly",
        "session_from": time(17, 5),
        "session_until": time(16, 55),
        "reset_on_logon": True,
        "mass_status": False,
        "position_requests": True,
    }
    tls = {
        "tls": True,
        "tls_ca_file": "/ca.pem",
        "tls_certificate_file": "/own.pem",
        "tls_key_file": "/own.key",
        "tls_server_name": "lp.example",
    }
    settings = _settings(
        "fix", order_types=["trailing_stop"], password_file=str(secret), **plain, **tls
    )
    venue = _opened(settings, tmp_path)
    assert isinstance(venue, FixVenue)
    found = venue._config
    assert {name: getattr(found, name) for name in plain} == plain
    assert found.tls == Tls(Path("/ca.pem"), Path("/own.pem"), Path("/own.key"), "lp.example")
    assert found.secret() == SecretStr("hunter2")
    assert found.order_types == {"trailing_stop"}
    assert "trailing_stop" in venue.capabilities.times_in_force
    assert "market_if_touched" not in venue.capabilities.times_in_force
    assert isinstance(found.instruments["EURUSD"], VenueInstrument)


def test_a_password_that_cannot_be_read_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    """The message names the file."""
    settings = _settings(
        "fix", port=1, sender="A", target="B", password_file=str(tmp_path / "none")
    )
    with pytest.raises(BadUse, match=r"the FIX password in .*none cannot be read"):
        _opened(settings, tmp_path)


def test_paper_is_no_broker(tmp_path: Path) -> None:
    """It has no adapter here."""
    with pytest.raises(BadUse, match="paper is no broker"):
        _opened(settings_of({}), tmp_path)
