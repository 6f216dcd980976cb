"""Fixtures of the OANDA tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers.oanda.rig import OandaRig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[OandaRig]:
    """Return an adapter that is logged on to a double of its own."""
    made = OandaRig(tmp_path)
    try:
        yield made.start()
    finally:
        made.close()
