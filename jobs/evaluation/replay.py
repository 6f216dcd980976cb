"""The default ensemble over the tape: the prediction logic of a run, bar by bar, learning late."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.tape import Tape
from jobs.evaluation.walk import Fold, switches
from models.accuracy_gate import AccuracyGate
from models.contract import OnlineConfig
from models.ensemble import EnsembleConfig
from models.evaluation.sequential import SequentialTest
from models.prediction import PredictionConfig
from models.rules import RulesConfig
from models.served import Loaded
from models.trials import MAX_LOSS, TrialsConfig
from models.views import Asked

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Say = Callable[[str], object]

MEMBERS = ("online", "xgboost", "forest", "lstm", "rules")


class Answers(NamedTuple):
    """What everybody said to each row, shape (n,); NaN: nothing.

    Attributes
    ----------
    p_up
        The ensemble.
    agrees
        Where enough of its weight was on one side.
    members
        By role.
    weights
        Weight of each role in the ensemble's answer; 0 where it had none.
    events
        How many events of each kind, such as rollbacks and drifts, by symbol.
    """

    p_up: Floats
    agrees: Mask
    members: dict[str, Floats]
    weights: dict[str, Floats]
    events: dict[str, dict[str, int]]


def replay(
    tape: Tape,
    folds: Sequence[Fold],
    online: OnlineConfig,
    rules: RulesConfig,
    ensemble: EnsembleConfig,
    say: Say,
) -> Answers:
    """Ask the ensemble at every bar, the models of each fold from its start on.

    No trial, no drift and no age limit sends a model away here: every fold has the model that was
    trained for it, so that the figures are those of one fixed procedure.
    """
    n = len(tape.data.ts_ns)
    answers = Answers(
        np.full(n, np.nan),
        np.zeros(n, dtype=np.bool_),
        {role: np.full(n, np.nan) for role in MEMBERS},
        {role: np.zeros(n) for role in MEMBERS},
        {},
    )
    test = SequentialTest(bound=MAX_LOSS)
    by_id = {one.model.model_id: one for fold in folds for one in fold.models.values()}

    def load(model_id: str) -> Loaded:
        return by_id[model_id]

    config = PredictionConfig(
        labels=tape.rule,
        feature_schema=tape.data.feature_schema,
        n_features=len(tape.data.feature_names),
        ensemble=ensemble,
        # One label decides nothing: trials end before they could send a model away.
        trials=TrialsConfig(test, test.test_id, max_labels=1),
        online=online,
        rules=rules,
        slots=("xgboost", "forest", "lstm"),
        load=load,
    )
    for code, symbol in enumerate(tape.data.symbols):
        own = np.flatnonzero(tape.data.symbol_codes == code)
        logic = config.build(symbol, None)
        logic.on_switches(switches(folds))
        asked = Asked(tape.data.ts_ns[own], tape.data.mid[own], tape.data.x[own], tape.askable[own])
        views = logic.on_rows(asked)
        answers.p_up[own] = views.p_up
        answers.agrees[own] = views.agrees()
        for row, view in zip(own.tolist(), views.rows, strict=True):
            for vote in view.votes:
                answers.weights[vote.role][row] = vote.weight
                if vote.p_up is not None:
                    answers.members[vote.role][row] = vote.p_up
        counted: dict[str, int] = {}
        for event in views.events:
            counted[event.kind] = counted.get(event.kind, 0) + 1
        answers.events[symbol] = counted
        say(f"{symbol}: {own.size:,} bars, {int(np.isfinite(views.p_up).sum()):,} answered")
    return answers


def gated(tape: Tape, gate: AccuracyGate, p_up: Floats, asks: Mask) -> Mask:
    """Return which of the signals the accuracy gate lets through, symbol by symbol."""
    passed = np.zeros(len(p_up), dtype=np.bool_)
    for code in range(len(tape.data.symbols)):
        own = np.flatnonzero(tape.data.symbol_codes == code)
        logic = gate.build(None)
        gate_open = logic.on_rows(
            tape.data.ts_ns[own], tape.data.mid[own], p_up[own], asks[own]
        ).is_open
        passed[own] = asks[own] & gate_open
    return passed
