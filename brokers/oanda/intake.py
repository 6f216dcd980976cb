"""Transactions from three ways in - answers, the stream, catching up - in order, each once.

v20 numbers an account's transactions without gaps. What arrives beyond the next number waits until
the numbers between are there, or until a read of everything up to some number shows that there are
none.
"""

from collections.abc import Callable

from brokers.oanda.wire import Json, integer_of

Deliver = Callable[[Json], None]


class Intake:
    """Orders and deduplicates by transaction id.

    Parameters
    ----------
    last
        Newest id that is already accounted for.
    deliver
        Called once for every later transaction, in order of id.
    """

    def __init__(self, last: int, deliver: Deliver) -> None:
        self._last = last
        self._deliver = deliver
        self._held: dict[int, Json] = {}

    @property
    def last(self) -> int:
        """Newest id up to which nothing is missing."""
        return self._last

    @property
    def is_waiting(self) -> bool:
        """Whether transactions wait for others that come before them."""
        return bool(self._held)

    def offer(self, transaction: Json) -> None:
        """Take a transaction in, whatever its place.

        Raises
        ------
        Drop
            If it has no id.
        """
        number = integer_of(transaction, "id")
        if number <= self._last or number in self._held:
            return
        self._held[number] = transaction
        while self._last + 1 in self._held:
            self._next(self._last + 1)

    def complete(self, newest: int) -> None:
        """Note that all up to ``newest`` has been offered: what is not there does not exist."""
        for number in sorted(n for n in self._held if n <= newest):
            self._next(number)
        self._last = max(self._last, newest)
        while self._last + 1 in self._held:
            self._next(self._last + 1)

    def _next(self, number: int) -> None:
        transaction = self._held.pop(number)
        self._last = number
        self._deliver(transaction)
