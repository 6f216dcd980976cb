"""The Kafka of a run: the embedded broker, or a real one that is checked and given its topics."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from domain.errors import BadUse, Halt
from domain.log import LogAddress
from domain.topics import Topic

EMBEDDED = "embedded"

_REACH_TIMEOUT_S = 5.0
_CREATE_TIMEOUT_S = 30.0

_RETENTION_MS = "-1"
"""A run can be resumed and audited as long as its topics are there: nothing expires by itself."""


@contextmanager
def embedded_broker() -> Iterator[str]:
    """Run librdkafka's own cluster in this process; give its ``HOST:PORT``.

    It speaks the real protocol and lives in memory: it ends with this process, and keeps about
    5 MB a partition.
    """
    producer = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 3})
    brokers = producer.list_topics(timeout=_REACH_TIMEOUT_S).brokers.values()
    address = [f"{broker.host}:{broker.port}" for broker in brokers]
    try:
        yield address[0]
    finally:
        # The cluster lives as long as its producer.
        producer.flush(0)


def check_reachable(bootstrap: str) -> None:
    """Ask a broker who it is.

    Raises
    ------
    BadUse
        If nothing answers there.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        admin.list_topics(timeout=_REACH_TIMEOUT_S)
    except KafkaException as error:
        msg = (
            f"no Kafka answers at {bootstrap} ({error.args[0].str()}): start it (aifx kafka up), "
            "correct --kafka, or leave --kafka out for the embedded one"
        )
        raise BadUse(msg) from error


def partitions_of(bootstrap: str, topic: str) -> int | None:
    """Return how many partitions a topic has, or None where there is no such topic."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
    known = admin.list_topics(timeout=_REACH_TIMEOUT_S).topics.get(topic)
    return None if known is None or known.error is not None else len(known.partitions)


def create_topics(address: LogAddress) -> None:
    """Create every topic of a run on a real cluster.

    Raises
    ------
    Halt
        If the cluster refuses.
    """
    admin = AdminClient({"bootstrap.servers": address.bootstrap, "log_level": 3})
    wanted = [
        NewTopic(
            address.topic(topic),
            num_partitions=address.partitions,
            replication_factor=1,
            config={"retention.ms": _RETENTION_MS},
        )
        for topic in Topic
    ]
    for name, future in admin.create_topics(wanted, operation_timeout=_CREATE_TIMEOUT_S).items():
        try:
            future.result()
        except KafkaException as error:
            msg = f"Kafka at {address.bootstrap} did not create topic {name}: {error}"
            raise Halt(msg) from error


def touch_embedded_topics(bootstrap: str, prefix: str) -> int:
    """Make the embedded broker create every topic; return the partitions that it gives to each."""
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 3})
    counts = {
        len(
            producer.list_topics(prefix + topic, timeout=_REACH_TIMEOUT_S)
            .topics[prefix + topic]
            .partitions
        )
        for topic in Topic
    }
    if len(counts) != 1:
        msg = f"the embedded Kafka gave topics different numbers of partitions: {sorted(counts)}"
        raise Halt(msg)
    return counts.pop()
