"""Predictions of one symbol: who is asked, what is learned when, and the state of it all."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.deployments import ModelSwitch, Stage
from domain.errors import BadUse, Corrupt
from domain.nanos import MINUTE_NS
from domain.predictions import Prediction
from models.drifting import DriftWatchConfig
from models.ensemble import EnsembleConfig
from models.evaluation.sequential import SequentialTest
from models.labels.delayed import DelayedLabels
from models.online.drift import DriftConfig
from models.online.logistic import OnlineLogistic
from models.prediction import PredictionConfig, PredictionLogic, no_models
from models.rules import INPUTS, RulesConfig
from models.served import Loaded
from models.trials import TrialsConfig
from models.views import ENSEMBLE, Asked, Views, predictions_of
from testkit.models import FollowLast

HORIZON_NS = 2 * MINUTE_NS
LABELS = DelayedLabels(HORIZON_NS)
NAMES = ("a", *INPUTS)
ONLINE = OnlineLogistic("schema-1", NAMES, LABELS, min_labels=3)
RULES = RulesConfig("schema-1", NAMES, half_life_labels=20, min_labels=5)
TEST = SequentialTest(every=2)
MODELS = {
    "A": FollowLast("A", 1.0, horizon_ns=HORIZON_NS),
    "B": FollowLast("B", -1.0, horizon_ns=HORIZON_NS),
    "W": FollowLast("W", 0.5, "lstm", horizon_ns=HORIZON_NS, window=3),
    "V": FollowLast("V", -0.5, "lstm", horizon_ns=HORIZON_NS, window=5),
}


STORED = Path(__file__).parent / "golden" / "prediction_v2.json"
"""State after 150 minutes with a switch that waits, and what was said to the next ten."""


def _load(model_id: str) -> Loaded:
    if model_id not in MODELS:
        msg = f"there is no model {model_id}"
        raise BadUse(msg)
    return Loaded(MODELS[model_id], 0, 10 * MINUTE_NS)


def _start(slot: Any, model_id: str, stage: Stage = Stage.CHAMPION) -> ModelSwitch:
    return ModelSwitch(slot, model_id, stage, 0)


BARE = PredictionConfig(
    labels=LABELS,
    feature_schema="schema-1",
    n_features=len(NAMES),
    ensemble=EnsembleConfig(half_life_labels=20, learning_rate=1.0, min_weight=0.0),
    trials=TrialsConfig(TEST, TEST.test_id),
    slots=("xgboost", "lstm"),
    load=_load,
)
ALONE = replace(BARE, online=ONLINE)
TRAINED = replace(BARE, deployments=(_start("xgboost", "A"),))
ALL = replace(
    BARE,
    online=ONLINE,
    rules=RULES,
    deployments=(
        _start("xgboost", "A"),
        _start("xgboost", "B", Stage.SHADOW),
        _start("lstm", "W"),
    ),
    drift=DriftWatchConfig(DriftConfig(((0, "a"),), len(NAMES), 3, 7, 5)),
)
KINDS = {"online": ALONE, "trained": TRAINED, "all": ALL}


def _asked(mids: Sequence[float], first: Sequence[float], at: int = 0) -> Asked:
    """Make minutes with a mid and a first feature; NaN there is a row that is not ready."""
    n = len(mids)
    x = np.tile(np.array([0.0, 0.1, 0.5, 0.5]), (n, 1))
    x[:, 0] = first
    x[:, 1] = np.sign(np.nan_to_num(np.asarray(first, dtype=np.float64)))
    ts_ns = (at + np.arange(n, dtype=np.int64)) * MINUTE_NS
    return Asked(ts_ns, np.asarray(mids, dtype=np.float64), x, ~np.isnan(x).any(axis=1))


def _walk(bars: int, seed: int = 5, edge: float = 1.0) -> Asked:
    """Make a market that goes where the first feature says, more or less."""
    rng = np.random.default_rng(seed)
    first = np.round(rng.normal(size=bars), 2)
    steps = np.where(rng.random(bars) < 0.5 + 0.5 * edge, np.sign(first), -np.sign(first))
    steps[rng.random(bars) < 0.05] = 0
    mids = 2.0 + np.concatenate([[0.0], np.cumsum(steps)[:-1]]) / 1024
    first[rng.random(bars) < 0.03] = np.nan
    return _asked(mids.tolist(), first.tolist())


def _cut(asked: Asked, start: int, stop: int) -> Asked:
    part = slice(start, stop)
    return Asked(asked.ts_ns[part], asked.mid[part], asked.x[part], asked.ready[part])


def _logic(config: PredictionConfig, state: Any = None) -> PredictionLogic:
    return config.build("EURUSD", state)


def _again(config: PredictionConfig, logic: PredictionLogic) -> PredictionLogic:
    """Throw a logic away and restore it through text."""
    return _logic(config, json.loads(json.dumps(logic.snapshot())))


def _all(*views: Views) -> tuple[Any, ...]:
    """Return all that some views in a row say, every bit of it."""
    p_up = np.concatenate([view.p_up for view in views]).tobytes()
    rows = [row for view in views for row in view.rows]
    return p_up, rows, [event for view in views for event in view.events]


def _by_role(views: Views, role: str) -> list[float | None]:
    return [
        next((vote.p_up for vote in row.votes if vote.role == role), None) for row in views.rows
    ]


SWITCHES = (
    ModelSwitch("xgboost", "B", Stage.CHAMPION, 100 * MINUTE_NS - 30),
    ModelSwitch("lstm", "V", Stage.SHADOW, 120 * MINUTE_NS),
    ModelSwitch("lstm", "V", Stage.CANARY, 150 * MINUTE_NS, 1.0),
    ModelSwitch("xgboost", "?", Stage.CHAMPION, 160 * MINUTE_NS),
)
"""A champion that turns out bad, a window that no model had before, a model that is not there."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 7, 100])
def test_cuts_change_nothing(kind: str, size: int) -> None:
    """Rows by one, by seven, by a hundred: the same views, events and state as all at once."""
    config, asked = KINDS[kind], _walk(400)
    whole, part = _logic(config), _logic(config)
    whole.on_switches(SWITCHES)
    part.on_switches(SWITCHES)
    wanted = whole.on_rows(asked)
    found = [part.on_rows(_cut(asked, at, at + size)) for at in range(0, 400, size)]
    assert _all(*found) == _all(wanted)
    assert part.snapshot() == whole.snapshot()
    assert np.isfinite(wanted.p_up).sum() > 200
    kinds = {event.kind for event in wanted.events}
    assert {"switch", "rollback"} <= kinds


