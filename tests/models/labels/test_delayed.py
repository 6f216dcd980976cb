"""Delayed labels: what answers an example, what does not, and that arrays agree with the stream."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadUse, Corrupt
from models.contract import State
from models.evaluation.accuracy import later_mid
from models.labels.delayed import DelayedLabels, DelayedLabelsLogic

RULE = DelayedLabels(horizon_ns=10, tolerance_ns=4)
X = np.array([1.0, 2.0])

Tape = list[tuple[int, float]]


def _run(logic: DelayedLabelsLogic, tape: Tape) -> list[tuple[int, int | None]]:
    return [(done.ts_ns, done.y) for ts, mid in tape for done in logic.on_bar(ts, mid, X)]


@pytest.mark.parametrize(
    ("tape", "answers", "totals"),
    [
        # Totals are of labelled, of flat and of dropped examples, in this order.
        pytest.param([(0, 1.0), (9, 2.0)], [], (0, 0, 0), id="too early"),
        pytest.param([(0, 1.0), (10, 2.0)], [(0, 1)], (1, 0, 0), id="higher, on the dot"),
        pytest.param([(0, 1.0), (10, 0.5)], [(0, 0)], (1, 0, 0), id="lower"),
        pytest.param([(0, 1.0), (10, 1.0)], [(0, None)], (0, 1, 0), id="flat"),
        pytest.param([(0, 1.0), (14, 2.0)], [(0, 1)], (1, 0, 0), id="as late as tolerated"),
        pytest.param([(0, 1.0), (15, 2.0)], [], (0, 0, 1), id="gap"),
        pytest.param(
            [(0, 1.0), (2, 3.0), (13, 2.0)], [(0, 1), (2, 0)], (2, 0, 0), id="one answers two"
        ),
        pytest.param(
            [(0, 1.0), (4, 1.0), (15, 2.0)], [(4, 1)], (1, 0, 1), id="one dropped, one answered"
        ),
        pytest.param(
            [(0, 1.0), (10, 2.0), (11, 0.0)], [(0, 1)], (1, 0, 0), id="the first bar answers"
        ),
        pytest.param(
            [(0, 1.0), (5, 1.0), (1000, 2.0), (1010, 3.0)], [(1000, 1)], (1, 0, 2), id="weekend"
        ),
    ],
)
def test_tape(
    tape: Tape, answers: list[tuple[int, int | None]], totals: tuple[int, int, int]
) -> None:
    """Bars in, answers out; horizon 10, tolerance 4."""
    logic = RULE.build(None)
    assert _run(logic, tape) == answers
    assert (logic.labelled, logic.flat, logic.dropped) == totals


def test_a_bar_that_is_not_ready_answers_but_does_not_wait() -> None:
    """Without a vector there is nothing to learn, yet the mid is known."""
    logic = RULE.build(None)
    assert logic.on_bar(0, 1.0, X) == []
    assert [done.y for done in logic.on_bar(10, 2.0, None)] == [1]
    assert logic.on_bar(20, 3.0, X) == []


def test_the_vector_comes_back_as_it_was() -> None:
    """Whoever reuses the memory of a vector does not change what is learned."""
    logic = RULE.build(None)
    x = X.copy()
    logic.on_bar(0, 1.0, x)
    x[:] = 0.0
    (done,) = logic.on_bar(10, 2.0, None)
    assert done.x.tolist() == X.tolist()


@pytest.mark.parametrize("ts_ns", [9, 10])
def test_bars_come_in_order(ts_ns: int) -> None:
    """A bar that is not later than the one before is a fault upstream."""
    logic = RULE.build(None)
    logic.on_bar(10, 1.0, X)
    with pytest.raises(BadUse, match="order"):
        logic.on_bar(ts_ns, 1.0, X)


def test_a_mid_that_is_no_number_is_refused() -> None:
    """A comparison with NaN would call every waiting example lower."""
    with pytest.raises(BadUse, match="finite"):
        RULE.build(None).on_bar(0, float("nan"), X)


@pytest.mark.parametrize(("horizon_ns", "tolerance_ns"), [(0, 1), (-1, 1), (1, -1)])
def test_a_rule_out_of_bounds_is_refused(horizon_ns: int, tolerance_ns: int) -> None:
    """A label from the present or the past would be a look into the answer."""
    with pytest.raises(BadUse):
        DelayedLabels(horizon_ns, tolerance_ns)


@pytest.mark.parametrize("change", [{"v": 0}, {"owner": "another rule"}, {"waiting": [[1]]}])
def test_a_snapshot_that_is_not_ours_is_refused(change: State) -> None:
    """Examples that waited under another rule are not answered under this one."""
    with pytest.raises(Corrupt, match="delayed labels"):
        RULE.build({**RULE.build(None).snapshot(), **change})


def test_the_golden_snapshot_is_understood() -> None:
    """A snapshot that was stored once keeps its meaning."""
    stored = {
        "v": 1,
        "owner": "51c2b386b773075abff3d41128eb273e",
        "last_ns": 7,
        "waiting": [[0, 1.0, [1.0, 2.0]], [7, 1.5, [3.0, 4.0]]],
        "labelled": 3,
        "flat": 2,
        "dropped": 1,
    }
    logic = RULE.build(stored)
    assert logic.snapshot() == stored
    assert [(d.ts_ns, d.x.tolist(), d.y) for d in logic.on_bar(12, 1.2, None)] == [
        (0, [1.0, 2.0], 1)
    ]


_TAPES = st.lists(
    st.tuples(st.integers(1, 12), st.sampled_from([1.0, 1.1, 1.2])), min_size=1, max_size=60
)


def _tape(steps: Tape) -> Tape:
    times = np.cumsum([step for step, _ in steps]).tolist()
    return list(zip(times, [mid for _, mid in steps], strict=True))


@given(steps=_TAPES, horizon_ns=st.integers(1, 30), tolerance_ns=st.integers(0, 15))
def test_arrays_and_stream_give_the_same_labels(
    steps: Tape, horizon_ns: int, tolerance_ns: int
) -> None:
    """`later_mid` pairs exactly the bars that the stream pairs, also over gaps."""
    tape = _tape(steps)
    logic = DelayedLabels(horizon_ns, tolerance_ns).build(None)
    streamed = dict(_run(logic, tape))
    ts = np.array([t for t, _ in tape], dtype=np.int64)
    mid = np.array([m for _, m in tape])
    later = later_mid(ts, mid, horizon_ns, tolerance_ns)
    paired = {
        int(t): None if after == now else int(after > now)
        for t, now, after in zip(ts, mid, later, strict=True)
        if not np.isnan(after)
    }
    assert paired == streamed


@given(steps=_TAPES, cut=st.integers(0, 60))
def test_a_restart_changes_nothing(steps: Tape, cut: int) -> None:
    """Answers and totals are the same wherever a run is cut and resumed through JSON."""
    tape = _tape(steps)
    whole, first = RULE.build(None), RULE.build(None)
    answers = _run(first, tape[:cut])
    second = RULE.build(json.loads(json.dumps(first.snapshot())))
    assert answers + _run(second, tape[cut:]) == _run(whole, tape)
    assert second.snapshot() == whole.snapshot()
