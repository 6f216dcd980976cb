"""A venue for every test of this folder, one after the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.venues.rig import CASES, Rig, make_case


@pytest.fixture(params=CASES)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """Start a venue on an account of its own, with a market in EURUSD."""
    case = make_case(request.param, tmp_path)
    try:
        rig = Rig(case, request.node.name)
        yield rig
        rig.venue.stop()
    finally:
        case.close()
