"""Decisions that explain themselves: votes, switches, the accuracy gate and its events."""

import json
from dataclasses import replace
from typing import Any

import numpy as np

from domain.bars import BAR_DTYPE
from domain.deployments import ModelSwitch, Stage
from domain.nanos import MINUTE_NS
from domain.predictions import Signal
from features.bar_kernel import EDGE_DTYPE
from features.minute_rows import FeatureRows, JoinedRows
from features.spec import FEATURE_NAMES, SCHEMA
from models.accuracy_gate import AccuracyGate
from models.served import Loaded
from operators.decide import Considered, Decided, DecisionConfig, DecisionStep, predictions
from testkit.models import FollowLast
from tests.operators.decision_steps import CONFIG, HORIZON_NS, TRAINED

OTHER = "cd" * 16
MODELS = {
    TRAINED: FollowLast(TRAINED, 1.0, feature_schema=SCHEMA, horizon_ns=HORIZON_NS),
    OTHER: FollowLast(OTHER, -1.0, feature_schema=SCHEMA, horizon_ns=HORIZON_NS),
}
PREDICTIONS = replace(
    CONFIG.predictions,
    online=None,
    ensemble=replace(CONFIG.predictions.ensemble, min_members=1),
    load=lambda model_id: Loaded(MODELS[model_id], 0, MINUTE_NS),
)
GATED = DecisionConfig(PREDICTIONS, AccuracyGate(PREDICTIONS.labels, 0.5, 4, 1_000), CONFIG.signals)


def _joined(
    first: list[float], mids: list[float], at: int = 0, switches: tuple[ModelSwitch, ...] = ()
) -> Considered:
    """Make minutes that each close with their boundary; NaN is a minute without a bar."""
    there = [place for place, value in enumerate(first) if value == value]
    bars = np.zeros(len(there), dtype=BAR_DTYPE)
    bars["ts_event_ns"] = [(at + place + 1) * MINUTE_NS for place in there]
    bars["mid_close"] = [mids[place] for place in there]
    edges = np.zeros(len(first), dtype=EDGE_DTYPE)
    edges["ts_event_ns"] = (at + 1 + np.arange(len(first))) * MINUTE_NS
    edges["bid"] = edges["ask"] = 1.0
    edges["bar"] = [there.index(place) if place in there else -1 for place in range(len(first))]
    x = np.zeros((len(there), len(FEATURE_NAMES)))
    x[:, 0] = [first[place] for place in there]
    rows = FeatureRows(bars, x, np.ones(len(there), dtype=np.bool_))
    return Considered("EURUSD", JoinedRows(rows, edges, 0, switches))


def _decide(step: DecisionStep, considered: Considered) -> Decided:
    (decided,) = step.on_batch([considered])
    return decided


def _sides(signals: list[Signal]) -> list[str]:
    return [f"{one.side} {one.reason}" for one in signals]


UP = [1.0 + at / 64 for at in range(40)]


def test_a_signal_carries_the_votes_behind_it() -> None:
    """Who, how, with which weight, against which threshold, on which features."""
    decided = _decide(DecisionStep(GATED, "EURUSD", None), _joined([2.0, np.nan, 0.0], UP))
    edge, quiet, hold = decided.signals
    (vote,) = edge.votes
    assert (vote.role, vote.model_id, vote.weight) == ("xgboost", TRAINED, 1.0)
    assert (vote.p_up, edge.agreement, edge.reason) == (edge.p_up, 1.0, "edge")
    assert (edge.threshold, edge.schema) == (GATED.signals.min_edge, SCHEMA)
    assert (quiet.votes, quiet.agreement, quiet.reason) == ((), None, "no_bar")
    assert (quiet.schema, quiet.model_id) == (SCHEMA, edge.model_id)
    assert (hold.reason, hold.votes[0].p_up) == ("hold", 0.5)


def test_the_gate_closes_on_wrong_signals_and_opens_again() -> None:
    """Flat at once, though the views go on; the events have the figures."""
    # Wrong at first: the model says down while the market rises. Then it says up.
    first = [-2.0] * 4 + [2.0] * 12
    decided = _decide(DecisionStep(GATED, "EURUSD", None), _joined(first, UP))
    # An outcome comes three minutes later; four are needed.
    assert _sides(decided.signals) == (
        ["sell edge"] * 4 + ["buy edge"] * 2 + ["flat accuracy_below_floor"] * 4 + ["buy edge"] * 6
    )
    closed, opened = decided.events
    assert (closed.kind, closed.symbol, closed.ts_event_ns) == ("gate", "EURUSD", 7 * MINUTE_NS)
    assert closed.reason.startswith("closed: accuracy 0.0000 in [")
    assert opened.ts_event_ns == 11 * MINUTE_NS
    assert opened.reason.startswith("opened: accuracy 0.5")
    shut = [one for one in decided.signals if one.reason == "accuracy_below_floor"]
    assert all(one.actionable and one.p_up is not None and one.votes for one in shut)
    assert len(predictions(decided, GATED)) == 2 * len(first)


def test_switches_gate_and_signals_do_not_depend_on_cuts() -> None:
    """Minute by minute, thrown away and restored at each, or all at once: the same records."""
    rng = np.random.default_rng(2)
    first = [float(x) if rng.random() > 0.1 else np.nan for x in rng.normal(size=40) * 2]
    mids = (1.0 + np.cumsum(rng.choice([-1, 0, 1], 40)) / 64).tolist()
    switch = ModelSwitch("xgboost", OTHER, Stage.CHAMPION, 20 * MINUTE_NS)
    whole = DecisionStep(GATED, "EURUSD", None)
    wanted = _decide(whole, _joined(first, mids, 0, (switch,)))
    state: Any = None
    signals, events, records = [], [], []
    for at in range(40):
        step = DecisionStep(GATED, "EURUSD", state)
        switches = (switch,) if at == 5 else ()
        one = _decide(step, _joined(first[at : at + 1], mids[at : at + 1], at, switches))
        state = json.loads(json.dumps(step.snapshot()))
        signals += one.signals
        events += one.events
        records += predictions(one, GATED)
    assert signals == wanted.signals
    assert events == wanted.events
    assert records == predictions(wanted, GATED)
    assert state == json.loads(json.dumps(whole.snapshot()))
    assert {one.kind for one in events} == {"switch", "gate"}
    assert len({one.model_id for one in signals}) == 2
