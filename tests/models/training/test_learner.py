"""What all trainers do alike: the held-out part is clean, and rows count as they should."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from domain.errors import BadUse
from models.training.learner import (
    Holdout,
    cut,
    learnable,
    sample_weights,
    weighted_log_loss,
)
from tests.models.training.cases import labelled, market, silent

DATA = market(400)
LABELS = labelled(DATA)


@settings(max_examples=40, deadline=None)
@given(
    share=st.floats(0.05, 0.5),
    reach=st.integers(1, 10**13),
    embargo=st.none() | st.integers(0, 10**12),
    seed=st.integers(0, 99),
)
def test_no_fitted_label_reaches_into_the_held_out_rows(
    share: float, reach: int, embargo: int | None, seed: int
) -> None:
    """Whatever labels reach, and whichever rows are given, in whichever order."""
    rng = np.random.default_rng(seed)
    end = DATA.ts_ns + rng.integers(1, reach + 1, len(DATA.ts_ns))
    labels = LABELS._replace(end_ns=end)
    rows = rng.permutation(learnable(DATA, labels, 1))[:600]
    try:
        fit, held = cut(DATA, labels, rows, Holdout(share, embargo), silent)
    except BadUse:
        # Labels that reach so far leave too few rows: that is refused, and nothing to look at.
        reject()
    distance = int((end - DATA.ts_ns)[rows].max()) if embargo is None else embargo
    assert end[fit].max() + distance <= DATA.ts_ns[held].min()
    left = np.setdiff1d(rows, np.concatenate([fit, held]))
    assert (end[left] + distance > DATA.ts_ns[held].min()).all()
    assert len(held) >= share * len(rows) - 1


def test_the_cut_says_what_it_did() -> None:
    """One line with the rows of each part."""
    lines: list[str] = []
    fit, held = cut(DATA, LABELS, learnable(DATA, LABELS, 1), Holdout(), lines.append)
    assert len(lines) == 1
    assert lines[0] == (
        f"{len(fit)} rows to fit ({int(LABELS.y[fit].sum())} up), {len(held)} held out, "
        f"{798 - len(fit) - len(held)} purged between them"
    )


def test_too_few_rows_or_one_class_are_refused() -> None:
    """Each line says what is missing and what to do."""
    rows = learnable(DATA, LABELS, 1)
    with pytest.raises(BadUse, match=r"100 labelled rows are too few .* 150 are needed: give"):
        cut(DATA, LABELS, rows[:100], Holdout(), silent)
    with pytest.raises(BadUse, match=r"0 are left to fit .* smaller embargo"):
        cut(DATA, LABELS, rows, Holdout(embargo_ns=10**15), silent)
    rising = LABELS._replace(y=np.where(np.isnan(LABELS.y), np.nan, 1.0))
    with pytest.raises(BadUse, match="nothing to learn"):
        cut(DATA, rising, rows, Holdout(), silent)


@pytest.mark.parametrize("change", [{"share": 0.0}, {"embargo_ns": -1}, {"min_rows": 10}])
def test_a_holdout_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    """Bounds are checked where it is made."""
    with pytest.raises(BadUse, match="bounds"):
        replace(Holdout(), **change)


def test_rows_that_can_be_learned_from_have_a_label_and_a_window() -> None:
    """Neither a row without an answer nor one whose window is not whole."""
    rows = learnable(DATA, LABELS, 5)
    wanted = ~np.isnan(LABELS.y) & DATA.whole(5)
    assert rows.tolist() == np.flatnonzero(wanted).tolist()
    assert 0 < len(rows) < int((~np.isnan(LABELS.y)).sum())


def test_both_classes_count_the_same_and_rows_by_uniqueness() -> None:
    """One up of four, and the second down overlaps: literal weights."""
    y, weight = np.array([1.0, 0.0, 0.0, 0.0]), np.array([0.2, 1.0, 0.5, 0.5])
    labels = LABELS._replace(y=y, weight=weight)
    assert sample_weights(labels, np.arange(4)).tolist() == [2.0, 1.0, 0.5, 0.5]


def test_log_loss_of_log_odds() -> None:
    """Ln 2 at 0, and no overflow far out."""
    y, weight = np.array([1.0, 0.0]), np.array([1.0, 3.0])
    assert weighted_log_loss(y, np.zeros(2), weight) == pytest.approx(np.log(2))
    assert weighted_log_loss(y, np.array([-1000.0, 0.0]), weight) == pytest.approx(
        (1000 + 3 * np.log(2)) / 4
    )
