"""What can go wrong with a journal, by reaction, and what a driver's error means for it.

::

    Halt
    ├── BadUse
    │   └── KeyReused           a key came again with other content
    ├── Corrupt
    │   └── ChainBroken         an entry was changed, lost, added or moved: says which
    ├── Fenced                  another process writes this account now, or may
    └── JournalUnavailable      the store cannot be read or written
        └── JournalFull         it has no room left
    Retry
    ├── JournalBusy             another process holds the store for longer than we wait
    └── LeaseHeld               another process is the writer: wait until its lease runs out
"""

import sqlite3

from domain.errors import BadUse, Corrupt, Halt, Retry


class KeyReused(BadUse):
    """A key names two different facts: ids follow from their cause, so one of them is wrong."""


class ChainBroken(Corrupt):
    """An entry is not what was written, or not where.

    Parameters
    ----------
    account, seq
        The first place that does not fit; 0 for the account's own row.
    what
        What is wrong there.
    """

    def __init__(self, account: str, seq: int, what: str) -> None:
        super().__init__(
            f"journal of account {account}, entry {seq}: {what}; trade nothing on it, restore it "
            "from a backup and reconcile with the broker"
        )
        self.account = account
        self.seq = seq


class Fenced(Halt):
    """Another process writes the account now, or may: this one must not send, and cannot write."""


class JournalUnavailable(Halt):
    """The journal's store cannot be read or written, so nothing may be sent."""


class JournalFull(JournalUnavailable):
    """The journal's store has no room: what was appended still waits, and nothing may be sent."""


class JournalBusy(Retry):
    """Another process held the store for too long; what was appended still waits for a commit."""


class LeaseHeld(Retry):
    """Another process is the writer of the account."""


_SQLITE: dict[int, type[Halt | Retry]] = {
    sqlite3.SQLITE_FULL: JournalFull,
    sqlite3.SQLITE_BUSY: JournalBusy,
    sqlite3.SQLITE_LOCKED: JournalBusy,
    sqlite3.SQLITE_PERM: JournalUnavailable,
    sqlite3.SQLITE_NOMEM: JournalUnavailable,
    sqlite3.SQLITE_READONLY: JournalUnavailable,
    sqlite3.SQLITE_INTERRUPT: JournalUnavailable,
    sqlite3.SQLITE_IOERR: JournalUnavailable,
    sqlite3.SQLITE_CANTOPEN: JournalUnavailable,
    sqlite3.SQLITE_PROTOCOL: JournalUnavailable,
    sqlite3.SQLITE_NOLFS: JournalUnavailable,
    sqlite3.SQLITE_AUTH: JournalUnavailable,
}
"""By SQLite's primary result code; any other says that the file is not as we wrote it."""

_POSTGRESQL: dict[str, type[Halt | Retry]] = {
    "53100": JournalFull,  # disk_full
    "55P03": JournalBusy,  # lock_not_available
    "40001": JournalBusy,  # serialization_failure
    "40P01": JournalBusy,  # deadlock_detected
    "25P02": JournalUnavailable,  # in_failed_sql_transaction
    "25P03": JournalUnavailable,  # idle_in_transaction_session_timeout
    "25006": JournalUnavailable,  # read_only_sql_transaction: a standby
    "42501": JournalUnavailable,  # insufficient_privilege
    "3D000": JournalUnavailable,  # invalid_catalog_name: no such database
    "08": JournalUnavailable,  # connection
    "28": JournalUnavailable,  # authorisation
    "53": JournalUnavailable,  # resources
    "57": JournalUnavailable,  # operator intervention: shut down, cancelled
    "58": JournalUnavailable,  # system: I/O
}
"""By SQLSTATE, or its class; any other says that the tables are not as we wrote them."""

_ADVICE: dict[type[Halt | Retry], str] = {
    JournalFull: "make room, then start again",
    JournalUnavailable: "mend its store, then start again",
    JournalBusy: "try again, or end the process that holds it",
    Corrupt: "restore it from a backup and reconcile with the broker",
}


def reaction_to(error: Exception, shown: str) -> Halt | Retry:
    """Return what an error of a database's driver calls for.

    Parameters
    ----------
    error
        As the driver raised it.
    shown
        Name of the journal's store, without its password.
    """
    kind: type[Halt | Retry]
    if isinstance(error, sqlite3.Error):
        # Misuse of the driver itself has no code: then the connection is of no use any more.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR)
        kind = _SQLITE.get(code & 0xFF, Corrupt)
    else:
        state = getattr(error, "sqlstate", None) or "08000"
        kind = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2]) or Corrupt
    told = " ".join(str(error).split()) or type(error).__name__
    return kind(f"journal {shown} cannot be used: {told}; {_ADVICE[kind]}")
