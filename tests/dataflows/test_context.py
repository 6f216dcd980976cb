"""From settings and plan to the models of a run: who is deployed, and what is refused."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.plan import Plan, RecordedPlan
from config.settings import Settings, settings_of, without_secrets
from dataflows.context import (
    Context,
    decision_config,
    deployed_models,
    models_address,
    models_of,
    online_model,
    open_ledger,
    prediction_config,
    slots_of,
)
from domain.deployments import SLOTS, ModelSwitch, Stage
from domain.errors import BadUse
from domain.log import LogAddress
from domain.nanos import DAY_NS
from features.spec import SCHEMA
from models.ensemble import ROLES
from models.prediction import no_models
from operators.meter import Meter
from sources.quiesce import Quiesce

A = "ab" * 16
CHAMPION = ModelSwitch("xgboost", A, Stage.CHAMPION, 0)
SHADOW = ModelSwitch("lstm", A, Stage.SHADOW, 0)


def _context(tmp_path: Path, settings: Settings, *deployments: ModelSwitch) -> Context:
    plan = Plan(
        run="test",
        data_dir=str(tmp_path),
        run_dir="",
        address=LogAddress("", "", 1),
        feed=RecordedPlan(("EURUSD",), "ticks"),
        feed_fingerprint="recorded:0",
        speed=None,
        deployments=deployments,
        settings={},
    )
    return Context(plan, settings, Quiesce(), Meter("test", lambda: 0), lambda: 0)


def _config(models: dict[str, Any], *deployments: ModelSwitch) -> Any:
    return prediction_config(settings_of({"models": models}), deployments, no_models)


def test_every_role_is_deployed_unless_its_weight_is_zero() -> None:
    """The order of slots and roles is that of the nouns."""
    assert slots_of(settings_of({})) == SLOTS
    config = _config({})
    assert set(config.ensemble.weights) == set(ROLES)
    few = _config({"xgboost_weight": 0, "rules_weight": 0, "online_weight": 0}, CHAMPION, SHADOW)
    assert (few.slots, few.online, few.rules) == (("forest", "lstm"), None, None)
    assert set(few.ensemble.weights) == {"forest", "lstm"}
    assert few.deployments == (SHADOW,)


def test_settings_reach_the_configs() -> None:
    """Each of them is where it decides, in the unit of the logic."""
    config = _config(
        {
            "ensemble_learning_rate": 0.7,
            "ensemble_half_life_labels": 11,
            "ensemble_weight_floor": 0.01,
            "min_members": 3,
            "min_weight": 0.2,
            "min_agreement": 0.9,
            "max_age_days": 2,
            "trial_alpha": 0.01,
            "trial_max_labels": 77,
            "drift_rollback": False,
            "rules_weight": 0.25,
        }
    )
    ensemble = config.ensemble
    assert (ensemble.learning_rate, ensemble.half_life_labels) == (0.7, 11)
    assert (ensemble.weight_floor, ensemble.min_members) == (0.01, 3)
    assert (ensemble.min_weight, ensemble.min_agreement) == (0.2, 0.9)
    assert ensemble.weights["rules"] == 0.25
    assert config.max_age_ns == 2 * DAY_NS
    assert (config.trials.test.alpha, config.trials.max_labels) == (0.01, 77)
    # A label of five minutes overlaps five of one-minute bars: every fifth pair counts.
    assert config.trials.test.every == 5
    assert config.drift is not None
    assert not config.drift.roll_back
    assert _config({"drift": False}).drift is None


def test_the_gate_and_the_rule_have_their_settings(tmp_path: Path) -> None:
    """Floor, signals, window, and whether it is closed until measured."""
    values = {
        "min_accuracy": 0.55,
        "min_signals": 10,
        "window_signals": 20,
        "gate_until_measured": True,
    }
    settings = settings_of({"models": values, "signals": {"min_edge": 0.1}})
    config = decision_config(_context(tmp_path, settings))
    gate = config.gate
    assert (gate.min_accuracy, gate.min_signals, gate.window_signals) == (0.55, 10, 20)
    assert not gate.until_measured
    assert (config.signals.schema, config.signals.min_edge) == (SCHEMA, 0.1)


def test_the_choice_of_online_models_can_be_asked_for() -> None:
    """Another kind is another model, and so another ensemble."""
    kinds = [
        online_model(settings_of({"models": {"online_kind": k}})) for k in ("logistic", "choice")
    ]
    ids = {one.model_id for one in kinds if one is not None}
    assert len(ids) == 2


def test_the_summary_names_who_is_deployed_without_loading_anybody() -> None:
    """By place; the models themselves need not be there."""
    named = deployed_models(settings_of({}), [CHAMPION, SHADOW])
    assert list(named) == ["online", "xgboost", "lstm@shadow", "rules"]
    assert named["xgboost"] == named["lstm@shadow"] == A


def test_models_are_where_the_settings_say_each_kind_of_feed_apart(tmp_path: Path) -> None:
    """In the data folder, in another, or in a bucket; the ledger is beside them."""
    data = str(tmp_path)
    for store, wanted in (
        ("", f"{data}/models/recorded"),
        ("elsewhere/", "elsewhere/recorded"),
        ("s3://models/mine", "s3://models/mine/recorded"),
    ):
        settings = settings_of({"models": {"store": store}})
        assert models_address(settings, data, simulated=False) == wanted
        context = _context(tmp_path, settings)
        plan = msgspec.structs.replace(context.plan, settings=without_secrets(settings))
        assert models_of(plan).url == open_ledger(plan).url == wanted
    assert models_address(settings_of({}), data, simulated=True) == f"{data}/models/simulated"


def test_a_champion_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    """Before the first tick."""
    with pytest.raises(BadUse, match=A):
        decision_config(_context(tmp_path, settings_of({}), CHAMPION))
