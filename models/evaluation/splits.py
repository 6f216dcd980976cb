"""Splits that leak nothing: no training label is known later than the embargo before its test.

Rows may stand in any order and be of many symbols; only their times count. A row without a label
(``end_ns`` 0) is tested like any other, since a model answers it too, but never trained on.

References
----------
.. [1] M. López de Prado, "Advances in Financial Machine Learning", Wiley 2018, chapter 7 (purge and
   embargo) and chapter 12 (walk-forward, combinatorial purged cross-validation).
"""

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse

Rows = NDArray[np.intp]
Times = NDArray[np.int64]


class Split(NamedTuple):
    """Row indices to train on and to test on, ascending.

    Attributes
    ----------
    train, test
        Shape (n_train,) and (n_test,), without common rows.
    groups
        Which groups of time are tested; walk-forward: the number of the fold alone.
    """

    train: Rows
    test: Rows
    groups: tuple[int, ...]


def starts_by_count(ts_ns: Times, count: int, first_share: float | None = None) -> Times:
    """Return the starts of some tests of about equally many rows.

    Parameters
    ----------
    ts_ns
        Shape (n,): bar closes in any order.
    count
        Number of tests (> 0).
    first_share
        Share of the rows before the first test, in (0, 1); None: as many as in a test.

    Returns
    -------
    Times
        Shape (count,), strictly rising.

    Raises
    ------
    BadUse
        If a bound is broken or there are too few different times.
    """
    first = 1 / (count + 1) if first_share is None and count > 0 else first_share
    if count <= 0 or first is None or not 0 < first < 1 or len(ts_ns) == 0:
        msg = f"{count} tests after a share of {first_share} of {len(ts_ns)} rows cannot be cut"
        raise BadUse(msg)
    shares = first + (1 - first) * np.arange(count) / count
    starts = np.sort(ts_ns)[(shares * len(ts_ns)).astype(np.intp)]
    if (np.diff(starts) <= 0).any() or starts[0] == ts_ns.min():
        msg = f"the rows have too few different times for {count} tests: give fewer tests"
        raise BadUse(msg)
    return starts


