"""Every test here that takes ``address`` runs on the embedded broker and on a real Apache Kafka."""

import os
from collections.abc import Iterator
from itertools import count

import pytest

from domain.log import LogAddress
from jobs.kafka import create_topics, embedded_broker, touch_embedded_topics

PARTITIONS = 2
"""Of the topics on the real broker; the embedded one has its own number."""

_runs = count()


@pytest.fixture(scope="session")
def embedded_bootstrap() -> Iterator[str]:
    """Address of an embedded broker that all tests of the session share."""
    with embedded_broker() as bootstrap:
        yield bootstrap


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.kafka)])
def address(request: pytest.FixtureRequest) -> LogAddress:
    """Topics of a run of its own on a broker."""
    found: LogAddress = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def embedded(embedded_bootstrap: str) -> LogAddress:
    """Topics of a run of its own on the embedded broker."""
    prefix = f"t{os.getpid()}-{next(_runs)}."
    return LogAddress(embedded_bootstrap, prefix, touch_embedded_topics(embedded_bootstrap, prefix))


@pytest.fixture
def real(kafka_bootstrap: str) -> LogAddress:
    """Topics of a run of its own on a real Apache Kafka."""
    found = LogAddress(kafka_bootstrap, f"t{os.getpid()}-{next(_runs)}.", PARTITIONS)
    create_topics(found)
    return found
