"""Flow control of a replayed feed: it stays within reach of its slowest reader.

A live feed cannot wait; a replay must: the embedded log keeps about 5 MB a partition, and what
falls out unread would be lost. Readers commit their positions under ``<group>.flow``.
"""

from collections.abc import Mapping
from threading import Event, Thread

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from domain.log import LogAddress
from domain.topics import Topic
from sources.kafka import FLOW_SUFFIX

_EVERY_S = 0.015
_TIMEOUT_S = 5.0

MAX_LAG_RECORDS = 3_000
"""Most unread records of one partition before the feed waits. A bar is about 600 bytes in the log:
3,000 bars and what is written until the next look stay well below the embedded log's 5 MB."""


MAX_ROWS_A_LOOK = 2_000
"""Most rows that the feed gives between two looks: a look may take its time, and the feed is fast
enough to fill the log meanwhile."""


class FlowControl:
    """Watches the lag of readers in a thread; ``may_go_on`` is what it saw last.

    Parameters
    ----------
    address
        Cluster and prefix.
    readers
        Topics by consumer group.
    max_lag_records
        Bound per partition (> 0).
    """

    def __init__(
        self,
        address: LogAddress,
        readers: Mapping[str, tuple[Topic, ...]],
        max_lag_records: int = MAX_LAG_RECORDS,
    ) -> None:
        self._max_lag = max_lag_records
        self._places = {
            group: [
                TopicPartition(address.topic(topic), p)
                for topic in topics
                for p in range(address.partitions)
            ]
            for group, topics in readers.items()
        }
        self._consumers = {
            group: Consumer(
                {
                    "bootstrap.servers": address.bootstrap,
                    "group.id": group + FLOW_SUFFIX,
                    "log_level": 3,
                }
            )
            for group in readers
        }
        self._admin = AdminClient({"bootstrap.servers": address.bootstrap, "log_level": 3})
        self._room = False
        self._rows = 0
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="flow-control", daemon=True)

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join()

    def may_go_on(self) -> bool:
        """Say whether every reader was near at the last look, and not much was given since."""
        return self._room and self._rows < MAX_ROWS_A_LOOK

    def gave(self, rows: int) -> None:
        """Note that the feed has given some rows."""
        self._rows += rows

    def worst_lag(self) -> int:
        """Return the largest number of unread records over all readers and partitions."""
        every = {(t.topic, t.partition): t for places in self._places.values() for t in places}
        latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # not ours
        futures = self._admin.list_offsets(
            dict.fromkeys(every.values(), latest), request_timeout=_TIMEOUT_S
        )
        ends = {(t.topic, t.partition): f.result().offset for t, f in futures.items()}
        worst = 0
        for group, places in self._places.items():
            for place in self._consumers[group].committed(places, timeout=_TIMEOUT_S):
                read = max(place.offset, 0)
                worst = max(worst, ends[place.topic, place.partition] - read)
        return worst

    def _watch(self) -> None:
        try:
            while not self._stop.wait(_EVERY_S):
                try:
                    self._room = self.worst_lag() <= self._max_lag
                    self._rows = 0
                except KafkaException:
                    # Not knowing the lag is no leave to go on; the next look will tell.
                    self._room = False
        finally:
            # Nobody looks any more.
            self._room = False
