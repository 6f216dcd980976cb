"""When a session that is down may try to come up: in short windows, with growing pauses between."""

from brokers.backoff import Backoff
from domain.nanos import SECOND_NS

WINDOW_NS = SECOND_NS // 2
"""How long the engine is let work at a connection that has not begun its logon. What the machine
has set up meanwhile is not lost: the next window finds it."""


class Attempts:
    """Paces one session on a clock that is passed in. Not for several threads.

    The engine's own pause is the same each time, so that all who were cut off together would come
    back together.

    Parameters
    ----------
    backoff
        Pauses between the windows.
    """

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._failures = 0
        self._from_ns = 0
        self._until_ns: int | None = None

    def up(self) -> None:
        """Note a logon: the next loss begins with the first pause."""
        self._failures = 0
        self._until_ns = None

    def down(self, now_ns: int) -> None:
        """Note a loss, or a window that brought nothing: pause."""
        self._failures += 1
        self._from_ns = now_ns + int(self._backoff.wait_s(self._failures) * SECOND_NS)
        self._until_ns = None

    def may_work(self, now_ns: int, *, under_way: bool) -> bool:
        """Say whether the engine may work now.

        Parameters
        ----------
        under_way
            Whether a logon has been sent and waits for its answer: it has time of its own.
        """
        if under_way:
            self._until_ns = None
            return True
        if now_ns < self._from_ns:
            return False
        if self._until_ns is None:
            self._until_ns = now_ns + WINDOW_NS
        elif now_ns > self._until_ns:
            self.down(now_ns)
        return now_ns >= self._from_ns
