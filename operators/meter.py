"""What a worker counts and times: totals by name, latencies by hop. Read by people, by no logic."""

from collections.abc import Callable, Mapping

from hdrh.histogram import HdrHistogram

from domain.topics import WorkerMetrics

_LOWEST_US = 1
_HIGHEST_US = 600_000_000
"""Ten minutes: a replay that stands still shows as such, not as an error."""
_DIGITS = 3


class Meter:
    """Counters and histograms of one worker; written by one thread, read by another.

    Parameters
    ----------
    worker
        Name in the reports.
    wall_ns
        Reads the wall clock, for the time of a report.
    """

    def __init__(self, worker: str, wall_ns: Callable[[], int]) -> None:
        self._worker = worker
        self._wall_ns = wall_ns
        self._counters: dict[str, int] = {}
        self._histograms: dict[str, HdrHistogram] = {}

    def add(self, name: str, count: int = 1) -> None:
        """Add to a total."""
        self._counters[name] = self._counters.get(name, 0) + count

    def totals(self, counts: Mapping[str, int]) -> None:
        """Replace totals that someone else counts."""
        self._counters.update(counts)

    def observe(self, hop: str, latency_ns: int) -> None:
        """Note how long one hop took; below a microsecond counts as one."""
        histogram = self._histograms.get(hop)
        if histogram is None:
            histogram = self._histograms[hop] = HdrHistogram(_LOWEST_US, _HIGHEST_US, _DIGITS)
        histogram.record_value(min(max(latency_ns // 1_000, _LOWEST_US), _HIGHEST_US))

    def report(self) -> WorkerMetrics:
        """Return everything so far."""
        return WorkerMetrics(
            worker=self._worker,
            wall_ns=self._wall_ns(),
            counters=dict(self._counters),
            histograms={
                hop: histogram.encode().decode()
                for hop, histogram in tuple(self._histograms.items())
            },
        )
