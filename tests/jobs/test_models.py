"""Which trained models a run starts with: those of the ledger, new ones, or none."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from config.plan import Plan, SimulatedPlan
from config.settings import settings_of
from domain.deployments import ModelSwitch, Stage
from domain.errors import BadUse
from domain.log import LogAddress
from jobs import feeds
from jobs import models as jobs_models
from jobs.feeds import FeedChoice
from jobs.models import models_for

A, B = "ab" * 16, "cd" * 16
FEED = SimulatedPlan(("EURUSD",), "2024-03-01", "2024-03-05", "2024-03-05", 7)
CHOICE = FeedChoice(FEED, "a day", 1_000, 2_000, "simulated:0123456789abcdef", None)
SETTINGS = settings_of({})


def _artefact(kind: str, name: str) -> Any:
    return SimpleNamespace(artefact_id=name, manifest=SimpleNamespace(kind=kind))


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


def _patched(monkeypatch: pytest.MonkeyPatch, standing: Any = (), made: Any = None) -> list[Any]:
    """Let the ledger say who stands, and training make this; return how training was called."""
    called: list[Any] = []

    def train(*arguments: Any) -> Any:
        called.append(arguments)
        if isinstance(made, BadUse):
            raise made
        return made

    def before(choice: FeedChoice, _days: int) -> FeedChoice | None:
        return None if made is None else choice

    monkeypatch.setattr(jobs_models, "history", lambda *_: ["lines"])
    monkeypatch.setattr(jobs_models, "deployments", lambda *_, **__: tuple(standing))
    monkeypatch.setattr(jobs_models, "load_history", lambda *_: None)
    monkeypatch.setattr(jobs_models, "train", train)
    monkeypatch.setattr(feeds, "days_before", before)
    return called


def _models(plan: Plan, settings: Any = SETTINGS) -> Any:
    return models_for(object(), plan, CHOICE, settings, lambda _: None)  # type: ignore[arg-type] # no store is asked here


def test_who_stands_in_the_ledger_is_deployed(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole, but for slots without a weight; nothing is trained."""
    champion = ModelSwitch("xgboost", A, Stage.CHAMPION, 5)
    other = ModelSwitch("lstm", B, Stage.SHADOW, 5)
    called = _patched(monkeypatch, [champion, other], [_artefact("xgboost", B)])
    assert _models(plan) == ((champion, other), ())
    without = settings_of({"models": {"lstm_weight": 0}})
    assert _models(plan, without) == ((champion,), ())
    assert called == []


@pytest.mark.parametrize("many", [True, False])
def test_where_there_is_none_the_days_before_are_trained_on(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, *, many: bool
) -> None:
    """Champions of this run alone from its first event time on; it is said what they are not."""
    made = [_artefact("xgboost", A), _artefact("forest", B)]
    called = _patched(monkeypatch, (), made if many else made[0])
    deployments, (note,) = _models(plan)
    wanted = [ModelSwitch("xgboost", A, Stage.CHAMPION, CHOICE.first_ns)]
    wanted += [ModelSwitch("forest", B, Stage.CHAMPION, CHOICE.first_ns)] if many else []
    assert list(deployments) == wanted
    assert "no validation gate was passed and nobody has approved it" in note
    ((_, runs, symbols, before_ns, *_),) = called
    assert runs == ["history-0123456789abcdef"]
    assert symbols == ("EURUSD",)
    assert before_ns == CHOICE.first_ns - SETTINGS.models.horizon_ms * 1_000_000


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (None, "the feed holds no days before the run to train on"),
        (
            BadUse("too few rows"),
            "no trained model: too few rows; the models that need no",
        ),
    ],
)
def test_where_nothing_can_be_trained_the_others_decide(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, made: Any, words: str
) -> None:
    """And the report says so."""
    _patched(monkeypatch, (), made)
    deployments, (note,) = _models(plan)
    assert deployments == ()
    assert words in note


def test_a_run_without_slots_trains_nothing(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their weights are 0: it needs no ledger either."""
    called = _patched(monkeypatch, (), [_artefact("xgboost", A)])
    weights = {f"{slot}_weight": 0 for slot in ("xgboost", "forest", "lstm")}
    assert _models(plan, settings_of({"models": weights})) == ((), ())
    assert called == []
