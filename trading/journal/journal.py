"""The journal of one account: appended by one process at a time, read by any."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Self

from domain.errors import BadUse
from domain.orders import Execution, Order, Position
from trading.journal.database import Database
from trading.journal.entries import Draft, Entry, Head, require_text
from trading.journal.errors import ChainBroken
from trading.journal.keys import KnownKeys
from trading.journal.lease import Lease, lease_draft
from trading.journal.pending import Pending
from trading.journal.projections import Projections, Record, key_of
from trading.journal.reading import Reader
from trading.journal.schema import migrate

_TIDY_COMMITS = 100
"""Commits after which the store's log is folded away: about the 1,000 pages that SQLite allows."""


class Journal:
    """The journal of one account in one store; make one with `open`.

    What is appended waits in memory until `commit` writes all of it as one commit: a kill leaves
    whole commits, and no other process is kept waiting in between. `append_durable` commits at
    once: when it returns, its entry and all before it are on disk.

    After a ``Retry``, and after `JournalFull`, what was appended still waits and a later commit
    takes it. After `Fenced` nothing can be written any more.

    Not for several threads at once. Other processes may read while one writes.
    """

    def __init__(self, database: Database, account: str) -> None:
        self.account = account
        self._database = database
        self._lease = Lease(database, account)
        self._reader = Reader(database, account)
        self._projections = Projections(database, account)
        self._known = KnownKeys()
        head = self._reader.verify(self._lease, known=self._known)
        self._pending = Pending(database, self._lease, account, head, self._known)
        self._records: dict[tuple[str, ...], Record] = {}
        self._commits = 0

    @classmethod
    def open(cls, dsn: str, account: str) -> Self:
        """Open an account's journal, bring its tables up to date, and check all of it.

        Parameters
        ----------
        dsn
            ``sqlite:///PATH``, ``sqlite://`` for one in memory, or ``postgresql+psycopg://...``.
        account
            Name of the account; several may share a store.

        Raises
        ------
        BadUse
            If DSN or account cannot be used.
        Corrupt
            If the store is no journal, is damaged, or is of a version that is not known here.
        JournalUnavailable, JournalBusy
            If the store cannot be reached.
        """
        require_text(account, "an account")
        database = Database.open(dsn)
        try:
            database.check()
            migrate(database)
            return cls(database, account)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Close the store; what was not committed is dropped, as by a kill."""
        self._database.close()

    @property
    def fence(self) -> int:
        """Number of the lease under which this process writes; 0 before `acquire`."""
        return self._lease.fence

    @property
    def in_memory(self) -> bool:
        """Whether its store is in memory, and gone when it is closed."""
        return self._database.in_memory

    @property
    def head(self) -> Head:
        """Where the journal ended at the last look at it: after `open`, `acquire` or a commit."""
        return self._pending.head

    def acquire(self, holder: str, now_ns: int, ttl_ns: int) -> int:
        """Become the one writer of the account, and journal it.

        Parameters
        ----------
        holder
            Name of this process; one that comes back under its name need not wait.
        now_ns
            Time now, nanoseconds UTC.
        ttl_ns
            How long the lease runs (> 0) unless `renew` extends it.

        Returns
        -------
        int
            The fence: higher than any before.

        Raises
        ------
        LeaseHeld
            If another process is the writer.
        """
        require_text(holder, "a holder")
        if ttl_ns <= 0:
            msg = f"a lease of {ttl_ns} ns never begins; give it some seconds"
            raise BadUse(msg)
        if self._pending or self._records:
            msg = f"account {self.account}: commit what waits before the lease is taken again"
            raise BadUse(msg)
        with self._database.transaction() as cursor:
            state, stated = self._lease.take(cursor, holder, now_ns, ttl_ns)
            self._catch_up(stated)
            draft = lease_draft(state, now_ns)
            head = self._pending.write_one(cursor, draft, state.fence, state.fence)
        self._lease.fence = state.fence
        self._pending.continue_from(head)
        return state.fence

    def renew(self, now_ns: int, ttl_ns: int) -> None:
        """Let the lease run for ``ttl_ns`` (> 0) from now; call it well before it runs out.

        Raises
        ------
        Fenced
            If another process has taken over.
        """
        self._lease.extend(now_ns + ttl_ns)

    def release(self, now_ns: int) -> None:
        """Commit what waits and give the lease back, so that nobody has to wait for its end.

        Raises
        ------
        Fenced
            If another process has taken over.
        """
        self.commit()
        with self._database.transaction() as cursor:
            held, _ = self._lease.locked(cursor)
            if held.fence != self.fence or not self.fence:
                raise self._lease.fenced(held.fence)
            state = self._lease.give_back(cursor)
            draft = lease_draft(state, now_ns)
            head = self._pending.write_one(cursor, draft, self.fence, state.fence)
        self._lease.fence = 0
        self._pending.continue_from(head)

    def check(self, now_ns: int) -> None:
        """Refuse to go on unless this process is the writer now; before every send.

        Raises
        ------
        Fenced
            If another process has taken over, or may.
        """
        self._lease.check(now_ns)

    def append(self, draft: Draft) -> int:
        """Append an entry, on disk with the next commit.

        Returns
        -------
        int
            Its place. A draft whose key is known, with the same kind and payload, is not appended
            again: then the place of the entry that is there.

        Raises
        ------
        KeyReused
            If the key is known with another kind or payload.
        BadUse
            If the draft cannot be written, or there is no lease.
        """
        return self._pending.add(draft)

    def append_many(self, drafts: Sequence[Draft]) -> list[int]:
        """Append several entries, all on disk with the next commit, or none of them.

        Returns
        -------
        list of int
            Their places, as `append` returns them.

        Raises
        ------
        KeyReused, BadUse
            As `append`; then none of them is appended.
        """
        return self._pending.add_all(drafts)

    def append_durable(self, draft: Draft) -> int:
        """Append an entry and commit: it is on disk when this returns; before every send.

        Raises
        ------
        KeyReused, BadUse
            As `append`.
        Fenced, JournalUnavailable, JournalBusy
            As `commit`; then nothing may be sent.
        """
        seq = self.append(draft)
        self.commit()
        return seq

    def project(self, *records: Record) -> None:
        """Note how orders, executions and positions stand, in their tables with the next commit."""
        for record in records:
            if record.account != self.account:
                msg = (
                    f"a record of account {record.account} is not for the journal of {self.account}"
                )
                raise BadUse(msg)
            self._records[key_of(record)] = record

    def commit(self) -> None:
        """Write all that waits as one commit; without anything waiting this costs nothing.

        Raises
        ------
        Fenced
            If another process has taken over: nothing is written, now or later.
        JournalFull, JournalUnavailable, JournalBusy
            If the store does not take it: nothing is written, all of it still waits.
        """
        if not self._pending and not self._records:
            return
        with self._database.transaction() as cursor:
            self._pending.write(cursor)
            self._projections.write(cursor, self._records.values())
        self._pending.settle()
        self._records.clear()
        self._commits += 1

    def tidy(self) -> None:
        """Do the store's own work that is due; call it often, where no order waits for it."""
        if self._commits >= _TIDY_COMMITS:
            self._commits = 0
            self._database.fold_log()

    def read(self, after_seq: int = 0) -> Iterator[Entry]:
        """Yield the committed entries behind ``after_seq`` (>= 0), each checked, in their order.

        Raises
        ------
        ChainBroken
            At the first entry that is not what was written there.
        """
        return self._reader.read(after_seq)

    def of_kind(self, kind: str) -> Iterator[Entry]:
        """Yield the committed entries of a kind, in their order.

        Each is checked by its own hash; that they follow one another was checked by `open`.

        Raises
        ------
        ChainBroken
            At the first entry that is not what was written there.
        """
        return self._reader.of_kind(kind)

    def at(self, seq: int) -> Entry:
        """Return one committed entry, checked by its own hash.

        Raises
        ------
        ChainBroken
            If it is not there, or not what was written there.
        """
        return self._reader.at(seq)

    def verify(self, anchor: Head | None = None) -> Head:
        """Check the whole journal again and return its end.

        Parameters
        ----------
        anchor
            A `head` of before that was kept elsewhere: shows that the journal still continues it.

        Raises
        ------
        ChainBroken
            At the first entry that is not what was written there.
        """
        return self._reader.verify(self._lease, anchor)

    def orders(self) -> list[Order]:
        """Return all orders as they were committed, by client order id."""
        return self._projections.read(Order)

    def executions(self) -> list[Execution]:
        """Return all executions as they were committed, by execution id."""
        return self._projections.read(Execution)

    def positions(self) -> list[Position]:
        """Return all positions as they were committed, by symbol."""
        return self._projections.read(Position)

    def rebuild(self, records: Iterable[Record]) -> int:
        """Make the tables of orders, executions and positions hold exactly these records.

        Parameters
        ----------
        records
            What folding all entries gives.

        Returns
        -------
        int
            Records that had been missing, different or too many: 0 says that all was right.

        Raises
        ------
        Fenced
            If this process is not the writer.
        """
        self._records.clear()
        self.commit()
        with self._database.transaction() as cursor:
            self._pending.write(cursor)
            return self._projections.replace(cursor, records)

    def _catch_up(self, stated: Head) -> None:
        """Check what the writer before has added since this journal was opened."""
        known = self._pending.head
        for entry in self._reader.read(known.seq):
            self._known.add([entry.key])
            known = Head(entry.seq, entry.hash)
        if known != stated:
            raise ChainBroken(self.account, known.seq, "it is not where the journal ends")
        self._pending.continue_from(known)
