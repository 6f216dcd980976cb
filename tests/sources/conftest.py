"""Simulated days that several tests look at."""

from datetime import date

import msgspec
import numpy as np
import pytest

from domain.ticks import TickArray
from sources.simulator import SimulatorParams, load_params, simulate

MONDAY = date(2014, 5, 5)
TWO_WEEKS_ON = date(2014, 5, 16)


@pytest.fixture(scope="session")
def params() -> SimulatorParams:
    """Return the parameters that come with the package."""
    return load_params()


@pytest.fixture(scope="session")
def calm(params: SimulatorParams) -> SimulatorParams:
    """Return the same market with volatility that does not cluster, so that means settle soon."""
    legs = {
        name: msgspec.structs.replace(
            leg,
            volatility=msgspec.structs.replace(leg.volatility, fast_sd=0.0, slow_sd=0.0),
        )
        for name, leg in params.legs.items()
    }
    return msgspec.structs.replace(params, legs=legs)


@pytest.fixture(scope="session")
def two_weeks(params: SimulatorParams) -> TickArray:
    """Return two weeks of EURUSD without defects."""
    days = simulate(params, ["EURUSD"], MONDAY, TWO_WEEKS_ON, 7, defect_rate=0.0)
    return np.concatenate([ticks for _, ticks in days])


@pytest.fixture(scope="session")
def calm_weeks(calm: SimulatorParams) -> TickArray:
    """Return two calm weeks of EURUSD, EURJPY and all legs, without defects."""
    names = [*calm.legs, "EURJPY"]
    days = simulate(calm, names, MONDAY, TWO_WEEKS_ON, 11, defect_rate=0.0)
    return np.concatenate([ticks for _, ticks in days])
