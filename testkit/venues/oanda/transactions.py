"""The account's log of transactions: one rising id, no gaps, told to every subscriber in order."""

from collections.abc import Callable
from typing import Any

from testkit.venues.oanda.wire import Json, present, rfc3339

Listener = Callable[[Json], None]


class TransactionLog:
    """All transactions of one account.

    Parameters
    ----------
    account_id
        Written into every transaction.
    clock_ns
        Time of a new transaction, nanoseconds UTC.
    """

    def __init__(self, account_id: str, clock_ns: Callable[[], int]) -> None:
        self._account_id = account_id
        self._clock_ns = clock_ns
        self._log: list[Json] = []
        self._listeners: list[Listener] = []
        self._requests = 0

    @property
    def last_id(self) -> int:
        """Id of the newest transaction, 0 before the first."""
        return len(self._log)

    @property
    def next_id(self) -> int:
        """Id that the next one will get: an order's id is its transaction's."""
        return len(self._log) + 1

    def new_request(self) -> str:
        """Return the ``requestID`` of a request that now begins."""
        self._requests += 1
        return f"{42_000_000_000_000_000 + self._requests}"

    def append(self, kind: str, request_id: str | None, batch: int, **fields: Any) -> Json:
        """Add a transaction and tell the subscribers."""
        transaction: Json = {
            "id": str(self.next_id),
            "accountID": self._account_id,
            "userID": 1_000_001,
            "batchID": str(batch),
            "time": rfc3339(self._clock_ns()),
            "type": kind,
            **present(requestID=request_id, **fields),
        }
        self._log.append(transaction)
        for listener in list(self._listeners):
            listener(transaction)
        return transaction

    def find(self, transaction_id: int) -> Json | None:
        """Return a transaction by its id."""
        return self._log[transaction_id - 1] if 0 < transaction_id <= self.last_id else None

    def between(self, first: int, last: int) -> list[Json]:
        """Return the transactions of ``first <= id <= last``."""
        return self._log[max(first, 1) - 1 : max(last, 0)]

    def subscribe(self, listener: Listener) -> None:
        """Call the listener with every later transaction."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Listener) -> None:
        """Call it no more."""
        self._listeners.remove(listener)
