"""Predictions of one symbol: who is asked, what is learned when, and the state of it all."""

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.errors import BadUse, Corrupt
from domain.nanos import MINUTE_NS
from domain.predictions import Prediction
from models.contract import Role
from models.ensemble import EnsembleConfig
from models.labels.delayed import DelayedLabels
from models.online.logistic import OnlineLogistic
from models.prediction import (
    ENSEMBLE,
    Asked,
    PredictionConfig,
    PredictionLogic,
    Views,
    predictions_of,
)

HORIZON_NS = 2 * MINUTE_NS
LABELS = DelayedLabels(HORIZON_NS)
ONLINE = OnlineLogistic("schema-1", ("a", "b"), LABELS, min_labels=3)
ALONE = PredictionConfig(LABELS, ONLINE, None, EnsembleConfig())

Row = tuple[float, float | None]
"""Mid and first feature of a minute; without its first feature it is not ready."""

TAPE: list[Row] = [(1.0, 0.5), (1.5, -0.5), (1.25, 1.0), (1.5, -1.0), (1.0, 0.25), (1.25, 0.75)]
"""Six minutes: with a horizon of two, three labels and one flat."""

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

    def predict_rows(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what it always says of every row."""
        assert x.shape[1] == 2
        assert not np.isnan(x).any()
        return np.full(len(x), np.nan if self.p_up is None else self.p_up)


@dataclass(frozen=True)
class Echo(Fixed):
    """A batch model whose answer is a function of the row alone."""

    model_id: str = "echo"

    def predict_rows(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return another probability for another first feature."""
        answers: NDArray[np.float64] = 0.5 + 0.4 * np.tanh(x[:, 0])
        return answers


BATCH_ALONE = PredictionConfig(LABELS, None, Echo(), EnsembleConfig({"online": 0, "batch": 1}))
BOTH = PredictionConfig(LABELS, ONLINE, Echo(), EnsembleConfig())


def _asked(tape: list[Row], first: int = 0) -> Asked:
    """Make the bars of some minutes; rows that are not ready hold NaN."""
    x = [[np.nan if value is None else value, 1.0] for _, value in tape]
    return Asked(
        ts_ns=(first + np.arange(len(tape), dtype=np.int64)) * MINUTE_NS,
        mid=np.array([mid for mid, _ in tape], dtype=np.float64),
        x=np.array(x, dtype=np.float64).reshape(len(tape), 2),
        ready=np.array([value is not None for _, value in tape], dtype=np.bool_),
    )


def _cut(asked: Asked, start: int, stop: int) -> Asked:
    part = slice(start, stop)
    return Asked(asked.ts_ns[part], asked.mid[part], asked.x[part], asked.ready[part])


def _play(logic: PredictionLogic, tape: list[Row]) -> list[float | None]:
    return [None if np.isnan(p) else p for p in logic.on_rows(_asked(tape)).p_up.tolist()]


def _bits(*views: Views) -> dict[str, bytes]:
    """Return the bytes of all that some views in a row say."""
    joined = {r: np.concatenate([v.answers[r] for v in views]) for r in views[0].answers}
    return {
        **{role: p_up.tobytes() for role, p_up in joined.items()},
        "ready": np.concatenate([view.ready for view in views]).tobytes(),
    }


def _walk(steps: list[int | None]) -> list[Row]:
    """Make a tape of mids that move by whole steps; None does not move and is not ready."""
    mids = 1.0 + np.cumsum([step or 0 for step in steps]) / 64
    return [
        (mid, None if step is None else mid * 3)
        for mid, step in zip(mids.tolist(), steps, strict=True)
    ]


STEPS = st.lists(st.sampled_from([-1, 0, 1, None]), min_size=1, max_size=40)


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
    views = logic.on_rows(_asked([(1.5, 0.5)], 6))
    assert views.p_up.tolist() == pytest.approx([0.5002395089974071], rel=1e-12)
    assert logic.snapshot()["online"]["labels_learned"] == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"v": 2}, "prediction state v2; this code knows v1"),
        ({"online": {**GOLDEN["online"], "owner": "another"}}, "belongs to config"),
        ({"labels": {**GOLDEN["labels"], "owner": "another"}}, "belongs to config"),
        ({"online": None, "labels": None}, "belongs to config with no online model, not with an"),
    ],
)
def test_a_state_of_another_kind_is_refused(change: dict[str, Any], words: str) -> None:
    """Neither another version, nor another model or rule of labels, nor one without a model."""
    with pytest.raises(Corrupt, match=words):
        ALONE.build({**GOLDEN, **change})


