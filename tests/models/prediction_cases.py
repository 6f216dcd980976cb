"""Markets, models and configs that the tests of predictions share."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from domain.deployments import ModelSwitch, Stage
from domain.errors import BadUse
from domain.nanos import MINUTE_NS
from models.drifting import DriftWatchConfig
from models.ensemble import EnsembleConfig
from models.evaluation.sequential import SequentialTest
from models.labels.delayed import DelayedLabels
from models.online.drift import DriftConfig
from models.online.logistic import OnlineLogistic
from models.prediction import PredictionConfig, PredictionLogic
from models.rules import INPUTS, RulesConfig
from models.served import Loaded
from models.trials import TrialsConfig
from models.views import Asked, Views
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


def load_case(model_id: str) -> Loaded:
    """Load one of ``MODELS``."""
    if model_id not in MODELS:
        msg = f"there is no model {model_id}"
        raise BadUse(msg)
    return Loaded(MODELS[model_id], 0, 10 * MINUTE_NS)


def in_slot(slot: Any, model_id: str, stage: Stage = Stage.CHAMPION) -> ModelSwitch:
    """Put a model into a slot from the beginning."""
    return ModelSwitch(slot, model_id, stage, 0)


BARE = PredictionConfig(
    labels=LABELS,
    feature_schema="schema-1",
    n_features=len(NAMES),
    ensemble=EnsembleConfig(half_life_labels=20, learning_rate=1.0, min_weight=0.0),
    trials=TrialsConfig(TEST, TEST.test_id),
    slots=("xgboost", "lstm"),
    load=load_case,
)
ALONE = replace(BARE, online=ONLINE)
TRAINED = replace(BARE, deployments=(in_slot("xgboost", "A"),))
ALL = replace(
    BARE,
    online=ONLINE,
    rules=RULES,
    deployments=(
        in_slot("xgboost", "A"),
        in_slot("xgboost", "B", Stage.SHADOW),
        in_slot("lstm", "W"),
    ),
    drift=DriftWatchConfig(DriftConfig(((0, "a"),), len(NAMES), 3, 7, 5)),
)
KINDS = {"online": ALONE, "trained": TRAINED, "all": ALL}


def minutes(mids: Sequence[float], first: Sequence[float], at: int = 0) -> Asked:
    """Make minutes with a mid and a first feature; NaN there is a row that is not ready."""
    n = len(mids)
    x = np.tile(np.array([0.0, 0.1, 0.5, 0.5]), (n, 1))
    x[:, 0] = first
    x[:, 1] = np.sign(np.nan_to_num(np.asarray(first, dtype=np.float64)))
    ts_ns = (at + np.arange(n, dtype=np.int64)) * MINUTE_NS
    return Asked(ts_ns, np.asarray(mids, dtype=np.float64), x, ~np.isnan(x).any(axis=1))


def market_walk(bars: int, seed: int = 5, edge: float = 1.0) -> Asked:
    """Make a market that goes where the first feature says, more or less."""
    rng = np.random.default_rng(seed)
    first = np.round(rng.normal(size=bars), 2)
    steps = np.where(rng.random(bars) < 0.5 + 0.5 * edge, np.sign(first), -np.sign(first))
    steps[rng.random(bars) < 0.05] = 0
    mids = 2.0 + np.concatenate([[0.0], np.cumsum(steps)[:-1]]) / 1024
    first[rng.random(bars) < 0.03] = np.nan
    return minutes(mids.tolist(), first.tolist())


def part_of(asked: Asked, start: int, stop: int) -> Asked:
    """Return some rows."""
    part = slice(start, stop)
    return Asked(asked.ts_ns[part], asked.mid[part], asked.x[part], asked.ready[part])


def logic_of(config: PredictionConfig, state: Any = None) -> PredictionLogic:
    """Build the logic of one symbol."""
    return config.build("EURUSD", state)


def restored(config: PredictionConfig, logic: PredictionLogic) -> PredictionLogic:
    """Throw a logic away and restore it through text."""
    return logic_of(config, json.loads(json.dumps(logic.snapshot())))


def everything(*views: Views) -> tuple[Any, ...]:
    """Return all that some views in a row say, every bit of it."""
    p_up = np.concatenate([view.p_up for view in views]).tobytes()
    rows = [row for view in views for row in view.rows]
    return p_up, rows, [event for view in views for event in view.events]


def votes_of(views: Views, role: str) -> list[float | None]:
    """Return what one member said, row by row."""
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
