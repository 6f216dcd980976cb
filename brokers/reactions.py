"""What a broker's answer calls for: every code of every broker maps onto one of four reactions."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from domain.reasons import Reason


class Reaction(StrEnum):
    """The classes of ``domain.errors``, as values of a table."""

    HALT = "halt"
    """Trading with this venue stops until a person has acted: credentials, account, permission."""
    REJECT = "reject"
    """This order or request is refused; go on."""
    RETRY = "retry"
    """It may work later. A write is repeated only where it was provably not taken."""
    DROP = "drop"
    """Information only: count it and go on."""


class Answer(NamedTuple):
    """Reaction to a code, and our word for it."""

    reaction: Reaction
    reason: Reason


class Reactions:
    """A total map: a code that nobody listed is still answered, by ``otherwise``."""

    def __init__(self, known: Mapping[str, Answer], otherwise: Answer) -> None:
        self._known = dict(known)
        self._otherwise = otherwise

    def __contains__(self, code: str) -> bool:
        return code in self._known

    def __iter__(self) -> Iterator[str]:
        """Return the listed codes."""
        return iter(self._known)

    def __getitem__(self, code: str) -> Answer:
        return self._known.get(code, self._otherwise)

    def __len__(self) -> int:
        return len(self._known)
