"""A real single-node Apache Kafka (KRaft) for tests and for a person at a terminal.

Belongs here: finding, fetching, starting and stopping one broker, and saying plainly why none can
be had. Does not belong here: topics, messages, schemas, consumers or anything else that knows what
the platform sends; callers bring those and get a bootstrap address.

`broker` is what tests want; `KafkaBroker` and `serve` are what a command line wants.
"""

from testkit.kafka.address import (
    BrokerError,
    KafkaAddress,
    KafkaStartError,
    KafkaUnavailable,
    KafkaUnreachable,
    Origin,
    Say,
)
from testkit.kafka.jars import KAFKA_VERSION
from testkit.kafka.resolve import KafkaBroker, broker, serve

__all__ = [
    "KAFKA_VERSION",
    "BrokerError",
    "KafkaAddress",
    "KafkaBroker",
    "KafkaStartError",
    "KafkaUnavailable",
    "KafkaUnreachable",
    "Origin",
    "Say",
    "broker",
    "serve",
]
