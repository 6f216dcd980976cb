"""An entry of the journal, and the hash that chains it to the one before.

The hash covers every field of an entry and the hash of its predecessor, so that an entry cannot be
changed, left out, added or moved without breaking the chain at that place. It is BLAKE2b over the
previous hash, the four numbers as int64, the lengths of the four texts as uint32, all of these
little-endian, and the texts: account, kind, key, payload.
"""

import struct
from enum import StrEnum
from hashlib import blake2b

import msgspec

from domain.errors import BadUse
from trading.journal.errors import ChainBroken

HASH_BYTES = 32
"""Length of a hash: 256 bits, so that nobody finds a second content for one."""

_INT64 = range(-(2**63), 2**63)
_numbers = struct.Struct("<qqqqIIII").pack


class EntryKind(StrEnum):
    """Kinds of entries that are known here; a reader leaves kinds alone that it does not know.

    ORDER_EVENT (one ``domain.order_events.OrderEvent``), CONTROL (a change of trading state, by
    whom and why), CHARGE (financing, commission, dividend, transfer), LEASE (who became or ceased
    to be the writer), RECONCILE (what a comparison with the broker found), STATEMENT (a day's
    closing figures), PUBLISHED (how far the records have been handed on), PARENT_ORDER and
    GROUP_REQUEST (an order to be worked as many, and orders that depend on each other),
    PARENT_CANCEL and GROUP_CANCEL (their ends).
    """

    ORDER_EVENT = "order_event"
    CONTROL = "control"
    CHARGE = "charge"
    LEASE = "lease"
    RECONCILE = "reconcile"
    STATEMENT = "statement"
    PUBLISHED = "published"
    PARENT_ORDER = "parent_order"
    PARENT_CANCEL = "parent_cancel"
    GROUP_REQUEST = "group_request"
    GROUP_CANCEL = "group_cancel"


class Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What is to be appended.

    Attributes
    ----------
    kind
        An `EntryKind`, or any other name.
    key
        Name of the fact, unique in its account: what has been appended is not appended again.
    ts_event_ns, ts_recv_ns
        When it happened and when it was taken in, nanoseconds UTC.
    payload
        The fact itself as JSON.
    """

    kind: str
    key: str
    ts_event_ns: int
    ts_recv_ns: int
    payload: bytes


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An entry as it was written.

    Attributes
    ----------
    seq
        Its place in the journal of its account: 1, 2, 3, ... without a gap.
    fence
        Number of the lease under which it was written; never falls.
    prev_hash, hash
        Of the entry before (of an account's first entry: `genesis`), and of this one.
    """

    account: str
    seq: int
    kind: str
    key: str
    ts_event_ns: int
    ts_recv_ns: int
    fence: int
    payload: bytes
    prev_hash: bytes
    hash: bytes


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Where a journal ends; kept elsewhere, it proves that nothing before it was changed later.

    Attributes
    ----------
    seq
        Number of the last entry; 0 of an empty journal.
    hash
        Its hash; `genesis` of an empty journal.
    """

    seq: int
    hash: bytes


def require_text(text: str, what: str) -> None:
    """Refuse a name that a database would not give back as it is.

    Raises
    ------
    BadUse
        If it is empty, has a zero byte, or is no valid Unicode.
    """
    if text and "\0" not in text:
        try:
            text.encode()
        except UnicodeEncodeError:
            pass
        else:
            return
    msg = f"{text!r} cannot be the name of {what}: write text without zero bytes"
    raise BadUse(msg)


def require_writable(draft: Draft) -> None:
    """Refuse a draft that a database would not give back as it is.

    Raises
    ------
    BadUse
        If kind or key is no name, a time is no int64, or the payload is no JSON.
    """
    require_text(draft.kind, "a kind of entries")
    require_text(draft.key, "an entry")
    if draft.ts_event_ns not in _INT64 or draft.ts_recv_ns not in _INT64:
        msg = f"entry {draft.key!r}: its times must be nanoseconds in 64 bits"
        raise BadUse(msg)
    try:
        msgspec.json.decode(draft.payload, type=msgspec.Raw)
        draft.payload.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"entry {draft.key!r}: its payload is no JSON: {error}"
        raise BadUse(msg) from error


def genesis(account: str) -> bytes:
    """Return what the first entry of an account has for a predecessor's hash."""
    return blake2b(b"aifx journal 1\0" + account.encode(), digest_size=HASH_BYTES).digest()


def next_entry(head: Head, account: str, draft: Draft, fence: int) -> Entry:
    """Return the entry that a draft becomes behind ``head``."""
    seq = head.seq + 1
    kind = str(draft.kind)
    digest = _hash(
        head.hash,
        seq,
        account,
        kind,
        draft.key,
        draft.ts_event_ns,
        draft.ts_recv_ns,
        fence,
        draft.payload,
    )
    return Entry(
        account,
        seq,
        kind,
        draft.key,
        draft.ts_event_ns,
        draft.ts_recv_ns,
        fence,
        draft.payload,
        head.hash,
        digest,
    )


def check_link(entry: Entry, head: Head, fence: int) -> None:
    """Refuse an entry that is not the one that was written behind ``head``.

    Parameters
    ----------
    entry
        As it was read.
    head
        The last entry before it that is known to be right.
    fence
        Of that last entry.

    Raises
    ------
    ChainBroken
        If anything of it is not as it was written.
    """
    expected = head.seq + 1
    if entry.seq != expected:
        raise ChainBroken(entry.account, expected, f"it is missing; entry {entry.seq} comes next")
    if entry.prev_hash != head.hash:
        raise ChainBroken(entry.account, expected, "it does not follow the entry before it")
    try:
        digest = _hash(
            entry.prev_hash,
            entry.seq,
            entry.account,
            entry.kind,
            entry.key,
            entry.ts_event_ns,
            entry.ts_recv_ns,
            entry.fence,
            entry.payload,
        )
    # A field that is no number, or no text, was damaged beyond what its column can say.
    except (AttributeError, TypeError, ValueError, struct.error) as error:
        raise ChainBroken(entry.account, expected, f"it cannot be read: {error}") from error
    if digest != entry.hash:
        raise ChainBroken(entry.account, expected, "its content is not what was written")
    if entry.fence < fence:
        raise ChainBroken(entry.account, expected, "an earlier writer wrote it")


def _hash(
    previous: bytes,
    seq: int,
    account: str,
    kind: str,
    key: str,
    ts_event_ns: int,
    ts_recv_ns: int,
    fence: int,
    payload: bytes,
) -> bytes:
    texts = account.encode(), kind.encode(), key.encode(), payload
    head = _numbers(seq, ts_event_ns, ts_recv_ns, fence, *map(len, texts))
    return blake2b(b"".join((previous, head, *texts)), digest_size=HASH_BYTES).digest()
