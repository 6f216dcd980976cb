"""What a feed of ticks is: rows in arrival order, numbered, replayable from any row."""

from collections.abc import Iterator
from typing import Protocol

from domain.ticks import TickArray


class TickFeed(Protocol):
    """A finite or endless sequence of raw ticks; the same feed always gives the same rows."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol that it may give, ascending."""
        ...

    @property
    def fingerprint(self) -> str:
        """Identity of the rows: what was read, or the simulator's parameters and seed."""
        ...

    @property
    def end_ns(self) -> int | None:
        """Where the feed is known to end in time (exclusive); None: its last tick is its end."""
        ...

    @property
    def rows(self) -> int | None:
        """Number of rows, or None where it is not known beforehand."""
        ...

    def batches(self, first_row: int = 0) -> Iterator[TickArray]:
        """Give the rows from ``first_row`` on, in arrival order, ``seq`` counting rows from 0."""
        ...
