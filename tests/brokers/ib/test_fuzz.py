"""Any spoiled message of TWS is an event that may be counted, or ends the session with a reason."""

import asyncio
import logging
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from brokers.ib.desk import Desk
from brokers.ib.listening import StrictDecoder
from brokers.ib.prices import IbPrices, IbQuote
from brokers.ib.session import Session
from brokers.ib.settings import IbSettings
from domain.order_events import EventKind, OrderEvent
from domain.orders import terms_of
from testkit.venues.ib.layouts import (
    COMPLETED_ORDER,
    EXECUTION,
    OPEN_ORDER,
    SERVER_VERSION,
)
from testkit.venues.ib.messages import contract_fields
from testkit.venues.ib.wire import lay_out
from tests.brokers.fuzzing import SHARE, Spoiler, survives, unsound
from tests.brokers.ib.rig import ACCOUNT, NOON_NS, an_order
from trading.orders.book import OrderBook
from trading.venues import VenueEvent

ORDERS, PRICES = 3 * SHARE, SHARE
LIFE = 500
"""Messages that one desk takes in, and remembers."""

pytestmark = pytest.mark.timeout(3_600)

Message = list[tuple[Any, str]]
"""Names and values of the fields, the number of the message first."""


def _laid_out(number: int, layout: tuple[str, ...], **values: object) -> Message:
    everything = lay_out(layout, {**contract_fields("EURUSD"), "account": ACCOUNT, **values})
    texts = [str(value) for value in everything]
    return [("message", str(number)), *zip(layout, texts, strict=True)]


def _named(*texts: object) -> Message:
    return list(enumerate(map(str, texts)))


def _messages(execution_id: str) -> list[Message]:
    """Return a valid message of every kind that tells of orders."""
    ref = an_order(1).client_order_id
    order = {
        "orderId": 5, "clientId": 1, "permId": 77, "action": "BUY", "totalQuantity": 20_000,
        "orderType": "LMT", "lmtPrice": "1.09", "auxPrice": "", "tif": "GTC", "orderRef": ref,
        "status": "Submitted",
    }  # fmt: skip
    executed = _laid_out(
        11, EXECUTION, reqId=-1, orderId=5, execId=execution_id, acctNumber=ACCOUNT, side="BOT",
        time="20260114 12:00:00 UTC", shares=4_000, price="1.09", permId=77, clientId=1,
        cumQty=4_000, avgPrice="1.09", orderRef=ref, lastLiquidity=1, liquidation=0,
    )  # fmt: skip
    return [
        *(executed for _ in range(4)),
        _laid_out(5, OPEN_ORDER, **order),
        _laid_out(5, OPEN_ORDER, **order | {"orderRef": "", "permId": 99, "clientId": 3}),
        _laid_out(101, COMPLETED_ORDER, **order | {"filledQuantity": 20_000},
                  completedTime="20260114 12:00:00 UTC", completedStatus="Filled Size: 20000"),
        _named(3, 5, "Submitted", 4_000, 16_000, "1.09", 77, 0, "1.09", 1, "", 0),
        _named(3, 5, "Cancelled", 4_000, 16_000, "1.09", 77, 0, "1.09", 1, "", 0),
        _named(59, 1, execution_id, "2.5", "USD", "", "", ""),
        _named(4, 2, 5, 201, "Order rejected - reason:margin", ""),
        _named(61, 3, ACCOUNT, 12_087_792, "EUR", "CASH", "", 0, "", "", "", "USD", "EUR.USD",
               "EUR.USD", 4_000, "1.09"),
    ]  # fmt: skip


def _read(message: Message, spoiler: Spoiler, decoder: StrictDecoder) -> tuple[bytes, bool]:
    """Hand a message over as the library does; return its bytes, and whether one was spoiled."""
    whole = "".join(f"{value}\0" for _, value in message).encode("utf-8", "surrogatepass")
    raw = spoiler.raw(whole)
    fields = raw.decode(errors="backslashreplace").split("\0")
    fields.pop()
    decoder.interpret(fields)
    return raw, raw != whole


def _decoder(session: Session, failures: list[Exception]) -> StrictDecoder:
    decoder = StrictDecoder(session, failures.append)
    decoder.serverVersion = SERVER_VERSION
    return decoder


