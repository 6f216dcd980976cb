"""The ensemble: weights over what is deployed, and silence unless everybody has spoken."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadUse
from models.ensemble import EnsembleConfig

BOTH = {"online": "id-1", "batch": "id-2"}
HALVES = {"online": 0.5, "batch": 0.5}
NAN = math.nan

ANSWER = st.floats(0, 1) | st.sampled_from([NAN, -1e-9, 1.0 + 1e-9, math.inf, -math.inf])
"""A probability, or what is none."""


@pytest.mark.parametrize(
    ("weights", "deployed", "answers", "mean"),
    [
        (HALVES, BOTH, {"online": 0.4, "batch": 0.8}, 0.6),
        ({"online": 3, "batch": 1}, BOTH, {"online": 0.4, "batch": 0.8}, 0.5),
        (HALVES, {"online": "id-1"}, {"online": 0.4}, 0.4),
        (HALVES, {"online": "id-1"}, {"online": 0.4, "batch": 0.9}, 0.4),
        (HALVES, {"online": "id-1"}, {"online": 0.4, "batch": NAN}, 0.4),
        (HALVES, BOTH, {"online": 0.4, "batch": NAN}, NAN),
        (HALVES, BOTH, {"online": 1.1, "batch": 0.1}, NAN),
        (HALVES, BOTH, {"online": 0.1, "batch": -0.1}, NAN),
        ({"online": 0.5, "batch": 0.0}, BOTH, {"online": 0.4, "batch": NAN}, NAN),
    ],
)
def test_mean(
    weights: dict[str, float], deployed: dict[str, str], answers: dict[str, float], mean: float
) -> None:
    """Weights are normalised over the deployed models; one that is not ready silences all."""
    arrays = {role: np.array([p_up]) for role, p_up in answers.items()}
    combined = EnsembleConfig(weights).build(deployed).combine(arrays)
    assert combined.tolist() == pytest.approx([mean], nan_ok=True)


@given(
    p=st.lists(st.tuples(ANSWER, ANSWER), max_size=20),
    w=st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)),
)
def test_the_mean_is_a_probability_or_nothing(
    p: list[tuple[float, float]], w: tuple[float, float]
) -> None:
    """Row by row: between the members where each is a probability, else NaN."""
    ensemble = EnsembleConfig({"online": w[0], "batch": w[1]}).build(BOTH)
    online, batch = (np.array([row[side] for row in p], dtype=np.float64) for side in (0, 1))
    means = ensemble.combine({"online": online, "batch": batch})
    assert means.shape == (len(p),)
    for members, mean in zip(p, means.tolist(), strict=True):
        if all(0.0 <= member <= 1.0 for member in members):
            assert 0.0 <= mean <= 1.0
            assert min(members) - 1e-12 <= mean <= max(members) + 1e-12
        else:
            assert math.isnan(mean)


@given(p=st.lists(st.tuples(ANSWER, ANSWER), min_size=1, max_size=20))
def test_a_row_does_not_depend_on_its_neighbours(p: list[tuple[float, float]]) -> None:
    """The mean of a row alone is the same to the bit; what was given is not changed."""
    ensemble = EnsembleConfig({"online": 0.3, "batch": 0.7}).build(BOTH)
    answers = {role: np.array([row[at] for row in p]) for at, role in enumerate(BOTH)}
    for column in answers.values():
        column.flags.writeable = False
    together = ensemble.combine(answers)
    alone = [
        ensemble.combine({role: column[at : at + 1] for role, column in answers.items()})
        for at in range(len(p))
    ]
    assert np.concatenate(alone).tobytes() == together.tobytes()


def test_a_deployed_model_must_be_asked() -> None:
    """An answer that is not even there is a mistake of the wiring."""
    with pytest.raises(KeyError, match="batch"):
        EnsembleConfig().build(BOTH).combine({"online": np.array([0.4])})


def test_identity_covers_members_and_weights_but_not_order() -> None:
    """Another member or weight is another ensemble; the order of a mapping is not."""
    config = EnsembleConfig()
    ids = {
        config.build(BOTH).model_id,
        config.build({"online": "id-1"}).model_id,
        config.build({**BOTH, "batch": "id-3"}).model_id,
        EnsembleConfig({"online": 0.6, "batch": 0.4}).build(BOTH).model_id,
    }
    assert len(ids) == 4
    turned = dict(reversed(BOTH.items()))
    assert config.build(turned).model_id == config.build(BOTH).model_id


@pytest.mark.parametrize(
    ("weights", "deployed"),
    [
        ({"online": 1.0}, {}),
        ({"online": 1.0}, BOTH),
        ({"online": 0.0}, {"online": "id-1"}),
        ({"online": -1.0, "batch": 3.0}, BOTH),
        ({"online": math.nan}, {"online": "id-1"}),
        ({"online": math.inf}, {"online": "id-1"}),
    ],
)
def test_what_cannot_be_weighed_is_refused(
    weights: dict[str, float], deployed: dict[str, str]
) -> None:
    """Nothing deployed, a role without weight, or weights that make no mean."""
    with pytest.raises(BadUse):
        EnsembleConfig(weights).build(deployed)
