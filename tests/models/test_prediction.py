"""Predictions of one symbol: who is asked, what is learned when, and the state of it all."""

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.deployments import ModelSwitch, Stage
from domain.errors import BadUse, Corrupt
from domain.nanos import MINUTE_NS
from domain.predictions import Prediction
from models.ensemble import EnsembleConfig
from models.labels.delayed import DelayedLabels
from models.prediction import no_models
from models.views import ENSEMBLE, Views, predictions_of
from testkit.models import FollowLast
from tests.models.prediction_cases import (
    ALL,
    ALONE,
    BARE,
    HORIZON_NS,
    KINDS,
    MODELS,
    ONLINE,
    RULES,
    STORED,
    SWITCHES,
    TRAINED,
    everything,
    in_slot,
    logic_of,
    market_walk,
    minutes,
    part_of,
    restored,
    votes_of,
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 7, 100])
def test_cuts_change_nothing(kind: str, size: int) -> None:
    """Rows by one, by seven, by a hundred: the same views, events and state as all at once."""
    config, asked = KINDS[kind], market_walk(400)
    whole, part = logic_of(config), logic_of(config)
    whole.on_switches(SWITCHES)
    part.on_switches(SWITCHES)
    wanted = whole.on_rows(asked)
    found = [part.on_rows(part_of(asked, at, at + size)) for at in range(0, 400, size)]
    assert everything(*found) == everything(wanted)
    assert part.snapshot() == whole.snapshot()
    assert np.isfinite(wanted.p_up).sum() > 200
    kinds = {event.kind for event in wanted.events}
    assert {"switch", "rollback"} <= kinds


@settings(max_examples=12, deadline=None)
@given(cuts=st.sets(st.integers(1, 299), max_size=5), taken=st.integers(0, 95))
def test_it_resumes_anywhere(cuts: set[int], taken: int) -> None:
    """Cut and restored between any bars, switches waiting or not, it goes on as if nothing was."""
    asked = market_walk(300)
    whole, part = logic_of(ALL), logic_of(ALL)
    wanted = []
    found: list[Views] = []
    for start, stop in pairwise(sorted({0, taken, 300} | cuts)):
        part = restored(ALL, part)
        if start == taken:
            whole.on_switches(SWITCHES)
            part.on_switches(SWITCHES)
        wanted.append(whole.on_rows(part_of(asked, start, stop)))
        found.append(part.on_rows(part_of(asked, start, stop)))
    assert everything(*found) == everything(*wanted)
    assert part.snapshot() == whole.snapshot()


def test_no_rows_are_no_views() -> None:
    """A boundary without a bar asks nobody, and changes nothing."""
    logic = logic_of(ALL)
    before = logic.snapshot()
    views = logic.on_rows(minutes([], []))
    assert (views.p_up.size, views.rows, views.events) == (0, [], [])
    assert logic.snapshot() == before
    assert views.before_id == logic.model_id


def test_the_online_model_learns_before_it_answers_and_never_from_the_future() -> None:
    """The answer at a bar is that of a model which knows the labels up to this bar, and no more."""
    asked = market_walk(60)
    views = logic_of(ALL).on_rows(asked)
    by_hand = ONLINE.build(None)
    mids = asked.mid.tolist()
    for at, (mid, x) in enumerate(zip(mids, asked.x, strict=True)):
        if at >= 2 and mids[at - 2] != mid:
            by_hand.learn(asked.x[at - 2], int(mid > mids[at - 2]))
        answer = by_hand.predict(x) if asked.ready[at] else None
        assert votes_of(views, "online")[at] == answer


def test_each_member_votes_and_the_mean_follows_from_the_votes() -> None:
    """Roles in order, identities, weights that sum to 1, and nothing that the votes do not tell."""
    views = logic_of(ALL).on_rows(market_walk(200))
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
    views = logic_of(ALONE).on_rows(market_walk(60))
    assert {tuple(vote.role for vote in row.votes) for row in views.rows} == {("online",)}
    empty = logic_of(BARE).on_rows(market_walk(10))
    assert np.isnan(empty.p_up).all()
    assert {row.votes for row in empty.rows} == {()}


