"""Walk-forward answers: of unseen rows, with the figures that a sceptic asks for."""

from typing import Any

import numpy as np
import pytest

from domain.errors import BadUse
from domain.nanos import MINUTE_NS
from jobs.training_data import LabelConfig
from jobs.walk_forward import WalkConfig, outcome_of, walk
from models.batch.xgboost_trainer import XgboostLearner, XgboostParams
from models.evaluation.accuracy import wilson
from tests.jobs.made_market import LABEL, LEARNERS, PIP, RULE, WALK, market, silent


def test_every_readable_row_of_a_test_is_answered_once_and_unseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also rows that have nothing to learn; no label reaches into its test but for the embargo."""
    rows = market(600)
    labels = LabelConfig("sign-after-costs", RULE).labels(rows)
    data = rows.data
    seen: list[int] = []
    fit = XgboostLearner.fit

    def watched(self: XgboostLearner, *given: Any) -> Any:
        assert not np.isnan(labels.y[given[2]]).any()
        seen.append(int(labels.end_ns[given[2]].max()))
        return fit(self, *given)

    monkeypatch.setattr(XgboostLearner, "fit", watched)
    learner = XgboostLearner(XgboostParams(trees=5))
    walked = walk(rows, labels, learner, WalkConfig(5 * MINUTE_NS), silent)
    folds = walked.metrics["folds"]
    assert len(folds) == 4
    for end_ns, fold in zip(seen, folds, strict=True):
        assert end_ns + 5 * MINUTE_NS <= fold["first_ns"]
    tested = data.ts_ns >= folds[0]["first_ns"]
    assert (np.isfinite(walked.p_up) == tested).all()
    assert np.isnan(labels.y[tested]).any()


def test_the_figures_are_those_of_the_answers() -> None:
    """Accuracy with its interval, base rate, AUC, Brier, calibration error, pips after costs."""
    rows = market(600)
    labels = LABEL.labels(rows)
    lines: list[str] = []
    walked = walk(rows, labels, LEARNERS["xgboost"], WALK, lines.append)
    pooled = walked.metrics["pooled"]
    outcome = outcome_of(rows, labels, WALK.slippage_pips)
    known = np.isfinite(walked.p_up) & np.isfinite(outcome.y)
    p_up, y = walked.p_up[known], outcome.y[known]
    assert pooled["n"] == known.sum()
    assert pooled["accuracy"] == pytest.approx(((p_up > 0.5) == (y == 1)).mean())
    assert pooled["base_rate"] == pytest.approx(max(y.mean(), 1 - y.mean()))
    low, high = wilson(pooled["accuracy"], pooled["n_effective"])
    assert (pooled["low"], pooled["high"]) == (low, high)
    assert pooled["brier"] == pytest.approx(((p_up - y) ** 2).mean())
    side = np.sign(p_up - 0.5)
    net = side * outcome.move_pips[known] - outcome.cost_pips[known]
    assert pooled["expectancy_pips_net"] == pytest.approx(net.mean(), rel=1e-6)
    assert {"auc", "calibration_error", "expectancy_low"} <= pooled.keys()
    assert sum("fold " in line for line in lines) == 4
    assert "all folds: right" in lines[-1]
    assert "net pips" in lines[-1]


def test_what_became_of_a_row_pays_both_its_ends() -> None:
    """Half the spread now and half then, and slippage twice; nothing where nobody knows."""
    rows = market(40)
    rows.spread_pips[:] = np.arange(80) / 10
    found = outcome_of(rows, LABEL.labels(rows), 0.2)
    np.testing.assert_allclose(found.cost_pips[:39], np.arange(39) / 10 + 0.05 + 0.4)
    np.testing.assert_allclose(found.move_pips[:39], np.diff(rows.data.mid[:40]) / PIP)
    last = [39, 79]
    assert np.isnan(found.cost_pips[last]).all()
    assert np.isnan(found.y[last]).all()
    assert (found.end_ns[last] == 0).all()


def test_too_little_is_refused() -> None:
    """With what is there, and what is needed."""
    rows = market(100)
    with pytest.raises(BadUse, match=r"xgboost: 198 labelled rows are too few.*500"):
        walk(rows, LABEL.labels(rows), LEARNERS["xgboost"], WALK, silent)


@pytest.mark.parametrize("fields", [{"folds": 2}, {"embargo_ns": -1}, {"min_rows": 0}])
def test_a_test_out_of_bounds_is_refused(fields: dict[str, int]) -> None:
    """The message holds the bounds."""
    with pytest.raises(BadUse, match="3 folds or more"):
        WalkConfig(**{"embargo_ns": 0, **fields})
