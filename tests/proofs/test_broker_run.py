"""A whole run at a broker: recorded ticks in, orders out over the broker's own protocol."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.order_events import EventKind, OrderEvent
from domain.orders import Order
from testkit.venues.following import MarketFollower
from testkit.venues.oanda.server import ACCOUNT, TOKEN, OandaServer
from tests.proofs.conftest import Aifx
from trading.desk.entries import fact_of
from trading.desk.past import resume
from trading.journal.journal import Journal

DAY = ("--symbols", "EURUSD,NZDUSD", "--from", "2014-05-06T08:00", "--to", "2014-05-06T14:00")

pytestmark = [pytest.mark.kafka, pytest.mark.real_data, pytest.mark.slow]


@pytest.fixture
def oanda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OandaServer]:
    """Start an OANDA server, and settings that lead to it."""
    with OandaServer(heartbeat_s=1.0, window_s=0.05) as server:
        token = tmp_path / "token"
        token.write_text(TOKEN)
        for name, value in {
            "KIND": "oanda",
            "ACCOUNT_ID": ACCOUNT,
            "URL": server.url,
            "TOKEN_FILE": str(token),
        }.items():
            monkeypatch.setenv(f"AIFX__BROKER__{name}", value)
        # The broker lives on the wall clock, and the tape is 600 times as fast: what is a
        # runaway strategy for the one is an ordinary day for the other.
        monkeypatch.setenv("AIFX__RISK__MAX_EXECUTIONS", "100000")
        # A second of a busy machine is ten minutes of the tape: what is late is another test's.
        monkeypatch.setenv("AIFX__EXECUTION__MAX_SIGNAL_AGE_MS", "60000")
        monkeypatch.setenv("AIFX__EXECUTION__DEGRADED_AFTER_MS", "0")
        yield server


def test_a_recorded_day_is_traded_at_oanda(
    aifx: Aifx, oanda: OandaServer, kafka_bootstrap: str, real_data: Path, tmp_path: Path
) -> None:
    """Every order of ours is at the broker once, every fill of the broker's in our books."""
    data = tmp_path / "data"
    with MarketFollower(kafka_bootstrap, oanda.quote) as market:
        ended = aifx(
            "run",
            "--ticks",
            str(real_data / "ticks"),
            *DAY,
            "--kafka",
            kafka_bootstrap,
            "--speed",
            "600",
            data=data,
        )
    assert ended.code == 0, ended.output[-3000:]
    assert market.quotes > 1_000
    folder = data / "accounts" / f"oanda-{ACCOUNT}"
    journal = Journal.open(f"sqlite:///{folder / 'ledger.sqlite'}", ACCOUNT)
    facts = [fact_of(entry) for entry in journal.read()]
    submits = [
        fact.client_order_id
        for fact in facts
        if isinstance(fact, OrderEvent) and fact.kind is EventKind.SUBMIT
    ]
    book = resume(journal, ACCOUNT, None).book
    journal.close()
    assert len(submits) == len(set(submits)) > 10
    assert sorted(oanda.submits) == sorted(submits)
    assert not book.in_doubt()
    assert not book.open_states()
    held = {s: h.units for s, h in book.holdings().items() if h.units}
    theirs = {
        symbol: units
        for symbol, name in {"EURUSD": "EUR_USD", "NZDUSD": "NZD_USD"}.items()
        if (units := oanda.exchange.account.position_units(name))
    }
    assert held == theirs
    orders = [fact for fact in facts if isinstance(fact, Order)]
    assert all(order.user and order.model_id for order in orders)
    assert ended.report["fills"] > 10
    assert os.environ["AIFX__BROKER__TOKEN_FILE"] not in ended.output
