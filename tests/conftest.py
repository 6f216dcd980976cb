"""Fixtures that more than one room's tests use."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from domain.ticks import TickArray
from sources.recorded import RecordedFeed
from testkit import kafka, tapes


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


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of recorded ticks and bars; a test that asks for it is skipped where there is none."""
    folder = tapes.real_data_dir()
    if folder is None:
        pytest.skip("no recorded ticks: AIFX_DATA names no folder with ticks/, nor is one beside")
    return folder


@pytest.fixture(scope="session")
def real_ticks(real_data: Path) -> Mapping[str, TickArray]:
    """All recorded ticks by symbol, in order of arrival; not to be changed."""
    found: dict[str, TickArray] = {}
    for symbol in ("EURUSD", "NZDUSD"):
        found[symbol] = np.concatenate(list(RecordedFeed(real_data / "ticks", [symbol]).batches()))
        found[symbol].flags.writeable = False
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that take longest, so that two workers end at about the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: item.path not in slow)
