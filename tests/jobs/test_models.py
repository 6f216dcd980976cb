"""Which trained models a run starts with: those of the ledger, known ones, new ones, or none."""

from pathlib import Path
from typing import Any

import pytest

from config.plan import Plan, SimulatedPlan
from config.settings import Settings, settings_of
from dataflows.context import models_of
from domain.deployments import ModelSwitch, Slot, Stage
from domain.errors import BadUse
from domain.log import LogAddress
from jobs import feeds
from jobs import models as jobs_models
from jobs.feeds import FeedChoice
from jobs.models import models_for
from jobs.training_data import TrainingSet
from models.registry.acts import retire
from models.registry.ledger import history
from models.training.learner import Learner
from tests.jobs.made_market import LEARNERS, START_NS, market

A, B = "ab" * 16, "cd" * 16
FEED = SimulatedPlan(("EURUSD",), "2024-03-01", "2024-03-05", "2024-03-05", 7)
CHOICE = FeedChoice(FEED, "a day", START_NS * 2, START_NS * 3, "simulated:0123456789abcdef", None)


def _settings(**models: float) -> Settings:
    training = {"run_kinds": ["xgboost", "forest"]}
    return settings_of({"models": {"horizon_ms": 60_000, **models}, "training": training})


SETTINGS = _settings()


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Give a plan whose folder holds no models."""
    return Plan(
        run="test",
        data_dir=str(tmp_path),
        run_dir="",
        address=LogAddress("", "", 1),
        feed=FEED,
        feed_fingerprint=CHOICE.fingerprint,
        speed=None,
        deployments=(),
        settings={},
    )


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let the days before be a made-up market; return what was read and trained."""
    called: list[Any] = []

    def read(_client: object, runs: list[str], *cut: Any) -> TrainingSet:
        called.append((runs, *cut))
        return market(400)

    def learners(kinds: list[Slot]) -> list[Learner]:
        called.append(list(kinds))
        return [LEARNERS[kind] for kind in kinds]

    monkeypatch.setattr(jobs_models, "from_archive", read)
    monkeypatch.setattr(jobs_models, "learners_of", learners)
    monkeypatch.setattr(jobs_models, "load_history", lambda *_: None)
    monkeypatch.setattr(feeds, "days_before", lambda choice, _: choice)
    return called


def _models(plan: Plan, settings: Settings = SETTINGS, lines: list[str] | None = None) -> Any:
    say = (lambda _: None) if lines is None else lines.append
    return models_for(object(), plan, CHOICE, settings, say)  # type: ignore[arg-type] # no store is asked here


