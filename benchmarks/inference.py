"""``inference``: one row through XGBoost, forest and LSTM as they are served, and the online model.

All four are of their default size and read as many features as a run has, made up and seeded. Each
row is given to the four one after the other, as at the close of a bar; then the same rows to what
trained them. An LSTM's row is its whole window.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import equinox as eqx
import numpy as np
from numpy.typing import NDArray

from benchmarks.result import Bar, Measured, median
from domain.nanos import MINUTE_NS
from features.spec import FEATURE_NAMES
from models.batch.forest_trainer import ForestLearner
from models.batch.xgboost_trainer import XgboostLearner
from models.labels.arrays import Labels, sign_definition, sign_labels
from models.labels.delayed import DelayedLabels
from models.online.logistic import OnlineLogistic
from models.sequence.lstm_trainer import LstmLearner
from models.serving import OnnxModel, load_model
from models.training.calibrated import CalibratedModel
from models.training.dataset import TrainingData
from models.training.job import train_artefact
from models.training.learner import Fitted, Learner, learnable

BARS = 20_000
ONLINE_LABELS = 2_000
ROWS = 2_000
WARM_UP = 200
ROUNDS = 5
SEED = 1
BAR_MS = 0.5
RULE = DelayedLabels(MINUTE_NS)

Ask = Callable[[NDArray[np.float64]], object]


def measure() -> Measured:
    """Return the p99 of the four together in ms, the median of the rounds."""
    data = _market()
    labels = sign_labels(data.ts_ns, data.symbol_codes, data.mid, RULE)
    served: dict[str, tuple[int, Ask]] = {}
    originals: dict[str, tuple[int, Ask]] = {}
    learners: tuple[Learner, ...] = (XgboostLearner(), ForestLearner(), LstmLearner())
    for learner in learners:
        rows = learnable(data, labels, learner.window)
        fitted = learner.fit(data, labels, rows, print)
        model = _served(learner, fitted, data, labels)
        served[learner.kind] = (learner.window, model.predict_windows)
        originals[learner.kind] = (learner.window, _original(learner.kind, fitted))
    served["online"] = (1, _online(data, labels))
    windows = {
        length: data.windows(np.arange(BARS - ROWS, BARS), length)
        for length in {length for length, _ in served.values()}
    }
    times = [_times(served, windows) for _ in range(ROUNDS)]
    theirs = [_times(originals, windows) for _ in range(ROUNDS)]
    together = [float(np.percentile(sum(found.values()), 99)) for found in times]
    compared: dict[str, float] = {}
    for name in served:
        for point in (50, 99):
            found = [float(np.percentile(one[name], point)) for one in times]
            compared[f"{name} p{point} us"] = 1e3 * median(found)
    for name in originals:
        p50 = median([float(np.median(one[name])) for one in theirs])
        compared[f"{name} in its library, x"] = 1e3 * p50 / compared[f"{name} p50 us"]
    compared["four p50 us"] = 1e3 * median([float(np.median(sum(one.values()))) for one in times])
    return Measured(
        value=median(together),
        unit="ms",
        bar=Bar(BAR_MS, f"p99 of the four together at most {BAR_MS:g} ms"),
        met=median(together) <= BAR_MS,
        compared=compared,
        runs=together,
    )


def _market() -> TrainingData:
    """Return minutes of one symbol whose next move follows the first feature a little."""
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(BARS, len(FEATURE_NAMES)))
    steps = 1e-4 * (rng.normal(size=BARS) + 0.3 * x[:, 0])
    return TrainingData(
        ts_ns=MINUTE_NS * np.arange(1, BARS + 1),
        x=x,
        mid=1.3 + np.concatenate([[0.0], np.cumsum(steps)[:-1]]),
        feature_schema="made-up",
        feature_names=FEATURE_NAMES,
        symbol_codes=np.zeros(BARS, dtype=np.int64),
        symbols=("EURUSD",),
    )


def _online(data: TrainingData, labels: Labels) -> Ask:
    config = OnlineLogistic(data.feature_schema, data.feature_names, RULE)
    model = config.build(None)
    for x, y in zip(data.x[:ONLINE_LABELS], labels.y[:ONLINE_LABELS], strict=True):
        if not np.isnan(y):
            model.learn(x, int(y))
    return lambda window: model.predict(window[0, 0])


@dataclass(frozen=True)
class _Done:
    """A learner that has learned already."""

    learner: Learner
    fitted: Fitted

    def __getattr__(self, name: str) -> Any:
        return getattr(self.learner, name)

    def fit(self, *_: object) -> Fitted:
        return self.fitted


def _served(learner: Learner, fitted: Fitted, data: TrainingData, labels: Labels) -> OnnxModel:
    """Return the model through its artefact, as a worker has it."""
    done: Any = _Done(learner, fitted)
    definition = sign_definition(RULE, after_costs=False)
    with TemporaryDirectory() as folder:
        where = Path(folder)
        made = train_artefact(data, labels, definition, done, where, {}, print)
        return load_model(where, made.artefact_id)


def _original(kind: str, fitted: Fitted) -> Ask:
    """Return the quickest way to ask the library itself for the score of one window."""
    if not isinstance(fitted, CalibratedModel):
        msg = f"{kind}: no core to ask"
        raise TypeError(msg)
    core = fitted.core
    if kind == "xgboost":
        return lambda window: core.booster.inplace_predict(window[0].astype(np.float32))  # type: ignore[attr-defined]  # the core of this kind
    if kind == "forest":
        trees = [tree.tree_ for tree in core.trees]  # type: ignore[attr-defined]  # the core of this kind
        shares = [tree.value[:, 0, 1] for tree in trees]

        def ask(window: NDArray[np.float64]) -> float:
            x = window[0].astype(np.float32)
            found = (share[tree.apply(x)[0]] for tree, share in zip(trees, shares, strict=True))
            return float(sum(found)) / len(trees)

        return ask
    network = eqx.filter_jit(core.network)  # type: ignore[attr-defined]  # the core of this kind
    scale = core.scale  # type: ignore[attr-defined]  # the core of this kind
    return lambda window: float(network(scale.apply(window))[0])


def _times(
    asks: dict[str, tuple[int, Ask]], windows: dict[int, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    """Ask all of one row, then of the next; return the milliseconds of each, in order of rows."""
    found = {name: np.empty(ROWS) for name in asks}
    for row in range(ROWS):
        for name, (length, ask) in asks.items():
            window = windows[length][row : row + 1]
            started = time.perf_counter_ns()
            ask(window)
            found[name][row] = (time.perf_counter_ns() - started) / 1e6
    return {name: column[WARM_UP:] for name, column in found.items()}
