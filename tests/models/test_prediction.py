"""Predictions of one symbol: who is asked, what is learned when, and the state of it all."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.errors import BadUse, Corrupt
from domain.nanos import MINUTE_NS
from domain.predictions import FeatureVector, Prediction
from models.contract import Role
from models.ensemble import EnsembleConfig
from models.labels import DelayedLabels
from models.online import OnlineLogistic
from models.prediction import PredictionConfig, PredictionLogic

HORIZON_NS = 2 * MINUTE_NS
ONLINE = OnlineLogistic("schema-1", ("a", "b"), DelayedLabels(HORIZON_NS), min_labels=3)
ALONE = PredictionConfig(ONLINE, None, EnsembleConfig())

TAPE = [(1.0, 0.5), (1.5, -0.5), (1.25, 1.0), (1.5, -1.0), (1.0, 0.25), (1.25, 0.75)]
"""Mid and first feature of six minutes: with a horizon of two, three labels and one flat."""

GOLDEN: dict[str, Any] = {
    "v": 1,
    "online": {
        "v": 1,
        "owner": "bad51f9587714a44570363eaaeea4208",
        "labels_learned": 3,
        "counts": [3, 3],
        "means": [0.16666666666666663, 1.0],
        "vars": [0.7222222222222222, 0.0],
        "weights": [0.0018751433617963716, 0.0],
        "intercept": -0.005029671718650641,
        "iterations": 3,
    },
    "labels": {
        "v": 1,
        "owner": "60f73c0ee1ee2184f53d7368036ba708",
        "last_ns": 300000000000,
        "waiting": [[240000000000, 1.0, [0.25, 1.0]], [300000000000, 1.25, [0.75, 1.0]]],
        "labelled": 3,
        "flat": 1,
        "dropped": 0,
    },
}


@dataclass(frozen=True)
class Fixed:
    """A batch model that always says the same, or never anything."""

    p_up: float | None = 0.75
    role: Role = "batch"
    model_id: str = "fixed"
    feature_schema: str = "schema-1"
    horizon_ns: int = HORIZON_NS

    def predict(self, x: NDArray[np.float64]) -> float | None:
        """Return what it always says."""
        assert x.shape == (2,)
        return self.p_up


def _vector(
    minute: int, mid: float, first: float | None, schema: str = "schema-1"
) -> FeatureVector:
    """Make a vector; without its first feature it is not ready."""
    ts_ns = minute * MINUTE_NS
    values = (first, 1.0)
    return FeatureVector("EURUSD", ts_ns, ts_ns + 7, schema, values, first is not None, mid, 1.0)


def _play(logic: PredictionLogic, tape: list[tuple[float, float]]) -> list[float | None]:
    return [logic.on_vector(_vector(m, mid, x)).p_up for m, (mid, x) in enumerate(tape)]


def test_the_stored_state_is_what_the_same_bars_lead_to() -> None:
    """Key by key; the sums in it are River's, held to twelve digits."""
    logic = ALONE.build(None)
    assert _play(logic, TAPE)[:5] == [None] * 5
    today = logic.snapshot()
    assert today["labels"] == GOLDEN["labels"]
    assert today["v"] == GOLDEN["v"]
    for name, stored in GOLDEN["online"].items():
        if isinstance(stored, str):
            assert today["online"][name] == stored
        else:
            assert today["online"][name] == pytest.approx(stored, rel=1e-12)


def test_the_stored_state_goes_on() -> None:
    """It learns the answer to minute four, and then says what it said when it was stored."""
    logic = ALONE.build(GOLDEN)
    view = logic.on_vector(_vector(6, 1.5, 0.5))
    assert view.p_up == pytest.approx(0.5002395089974071, rel=1e-12)
    assert logic.snapshot()["online"]["labels_learned"] == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"v": 2}, "prediction state v2; this code knows v1"),
        ({"online": {**GOLDEN["online"], "owner": "another"}}, "belongs to config"),
        ({"labels": {**GOLDEN["labels"], "owner": "another"}}, "belongs to config"),
    ],
)
def test_a_state_of_another_kind_is_refused(change: dict[str, Any], words: str) -> None:
    """Neither another version, nor another model or rule of labels."""
    with pytest.raises(Corrupt, match=words):
        ALONE.build({**GOLDEN, **change})


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.sampled_from([-1, 0, 1, None]), min_size=1, max_size=30),
    cut=st.integers(0, 30),
)
def test_it_resumes_anywhere(steps: list[int | None], cut: int) -> None:
    """Restored between any two bars it predicts and learns as if it had never stopped."""
    whole, logic = ALONE.build(None), ALONE.build(None)
    mid = 1.0
    for minute, step in enumerate(steps):
        mid += (step or 0) / 64
        vector = _vector(minute, mid, None if step is None else mid * 3)
        if minute == cut:
            logic = ALONE.build(json.loads(json.dumps(logic.snapshot())))
        assert logic.on_vector(vector) == whole.on_vector(vector)
    assert logic.snapshot() == whole.snapshot()