def starts_by_span(ts_ns: Times, first_ns: int, test_ns: int) -> Times:
    """Return the starts of tests of one length in time, the first ``first_ns`` after the first row.

    Parameters
    ----------
    ts_ns
        Shape (n,): bar closes in any order.
    first_ns, test_ns
        Time before the first test and length of a test, in nanoseconds (> 0). A remainder shorter
        than half a test belongs to the last one.

    Raises
    ------
    BadUse
        If a bound is broken or the rows end before the first test.
    """
    if first_ns <= 0 or test_ns <= 0 or len(ts_ns) == 0:
        msg = f"tests need rows, a first span > 0 and a length > 0, not {first_ns} and {test_ns}"
        raise BadUse(msg)
    begin, end = int(ts_ns.min()) + first_ns, int(ts_ns.max()) + 1
    if begin >= end:
        msg = "the rows end before the first test begins: give a longer span or a shorter first"
        raise BadUse(msg)
    count = max(1, (end - begin + test_ns // 2) // test_ns)
    return begin + test_ns * np.arange(count, dtype=np.int64)


def walk_forward(
    ts_ns: Times,
    end_ns: Times,
    starts_ns: Times,
    embargo_ns: int,
    train_ns: int | None = None,
) -> list[Split]:
    """Cut rows into tests one after the other, each with the training rows before it [1]_.

    Parameters
    ----------
    ts_ns
        Shape (n,): bar closes in any order.
    end_ns
        Shape (n,): when each row's label is known; 0 where there is none.
    starts_ns
        Shape (k,): start of each test, strictly rising; a test goes on until the next, the last to
        the end. See `starts_by_count` and `starts_by_span`.
    embargo_ns
        Least time from the end of the last training label to the start of the test (>= 0).
    train_ns
        Rolling: a training row closes at most this long before its test starts. None: anchored,
        every test has all rows before it.

    Returns
    -------
    list of Split
        Every row at or after the first start is in exactly one test.

    Raises
    ------
    BadUse
        If a bound is broken, a label is known before its bar, or a fold has nothing to train or to
        test on.
    """
    _check(ts_ns, end_ns, embargo_ns)
    if len(starts_ns) == 0 or (np.diff(starts_ns) <= 0).any():
        msg = "tests start one after the other: give strictly rising starts, at least one"
        raise BadUse(msg)
    if train_ns is not None and train_ns <= embargo_ns:
        msg = f"a training span of {train_ns} ns lies within the embargo of {embargo_ns} ns"
        raise BadUse(msg)
    fold = np.searchsorted(starts_ns, ts_ns, side="right") - 1
    splits: list[Split] = []
    for number, start in enumerate(starts_ns.tolist()):
        fit = (end_ns > 0) & (end_ns <= start - embargo_ns)
        if train_ns is not None:
            fit &= ts_ns >= start - train_ns
        splits.append(_split(fit, fold == number, (number,)))
    return splits


def combinatorial_purged(
    ts_ns: Times, end_ns: Times, groups: int, test_groups: int, embargo_ns: int
) -> list[Split]:
    """Test every choice of some groups of time on the rest [1]_.

    Parameters
    ----------
    ts_ns, end_ns
        As in `walk_forward`.
    groups
        Number of groups of consecutive time with about equally many rows (> 1).
    test_groups
        How many are tested at once, in [1, groups).
    embargo_ns
        Least time between a training label or row and the test's rows and labels, on both sides
        (>= 0).

    Returns
    -------
    list of Split
        ``comb(groups, test_groups)``, in lexical order of their groups. A training row's time from
        its close to its label's end keeps the embargo from the span of every tested group, which
        goes from its first row to the last end of its labels.

    Raises
    ------
    BadUse
        As in `walk_forward`.
    """
    _check(ts_ns, end_ns, embargo_ns)
    if groups < 2 or not 1 <= test_groups < groups:
        msg = f"{test_groups} of {groups} groups cannot be tested: keep at least one to train on"
        raise BadUse(msg)
    group = group_of(ts_ns, groups)
    apart = np.zeros((groups, len(ts_ns)), np.bool_)
    for number in range(groups):
        own = group == number
        begin = int(ts_ns[own].min())
        end = max(int(ts_ns[own].max()), int(end_ns[own].max()))
        apart[number] = (end_ns <= begin - embargo_ns) | (ts_ns >= end + embargo_ns)
        apart[number] &= (end_ns > 0) & ~own
    return [
        _split(np.all(apart[list(chosen)], axis=0), np.isin(group, chosen), chosen)
        for chosen in combinations(range(groups), test_groups)
    ]


def group_of(ts_ns: Times, groups: int) -> NDArray[np.intp]:
    """Return the group of each row: consecutive in time, about equally many rows in each.

    All rows of one time are in one group.

    Raises
    ------
    BadUse
        If there are too few different times.
    """
    starts = starts_by_count(ts_ns, groups - 1) if groups > 1 else ts_ns[:0]
    return np.searchsorted(starts, ts_ns, side="right")


def paths(groups: int, test_groups: int) -> NDArray[np.intp]:
    """Return which split answers each group on each path through all of the time [1]_.

    Returns
    -------
    NDArray[np.intp]
        Shape (comb(groups - 1, test_groups - 1), groups): index into the splits of
        `combinatorial_purged`. Each path tests every group once; each split's answers to a group
        are on exactly one path.
    """
    chosen = list(combinations(range(groups), test_groups))
    table = np.zeros((comb(groups - 1, test_groups - 1), groups), np.intp)
    for group in range(groups):
        table[:, group] = [index for index, among in enumerate(chosen) if group in among]
    return table


def path_answers(
    ts_ns: Times,
    splits: Sequence[Split],
    answers: Sequence[NDArray[np.float64]],
    groups: int,
    test_groups: int,
) -> NDArray[np.float64]:
    """Put the answers of all splits together into paths.

    Parameters
    ----------
    ts_ns
        Shape (n,): as given to `combinatorial_purged`.
    splits
        What it returned.
    answers
        For each split the answers to its test rows, in their order.
    groups, test_groups
        As given to it.

    Returns
    -------
    NDArray[np.float64]
        Shape (n_paths, n): one answer to every row on every path.

    Raises
    ------
    BadUse
        If answers are missing or too many.
    """
    shapes = [len(answer) for answer in answers]
    if shapes != [len(split.test) for split in splits] or len(splits) != comb(groups, test_groups):
        msg = f"the answers {shapes} do not fit the tests of {len(splits)} splits"
        raise BadUse(msg)
    group = group_of(ts_ns, groups)
    whole = np.full((len(splits), len(ts_ns)), np.nan)
    for row, split, answer in zip(whole, splits, answers, strict=True):
        row[split.test] = answer
    table = paths(groups, test_groups)
    return whole[table[:, group], np.arange(len(ts_ns))]


def _split(fit: NDArray[np.bool_], test: NDArray[np.bool_], groups: tuple[int, ...]) -> Split:
    split = Split(np.flatnonzero(fit), np.flatnonzero(test), groups)
    if len(split.train) == 0 or len(split.test) == 0:
        msg = (
            f"the test of {groups} has {len(split.train)} rows to train and {len(split.test)} to "
            "test on: give a longer span, fewer tests or a shorter embargo"
        )
        raise BadUse(msg)
    return split


def _check(ts_ns: Times, end_ns: Times, embargo_ns: int) -> None:
    if ts_ns.shape != end_ns.shape or ts_ns.ndim != 1 or len(ts_ns) == 0:
        msg = f"splits take times of one length, not of shapes {ts_ns.shape} and {end_ns.shape}"
        raise BadUse(msg)
    if embargo_ns < 0:
        msg = f"an embargo is a distance (>= 0), not {embargo_ns} ns"
        raise BadUse(msg)
    if ((end_ns != 0) & (end_ns <= ts_ns)).any():
        msg = "a label is known before its bar closes, or with it: this would be no prediction"
        raise BadUse(msg)
