"""The connections that all Kafka partitions of one process share; holds no state of the flow."""

import gc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from time import monotonic_ns
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from domain.errors import Halt
from domain.log import Stamp
from domain.nanos import MS_NS
from domain.topics import Topic
from sources.kafka_config import KafkaSourceConfig
from sources.kafka_inbox import Inbox
from sources.kafka_positions import FLOW_SUFFIX, Positions

_POLL_EVERY_NS = 300_000
"""All idle partitions share a poll of this age (0.3 ms): polling for each would burn the core."""

_QUIET_AFTER_NS = 250 * MS_NS
_QUIET_FACTOR = 3
"""Where nothing came for a quarter of a second, looking a third as often saves most of the cost of
being idle; the first record after a silence then waits up to this many ``idle_ms``."""

_COMMIT_EVERY_NS = 20 * MS_NS
"""Flow positions are this fresh. A feed at full speed writes about 1,000 records in that time."""

_MAX_POLL_RECORDS = 20_000
"""Bounds one poll, which is that long only behind a backlog, and what waits for one partition. What
follows costs by the batch, so long ones are cheap; at 72 bytes a tick it is 1.5 MB."""

_QUEUE_KBYTES = 16_384
"""Bounds what the client fetches ahead, over all partitions: back-pressure ends there, and what a
slow flow does not take stays with the broker."""

_NOW = datetime.fromtimestamp(0, UTC)


