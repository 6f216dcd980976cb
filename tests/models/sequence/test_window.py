"""The rows of a symbol as windows: whole or NaN, however they were cut and stored."""

import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.errors import BadUse, Corrupt
from domain.nanos import MINUTE_NS
from models.sequence.window import RowWindow, RowWindowLogic

NAN = np.nan
ONE = RowWindow(3, 1, 2 * MINUTE_NS)


def _minutes(*minutes: int) -> NDArray[np.int64]:
    return MINUTE_NS * np.array(minutes, dtype=np.int64)


def _rows(*values: float) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)[:, None]


def _stored(config: RowWindow, logic: RowWindowLogic) -> RowWindowLogic:
    return config.build(json.loads(json.dumps(logic.snapshot(), allow_nan=False)))


def test_windows_fill_up_and_move_on() -> None:
    """Three rows a window: two without, then one for each row, also over two calls."""
    logic = ONE.build(None)
    found = logic.on_rows(_minutes(1, 2, 3), _rows(1, 2, 3))[:, :, 0]
    np.testing.assert_array_equal(found, [[NAN, NAN, 1], [NAN, 1, 2], [1, 2, 3]])
    found = logic.on_rows(_minutes(4), _rows(4))[:, :, 0]
    np.testing.assert_array_equal(found, [[2, 3, 4]])


def test_a_gap_starts_it_anew() -> None:
    """Two minutes are allowed, three are not: also where the gap lies between two calls."""
    logic = ONE.build(None)
    found = logic.on_rows(_minutes(1, 3, 4, 7, 8, 9), _rows(1, 2, 3, 4, 5, 6))[:, :, 0]
    assert np.isnan(found).any(axis=1).tolist() == [True, True, False, True, True, False]
    assert found[2].tolist() == [1, 2, 3]
    assert found[5].tolist() == [4, 5, 6]
    logic.on_rows(_minutes(20, 21), _rows(7, 8))
    assert logic.on_rows(_minutes(22), _rows(9))[0, :, 0].tolist() == [7, 8, 9]


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf, 1e300])
def test_a_row_that_cannot_be_read_starts_it_anew(hole: float) -> None:
    """As does one that its caller says is not ready."""
    found = ONE.build(None).on_rows(_minutes(*range(8)), _rows(0, 1, hole, 3, 4, 5, 6, 7))
    assert (~np.isnan(found).any(axis=(1, 2))).tolist() == [False] * 5 + [True] * 3
    ready = np.arange(8) != 2
    again = ONE.build(None).on_rows(_minutes(*range(8)), _rows(*range(8)), ready)
    assert again[5:].tobytes() == found[5:].tobytes()
    assert np.isnan(again[:5]).any(axis=(1, 2)).all()


def test_a_window_of_one_row_keeps_nothing() -> None:
    """A model of a row is the same with a window of one."""
    logic = RowWindow(1, 1).build(None)
    assert logic.on_rows(_minutes(1, 100), _rows(1, NAN))[:, 0, 0].tolist()[0] == 1
    assert logic.snapshot()["rows"] == []
    assert logic.on_rows(_minutes(), np.empty((0, 1))).shape == (0, 1, 1)


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(st.integers(1, 4), min_size=1, max_size=30),
    holes=st.sets(st.integers(0, 29)),
    cuts=st.sets(st.integers(1, 29)),
    length=st.integers(1, 5),
    data=st.data(),
)
def test_cuts_and_resumes_change_no_window(
    steps: list[int], holes: set[int], cuts: set[int], length: int, data: st.DataObject
) -> None:
    """Row by row or all at once, through any snapshot: a whole window is the same to the bit."""
    n = len(steps)
    ts = MINUTE_NS * np.cumsum(steps)
    x = np.random.default_rng(n).normal(size=(n, 2))
    ready = np.array([at not in holes for at in range(n)])
    config = RowWindow(length, 2, 2 * MINUTE_NS)
    wanted = config.build(None).on_rows(ts, x, ready)
    logic, found = config.build(None), []
    borders = sorted({0, n, *(at for at in cuts if at < n)})
    for low, high in itertools.pairwise(borders):
        if data.draw(st.booleans()):
            logic = _stored(config, logic)
        found.append(logic.on_rows(ts[low:high], x[low:high], ready[low:high]))
    got = np.concatenate(found)
    whole = np.asarray(~np.isnan(wanted).any(axis=(1, 2)))
    assert (~np.isnan(got).any(axis=(1, 2))).tolist() == whole.tolist()
    assert got[whole].tobytes() == wanted[whole].tobytes()
    # Read slowly: a window is whole if its rows are ready and follow each other closely.
    for at in range(n):
        rows = range(at - length + 1, at + 1)
        close = all(steps[row] <= 2 for row in rows[1:]) if rows[0] >= 0 else False
        assert whole[at] == (close and all(ready[row] for row in rows))
        assert not whole[at] or wanted[at].tobytes() == x[rows[0] : at + 1].tobytes()


