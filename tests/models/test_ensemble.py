"""The ensemble: weights over what is deployed, and silence unless everybody has spoken."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadUse
from models.ensemble import EnsembleConfig

BOTH = {"online": "id-1", "batch": "id-2"}


@pytest.mark.parametrize(
    ("weights", "deployed", "answers", "mean"),
    [
        ({"online": 0.5, "batch": 0.5}, BOTH, {"online": 0.4, "batch": 0.8}, 0.6),
        ({"online": 3, "batch": 1}, BOTH, {"online": 0.4, "batch": 0.8}, 0.5),
        ({"online": 0.5, "batch": 0.5}, {"online": "id-1"}, {"online": 0.4}, 0.4),
        ({"online": 0.5, "batch": 0.5}, {"online": "id-1"}, {"online": 0.4, "batch": 0.9}, 0.4),
        ({"online": 0.5, "batch": 0.5}, BOTH, {"online": 0.4, "batch": None}, None),
        ({"online": 0.5, "batch": 0.5}, BOTH, {"online": 0.4}, None),
        ({"online": 0.5, "batch": 0.5}, BOTH, {"online": 0.4, "batch": math.nan}, None),
        ({"online": 0.5, "batch": 0.0}, BOTH, {"online": 0.4, "batch": None}, None),
    ],
)
def test_mean(
    weights: dict[str, float],
    deployed: dict[str, str],
    answers: dict[str, float | None],
    mean: float | None,
) -> None:
    """Weights are normalised over the deployed models; one that is not ready silences all."""
    combined = EnsembleConfig(weights).build(deployed).combine(answers)
    assert combined == (None if mean is None else pytest.approx(mean))


@given(
    p=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    w=st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)),
)
def test_the_mean_is_a_probability(p: tuple[float, float], w: tuple[float, float]) -> None:
    """No weights lead out of [0, 1] or beyond the members."""
    ensemble = EnsembleConfig({"online": w[0], "batch": w[1]}).build(BOTH)
    mean = ensemble.combine({"online": p[0], "batch": p[1]})
    assert mean is not None
    assert 0.0 <= mean <= 1.0
    assert min(p) - 1e-12 <= mean <= max(p) + 1e-12


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