def test_a_window_is_asked_when_it_is_whole() -> None:
    """Three rows in a row that are ready; a gap begins it anew; no fault of the model's."""
    config = replace(BARE, deployments=(in_slot("lstm", "W"),))
    asked = minutes([1.0] * 9, [0.1, 0.2, 0.3, np.nan, 0.5, 0.6, 0.7, 0.8, 0.9])
    views = logic_of(config).on_rows(asked)
    assert np.isfinite(views.p_up).tolist() == [False, False, True] + [False] * 3 + [True] * 3
    assert views.events == []
    assert views.why_not(0) == "model_not_ready"
    assert views.why_not(3) == "features_not_ready"


def test_a_switch_splits_the_batch() -> None:
    """Rows before it are answered by the old model, rows from it on by the new one."""
    logic = logic_of(TRAINED)
    logic.on_switches([ModelSwitch("xgboost", "B", Stage.CHAMPION, 3 * MINUTE_NS + 1)])
    views = logic.on_rows(minutes([1.0] * 6, [1.0] * 6))
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
        (row,) = config.build(symbol, None).on_rows(minutes([1.0], [1.0])).rows
        (watcher,) = row.watched
        names.setdefault(row.votes[0].model_id, set()).add((watcher.name, watcher.model_id))
    assert names == {"A": {("xgboost@canary", "B")}, "B": {("xgboost@champion", "A")}}


def test_every_answer_is_written_down() -> None:
    """Member by member, watchers behind them, the ensemble last; who is silent says why."""
    asked = minutes([1.0, 1.0], [0.5, np.nan])
    views = logic_of(ALL).on_rows(asked)
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
            logic_of(replace(BARE, deployments=(in_slot("xgboost", name),)))
    with pytest.raises(BadUse, match="there is no model"):
        logic_of(replace(BARE, deployments=(in_slot("xgboost", "?"),)))
    with pytest.raises(BadUse, match="was given no store of models"):
        logic_of(replace(TRAINED, load=no_models))


def test_an_online_model_of_another_label_rule_is_refused() -> None:
    """It would learn from labels that its identity denies."""
    other = replace(ONLINE, labels=DelayedLabels(7))
    with pytest.raises(BadUse, match="the online model has feature schema and horizon"):
        logic_of(replace(BARE, online=other))


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
        logic_of(ALL, {**logic_of(ALL).snapshot(), **change})
    torn = logic_of(ALL).snapshot()
    torn.pop("outcomes")
    with pytest.raises(Corrupt, match="without outcomes"):
        logic_of(ALL, torn)


def test_the_stored_state_goes_on() -> None:
    """It is read as it was written by an earlier day, and decides what comes next."""
    stored = json.loads(STORED.read_text())
    logic = logic_of(ALL, stored["state"])
    assert json.loads(json.dumps(logic.snapshot())) == stored["state"]
    asked = part_of(market_walk(160), 150, 160)
    views = logic.on_rows(asked)
    known = [None if p != p else p for p in views.p_up.tolist()]
    assert known == pytest.approx(stored["p_up"], rel=1e-12)
    assert [event.kind for event in views.events] == stored["events"]


def test_a_state_with_a_part_that_the_run_has_not_is_refused() -> None:
    """What it has learned would be lost without a word."""
    with pytest.raises(Corrupt, match="taken with online, this run is without online"):
        logic_of(TRAINED, logic_of(ALONE).snapshot())


def test_the_state_stays_small() -> None:
    """It does not grow with the number of bars: labels wait for a horizon, no longer."""
    logic = logic_of(ALL)
    sizes = []
    for at in range(0, 400, 100):
        logic.on_rows(part_of(market_walk(400), at, at + 100))
        sizes.append(len(json.dumps(logic.snapshot())))
    assert sizes[-1] < 1.2 * sizes[1]
