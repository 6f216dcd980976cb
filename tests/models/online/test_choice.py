"""The choice: weights follow recent log-loss, sleepers are treated fairly, state is exact."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from domain.errors import BadUse, Corrupt
from domain.ids import digest
from domain.nanos import MINUTE_NS
from models.contract import Features, Role, State
from models.labels.delayed import DelayedLabels
from models.online.choice import COIN, P_LEAST, Member, OnlineChoice, OnlineChoiceModel
from tests.contracts.online_cases import COMMON, FOREST, LOGISTIC, TREE, TURN, market, teach

LABELS = DelayedLabels(MINUTE_NS)
X = np.array([1.0])


@dataclass
class Says:
    """A model that answers what it is told, and writes down what is done to it."""

    config: "Script"
    done: list[str] = field(default_factory=list)
    labels_learned: int = 0
    role: Role = "online"

    @property
    def model_id(self) -> str:
        """That of its script."""
        return self.config.model_id

    @property
    def feature_schema(self) -> str:
        """That of its script."""
        return self.config.feature_schema

    @property
    def horizon_ns(self) -> int:
        """A minute."""
        return MINUTE_NS

    def predict(self, x: Features) -> float | None:
        """Say what the script says, unless asleep."""
        self.done.append("asked")
        awake = self.labels_learned >= self.config.sleeps
        return self.config.p_up if awake and np.isfinite(x).all() else None

    def learn(self, x: Features, y: int) -> None:  # noqa: ARG002 - the protocol has them
        """Count."""
        self.done.append("learned")
        self.labels_learned += 1

    def snapshot(self) -> State:
        """Return the count."""
        return {"labels_learned": self.labels_learned}


@dataclass(frozen=True)
class Script:
    """Config of a model that answers ``p_up`` after ``sleeps`` labels."""

    p_up: float
    sleeps: int = 0
    feature_schema: str = "schema-1"
    feature_names: tuple[str, ...] = ("a",)
    labels: DelayedLabels = LABELS

    @property
    def model_id(self) -> str:
        """Digest of what it says and when."""
        return digest(repr(self.p_up), self.sleeps)

    def build(self, resume_state: State | None) -> Says:
        """Return the model of this script."""
        return Says(
            self, labels_learned=0 if resume_state is None else resume_state["labels_learned"]
        )


def _round(model: OnlineChoiceModel, y: int, rounds: int = 1) -> None:
    """Ask, then bring the label."""
    for _ in range(rounds):
        model.predict(X)
        model.learn(X, y)


def _choice(members: dict[str, Member], **changes: Any) -> OnlineChoiceModel:
    return OnlineChoice(members, **{"eta": 1.0, "floor": 0.0, **changes}).build(None)


def test_without_a_label_all_weigh_the_same() -> None:
    """Nothing is known of anyone: the answer is the plain mean."""
    model = _choice({"bull": Script(0.9), "bear": Script(0.3)})
    assert model.weights() == {"bear": 0.5, "bull": 0.5}
    assert model.predict(X) == pytest.approx(0.6)
    assert model.losses() == {"bear": COIN, "bull": COIN}


def test_with_eta_one_it_is_the_bayesian_mean() -> None:
    """Two labels up: posterior odds of 0.8 against 0.4 are 4 to 1 (half-life too long to tell)."""
    model = _choice({"bull": Script(0.8), "bear": Script(0.4)}, half_life_labels=10**9)
    _round(model, 1, rounds=2)
    assert model.weights() == pytest.approx({"bear": 0.2, "bull": 0.8})
    assert model.predict(X) == pytest.approx(0.8 * 0.8 + 0.2 * 0.4)
    assert model.losses() == pytest.approx({"bear": -math.log(0.4), "bull": -math.log(0.8)})


def test_the_past_counts_half_after_its_half_life() -> None:
    """A lead of one nat is half a nat after ten labels that cost both the same."""
    model = _choice({"first": Script(0.5), "second": Script(0.5)}, half_life_labels=10)
    model._losses = {"first": 0.0, "second": 1.0}
    _round(model, 1, rounds=10)
    weights = model.weights()
    assert weights["first"] / weights["second"] == pytest.approx(math.exp(0.5))


def test_recent_losses_are_means_in_nats() -> None:
    """Who always says the same has the log-loss of saying it, however long ago it began."""
    model = _choice({"a": Script(0.8), "b": Script(0.5)}, half_life_labels=3)
    for _ in range(50):
        _round(model, 1)
        assert model.losses() == pytest.approx({"a": -math.log(0.8), "b": COIN})


def test_who_has_lost_stays_heard() -> None:
    """The floor is the least weight, and all weights still sum to one."""
    model = _choice({"bull": Script(0.99), "bear": Script(0.01), "coin": Script(0.5)}, floor=0.1)
    _round(model, 1, rounds=200)
    weights = model.weights()
    assert weights["bear"] == pytest.approx(0.1)
    assert min(weights.values()) >= 0.1
    assert math.fsum(weights.values()) == pytest.approx(1.0)


def test_one_saturated_answer_costs_a_bounded_loss() -> None:
    """Certain and wrong is scored as 1 in 10,000, not as infinity."""
    model = _choice({"sure": Script(1.0), "never": Script(0.0)})
    _round(model, 0)
    assert model.losses() == pytest.approx(
        {"never": -math.log(1 - P_LEAST), "sure": -math.log(P_LEAST)}
    )
    assert math.isfinite(model._losses["sure"])
    p_up = model.predict(X)
    assert p_up is not None
    assert 0.0 <= p_up <= 1.0


def _at(*values: float) -> list[Features]:
    return [np.array([value]) for value in values]


def test_what_was_said_when_asked_is_scored_not_what_is_said_now() -> None:
    """A member that has changed its mind since is held to its first word, asked twice or not."""
    model = _choice({"a": Script(0.9)})
    model.predict(X)
    member = model._members["a"]
    assert isinstance(member, Says)
    member.config = Script(0.2)
    model.predict(X)
    model.learn(X, 1)
    assert model.losses() == pytest.approx({"a": -math.log(0.9)})
    assert member.done == ["asked", "asked", "learned"]


def test_answers_wait_for_their_labels_in_order() -> None:
    """A label ends the wait of its own answer and of all older ones, not of later ones."""
    model = _choice({"a": Script(0.9)})
    first, second, third = _at(1.0, 2.0, 3.0)
    for x in (first, second, third):
        model.predict(x)
    model.learn(second, 1)
    model.learn(first, 1)
    assert (model.labels_learned, model.labels_scored) == (2, 1)
    model.learn(third, 1)
    assert (model.labels_learned, model.labels_scored) == (3, 2)
    assert model.snapshot()["waiting"] == []


def test_a_label_that_nobody_was_asked_about_scores_nobody() -> None:
    """It is learned, and the weights stay."""
    model = _choice({"a": Script(0.9), "b": Script(0.1)})
    model.learn(X, 1)
    assert (model.labels_learned, model.labels_scored) == (1, 0)
    assert model.weights() == {"a": 0.5, "b": 0.5}


def test_only_so_many_answers_wait() -> None:
    """The oldest gives way, so that questions without labels do not fill the memory."""
    model = _choice({"a": Script(0.9)}, max_waiting=3)
    for x in _at(1.0, 2.0, 3.0, 4.0):
        model.predict(x)
    assert len(model.snapshot()["waiting"]) == 3
    model.learn(_at(1.0)[0], 1)
    assert model.labels_scored == 0
    model.learn(_at(4.0)[0], 1)
    assert model.labels_scored == 1


def test_no_answer_while_all_sleep_and_then_that_of_who_is_awake() -> None:
    """A mean of nobody is None; a mean of one is that one's answer."""
    model = _choice({"early": Script(0.7, sleeps=1), "late": Script(0.2, sleeps=3)})
    assert model.predict(X) is None
    model.learn(X, 1)
    assert model.predict(X) == pytest.approx(0.7)
    assert model.answers(X) == {"early": 0.7, "late": None}


