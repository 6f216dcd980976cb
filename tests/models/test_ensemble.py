"""The ensemble: weights that follow recent losses, and silence unless enough have spoken."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadUse, Corrupt
from models.ensemble import ROLES, Combined, EnsembleConfig, Member, log_loss

NAN = math.nan
EVEN = EnsembleConfig(weight_floor=0.0, min_agreement=0.0)

ANSWER = st.floats(0, 1) | st.sampled_from([NAN, -1e-9, 1.0 + 1e-9, math.inf])
"""A probability, or what is none."""


def _members(*p_ups: float) -> list[Member]:
    """Return members of the first roles, named like them."""
    return [Member(role, role, p) for role, p in zip(ROLES, p_ups, strict=False)]


def _combine(config: EnsembleConfig, *p_ups: float) -> Combined:
    return config.build(None).combine(_members(*p_ups))


@pytest.mark.parametrize(
    ("weights", "p_ups", "mean"),
    [
        ({}, (0.4, 0.8), 0.6),
        ({"online": 3.0, "xgboost": 1.0}, (0.4, 0.8), 0.5),
        ({}, (0.4,), 0.4),
        ({}, (0.4, NAN), 0.4),
        ({}, (0.4, 1.1, 0.6), 0.5),
        ({}, (0.2, -0.1, 0.9, 0.4), 0.5),
        ({}, (NAN, NAN), NAN),
        ({"online": 1.0, "xgboost": 2.0}, (0.4, NAN), NAN),
    ],
)
def test_before_any_loss_it_is_the_mean_by_the_weights_of_the_settings(
    weights: dict[Any, float], p_ups: tuple[float, ...], mean: float
) -> None:
    """Over those who answered; who is missing has no weight; less than half of it is no view."""
    config = EnsembleConfig(weights or dict.fromkeys(ROLES, 1.0), weight_floor=0.0)
    combined = _combine(config, *p_ups)
    assert [combined.p_up] == pytest.approx([mean], nan_ok=True)
    if not math.isnan(mean):
        assert sum(combined.weights) == pytest.approx(1.0)
    assert [w > 0 for w in combined.weights] == [
        0 <= p <= 1 and not math.isnan(mean) for p in p_ups
    ]


@pytest.mark.parametrize(
    ("change", "p_ups", "seen"),
    [
        ({"min_members": 2}, (0.6, NAN, NAN), False),
        ({"min_members": 2}, (0.6, 0.6, NAN), True),
        ({"min_weight": 1.0}, (0.6, 0.6, NAN), False),
        ({"min_weight": 1.0}, (0.6, 0.7, 0.1), True),
        ({"min_weight": 0.5}, (0.6, NAN), True),
        ({"min_weight": 0.51}, (0.6, NAN), False),
        ({"min_weight": 0.0}, (NAN, NAN, 0.5), True),
        ({"min_weight": 0.0}, (NAN, NAN, NAN), False),
    ],
)
def test_a_view_needs_enough_members_and_enough_weight(
    change: dict[str, Any], p_ups: tuple[float, ...], seen: bool
) -> None:
    """It abstains by default: without enough of both there is nothing, not a weaker something."""
    combined = _combine(EnsembleConfig(**change), *p_ups)
    assert math.isnan(combined.p_up) != seen
    assert any(combined.weights) == seen
    assert seen or not combined.agrees


@pytest.mark.parametrize(
    ("p_ups", "agreement"),
    [
        ((0.6, 0.7, 0.8), 1.0),
        ((0.9, 0.9, 0.4), 2 / 3),
        ((0.99, 0.4, 0.4), 1 / 3),
        ((0.1, 0.6, 0.6), 1 / 3),
        ((0.5, 0.5, 0.6), 1 / 3),
        ((0.9, 0.1), 0.5),
        ((0.7, NAN, NAN, 0.8), 1.0),
    ],
)
def test_agreement_is_the_weight_on_the_side_of_the_mean(
    p_ups: tuple[float, ...], agreement: float
) -> None:
    """Whoever says exactly one half is on neither side; who abstains is not counted."""
    combined = _combine(EVEN, *p_ups)
    assert combined.agreement == pytest.approx(agreement)
    for needed in (0.3, 0.5, 0.6, 1.0):
        config = EnsembleConfig(weight_floor=0.0, min_agreement=needed)
        assert _combine(config, *p_ups).agrees == (agreement >= needed - 1e-9)


def test_weights_move_by_the_difference_of_losses() -> None:
    """By hand: two labels, the loss of each against the mean of both, discounted, then Hedge."""
    config = EnsembleConfig({"online": 1.0, "xgboost": 3.0}, 2.0, 1, 0.0)
    ensemble = config.build(None)
    ensemble.combine(_members(0.5, 0.5))
    excess = [0.0, 0.0]
    for answers, y in (((0.9, 0.6), 1), ((0.8, 0.3), 0)):
        ensemble.learn(dict(zip(ROLES, answers, strict=False)), y)
        losses = [-math.log(p if y else 1 - p) for p in answers]
        mean = sum(losses) / 2
        excess = [0.5 * e + loss - mean for e, loss in zip(excess, losses, strict=True)]
    raw = [1.0 * math.exp(-2 * excess[0]), 3.0 * math.exp(-2 * excess[1])]
    combined = ensemble.combine(_members(0.4, 0.8))
    assert combined.weights == pytest.approx([r / sum(raw) for r in raw])
    assert combined.p_up == pytest.approx((0.4 * raw[0] + 0.8 * raw[1]) / sum(raw))


def test_the_better_member_wins_and_the_worse_keeps_its_floor() -> None:
    """After many labels nearly all the weight is with who is right, but never all of it."""
    ensemble = EnsembleConfig(weight_floor=0.1, half_life_labels=10_000).build(None)
    ensemble.combine(_members(0.5, 0.5, 0.5))
    for label in range(2_000):
        y = label % 2
        ensemble.learn({"online": 0.8 if y else 0.2, "xgboost": 0.5, "forest": 0.2 + 0.6 * y}, y)
        ensemble.learn({"online": 0.5, "xgboost": 0.4 + 0.2 * (1 - y), "forest": 0.5}, y)
    online, xgboost, forest = ensemble.combine(_members(0.5, 0.5, 0.5)).weights
    assert xgboost == pytest.approx(0.1)
    assert online == forest == pytest.approx(0.45)


def test_old_losses_are_forgotten() -> None:
    """Who was bad, and has been like the others for some half-lives, weighs like the others."""
    ensemble = EnsembleConfig(weight_floor=0.0, half_life_labels=10).build(None)
    ensemble.combine(_members(0.5, 0.5))
    for _ in range(50):
        ensemble.learn({"online": 0.9, "xgboost": 0.1}, 0)
    assert ensemble.combine(_members(0.5, 0.5)).weights[0] < 0.01
    for _ in range(200):
        ensemble.learn({"online": 0.3, "xgboost": 0.3}, 0)
    assert ensemble.combine(_members(0.5, 0.5)).weights == pytest.approx([0.5, 0.5], abs=1e-4)


def test_who_abstains_is_not_judged_meanwhile() -> None:
    """Answering alone moves no weight: a loss counts against those who answered beside it."""
    ensemble = EVEN.build(None)
    ensemble.combine(_members(0.5, 0.5))
    for y in (0, 1, 0, 0):
        ensemble.learn({"online": 0.9}, y)
    assert ensemble.combine(_members(0.5, 0.5)).weights == (0.5, 0.5)


def test_a_new_model_in_a_place_starts_at_the_weight_of_its_role() -> None:
    """What the model before it lost is not its debt; labels of the old one are not read."""
    ensemble = EnsembleConfig(weight_floor=0.0).build(None)
    ensemble.combine(_members(0.5, 0.5))
    for _ in range(100):
        ensemble.learn({"online": 0.9, "xgboost": 0.5}, 0)
    assert ensemble.combine(_members(0.5, 0.5)).weights[0] < 0.01
    fresh = [Member("online", "another", 0.5), Member("xgboost", "xgboost", 0.5)]
    before = ensemble.snapshot()["excess"][1][1]
    assert dict(ensemble.snapshot()["excess"])["online"] > 0
    ensemble.combine(fresh)
    assert ensemble.snapshot()["excess"] == [["another", 0.0], ["xgboost", before]]
    ensemble.learn({"online": 0.9}, 0)
    assert ensemble.snapshot()["excess"] == [["another", 0.0], ["xgboost", before]]


ROW = st.tuples(st.lists(ANSWER, min_size=3, max_size=3), st.sampled_from([None, 0, 1]))


@given(rows=st.lists(ROW, max_size=30), cut=st.integers(0, 30))
def test_it_resumes_anywhere_to_the_bit(
    rows: list[tuple[list[float], int | None]], cut: int
) -> None:
    """Restored through text between any two rows it goes on as if it had never stopped."""
    config = EnsembleConfig(half_life_labels=5, learning_rate=3.0)
    whole, part = config.build(None), config.build(None)
    for at, (p_ups, y) in enumerate(rows):
        if at == cut:
            part = config.build(json.loads(json.dumps(part.snapshot())))
        wanted, found = (one.combine(_members(*p_ups)) for one in (whole, part))
        assert repr(found) == repr(wanted)
        if y is not None:
            said = {m.model_id: m.p_up for m in _members(*p_ups) if 0 <= m.p_up <= 1}
            whole.learn(said, y)
            part.learn(said, y)
    assert part.snapshot() == whole.snapshot()


@given(p_ups=st.lists(ANSWER, min_size=1, max_size=5), ys=st.lists(st.integers(0, 1), max_size=5))
def test_the_mean_is_a_probability_or_nothing(p_ups: list[float], ys: list[int]) -> None:
    """Between the members who answered, the weights a share each."""
    ensemble = EnsembleConfig(learning_rate=10.0).build(None)
    said = {m.model_id: m.p_up for m in _members(*p_ups) if 0 <= m.p_up <= 1}
    ensemble.combine(_members(*p_ups))
    for y in ys:
        ensemble.learn(said, y)
    combined = ensemble.combine(_members(*p_ups))
    if math.isnan(combined.p_up):
        assert combined.weights == (0.0,) * len(p_ups)
        return
    assert min(said.values()) - 1e-12 <= combined.p_up <= max(said.values()) + 1e-12
    assert 0.0 <= combined.agreement <= 1.0
    assert sum(combined.weights) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": {}}, "needs weights of roles among online, xgboost, forest, lstm, rules"),
        ({"weights": {"oracle": 1.0}}, r"needs weights of roles among .*, not \['oracle'\]"),
        ({"weights": {"online": 0.0}}, "weights > 0; leave out who has none"),
        ({"weights": {"online": NAN}}, "weights > 0"),
        ({"weights": {"online": math.inf}}, "weights > 0"),
        ({"learning_rate": -0.1}, "learning_rate in"),
        ({"half_life_labels": 0}, "half_life_labels > 0"),
        ({"weight_floor": 0.2}, "weight_floor"),
        ({"min_members": 0}, "min_members > 0"),
        ({"min_weight": 1.1}, "min_weight and min_agreement"),
        ({"min_agreement": NAN}, "min_weight and min_agreement"),
    ],
)
def test_bounds_are_held(change: dict[str, Any], words: str) -> None:
    """One line says what is needed."""
    with pytest.raises(BadUse, match=words):
        EnsembleConfig(**change)


def test_the_identity_tells_settings_and_members() -> None:
    """Another weight, threshold, member or place is another ensemble, and so other signal ids."""
    configs = [
        EnsembleConfig(),
        EnsembleConfig({"online": 1.0, "xgboost": 2.0}),
        EnsembleConfig(learning_rate=0.3),
        EnsembleConfig(half_life_labels=7),
        EnsembleConfig(weight_floor=0.0),
        EnsembleConfig(min_members=2),
        EnsembleConfig(min_weight=0.4),
        EnsembleConfig(min_agreement=0.7),
    ]
    members: list[dict[Any, str]] = [
        {"online": "a"},
        {"xgboost": "a"},
        {"online": "b"},
        {"online": "a", "xgboost": "b"},
    ]
    ids = {config.model_id(each) for config in configs for each in members}
    assert len(ids) == len(configs) * len(members)
    assert EVEN.model_id({"xgboost": "b", "online": "a"}) == EVEN.model_id(
        {"online": "a", "xgboost": "b"}
    )


@pytest.mark.parametrize("change", [{"v": 2}, {"owner": "another"}, {"excess": [["a"]]}])
def test_a_state_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    """Another version, other settings, or not whole."""
    state = {**EVEN.build(None).snapshot(), **change}
    with pytest.raises(Corrupt, match="ensemble"):
        EVEN.build(state)


@pytest.mark.parametrize(
    ("p_up", "y", "loss"),
    [(0.5, 0, math.log(2)), (0.75, 1, -math.log(0.75)), (1.0, 0, math.log(100)), (0.0, 0, 0.01)],
)
def test_the_loss_of_an_answer_is_bounded(p_up: float, y: int, loss: float) -> None:
    """One certain and wrong answer must not silence a member for good."""
    assert log_loss(p_up, y) == pytest.approx(loss, rel=1e-2)
