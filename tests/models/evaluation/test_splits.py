"""Splits: every row is tested once, no training label reaches a test, and paths cover all of it."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.errors import BadUse
from models.evaluation.splits import (
    combinatorial_purged,
    path_answers,
    paths,
    starts_by_count,
    starts_by_span,
    walk_forward,
)

Times = NDArray[np.int64]


def _times(*values: int) -> Times:
    return np.array(values, np.int64)


@st.composite
def _rows(draw: st.DrawFn) -> tuple[Times, Times]:
    """Rows of up to three symbols in any order, some without a label."""
    n = draw(st.integers(60, 160))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ts = rng.integers(1, 20 * n, size=n)
    reach = rng.integers(1, draw(st.integers(2, 60)), size=n)
    return ts, np.where(rng.random(n) < 0.1, 0, ts + reach)


def test_walk_forward_by_hand() -> None:
    """Labels reach 10 ahead, the embargo is 5: a test at 30 trains on what ends by 25."""
    ts = _times(0, 5, 10, 15, 20, 25, 30, 35, 40, 45)
    splits = walk_forward(ts, ts + 10, _times(30, 40), embargo_ns=5)
    assert [(s.train.tolist(), s.test.tolist(), s.groups) for s in splits] == [
        ([0, 1, 2, 3], [6, 7], (0,)),
        ([0, 1, 2, 3, 4, 5], [8, 9], (1,)),
    ]
    rolling = walk_forward(ts, ts + 10, _times(30, 40), embargo_ns=5, train_ns=25)
    assert [s.train.tolist() for s in rolling] == [[1, 2, 3], [3, 4, 5]]


@given(
    rows=_rows(),
    count=st.integers(1, 4),
    embargo_ns=st.integers(0, 40),
    rolling=st.booleans(),
)
def test_walk_forward_leaks_nothing_and_tests_once(
    rows: tuple[Times, Times], count: int, embargo_ns: int, rolling: bool
) -> None:
    """Each label trained on ends the embargo before its test, and the tests tile the rest."""
    ts, end = rows
    starts = starts_by_count(ts, count, 0.4)
    train_ns = int(ts.max()) // 3 + 100 if rolling else None
    splits = walk_forward(ts, end, starts, embargo_ns, train_ns)
    for split, start in zip(splits, starts.tolist(), strict=True):
        assert (end[split.train] > 0).all()
        assert end[split.train].max() + embargo_ns <= start <= ts[split.test].min()
        if train_ns is not None:
            assert ts[split.train].min() >= start - train_ns
        else:
            kept = np.count_nonzero((end > 0) & (end + embargo_ns <= start))
            assert len(split.train) == kept
    tested = np.sort(np.concatenate([split.test for split in splits]))
    assert tested.tolist() == np.flatnonzero(ts >= starts[0]).tolist()


@given(
    rows=_rows(),
    groups=st.integers(4, 6),
    test_groups=st.integers(1, 2),
    embargo_ns=st.integers(0, 40),
)
def test_combinations_leak_nothing(
    rows: tuple[Times, Times], groups: int, test_groups: int, embargo_ns: int
) -> None:
    """No row trained on overlaps a test's rows or labels, nor comes nearer than the embargo."""
    ts, end = rows
    splits = combinatorial_purged(ts, end, groups, test_groups, embargo_ns)
    assert len(splits) == comb(groups, test_groups)
    for split in splits:
        assert not set(split.train) & set(split.test)
        for row in split.test.tolist():
            last = max(ts[row], end[row])
            clear = (end[split.train] + embargo_ns <= ts[row]) | (
                ts[split.train] >= last + embargo_ns
            )
            assert clear.all()
    tested = np.bincount(np.concatenate([split.test for split in splits]), minlength=len(ts))
    assert (tested == comb(groups - 1, test_groups - 1)).all()


