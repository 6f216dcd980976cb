"""Fixtures that more than one room's tests use."""

import os
from collections.abc import Iterator

import pytest

from testkit import kafka


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """Bootstrap address of a real broker, started once for the whole session.

    Without a way to have one the tests that ask for it skip, and fail with AIFX_REQUIRE_KAFKA=1.
    A broker that was asked for and does not answer is an error in either case.
    """
    broker = kafka.broker()
    try:
        address = broker.__enter__()
    except kafka.KafkaUnavailable as error:
        if os.environ.get("AIFX_REQUIRE_KAFKA") == "1":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    try:
        yield address.bootstrap
    finally:
        broker.__exit__(None, None, None)