def test_who_stands_in_the_ledger_is_deployed(
    plan: Plan, trained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, but for slots without a weight; nothing is trained."""
    champion = ModelSwitch("xgboost", A, Stage.CHAMPION, 5)
    other = ModelSwitch("lstm", B, Stage.SHADOW, 5)
    monkeypatch.setattr(jobs_models, "deployments", lambda *_, **__: (champion, other))
    assert _models(plan) == ((champion, other), ())
    assert _models(plan, _settings(lstm_weight=0)) == ((champion,), ())
    assert trained == []


def test_where_there_is_none_the_days_before_are_trained_on(plan: Plan, trained: list[Any]) -> None:
    """Champions of this run alone from its first event time on; it is said what they are not."""
    deployments, (note,) = _models(plan)
    lines = history(models_of(plan))
    assert [line.slot for line in lines] == ["xgboost", "forest"]
    assert {line.to_stage for line in lines} == {Stage.CANDIDATE}
    assert {line.reason for line in lines} == {
        "trained on the days before a run that found no champion"
    }
    assert list(deployments) == [
        ModelSwitch(line.slot, line.artefact_id, Stage.CHAMPION, CHOICE.first_ns) for line in lines
    ]
    assert "no validation gate was passed and nobody has approved it" in note
    runs, symbols, before_ns = trained[0]
    assert runs == ["history-0123456789abcdef"]
    assert symbols == ("EURUSD",)
    assert before_ns == CHOICE.first_ns - 60_000 * 1_000_000
    assert trained[1:] == [["xgboost", "forest"]]


@pytest.mark.usefixtures("trained")
def test_who_is_on_trial_goes_on_with_it(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shadow answers beside whoever stands in for the champion, or alone; nobody is twice."""
    (one, two), _ = _models(plan)
    shadows = (
        ModelSwitch("xgboost", A, Stage.SHADOW, 5),
        ModelSwitch("forest", two.artefact_id, Stage.SHADOW, 5),
    )
    monkeypatch.setattr(jobs_models, "deployments", lambda *_, **__: shadows)
    assert _models(plan)[0] == (one, two, shadows[0])
    monkeypatch.setattr(feeds, "days_before", lambda *_: None)
    assert _models(plan)[0] == shadows


def test_what_was_trained_on_the_same_days_is_taken_again(plan: Plan, trained: list[Any]) -> None:
    """No second training, the same switches; another horizon is another model."""
    first = _models(plan, _settings(forest_weight=0))
    del trained[:]
    lines: list[str] = []
    assert _models(plan, _settings(forest_weight=0), lines) == first
    assert [call for call in trained if isinstance(call, list)] == []
    assert any("was trained on these days before; it is candidate" in line for line in lines)
    both, _ = _models(plan)
    assert trained[-1] == ["forest"]
    assert both[0] == first[0][0]
    del trained[:]
    _models(plan, _settings(forest_weight=0, horizon_ms=120_000))
    assert trained[-1] == ["xgboost"]


def test_one_that_a_person_has_retired_is_not_taken(plan: Plan, trained: list[Any]) -> None:
    """Nor trained again: it would be the same."""
    ((one, two), _) = _models(plan)
    retire(models_of(plan), one.artefact_id, 9, "Ada", "it is wrong")
    del trained[:]
    lines: list[str] = []
    deployments, _ = _models(plan, lines=lines)
    assert deployments == (two,)
    assert [call for call in trained if isinstance(call, list)] == []
    assert any(f"{one.artefact_id[:12]} was trained" in line for line in lines)
    retire(models_of(plan), two.artefact_id, 9, "Ada", "this too")
    deployments, (note,) = _models(plan)
    assert deployments == ()
    assert "no trained model: those of these days were retired" in note


@pytest.mark.parametrize(
    ("days", "settings", "words"),
    [
        (False, SETTINGS, "the feed holds no days before the run to train on"),
        (True, _settings(label_tolerance_ms=1, horizon_ms=61_000), "labelled rows are too few"),
        (
            True,
            _settings(xgboost_weight=0, forest_weight=0),
            "training.run_kinds names none of lstm",
        ),
    ],
)
def test_where_nothing_can_be_trained_the_others_decide(
    plan: Plan,
    trained: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    days: bool,
    settings: Settings,
    words: str,
) -> None:
    """And the report says so."""
    if not days:
        monkeypatch.setattr(feeds, "days_before", lambda *_: None)
    deployments, (note,) = _models(plan, settings)
    assert deployments == ()
    assert f"no trained model: {words}" in note or words in note
    assert "the models that need no training decide alone" in note
    assert history(models_of(plan)) == []
    del trained


def test_a_missing_extra_is_a_note(
    plan: Plan, trained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without trainers still runs."""

    def none(_kinds: object) -> list[Learner]:
        msg = "training needs the extra packages"
        raise BadUse(msg)

    monkeypatch.setattr(jobs_models, "learners_of", none)
    deployments, (note,) = _models(plan)
    assert deployments == ()
    assert "training needs the extra packages" in note
    assert len(trained) == 1


def test_a_run_without_slots_trains_nothing(plan: Plan, trained: list[Any]) -> None:
    """Their weights are 0: it needs no ledger either."""
    weights = {f"{slot}_weight": 0.0 for slot in ("xgboost", "forest", "lstm")}
    assert _models(plan, _settings(**weights)) == ((), ())
    assert trained == []