def test_what_is_learned_is_the_move_over_the_horizon() -> None:
    """The model's state is that of one taught by hand: mid two minutes on, up or down, in order."""
    rng = np.random.default_rng(1)
    mids = np.round(1.1 + np.cumsum(rng.integers(-1, 2, 80)) / 1e4, 5).tolist()
    tape = [(mid, float(x)) for mid, x in zip(mids, rng.normal(size=80), strict=True)]
    logic = ALONE.build(None)
    _play(logic, tape)
    by_hand = ONLINE.build(None)
    for (mid, x), (later, _) in zip(tape, tape[2:], strict=False):
        if later != mid:
            by_hand.learn(np.array([x, 1.0]), int(later > mid))
    assert logic.snapshot()["online"] == by_hand.snapshot()
    assert 20 < by_hand.labels_learned < 78


def test_it_learns_before_it_answers_and_never_from_the_future() -> None:
    """The answer at a bar is that of a model which knows the labels up to this bar, and no more."""
    tape = TAPE * 5
    found = _play(ALONE.build(None), tape)
    by_hand = ONLINE.build(None)
    for at, (mid, x) in enumerate(tape):
        if at >= 2 and tape[at - 2][0] != mid:
            by_hand.learn(np.array([tape[at - 2][1], 1.0]), int(mid > tape[at - 2][0]))
        assert found[at] == by_hand.predict(np.array([x, 1.0]))


def test_a_vector_that_is_not_ready_is_neither_asked_nor_learned() -> None:
    """Its bar still answers those that wait."""
    logic = ALONE.build(None)
    logic.on_vector(_vector(0, 1.0, 0.5))
    logic.on_vector(_vector(1, 1.0, None))
    view = logic.on_vector(_vector(2, 1.5, None))
    assert view.reason == "features_not_ready"
    state = logic.snapshot()
    assert state["online"]["labels_learned"] == 1
    assert state["labels"]["waiting"] == []


def test_each_model_and_the_ensemble_are_written_down() -> None:
    """Role, identity, times and answer of each; the ensemble is the mean of both."""
    config = PredictionConfig(ONLINE, Fixed(), EnsembleConfig({"online": 1.0, "batch": 3.0}))
    logic = config.build(GOLDEN)
    view = logic.on_vector(_vector(6, 1.5, 0.5))
    online, batch, ensemble = view.predictions
    assert (online.model, online.model_id) == ("online", ONLINE.model_id)
    assert batch == Prediction(
        "EURUSD", 6 * MINUTE_NS, 6 * MINUTE_NS + 7, "batch", "fixed", HORIZON_NS, 0.75, True
    )
    assert (ensemble.model, ensemble.model_id) == ("ensemble", config.model_id)
    assert online.p_up is not None
    assert ensemble.p_up == view.p_up == pytest.approx((online.p_up + 3 * 0.75) / 4)
    assert view.reason == ""


@pytest.mark.parametrize(
    ("batch", "state", "first", "reasons"),
    [
        (None, None, None, ["features_not_ready", "features_not_ready"]),
        (None, None, 0.5, ["model_not_ready", "model_not_ready"]),
        (None, GOLDEN, 0.5, ["", ""]),
        (Fixed(), None, 0.5, ["model_not_ready", "", "model_not_ready"]),
        (Fixed(None), GOLDEN, 0.5, ["", "model_not_ready", "model_not_ready"]),
        (Fixed(), GOLDEN, None, ["features_not_ready"] * 3),
        (Fixed(), GOLDEN, 0.5, ["", "", ""]),
    ],
)
def test_why_there_is_no_answer(
    batch: Fixed | None, state: dict[str, Any] | None, first: float | None, reasons: list[str]
) -> None:
    """Online, batch, ensemble: one that is not ready says why, and the mean then has no view."""
    config = PredictionConfig(ONLINE, batch, EnsembleConfig())
    view = config.build(state).on_vector(_vector(6, 1.5, first))
    assert [prediction.reason for prediction in view.predictions] == reasons
    for prediction in view.predictions:
        assert prediction.ready == (prediction.p_up is not None) == (prediction.reason == "")
    assert (view.p_up is None) == (view.reason != "")
    assert view.reason == reasons[-1]


@pytest.mark.parametrize("batch", [Fixed(feature_schema="schema-2"), Fixed(horizon_ns=MINUTE_NS)])
def test_models_that_do_not_fit_together_are_refused(batch: Fixed) -> None:
    """A mean over other features or another horizon would mean nothing; the way out is named."""
    with pytest.raises(BadUse, match=r"model fixed has feature schema and horizon .*aifx train"):
        PredictionConfig(ONLINE, batch, EnsembleConfig())


def test_a_vector_of_another_schema_is_refused() -> None:
    """Values are read by position."""
    with pytest.raises(Corrupt, match="a vector of schema schema-2 came to models of another"):
        ALONE.build(None).on_vector(_vector(0, 1.0, 0.5, "schema-2"))


def test_the_identity_tells_what_is_deployed() -> None:
    """Another member or another weight is another ensemble, and so other signal ids."""
    ids = {
        PredictionConfig(ONLINE, batch, EnsembleConfig(weights)).model_id
        for batch in (None, Fixed(), Fixed(model_id="other"))
        for weights in ({"online": 0.5, "batch": 0.5}, {"online": 0.25, "batch": 0.75})
    }
    # Alone, a weight is 1 whatever was asked for.
    assert len(ids) == 5
    assert ALONE.model_id in ids