def test_a_state_with_an_online_model_is_refused_where_none_is_deployed() -> None:
    """What it has learned would be lost without a word."""
    with pytest.raises(Corrupt, match="belongs to config with an online model, not with no"):
        BATCH_ALONE.build(GOLDEN)


@pytest.mark.parametrize("config", [ALONE, BATCH_ALONE, BOTH], ids=["online", "batch", "both"])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_cuts_change_nothing(config: PredictionConfig, size: int) -> None:
    """Rows by one, by seven, by a hundred: the same views and the same state as all at once."""
    steps = np.random.default_rng(5).choice([-1, 0, 1], 300).tolist()
    asked = _asked(_walk([None if at % 11 == 3 else s for at, s in enumerate(steps)]))
    whole, logic = config.build(None), config.build(None)
    wanted = whole.on_rows(asked)
    views = [logic.on_rows(_cut(asked, at, at + size)) for at in range(0, 300, size)]
    assert _bits(*views) == _bits(wanted)
    assert logic.snapshot() == whole.snapshot()
    assert np.isfinite(wanted.p_up).sum() > 200


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, cuts=st.sets(st.integers(0, 40), max_size=5))
def test_it_resumes_anywhere(steps: list[int | None], cuts: set[int]) -> None:
    """Cut and restored between any bars it predicts and learns as if it had never stopped."""
    asked = _asked(_walk(steps))
    whole, logic = BOTH.build(None), BOTH.build(None)
    views: list[Views] = []
    for start, stop in pairwise(sorted({0, len(steps)} | {c for c in cuts if c < len(steps)})):
        logic = BOTH.build(json.loads(json.dumps(logic.snapshot())))
        views.append(logic.on_rows(_cut(asked, start, stop)))
    assert _bits(*views) == _bits(whole.on_rows(asked))
    assert logic.snapshot() == whole.snapshot()


@pytest.mark.parametrize("config", [ALONE, BATCH_ALONE, BOTH], ids=["online", "batch", "both"])
def test_no_rows_are_no_views(config: PredictionConfig) -> None:
    """A boundary without a bar asks nobody, and changes nothing."""
    logic = config.build(None)
    before = logic.snapshot()
    views = logic.on_rows(_asked([]))
    assert [p_up.size for p_up in views.answers.values()] == [0] * len(views.answers)
    assert logic.snapshot() == before


def test_what_is_learned_is_the_move_over_the_horizon() -> None:
    """The model's state is that of one taught by hand: mid two minutes on, up or down, in order."""
    rng = np.random.default_rng(1)
    mids = np.round(1.1 + np.cumsum(rng.integers(-1, 2, 80)) / 1e4, 5).tolist()
    features = rng.normal(size=80).tolist()
    logic = ALONE.build(None)
    _play(logic, list(zip(mids, features, strict=True)))
    by_hand = ONLINE.build(None)
    for mid, x, later in zip(mids, features, mids[2:], strict=False):
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


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_what_is_learned_does_not_depend_on_the_batch_model(steps: list[int | None]) -> None:
    """Labels and online model are the same beside a batch model as alone; so are their answers."""
    asked = _asked(_walk(steps))
    alone, beside = ALONE.build(None), BOTH.build(None)
    views, others = alone.on_rows(asked), beside.on_rows(asked)
    assert views.answers["online"].tobytes() == others.answers["online"].tobytes()
    assert alone.snapshot() == beside.snapshot()


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_without_an_online_model_the_batch_model_is_the_ensemble(steps: list[int | None]) -> None:
    """It answers from its first ready row on, and nothing is learned or kept."""
    asked = _asked(_walk(steps))
    logic = BATCH_ALONE.build(None)
    views = logic.on_rows(asked)
    assert list(views.answers) == ["batch", ENSEMBLE]
    assert views.p_up.tobytes() == views.answers["batch"].tobytes()
    assert (np.isfinite(views.p_up) == asked.ready).all()
    assert logic.snapshot() == {"v": 1, "online": None, "labels": None}


def test_without_a_batch_model_the_online_model_is_the_ensemble() -> None:
    """Its weight is 1 whatever was asked for."""
    views = ALONE.build(None).on_rows(_asked(TAPE * 5))
    assert list(views.answers) == ["online", ENSEMBLE]
    assert views.p_up.tobytes() == views.answers["online"].tobytes()
    assert np.isfinite(views.p_up[-10:]).all()