def test_spoiled_messages_about_orders_are_counted_right_or_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An execution of our account in a pair is never passed over; nothing unsound gets past."""
    caplog.set_level(logging.CRITICAL, "brokers.ib")
    asyncio.run(_feed(tmp_path))


async def _feed(folder: Path) -> None:
    spoiler, seen = Spoiler(29), Counter[str]()
    heard: list[VenueEvent] = []
    failures: list[Exception] = []
    book = OrderBook(ACCOUNT)
    settings = IbSettings(account=ACCOUNT, folder=folder, client_id=1)
    for number in range(ORDERS):
        if number % LIFE == 0:
            desk = Desk(settings, heard.append, lambda: NOON_NS)
            desk._quiet = False
            desk.tracker.submitted(5, an_order(1), terms_of(an_order(1)), NOON_NS)
            decoder = _decoder(Session(desk), failures)
        heard.clear()
        failures.clear()
        message = spoiler.pick(_messages(f"0001.{number}.01"))
        spoiled = spoiler.fields(message)
        raw, is_torn = _read(spoiled, spoiler, decoder)
        for event in heard:
            why = unsound(event)
            assert not why, (why, raw)
            if isinstance(event, OrderEvent):
                survives(event, book)
        if failures:
            assert str(failures[0]) or repr(failures[0])
            seen["told"] += 1
        elif heard:
            seen["read"] += 1
        else:
            assert is_torn or not _must_be_heard(message, spoiled), raw
            seen["quiet"] += 1
    assert min(seen.values()) > ORDERS // 20, seen


def _must_be_heard(message: Message, spoiled: Message) -> bool:
    """Whether it is an execution that still is of our account, in the pair, and under its id."""
    kept = ("message", "acctNumber", "symbol", "secType", "currency", "execId", "reqId")
    names = [name for name, _ in message]
    if message[0][1] != "11" or [name for name, _ in spoiled] != names:
        return False
    told = dict(spoiled)
    return all(told[name] == value for name, value in message if name in kept)


def test_spoiled_prices_are_prices_or_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No quote has a side that is no number, or not above 0."""
    caplog.set_level(logging.CRITICAL, "brokers.ib")
    spoiler, seen = Spoiler(30), Counter[str]()
    quotes: list[IbQuote] = []
    failures: list[Exception] = []
    settings = IbSettings(account=ACCOUNT, folder=tmp_path, client_id=9)
    prices = IbPrices(settings, quotes.append, lambda _event: None, lambda: NOON_NS)
    prices._symbols = {7: "EURUSD"}
    decoder = _decoder(Session(prices), failures)
    for number in range(PRICES):
        quotes.clear()
        failures.clear()
        price = Decimal("1.1") + Decimal(number % 50) / 100_000
        message = _named(1, 6, 7, 1 + number % 2, price, 1_000_000, 0)
        raw, _ = _read(spoiler.fields(message), spoiler, decoder)
        for quote in quotes:
            assert 0 < quote.bid < 1e18, raw
            assert 0 < quote.ask < 1e18, raw
            assert 0 <= quote.bid_units < 1e18, raw
            assert 0 <= quote.ask_units < 1e18, raw
        seen["told" if failures else "read" if quotes else "quiet"] += 1
    assert min(seen.values()) > PRICES // 20, seen


def test_a_message_without_a_number_ends_the_session_and_not_the_loop() -> None:
    """The library would let the error out of the socket's callback."""
    failures: list[Exception] = []
    decoder = StrictDecoder(None, failures.append)
    for fields in ([], [""], ["x"], ["1e3", "6"]):
        decoder.interpret(fields)
    assert [type(error) for error in failures] == [IndexError, ValueError, ValueError, ValueError]


def test_a_message_of_an_unknown_kind_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody asked for it, and somebody may want to know."""
    StrictDecoder(None, print).interpret(["999999", "x"])
    assert caplog.messages == ["TWS sent a message of the unknown kind 999999"]


def test_an_event_of_another_kind_is_none() -> None:
    """The soundness that all of these stand on sees what is unsound."""
    good = OrderEvent(EventKind.FILL, "a", 1, 1, quantity_units=Decimal(1), price=Decimal(1))
    assert not unsound(good)
    assert unsound(object())
    for name, value in (
        ("price", Decimal("NaN")),
        ("price", Decimal(-1)),
        ("quantity_units", None),
        ("cum_units", Decimal(-1)),
        ("leaves_units", Decimal("1e30")),
        ("ts_event_ns", 2**63),
        ("ts_event_ns", -1),
        ("execution_id", "a\x00"),
        ("symbol", "x" * 300),
    ):
        fields = {field: getattr(good, field) for field in good.__struct_fields__}
        assert unsound(OrderEvent(**fields | {name: value})), name
