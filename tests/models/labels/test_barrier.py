"""The triple barrier on the stream: that it is the one of the columns, refuses and resumes."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadUse, Corrupt
from models.contract import State
from models.labels.arrays import triple_barrier
from models.labels.barrier import TripleBarrier, TripleBarrierLogic
from models.labels.delayed import Labelled

RULE = TripleBarrier(width_up=2.0, width_down=1.0, vertical_ns=10, tolerance_ns=2)
X = np.array([1.0, 2.0])

Step = tuple[int, float, float, float]
"""Time since the bar before, mid, half of the bar's range, volatility."""

_STEPS = st.lists(
    st.tuples(
        st.integers(1, 9),
        st.floats(0.5, 2.0),
        st.sampled_from([0.0, 0.1]),
        st.sampled_from([0.1, 0.01, 0.0, -1.0, float("nan"), float("inf"), 1e-300]),
    ),
    min_size=1,
    max_size=40,
)


def _run(logic: TripleBarrierLogic, steps: list[Step], start_ns: int = 0) -> list[Labelled]:
    done: list[Labelled] = []
    ts_ns = start_ns
    for gap_ns, mid, reach, volatility in steps:
        ts_ns += gap_ns
        done += logic.on_bar(
            ts_ns, mid, X, volatility, high=mid * (1 + reach), low=mid * (1 - reach)
        )
    return done


def _plain(done: list[Labelled]) -> list[tuple[int, int | None]]:
    return [(example.ts_ns, example.y) for example in done]


@given(
    steps=_STEPS,
    widths=st.tuples(st.floats(0.1, 5), st.floats(0.1, 5)),
    vertical_ns=st.integers(1, 40),
    tolerance_ns=st.integers(0, 9),
)
def test_stream_and_columns_give_the_same_labels(
    steps: list[Step], widths: tuple[float, float], vertical_ns: int, tolerance_ns: int
) -> None:
    """Every example that is answered has the answer of its row, and no other row has one."""
    rule = TripleBarrier(*widths, vertical_ns, tolerance_ns)
    gap, mid, reach, volatility = (np.array(column) for column in zip(*steps, strict=True))
    ts = np.cumsum(gap).astype(np.int64)
    labels = triple_barrier(
        ts,
        np.zeros_like(ts),
        mid,
        volatility,
        rule,
        high=mid * (1 + reach),
        low=mid * (1 - reach),
    )
    known = labels.end_ns > 0
    wanted = {
        int(t): None if np.isnan(y) else int(y)
        for t, y in zip(ts[known], labels.y[known], strict=True)
    }
    logic = rule.build(None)
    assert dict(_plain(_run(logic, steps))) == wanted
    assert logic.labelled == np.isfinite(labels.y).sum()
    assert logic.flat == known.sum() - np.isfinite(labels.y).sum()


def test_answers_come_when_they_are_known_oldest_first() -> None:
    """The bar at 9 lifts both examples over their upper barriers."""
    logic = RULE.build(None)
    assert logic.on_bar(0, 1.0, X, 0.1) == []
    assert logic.on_bar(4, 1.05, X, 0.1) == []
    assert _plain(logic.on_bar(9, 1.5, None, 0.1)) == [(0, 1), (4, 1)]
    assert (logic.labelled, logic.flat, logic.dropped) == (2, 0, 0)


def test_without_extremes_the_close_touches() -> None:
    """A close beyond the lower barrier answers at once, one at the same mid at the vertical."""
    logic = RULE.build(None)
    logic.on_bar(0, 1.0, X, 0.1)
    assert _plain(logic.on_bar(1, 0.9, X, 0.1)) == [(0, 0)]
    assert _plain(logic.on_bar(11, 0.9, None, 0.1)) == [(1, None)]
    assert (logic.labelled, logic.flat) == (1, 1)


