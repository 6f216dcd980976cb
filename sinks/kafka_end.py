"""Ending topics: an empty message in every partition says that no more will come.

Written when a dataflow's input has ended, after its last snapshot; also where a partition never got
a record. A second call changes nothing, so that a crash in between does no harm.
"""

from collections.abc import Iterable

from confluent_kafka import TopicPartition

from domain.errors import Retry
from domain.log import END_HEADER, LogAddress, find_header
from domain.topics import Topic
from sinks.kafka import SharedProducer, extent, reader

_TIMEOUT_S = 30.0


def end_topics(
    address: LogAddress, topics: Iterable[Topic], partitions: Iterable[int] | None = None
) -> None:
    """End some partitions of some topics (None: all), where they have not ended yet.

    Raises
    ------
    Retry
        If the broker does not take it.
    """
    producer = SharedProducer(address.bootstrap)
    places = range(address.partitions) if partitions is None else tuple(partitions)
    for topic in topics:
        name = address.topic(topic)
        for partition in places:
            if not has_ended(address.bootstrap, name, partition):
                producer.write(name, partition, b"", b"", (END_HEADER, b"1"))
    producer.flush()


def has_ended(bootstrap: str, topic: str, partition: int) -> bool:
    """Say whether the last message of a partition ends it.

    Raises
    ------
    Retry
        If it cannot be read.
    """
    consumer = reader(bootstrap)
    try:
        low, high = extent(consumer, topic, partition)
        if low == high:
            return False
        consumer.assign([TopicPartition(topic, partition, high - 1)])
        message = consumer.poll(_TIMEOUT_S)
        if message is None or message.error() is not None:
            # Taking this for "not ended" would end it twice.
            msg = f"the last record of {topic}[{partition}] could not be read"
            raise Retry(msg)
        return find_header(message.headers(), END_HEADER) is not None
    finally:
        consumer.close()
