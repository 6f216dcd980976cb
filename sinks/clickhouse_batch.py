"""What goes into ClickHouse at a time: decoded records and where in the log they stood."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from domain.errors import Halt
from domain.ticks import TickArray

Place = tuple[str, int]
"""Topic and partition."""


class ArchiveBatch(NamedTuple):
    """All records that one stretch of a topic's partition holds for one table.

    Attributes
    ----------
    topic, partition
        Where the records stood.
    first_offset, last_offset
        First and last offset of the stretch, both in it. The next batch of the partition begins
        after ``last_offset``: an offset is never cut in two.
    rows
        Ticks without heartbeats, or decoded records, in log order. May be empty.
    """

    topic: str
    partition: int
    first_offset: int
    last_offset: int
    rows: TickArray | Sequence[msgspec.Struct]


class Stretches:
    """Watches that the batches of every partition follow each other in the log.

    Deduplication goes by offsets: were one offset in two batches, the second could be taken for a
    replay of the first and its rows would be lost without a word.
    """

    def __init__(self) -> None:
        self._last: dict[Place, int] = {}

    def follow(self, batch: ArchiveBatch) -> None:
        """Take note of a batch.

        Raises
        ------
        Halt
            If the batch does not come after the one before.
        """
        place = (batch.topic, batch.partition)
        last = self._last.get(place, -1)
        if not last < batch.first_offset <= batch.last_offset:
            msg = (
                f"{batch.topic}/{batch.partition}: batch {batch.first_offset}-{batch.last_offset} "
                f"does not follow offset {last}"
            )
            raise Halt(msg)
        self._last[place] = batch.last_offset


def deduplication_token(run: str, batches: Iterable[ArchiveBatch]) -> str:
    """Name the content of an insert by where it stood: ``run:topic:partition:first-last,...``.

    Stretches that touch are one, so that the same offsets in other cuts have the same name.
    """
    stretches: dict[Place, list[tuple[int, int]]] = {}
    for batch in batches:
        spans = stretches.setdefault((batch.topic, batch.partition), [])
        if spans and spans[-1][1] + 1 == batch.first_offset:
            spans[-1] = (spans[-1][0], batch.last_offset)
        else:
            spans.append((batch.first_offset, batch.last_offset))
    named = [
        f"{topic}:{partition}:{first}-{last}"
        for (topic, partition), spans in sorted(stretches.items())
        for first, last in spans
    ]
    return f"{run}:{','.join(named)}"
