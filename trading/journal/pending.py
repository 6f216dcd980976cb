"""What waits to be written behind the end of a journal."""

from collections.abc import Sequence

import sqlalchemy as sa

from domain.errors import BadUse
from trading.journal.bulk import BulkInsert
from trading.journal.database import Cursor, Database
from trading.journal.entries import Draft, Entry, Head, next_entry, require_writable
from trading.journal.errors import ChainBroken, KeyReused
from trading.journal.keys import KnownKeys
from trading.journal.lease import Lease
from trading.journal.tables import entries, journals


class Pending:
    """Entries of one account that are chained and numbered, and wait to be written.

    Parameters
    ----------
    database, lease, account
        Of the journal.
    head
        Where it ends.
    known
        The keys up to there; those that are appended are added.

    Attributes
    ----------
    head
        Where the journal ends in its store, as far as is known here.
    """

    def __init__(
        self, database: Database, lease: Lease, account: str, head: Head, known: KnownKeys
    ) -> None:
        self.head = head
        self._known = known
        self._database = database
        self._lease = lease
        self._account = account
        self._tip = head
        self._entries: dict[str, Entry] = {}
        row, own = entries.c, entries.c.account == sa.bindparam("own")
        self._select = database.text(
            sa.select(row.seq, row.kind, row.payload).where(own, row.key == sa.bindparam("by_key"))
        )
        self._insert = BulkInsert(database, entries)
        end = journals.c
        self._move_head = database.text(
            sa.update(journals)
            .where(
                end.account == sa.bindparam("own"),
                end.fence == sa.bindparam("by_fence"),
                end.head_seq == sa.bindparam("old_seq"),
                end.head_hash == sa.bindparam("old_hash"),
            )
            .values(head_seq=sa.bindparam("seq"), head_hash=sa.bindparam("hash"))
        )

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, draft: Draft) -> int:
        """Chain a draft behind all others, and return its place.

        See `trading.journal.journal.Journal.append`, which this is.
        """
        require_writable(draft)
        known = self._place_of(draft)
        if known is not None:
            return known
        if not self._lease.fence:
            msg = f"account {self._account}: `acquire` the lease before anything is appended"
            raise BadUse(msg)
        entry = next_entry(self._tip, self._account, draft, self._lease.fence)
        self._tip = Head(entry.seq, entry.hash)
        self._entries[entry.key] = entry
        return entry.seq

    def add_all(self, drafts: Sequence[Draft]) -> list[int]:
        """Chain several drafts, or none of them if one cannot be."""
        tip, count = self._tip, len(self._entries)
        try:
            return [self.add(draft) for draft in drafts]
        except BaseException:
            for key in list(self._entries)[count:]:
                del self._entries[key]
            self._tip = tip
            raise

    def write(self, cursor: Cursor) -> None:
        """Write all of them within a transaction; `settle` once it is committed."""
        self._put(cursor, self._tip, list(self._entries.values()), self._lease.fence)

    def settle(self) -> None:
        """Take note that what was written is committed."""
        self.head = self._tip
        self._known.add(self._entries)
        self._entries.clear()

    def write_one(self, cursor: Cursor, draft: Draft, written_under: int, held: int) -> Head:
        """Write one entry on its own within a transaction, and return it as the new end.

        Parameters
        ----------
        cursor
            Of the transaction.
        draft
            A change of hands, which moves the fence in the same transaction.
        written_under, held
            Fence that the entry bears, and the one that the store holds now.
        """
        entry = next_entry(self.head, self._account, draft, written_under)
        end = Head(entry.seq, entry.hash)
        self._put(cursor, end, [entry], held)
        self._known.add([entry.key])
        return end

    def continue_from(self, head: Head) -> None:
        """Go on behind an entry that another way has committed; nothing may be waiting."""
        self.head = self._tip = head

    def _put(self, cursor: Cursor, end: Head, new: Sequence[Entry], fence: int) -> None:
        old = self.head
        cursor.execute(
            self._move_head, (end.seq, end.hash, self._account, fence, old.seq, old.hash)
        )
        if cursor.rowcount != 1:
            held, stated = self._lease.locked(cursor)
            if held.fence != fence:
                raise self._lease.fenced(held.fence)
            what = f"the journal ends with entry {stated.seq}, which another process wrote"
            raise ChainBroken(self._account, old.seq, what)
        if new:
            self._insert.write(cursor, [_row(entry) for entry in new])

    def _place_of(self, draft: Draft) -> int | None:
        waiting = self._entries.get(draft.key)
        if waiting is not None:
            seq, kind, payload = waiting.seq, waiting.kind, waiting.payload
        elif draft.key not in self._known:
            return None
        else:
            found = self._database.one(self._select, (self._account, draft.key))
            if found is None:
                return None
            seq, kind, payload = found[0], found[1], found[2].encode()
        if (kind, payload) != (draft.kind, draft.payload):
            msg = (
                f"account {self._account}: the key {draft.key!r} is that of entry {seq}, which "
                "says something else; a key must follow from the fact"
            )
            raise KeyReused(msg)
        return int(seq)


def _row(entry: Entry) -> tuple[object, ...]:
    """Return an entry as the columns of its table hold it, which are in the order of its fields."""
    return (
        entry.account,
        entry.seq,
        entry.kind,
        entry.key,
        entry.ts_event_ns,
        entry.ts_recv_ns,
        entry.fence,
        entry.payload.decode(),
        entry.prev_hash,
        entry.hash,
    )
