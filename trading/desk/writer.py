"""The one writer of a journal: keeps its lease alive, and stands aside once it is lost."""

from collections.abc import Callable

from trading.journal.journal import Journal

_RENEWALS = 3
"""How often within its time a lease is renewed."""


class Writer:
    """Keeps one process the writer of an account's journal.

    Parameters
    ----------
    journal
        Not acquired yet.
    wall_ns
        Clock of the lease: other processes read the same one.
    ttl_ns
        How long others wait for a silent writer (> 0).
    holder
        Name of the writer: one that comes back under its name need not wait for its own lease.
    """

    def __init__(
        self, journal: Journal, wall_ns: Callable[[], int], ttl_ns: int, holder: str
    ) -> None:
        self._journal = journal
        self._wall_ns = wall_ns
        self._ttl_ns = ttl_ns
        self._holder = holder
        self._renewed_ns = 0

    def acquire(self) -> None:
        """Become the writer.

        Raises
        ------
        LeaseHeld
            If another process is it.
        """
        now_ns = self._wall_ns()
        self._journal.acquire(self._holder, now_ns, self._ttl_ns)
        self._renewed_ns = now_ns

    def check(self) -> None:
        """Refuse to go on unless this process is still the writer; before every send.

        Raises
        ------
        Fenced
            If another process has taken over.
        """
        self.keep()
        self._journal.check(self._wall_ns())

    def keep(self) -> None:
        """Renew the lease if a good part of its time is over; call it often.

        Raises
        ------
        Fenced
            If another process has taken over.
        """
        now_ns = self._wall_ns()
        if now_ns - self._renewed_ns >= self._ttl_ns // _RENEWALS:
            self._journal.renew(now_ns, self._ttl_ns)
            self._renewed_ns = now_ns

    def release(self) -> None:
        """Give the lease back, so that nobody waits for its end."""
        self._journal.release(self._wall_ns())
