"""Any spoiled FIX message is an event that may be counted, or is dropped with a reason."""

from collections import Counter
from contextlib import suppress

import pytest

from brokers.fix.messages import SOH, FixMessage, parse
from brokers.fix.reports import Reader, cancel_reject, refusal
from brokers.fix.sent import SentCommands
from domain.errors import Drop
from domain.nanos import parse_ns
from domain.order_events import OrderEvent
from tests.brokers.fix.rigs import an_order, report
from tests.brokers.fuzzing import SHARE, Spoiler, survives, unsound
from trading.orders.book import OrderBook
from trading.venues import Submit

NOW_NS = parse_ns("2026-01-05T10:00:00")
INPUTS = 8 * SHARE

pytestmark = pytest.mark.timeout(3_600)


def _messages() -> list[list[tuple[int, str]]]:
    """Return a valid message of every kind that is read, header and all."""
    order = an_order()
    head = [(8, "FIX.4.4"), (9, "200"), (34, "7"), (52, "20260105-10:00:00.123")]
    executed = {"32": "4000", "31": "1.10000", "14": "4000", "151": "6000", "6": "1.10000"}
    told = [
        report(order, kind, status, **{f"t{tag}": value for tag, value in more.items()})
        for kind, status, more in (
            ("0", "0", {}),
            ("A", "A", {}),
            ("8", "8", {"103": "3", "58": "too much"}),
            ("F", "1", {**executed, "12": "2.5", "13": "1", "479": "USD"}),
            ("2", "2", {**executed, "151": "0"}),
            ("4", "4", {"41": "ax"}),
            ("5", "5", {"38": "12000", "44": "1.10100", "40": "2", "59": "1"}),
            ("C", "C", {}),
            ("D", "0", {"38": "9000"}),
            ("9", "9", {}),
            ("L", "0", {}),
            ("G", "1", {**executed, "19": "F-0000"}),
            ("H", "1", {**executed, "19": "F-0000"}),
            ("I", "1", {**executed, "38": "10000", "126": "20260106-10:00:00"}),
        )
    ]
    rejects = [
        [(35, "9"), (11, order.client_order_id + "01"), (41, order.client_order_id), (37, "O"),
         (39, "0"), (434, "1"), (102, "0"), (60, "20260105-10:00:00")],
        [(35, "3"), (45, "7"), (371, "38"), (372, "D"), (373, "5"), (58, "value")],
        [(35, "j"), (45, "7"), (372, "D"), (380, "1"), (379, order.client_order_id), (58, "no")],
    ]  # fmt: skip
    return [[*head[:2], *fields, *head[2:]] for fields in (*told, *rejects)]


def _read(message: FixMessage, reader: Reader, sent: SentCommands) -> OrderEvent:
    if message.kind == "9":
        return cancel_reject(message, NOW_NS)
    if message.kind in {"3", "j"}:
        named = sent.by_name(an_order().client_order_id)
        assert named is not None
        return refusal(message, named, NOW_NS)
    # It also has to answer questions, from the same fields.
    with suppress(Drop):
        reader.order_report(message, NOW_NS, 0)
    return reader.execution_report(message, NOW_NS)


def test_spoiled_messages_are_counted_right_or_dropped_with_a_reason() -> None:
    """Bytes, tags, values, doubled and missing fields: nothing else is ever raised."""
    spoiler, messages, seen = Spoiler(26), _messages(), Counter[str]()
    reader, sent = Reader({"EUR/USD": "EURUSD"}, lambda _name: None), SentCommands()
    sent.add(Submit(an_order()), NOW_NS)
    book = OrderBook("ACC-1")
    for _ in range(INPUTS):
        fields = spoiler.fields(spoiler.pick(messages))
        text = SOH.join(f"{tag}={value}" for tag, value in fields)
        raw = spoiler.raw(text.encode("utf-8", "surrogatepass")).decode(errors="surrogateescape")
        event: OrderEvent | None = None
        reason = ""
        try:
            event = _read(parse(raw), reader, sent)
        except Drop as error:
            reason = str(error)
        if event is None:
            assert reason, raw[:500]
            seen["dropped"] += 1
            continue
        why = unsound(event)
        assert not why, (why, raw[:500])
        survives(event, book)
        seen["read"] += 1
    assert min(seen["dropped"], seen["read"]) > INPUTS // 20, seen
