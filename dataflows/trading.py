"""``trading``: ``ticks`` -> bars, features, predictions, signals."""

from collections.abc import Iterable

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from dataflows.context import Context
from dataflows.graph import Writer, decide, log_source, out, symbols_by_partition
from domain.log import OutRecord, Polled
from domain.ticks import TickBatch
from domain.topics import Topic
from operators.decide import Closed, Considered, Decided
from operators.decode import by_symbol, ticks_of


def build(context: Context) -> Dataflow:
    """Wire the trading dataflow."""
    flow = Dataflow("trading")
    homes = symbols_by_partition(context)

    def split(polled: Polled) -> Iterable[TickBatch]:
        records, dead = ticks_of(polled)
        # The archive reads every topic and writes the dead letters, once; here they only count.
        context.meter.add("undecodable", len(dead))
        return by_symbol(records, homes[polled.partition], polled.stamp.wall_ns)

    source = log_source(context, "trading", context.meter.observe)
    batches = op.flat_map("split", op.input("ticks", flow, source), split)
    ticks = op.key_on("by_symbol", batches, lambda batch: batch.symbol)
    decisions = decide(context, ticks)

    writer = Writer(context)
    writer.to(Topic.BARS, op.map_value("bars_log", decisions.closed, _bars), "bars")
    writer.to(Topic.FEATURES, op.flat_map_value("features_log", decisions.considered, _features))
    writer.to(Topic.PREDICTIONS, op.map_value("predictions_log", decisions.decided, _predictions))
    writer.to(Topic.SIGNALS, op.map_value("signals_log", decisions.decided, _signals), "signals")
    return flow


def _bars(closed: Closed) -> list[OutRecord]:
    return out(closed.symbol, closed.bars, closed.wall_ns)


def _features(item: Considered) -> Iterable[list[OutRecord]]:
    if item.vector is not None:
        yield out(item.symbol, [item.vector], item.wall_ns)


def _predictions(decided: Decided) -> list[OutRecord]:
    return out(decided.symbol, decided.predictions, decided.wall_ns)


def _signals(decided: Decided) -> list[OutRecord]:
    return out(decided.symbol, [decided.signal], decided.wall_ns)
