"""Follows the topics of a run for the people who look at it: feeds the view, keeps the meters."""

from threading import Event, Thread

from confluent_kafka import Consumer, TopicPartition
from hdrh.histogram import HdrHistogram

from api.view import View
from domain.bars import Bar
from domain.errors import Drop
from domain.log import LogAddress
from domain.topics import Topic, WorkerMetrics, decode
from jobs.report import Hop

WATCHED = (
    Topic.BARS,
    Topic.SIGNALS,
    Topic.MODELS,
    Topic.ORDERS,
    Topic.EXECUTIONS,
    Topic.POSITIONS,
    Topic.METRICS,
)
_POLL_S = 0.1
_QUIET_POLLS = 3
_US_PER_MS = 1_000.0


class Watcher:
    """A reader beside the run: what it misses, nobody loses.

    Parameters
    ----------
    address
        Where the topics are.
    view
        What the page and the terminal show.
    span_ns
        First and last event time of the feed where both are known: progress is then in time.
    rows
        Rows of the feed where that is known: progress is then in rows.
    """

    def __init__(
        self,
        address: LogAddress,
        view: View,
        span_ns: tuple[int, int] | None,
        rows: int | None,
    ) -> None:
        self._address = address
        self._view = view
        self._span_ns = span_ns
        self._rows = rows
        self._metrics: dict[str, WorkerMetrics] = {}
        self._event_ns: int | None = None
        self._stop = Event()
        self._thread = Thread(target=self._run, name="watch", daemon=True)
        self._consumer = Consumer(
            {
                "bootstrap.servers": address.bootstrap,
                "group.id": "aifx.watch",
                "enable.auto.commit": False,
                # Looking on must not hold up a run: what the log has dropped is skipped here.
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
                "log_level": 0,
            }
        )

    def start(self) -> None:
        """Start following from the beginning of the topics."""
        self._consumer.assign(
            [
                TopicPartition(self._address.topic(topic), p, 0)
                for topic in WATCHED
                for p in range(self._address.partitions)
            ]
        )
        self._thread.start()

    def stop(self) -> None:
        """Read what is there, then stop."""
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def counter(self, worker: str, name: str) -> int:
        """Return a total of a worker, 0 where it has not reported it."""
        report = self._metrics.get(worker)
        return 0 if report is None else report.counters.get(name, 0)

    def total(self, name: str) -> int:
        """Return a total over all workers."""
        return sum(report.counters.get(name, 0) for report in self._metrics.values())

    def latency_ms(self) -> dict[str, Hop]:
        """Return p50 and p99 of every hop that some worker timed."""
        hops: dict[str, HdrHistogram] = {}
        for report in self._metrics.values():
            for hop, encoded in report.histograms.items():
                found = HdrHistogram.decode(encoded)
                if hop in hops:
                    hops[hop].add(found)
                else:
                    hops[hop] = found
        return {
            hop: Hop(
                p50=found.get_value_at_percentile(50) / _US_PER_MS,
                p99=found.get_value_at_percentile(99) / _US_PER_MS,
            )
            for hop, found in sorted(hops.items())
        }

    def _run(self) -> None:
        names = {self._address.topic(topic): topic for topic in WATCHED}
        quiet = 0
        while not (self._stop.is_set() and quiet >= _QUIET_POLLS):
            messages = self._consumer.consume(1_000, _POLL_S)
            quiet = 0 if messages else quiet + 1
            for message in messages:
                value = message.value()
                if message.error() is None and value:
                    self._take(names[str(message.topic())], value)
            self._show_progress()

    def _take(self, topic: Topic, value: bytes) -> None:
        try:
            record = decode(topic, value)
        except Drop:
            return  # the archive writes the dead letter; a page has no use for it
        if isinstance(record, WorkerMetrics):
            self._metrics[record.worker] = record
        elif isinstance(record, Bar) and record.ts_event_ns > (self._event_ns or 0):
            self._event_ns = record.ts_event_ns
        self._view.apply(topic, record)

    def _show_progress(self) -> None:
        done = self.counter("ingest", "ticks_in")
        total = self._rows
        if total is None and self._span_ns is not None and self._event_ns is not None:
            # The number of simulated ticks is not known beforehand: extrapolate over event time.
            first, last = self._span_ns
            share = (self._event_ns - first) / (last - first)
            total = max(done, int(done / share)) if share > 0.0 else None
        self._view.progress(done, total, self._event_ns)
