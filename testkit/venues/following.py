"""A double's market that follows a run: what stands in the log is what the venue quotes.

So a recorded tape can be traded at a broker's protocol at any speed, and orders fill at the prices
on which they were decided, or the next ones.
"""

import threading
from collections.abc import Callable

import numpy as np
from confluent_kafka import Consumer, KafkaException, TopicPartition

from domain.instruments import INSTRUMENTS
from domain.ticks import REJECTED, TICK_DTYPE, Kind
from domain.topics import Topic

Quote = Callable[[str, str, str], None]
"""Takes symbol, bid and ask; prices as text on the instrument's grid."""

_POLL_S = 0.02
_MANY = 2_000


class MarketFollower:
    """Quotes the ticks of the first run that appears on a broker.

    Parameters
    ----------
    bootstrap
        ``HOST:PORT`` of the broker.
    quote
        Moves the market of the double.
    """

    def __init__(self, bootstrap: str, quote: Quote) -> None:
        self.quotes = 0
        """How many were given on."""
        self._quote = quote
        self._known = self._topics(bootstrap)
        self._bootstrap = bootstrap
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="market-follower", daemon=True)

    def __enter__(self) -> "MarketFollower":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        consumer = self._consumer(self._bootstrap)
        try:
            while not self._stopping.is_set() and not self._find(consumer):
                self._stopping.wait(_POLL_S)
            while not self._stopping.is_set():
                for message in consumer.consume(_MANY, _POLL_S):
                    if message.error() is None:
                        self._follow(message.value() or b"")
        finally:
            consumer.close()

    def _find(self, consumer: Consumer) -> bool:
        fresh = self._topics(self._bootstrap) - self._known
        if not fresh:
            return False
        topic = min(fresh)
        partitions = consumer.list_topics(topic, timeout=5.0).topics[topic].partitions
        consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
        return True

    def _follow(self, value: bytes) -> None:
        if len(value) % TICK_DTYPE.itemsize:
            return
        for record in np.frombuffer(value, dtype=TICK_DTYPE):
            if record["kind"] != Kind.TICK or record["verdict"] & REJECTED:
                continue
            symbol = record["symbol"].decode()
            digits = INSTRUMENTS[symbol].display_precision
            self._quote(symbol, f"{record['bid']:.{digits}f}", f"{record['ask']:.{digits}f}")
            self.quotes += 1

    @staticmethod
    def _consumer(bootstrap: str) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "market-follower",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 5,
            }
        )

    @classmethod
    def _topics(cls, bootstrap: str) -> set[str]:
        consumer = cls._consumer(bootstrap)
        try:
            return {
                name
                for name in consumer.list_topics(timeout=5.0).topics
                if name.endswith(f".{Topic.TICKS}")
            }
        except KafkaException:
            return set()
        finally:
            consumer.close()
