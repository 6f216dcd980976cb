"""Training data: one order, one hash, and windows that never reach over a gap."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import BadUse
from domain.nanos import MINUTE_NS
from models.sequence.window import RowWindow
from models.training.dataset import TrainingData
from tests.models.training.cases import N_FEATURES, START_NS, market


def _shuffled(data: TrainingData) -> TrainingData:
    """Return the same data with rows and symbols in another order."""
    order = np.random.default_rng(9).permutation(len(data.ts_ns))
    return replace(
        data,
        ts_ns=data.ts_ns[order],
        x=data.x[order],
        mid=data.mid[order],
        symbol_codes=1 - data.symbol_codes[order],
        symbols=data.symbols[::-1],
    )


def _tape(minutes: list[int], max_gap_ns: int = 2 * MINUTE_NS) -> TrainingData:
    """Return one symbol with bars at some minutes; the one feature is the number of the row."""
    n = len(minutes)
    return TrainingData(
        ts_ns=START_NS + MINUTE_NS * np.array(minutes, dtype=np.int64),
        x=np.arange(n, dtype=np.float64)[:, None],
        mid=np.ones(n),
        feature_schema="schema-1",
        feature_names=("number",),
        symbol_codes=np.zeros(n, dtype=np.int64),
        symbols=("EURUSD",),
        max_gap_ns=max_gap_ns,
    )


def test_rows_stand_by_symbol_and_time_however_they_came() -> None:
    """The same rows in another order are the same data, to the hash."""
    data = market(50)
    again = _shuffled(data)
    assert data.symbols == again.symbols == ("AUDUSD", "EURUSD")
    assert (np.diff(data.symbol_codes) >= 0).all()
    for name in ("ts_ns", "x", "mid", "symbol_codes"):
        assert getattr(data, name).tobytes() == getattr(again, name).tobytes()
    assert data.sha256() == again.sha256()


@pytest.mark.parametrize("column", ["ts_ns", "x", "mid"])
def test_the_hash_holds_every_value(column: str) -> None:
    """One other value is another hash, and a NaN is a NaN whatever its bits."""
    data = market(50)
    changed = getattr(data, column).copy()
    changed[-1] += 1
    assert replace(data, **{column: changed}).sha256() != data.sha256()
    assert replace(data, feature_schema="schema-2").sha256() != data.sha256()
    holes = [data.x.copy(), data.x.copy()]
    holes[0][3], holes[1][3] = np.nan, -np.nan
    assert replace(data, x=holes[0]).sha256() == replace(data, x=holes[1]).sha256()


@pytest.mark.parametrize(
    "change",
    [
        {"mid": np.full(20, np.nan)},
        {"mid": np.ones(19)},
        {"symbol_codes": np.full(20, 2)},
        {"symbol_codes": np.zeros(20, dtype=np.int64)},
        {"symbols": ("EURUSD", "EURUSD")},
        {"feature_names": ("a",)},
        {"ts_ns": np.array([], dtype=np.int64)},
        {"max_gap_ns": 0},
    ],
)
def test_data_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    """Shapes, names, codes, repeated bars and broken mids are found before training."""
    with pytest.raises(BadUse):
        replace(market(10), **change)


def test_a_window_does_not_reach_over_a_gap() -> None:
    """Rows 0 1 2, a gap of three minutes, rows 3 4: rows before a window's history are NaN."""
    data = _tape([0, 1, 3, 6, 7])
    nan = np.nan
    found = data.windows(np.arange(5), 3)[:, :, 0]
    wanted = [[nan, nan, 0], [nan, 0, 1], [0, 1, 2], [nan, nan, 3], [nan, 3, 4]]
    np.testing.assert_array_equal(found, wanted)
    assert data.whole(3).tolist() == [False, False, True, False, False]
    assert data.whole(2).tolist() == [False, True, True, False, True]
    assert data.whole(1).all()


def test_a_window_does_not_reach_into_another_symbol() -> None:
    """The first rows of the second symbol have no history, although rows stand before them."""
    data = market(6)
    assert np.isnan(data.windows(np.array([6, 7]), 3)[:, 0]).all()
    assert data.whole(3).tolist() == [False, False, True, True, True, True] * 2


@pytest.mark.parametrize("hole", [np.nan, np.inf, 1e300])
def test_a_row_that_cannot_be_read_breaks_the_windows_over_it(hole: float) -> None:
    """It is in the window as it is, and no window with it is whole."""
    data = _tape([0, 1, 2, 3, 4])
    x = data.x.copy()
    x[1] = hole
    data = replace(data, x=x)
    assert data.whole(2).tolist() == [False, False, False, True, True]
    assert data.whole(1).tolist() == [True, False, True, True, True]


def test_a_window_of_one_row_is_the_row() -> None:
    """Models of a row and of a window read the same columns."""
    data = market(20)
    rows = np.array([3, 30, 7])
    assert data.windows(rows, 1).tobytes() == data.x[rows].tobytes()
    with pytest.raises(BadUse, match="1 row or more"):
        data.windows(rows, 0)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.integers(1, 5), min_size=1, max_size=40),
    holes=st.sets(st.integers(0, 39)),
    length=st.integers(1, 6),
)
def test_training_and_the_stream_see_the_same_windows(
    steps: list[int], holes: set[int], length: int
) -> None:
    """Whatever the gaps and holes, a window is whole in both or in neither, and then equal."""
    data = _tape(np.cumsum(steps).tolist())
    x = data.x.copy()
    x[[at for at in holes if at < len(x)]] = np.nan
    data = replace(data, x=x)
    logic = RowWindow(length, 1, data.max_gap_ns).build(None)
    streamed = logic.on_rows(data.ts_ns, data.x)
    whole = data.whole(length)
    assert (~np.isnan(streamed).any(axis=(1, 2))).tolist() == whole.tolist()
    batch = data.windows(np.arange(len(x)), length)
    assert batch[whole].tobytes() == streamed[whole].tobytes()


def test_spacing_counts_each_moment_once() -> None:
    """Two symbols of minutes have a row every half minute; one row has no spacing."""
    assert market(50).spacing_ns() == MINUTE_NS / 2
    assert market(1, symbols=1).spacing_ns() == 0.0
    assert market(50).x.shape == (100, N_FEATURES)
