"""A sink that hands everything to a function of the caller: where a fused run ends."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

X = TypeVar("X")
PART = "collected"


class CollectSink(FixedPartitionedSink[X, None], Generic[X]):
    """Calls ``take`` with every item, in order.

    Parameters
    ----------
    take
        Called with lists of values; they are gone when it returns.
    """

    def __init__(self, take: Callable[[list[X]], None]) -> None:
        self._take = take

    def list_parts(self) -> list[str]:
        """Name the one partition."""
        return [PART]

    def build_part(
        self, _step_id: str, _for_part: str, _resume_state: None
    ) -> StatefulSinkPartition[X, None]:
        """Open it."""
        return _Partition(self._take)


class _Partition(StatefulSinkPartition[Any, None]):
    def __init__(self, take: Callable[[list[Any]], None]) -> None:
        self._take = take

    def write_batch(self, values: list[Any]) -> None:
        self._take(values)

    def snapshot(self) -> None:
        return None