@settings(max_examples=12, deadline=None)
@given(cuts=st.sets(st.integers(1, 299), max_size=5), taken=st.integers(0, 95))
def test_it_resumes_anywhere(cuts: set[int], taken: int) -> None:
    """Cut and restored between any bars, switches waiting or not, it goes on as if nothing was."""
    asked = _walk(300)
    whole, part = _logic(ALL), _logic(ALL)
    wanted = []
    found: list[Views] = []
    for start, stop in pairwise(sorted({0, taken, 300} | cuts)):
        part = _again(ALL, part)
        if start == taken:
            whole.on_switches(SWITCHES)
            part.on_switches(SWITCHES)
        wanted.append(whole.on_rows(_cut(asked, start, stop)))
        found.append(part.on_rows(_cut(asked, start, stop)))
    assert _all(*found) == _all(*wanted)
    assert part.snapshot() == whole.snapshot()


def test_no_rows_are_no_views() -> None:
    """A boundary without a bar asks nobody, and changes nothing."""
    logic = _logic(ALL)
    before = logic.snapshot()
    views = logic.on_rows(_asked([], []))
    assert (views.p_up.size, views.rows, views.events) == (0, [], [])
    assert logic.snapshot() == before
    assert views.before_id == logic.model_id


def test_the_online_model_learns_before_it_answers_and_never_from_the_future() -> None:
    """The answer at a bar is that of a model which knows the labels up to this bar, and no more."""
    asked = _walk(60)
    views = _logic(ALL).on_rows(asked)
    by_hand = ONLINE.build(None)
    mids = asked.mid.tolist()
    for at, (mid, x) in enumerate(zip(mids, asked.x, strict=True)):
        if at >= 2 and mids[at - 2] != mid:
            by_hand.learn(asked.x[at - 2], int(mid > mids[at - 2]))
        answer = by_hand.predict(x) if asked.ready[at] else None
        assert _by_role(views, "online")[at] == answer


