"""Orders that closed long ago leave the book; the journal holds them whole, and gives them back."""

import msgspec

from domain.errors import Corrupt
from domain.ids import digest
from domain.nanos import DAY_NS
from trading.journal.entries import Draft, Entry
from trading.journal.journal import Journal
from trading.orders.book import OrderBook
from trading.orders.closed import Closed
from trading.orders.shelf import Recall

CLOSED = "closed"
"""Kind of the entries."""

KEEP_NS = 2 * DAY_NS
"""How long an order stays in the book after its last event, in received time. Venues tell late
fills, busts and corrections within their trade date; what comes later costs a read."""

_AT_LEAST = 64
"""Orders that are put away at a time: finding their names is a pass over all names."""

_VERSION = 1


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry holds.

    Attributes
    ----------
    closed
        The order.
    sequence
        Place in the venue's own order of events up to which all was known then; None where it has
        no order.
    """

    v: int
    closed: Closed
    sequence: int | None


_decode = msgspec.json.Decoder(Kept).decode


def put_away(book: OrderBook, journal: Journal, sequence: int | None) -> None:
    """Put away what closed long ago, once the journal holds it whole; call it now and then.

    From memory to memory nothing is moved: a backtest would only pay for it.

    Parameters
    ----------
    book, journal
        Of one account; the book has taken in all that the journal holds.
    sequence
        Place in the venue's own order of events up to which both know all.
    """
    if journal.in_memory:
        return
    done = book.done_before(book.clock_ns - KEEP_NS)
    if len(done) < _AT_LEAST:
        return
    drafts = [_draft(closed, book.clock_ns, sequence) for closed in done]
    places = journal.append_many(drafts)
    journal.commit()
    for closed, place in zip(done, places, strict=True):
        book.put_away(closed.name, place)


def recall_from(journal: Journal) -> Recall:
    """Return what reads an order again that was put away."""
    return lambda place: _kept(journal.at(place)).closed.state


def kept_in(journal: Journal, until_seq: int | None) -> dict[str, tuple[Kept, int]]:
    """Return by client order id what was put away up to a place (None: the end), and its own place.

    An order that came back and was put away again counts as it was the last time.
    """
    found: dict[str, tuple[Kept, int]] = {}
    for entry in journal.of_kind(CLOSED):
        if until_seq is not None and entry.seq > until_seq:
            break
        kept = _kept(entry)
        found[kept.closed.name] = kept, entry.seq
    return found


def _draft(closed: Closed, now_ns: int, sequence: int | None) -> Draft:
    payload = msgspec.json.encode(Kept(_VERSION, closed, sequence))
    # Put away anew as it was, it is the entry that is there.
    key = f"{CLOSED}/{closed.name}/{digest(payload.decode())}"
    return Draft(CLOSED, key, now_ns, now_ns, payload)


def _kept(entry: Entry) -> Kept:
    try:
        kept = _decode(entry.payload)
    except msgspec.MsgspecError as error:
        msg = f"entry {entry.seq} of the journal of {entry.account} cannot be read: {error}"
        raise Corrupt(msg) from error
    if kept.v != _VERSION:
        msg = f"entry {entry.seq} of the journal of {entry.account} is of version {kept.v}"
        raise Corrupt(msg)
    return kept
