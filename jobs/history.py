"""The past of a run, for training where the archive holds none yet.

The days before are played through the same quality rules, bars and features as live, and what comes
out is stored under a name that the feed decides.
"""

import time
from collections.abc import Callable

from clickhouse_connect.driver.client import Client

from clickhouse import results
from config.plan import Plan
from config.settings import Settings
from dataflows.context import Context
from dataflows.fused import build_history
from domain.bars import Bar, records_of
from domain.log import LogAddress
from domain.predictions import FeatureVector
from domain.topics import Topic
from features.minute_rows import vectors_of
from operators import engine
from operators.decide import Closed, Considered
from operators.meter import Meter
from sinks.clickhouse_batch import ArchiveBatch, deduplication_token
from sinks.clickhouse_columns import arrow_table
from sinks.clickhouse_insert import RetryPolicy, insert
from sources.quiesce import Quiesce

Say = Callable[[str], object]

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
        deployments=(),
        settings=plan.settings,
    )