def test_each_member_votes_and_the_mean_follows_from_the_votes() -> None:
    """Roles in order, identities, weights that sum to 1, and nothing that the votes do not tell."""
    views = _logic(ALL).on_rows(_walk(200))
    heard = 0
    for p_up, row in zip(views.p_up.tolist(), views.rows, strict=True):
        assert [vote.role for vote in row.votes] == ["online", "xgboost", "lstm", "rules"]
        assert [vote.model_id for vote in row.votes] == [ONLINE.model_id, "A", "W", RULES.model_id]
        assert [one.name for one in row.watched] == ["xgboost@shadow"]
        answered = [vote for vote in row.votes if vote.p_up is not None]
        assert all((vote.weight > 0) == (vote.p_up is not None) for vote in row.votes)
        if p_up != p_up:
            assert not answered
            continue
        assert sum(vote.weight for vote in row.votes) == pytest.approx(1.0)
        mean = sum(vote.weight * vote.p_up for vote in answered if vote.p_up is not None)
        assert p_up == pytest.approx(mean)
        heard += len(answered) == 4
    assert heard > 100


def test_a_slot_without_a_champion_is_absent() -> None:
    """It is no error, and nobody waits for it: the others are the ensemble."""
    views = _logic(ALONE).on_rows(_walk(60))
    assert {tuple(vote.role for vote in row.votes) for row in views.rows} == {("online",)}
    empty = _logic(BARE).on_rows(_walk(10))
    assert np.isnan(empty.p_up).all()
    assert {row.votes for row in empty.rows} == {()}


def test_a_window_is_asked_when_it_is_whole() -> None:
    """Three rows in a row that are ready; a gap begins it anew; no fault of the model's."""
    config = replace(BARE, deployments=(_start("lstm", "W"),))
    asked = _asked([1.0] * 9, [0.1, 0.2, 0.3, np.nan, 0.5, 0.6, 0.7, 0.8, 0.9])
    views = _logic(config).on_rows(asked)
    assert np.isfinite(views.p_up).tolist() == [False, False, True] + [False] * 3 + [True] * 3
    assert views.events == []
    assert views.why_not(0) == "model_not_ready"
    assert views.why_not(3) == "features_not_ready"


def test_a_switch_splits_the_batch() -> None:
    """Rows before it are answered by the old model, rows from it on by the new one."""
    logic = _logic(TRAINED)
    logic.on_switches([ModelSwitch("xgboost", "B", Stage.CHAMPION, 3 * MINUTE_NS + 1)])
    views = logic.on_rows(_asked([1.0] * 6, [1.0] * 6))
    assert [row.votes[0].model_id for row in views.rows] == ["A"] * 4 + ["B"] * 2
    low, high = 1 / (1 + np.e), np.e / (1 + np.e)
    assert views.p_up.tolist() == pytest.approx([high] * 4 + [low] * 2)
    assert [[one.name for one in row.watched] for row in views.rows] == (
        [[]] * 4 + [["xgboost@before"]] * 2
    )
    (event,) = views.events
    assert (event.kind, event.ts_event_ns, event.artefact_id, event.before_id) == (
        "switch", 4 * MINUTE_NS, "B", "A",
    )  # fmt: skip
    assert event.golden_sha256 == "golden of B"
    assert len({row.model_id for row in views.rows}) == 2
    assert views.before_id == views.rows[0].model_id
    assert logic.model_id == views.rows[-1].model_id


def test_a_canary_answers_in_the_champions_place() -> None:
    """For its share of the symbols; the champion then watches. Else the canary does."""
    names: dict[str, set[tuple[str, str]]] = {}
    config = replace(
        TRAINED,
        deployments=(*TRAINED.deployments, ModelSwitch("xgboost", "B", Stage.CANARY, 0, 0.5)),
    )
    for symbol in ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD", "NZDUSD", "USDCAD"):
        (row,) = config.build(symbol, None).on_rows(_asked([1.0], [1.0])).rows
        (watcher,) = row.watched
        names.setdefault(row.votes[0].model_id, set()).add((watcher.name, watcher.model_id))
    assert names == {"A": {("xgboost@canary", "B")}, "B": {("xgboost@champion", "A")}}