def test_a_sleeper_wakes_with_neither_debt_nor_advantage() -> None:
    """While it slept it was charged what the choice lost: it wakes between good and bad."""
    model = _choice({"a": Script(0.7), "b": Script(0.6), "late": Script(0.5, sleeps=20)})
    _round(model, 1, rounds=20)
    weights = model.weights()
    ours = model.losses()["late"]
    assert model.losses()["a"] < ours < model.losses()["b"]
    assert weights["b"] < weights["late"] < weights["a"]


def test_what_cannot_be_read_scores_nobody() -> None:
    """A vector with a hole is neither asked nor charged nor learned."""
    model = _choice({"a": Script(0.6), "b": Script(0.4)})
    before = model.snapshot()
    model.learn(np.array([np.nan]), 1)
    assert model.predict(np.array([np.nan])) is None
    assert model.answers(np.array([np.nan])) == {"a": None, "b": None}
    assert model.snapshot() is before


def test_the_order_of_writing_is_no_part_of_it() -> None:
    """Members given in another order are the same model with the same bits."""
    names = ["forest", "logistic", "tree"]
    configs: dict[str, Member] = {"logistic": LOGISTIC, "tree": TREE, "forest": FOREST}
    one = OnlineChoice({name: configs[name] for name in names})
    other = OnlineChoice({name: configs[name] for name in reversed(names)})
    assert one.model_id == other.model_id
    x, y = market(150)
    assert teach(one.build(None), x, y) == teach(other.build(None), x, y)


