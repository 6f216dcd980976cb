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
    prefix = f"t{os.getpid()}-{next(_runs)}."
    if request.param == "embedded":
        return embedded_address(request.getfixturevalue("embedded_bootstrap"), prefix)
    found = LogAddress(request.getfixturevalue("kafka_bootstrap"), prefix, PARTITIONS)
    create_topics(found)
    return found


@pytest.fixture
def embedded(embedded_bootstrap: str) -> LogAddress:
    """Topics of a run of its own on the embedded broker, where the kind of broker is no matter."""
    return embedded_address(embedded_bootstrap, f"e{os.getpid()}-{next(_runs)}.")


def embedded_address(bootstrap: str, prefix: str) -> LogAddress:
    """Return the address of new topics on an embedded broker."""
    return LogAddress(bootstrap, prefix, touch_embedded_topics(bootstrap, prefix))