@pytest.mark.parametrize("fault", ["raises", "silent"])
@pytest.mark.parametrize("size", [1, 20])
def test_a_model_that_fails_is_rolled_back(
    fault: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the row where it fails the one before answers already; no row is lost, no error raised."""
    bad = FollowLast("F", 2.0, horizon_ns=HORIZON_NS, fault=fault, fault_above=2.0)
    monkeypatch.setitem(MODELS, "F", bad)
    logic = _logic(replace(TRAINED, deployments=(_start("xgboost", "A"), _start("xgboost", "F"))))
    asked = _asked([1.0] * 20, [0.5] * 12 + [2.5] + [0.5] * 7)
    parts = [logic.on_rows(_cut(asked, at, at + size)) for at in range(0, 20, size)]
    p_up, rows, (event,) = _all(*parts)
    assert [row.votes[0].model_id for row in rows] == ["F"] * 12 + ["A"] * 8
    assert np.isfinite(np.frombuffer(p_up)).all()
    assert (event.kind, event.ts_event_ns) == ("rollback", 12 * MINUTE_NS)
    assert (event.artefact_id, event.before_id, event.stage) == ("A", "F", "champion")
    assert event.golden_sha256 == "golden of A"
    words = {"raises": "it raised RuntimeError: out of memory", "silent": "it gave no answer"}
    assert event.reason.startswith(words[fault])


def test_a_champion_that_fails_without_one_before_leaves_its_slot_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others go on; a shadow that fails leaves too, and nothing else changes."""
    bad = FollowLast("F", horizon_ns=HORIZON_NS, fault="raises", fault_above=2.0)
    monkeypatch.setitem(MODELS, "F", bad)
    asked = _asked([1.0] * 3, [0.5, 2.5, 0.5])
    views = _logic(replace(BARE, deployments=(_start("xgboost", "F"),))).on_rows(asked)
    assert np.isfinite(views.p_up).tolist() == [True, False, False]
    assert views.events[0].reason.endswith("the slot is empty now")
    shadow = (_start("xgboost", "A"), _start("xgboost", "F", Stage.SHADOW))
    views = _logic(replace(BARE, deployments=shadow)).on_rows(asked)
    assert [row.votes[0].model_id for row in views.rows] == ["A"] * 3
    assert [len(row.watched) for row in views.rows] == [1, 0, 0]
    assert [(one.artefact_id, one.before_id) for one in views.events] == [("A", "F")]


def test_a_feature_beyond_float32_is_no_fault_of_a_model() -> None:
    """It answers nothing to such a row, and stays."""
    views = _logic(TRAINED).on_rows(_asked([1.0] * 3, [0.5, 1e39, 0.5]))
    assert views.events == []
    assert [row.votes[0].model_id for row in views.rows] == ["A"] * 3


def test_a_model_that_cannot_be_loaded_changes_nothing() -> None:
    """The event comes when it would have taken effect; who decides goes on deciding."""
    logic = _logic(TRAINED)
    logic.on_switches([ModelSwitch("xgboost", "?", Stage.CHAMPION, 2 * MINUTE_NS)])
    views = logic.on_rows(_asked([1.0] * 4, [0.5] * 4))
    assert [row.votes[0].model_id for row in views.rows] == ["A"] * 4
    (event,) = views.events
    assert (event.kind, event.ts_event_ns) == ("rollback", 2 * MINUTE_NS)
    assert (event.artefact_id, event.before_id) == ("A", "?")
    assert event.reason == ("switch to champion refused: it cannot be loaded: there is no model ?")


def test_a_model_that_is_too_old_no_longer_decides() -> None:
    """Counted in event time from the last bar of its training; the one before is not younger."""
    config = replace(
        TRAINED,
        deployments=(_start("xgboost", "B"), _start("xgboost", "A")),
        max_age_ns=3 * MINUTE_NS,
    )
    views = _logic(config).on_rows(_asked([1.0] * 6, [0.5] * 6))
    assert np.isfinite(views.p_up).tolist() == [True] * 3 + [False] * 3
    assert [(one.artefact_id, one.before_id) for one in views.events] == [("B", "A"), ("", "B")]
    assert all(one.reason.startswith("stale: its data ends 0.0 days") for one in views.events)
    assert {one.ts_event_ns for one in views.events} == {3 * MINUTE_NS}


@pytest.mark.parametrize("stage", [Stage.CHAMPION, Stage.CANARY])
def test_a_challenger_that_is_worse_is_rolled_back(stage: Stage) -> None:
    """From the bar at which the label that proves it is known; it says by how much."""
    logic = _logic(TRAINED)
    logic.on_switches([ModelSwitch("xgboost", "B", stage, 10 * MINUTE_NS)])
    views = logic.on_rows(_walk(800, edge=0.6))
    (rollback,) = [one for one in views.events if one.kind == "rollback"]
    at = rollback.ts_event_ns // MINUTE_NS
    deciders = [row.votes[0].model_id for row in views.rows]
    assert deciders == ["A"] * 10 + ["B"] * (at - 10) + ["A"] * (800 - at)
    assert 20 < at < 700
    assert (rollback.artefact_id, rollback.before_id, rollback.stage) == ("A", "B", "champion")
    assert rollback.reason.startswith("worse than A over ")
    assert all(not row.watched for row in views.rows[at:])


def test_a_challenger_that_is_better_is_told_of_and_nothing_changes() -> None:
    """Promotion is an act of a person; a worse shadow, too, is only told of."""
    for champion, shadow, decision in (("B", "A", "better"), ("A", "B", "worse")):
        places = (_start("xgboost", champion), _start("xgboost", shadow, Stage.SHADOW))
        views = _logic(replace(BARE, deployments=places)).on_rows(_walk(800, edge=0.6))
        (event,) = views.events
        assert (event.kind, event.artefact_id, event.before_id) == ("difference", shadow, champion)
        assert event.reason.startswith(f"{decision} than {champion} over ")
        assert {row.votes[0].model_id for row in views.rows} == {champion}


def test_a_risen_error_takes_back_who_is_still_on_trial() -> None:
    """The detectors on the ensemble's error fire after a bad champion has come."""
    steady = DriftConfig((), len(NAMES), 5, 7, 5)
    trials = TrialsConfig(SequentialTest(alpha=1e-300), "never")
    for roll_back in (True, False):
        config = replace(TRAINED, drift=DriftWatchConfig(steady, roll_back), trials=trials)
        logic = _logic(config)
        logic.on_switches([ModelSwitch("xgboost", "B", Stage.CHAMPION, 400 * MINUTE_NS)])
        views = logic.on_rows(_walk(800, edge=0.8))
        kinds = [one.kind for one in views.events if one.ts_event_ns > 400 * MINUTE_NS]
        assert "drift" in kinds
        assert views.rows[-1].votes[0].model_id == ("A" if roll_back else "B")
        rollbacks = [one for one in views.events if one.kind == "rollback"]
        assert len(rollbacks) == roll_back
        assert all(one.reason.startswith("drift while on trial: ") for one in rollbacks)
        drift = next(one for one in views.events if one.kind == "drift")
        assert (drift.slot, drift.artefact_id, drift.symbol) == ("ensemble", "", "EURUSD")
        assert "deviations from its usual level" in drift.reason


def test_every_answer_is_written_down() -> None:
    """Member by member, watchers behind them, the ensemble last; who is silent says why."""
    asked = _asked([1.0, 1.0], [0.5, np.nan])
    views = _logic(ALL).on_rows(asked)
    records = predictions_of("EURUSD", ([5, 6], [7, 8]), HORIZON_NS, views)
    names = ["online", "xgboost", "lstm", "rules", "xgboost@shadow", ENSEMBLE]
    assert [one.model for one in records] == names * 2
    assert [(one.ts_event_ns, one.ts_recv_ns) for one in records] == [(5, 7)] * 6 + [(6, 8)] * 6
    assert records[1] == Prediction(
        "EURUSD", 5, 7, "xgboost", "A", HORIZON_NS, views.rows[0].votes[1].p_up, True
    )
    assert records[5].model_id == views.rows[0].model_id
    assert [one.reason for one in records[:6]] == [
        "model_not_ready", "", "model_not_ready", "model_not_ready", "", "",
    ]  # fmt: skip
    assert {one.reason for one in records[6:]} == {"features_not_ready"}
    for one in records:
        assert one.ready == (one.p_up is not None) == (one.reason == "")


def test_the_deployed_models_are_named() -> None:
    """By place, as a summary shows them."""
    assert ALL.deployed() == {
        "online": ONLINE.model_id,
        "xgboost": "A",
        "xgboost@shadow": "B",
        "lstm": "W",
        "rules": RULES.model_id,
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"slots": ()}, "an ensemble needs deployed roles, each with a weight"),
        (
            {"ensemble": EnsembleConfig({"online": 1.0})},
            r"each with a weight; without: \['lstm', 'xgboost'\]",
        ),
        ({"max_age_ns": -1}, "max_age_ns >= 0"),
    ],
)
def test_a_config_that_could_decide_nothing_is_refused(change: dict[str, Any], words: str) -> None:
    """In one line, before anything runs."""
    with pytest.raises(BadUse, match=words):
        replace(BARE, **change)


