"""Pieces of graph that several dataflows share: the decision steps, and writing to the log."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import bytewax.operators as op
import msgspec
from bytewax.operators import KeyedStream

from config.plan import READS, READS_WHOLE
from dataflows.context import Context, feature_config
from domain.log import OutRecord
from domain.ticks import TickBatch
from domain.topics import Topic, encode
from features.bars import BarConfig
from features.minute_rows import JoinConfig, slice_of
from features.panel import PanelConfig, PanelInput, PanelRows
from operators.decide import (
    PANEL_KEY,
    BarStep,
    Closed,
    Considered,
    Decided,
    DecisionConfig,
    DecisionStep,
    FeatureStep,
    ForSymbol,
    JoinStep,
    PanelStep,
    panel_input,
)
from operators.keyed import keyed
from sinks.kafka import KafkaSink, KafkaSinkConfig, SharedProducer
from sources.kafka import KafkaSource, KafkaSourceConfig

BARS_STEP = "bars"
FEATURES_STEP = "features"
PANEL_STEP = "panel"
JOIN_STEP = "join"
DECIDE_STEP = "decide"
"""Step ids name stored state: renaming one drops it."""


class Considerations(NamedTuple):
    """What comes out of bars and features, by symbol."""

    closed: KeyedStream[Closed]
    considered: KeyedStream[Considered]


def consider(
    bars: BarConfig,
    symbols: tuple[str, ...],
    here: tuple[str, ...],
    ticks: KeyedStream[TickBatch],
    news: KeyedStream[PanelInput] | None,
) -> Considerations:
    """Wire ticks by symbol through bars, local features, panel and join.

    Parameters
    ----------
    bars
        Settings of the bar step.
    symbols
        All symbols of the run: the panel waits for each.
    here
        Those whose ticks this process has.
    ticks
        Records by symbol.
    news
        Closed bars of all symbols from the log; None to take them from this flow, which then has
        all symbols.
    """
    frame = bars.decision_frame
    features = feature_config()
    panel = PanelConfig(symbols)
    join = JoinConfig()
    places = [(symbol, symbols.index(symbol)) for symbol in here]

    def spread(item: tuple[str, PanelRows]) -> Iterable[tuple[str, ForSymbol]]:
        for symbol, place in places:
            yield symbol, ForSymbol(symbol, slice_of(item[1], place))

    closed: KeyedStream[Closed] = keyed(
        BARS_STEP, ticks, lambda key, state: BarStep(bars, key, state), lambda b: b.symbol
    )
    local: KeyedStream[ForSymbol] = keyed(
        FEATURES_STEP,
        closed,
        lambda key, state: FeatureStep(features, frame, key, state),
        lambda c: c.symbol,
    )
    if news is None:
        own = op.filter_map("panel_news", closed, lambda item: panel_input(item[1], frame))
        news = op.key_on("panel_key", own, lambda _: PANEL_KEY)
    minutes: KeyedStream[PanelRows] = keyed(
        PANEL_STEP, news, lambda _key, state: PanelStep(panel, state), lambda _: PANEL_KEY
    )
    others = op.flat_map("spread", minutes, spread)
    considered: KeyedStream[Considered] = keyed(
        JOIN_STEP,
        op.merge("join_in", local, others),
        lambda key, state: JoinStep(join, key, state),
        lambda item: item.symbol,
    )
    return Considerations(closed, considered)


def decide(decisions: DecisionConfig, considered: KeyedStream[Considered]) -> KeyedStream[Decided]:
    """Wire features by symbol through models and rule."""
    return keyed(
        DECIDE_STEP,
        considered,
        lambda key, state: DecisionStep(decisions, key, state),
        lambda item: item.symbol,
    )


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
        whole_topics=READS_WHOLE.get(dataflow, ()),
        whole_partitions=tuple(p for p, s in symbols_by_partition(context).items() if s),
        index=context.share.index,
        count=context.share.count,
        idle_ms=context.settings.engine.idle_ms * idle_factor,
        flow_control=True,
    )
    return KafkaSource(config, context.quiesce, observe, context.wall_ns)


class Writer:
    """Writes streams of records to topics, through one producer, counting them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._producer = SharedProducer(context.plan.address.bootstrap)
        self._sinks: dict[Topic, KafkaSink] = {}

    def waiting(self) -> int:
        """Return how many messages the broker has not confirmed yet."""
        return self._producer.waiting()

    def replays(self, topic: Topic, partitions: Iterable[int], but: str) -> bool:
        """Say whether the flow may still be behind what a topic holds; see `KafkaSink.replays`."""
        return self._sinks[topic].replays(partitions, but)

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
        sink = self._sinks[topic] = KafkaSink(
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
