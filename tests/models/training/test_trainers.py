"""Every trainer: its ONNX copy is the model, its bytes repeat, and it weighs and stops as told."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from domain.errors import BadUse
from models.batch.forest_trainer import ForestLearner, ForestParams
from models.batch.xgboost_trainer import XgboostLearner, XgboostParams
from models.labels.arrays import Labels
from models.sequence.lstm_trainer import LstmLearner, LstmParams
from models.serving import OnnxSession
from models.training.job import PARITY_TOLERANCE, parity
from models.training.learner import Learner, learnable, sample_weights, weighted_log_loss
from tests.models.training.cases import (
    FOREST,
    KINDS,
    LEARNERS,
    LSTM,
    XGBOOST,
    labelled,
    market,
    silent,
    trained,
)


def _seeded(kind: str, seed: int) -> Learner:
    made: dict[str, Learner] = {
        "xgboost": XgboostLearner(replace(XGBOOST, seed=seed)),
        "forest": ForestLearner(replace(FOREST, seed=seed)),
        "lstm": LstmLearner(replace(LSTM, seed=seed)),
    }
    return made[kind]


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_the_onnx_copy_is_the_model(name: str) -> None:
    """On 10,000 rows no answer differs by more than 1e-5, and the copy is asked in batches."""
    data, _, rows, fitted = trained(name)
    checked = rows[:10_000]
    model = fitted.export()
    assert len(checked) == 10_000
    assert parity(fitted, model, data, checked, LEARNERS[name].window) <= PARITY_TOLERANCE
    assert not OnnxSession(model).by_row


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_it_learns_what_there_is(name: str) -> None:
    """On rows that it has never seen, its direction is right more often than not by far."""
    fitted = trained(name).fitted
    other = market(1000, 0.7, seed=50)
    labels = labelled(other)
    rows = learnable(other, labels, LEARNERS[name].window)
    p_up = fitted.predict(other, rows)
    assert ((p_up > 0.5) == (labels.y[rows] == 1)).mean() > 0.65
    # Calibration keeps the order of the answers.
    assert (np.diff(p_up[np.argsort(fitted.predict_raw(other, rows))]) > -1e-6).all()


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_a_window_that_is_not_whole_has_no_answer(name: str) -> None:
    """NaN at a hole and at the start of a symbol for who reads more than a row; else a number."""
    data, _, _, fitted = trained(name)
    x = data.x.copy()
    x[20, 1] = np.nan
    spoilt = replace(data, x=x)
    window = LEARNERS[name].window
    p_up = fitted.predict(spoilt, np.arange(40))
    wanted = [at < window - 1 or 20 <= at < 20 + window for at in range(40)]
    assert np.isnan(p_up).tolist() == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_bytes(kind: str) -> None:
    """Trained twice, the ONNX files are equal; with another seed they are not."""
    data = market(600)
    labels = labelled(data)
    rows = learnable(data, labels, LEARNERS[kind].window)
    given = [column.copy() for column in (data.x, data.mid, *labels)]
    made = [_seeded(kind, seed).fit(data, labels, rows, silent).export() for seed in (7, 7, 8)]
    assert made[0] == made[1]
    assert made[0] != made[2]
    for column, before in zip((data.x, data.mid, *labels), given, strict=True):
        assert column.tobytes() == before.tobytes()


EAGER: dict[str, tuple[Learner, str, int]] = {
    "xgboost": (XgboostLearner(XgboostParams(trees=400, learning_rate=0.5)), "trees", 400),
    "forest": (ForestLearner(ForestParams(trees=200, patience=20, depth=10)), "trees", 200),
    "lstm": (LstmLearner(replace(LSTM, epochs=60, patience=2, learning_rate=0.05)), "epochs", 60),
}


@pytest.mark.parametrize("kind", KINDS)
def test_training_stops_early_and_keeps_the_best(kind: str) -> None:
    """Where there is nothing to learn it stops long before the end, and says where the best was."""
    data = market(1200, 0.0)
    labels = labelled(data)
    learner, unit, most = EAGER[kind]
    lines: list[str] = []
    rows = learnable(data, labels, learner.window)
    fitted = learner.fit(data, labels, rows, lines.append)
    facts = fitted.facts
    assert 1 <= facts[unit] < facts[f"{unit}_tried"] < most / 2
    assert any(f"{facts[unit]}" in line and "tried" in line for line in lines)
    held = rows[data.ts_ns[rows] >= np.sort(data.ts_ns[rows])[int(len(rows) * 0.8)]]
    raw = fitted.predict_raw(data, held)
    weight = sample_weights(labels, held)
    found = weighted_log_loss(labels.y[held], np.log(raw / (1 - raw)), weight)
    assert found == pytest.approx(facts["held_log_loss"], abs=1e-5)


def _rare_ups(bars: int) -> tuple[Any, Labels, Any]:
    """Return a market of noise in which one label of ten is up."""
    data = market(bars, 0.0)
    labels = labelled(data)
    y = (np.random.default_rng(2).random(len(labels.y)) < 0.1).astype(np.float64)
    labels = labels._replace(y=np.where(np.isnan(labels.y), np.nan, y))
    return data, labels, learnable(data, labels, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_classes_are_balanced_in_the_fit_and_true_after_calibration(kind: str) -> None:
    """With one up in ten the score is about a half, and the probability about a tenth."""
    data, labels, rows = _rare_ups(1500)
    fitted = LEARNERS[kind].fit(data, labels, rows, silent)
    assert fitted.predict_raw(data, rows).mean() == pytest.approx(0.5, abs=0.1)
    assert fitted.predict(data, rows).mean() == pytest.approx(0.1, abs=0.03)
    assert fitted.calibration["ece_before"] > 0.25
    assert fitted.calibration["ece_after"] < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_rows_count_by_the_uniqueness_of_their_labels(kind: str) -> None:
    """Half of the labels say the opposite, at a hundredth of the weight: the others win."""
    data = market(1500, 1.0)
    labels = labelled(data)
    wrong = np.random.default_rng(3).random(len(labels.y)) < 0.5
    y = np.where(wrong, 1 - labels.y, labels.y)
    rows = learnable(data, labels, LEARNERS[kind].window)
    right = {}
    for name, light in (("alike", 1.0), ("by uniqueness", 0.01)):
        given = labels._replace(y=y, weight=np.where(wrong, light, 1.0))
        p_up = LEARNERS[kind].fit(data, given, rows, silent).predict(data, rows)
        right[name] = float(((p_up > 0.5) == (labels.y[rows] == 1)).mean())
    assert right["by uniqueness"] > 0.68
    assert right["alike"] < 0.6


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_parameters_and_seeds_are_said_apart(name: str) -> None:
    """Every parameter is in one of the two, ready for JSON."""
    params, seeds = LEARNERS[name].params(), LEARNERS[name].seeds()
    assert "seed" not in params
    assert list(seeds.values()) == [7]
    assert {"calibration", "holdout", "patience"} <= params.keys()


@pytest.mark.parametrize(
    ("params", "change"),
    [
        (XGBOOST, {"trees": 0}),
        (XGBOOST, {"patience": 0}),
        (XGBOOST, {"depth": 13}),
        (XGBOOST, {"learning_rate": 0.0}),
        (XGBOOST, {"subsample": 1.5}),
        (XGBOOST, {"l2": -1.0}),
        (XGBOOST, {"calibration": "beta"}),
        (FOREST, {"trees": 0}),
        (FOREST, {"depth": 0}),
        (FOREST, {"column_share": 0.0}),
        (FOREST, {"tree_rows": 0}),
        (FOREST, {"seed": -1}),
        (LSTM, {"window": 1}),
        (LSTM, {"hidden": 12}),
        (LSTM, {"hidden": 256}),
        (LSTM, {"rows_per_epoch": 10}),
        (LSTM, {"learning_rate": 0.0}),
        (LSTM, {"seed": 2**31}),
    ],
)
def test_parameters_out_of_bounds_are_refused(
    params: XgboostParams | ForestParams | LstmParams, change: dict[str, Any]
) -> None:
    """Bounds are checked where the parameters are made."""
    with pytest.raises(BadUse, match="bounds"):
        replace(params, **change)


def test_the_scale_of_a_feature_does_not_matter_to_the_lstm() -> None:
    """A constant, a huge and a tiny column: the copy still answers as the original."""
    data = market(600)
    x = data.x.copy()
    x[:, 1], x[:, 2] = 3e38, x[:, 2] * 1e-12
    x[:, 3] = x[:, 3] * 1e30
    data = replace(data, x=x)
    labels = labelled(data)
    rows = learnable(data, labels, 4)
    fitted = LSTM_LEARNER.fit(data, labels, rows, silent)
    assert parity(fitted, fitted.export(), data, rows, 4) <= PARITY_TOLERANCE
    assert np.ptp(fitted.predict(data, rows)) > 0.1


LSTM_LEARNER = LEARNERS["lstm"]