def test_a_row_that_is_not_ready_is_neither_asked_nor_learned() -> None:
    """Its bar still answers those that wait."""
    logic = ALONE.build(None)
    views = logic.on_rows(_asked([(1.0, 0.5), (1.0, None), (1.5, None)]))
    assert views.why_not(2) == "features_not_ready"
    state = logic.snapshot()
    assert state["online"]["labels_learned"] == 1
    assert state["labels"]["waiting"] == []


def _records(config: PredictionConfig, views: Views, first: int = 6) -> list[Prediction]:
    times = [(first + at) * MINUTE_NS for at in range(views.ready.size)]
    model_ids = {**config.deployed(), ENSEMBLE: config.model_id}
    received = [ts_ns + 7 for ts_ns in times]
    return predictions_of("EURUSD", (times, received), HORIZON_NS, model_ids, views)


def test_each_model_and_the_ensemble_are_written_down() -> None:
    """Role, identity, times and answer of each, bar by bar; the ensemble is the mean of both."""
    config = PredictionConfig(LABELS, ONLINE, Fixed(), EnsembleConfig({"online": 1, "batch": 3}))
    views = config.build(GOLDEN).on_rows(_asked([(1.5, 0.5), (1.25, 0.25)], 6))
    records = _records(config, views)
    assert [r.model for r in records] == ["online", "batch", "ensemble"] * 2
    assert [r.ts_event_ns for r in records] == [6 * MINUTE_NS] * 3 + [7 * MINUTE_NS] * 3
    for online, batch, ensemble in (records[:3], records[3:]):
        assert online.model_id == ONLINE.model_id
        assert batch == Prediction(
            "EURUSD", batch.ts_event_ns, batch.ts_event_ns + 7, "batch", "fixed", HORIZON_NS, 0.75,
            True,
        )  # fmt: skip
        assert ensemble.model_id == config.model_id
        assert online.p_up is not None
        assert ensemble.p_up == pytest.approx((online.p_up + 3 * 0.75) / 4)
    assert [r.p_up for r in records[2::3]] == views.p_up.tolist()


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
    config = PredictionConfig(LABELS, ONLINE, batch, EnsembleConfig())
    views = config.build(state).on_rows(_asked([(1.5, first)], 6))
    records = _records(config, views)
    assert [record.reason for record in records] == reasons
    for record in records:
        assert record.ready == (record.p_up is not None) == (record.reason == "")
    assert np.isnan(views.p_up[0]) == (reasons[-1] != "")


@pytest.mark.parametrize("online", [ONLINE, None], ids=["beside an online model", "alone"])
def test_a_batch_model_of_another_horizon_is_refused(online: OnlineLogistic | None) -> None:
    """A mean over two horizons would mean nothing; the way out is named."""
    batch = Fixed(horizon_ns=MINUTE_NS)
    with pytest.raises(BadUse, match=r"model fixed has feature schema and horizon .*aifx train"):
        PredictionConfig(LABELS, online, batch, EnsembleConfig())


def test_a_batch_model_of_other_features_is_refused() -> None:
    """Values are read by position."""
    with pytest.raises(BadUse, match=r"model fixed has feature schema and horizon .*aifx train"):
        PredictionConfig(LABELS, ONLINE, Fixed(feature_schema="schema-2"), EnsembleConfig())


def test_an_online_model_of_another_label_rule_is_refused() -> None:
    """It would learn from labels that its identity denies."""
    with pytest.raises(BadUse, match=r"the online model learns from .*, the run has "):
        PredictionConfig(DelayedLabels(MINUTE_NS), ONLINE, None, EnsembleConfig())


def test_nothing_deployed_has_no_identity() -> None:
    """A run without a model would decide nothing and say nothing."""
    with pytest.raises(BadUse, match="an ensemble needs deployed models of weight > 0"):
        _ = PredictionConfig(LABELS, None, None, EnsembleConfig()).model_id


def test_the_identity_tells_what_is_deployed() -> None:
    """Another member or another weight is another ensemble, and so other signal ids."""
    ids = {
        PredictionConfig(LABELS, online, batch, EnsembleConfig(weights)).model_id
        for online, batch in (
            (ONLINE, None),
            (ONLINE, Fixed()),
            (ONLINE, Fixed(model_id="other")),
            (None, Fixed()),
        )
        for weights in ({"online": 0.5, "batch": 0.5}, {"online": 0.25, "batch": 0.75})
    }
    # Alone, a weight is 1 whatever was asked for.
    assert len(ids) == 6
    assert ALONE.model_id in ids
