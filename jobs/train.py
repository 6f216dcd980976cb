"""Training: the archive's features -> walk-forward figures -> an artefact -> a promotion.

Where the archive holds no past yet, ``load_history`` first plays the days before through the same
quality rules, bars and features as live, and stores what comes out.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from clickhouse_connect.driver.client import Client

from clickhouse import datasets, results
from config.plan import Plan
from config.settings import Settings
from dataflows.context import Context, label_rule
from dataflows.fused import build_history
from domain.bars import Bar, records_of
from domain.errors import BadUse
from domain.log import LogAddress
from domain.predictions import FeatureVector
from domain.topics import Topic
from features.minute_rows import vectors_of
from features.spec import FEATURE_NAMES, SCHEMA
from models.registry.artefact import Artefact
from models.registry.promotion import promote
from operators import engine
from operators.decide import Closed, Considered
from operators.meter import Meter
from sinks.clickhouse_batch import ArchiveBatch, deduplication_token
from sinks.clickhouse_columns import arrow_table
from sinks.clickhouse_insert import RetryPolicy, insert
from sources.quiesce import Quiesce

Say = Callable[[str], None]

_EPOCH_MS = 60_000
"""A history run keeps no state: snapshots would only cost."""


def load_history(client: Client, plan: Plan, settings: Settings, say: Say) -> None:
    """Play a plan's feed through quality, bars and features into the archive, once.

    Parameters
    ----------
    client
        Of the store; the schema is there.
    plan
        Its ``run`` names the rows; a run that the archive holds already is left as it is.
    """
    if results.counts(client, plan.run)["features"]:
        return
    bars: list[Bar] = []
    timeframes = ("1m",)
    vectors: list[FeatureVector] = []

    def take_bars(item: Closed) -> None:
        bars.extend(records_of(item.symbol, timeframes, item.bars))

    def take(item: Considered) -> None:
        vectors.extend(vectors_of(item.symbol, item.joined.rows))

    clock = time.time_ns  # noqa: TID251 - the edge: nothing in a history run reads it
    context = Context(plan, settings, Quiesce(), Meter("history", clock), clock)
    started = time.monotonic()
    engine.run(build_history(context, timeframes, take_bars, take), _EPOCH_MS, None)
    for topic, records in ((Topic.BARS, bars), (Topic.FEATURES, vectors)):
        if records:
            batch = ArchiveBatch(topic, 0, 0, len(records) - 1, records)
            rows = arrow_table(topic.value, plan.run, [batch])
            token = deduplication_token(plan.run, [batch])
            insert(client, topic.value, rows, token, RetryPolicy(), time.sleep)
    say(
        f"history: {len(vectors):,} one-minute bars of {len(plan.feed.symbols)} symbols "
        f"in {time.monotonic() - started:.1f} s"
    )


def history_plan(plan: Plan) -> Plan:
    """Return a plan as a history run: rows named by the feed, no log."""
    name = "history-" + plan.feed_fingerprint.partition(":")[2][:16]
    return Plan(
        run=name,
        data_dir=plan.data_dir,
        run_dir=plan.run_dir,
        address=LogAddress("", "", 1),
        feed=plan.feed,
        feed_fingerprint=plan.feed_fingerprint,
        speed=None,
        batch_model=None,
        settings=plan.settings,
    )


def train(
    client: Client,
    runs: list[str],
    symbols: tuple[str, ...],
    before_ns: int,
    settings: Settings,
    folder: Path,
    say: Say,
) -> Artefact:
    """Train on what the archive holds of some runs, and promote the result.

    Parameters
    ----------
    runs
        Runs whose features are read.
    symbols
        Canonical symbols.
    before_ns
        Only features from before this event time.
    folder
        Where artefact and promotion go: the models of this kind of feed.

    Raises
    ------
    BadUse
        If there is too little to train on, or the training extra is not installed.
    """
    try:
        from models.training.dataset import TrainingData
        from models.training.xgboost_trainer import XgboostParams
        from models.training.xgboost_trainer import train as fit
    except ImportError as error:
        msg = f"training needs the extra packages ({error.name}): pip install 'aifx[train]'"
        raise BadUse(msg) from error
    found = datasets.training_data(client, runs, symbols, before_ns, SCHEMA)
    if not found.ts_ns.size:
        msg = f"the archive holds no ready features of {', '.join(symbols)} in {', '.join(runs)}"
        raise BadUse(msg)
    names = sorted(set(found.symbol.tolist()))
    code = {name: at for at, name in enumerate(names)}
    data = TrainingData(
        ts_ns=found.ts_ns,
        x=found.x,
        mid=found.mid,
        feature_schema=SCHEMA,
        feature_names=FEATURE_NAMES,
        symbol_codes=np.array([code[name] for name in found.symbol.tolist()], dtype=np.int64),
        symbols=tuple(names),
    )
    folder.mkdir(parents=True, exist_ok=True)
    rule = label_rule(settings)
    params = XgboostParams(tolerance_ns=rule.tolerance_ns)
    artefact = fit(data, params, rule.horizon_ns, folder, say)
    now_ns = time.time_ns()  # noqa: TID251 - the edge: when a person's command promoted it
    promote(folder, artefact.artefact_id, now_ns, "trained by aifx train", say)
    say(f"model {artefact.artefact_id[:12]} trained on {found.ts_ns.size:,} rows and promoted")
    return artefact
