"""``trading``: ``ticks`` -> bars, features, predictions, signals, what becomes of the models.

It reads its own slice of the ticks, and the ``bars`` of all: a decision sees the other pairs up to
the minute before.
"""

from collections.abc import Iterable

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from dataflows.context import Context, bar_config, decision_config
from dataflows.graph import Writer, consider, decide, log_source, out, symbols_by_partition
from domain.bars import FOR_EVER, Passed, records_of
from domain.log import OutRecord, Polled
from domain.ticks import TickArray, TickBatch, Verdict, new_records
from domain.topics import Topic
from features.minute_rows import vectors_of
from features.panel import PanelInput
from operators import warm
from operators.decide import PANEL_KEY, Closed, Considered, Decided, predictions
from operators.decode import by_symbol, panel_news, ticks_of
from operators.ending import EndStep, Leaving
from operators.keyed import keyed

END_STEP = "end_bars"


def build(context: Context) -> Dataflow:
    """Wire the trading dataflow."""
    flow = Dataflow("trading")
    homes = symbols_by_partition(context)
    bars = bar_config(context.settings)
    timeframes, frame = bars.ordered, bars.decision_frame
    decisions = decision_config(context)
    warm.decisions()

    def split(polled: Polled) -> Iterable[TickBatch | PanelInput]:
        if polled.topic is Topic.BARS:
            return panel_news(polled.values, timeframes[frame])
        records, dead = ticks_of(polled, context.symbols)
        # The archive reads every topic and writes the dead letters, once; here they only count.
        context.meter.add("undecodable", len(dead))
        symbols = homes[polled.partition]
        batches = list(by_symbol(records, symbols, polled.stamp.wall_ns))
        if polled.ended:
            batches += [TickBatch(symbol, new_records(0), last=True) for symbol in symbols]
        return batches

    source = log_source(context, "trading", context.meter.observe)
    pieces = op.flat_map("split", op.input("log", flow, source), split)
    batches = op.filter_map("only_ticks", pieces, _ticks)
    ticks = op.key_on("by_symbol", batches, lambda batch: batch.symbol)
    inputs = op.filter_map("only_bars", pieces, _news)
    news = op.key_on("panel_key", inputs, lambda _: PANEL_KEY)
    here = tuple(s for p in context.partitions for s in homes[p])
    closed, considered = consider(bars, context.symbols, here, ticks, news)
    decided = decide(decisions, considered)

    writer = Writer(context)

    def leaving(item: tuple[str, Closed]) -> tuple[str, Leaving] | None:
        symbol, one = item
        records = _bars(one, timeframes, frame)
        if not records and not one.last:
            return None
        return f"{context.plan.address.partition(symbol):04d}", Leaving(symbol, records, one.last)

    # One way for all bars of a partition, so that its end comes behind them.
    bars_out = keyed(
        END_STEP,
        op.filter_map("bars_log", closed, leaving),
        lambda key, state: EndStep(frozenset(homes[int(key)]), state),
        lambda item: f"{context.plan.address.partition(item.symbol):04d}",
    )
    writer.to(Topic.BARS, bars_out, "bars")
    writer.to(Topic.TICKS_LATE, op.flat_map_value("late_log", closed, _late), "ticks_late")
    writer.to(Topic.FEATURES, op.flat_map_value("features_log", considered, _features))
    writer.to(
        Topic.PREDICTIONS,
        op.map_value(
            "predictions_log",
            decided,
            lambda one: out(one.symbol, predictions(one, decisions), one.wall_ns),
        ),
    )
    writer.to(Topic.SIGNALS, op.map_value("signals_log", decided, _signals), "signals")
    writer.to(Topic.MODELS, op.flat_map_value("models_log", decided, _events), "model_events")
    return flow


def _ticks(piece: TickBatch | PanelInput) -> TickBatch | None:
    return piece if isinstance(piece, TickBatch) else None


def _news(piece: TickBatch | PanelInput) -> PanelInput | None:
    return piece if isinstance(piece, PanelInput) else None


def _bars(closed: Closed, timeframes: tuple[str, ...], frame: int) -> list[OutRecord]:
    """Return the closed bars, and behind them which boundaries had none."""
    records = out(closed.symbol, records_of(closed.symbol, timeframes, closed.bars), closed.wall_ns)
    passed: list[Passed] = []
    if closed.edges.size:
        minutes = closed.bars["ts_event_ns"][closed.bars["frame"] == frame].tolist()
        quiet = set(closed.edges["ts_event_ns"].tolist()).difference(minutes)
        passed = [Passed(closed.symbol, ts_ns) for ts_ns in sorted(quiet)]
    if closed.last:
        passed.append(Passed(closed.symbol, FOR_EVER))
    # A stream of their own: where they stand between the bars depends on batches.
    return records + out(closed.symbol, passed, 0, f"{closed.symbol}/passed")


def _late(closed: Closed) -> Iterable[list[OutRecord]]:
    if closed.late.size:
        late: TickArray = closed.late.copy()
        late["verdict"] |= int(Verdict.LATE)
        yield [OutRecord(closed.symbol, closed.symbol, record.tobytes()) for record in late]


def _features(item: Considered) -> Iterable[list[OutRecord]]:
    vectors = vectors_of(item.symbol, item.joined.rows)
    if vectors:
        yield out(item.symbol, vectors, item.joined.wall_ns)


def _events(decided: Decided) -> Iterable[list[OutRecord]]:
    if decided.events:
        # A stream of their own: several may stand at one boundary, beside its signal.
        stream = f"{decided.symbol}/models"
        yield out(decided.symbol, decided.events, decided.wall_ns, stream)


def _signals(decided: Decided) -> list[OutRecord]:
    return out(decided.symbol, decided.signals, decided.wall_ns)
