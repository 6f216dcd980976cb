"""The accuracy gate: what closes it, what opens it again, and its state."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import BadUse, Corrupt
from domain.nanos import MINUTE_NS
from models.accuracy_gate import AccuracyGate, AccuracyGateLogic, Gated
from models.evaluation.accuracy import wilson
from models.labels.delayed import DelayedLabels

LABELS = DelayedLabels(2 * MINUTE_NS)
GATE = AccuracyGate(LABELS, 0.5, 4, 1_000)

Row = tuple[float, float, bool]
"""Mid, probability, and whether a decision asked for a side."""


def _play(logic: AccuracyGateLogic, rows: list[Row], first: int = 0) -> Gated:
    mid, p_up, asks = (np.array(column) for column in zip(*rows, strict=True))
    ts_ns = (first + np.arange(len(rows), dtype=np.int64)) * MINUTE_NS
    return logic.on_rows(ts_ns, mid, p_up, asks.astype(np.bool_))


def _tape(right: str) -> list[Row]:
    """Make minutes that rise; a decision each, right (``+``: up) or wrong (``-``: down)."""
    answers = [
        (0.9, True) if c == "+" else (0.1, True) if c == "-" else (0.9, False) for c in right
    ]
    return [(1.0 + at / 64, p, asked) for at, (p, asked) in enumerate(answers)]


@pytest.mark.parametrize(
    ("tape", "is_open"),
    [
        # Outcomes come two minutes later, and four are needed.
        ("++++++++", "11111111"),
        ("----++++", "11111000"),
        ("--++++++", "11111111"),
        ("---+++++", "11111001"),
        ("........", "11111111"),
        ("-...-..-", "11111111"),
    ],
)
def test_the_share_decides_once_there_are_enough(tape: str, is_open: str) -> None:
    """Below the floor it closes, at the floor it opens again; too few prove nothing here."""
    gated = _play(GATE.build(None), _tape(tape))
    assert "".join(str(int(one)) for one in gated.is_open) == is_open
    changes = [b for a, b in pairwise("1" + is_open) if a != b]
    assert [int(change.is_open) for change in gated.changes] == [int(c) for c in changes]


def test_the_reason_has_the_figures() -> None:
    """Share, interval, signals, floor: what a person needs to judge the gate."""
    (change,) = _play(GATE.build(None), _tape("----++")).changes
    assert (change.row, change.is_open) == (5, False)
    assert "over 4 signals" in change.reason
    assert "floor 0.5" in change.reason
    assert change.reason.startswith("accuracy 0.0000 in [0.0000, ")


def test_enough_evidence_closes_it_before_there_are_enough_signals() -> None:
    """Twenty wrong ones that do not overlap leave no doubt, though a hundred were asked for."""
    gate = AccuracyGate(LABELS, 0.5, 100, 1_000)
    rows = _tape("-." * 20)
    closed = np.flatnonzero(~_play(gate.build(None), rows).is_open)
    # The upper bound of Wilson's interval at 0 of n falls below one half at n = 4.
    assert wilson(0.0, 3.9)[1] < 0.5 < wilson(0.0, 3.8)[1]
    assert closed[0] == 2 * 3 + 2
    overlapping = _play(gate.build(None), _tape("-" * 20)).is_open
    # Each shares half of its horizon with the one before: it takes nearly twice as many.
    assert np.flatnonzero(~overlapping)[0] == 6 + 2


def test_until_measured_it_can_be_closed() -> None:
    """Then nothing is risked before the signals of a shadow have shown the accuracy."""
    gate = AccuracyGate(LABELS, 0.5, 4, 1_000, until_measured=False)
    gated = _play(gate.build(None), _tape("++++++++"))
    assert gated.is_open.tolist() == [False] * 5 + [True] * 3
    assert [change.row for change in gated.changes] == [5]


def test_without_a_floor_there_is_no_gate() -> None:
    """It is open, and nothing is kept."""
    gate = AccuracyGate(LABELS, 0.0, until_measured=False)
    logic = gate.build(None)
    assert _play(logic, _tape("-" * 50)).is_open.all()
    assert logic.snapshot()["waiting"]["waiting"] == []


def test_newer_outcomes_count_more() -> None:
    """A market that has turned closes the gate although the sum of all is above the floor."""
    gate = AccuracyGate(LABELS, 0.5, 4, 10)
    tape = "+" * 60 + "-" * 20
    logic = gate.build(None)
    assert not _play(logic, _tape(tape)).is_open[-1]
    assert logic.accuracy is not None
    assert logic.accuracy < 0.5 < 60 / 78
    slow = AccuracyGate(LABELS, 0.5, 4, 100_000).build(None)
    assert _play(slow, _tape(tape)).is_open[-1]


def test_flat_and_missing_outcomes_do_not_count() -> None:
    """As in every accuracy here: a mid that has not moved, or a gap, is no outcome."""
    logic = GATE.build(None)
    _play(logic, [(1.0, 0.9, True)] * 10)
    assert logic.signals == 0
    _play(logic, [(2.0, 0.9, True)], first=500)
    assert logic.signals == 0
    assert logic.accuracy is None


ROW = st.tuples(
    st.sampled_from([1.0, 1.25, 1.5]), st.sampled_from([0.1, 0.9, 0.5, np.nan]), st.booleans()
)


@settings(max_examples=60)
@given(rows=st.lists(ROW, min_size=1, max_size=40), cuts=st.sets(st.integers(1, 39), max_size=4))
def test_cuts_and_resuming_change_nothing(rows: list[Row], cuts: set[int]) -> None:
    """However rows are cut into batches, and restored through text between them."""
    rows = [(mid, p, asked and p == p) for mid, p, asked in rows]
    gate = AccuracyGate(LABELS, 0.6, 3, 5)
    whole, part = gate.build(None), gate.build(None)
    wanted = _play(whole, rows)
    opened: list[bool] = []
    for start, stop in pairwise(sorted({0, len(rows)} | {c for c in cuts if c < len(rows)})):
        part = gate.build(json.loads(json.dumps(part.snapshot())))
        opened += _play(part, rows[start:stop], start).is_open.tolist()
    assert opened == wanted.is_open.tolist()
    assert part.snapshot() == whole.snapshot()


@pytest.mark.parametrize(
    "change",
    [{"min_accuracy": 1.0}, {"min_accuracy": -0.1}, {"min_signals": 0}, {"window_signals": 199}],
)
def test_bounds_are_held(change: dict[str, Any]) -> None:
    """A window shorter than what must be in it would never decide."""
    with pytest.raises(BadUse, match="the accuracy gate needs"):
        AccuracyGate(LABELS, **change)


@pytest.mark.parametrize("change", [{"v": 2}, {"owner": "another"}, {"sums": [1]}])
def test_a_state_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    """A gate that is open by mistake risks money."""
    with pytest.raises(Corrupt, match="accuracy gate"):
        GATE.build({**GATE.build(None).snapshot(), **change})


def test_a_closed_gate_opens_a_margin_above_its_floor() -> None:
    """At the floor itself it would open and shut with every outcome."""
    rows = _tape("+-+-+-" + "-" + "+" * 8)
    at_floor = _play(AccuracyGate(LABELS, 0.5, 4, 1_000).build(None), rows)
    above = _play(AccuracyGate(LABELS, 0.5, 4, 1_000, reopen_margin=0.1).build(None), rows)
    opened = [gated.changes[-1] for gated in (at_floor, above)]
    assert all(change.is_open for change in opened)
    assert opened[1].row > opened[0].row
    assert len(above.changes) <= len(at_floor.changes)
