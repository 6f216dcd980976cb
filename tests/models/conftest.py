"""Synthetic markets, and one small artefact that the tests of this room share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from domain.nanos import MINUTE_NS
from models.batch.xgboost_trainer import XgboostLearner, XgboostParams
from models.labels.arrays import sign_definition, sign_labels
from models.labels.delayed import DelayedLabels
from models.registry.artefact import Artefact
from models.training.dataset import TrainingData
from models.training.job import train_artefact

N_FEATURES = 5
START_NS = 1_400_000_000 * 1_000_000_000
MakeData = Callable[..., TrainingData]


def _market(bars: int, drift: float, seed: int = 1, symbols: int = 2) -> TrainingData:
    rng = np.random.default_rng(seed)
    ts, x, mid, codes = [], [], [], []
    for code in range(symbols):
        features = rng.normal(size=(bars, N_FEATURES))
        # The first feature says where the next minute goes; the others say nothing.
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


@pytest.fixture(scope="session")
def market() -> MakeData:
    """Return a builder of markets whose next minute follows the first feature by ``drift``."""
    return _market


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Artefact]:
    """Train one small artefact into a models folder that no test may change."""
    models_dir = tmp_path_factory.mktemp("models")
    data, rule = _market(800, 1.0), DelayedLabels(MINUTE_NS)
    labels = sign_labels(data.ts_ns, data.symbol_codes, data.mid, rule)
    definition = sign_definition(rule, after_costs=False)
    learner = XgboostLearner(XgboostParams(trees=20))
    artefact = train_artefact(data, labels, definition, learner, models_dir, {}, say=lambda _: None)
    return models_dir, artefact
