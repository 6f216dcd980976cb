"""Adjustments as files: whole or not at all, answered once, and what is none is put aside."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.adjustments import PositionAdjustment, position_adjustment
from sources.adjustment_folder import AdjustmentFolder, Answer


def request(number: int = 1, units: str = "1000") -> PositionAdjustment:
    """Return a request; each number is another one."""
    return position_adjustment(
        "EURUSD",
        Decimal(units),
        Decimal("1.1"),
        account="A-1",
        by="Ada",
        reason="of the old desk",
        ts_event_ns=number,
    )


@pytest.fixture
def folder(tmp_path: Path) -> AdjustmentFolder:
    """Return the folder of an account; nothing is in it."""
    return AdjustmentFolder(tmp_path / "adjustments", "A-1")


def test_requests_wait_by_time_until_they_are_answered(folder: AdjustmentFolder) -> None:
    """Each has one answer, which says why it was refused."""
    second, first = request(2), request(1)
    assert folder.waiting() == []
    for one in (second, first):
        folder.put(one)
        assert folder.answer(one) is None
    assert folder.waiting() == [first, second]
    folder.done(first)
    folder.done(second, "book and venue agree")
    assert folder.waiting() == []
    assert folder.answer(first) == Answer(first, "booked")
    assert folder.answer(second) == Answer(second, "refused", "book and venue agree")


def test_an_id_follows_from_every_field() -> None:
    """Two words of the same person at two times are two, and so is any other difference."""
    one = request()
    changes: list[dict[str, Any]] = [
        {"account": "A-2"},
        {"symbol": "USDJPY"},
        {"units": Decimal(-1000)},
        {"price": Decimal("1.2")},
        {"by": "Bob"},
        {"reason": "else"},
        {"ts_event_ns": 2},
    ]
    ids = {one.adjustment_id}
    for change in changes:
        other = msgspec.structs.replace(one, **change)
        named = position_adjustment(
            other.symbol,
            other.units,
            other.price,
            account=other.account,
            by=other.by,
            reason=other.reason,
            ts_event_ns=other.ts_event_ns,
        )
        ids.add(named.adjustment_id)
    assert len(ids) == len(changes) + 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{", "truncated"),
        (b"", "truncated"),
        (msgspec.json.encode(msgspec.structs.replace(request(), by="Bob")), "does not follow"),
    ],
)
def test_what_is_no_request_is_put_aside(folder: AdjustmentFolder, data: bytes, why: str) -> None:
    """With the reason beside it, told once; the others are heard."""
    good = request()
    folder.put(good)
    (folder.path / "adjust-0.json").write_bytes(data)
    assert folder.waiting() == [good]
    (words,) = folder.complaints()
    assert words.startswith("adjustment adjust-0.json is refused: ")
    assert folder.complaints() == []
    aside = folder.path / "refused" / "adjust-0.json"
    assert aside.read_bytes() == data
    assert why in aside.with_name("adjust-0.json.why").read_text()
