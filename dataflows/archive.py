"""``archive``: every topic -> ClickHouse; what cannot be read -> ``dead-letter``."""

from collections.abc import Iterable, Sequence

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow

from clickhouse.tables import TABLE_OF, TICK_TOPICS
from dataflows.context import Context
from dataflows.graph import Writer, log_source, out
from domain.bars import Passed
from domain.log import OutRecord, Polled
from domain.ticks import Kind, TickArray, new_records
from domain.topics import DeadLetter, Topic
from operators.decode import rejected_ticks, structs_of, ticks_of
from sinks.clickhouse import ClickHouseSink
from sinks.clickhouse_batch import ArchiveBatch

Read = tuple[str, ArchiveBatch] | DeadLetter
REJECTED = TABLE_OF[Topic.TICKS_REJECTED]


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
        for item in rows_of(polled, context.symbols):
            if isinstance(item, tuple):
                table, batch = item
                context.meter.add(f"rows.{table}", len(batch.rows))
            yield item

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


def rows_of(polled: Polled, symbols: Sequence[str]) -> list[Read]:
    """Return the rows of a poll by table, and a dead letter for each value that cannot be read.

    A tick that cannot be read is a row of the rejected ticks too, with the reason. All batches of a
    poll have its offsets: what is replayed from there has the same deduplication token.

    Parameters
    ----------
    polled
        Values of any topic.
    symbols
        The symbols of the run.
    """
    place = (polled.topic, polled.partition, polled.first_offset, polled.last_offset)
    table = TABLE_OF[polled.topic]
    if polled.topic not in TICK_TOPICS:
        structs, letters = structs_of(polled)
        # That a minute has passed without a bar is told to who reads the log, and is no row.
        kept = [one for one in structs if not isinstance(one, Passed)]
        return [(table, ArchiveBatch(*place, kept)), *letters]
    records, letters = ticks_of(polled, symbols)
    rows: dict[str, TickArray] = {table: records[records["kind"] == Kind.TICK]}
    if letters:
        good = rows.get(REJECTED, new_records(0))
        rows[REJECTED] = np.concatenate([good, rejected_ticks(letters, symbols)])
    return [*((name, ArchiveBatch(*place, ticks)) for name, ticks in rows.items()), *letters]


def _batch(item: Read) -> tuple[str, ArchiveBatch] | None:
    return item if isinstance(item, tuple) else None


def _dead(item: Read) -> tuple[str, list[OutRecord]] | None:
    if not isinstance(item, DeadLetter):
        return None
    return f"{item.partition:04d}", out("", [item], 0, f"{item.topic}/{item.partition}")
