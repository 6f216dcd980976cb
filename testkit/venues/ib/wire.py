"""Frames and fields: four bytes of length, then text fields, each ended by a zero byte."""

import socket
import struct
from collections.abc import Iterator, Mapping, Sequence

from testkit.venues.ib.layouts import COUNTS

_LENGTH = struct.Struct(">I")
GREETING = b"API\0"


def frame(*fields: object) -> bytes:
    """Make one message; a bool is 1 or 0, None an empty field."""
    body = b"".join(_text(field).encode() + b"\0" for field in fields)
    return _LENGTH.pack(len(body)) + body


def lay_out(layout: Sequence[str], values: Mapping[str, object]) -> list[object]:
    """Return the values in the order of a layout; what has no value is empty, or a count of 0."""
    return [values.get(name, 0 if name in COUNTS else "") for name in layout]


def read_fields(layout: Sequence[str], fields: Sequence[str]) -> dict[str, str]:
    """Return fields by the names of a layout.

    Raises
    ------
    ValueError
        If their number differs: the client speaks another version than was announced.
    """
    return dict(zip(layout, fields, strict=True))


def read_frames(connection: socket.socket) -> Iterator[bytes]:
    """Yield the bodies of messages until the other side closes."""
    buffer = b""
    while chunk := connection.recv(65_536):
        buffer += chunk
        if buffer.startswith(GREETING):
            buffer = buffer[len(GREETING) :]
        while len(buffer) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack(buffer[: _LENGTH.size])[0]
            if len(buffer) < end:
                break
            yield buffer[_LENGTH.size : end]
            buffer = buffer[end:]


def _text(field: object) -> str:
    if field is None:
        return ""
    return str(int(field)) if isinstance(field, bool) else str(field)
