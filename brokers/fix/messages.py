"""FIX messages as data: what the engine is given and what it hands over, without its types."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from brokers.fix.tags import Tag
from brokers.fix.values import decimal_of, time_ns_of
from brokers.wire_values import is_name
from domain.errors import Drop
from trading.venues import Unsupported

SOH = "\x01"
"""Ends every field; nothing that we send may hold one."""

Fields = tuple[tuple[int, str], ...]


class FixMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message.

    Attributes
    ----------
    kind
        Its type (35).
    fields
        Tag and value, in order; header, body and repeating groups in one row.
    parties
        Entries of the repeating group NoPartyIDs (453) that a message to be sent carries.
    """

    kind: str
    fields: Fields
    parties: tuple[Fields, ...] = ()

    def get(self, tag: Tag) -> str | None:
        """Return the first value of a tag, None if there is none or it is empty."""
        for found, value in self.fields:
            if found == tag:
                return value or None
        return None

    def all(self, tag: Tag) -> list[str]:
        """Return every value of a tag, as in a repeating group."""
        return [value for found, value in self.fields if found == tag]

    def text(self, tag: Tag) -> str:
        """Return the value of a tag, empty if there is none."""
        return self.get(tag) or ""

    def name(self, tag: Tag) -> str:
        """Return an id, a code or a symbol, empty if there is none.

        Raises
        ------
        Drop
            If it holds anything but printable ASCII: nothing could be found by it again.
        """
        value = self.text(tag)
        if not is_name(value):
            msg = f"FIX field {int(tag)} is no name: {value[:40]!r}"
            raise Drop(msg)
        return value

    def decimal(self, tag: Tag) -> Decimal | None:
        """Return a number, None if there is none.

        Raises
        ------
        Drop
            If what is there is no finite number.
        """
        value = self.get(tag)
        return None if value is None else decimal_of(value, tag)

    def time_ns(self, tag: Tag) -> int | None:
        """Return a UTCTimestamp in nanoseconds, None if there is none.

        Raises
        ------
        Drop
            If what is there is no such time.
        """
        value = self.get(tag)
        return None if value is None else time_ns_of(value, tag)

    def flag(self, tag: Tag) -> bool:
        """Say whether a tag is there with the value Y."""
        return self.get(tag) == "Y"


def parse(raw: str) -> FixMessage:
    """Read a message as it stands on the wire.

    Raises
    ------
    Drop
        If a field is no ``tag=value``, or there is no type.
    """
    fields: list[tuple[int, str]] = []
    for piece in raw.split(SOH):
        if not piece:
            continue
        tag, separator, value = piece.partition("=")
        if not separator or not (tag.isascii() and tag.isdigit()):
            msg = f"FIX field {piece[:40]!r} is not tag=value"
            raise Drop(msg)
        fields.append((int(tag), value))
    kind = next((value for tag, value in fields if tag == Tag.MSG_TYPE), "")
    if not kind:
        msg = "FIX message without a type (35)"
        raise Drop(msg)
    return FixMessage(kind, tuple(fields))


def checked(fields: Iterable[tuple[Tag, str]]) -> Fields:
    """Return fields that are safe to send; those with an empty value are left out.

    Raises
    ------
    Unsupported
        If a value holds anything but printable ASCII: a separator in it would forge a field.
    """
    kept = [(int(tag), value) for tag, value in fields if value]
    for tag, value in kept:
        if not value.isascii() or not value.isprintable():
            msg = f"FIX field {tag} cannot carry {value!r}: printable ASCII only"
            raise Unsupported(msg)
    return tuple(kept)
