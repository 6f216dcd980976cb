"""Predictions when a model has to leave: it fails, is too old, is worse, or its error has risen."""

from dataclasses import replace

import numpy as np
import pytest

from domain.deployments import ModelSwitch, Stage
from domain.nanos import MINUTE_NS
from models.drifting import DriftWatchConfig
from models.evaluation.sequential import SequentialTest
from models.online.drift import DriftConfig
from models.trials import TrialsConfig
from testkit.models import FollowLast
from tests.models.prediction_cases import (
    BARE,
    HORIZON_NS,
    MODELS,
    NAMES,
    TRAINED,
    everything,
    in_slot,
    logic_of,
    market_walk,
    minutes,
    part_of,
)


@pytest.mark.parametrize("fault", ["raises", "silent"])
@pytest.mark.parametrize("size", [1, 20])
def test_a_model_that_fails_is_rolled_back(
    fault: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the row where it fails the one before answers already; no row is lost, no error raised."""
    bad = FollowLast("F", 2.0, horizon_ns=HORIZON_NS, fault=fault, fault_above=2.0)
    monkeypatch.setitem(MODELS, "F", bad)
    slots = (in_slot("xgboost", "A"), in_slot("xgboost", "F"))
    logic = logic_of(replace(TRAINED, deployments=slots))
    asked = minutes([1.0] * 20, [0.5] * 12 + [2.5] + [0.5] * 7)
    parts = [logic.on_rows(part_of(asked, at, at + size)) for at in range(0, 20, size)]
    p_up, rows, (event,) = everything(*parts)
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
    asked = minutes([1.0] * 3, [0.5, 2.5, 0.5])
    views = logic_of(replace(BARE, deployments=(in_slot("xgboost", "F"),))).on_rows(asked)
    assert np.isfinite(views.p_up).tolist() == [True, False, False]
    assert views.events[0].reason.endswith("the slot is empty now")
    shadow = (in_slot("xgboost", "A"), in_slot("xgboost", "F", Stage.SHADOW))
    views = logic_of(replace(BARE, deployments=shadow)).on_rows(asked)
    assert [row.votes[0].model_id for row in views.rows] == ["A"] * 3
    assert [len(row.watched) for row in views.rows] == [1, 0, 0]
    assert [(one.artefact_id, one.before_id) for one in views.events] == [("A", "F")]


def test_a_feature_beyond_float32_is_no_fault_of_a_model() -> None:
    """It answers nothing to such a row, and stays."""
    views = logic_of(TRAINED).on_rows(minutes([1.0] * 3, [0.5, 1e39, 0.5]))
    assert views.events == []
    assert [row.votes[0].model_id for row in views.rows] == ["A"] * 3


def test_a_model_that_cannot_be_loaded_changes_nothing() -> None:
    """The event comes when it would have taken effect; who decides goes on deciding."""
    logic = logic_of(TRAINED)
    logic.on_switches([ModelSwitch("xgboost", "?", Stage.CHAMPION, 2 * MINUTE_NS)])
    views = logic.on_rows(minutes([1.0] * 4, [0.5] * 4))
    assert [row.votes[0].model_id for row in views.rows] == ["A"] * 4
    (event,) = views.events
    assert (event.kind, event.ts_event_ns) == ("rollback", 2 * MINUTE_NS)
    assert (event.artefact_id, event.before_id) == ("A", "?")
    assert event.reason == ("switch to champion refused: it cannot be loaded: there is no model ?")


def test_a_model_that_is_too_old_no_longer_decides() -> None:
    """Counted in event time from the last bar of its training; the one before is not younger."""
    config = replace(
        TRAINED,
        deployments=(in_slot("xgboost", "B"), in_slot("xgboost", "A")),
        max_age_ns=3 * MINUTE_NS,
    )
    views = logic_of(config).on_rows(minutes([1.0] * 6, [0.5] * 6))
    assert np.isfinite(views.p_up).tolist() == [True] * 3 + [False] * 3
    assert [(one.artefact_id, one.before_id) for one in views.events] == [("B", "A"), ("", "B")]
    assert all(one.reason.startswith("stale: its data ends 0.0 days") for one in views.events)
    assert {one.ts_event_ns for one in views.events} == {3 * MINUTE_NS}


@pytest.mark.parametrize("stage", [Stage.CHAMPION, Stage.CANARY])
def test_a_challenger_that_is_worse_is_rolled_back(stage: Stage) -> None:
    """From the bar at which the label that proves it is known; it says by how much."""
    logic = logic_of(TRAINED)
    logic.on_switches([ModelSwitch("xgboost", "B", stage, 10 * MINUTE_NS)])
    views = logic.on_rows(market_walk(800, edge=0.6))
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
        places = (in_slot("xgboost", champion), in_slot("xgboost", shadow, Stage.SHADOW))
        views = logic_of(replace(BARE, deployments=places)).on_rows(market_walk(800, edge=0.6))
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
        logic = logic_of(config)
        logic.on_switches([ModelSwitch("xgboost", "B", Stage.CHAMPION, 400 * MINUTE_NS)])
        views = logic.on_rows(market_walk(800, edge=0.8))
        kinds = [one.kind for one in views.events if one.ts_event_ns > 400 * MINUTE_NS]
        assert "drift" in kinds
        assert views.rows[-1].votes[0].model_id == ("A" if roll_back else "B")
        rollbacks = [one for one in views.events if one.kind == "rollback"]
        assert len(rollbacks) == roll_back
        assert all(one.reason.startswith("drift while on trial: ") for one in rollbacks)
        drift = next(one for one in views.events if one.kind == "drift")
        assert (drift.slot, drift.artefact_id, drift.symbol) == ("ensemble", "", "EURUSD")
        assert "deviations from its usual level" in drift.reason
