"""Raw FIX messages: body length and checksum by the book."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

SOH = b"\x01"
BEGIN = b"8=FIX.4.4" + SOH

Pairs = Sequence[tuple[int, str]]


def frame(fields: Iterable[tuple[int, str]], checksum_offset: int = 0) -> bytes:
    """Return a message with BeginString (8), BodyLength (9) and CheckSum (10) around its fields.

    Parameters
    ----------
    fields
        From MsgType (35) on.
    checksum_offset
        Added to the checksum: anything but a multiple of 256 makes a garbled message.
    """
    body = b"".join(f"{tag}={value}".encode("latin-1") + SOH for tag, value in fields)
    head = BEGIN + f"9={len(body)}".encode() + SOH
    total = (sum(head + body) + checksum_offset) % 256
    return head + body + f"10={total:03d}".encode() + SOH


def split(data: bytes) -> tuple[list[dict[int, str]], bytes]:
    """Return the whole messages at the head of a stream, and what is left of it.

    Of a repeated tag the first value is kept.

    Raises
    ------
    ValueError
        If a body length or a checksum is wrong: an adapter must not send such a message.
    """
    found: list[dict[int, str]] = []
    while True:
        end = data.find(SOH + b"10=")
        stop = data.find(SOH, end + 1) if end >= 0 else -1
        if stop < 0:
            return found, data
        raw, data = data[: stop + 1], data[stop + 1 :]
        found.append(_checked(raw))


def utc_now() -> str:
    """Return the time as FIX writes it."""
    now = datetime.now(UTC)  # noqa: TID251 - the edge: the engine refuses a SendingTime off by 2 min
    return f"{now:%Y%m%d-%H:%M:%S}.{now.microsecond // 1_000:03d}"


def _checked(raw: bytes) -> dict[int, str]:
    fields: dict[int, str] = {}
    for piece in raw.split(SOH)[:-1]:
        tag, _, value = piece.decode("latin-1").partition("=")
        fields.setdefault(int(tag), value)
    tail = raw.rindex(b"10=")
    body = raw.index(b"9=") + raw[raw.index(b"9=") :].index(SOH) + 1
    if int(fields[9]) != tail - body or int(fields[10]) != sum(raw[:tail]) % 256:
        msg = f"message with a wrong length or checksum: {raw!r}"
        raise ValueError(msg)
    return fields
