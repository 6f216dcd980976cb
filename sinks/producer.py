"""The producer that all sinks of a process share."""

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from domain.errors import Halt, Retry

FLUSH_TIMEOUT_S = 60.0
"""A broker that does not take what was written for this long fails the epoch: it is replayed."""

_QUEUE_KBYTES = 65_536
"""Bounds what waits for the broker: who writes more than it takes waits here, not in memory."""


class SharedProducer:
    """One idempotent producer for all sinks of a process, opened at its first use."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: Producer | None = None
        self._failed: KafkaError | None = None

    def write(
        self, topic: str, partition: int, key: bytes, value: bytes, *headers: tuple[str, bytes]
    ) -> None:
        """Queue one message; waits for room where the queue is full.

        Raises
        ------
        Halt
            If it can never be written: too large, or no such partition.
        """
        producer = self._producer or self._open()
        while True:
            try:
                producer.produce(topic, value, key, partition, headers=list(headers))
            except BufferError:
                producer.poll(0.01)
            except KafkaException as error:
                size = f"{len(value):,} bytes for {topic}[{partition}]"
                msg = f"Kafka takes no record of {size}: {error.args[0].str()}"
                raise Halt(msg) from error
            else:
                return

    def answers(self) -> None:
        """Take the broker's answers without waiting.

        Once after many messages: each time lets other threads of the interpreter go first.
        """
        if self._producer is not None:
            self._producer.poll(0)

    def waiting(self) -> int:
        """Return how many messages the broker has not confirmed yet."""
        return 0 if self._producer is None else len(self._producer)

    def flush(self) -> None:
        """Wait until the broker has everything.

        Raises
        ------
        Retry
            If it has not within `FLUSH_TIMEOUT_S`, or refused a message: replay the epoch.
        """
        if self._producer is not None and self._producer.flush(FLUSH_TIMEOUT_S):
            msg = f"Kafka at {self._bootstrap} did not take all records in {FLUSH_TIMEOUT_S:.0f} s"
            raise Retry(msg)
        if self._failed is not None:
            msg = f"Kafka at {self._bootstrap} refused a record: {self._failed.str()}"
            raise Retry(msg)

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed = error

    def _open(self) -> Producer:
        self._producer = Producer(
            {
                "bootstrap.servers": self._bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                # Any other linger, however short, costs a lone record a whole millisecond. Records
                # that come together go together anyway: they queue while the first is on its way.
                "linger.ms": 0,
                "queue.buffering.max.kbytes": _QUEUE_KBYTES,
                "delivery.report.only.error": True,
                "on_delivery": self._delivered,
                "log_level": 3,
            }
        )
        return self._producer