def test_a_model_of_another_horizon_or_of_other_features_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mean over two horizons would mean nothing; the way out is named."""
    monkeypatch.setitem(MODELS, "H", FollowLast("H", horizon_ns=7))
    monkeypatch.setitem(MODELS, "S", FollowLast("S", horizon_ns=HORIZON_NS, feature_schema="s"))
    for name in ("H", "S"):
        with pytest.raises(BadUse, match=rf"model {name} has .*the run has .*aifx train"):
            _logic(replace(BARE, deployments=(_start("xgboost", name),)))
    with pytest.raises(BadUse, match="there is no model"):
        _logic(replace(BARE, deployments=(_start("xgboost", "?"),)))
    with pytest.raises(BadUse, match="was given no store of models"):
        _logic(replace(TRAINED, load=no_models))


def test_an_online_model_of_another_label_rule_is_refused() -> None:
    """It would learn from labels that its identity denies."""
    other = replace(ONLINE, labels=DelayedLabels(7))
    with pytest.raises(BadUse, match="the online model has feature schema and horizon"):
        _logic(replace(BARE, online=other))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"v": 1}, "prediction state v1; this code knows v2"),
        ({"online": None}, "taken without online, this run is with online"),
        ({"rules": None}, "taken without rules, this run is with rules"),
        ({"drift": None}, "taken without drift, this run is with drift"),
        ({"ensemble": {"v": 1, "owner": "another", "excess": []}}, "belongs to config"),
        ({"slots": {"v": 9}}, "snapshot version 9"),
    ],
)
def test_a_state_of_another_kind_is_refused(change: dict[str, Any], words: str) -> None:
    """Neither another version, nor other parts, nor another config of one."""
    with pytest.raises(Corrupt, match=words):
        _logic(ALL, {**_logic(ALL).snapshot(), **change})
    torn = _logic(ALL).snapshot()
    torn.pop("outcomes")
    with pytest.raises(Corrupt, match="without outcomes"):
        _logic(ALL, torn)


def test_the_stored_state_goes_on() -> None:
    """It is read as it was written by an earlier day, and decides what comes next."""
    stored = json.loads(STORED.read_text())
    logic = _logic(ALL, stored["state"])
    assert json.loads(json.dumps(logic.snapshot())) == stored["state"]
    asked = _cut(_walk(160), 150, 160)
    views = logic.on_rows(asked)
    known = [None if p != p else p for p in views.p_up.tolist()]
    assert known == pytest.approx(stored["p_up"], rel=1e-12)
    assert [event.kind for event in views.events] == stored["events"]


def test_a_state_with_a_part_that_the_run_has_not_is_refused() -> None:
    """What it has learned would be lost without a word."""
    with pytest.raises(Corrupt, match="taken with online, this run is without online"):
        _logic(TRAINED, _logic(ALONE).snapshot())


def test_the_state_stays_small() -> None:
    """It does not grow with the number of bars: labels wait for a horizon, no longer."""
    logic = _logic(ALL)
    sizes = []
    for at in range(0, 400, 100):
        logic.on_rows(_cut(_walk(400), at, at + 100))
        sizes.append(len(json.dumps(logic.snapshot())))
    assert sizes[-1] < 1.2 * sizes[1]
