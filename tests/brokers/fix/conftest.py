"""Fixtures of FIX; without the engine these tests skip, or fail with AIFX_REQUIRE_FIX=1."""

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import time_ns  # noqa: TID251 - the edge: sessions with a live clock

import pytest
from pydantic import SecretStr

from brokers.fix.config import FixConfig
from testkit.venues.fix.scripted import ScriptedCounterparty
from tests.brokers.fix.rigs import EURUSD, PASSWORD, Rig

if os.environ.get("AIFX_REQUIRE_FIX") == "1" and importlib.util.find_spec("quickfix") is None:
    pytest.fail("AIFX_REQUIRE_FIX=1, but the QuickFIX engine is not installed", pytrace=False)


@pytest.fixture
def open_rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Make rigs with other settings; all of them are closed in the end."""
    pytest.importorskip("quickfix")
    rigs: list[Rig] = []

    def make(
        peer: ScriptedCounterparty | None = None,
        wall_ns: Callable[[], int] = time_ns,
        **changes: object,
    ) -> Rig:
        counterparty = peer or ScriptedCounterparty()
        settings: dict[str, object] = {
            "host": "127.0.0.1",
            "port": counterparty.port,
            "sender": "AIFX",
            "target": "LP",
            "account": "ACC-1",
            "currency": "USD",
            "instruments": {"EURUSD": EURUSD},
            "store": tmp_path / "fix",
            "username": "trader",
            "password": SecretStr(PASSWORD),
            "session": "continuous",
            "reconnect_s": 0,
            "logon_timeout_s": 4.0,
            **changes,
        }
        config = FixConfig(**settings)  # type: ignore[arg-type]  # a table of settings
        rig = Rig(counterparty, config, config.open(wall_ns))
        rigs.append(rig)
        return rig

    yield make
    for rig in rigs:
        rig.peer.hang_up()
        rig.venue.stop()
        rig.peer.close()


@pytest.fixture
def rig(open_rig: Callable[..., Rig]) -> Rig:
    """Make a rig that is not started."""
    return open_rig()
