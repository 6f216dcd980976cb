"""Ending a topic from within a flow: behind the last record of every symbol of a partition.

For topics that the flow itself reads: an end that is written after the flow would never come.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from domain.log import OutRecord

END_STREAM = "end"


class Leaving(NamedTuple):
    """Records of one symbol on their way out; ``last`` where its log ends with them."""

    symbol: str
    records: list[OutRecord]
    last: bool


class EndStep:
    """Passes the records of a partition on, and ends it once all of its symbols have ended.

    Parameters
    ----------
    symbols
        Symbols that live in the partition.
    resume_state
        Snapshot, or None.
    """

    def __init__(self, symbols: frozenset[str], resume_state: Mapping[str, Any] | None) -> None:
        self._symbols = symbols
        self._ended = set() if resume_state is None else set(resume_state["ended"])

    def on_batch(self, values: list[Leaving]) -> Iterable[list[OutRecord]]:
        """Pass records on in order."""
        for symbol, records, last in values:
            if records:
                yield records
            if last:
                self._ended.add(symbol)
                if self._ended == self._symbols:
                    yield [OutRecord("", END_STREAM, b"", ends=True)]

    def snapshot(self) -> Mapping[str, Any]:
        """Return which symbols have ended."""
        return {"v": 1, "ended": sorted(self._ended)}
