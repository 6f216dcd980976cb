"""One byte form of execution quality, so that two ways to measure it can be compared."""

import hashlib
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from domain.errors import Corrupt
from domain.quality import ExecutionQuality, OrderQuality, QualityEvent

FORM = "aifx quality 1"

_encode = msgspec.json.Encoder().encode


def quality_sha256(records: Iterable[ExecutionQuality | OrderQuality | QualityEvent]) -> str:
    """Return the digest of some records, whatever their order.

    The form is its name and one line a record, lines ascending: the name of the record's kind, then
    its JSON, decimals without the zeros that a store may add.

    Raises
    ------
    Corrupt
        If a record is there twice: then something was doubled.
    """
    lines = sorted(type(one).__name__.encode() + b" " + _encode(_plain(one)) for one in records)
    if len(set(lines)) != len(lines):
        msg = f"{FORM}: {len(lines) - len(set(lines))} of {len(lines)} records repeat another"
        raise Corrupt(msg)
    return hashlib.sha256(b"\n".join([FORM.encode(), *lines])).hexdigest()


def _plain(record: msgspec.Struct) -> dict[str, object]:
    values = {name: getattr(record, name) for name in record.__struct_fields__}
    return {
        name: f"{value.normalize():f}" if isinstance(value, Decimal) else value
        for name, value in values.items()
    }
