"""A source that also wakes its flow when something else wants it: a broker has reported, say.

A flow runs when its source gives something. An account at a real venue must also run when the log
is silent, and must not leave while its last orders are still on their way.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from domain.log import Polled

_LINGER = timedelta(milliseconds=2)


class NudgedSource(FixedPartitionedSource[Polled | None, dict[str, Any]]):
    """Gives what another source gives, and None whenever the flow is wanted to run.

    Parameters
    ----------
    inner
        The source of the records.
    wanted
        Says whether the flow should run although there may be no record.
    busy
        Says whether the flow must not end yet.
    linger_s
        Longest wait for that once the records have ended, in seconds (> 0).
    """

    def __init__(
        self,
        inner: FixedPartitionedSource[Polled, dict[str, Any]],
        wanted: Callable[[], bool],
        busy: Callable[[], bool],
        linger_s: float = 5.0,
    ) -> None:
        self._inner = inner
        self._wanted = wanted
        self._busy = busy
        self._linger_s = linger_s

    def list_parts(self) -> list[str]:
        """Return the parts of the other source."""
        return self._inner.list_parts()

    def build_part(
        self, step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> StatefulSourcePartition[Polled | None, dict[str, Any]]:
        """Build a part; the first one does the nudging."""
        part = self._inner.build_part(step_id, for_part, resume_state)
        if for_part != min(self.list_parts()):
            return _Nudging(part, _never, _never, self._linger_s)
        return _Nudging(part, self._wanted, self._busy, self._linger_s)


def _never() -> bool:
    return False


class _Nudging(StatefulSourcePartition[Polled | None, dict[str, Any]]):
    def __init__(
        self,
        inner: StatefulSourcePartition[Polled, dict[str, Any]],
        wanted: Callable[[], bool],
        busy: Callable[[], bool],
        linger_s: float,
    ) -> None:
        self._inner = inner
        self._wanted = wanted
        self._busy = busy
        self._linger_s = linger_s
        self._ended_s: float | None = None

    def next_batch(self) -> Iterable[Polled | None]:
        items: list[Polled | None] = []
        if self._ended_s is None:
            try:
                items += self._inner.next_batch()
            except StopIteration:
                self._ended_s = monotonic()
        if self._ended_s is not None and not (
            self._busy() and monotonic() - self._ended_s < self._linger_s
        ):
            raise StopIteration
        if self._wanted():
            items.append(None)
        return items

    def next_awake(self) -> datetime | None:
        if self._ended_s is None:
            return self._inner.next_awake()
        # The engine compares with the wall clock; no value depends on it.
        return datetime.now(UTC) + _LINGER  # noqa: TID251

    def snapshot(self) -> dict[str, Any]:
        return self._inner.snapshot()

    def close(self) -> None:
        self._inner.close()
