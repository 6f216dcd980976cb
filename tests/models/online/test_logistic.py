"""The online model: warm-up, identity, learning, and snapshots that outlive the code."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.errors import BadUse, Corrupt
from domain.nanos import MINUTE_NS
from models.contract import State
from models.labels.delayed import DelayedLabels
from models.online.logistic import OnlineLogistic, OnlineLogisticModel

CONFIG = OnlineLogistic("schema-1", ("a", "b", "c"), DelayedLabels(5 * MINUTE_NS), min_labels=30)
GOLDEN = Path(__file__).parents[1] / "golden" / "online_v2.json"


def _teach(model: OnlineLogisticModel, count: int, seed: int = 5) -> OnlineLogisticModel:
    rng = np.random.default_rng(seed)
    for x in rng.normal(size=(count, 3)) * [1.0, 100.0, 0.01] + [0.0, 5.0, 1.0]:
        model.learn(x, int(x[1] > 5.0))
    return model


def _golden() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(GOLDEN.read_text())
    return content


def test_not_ready_until_enough_labels() -> None:
    """The answer is None up to one label before the minimum, and a number from it on."""
    x = np.zeros(3)
    assert _teach(CONFIG.build(None), 29).predict(x) is None
    assert _teach(CONFIG.build(None), 30).predict(x) is not None


def test_vectors_with_holes_are_not_learned() -> None:
    """NaN neither counts as a label nor poisons the weights."""
    model = _teach(CONFIG.build(None), 40)
    before = model.snapshot()
    model.learn(np.array([1.0, np.nan, 1.0]), 1)
    assert model.snapshot() == before


def test_huge_values_do_not_poison_the_model() -> None:
    """The largest value that is let in leaves all state finite."""
    model = _teach(CONFIG.build(None), 40)
    model.learn(np.full(3, 3e38), 1)
    model.learn(np.full(3, -3e38), 0)
    assert model.predict(np.zeros(3)) is not None
    assert np.isfinite(model.snapshot()["vars"]).all()


def test_a_label_is_zero_or_one() -> None:
    """Anything else is a mistake of the caller."""
    with pytest.raises(BadUse, match="0 or 1"):
        CONFIG.build(None).learn(np.zeros(3), 2)


def test_learns_what_can_be_learned() -> None:
    """After some hundred labels the model knows the direction that its second feature tells."""
    model = _teach(CONFIG.build(None), 500)
    high, low = model.predict(np.array([0, 200.0, 1])), model.predict(np.array([0, -200.0, 1]))
    assert high is not None
    assert low is not None
    assert high > 0.8 > 0.2 > low


@pytest.mark.parametrize("count", [0, 1, 29, 200])
def test_learns_on_after_a_restore_as_if_nothing_had_happened(count: int) -> None:
    """Restored and original stay equal to the bit, also while both learn further."""
    original = _teach(CONFIG.build(None), count)
    restored = CONFIG.build(json.loads(json.dumps(original.snapshot())))
    for model in (original, restored):
        _teach(model, 50, seed=6)
    assert restored.snapshot() == original.snapshot()
    x = np.array([0.3, 7.0, 1.0])
    assert restored.predict(x) == original.predict(x)


@pytest.mark.parametrize(
    "change",
    [
        {"feature_schema": "schema-2"},
        {"feature_names": ("a", "c", "b")},
        {"labels": DelayedLabels(6 * MINUTE_NS)},
        {"learning_rate": 0.02},
        {"l2": 0.0},
        {"min_labels": 31},
    ],
)
def test_every_field_is_part_of_the_identity(change: dict[str, Any]) -> None:
    """Another config is another model, and does not take the snapshot of this one."""
    other = replace(CONFIG, **change)
    assert other.model_id != CONFIG.model_id
    with pytest.raises(Corrupt, match="belongs to config"):
        other.build(CONFIG.build(None).snapshot())


@pytest.mark.parametrize(
    ("change", "words"),
    [({"v": 99}, "version"), ({"weights": [0.0]}, "not whole"), ({"means": None}, "not whole")],
)
def test_a_snapshot_that_is_not_ours_is_refused(change: State, words: str) -> None:
    """Another version, or a list of another length, never becomes a model."""
    with pytest.raises(Corrupt, match=words):
        CONFIG.build({**CONFIG.build(None).snapshot(), **change})


@pytest.mark.parametrize(
    "change",
    [
        {"feature_names": ()},
        {"feature_names": ("a", "a", "b")},
        {"learning_rate": 0.0},
        {"l2": -1.0},
        {"min_labels": 0},
    ],
)
def test_a_config_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    """Bounds are checked where the config is made, not where it first hurts."""
    with pytest.raises(BadUse):
        replace(CONFIG, **change)


def test_the_golden_snapshot_still_answers_as_it_did() -> None:
    """A snapshot that was stored once keeps its meaning; if not, count ``ALGORITHM`` up."""
    golden = _golden()
    model = CONFIG.build(golden["snapshot"])
    x = np.array(golden["x"])
    # Twelve digits: the exponential of another C library may differ in the last bit.
    assert model.predict(x) == pytest.approx(golden["p_before"], rel=1e-12)
    model.learn(x, 1)
    assert model.predict(x) == pytest.approx(golden["p_after"], rel=1e-12)


def test_the_golden_snapshot_is_what_learning_gives_today() -> None:
    """The same labels lead to the stored state: neither our code nor River has changed its sums."""
    today, stored = _teach(CONFIG.build(None), 200).snapshot(), _golden()["snapshot"]
    assert today.keys() == stored.keys()
    for key, value in stored.items():
        assert today[key] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-9))


def test_it_answers_as_the_pipeline_of_river() -> None:
    """Our scaler in columns is River's: the same answers but for the last digits."""
    from river import linear_model, optim, preprocessing

    theirs: Any = preprocessing.StandardScaler() | linear_model.LogisticRegression(
        optimizer=optim.SGD(CONFIG.learning_rate),
        l2=CONFIG.l2,
        intercept_lr=CONFIG.learning_rate,
    )
    ours = CONFIG.build(None)
    rng = np.random.default_rng(9)
    for x in rng.normal(size=(400, 3)) * [1.0, 100.0, 0.01] + [0.0, 5.0, 1.0]:
        named = dict(zip(CONFIG.feature_names, x.tolist(), strict=True))
        answer = ours.predict(x)
        if answer is not None:
            assert answer == pytest.approx(theirs.predict_proba_one(named)[True], rel=1e-10)
        y = int(rng.random() < 1 / (1 + np.exp(-x[1] / 100)))
        ours.learn(x, y)
        theirs.learn_one(named, y)
