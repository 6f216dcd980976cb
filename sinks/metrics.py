"""Publishes a worker's meter to the ``metrics`` topic once a second, beside the dataflow.

Metrics are about this process on this machine: they follow the wall clock, are not replayed, and
nothing that trades reads them.
"""

from collections.abc import Callable
from threading import Event, Thread

from confluent_kafka import Producer

from domain.log import LogAddress
from domain.topics import Topic, WorkerMetrics, encode

_EVERY_S = 1.0
_FLUSH_S = 5.0


class MetricsPublisher:
    """A thread that reports; use as a context: the last report goes out at the exit.

    Parameters
    ----------
    address
        Cluster and prefix.
    report
        Gives the current figures.
    """

    def __init__(self, address: LogAddress, report: Callable[[], WorkerMetrics]) -> None:
        self._topic = address.topic(Topic.METRICS)
        self._report = report
        self._producer = Producer({"bootstrap.servers": address.bootstrap, "log_level": 3})
        self._stop = Event()
        self._thread = Thread(target=self._run, name="metrics", daemon=True)

    def __enter__(self) -> "MetricsPublisher":
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self._send()
        self._producer.flush(_FLUSH_S)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            self._send()

    def _send(self) -> None:
        report = self._report()
        self._producer.produce(
            self._topic, value=encode(report), key=report.worker.encode(), partition=0
        )
        self._producer.poll(0)
