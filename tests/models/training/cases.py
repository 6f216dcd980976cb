"""Small learners of every kind, and markets whose next minute follows their first feature."""

from functools import cache
from typing import NamedTuple

import numpy as np

from domain.nanos import MINUTE_NS
from models.batch.forest_trainer import ForestLearner, ForestParams
from models.batch.xgboost_trainer import XgboostLearner, XgboostParams
from models.labels.arrays import Labels, sign_labels
from models.labels.delayed import DelayedLabels
from models.sequence.lstm_trainer import LstmLearner, LstmParams
from models.training.dataset import Rows, TrainingData
from models.training.learner import Fitted, Learner, learnable

N_FEATURES = 5
START_NS = 1_400_000_000 * 1_000_000_000
RULE = DelayedLabels(MINUTE_NS)

XGBOOST = XgboostParams(trees=40, patience=10)
FOREST = ForestParams(trees=20, patience=20, depth=4)
LSTM = LstmParams(window=4, hidden=16, epochs=2, rows_per_epoch=2048, learning_rate=0.02)

LEARNERS: dict[str, Learner] = {
    "xgboost": XgboostLearner(XGBOOST),
    "xgboost-isotonic": XgboostLearner(XgboostParams(trees=40, calibration="isotonic")),
    "xgboost-none": XgboostLearner(XgboostParams(trees=40, calibration="none")),
    "forest": ForestLearner(FOREST),
    "forest-isotonic": ForestLearner(ForestParams(trees=20, depth=4, calibration="isotonic")),
    "forest-none": ForestLearner(ForestParams(trees=20, depth=4, calibration="none")),
    "lstm": LstmLearner(LSTM),
}
KINDS = ("xgboost", "forest", "lstm")


class Case(NamedTuple):
    """A trained model, and what it was trained on."""

    data: TrainingData
    labels: Labels
    rows: Rows
    fitted: Fitted


def silent(line: str) -> None:
    """Take a line of progress."""
    del line


def market(bars: int, drift: float = 1.0, seed: int = 1, symbols: int = 2) -> TrainingData:
    """Return minutes of some symbols; ``drift`` says how much the first feature tells."""
    rng = np.random.default_rng(seed)
    ts, x, mid, codes = [], [], [], []
    for code in range(symbols):
        features = rng.normal(size=(bars, N_FEATURES))
        steps = 1e-4 * (rng.normal(size=bars) + drift * features[:, 0])
        ts.append(START_NS + MINUTE_NS * np.arange(1, bars + 1))
        x.append(features)
        mid.append(1.3 + np.concatenate([[0.0], np.cumsum(steps)[:-1]]))
        codes.append(np.full(bars, code))
    return TrainingData(
        ts_ns=np.concatenate(ts).astype(np.int64),
        x=np.concatenate(x),
        mid=np.concatenate(mid),
        feature_schema="schema-1",
        feature_names=tuple(f"feature_{i}" for i in range(N_FEATURES)),
        symbol_codes=np.concatenate(codes).astype(np.int64),
        symbols=("EURUSD", "AUDUSD")[:symbols],
    )


def labelled(data: TrainingData) -> Labels:
    """Return the sign of each row's next minute."""
    return sign_labels(data.ts_ns, data.symbol_codes, data.mid, RULE)


@cache
def trained(name: str) -> Case:
    """Return a learner's model of one market; nobody may change it."""
    data = market(5_100, 0.7)
    labels = labelled(data)
    rows = learnable(data, labels, LEARNERS[name].window)
    return Case(data, labels, rows, LEARNERS[name].fit(data, labels, rows, silent))
