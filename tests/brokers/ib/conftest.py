"""A running adapter at a gateway of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers.ib.rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Adapter and gateway, started."""
    made = Rig(tmp_path / "ids")
    try:
        yield made.start()
    finally:
        made.close()