def test_rows_are_not_changed_and_later_ones_change_no_window() -> None:
    """A caller may give a view that nobody may write to, and keep what it got."""
    logic = ONE.build(None)
    x = _rows(1, 2, 3)
    x.flags.writeable = False
    found = logic.on_rows(_minutes(1, 2, 3), x)
    before = found.tobytes()
    logic.on_rows(_minutes(4, 5, 6), _rows(7, 8, 9))
    assert found.tobytes() == before


@pytest.mark.parametrize(
    ("ts", "x", "words"),
    [
        (_minutes(2, 2), _rows(1, 2), "in order: row 1"),
        (_minutes(3, 1), _rows(1, 2), "in order: row 1"),
        (_minutes(0), _rows(1), "in order: row 0"),
        (_minutes(2), _rows(1, 2), "each row needs one time"),
        (_minutes(2), np.ones((1, 2)), "1 features"),
    ],
)
def test_rows_out_of_order_or_shape_are_refused(
    ts: NDArray[np.int64], x: NDArray[np.float64], words: str
) -> None:
    """A mistake of the wiring stops the process."""
    logic = ONE.build(None)
    logic.on_rows(_minutes(1), _rows(0))
    with pytest.raises(BadUse, match=words):
        logic.on_rows(ts, x)


@pytest.mark.parametrize("change", [{"length": 0}, {"n_features": 0}, {"max_gap_ns": 0}])
def test_a_config_out_of_bounds_is_refused(change: dict[str, int]) -> None:
    """Bounds are checked where it is made."""
    with pytest.raises(BadUse, match="1 or more"):
        RowWindow(**{"length": 2, "n_features": 2, "max_gap_ns": 2, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"owner": "another"},
        {"rows": [[1.0, 2.0]]},
        {"rows": [[1.0]] * 3},
        {"rows": None},
        {"last_ns": "noon"},
    ],
)
def test_a_foreign_or_broken_snapshot_is_refused(change: dict[str, Any]) -> None:
    """Another version, another config, rows of another shape or too many of them."""
    logic = ONE.build(None)
    logic.on_rows(_minutes(1, 2), _rows(1, 2))
    with pytest.raises(Corrupt):
        ONE.build({**logic.snapshot(), **change})


def test_the_snapshot_is_plain_and_small() -> None:
    """The stored form as it is on disk: one row fewer than a window, None for one that breaks."""
    logic = ONE.build(None)
    logic.on_rows(_minutes(1, 2, 3), _rows(1, NAN, 3))
    assert logic.snapshot() == {
        "v": 1,
        "owner": ONE.window_id,
        "last_ns": 3 * MINUTE_NS,
        "rows": [None, [3.0]],
    }
    assert logic.snapshot() is logic.snapshot()
    assert ONE.build(None).snapshot()["last_ns"] is None
