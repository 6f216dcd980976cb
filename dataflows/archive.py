"""``archive``: every topic -> ClickHouse; what cannot be read -> ``dead-letter``."""

from collections.abc import Iterable

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from clickhouse.tables import TABLE_OF
from dataflows.context import Context
from dataflows.graph import Writer, log_source, out
from domain.log import OutRecord, Polled
from domain.ticks import Kind
from domain.topics import DeadLetter, Topic
from operators.decode import structs_of, ticks_of
from sinks.clickhouse import ClickHouseSink
from sinks.clickhouse_batch import ArchiveBatch

Read = tuple[str, ArchiveBatch] | DeadLetter
TICK_TOPICS = frozenset({Topic.TICKS, Topic.TICKS_REJECTED})


def build(context: Context, dsn: str) -> Dataflow:
    """Wire the archive.

    Parameters
    ----------
    context
        Run, settings and hooks.
    dsn
        Of ClickHouse; the schema is there already.
    """
    flow = Dataflow("archive")
    plan = context.plan

    def read(polled: Polled) -> Iterable[Read]:
        batch, dead = _decode(polled)
        context.meter.add(f"rows.{TABLE_OF[polled.topic]}", len(batch.rows))
        yield TABLE_OF[polled.topic], batch
        yield from dead

    source = log_source(
        context,
        "archive",
        # Nine topics wait for one store: one figure says how long.
        lambda _hop, waited_ns: context.meter.observe("log_to_archive", waited_ns),
        side_topics=(Topic.METRICS, Topic.DEAD_LETTER),
        # Nobody waits for the archive: it may look a third as often as who trades.
        idle_factor=3.0,
    )
    read_out = op.flat_map("read", op.input("log", flow, source), read)
    sink = ClickHouseSink(dsn, context.settings.clickhouse.database, plan.run)
    op.output("clickhouse", op.filter_map("batches", read_out, _batch), sink)
    dead = op.filter_map("dead_log", read_out, _dead)
    Writer(context).to(Topic.DEAD_LETTER, dead, "dead_letters")
    return flow


def _decode(polled: Polled) -> tuple[ArchiveBatch, list[DeadLetter]]:
    place = (polled.topic, polled.partition, polled.first_offset, polled.last_offset)
    if polled.topic in TICK_TOPICS:
        records, dead = ticks_of(polled)
        return ArchiveBatch(*place, records[records["kind"] == Kind.TICK]), dead
    structs, dead = structs_of(polled)
    return ArchiveBatch(*place, structs), dead


def _batch(item: Read) -> tuple[str, ArchiveBatch] | None:
    return item if isinstance(item, tuple) else None


def _dead(item: Read) -> tuple[str, list[OutRecord]] | None:
    if not isinstance(item, DeadLetter):
        return None
    return f"{item.partition:04d}", out("", [item], 0, f"{item.topic}/{item.partition}")
