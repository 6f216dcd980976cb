"""Parameters: what comes with the package, and what is refused."""

import re

import msgspec
import numpy as np
import pytest

from domain.errors import BadUse
from domain.instruments import MAJOR_SYMBOLS
from jobs.calibrate import write_params
from sources.simulator import SimulatorParams
from sources.simulator.params import read_params
from sources.simulator.paths import innovation_factor, nearest_correlation


def test_every_instrument_is_quoted_and_says_on_what_basis(params: SimulatorParams) -> None:
    """All pairs have parameters; the fitted and the scaled ones are named, the rest is assumed."""
    basis = {name: quote.basis for name, quote in params.quotes.items()}
    assert set(basis) == set(MAJOR_SYMBOLS)
    assert {name for name in basis if basis[name] == "ticks"} == {"EURUSD", "NZDUSD"}
    assert {name for name in basis if basis[name] == "bars"} == {"GBPUSD", "USDJPY", "AUDUSD"}
    assert "assumed" in params.provenance


def test_what_is_written_is_read_back_the_same(params: SimulatorParams) -> None:
    """Writing for readers loses nothing."""
    assert read_params(write_params(params).encode()) == params


@pytest.mark.parametrize(
    ("key", "value"),
    [("speed", 1.0), ("delay_median_ms", -1.0), ("common_volatility", 1.5), ("v", 2)],
)
def test_unknown_keys_and_values_out_of_bounds_are_refused(
    params: SimulatorParams, key: str, value: float
) -> None:
    """A key that is not known or a number that cannot be is named in the refusal."""
    raw = msgspec.to_builtins(params) | {key: value}
    with pytest.raises(BadUse, match=re.escape(key)):
        read_params(msgspec.json.encode(raw))


def test_a_correlation_that_is_none_is_refused(params: SimulatorParams) -> None:
    """A matrix with a negative eigenvalue, or of another size, is no correlation of the legs."""
    wrong = np.full((len(params.legs), len(params.legs)), -0.9)
    np.fill_diagonal(wrong, 1.0)
    for matrix in (wrong.tolist(), [[1.0]]):
        raw = msgspec.to_builtins(params) | {"correlation": matrix}
        with pytest.raises(BadUse, match="positive semidefinite"):
            read_params(msgspec.json.encode(raw))


def test_the_factor_of_the_innovations_makes_a_correlation(params: SimulatorParams) -> None:
    """The Cholesky factor gives ones on the diagonal and no less correlation than the returns."""
    factor = innovation_factor(params)
    made = factor @ factor.T
    np.testing.assert_allclose(np.diag(made), 1.0)
    wanted = params.correlation_matrix()
    assert (np.abs(made) > np.abs(wanted) - 0.02).all()


def test_the_nearest_correlation_leaves_a_valid_matrix_alone() -> None:
    """A valid matrix stays as it is; an impossible one becomes valid."""
    valid = np.array([[1.0, 0.5], [0.5, 1.0]])
    np.testing.assert_allclose(nearest_correlation(valid), valid)
    impossible = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    assert np.linalg.eigvalsh(nearest_correlation(impossible)).min() > 0.0
