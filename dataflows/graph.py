"""Pieces of graph that several dataflows share: the decision steps, and writing to the log."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import bytewax.operators as op
import msgspec
from bytewax.operators import KeyedStream

from config.plan import READS
from dataflows.context import Context, bar_config, decision_config, feature_config
from domain.log import OutRecord
from domain.ticks import TickBatch
from domain.topics import Topic, encode
from operators.decide import BarStep, Closed, Considered, Decided, DecisionStep, FeatureStep
from operators.keyed import keyed
from sinks.kafka import KafkaSink, KafkaSinkConfig, SharedProducer
from sources.kafka import KafkaSource, KafkaSourceConfig

BARS_STEP = "bars"
FEATURES_STEP = "features"
DECIDE_STEP = "decide"
"""Step ids name stored state: renaming one drops it."""


class Decisions(NamedTuple):
    """What comes out of the decision steps, by symbol."""

    closed: KeyedStream[Closed]
    considered: KeyedStream[Considered]
    decided: KeyedStream[Decided]


def decide(context: Context, ticks: KeyedStream[TickBatch]) -> Decisions:
    """Wire ticks by symbol through bars, features, models and rule."""
    bars = bar_config(context.settings)
    features = feature_config()
    decisions = decision_config(context)
    closed: KeyedStream[Closed] = keyed(
        BARS_STEP, ticks, lambda key, state: BarStep(bars, key, state), lambda b: b.symbol
    )
    considered: KeyedStream[Considered] = keyed(
        FEATURES_STEP,
        closed,
        lambda key, state: FeatureStep(features, key, state),
        lambda c: c.symbol,
    )
    decided: KeyedStream[Decided] = keyed(
        DECIDE_STEP,
        considered,
        lambda key, state: DecisionStep(decisions, key, state),
        lambda c: c.symbol,
    )
    return Decisions(closed, considered, decided)


def out(
    key: str, records: Iterable[msgspec.Struct], origin_ns: int, stream: str = ""
) -> list[OutRecord]:
    """Encode records of one key for the log; their stream is the key unless named."""
    return [OutRecord(key, stream or key, encode(record), origin_ns) for record in records]


def symbols_by_partition(context: Context) -> dict[int, tuple[str, ...]]:
    """Return which symbols of the run live in each partition."""
    address = context.plan.address
    return {
        p: tuple(s for s in context.symbols if address.partition(s) == p)
        for p in range(address.partitions)
    }


def log_source(
    context: Context,
    dataflow: str,
    observe: Callable[[str, int], None],
    *,
    side_topics: tuple[Topic, ...] = (),
    idle_factor: float = 1.0,
) -> KafkaSource:
    """Return the source of a dataflow that reads the log.

    Parameters
    ----------
    dataflow
        Key of ``config.plan.READS``.
    observe
        Told how long records waited.
    side_topics
        Topics beside those of the plan that have no end of their own.
    idle_factor
        How many times the configured idle time it may sleep (> 0).
    """
    config = KafkaSourceConfig(
        address=context.plan.address,
        topics=READS[dataflow],
        reader=dataflow,
        group=context.plan.group(dataflow),
        side_topics=side_topics,
        idle_ms=context.settings.engine.idle_ms * idle_factor,
        flow_control=True,
    )
    return KafkaSource(config, context.quiesce, observe, context.wall_ns)


class Writer:
    """Writes streams of records to topics, through one producer, counting them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._producer = SharedProducer(context.plan.address.bootstrap)

    def to(
        self,
        topic: Topic,
        records: KeyedStream[list[OutRecord]],
        counter: str = "",
    ) -> None:
        """Write what a keyed stream gives to a topic; the key routes.

        Parameters
        ----------
        topic, records
            Where to, and what.
        counter
            Name of the total to count them in; empty for none.
        """
        context = self._context
        if counter:
            records = op.map_value(f"count_{topic.name.lower()}", records, self._counting(counter))
        sink = KafkaSink(
            KafkaSinkConfig(context.plan.address, topic),
            self._producer,
            context.wall_ns,
            context.meter.observe,
            context.meter.add,
        )
        op.output(f"{topic.name.lower()}_out", records, sink)

    def _counting(self, name: str) -> Callable[[list[OutRecord]], list[OutRecord]]:
        def count(records: list[OutRecord]) -> list[OutRecord]:
            self._context.meter.add(name, len(records))
            return records

        return count