def test_a_gap_drops_what_waited() -> None:
    """An example whose answer would come too late has none, however far the price went."""
    logic = RULE.build(None)
    logic.on_bar(0, 1.0, X, 0.1)
    assert logic.on_bar(13, 9.0, None, 0.1) == []
    assert logic.dropped == 1


def test_a_bar_without_a_vector_sets_no_barriers() -> None:
    """What is not ready is not learned."""
    logic = RULE.build(None)
    logic.on_bar(0, 1.0, None, 0.1)
    assert logic.on_bar(10, 9.0, None, 0.1) == []


def test_the_vector_comes_back_as_it_was() -> None:
    """Whoever reuses the memory of a vector does not change what is learned."""
    logic = RULE.build(None)
    x = X.copy()
    logic.on_bar(0, 1.0, x, 0.1)
    x[:] = 0.0
    (done,) = logic.on_bar(10, 2.0, None, 0.1)
    assert done.x.tolist() == X.tolist()


@given(steps=_STEPS, cut=st.integers(0, 40))
def test_a_restart_changes_nothing(steps: list[Step], cut: int) -> None:
    """Answers and totals are the same wherever a run is cut and resumed through JSON."""
    whole, first = RULE.build(None), RULE.build(None)
    answers = _plain(_run(first, steps[:cut]))
    second = RULE.build(json.loads(json.dumps(first.snapshot())))
    start_ns = sum(gap_ns for gap_ns, *_ in steps[:cut])
    assert answers + _plain(_run(second, steps[cut:], start_ns)) == _plain(_run(whole, steps))
    assert second.snapshot() == whole.snapshot()


def test_the_golden_snapshot_is_understood() -> None:
    """A snapshot that was stored once keeps its meaning."""
    stored = {
        "v": 1,
        "owner": "cb7382fa5512a02160bab56ad1963f29",
        "last_ns": 7,
        "waiting": [[0, 1.0, 1.2, 0.9, [1.0, 2.0]], [7, 1.5, 1.8, 1.35, [3.0, 4.0]]],
        "labelled": 3,
        "flat": 2,
        "dropped": 1,
    }
    logic = RULE.build(stored)
    assert logic.snapshot() == stored
    assert _plain(logic.on_bar(8, 1.3, None, 0.1)) == [(0, 1), (7, 0)]


@pytest.mark.parametrize("change", [{"v": 0}, {"owner": "another rule"}, {"waiting": [[1]]}])
def test_a_snapshot_that_is_not_ours_is_refused(change: State) -> None:
    """Examples that waited under another rule are not answered under this one."""
    with pytest.raises(Corrupt, match="triple barrier"):
        RULE.build({**RULE.build(None).snapshot(), **change})


@pytest.mark.parametrize(
    "arguments",
    [
        (0.0, 1.0, 10, 2),
        (1.0, -1.0, 10, 2),
        (float("nan"), 1.0, 10, 2),
        (1.0, float("inf"), 10, 2),
        (1.0, 1.0, 0, 2),
        (1.0, 1.0, 10, -1),
    ],
)
def test_a_rule_out_of_bounds_is_refused(arguments: tuple[float, float, int, int]) -> None:
    """A barrier at the mid, or a label from the past, would be no question."""
    with pytest.raises(BadUse, match="triple barrier"):
        TripleBarrier(*arguments)


@pytest.mark.parametrize(
    ("mid", "high", "low"), [(float("nan"), None, None), (0.0, None, None), (1.0, 0.9, 0.8)]
)
def test_a_bar_without_a_price_is_refused(
    mid: float, high: float | None, low: float | None
) -> None:
    """No comparison with such a bar would be an answer."""
    with pytest.raises(BadUse, match="extremes"):
        RULE.build(None).on_bar(0, mid, X, 0.1, high=high, low=low)


def test_bars_come_in_order() -> None:
    """A bar that is not later than the one before is a fault upstream."""
    logic = RULE.build(None)
    logic.on_bar(10, 1.0, X, 0.1)
    with pytest.raises(BadUse, match="order"):
        logic.on_bar(10, 1.0, X, 0.1)
