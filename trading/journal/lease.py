"""Who may write an account's journal: one holder at a time, with a number that only rises.

A lease runs out by the clock, so that a dead process does not hold an account for ever. A process
that was merely paused wakes up and still believes in its lease: then its number, the fence, is not
the one in the store any more, and every write and every check fails.
"""

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from trading.journal.database import Cursor, Database
from trading.journal.entries import Draft, EntryKind, Head, genesis
from trading.journal.errors import ChainBroken, Fenced, LeaseHeld
from trading.journal.tables import journals


class LeaseState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Who holds the lease of an account; what the payload of a LEASE entry is.

    Attributes
    ----------
    holder
        Name of the process; empty of a lease that nobody holds.
    fence
        Number of the lease; rises with every change of hands, and when it is given back.
    expires_ns
        From then on another process may take it; nanoseconds UTC. A renewal is no entry, so that
        of an entry this is the first end.
    """

    holder: str
    fence: int
    expires_ns: int


FREE = LeaseState("", 0, 0)
"""The lease of an account that has never been written."""


class Lease:
    """The lease of one account in one store, as the process that wants it or has it sees it.

    Attributes
    ----------
    fence
        Number of the lease that this process was given last; 0 if none.
    """

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account
        self.fence = 0
        row = journals.c
        own = row.account == sa.bindparam("own")
        self._select = database.text(sa.select(row.fence, row.expires_ns).where(own))
        whole = sa.select(row.holder, row.fence, row.expires_ns, row.head_seq, row.head_hash)
        self._select_whole = database.text(whole.where(own))
        self._lock_whole = database.text(whole.where(own).with_for_update())
        insert = (sqlite if database.is_sqlite else postgresql).insert(journals)
        self._add_row = database.text(
            insert.on_conflict_do_nothing(), [column.name for column in row]
        )
        expires = sa.update(journals).values(expires_ns=sa.bindparam("e"))
        self._extend = database.text(expires.where(own, row.fence == sa.bindparam("f")))
        self._take = database.text(
            expires.values(holder=sa.bindparam("h"), fence=sa.bindparam("f")).where(own)
        )

    def seen(self, cursor: Cursor) -> tuple[LeaseState, Head]:
        """Return lease and end of the journal as they are."""
        return self._whole(cursor, self._select_whole)

    def locked(self, cursor: Cursor) -> tuple[LeaseState, Head]:
        """Return lease and end of the journal, which then stay so until the transaction ends."""
        return self._whole(cursor, self._lock_whole)

    def take(
        self, cursor: Cursor, holder: str, now_ns: int, ttl_ns: int
    ) -> tuple[LeaseState, Head]:
        """Make ``holder`` the writer, within a transaction.

        A holder may take its own lease again: the process that had it before is fenced then.

        Returns
        -------
        tuple
            The new lease, and where the journal ends.

        Raises
        ------
        LeaseHeld
            If another holder's has not run out.
        """
        start = Head(0, genesis(self._account))
        row = (self._account, start.seq, start.hash, FREE.holder, FREE.fence, FREE.expires_ns)
        cursor.execute(self._add_row, row)
        held, head = self.locked(cursor)
        if held.holder not in ("", holder) and now_ns < held.expires_ns:
            wait_s = (held.expires_ns - now_ns) / 1e9
            msg = (
                f"account {self._account} is written by {held.holder!r}, whose lease runs for "
                f"another {wait_s:.1f} s; end that process, or wait"
            )
            raise LeaseHeld(msg)
        state = LeaseState(holder, held.fence + 1, now_ns + ttl_ns)
        cursor.execute(self._take, (state.holder, state.fence, state.expires_ns, self._account))
        return state, head

    def give_back(self, cursor: Cursor) -> LeaseState:
        """Let the lease go, within a transaction; its number counts for nobody then."""
        state = LeaseState("", self.fence + 1, 0)
        cursor.execute(self._take, (state.holder, state.fence, state.expires_ns, self._account))
        return state

    def extend(self, expires_ns: int) -> None:
        """Let the lease run until ``expires_ns``.

        Raises
        ------
        Fenced
            If it has changed hands.
        """
        with self._database.transaction() as cursor:
            held, _ = self.locked(cursor)
            if held.fence != self.fence:
                raise self.fenced(held.fence)
            # A clock that was set back must not shorten what has been promised.
            later = max(held.expires_ns, expires_ns)
            cursor.execute(self._extend, (later, self._account, self.fence))

    def check(self, now_ns: int) -> None:
        """Refuse to go on unless this process is the writer now: one query by key.

        Raises
        ------
        Fenced
            If the lease has changed hands, or has run out.
        """
        fence, expires_ns = self._database.one(self._select, (self._account,)) or (0, 0)
        if self.fence != fence or fence == 0:
            raise self.fenced(fence)
        if now_ns >= expires_ns:
            msg = (
                f"account {self._account}: the lease ran out {(now_ns - expires_ns) / 1e9:.1f} s "
                "ago and another process may take it at any moment; restart this one"
            )
            raise Fenced(msg)

    def fenced(self, fence: int) -> Fenced:
        """Return the error of a process whose lease is not the one of the store."""
        mine = f"not under number {self.fence}" if self.fence else "without a lease"
        return Fenced(
            f"account {self._account} is written under lease number {fence} now, {mine}: another "
            "process has taken over; end this one, it must not send"
        )

    def _whole(self, cursor: Cursor, statement: str) -> tuple[LeaseState, Head]:
        cursor.execute(statement, (self._account,))
        found = cursor.fetchone()
        if found is None:
            return FREE, Head(0, genesis(self._account))
        holder, fence, expires_ns, seq, digest = found
        return LeaseState(holder, fence, expires_ns), Head(seq, digest)


def lease_draft(state: LeaseState, now_ns: int) -> Draft:
    """Return what the journal keeps of a change of hands."""
    payload = msgspec.json.encode(state)
    return Draft(EntryKind.LEASE, f"lease-{state.fence}", now_ns, now_ns, payload)


def check_lease(account: str, state: LeaseState, last: bytes | None, head: Head) -> None:
    """Refuse a lease that is not the one that the journal saw last.

    Parameters
    ----------
    account, head
        The account and the end of its journal.
    state
        The lease as the account's row has it.
    last
        Payload of the last LEASE entry; None if there is none.

    Raises
    ------
    ChainBroken
        If holder or number differ: a fence that was lowered would let a fenced process write.
    """
    seen = FREE if last is None else msgspec.json.decode(last, type=LeaseState)
    if (seen.holder, seen.fence) != (state.holder, state.fence):
        what = (
            f"the lease is number {state.fence} of {state.holder!r}, but the journal up to entry "
            f"{head.seq} knows number {seen.fence} of {seen.holder!r}"
        )
        raise ChainBroken(account, 0, what)
