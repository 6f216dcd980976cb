"""A made-up market in the platform's own features, whose next minute follows eight of them.

No single one tells the direction well, so an honest detector of leaks lets them pass; together they
do, so an honest model earns more than it pays.
"""

import numpy as np
from clickhouse_connect.driver.client import Client

from domain.nanos import MINUTE_NS
from domain.predictions import FeatureVector
from features.spec import FEATURE_NAMES, SCHEMA
from jobs.training_data import LabelConfig, TrainingSet, assembled
from jobs.walk_forward import WalkConfig
from models.batch.forest_trainer import ForestLearner, ForestParams
from models.batch.xgboost_trainer import XgboostLearner, XgboostParams
from models.labels.delayed import DelayedLabels
from models.registry.limits import Limits
from models.sequence.lstm_trainer import LstmLearner, LstmParams
from models.training.learner import Learner
from sinks.clickhouse_batch import ArchiveBatch
from sinks.clickhouse_columns import arrow_table

START_NS = 1_768_348_800 * 1_000_000_000  # Wednesday 2026-01-14 00:00 UTC
RULE = DelayedLabels(MINUTE_NS)
LABEL = LabelConfig("sign", RULE)
WALK = WalkConfig(MINUTE_NS)
TELLING = 8
SPREAD_PIPS = 0.1
PIP = 1e-4

LEARNERS: dict[str, Learner] = {
    "xgboost": XgboostLearner(XgboostParams(trees=120, learning_rate=0.1)),
    "forest": ForestLearner(ForestParams(trees=40, column_share=0.3)),
    "lstm": LstmLearner(
        LstmParams(window=3, hidden=8, epochs=6, rows_per_epoch=4096, learning_rate=0.02)
    ),
}

# The budget of a row is not what is tested here, and other tests share the machine.
LIMITS = Limits(latency_rounds=100, latency_p99_ms=1_000.0, min_signals=500, calibration_error=0.08)


def market(bars: int = 1_500, strength: float = 0.5, seed: int = 1) -> TrainingSet:
    """Return minutes of two symbols.

    Parameters
    ----------
    bars
        Of each symbol.
    strength
        How much each telling feature moves the next minute, in deviations of the rest; 0: noise.
    """
    rng = np.random.default_rng(seed)
    symbols, ts, x, mid = [], [], [], []
    for name in ("EURUSD", "GBPUSD"):
        values = rng.normal(size=(bars, len(FEATURE_NAMES)))
        values[:, FEATURE_NAMES.index("volatility_60")] = 1.0 + 0.1 * rng.random(bars)
        told = strength * values[:, :TELLING].sum(axis=1)
        steps = PIP * (rng.normal(size=bars) + told)
        symbols += [name] * bars
        ts.append(START_NS + MINUTE_NS * np.arange(1, bars + 1))
        x.append(values)
        mid.append(1.3 + np.concatenate([[0.0], np.cumsum(steps)[:-1]]))
    n = len(symbols)
    return assembled(
        np.array(symbols, object),
        np.concatenate(ts).astype(np.int64),
        np.concatenate(x),
        np.concatenate(mid),
        np.full(n, SPREAD_PIPS),
    )


def silent(line: str) -> None:
    """Take a line of progress."""
    del line


def archive(client: Client, run: str, rows: TrainingSet) -> None:
    """Put rows into the store as the sink would, as features of a run."""
    data = rows.data
    vectors: list[object] = [
        FeatureVector(data.symbols[code], ts_ns, ts_ns, SCHEMA, tuple(values), True, mid, spread, 0)
        for code, ts_ns, values, mid, spread in zip(
            data.symbol_codes.tolist(),
            data.ts_ns.tolist(),
            data.x.tolist(),
            data.mid.tolist(),
            rows.spread_pips.tolist(),
            strict=True,
        )
    ]
    put(client, "features", run, vectors)


def put(client: Client, table: str, run: str, records: list[object]) -> None:
    """Insert records of a run as the sink would."""
    batch = ArchiveBatch(table, 0, 0, len(records) - 1, records)  # type: ignore[arg-type] # any topic
    client.insert_arrow(table, arrow_table(table, run, [batch]))
