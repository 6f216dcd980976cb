"""Positions of a consumer group: what a reader tells about how far it has come."""

from time import monotonic_ns

from confluent_kafka import Consumer, TopicPartition

from domain.nanos import MS_NS

FLOW_SUFFIX = ".flow"
"""Behind a group's name: the group of its positions as read, which need not be durable."""

_TELL_AGAIN_NS = 1_000 * MS_NS
"""Positions are told again though nothing moved: a feed that waits for one that was lost would wait
for ever."""


class Positions:
    """Offsets of one consumer group, told whole: the next commit mends one that was lost."""

    def __init__(self) -> None:
        self._offsets: dict[tuple[str, int], int] = {}
        self._changed = False
        self._told_ns = 0

    def note(self, place: tuple[str, int], offset: int) -> None:
        """Set the next offset to be read at a place (topic as on the cluster, partition)."""
        if self._offsets.get(place) != offset:
            self._offsets[place] = offset
            self._changed = True

    def take_over(self, other: "Positions") -> None:
        """Set all offsets that another group has."""
        for place, offset in other._offsets.items():
            self.note(place, offset)

    def tell(self, consumer: Consumer, *, wait: bool) -> None:
        """Commit, where something has moved or was told long ago.

        Parameters
        ----------
        consumer
            Client of the group.
        wait
            Whether to return only when the broker has it; then only what has moved is told.
        """
        now = monotonic_ns()
        again = not wait and now - self._told_ns >= _TELL_AGAIN_NS
        if not self._offsets or not (self._changed or again):
            return
        self._changed = False
        self._told_ns = now
        positions = [TopicPartition(t, p, offset) for (t, p), offset in self._offsets.items()]
        # Two calls: the client's types tell them apart by the literal.
        if wait:
            consumer.commit(offsets=positions, asynchronous=False)
        else:
            consumer.commit(offsets=positions, asynchronous=True)
