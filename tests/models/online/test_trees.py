"""Tree and forest: bounds, identity, what they learn, what they cost in bytes."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from river.tree import HoeffdingAdaptiveTreeClassifier

from domain.errors import BadUse, Corrupt
from domain.nanos import MINUTE_NS
from models.labels.delayed import DelayedLabels
from models.online.forest import OnlineForest
from models.online.logistic import OnlineLogistic
from models.online.river_leaves import CountingTree
from models.online.river_model import RiverModel, adwin
from models.online.tree import NEVER, OnlineTree
from tests.contracts.online_cases import COMMON, FOREST, TREE, TURN, market, teach

Config = OnlineTree | OnlineForest

SHARED: list[dict[str, Any]] = [
    {"feature_schema": "schema-2"},
    {"feature_names": ("a", "b", "c", "d", "e", "g")},
    {"labels": DelayedLabels(6 * MINUTE_NS)},
    {"seed": 2},
    {"max_depth": 4},
    {"grace_period": 61},
    {"delta": 0.11},
    {"tau": 0.21},
    {"leaf_answer": "nb"},
    {"drift_delta": 0.01},
    {"min_labels": 41},
]
OF_TREE = [*SHARED, {"drift_window_labels": 61}, {"switch_significance": 0.1}]
OF_FOREST = [
    *SHARED,
    {"trees": 4},
    {"max_features": 2},
    {"resampling_rate": 5},
    {"warning_delta": 0.02},
]
OUT_OF_BOUNDS: list[dict[str, Any]] = [
    {"feature_names": ()},
    {"feature_names": ("a", "a")},
    {"seed": -1},
    {"max_depth": 0},
    {"max_depth": 13},
    {"grace_period": 0},
    {"delta": 0.0},
    {"delta": 1.0},
    {"tau": -0.1},
    {"tau": float("nan")},
    {"leaf_answer": "best"},
    {"drift_delta": float("nan")},
    {"min_labels": 0},
]


@pytest.mark.parametrize(
    ("config", "change"),
    [(TREE, change) for change in OF_TREE] + [(FOREST, change) for change in OF_FOREST],
    ids=str,
)
def test_every_field_is_part_of_the_identity(config: Config, change: dict[str, Any]) -> None:
    """Another config is another model, and does not take the snapshot of this one."""
    other = replace(config, **change)
    assert other.model_id != config.model_id
    with pytest.raises(Corrupt, match="belongs to config"):
        other.build(config.build(None).snapshot())


def test_no_field_is_left_out_of_these_lists() -> None:
    """A new field must join, or two different models could bear one id."""
    for config, changes in ((TREE, OF_TREE), (FOREST, OF_FOREST)):
        assert {name for change in changes for name in change} == set(config.__dataclass_fields__)


@pytest.mark.parametrize("config", [TREE, FOREST], ids=["tree", "forest"])
@pytest.mark.parametrize("change", OUT_OF_BOUNDS, ids=str)
def test_a_config_out_of_bounds_is_refused(config: Config, change: dict[str, Any]) -> None:
    """Bounds are checked where the config is made, not where it first hurts."""
    with pytest.raises(BadUse, match=r"needed|needs"):
        replace(config, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"trees": 0},
        {"trees": 101},
        {"max_features": 0},
        {"max_features": 7},
        {"resampling_rate": 0},
        {"warning_delta": 0.0},
    ],
    ids=str,
)
def test_a_forest_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    """A leaf cannot look at more features than there are."""
    with pytest.raises(BadUse, match="needed"):
        replace(FOREST, **change)


@pytest.mark.parametrize("change", [{"drift_window_labels": 0}, {"switch_significance": 1.0}])
def test_a_tree_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    """The comparison of a subtree with its replacement needs labels and a chance of error."""
    with pytest.raises(BadUse, match="needed"):
        replace(TREE, **change)


def test_the_lighter_tree_is_rivers_own_answer_by_answer() -> None:
    """Leaving out the naive Bayes that nobody asks changes no answer and no draw."""
    parameters: dict[str, Any] = {
        "grace_period": 40,
        "delta": 0.2,
        "tau": 0.3,
        "max_depth": 3,
        "drift_window_threshold": 20,
        "leaf_prediction": "mc",
        "memory_estimate_period": NEVER,
        "seed": 5,
    }
    theirs: Any = HoeffdingAdaptiveTreeClassifier(**parameters)
    ours: Any = CountingTree(**parameters)
    vectors, labels = market(1500)
    for x, y in zip(vectors.tolist(), labels, strict=True):
        named = dict(enumerate(x))
        assert ours.predict_proba_one(named) == theirs.predict_proba_one(named)
        ours.learn_one(named, y)
        theirs.learn_one(named, y)
    assert ours._rng.getstate() == theirs._rng.getstate()
    assert ours.summary == theirs.summary
    assert theirs.n_switch_alternate_trees > 0


@pytest.mark.parametrize("config", [TREE, FOREST], ids=["tree", "forest"])
def test_follows_a_market_that_turns(config: Config) -> None:
    """Four hundred labels after the rule was turned round, most answers are right again."""
    x, y = market(2 * TURN)
    answers = teach(config.build(None), x, y)
    right = [
        (p_up > 0.5) == (label == 1)
        for p_up, label in zip(answers[-100:], y[-100:], strict=True)
        if p_up is not None
    ]
    assert len(right) == 100
    assert np.mean(right) > 0.65


@pytest.mark.parametrize("config", [TREE, FOREST], ids=["tree", "forest"])
def test_both_sides_sum_to_one(config: Config) -> None:
    """The probability of a lower mid, as River votes, is what is left of ours."""
    model = config.build(None)
    x, y = market(300)
    teach(model, x, y)
    for row in x[:50]:
        votes = model._classifier.predict_proba_one(dict(enumerate(row.tolist())))
        p_up = model.predict(row)
        assert p_up is not None
        assert p_up + votes[0] / (votes[0] + votes[1]) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("config", [TREE, FOREST], ids=["tree", "forest"])
def test_another_seed_is_another_way(config: Config) -> None:
    """The seed decides the draws, so two seeds do not answer alike."""
    x, y = market(300)
    assert teach(config.build(None), x, y) != teach(replace(config, seed=9).build(None), x, y)


@pytest.mark.parametrize("config", [TREE, FOREST], ids=["tree", "forest"])
def test_depth_is_bounded(config: Config) -> None:
    """However long it learns, no leaf lies deeper than it may."""
    model = replace(config, max_depth=2).build(None)
    x, y = market(900)
    teach(model, x, y)
    trees = [model._classifier] if isinstance(config, OnlineTree) else list(model._classifier)
    # A leaf alone has height 1.
    assert max(tree.height for tree in trees) == 3


def test_nothing_learned_costs_nothing() -> None:
    """The engine asks every second: without a new label it gets the same mapping again."""
    model = TREE.build(None)
    x, y = market(50)
    teach(model, x, y)
    first = model.snapshot()
    model.predict(x[0])
    model.learn(np.full(len(COMMON["feature_names"]), np.nan), 1)
    assert model.snapshot() is first
    model.learn(x[0], y[0])
    assert model.snapshot() is not first


WIDE: dict[str, Any] = {
    "feature_schema": "schema-70",
    "feature_names": tuple(f"feature_{place}" for place in range(70)),
    "labels": DelayedLabels(5 * MINUTE_NS),
}


@pytest.mark.parametrize(
    ("config", "limit_bytes"),
    [
        (OnlineLogistic(**WIDE), 10_000),
        (OnlineTree(**WIDE), 80_000),
        (OnlineForest(**WIDE), 80_000),
    ],
    ids=["logistic", "tree", "forest"],
)
def test_state_stays_small(config: Any, limit_bytes: int) -> None:
    """After 2,000 labels of 70 features, in bytes of JSON; a limit that doubles is worth a look."""
    rng = np.random.default_rng(8)
    model = config.build(None)
    for x in rng.normal(size=(2000, 70)):
        model.learn(x, int(x[0] + x[1] * x[2] + rng.normal() > 0))
    assert 1000 < len(json.dumps(model.snapshot())) < limit_bytes


def test_votes_of_nothing_are_no_answer() -> None:
    """Where no leaf has seen anything River votes zero for both sides: None, not a number."""

    class Silent:
        def predict_proba_one(self, x: dict[int, float]) -> dict[int, float]:
            return {0: 0.0, 1: 0.0} if x[0] > 0 else {}

        def learn_one(self, x: dict[int, float], y: int) -> None:
            pass

    model = RiverModel(replace(TREE, min_labels=1), Silent())
    model.learn(np.ones(6), 1)
    assert model.predict(np.ones(6)) is None
    assert model.predict(-np.ones(6)) is None


def test_adwin_is_rivers() -> None:
    """The detector is built with what was asked for."""
    detector = adwin(0.01, 7)
    assert (detector.delta, detector.clock) == (0.01, 7)
