"""Any spoiled line of v20 is an event or a price that may be counted, or an alert with a reason."""

import asyncio
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from brokers.oanda.config import OandaConfig
from brokers.oanda.credentials import Token
from brokers.oanda.intake import Intake
from brokers.oanda.prices import PriceTick, price_stream
from brokers.oanda.session import Session
from brokers.oanda.streams import WatchedStream
from brokers.oanda.transactions import INFORMATIVE
from domain.order_events import OrderEvent
from tests.brokers.fuzzing import SHARE, Spoiler, survives, unsound, written
from tests.brokers.oanda.test_transactions import NOW_NS, OURS, TRANSACTION_TYPES, transaction
from trading.orders.book import OrderBook
from trading.venues import LinkEvent, VenueEvent

TRANSACTIONS, PRICES = 6 * SHARE, 2 * SHARE
LIFE = 500
"""Transactions that one session takes in, and remembers."""

pytestmark = pytest.mark.timeout(3_600)


class Alerts(logging.Handler):
    """Counts the lines that say why something was unusable."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line."""
        assert record.getMessage()
        self.lines += 1


@pytest.fixture
def alerts() -> Any:
    """Listen to the adapter's log, and keep it quiet."""
    log, handler = logging.getLogger("brokers.oanda"), Alerts()
    log.addHandler(handler)
    log.propagate = False
    yield handler
    log.propagate = True
    log.removeHandler(handler)


def _config(folder: Path) -> OandaConfig:
    token = folder / "token"
    token.write_text("x\n")
    return OandaConfig(
        account_id="101-004-1-001",
        allowed_accounts=frozenset({"101-004-1-001"}),
        token=Token(path=token),
    )


def _transactions() -> list[dict[str, Any]]:
    """Return a valid transaction of every kind, and some with all that they can hold."""
    part = {"tradeID": "10", "units": "600", "price": "1.38010"}
    fill: dict[str, Any] = {
        "clientOrderID": OURS,
        "requestedUnits": "1000",
        "commission": "0.5",
        "units": "600",
    }
    return [
        *(transaction(kind) for kind in TRANSACTION_TYPES.split()),
        *(transaction("ORDER_FILL", **fill, tradeOpened=part) for _ in range(6)),
        transaction("ORDER_FILL", units="600", tradesClosed=[part], tradeReduced=None),
        transaction("LIMIT_ORDER", clientExtensions={"id": OURS}, timeInForce="GTC"),
        transaction("ORDER_CANCEL", reason="CLIENT_REQUEST", clientOrderID=OURS),
        transaction("LIMIT_ORDER_REJECT", clientExtensions={"id": OURS}, rejectReason="X"),
        transaction(
            "DAILY_FINANCING",
            positionFinancings=[{"instrument": "EUR_USD", "financing": "-0.1"}],
        ),
    ]


def test_spoiled_transactions_are_counted_right_or_told(tmp_path: Path, alerts: Alerts) -> None:
    """Every line is an event, news without effect, one to wait with, or an alert."""
    asyncio.run(_feed_transactions(_config(tmp_path), alerts))


async def _feed_transactions(config: OandaConfig, alerts: Alerts) -> None:
    spoiler, documents, seen = Spoiler(27), _transactions(), Counter[str]()
    heard: list[VenueEvent] = []
    book = OrderBook("101-004-1-001")
    for number in range(TRANSACTIONS):
        if number % LIFE == 0:
            session = Session(config, heard.append, lambda: NOW_NS, np.random.default_rng(0))
        intake = Intake(9, session._deliver)
        stream = _stream(config, intake)
        document = spoiler.pick(documents)
        line = spoiler.raw(written(spoiler.document(document)))
        heard.clear()
        before = alerts.lines
        stream._take(line.decode(errors="replace"))
        told = alerts.lines > before
        for event in heard:
            why = unsound(event)
            assert not why, (why, line[:700])
            if isinstance(event, OrderEvent):
                survives(event, book)
        gap = any(isinstance(event, LinkEvent) and event.gap for event in heard)
        if gap or stream.unusable_lines:
            assert told, line[:700]
            seen["alert"] += 1
        elif heard:
            seen["read"] += 1
        else:
            waits = intake.is_waiting or intake.last == 9
            assert told or waits or _is_quiet(line), line[:700]
            seen["quiet"] += 1
    assert min(seen.values()) > TRANSACTIONS // 20, seen


def _stream(config: OandaConfig, intake: Intake) -> WatchedStream:
    async def up() -> None:
        return

    return WatchedStream(
        config,
        "/transactions/stream",
        {},
        on_line=intake.offer,
        on_up=up,
        on_down=lambda _reason: None,
        jitter=np.random.default_rng(0),
    )


def _is_quiet(line: bytes) -> bool:
    """Whether a line moves nothing: an empty one, news only, an end whose successor says all."""
    if not line:
        return True
    document = msgspec.json.decode(line.decode(errors="replace"))
    kind = document.get("type")
    succeeded = kind == "ORDER_CANCEL" and "replacedByOrderID" in document
    return kind in INFORMATIVE or kind == "ORDER_CANCEL_REJECT" or succeeded


def test_spoiled_prices_are_prices_or_told(tmp_path: Path, alerts: Alerts) -> None:
    """Never one that is no number, below 0 or crossed; nor tradeable by mistake."""
    spoiler, seen = Spoiler(28), Counter[str]()
    ticks: list[PriceTick] = []
    stream = price_stream(
        _config(tmp_path),
        ["EURUSD"],
        on_tick=ticks.append,
        on_link=lambda _event: None,
        wall_ns=lambda: NOW_NS,
        jitter=np.random.default_rng(0),
    )
    price = {
        "type": "PRICE",
        "instrument": "EUR_USD",
        "time": "2014-05-01T12:00:00.123456789Z",
        "tradeable": True,
        "bids": [{"price": "1.38010", "liquidity": 10_000_000}],
        "asks": [{"price": "1.38020", "liquidity": 10_000_000}],
        "closeoutBid": "1.38005",
    }
    for _ in range(PRICES):
        document = spoiler.document(price)
        line = spoiler.raw(written(document))
        ticks.clear()
        before = (alerts.lines, stream.unusable_lines)
        stream._take(line.decode(errors="replace"))
        if stream.unusable_lines > before[1]:
            assert alerts.lines > before[0]
            assert not ticks
            seen["alert"] += 1
        elif ticks:
            (tick,) = ticks
            assert 0 < tick.bid <= tick.ask < 10**18, line
            assert tick.symbol.isalnum(), line
            assert 0 < tick.ts_event_ns < 2**63, line
            for units in (tick.bid_units, tick.ask_units):
                assert units is None or 0 <= units <= 10**18, line
            seen["read"] += 1
        else:
            seen["empty side or heartbeat"] += 1
    assert min(seen["alert"], seen["read"]) > PRICES // 20, seen
    assert seen["empty side or heartbeat"] < PRICES // 20, seen