def test_combinations_by_hand() -> None:
    """Three groups, one tested: labels that reach into the test go, and rows within its labels."""
    ts = _times(0, 10, 20, 30, 40, 50)
    splits = combinatorial_purged(ts, ts + 10, 3, 1, 0)
    assert [(s.groups, s.train.tolist(), s.test.tolist()) for s in splits] == [
        ((0,), [2, 3, 4, 5], [0, 1]),
        ((1,), [0, 1, 4, 5], [2, 3]),
        ((2,), [0, 1, 2, 3], [4, 5]),
    ]
    # Labels of 11 reach past the next row; an embargo of 5 takes the row after that too.
    reaching = combinatorial_purged(ts, ts + 11, 3, 1, 0)
    assert [s.train.tolist() for s in reaching] == [[3, 4, 5], [0, 5], [0, 1, 2]]


@pytest.mark.parametrize(("groups", "test_groups"), [(2, 1), (5, 1), (6, 2), (6, 3)])
def test_paths_answer_every_group_once(groups: int, test_groups: int) -> None:
    """Six groups with two tested make 15 splits and 5 paths; each answer is on one path."""
    ts = np.arange(12 * groups, dtype=np.int64)
    splits = combinatorial_purged(ts, ts + 1, groups, test_groups, 0)
    table = paths(groups, test_groups)
    assert table.shape == (comb(groups, test_groups) * test_groups // groups, groups)
    used = {(split, group) for path in table for group, split in enumerate(path)}
    assert used == {(index, g) for index, split in enumerate(splits) for g in split.groups}
    assert len(used) == table.size
    # A split that answers with its own number shows which one stands where.
    answers = [np.full(len(split.test), index, float) for index, split in enumerate(splits)]
    whole = path_answers(ts, splits, answers, groups, test_groups)
    assert whole.tolist() == np.repeat(table, 12, axis=1).tolist()


def test_missing_answers_make_no_path() -> None:
    """Answers that do not fit the tests are refused, not shifted."""
    ts = np.arange(20, dtype=np.int64)
    splits = combinatorial_purged(ts, ts + 1, 4, 1, 0)
    answers = [np.zeros(len(split.test)) for split in splits]
    with pytest.raises(BadUse, match="do not fit"):
        path_answers(ts, splits, [*answers[:-1], answers[-1][:-1]], 4, 1)


def test_starts_by_count_and_by_span() -> None:
    """Quarters of the rows; and spans of 30 after 40, whose short remainder joins the last."""
    ts = np.arange(100, dtype=np.int64)[::-1].copy()
    assert starts_by_count(ts, 3).tolist() == [25, 50, 75]
    assert starts_by_count(ts, 2, 0.5).tolist() == [50, 75]
    assert starts_by_span(ts, 40, 30).tolist() == [40, 70]
    assert starts_by_span(ts, 40, 25).tolist() == [40, 65]
    assert starts_by_span(ts, 40, 20).tolist() == [40, 60, 80]
    assert starts_by_span(ts, 99, 50).tolist() == [99]


def test_what_cannot_be_split_is_refused() -> None:
    """Each message says what is wrong."""
    ts = np.arange(10, dtype=np.int64)
    with pytest.raises(BadUse, match="known before its bar"):
        walk_forward(ts, ts.copy(), _times(5), 0)
    with pytest.raises(BadUse, match="distance"):
        walk_forward(ts, ts + 1, _times(5), -1)
    with pytest.raises(BadUse, match="rising"):
        walk_forward(ts, ts + 1, _times(5, 5), 0)
    with pytest.raises(BadUse, match="within the embargo"):
        walk_forward(ts, ts + 1, _times(5), 3, train_ns=3)
    with pytest.raises(BadUse, match="0 rows to train"):
        walk_forward(ts, ts + 1, _times(5), 6)
    with pytest.raises(BadUse, match="one length"):
        walk_forward(ts, ts[1:], _times(5), 0)
    with pytest.raises(BadUse, match="keep at least one"):
        combinatorial_purged(ts, ts + 1, 3, 3, 0)
    with pytest.raises(BadUse, match="too few different times"):
        starts_by_count(np.ones(10, np.int64), 3)
    with pytest.raises(BadUse, match="cannot be cut"):
        starts_by_count(ts, 0)
    with pytest.raises(BadUse, match="end before the first test"):
        starts_by_span(ts, 50, 5)
    with pytest.raises(BadUse, match="length > 0"):
        starts_by_span(ts, 5, 0)