def test_it_is_about_as_good_as_its_best_member() -> None:
    """On a market that turns, its log-loss is near the least of its members', or below it."""
    configs: dict[str, Member] = {"logistic": LOGISTIC, "tree": TREE, "forest": FOREST}
    x, y = market(2 * TURN)

    def loss(config: Member) -> float:
        answers = teach(config.build(None), x, y)[100:]
        return float(np.mean([_loss(p, label) for p, label in zip(answers, y[100:], strict=True)]))

    alone = {name: loss(config) for name, config in configs.items()}
    together = loss(OnlineChoice(configs, half_life_labels=50))
    assert together < np.mean(list(alone.values()))
    assert together < min(alone.values()) + 0.02


def _loss(p_up: float | None, y: int) -> float:
    assert p_up is not None
    p_up = min(max(p_up, P_LEAST), 1 - P_LEAST)
    return -math.log(p_up if y == 1 else 1 - p_up)


BASE = OnlineChoice({"logistic": LOGISTIC, "tree": TREE})


@pytest.mark.parametrize(
    "change",
    [
        {"members": {"logistic": LOGISTIC}},
        {"members": {"logistic": LOGISTIC, "wood": TREE}},
        {"members": {"logistic": LOGISTIC, "tree": replace(TREE, seed=2)}},
        {"members": {"logistic": TREE, "tree": LOGISTIC}},
        {"half_life_labels": 501},
        {"eta": 0.3},
        {"floor": 0.06},
        {"max_waiting": 511},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_field_is_part_of_the_identity(change: dict[str, Any]) -> None:
    """Another config is another model, and does not take the snapshot of this one."""
    other = replace(BASE, **change)
    assert other.model_id != BASE.model_id
    with pytest.raises(Corrupt, match="belongs to config"):
        other.build(BASE.build(None).snapshot())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"members": {}}, "at least one"),
        ({"members": {"a": Script(0.5), "b": Script(0.4, feature_schema="s")}}, "same features"),
        ({"members": {"a": Script(0.5), "b": Script(0.4, feature_names=("b",))}}, "same features"),
        (
            {"members": {"a": Script(0.5), "b": Script(0.4, labels=DelayedLabels(1))}},
            "same features",
        ),
        ({"half_life_labels": 0}, "half_life_labels"),
        ({"half_life_labels": 10**9 + 1}, "half_life_labels"),
        ({"eta": 0.0}, "eta"),
        ({"eta": math.nan}, "eta"),
        ({"floor": 0.5}, "floor"),
        ({"floor": -0.1}, "floor"),
        ({"max_waiting": 0}, "max_waiting"),
        ({"max_waiting": 10_001}, "max_waiting"),
    ],
    ids=str,
)
def test_a_config_out_of_bounds_is_refused(change: dict[str, Any], words: str) -> None:
    """No floor that leaves nothing to choose, no members that talk of other things."""
    with pytest.raises(BadUse, match=words):
        replace(BASE, **change)


def _changes() -> Iterator[tuple[dict[str, Any], str]]:
    whole = json.loads(json.dumps(BASE.build(None).snapshot()))
    yield {"members": {"logistic": whole["members"]["logistic"]}}, "not whole"
    yield {"members": {**whole["members"], "third": whole["members"]["tree"]}}, "not whole"
    yield {"members": {**whole["members"], "tree": whole["members"]["logistic"]}}, "version|belongs"
    yield {"losses": {"logistic": 0.0}}, "not whole"
    yield {"waiting": [["0" * 16, 0.5, 0.5]]}, "not whole"
    yield {"waiting": [["0" * 16, None, 0.5, 0.5]]}, "not whole"
    yield {"losses": {"logistic": 0.0, "tree": None}}, "not whole"


@pytest.mark.parametrize(("change", "words"), list(_changes()))
def test_a_part_that_is_not_ours_is_refused(change: dict[str, Any], words: str) -> None:
    """A member too few, one too many, one of another config, or a loss that is missing."""
    with pytest.raises(Corrupt, match=words):
        BASE.build({**BASE.build(None).snapshot(), **change})


def test_it_has_what_its_members_have() -> None:
    """Schema, names and labels are those of the members."""
    assert BASE.feature_schema == COMMON["feature_schema"]
    assert BASE.feature_names == COMMON["feature_names"]
    assert BASE.labels == COMMON["labels"]
