"""Which keys a journal may have: a key that is surely new need not be looked up."""

from collections.abc import Iterable
from hashlib import blake2b

_MOST = 100_000
"""Keys that are remembered, at some 80 bytes each. A journal with more of them is asked about each
new one: 10 microseconds, where five entries are an order."""


class KnownKeys:
    """Short digests of all keys of one account's journal.

    A key that is not in it is new; of one that is, the store knows whether it is the same. Only the
    writer of a journal knows all of its keys.
    """

    def __init__(self) -> None:
        self._digests: set[bytes] | None = set()

    def __contains__(self, key: str) -> bool:
        return self._digests is None or _digest(key) in self._digests

    def add(self, keys: Iterable[str]) -> None:
        """Take in keys that the journal has now."""
        if self._digests is None:
            return
        self._digests.update(map(_digest, keys))
        if len(self._digests) > _MOST:
            self._digests = None


def _digest(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=8).digest()
