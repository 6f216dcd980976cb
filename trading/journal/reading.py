"""Reading the entries of an account, each checked against the one before it."""

from collections.abc import Iterator

import sqlalchemy as sa

from trading.journal.database import Database
from trading.journal.entries import Entry, EntryKind, Head, check_link, genesis
from trading.journal.errors import ChainBroken
from trading.journal.keys import KnownKeys
from trading.journal.lease import Lease, check_lease
from trading.journal.tables import entries

_CHUNK = 1_000
"""Entries of one query: about a megabyte."""


class Reader:
    """Reads the entries of one account in one store, and finds what has been done to them."""

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account
        row, own = entries.c, entries.c.account == sa.bindparam("own")
        self._select_behind = database.text(
            sa.select(entries)
            .where(own, row.seq > sa.bindparam("after"))
            .order_by(row.seq)
            .limit(sa.literal_column(str(_CHUNK)))
            # SQLAlchemy would bind a 0 of its own here.
            .offset(sa.literal_column("0"))
        )
        self._select_kind = database.text(
            sa.select(entries)
            .where(own, row.kind == sa.bindparam("of"), row.seq > sa.bindparam("after"))
            .order_by(row.seq)
            .limit(sa.literal_column(str(_CHUNK)))
            .offset(sa.literal_column("0"))
        )
        self._select_at = database.text(
            sa.select(entries).where(own, row.seq == sa.bindparam("at"))
        )
        self._select_hash = database.text(
            sa.select(row.hash, row.fence).where(own, row.seq == sa.bindparam("at"))
        )

    def read(self, after_seq: int = 0) -> Iterator[Entry]:
        """Yield the committed entries behind ``after_seq`` (>= 0), in their order.

        Raises
        ------
        ChainBroken
            At the first entry that is not what was written behind the one before it.
        """
        head, fence = self._start(after_seq)
        while True:
            # All at once: the driver's cursor serves others between two entries.
            with self._database.translated():
                cursor = self._database.cursor
                cursor.execute(self._select_behind, (self._account, head.seq))
                rows = cursor.fetchall()
            for row in rows:
                entry = self._entry(row, head.seq + 1)
                check_link(entry, head, fence)
                head, fence = Head(entry.seq, entry.hash), entry.fence
                yield entry
            if len(rows) < _CHUNK:
                return

    def of_kind(self, kind: str) -> Iterator[Entry]:
        """Yield the committed entries of a kind, in their order.

        Raises
        ------
        ChainBroken
            At the first entry whose content is not what its hash says.
        """
        after = 0
        while True:
            with self._database.translated():
                cursor = self._database.cursor
                cursor.execute(self._select_kind, (self._account, kind, after))
                rows = cursor.fetchall()
            for row in rows:
                entry = self._alone(row)
                after = entry.seq
                yield entry
            if len(rows) < _CHUNK:
                return

    def at(self, seq: int) -> Entry:
        """Return one committed entry.

        Raises
        ------
        ChainBroken
            If it is missing, or its content is not what its hash says.
        """
        row = self._database.one(self._select_at, (self._account, seq))
        if row is None:
            raise ChainBroken(self._account, seq, "it is missing")
        return self._alone(row)

    def verify(
        self, lease: Lease, anchor: Head | None = None, known: KnownKeys | None = None
    ) -> Head:
        """Check the whole journal, its end and its lease, and return the end.

        Parameters
        ----------
        lease
            Of the same account.
        anchor
            An end that was seen before and kept elsewhere; without one, nobody can know that the
            last entries were not taken away together with the account's row.
        known
            Where the keys are noted, if anywhere.

        Raises
        ------
        ChainBroken
            At the first place that is not as it was written.
        """
        with self._database.snapshot():
            state, stated = lease.seen(self._database.cursor)
            head, last_lease = self._end(known)
        if head.seq < stated.seq:
            what = f"it is missing; the journal ended with entry {stated.seq}"
            raise ChainBroken(self._account, head.seq + 1, what)
        if head.seq > stated.seq:
            what = f"it was added behind the journal's end, entry {stated.seq}"
            raise ChainBroken(self._account, stated.seq + 1, what)
        if head.hash != stated.hash:
            raise ChainBroken(self._account, head.seq, "it is not the one that the journal ends in")
        if anchor is not None:
            self._check_anchor(anchor, head)
        check_lease(self._account, state, last_lease, head)
        return head

    def _end(self, known: KnownKeys | None) -> tuple[Head, bytes | None]:
        head, last_lease = Head(0, genesis(self._account)), None
        for entry in self.read():
            head = Head(entry.seq, entry.hash)
            if entry.kind == EntryKind.LEASE:
                last_lease = entry.payload
            if known is not None:
                known.add([entry.key])
        return head, last_lease

    def _start(self, seq: int) -> tuple[Head, int]:
        if seq == 0:
            return Head(0, genesis(self._account)), 0
        found = self._database.one(self._select_hash, (self._account, seq))
        if found is None:
            raise ChainBroken(self._account, seq, "it is missing")
        return Head(seq, found[0]), found[1]

    def _check_anchor(self, anchor: Head, head: Head) -> None:
        if anchor.seq > head.seq:
            what = f"it is missing; it was there when the journal was {anchor.seq} entries long"
            raise ChainBroken(self._account, head.seq + 1, what)
        if self._start(anchor.seq)[0] != anchor:
            raise ChainBroken(self._account, anchor.seq, "it, or one before it, was written anew")

    def _alone(self, row: tuple[object, ...]) -> Entry:
        """Return the entry of a row, checked by its own hash."""
        entry = self._entry(row, int(str(row[1])))
        check_link(entry, Head(entry.seq - 1, entry.prev_hash), entry.fence)
        return entry

    def _entry(self, row: tuple[object, ...], seq: int) -> Entry:
        account, number, kind, key, ts_event_ns, ts_recv_ns, fence, payload, previous, own = row
        try:
            raw = payload.encode()  # type: ignore[attr-defined]
        except (AttributeError, UnicodeEncodeError) as error:
            raise ChainBroken(self._account, seq, f"it cannot be read: {error}") from error
        # The driver types nothing: `check_link` refuses what is no number or no text.
        fields: tuple[object, ...] = (
            account, number, kind, key, ts_event_ns, ts_recv_ns, fence, raw, previous, own,
        )  # fmt: skip
        return Entry(*fields)  # type: ignore[arg-type]