class Hub:
    """One consumer for all partitions, and one for the positions by which a feed paces itself."""

    def __init__(
        self,
        config: KafkaSourceConfig,
        observe: Callable[[str, int], None],
        wall_ns: Callable[[], int],
    ) -> None:
        self._config = config
        self._observe = observe
        self._wall_ns = wall_ns
        self._idle = timedelta(milliseconds=config.idle_ms)
        self._awake = _NOW
        self._consumer = Consumer(client_config(config.address.bootstrap, config.group))
        self._flow = (
            Consumer(client_config(config.address.bootstrap, config.group + FLOW_SUFFIX))
            if config.flow_control
            else None
        )
        self._inboxes: dict[tuple[str | None, int | None], Inbox] = {}
        self._filled: list[Inbox] = []
        self._starts: list[TopicPartition] = []
        self._assigned = False
        self._open = 0
        self._open_mains = 0
        self._busy = False
        self._polled_ns = 0
        self._heard_ns = 0
        self._committed_ns = 0
        self._read = Positions()
        self._durable = Positions()

    def open(self, topic: Topic, partition: int, offset: int, *, ended: bool) -> Inbox:
        """Return the inbox of a partition that is read from ``offset`` on."""
        name = self._config.address.topic(topic)
        inbox = Inbox(topic, partition, offset, ended=ended)
        self._inboxes[name, partition] = inbox
        if not ended:
            self._starts.append(TopicPartition(name, partition, offset))
            if topic in self._config.topics:
                self._open_mains += 1
        self._open += 1
        self.read(topic, partition, offset)
        return inbox

    def mains_are_over(self) -> bool:
        """Say whether every partition of the main topics has ended."""
        return self._open_mains == 0

    def ended(self, topic: Topic) -> None:
        """Note that all of a partition was given, its end too."""
        if topic in self._config.topics:
            self._open_mains -= 1

    def poll(self) -> None:
        """Put what the client has into the inboxes; where nothing comes, not at every call.

        Raises
        ------
        Halt
            If records were lost, or the broker refuses to be read.
        """
        now = monotonic_ns()
        if not self._busy and now - self._polled_ns < _POLL_EVERY_NS:
            return
        self._polled_ns = now
        if not self._assigned:
            self._consumer.assign(self._starts)
            self._assigned = True
        # The messages of a poll are gone at its end and hold no cycles. To look for some among
        # thousands of them again and again would cost a tenth of reading them.
        collects = gc.isenabled()
        gc.disable()
        try:
            self._busy = self._fetch()
        finally:
            if collects:
                gc.enable()
        if self._busy:
            self._heard_ns = now
        if now - self._committed_ns >= _COMMIT_EVERY_NS:
            self._committed_ns = now
            self.commit()

    def awake(self) -> datetime:
        """Say when a partition that has nothing looks again: at once while records come in."""
        if self._busy:
            return _NOW
        # Scheduling is not logic: no result depends on when a partition looks again. All idle ones
        # look at the same time: the engine is woken once for all of them, not once for each.
        now = datetime.now(UTC)  # noqa: TID251
        if self._awake <= now:
            quiet = monotonic_ns() - self._heard_ns > _QUIET_AFTER_NS
            self._awake = now + (self._idle * _QUIET_FACTOR if quiet else self._idle)
        return self._awake

    def saw(self, topic: Topic, stamp: Stamp) -> None:
        """Note how long a record has waited."""
        if stamp.wall_ns:
            self._observe(f"{topic}_to_{self._config.reader}", self._wall_ns() - stamp.wall_ns)

    def read(self, topic: Topic, partition: int, offset: int) -> None:
        """Note how far a partition was read."""
        if self._tells(topic):
            self._read.note((self._config.address.topic(topic), partition), offset)

    def durable(self, topic: Topic, partition: int, offset: int) -> None:
        """Note how far a partition is in a snapshot that no crash can take back."""
        if self._tells(topic):
            self._durable.note((self._config.address.topic(topic), partition), offset)

    def commit(self, *, wait: bool = False) -> None:
        """Tell both groups' positions."""
        self._durable.tell(self._consumer, wait=wait)
        if self._flow is not None:
            self._read.tell(self._flow, wait=wait)
            # It reads nothing; but answers to its commits pile up until they are fetched.
            self._flow.poll(0)

    def stopped(self) -> None:
        """Commit everything: all partitions are quiet, and what they had read is durable."""
        self._durable.take_over(self._read)
        self.commit(wait=True)

    def closed(self) -> None:
        """Commit the ends with the last partition: the engine then only has to finish its epoch."""
        self._open -= 1
        if self._open == 0:
            self.stopped()

    def _tells(self, topic: Topic) -> bool:
        # Of several processes that read the same partition, one speaks for the group.
        return self._config.index == 0 or topic not in self._config.whole_topics

    def _room(self) -> int:
        """Return how many records may come in: the fullest inbox holds no more than one poll.

        A partition whose snapshot is on its way takes nothing, while others go on polling for all.
        """
        self._filled = [one for one in self._filled if one.waiting and not one.ended]
        fullest = max((one.waiting_records for one in self._filled), default=0)
        return _MAX_POLL_RECORDS - fullest

    def _fetch(self) -> bool:
        room = self._room()
        if not room:
            return True
        messages = self._consumer.consume(room, 0)
        if any(map(Message.error, messages)):
            messages = _sound(messages)
        # Runs of one partition are long, and are found in C: this costs next to nothing a message.
        for _, same in groupby(messages, Message.partition):
            for _, run in groupby(same, Message.topic):
                batch = list(run)
                inbox = self._inboxes[batch[0].topic(), batch[0].partition()]
                if not inbox.waiting:
                    self._filled.append(inbox)
                inbox.put(batch)
        return bool(messages)


def client_config(bootstrap: str, group: str) -> dict[str, Any]:
    """Return the settings of a consumer that answers soon, and never passes over a loss."""
    return {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "enable.auto.commit": False,
        # A position that the log no longer holds is a loss; it must never pass in silence.
        "auto.offset.reset": "error",
        # The embedded log answers a fetch only after this time: keep it short.
        "fetch.wait.max.ms": 2,
        "fetch.min.bytes": 1,
        "fetch.queue.backoff.ms": 1,
        "queued.max.messages.kbytes": _QUEUE_KBYTES,
        "log_level": 3,
    }


def _sound(messages: list[Message]) -> list[Message]:
    """Return the messages that are none of the client's passing troubles."""
    sound: list[Message] = []
    for message in messages:
        error = message.error()
        if error is None:
            sound.append(message)
        else:
            _judge_error(error, f"{message.topic()}[{message.partition()}]")
    return sound


def _judge_error(error: KafkaError, place: str) -> None:
    if error.code() in {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:
        msg = (
            f"{place} no longer holds the position at which to go on reading "
            f"({error.str()}): records were lost; rebuild from a full log with a fresh run"
        )
        raise Halt(msg)
    if error.fatal() or not (error.retriable() or error.code() < 0):
        msg = f"{place} refuses to be read: {error.str()}"
        raise Halt(msg)
